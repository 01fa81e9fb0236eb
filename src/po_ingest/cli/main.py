"""The group of all commands, and the one place where exceptions become exit codes (contract, section 2)."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

import click

from po_ingest import __version__
from po_ingest.cli import output, unhandled
from po_ingest.cli.lazy import LazyGroup
from po_ingest.cli.output import PROGRAM
from po_ingest.cli.session import Session
from po_ingest.cli.signals import interruptible
from po_ingest.errors import ExitCode, Interrupted, PoIngestError, interruption
from po_ingest.hiding import mask
from po_ingest.model import APPLIED, RunReport

COMPLETION: Final = "_PO_INGEST_COMPLETE"
"""The variable by which a shell asks for completion; click ends the process when it has answered."""
COMMANDS: Final = {
    "nightly": ("po_ingest.cli.nightly", "Run the whole pipeline, once."),
    "init": ("po_ingest.cli.setup", "Write a po-ingest.toml to start from."),
    "demo": ("po_ingest.cli.setup", "Build a sample ERP and run some nights on it."),
    "check": ("po_ingest.cli.setup", "Test config, drivers, connections and rights."),
    "status": ("po_ingest.cli.status", "Say for monitors whether the data is healthy."),
    "runs": ("po_ingest.cli.runs", "List the runs, newest first."),
    "report": ("po_ingest.cli.runs", "Show the report of one run."),
    "history": ("po_ingest.cli.lines", "Tell the story of a PO line."),
    "changes": ("po_ingest.cli.lines", "List what changed in a run, or since a date."),
    "snapshot": ("po_ingest.cli.lines", "Write the active lines as they were at a run."),
    "xref": ("po_ingest.cli.xref", "Keep the item cross-reference."),
    "audit": ("po_ingest.cli.audit", "List the audit trail, or prove it unaltered."),
    "store": ("po_ingest.cli.store", "Look after the store's schema."),
    "agent-job": ("po_ingest.cli.agent", "Print T-SQL for a SQL Server Agent job."),
}
"""Command -> its module, and what it does."""

COLLECT_AFTER: Final = 100_000
"""How many new objects start the garbage collector: imports make about as many, and no garbage."""

GLOBAL_OPTIONS: Final = ("--config", "--verbose", "--quiet", "--version")


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.option(
    "--config",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The configuration.  [default: $PO_INGEST_CONFIG, else ./po-ingest.toml]",
)
@click.option("--verbose", is_flag=True, help="Tell more on stderr.")
@click.option("--quiet", is_flag=True, help="Tell errors only on stderr, and show no progress.")
@click.version_option(__version__, prog_name=PROGRAM, message="%(prog)s %(version)s")
@click.pass_context
def group(ctx: click.Context, config: Path | None, verbose: bool, quiet: bool) -> None:  # noqa: FBT001 - click's flags
    """Keep a trustworthy history of an ERP's purchase-order lines.

    Every night, po-ingest reads all active lines, compares them with the last
    completed run, and keeps what changed, when, and why.

    \b
    Example:
      po-ingest demo                       see it work on a sample ERP
      po-ingest init --erp odbc            write a configuration
      po-ingest check                      test it
      po-ingest nightly                    run it, every night
    """  # noqa: D301 - \b is click's mark for lines to be left as they are
    if verbose and quiet:
        raise click.UsageError("--verbose and --quiet exclude each other", ctx)
    session = ctx.ensure_object(Session)
    session.config, session.verbose, session.quiet = config, verbose, quiet


def run() -> NoReturn:
    """Run the command line of this process."""
    unhandled.hide()
    gc.set_threshold(COLLECT_AFTER)
    code = main(sys.argv[1:])
    gc.freeze()  # an interpreter that ends looks through all objects for cycles; the memory goes back anyway
    sys.exit(code)


def main(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code; whatever goes wrong is told on stderr."""
    output.use_utf8()
    session = Session()
    try:
        with interruptible(lambda: _code_of_ended(session)):
            code = _call(arguments, session)
            session.code = code or None  # what went well has still to send its output out
            session.code = _flushed(code)
    except (Interrupted, KeyboardInterrupt) as error:  # while it was told how the command ended, or its output went out
        if session.code is None:
            _close_stdout()
            return _tell_ended(error, session)
    return int(session.code or 0)


def _flushed(code: int) -> int:
    """Send out what is left of the output; return the code, or that of a fault in it."""
    try:
        output.flush()
    except output.ReaderGoneError:
        _close_stdout()
    except PoIngestError as error:
        _close_stdout()
        return code or tell(str(error), code=error.exit_code)
    return code


def _call(arguments: Sequence[str], session: Session) -> int:
    """Map every way in which a command can end to its exit code."""
    try:
        _dispatch(arguments, session)
    except PoIngestError as error:
        _log_refusal(error, session)
        return tell(str(error), error.details, code=error.exit_code)
    except click.UsageError as error:
        return tell(_usage(error), code=ExitCode.USAGE)
    except (Interrupted, KeyboardInterrupt, click.Abort) as error:
        return _tell_ended(error, session)
    except output.ReaderGoneError:
        return ExitCode.DONE
    except BaseException as error:  # the last resort: the exit of a plug-in must be no success
        if isinstance(error, SystemExit) and COMPLETION in os.environ:
            raise
        return _tell_unexpected(error, session)
    return ExitCode.DONE


def _dispatch(arguments: Sequence[str], session: Session) -> None:
    try:
        group.main(list(arguments), prog_name=PROGRAM, standalone_mode=False, obj=session)
    except click.UsageError as error:
        if error.ctx is None or error.ctx.command is not group or "status" not in arguments:
            raise
        from po_ingest.cli.status import unknown  # noqa: PLC0415 - the other commands shall not wait for it

        raise unknown(_usage(error)) from error  # exit code 2 would be critical to the monitor that calls


def tell(message: str, details: Sequence[str] = (), *, code: int) -> int:
    """Write the one line of an error, and its details after it, without secrets; return the exit code."""
    text = "".join(f"{line}\n" for line in (f"{PROGRAM}: error: {output.clean(message)}", *_indented(details)))
    with contextlib.suppress(OSError):  # nobody reads stderr: the exit code tells it
        sys.stderr.write(mask(text))
        sys.stderr.flush()
    return int(code)


def _indented(details: Sequence[str]) -> list[str]:
    return [f"  {output.clean(line)}" for detail in details for line in detail.splitlines()]


def _usage(error: click.UsageError) -> str:
    """Return click's message on one line, with what to do."""
    path = error.ctx.command_path if error.ctx else PROGRAM
    message = " ".join(error.format_message().split()).rstrip(".")
    if isinstance(error, click.exceptions.NoArgsIsHelpError):  # its message is the whole help
        group = error.ctx.command
        names = group.list_commands(error.ctx) if isinstance(group, click.Group) else ()
        message = f"Missing command; one of: {', '.join(names)}"
    if isinstance(error, click.NoSuchOption) and error.option_name in GLOBAL_OPTIONS:
        return f"{message} after the command; write it before: {PROGRAM} {error.option_name} ..."
    return f"{message}; see `{path} --help`"


def _tell_unexpected(error: BaseException, session: Session) -> int:
    """Tell of an error that nobody expected: the user gets a line, the log the traceback."""
    signal = interruption(error)
    if signal is not None:
        return _tell_ended(signal, session)
    log = _log_internal(error, session)
    return tell(f"internal error ({type(error).__name__}); see the log {log}", code=ExitCode.FAILED)


def _tell_ended(error: BaseException, session: Session) -> int:
    """Tell that a signal ended the command, without contradicting what a run has become by then."""
    ending = str(error) if isinstance(error, Interrupted) else "ended by SIGINT"
    code = _code_of_ended(session, error)
    if code == ExitCode.FAILED:
        return tell(f"{ending}; nothing was left half done, run it again", code=code)
    return tell(f"{ending} before the run's outcome was told; see `{PROGRAM} report`", code=code)


def _code_of_ended(session: Session, error: BaseException | None = None) -> int:
    """Return the exit code of a command that a signal ends: a run that has ended before keeps its own."""
    if session.code is not None:
        return session.code
    report = session.report or _report_before(error)
    if report is None or report.dry_run:
        return ExitCode.FAILED
    return ExitCode.RESERVATION if report.status in APPLIED else int(report.exit_code)


def _report_before(error: BaseException | None) -> RunReport | None:
    """Return the report of a run whose failure was on its way here when a signal took its place."""
    while error is not None and not isinstance(error, PoIngestError):
        error = error.__context__
    return error.report if error else None


def _log_refusal(error: PoIngestError, session: Session) -> None:
    """Write to the log, if the command has one, what its run has not written there: that it failed."""
    if not session.logs_to_file or (error.report is not None and error.report.status == "failed"):
        return
    import structlog  # noqa: PLC0415 - imported by then

    log = structlog.get_logger("po_ingest.cli")
    facts = {"error": error.message, "details": list(error.details), "exit_code": int(error.exit_code), "told": True}
    if error.exit_code == ExitCode.LOCKED:
        log.warning("run refused", **facts)
    elif error.exit_code == ExitCode.RESERVATION:
        log.warning("applied with a reservation", exc_info=error, **facts)
    else:
        log.error("command failed", exc_info=error, **facts)


def _log_internal(error: BaseException, session: Session) -> Path:
    """Write a traceback to the log; before a log is known, to a file of its own in the current temporary folder."""
    import structlog  # noqa: PLC0415 - imported by then, if there is a log

    from po_ingest import logs  # noqa: PLC0415 - as above
    from po_ingest.settings import LogSettings  # noqa: PLC0415 - as above

    settings = session.log or LogSettings(file=_file_of_its_own())
    logs.configure(settings, verbose=False, quiet=True)
    structlog.get_logger("po_ingest.cli").critical("internal error", exc_info=error, told=True)
    return settings.file


def _file_of_its_own() -> Path:
    """Make a file in the temporary folder that nobody else can have put there, nor read."""
    import tempfile  # noqa: PLC0415 - rarely needed

    handle, name = tempfile.mkstemp(prefix=f"{PROGRAM}-", suffix=".log")
    os.close(handle)
    return Path(name)


def _close_stdout() -> None:
    """Have the interpreter's own last flush go nowhere: it would complain."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
