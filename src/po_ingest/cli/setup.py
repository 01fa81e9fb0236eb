"""`po-ingest init`, `demo` and `check`."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from po_ingest.cli import output
from po_ingest.cli.output import PROGRAM
from po_ingest.cli.session import Session, pass_session
from po_ingest.errors import ConfigError, ErpError, ExitCode, LockHeldError, PoIngestError, ReservationError, StoreError
from po_ingest.model import RunReport
from po_ingest.ports import Finding
from po_ingest.presets import PRESETS
from po_ingest.private_files import make_folder, write_text

CONFIG: Final = "po-ingest.toml"


@click.command("init")
@click.argument("folder", metavar="[DIR]", default=Path(), type=click.Path(path_type=Path))
@click.option(
    "--erp",
    "preset",
    type=click.Choice(tuple(PRESETS)),
    default="odbc",
    show_default=True,
    help="What to start from.",
)
@click.option("--force", is_flag=True, help="Replace an existing file.")
def init_command(folder: Path, preset: str, *, force: bool) -> None:
    """Write a commented po-ingest.toml into DIR (here), to start from.

    An existing one is refused, unless --force is given.

    \b
    Presets:
      odbc      any database with an ODBC driver, such as SQL Server
      sqlite    a SQLite file
      csv       a folder of CSV files
      sap       SAP ERP or S/4HANA: EKKO, EKPO, EKET, receipts from EKBE
      jde       JD Edwards EnterpriseOne: F4311, receipts from F43121
      dynamics  Dynamics 365 Business Central and NAV, on SQL Server

    \b
    Example:
      po-ingest init --erp sap
    """  # noqa: D301 - \b is click's mark for lines to be left as they are
    from po_ingest.presets import render  # noqa: PLC0415 - reads files

    file = folder / CONFIG
    if file.exists() and not force:
        raise ConfigError(f"{file} exists already, nothing was written", hint="--force replaces it")
    try:
        make_folder(folder)
        write_text(file, render(preset))
    except OSError as error:
        raise PoIngestError(
            f"{file} could not be written: {error.strerror or type(error).__name__}", hint="check the folder's rights"
        ) from error
    output.line(f"{file} was written, for {PRESETS[preset]}")
    output.line("Next:")
    if "${PO_INGEST_ERP}" in render(preset):
        output.line("  set PO_INGEST_ERP to the ERP's ODBC connection string")
    output.line("  adapt the query and its columns")
    output.line(f"  {_command(file, 'check')}")
    output.line(f"  {_command(file, 'nightly')}")


def _command(file: Path, *arguments: str) -> str:
    """Return a command that works from here, quoted for this machine's shell."""
    words = [*_program(), *([] if file == Path(CONFIG) else ["--config", str(file)]), *arguments]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def _program() -> list[str]:
    """Return what a shell calls po-ingest by: its name, or in an environment that is not active, as it was called."""
    if shutil.which(PROGRAM):
        return [PROGRAM]
    called = Path(sys.argv[0])
    return [str(called)] if called.stem == PROGRAM else [sys.executable, "-m", "po_ingest"]


@click.command("demo")
@click.argument("folder", metavar="[DIR]", default=Path("po-ingest-demo"), type=click.Path(path_type=Path))
@click.option(
    "--lines", metavar="N", type=click.IntRange(10, 1_000_000), default=5000, show_default=True, help="PO lines."
)
@click.option(
    "--days", metavar="N", type=click.IntRange(0, 365), default=7, show_default=True, help="Nights after the baseline."
)
@pass_session
def demo_command(session: Session, folder: Path, lines: int, days: int) -> None:
    """Build a sample ERP in DIR, and run a baseline and some nights on it.

    All in SQLite; each night finds a changed ERP. Run again, it starts anew;
    a folder that it did not make is left alone.  [DIR: po-ingest-demo]

    \b
    Example:
      po-ingest demo
      po-ingest demo /tmp/demo --lines 500 --days 3
    """  # noqa: D301 - \b is click's mark for lines to be left as they are
    from po_ingest import demo  # noqa: PLC0415 - `--help` shall not wait for it

    settings = demo.prepare(folder, os.environ, verbose=session.verbose)
    if not session.quiet:
        click.echo(f"building a sample ERP with {lines:,} PO lines in {folder} ...", err=True)
    nights = {"lines": lines, "days": days}
    result = demo.run(settings, **nights, now=datetime.now(UTC), tell=lambda report: _tell_night(session, report))
    output.table(("night", *NIGHT), map(_night, result.reports), numbers=tuple(NIGHT))
    seconds = sum(report.duration_seconds or 0.0 for report in result.reports)
    output.line("")
    output.line(
        f"{output.counted(len(result.reports), 'run', 'runs')} took {seconds:.1f} s. The history is in {folder}. Try:"
    )
    for arguments in _suggestions(result.line):
        output.line(f"  {_command(result.config, *arguments)}")


NIGHT: Final = {
    "lines": "po_lines_processed",
    "new": "new_lines_created",
    "changes": "change_events_detected",
    "absent": "absent_po_lines",
    "back": "reappeared_po_lines",
    "batches": "batches_reconstructed",
    "gaps": "xref_gaps_found",
    "rejected": "rows_rejected",
}
"""Column of the demo's table -> attribute of the report."""


def _night(report: RunReport) -> tuple[object, ...]:
    night = f"{report.started_at:%Y-%m-%d}" + (" baseline" if report.baseline else "")
    return night, *(getattr(report, key) for key in NIGHT.values())


def _tell_night(session: Session, report: RunReport) -> None:
    if not session.quiet:
        what = "baseline" if report.baseline else output.counted(report.change_events_detected, "change", "changes")
        click.echo(f"run {report.run_id}, night of {report.started_at:%Y-%m-%d}: {what}", err=True)


def _suggestions(line: tuple[str, int] | None) -> list[tuple[str, ...]]:
    story = [("history", line[0], str(line[1]))] if line else []
    return [
        ("runs",),
        ("report",),
        *story,
        ("changes", "--field", "promised_date"),
        ("snapshot", "--run", "latest"),
        ("xref", "gaps"),
        ("audit", "verify"),
        ("nightly",),
    ]


@click.command("check")
@click.option("--json", "as_json", is_flag=True, help="Print an array of objects.")
@pass_session
def check_command(session: Session, *, as_json: bool) -> None:
    """Test config, drivers, both connections, rights, queries, schema, lock.

    One line each: ok, warning or failed, and what to do. Writes nothing. Ends
    with 0, also with warnings, else with the code that the nightly would give.

    \b
    Example:
      po-ingest check
    """  # noqa: D301 - \b is click's mark for lines to be left as they are
    from po_ingest import checks, wiring  # noqa: PLC0415 - `--help` shall not wait for them

    try:
        settings = session.settings()
    except ConfigError as error:
        outcome = checks.of_fault(error)
        _show_findings(outcome.findings, as_json=as_json)
        raise
    outcome = checks.check(settings, wiring.open_source, wiring.open_store, wiring.open_observers)
    _show_findings(outcome.findings, as_json=as_json)
    failure = outcome.first_failure
    if failure is not None:
        failed = ERRORS[ExitCode(failure.exit_code)]
        raise failed(f"check failed: {failure.name}: {failure.message}", hint=failure.hint)


ERRORS: Final = {
    error.exit_code: error
    for error in (ConfigError, ErpError, LockHeldError, PoIngestError, ReservationError, StoreError)
}
"""Exit code -> the error that leads to it."""


def _show_findings(findings: tuple[Finding, ...], *, as_json: bool) -> None:
    from po_ingest.checks import rows  # noqa: PLC0415 - as above

    if as_json:
        output.json_array(rows(findings))
    elif output.is_terminal():
        output.table(("check", "status", "found", "what to do"), _cells(findings))
    else:
        output.plain(_cells(findings))


def _cells(findings: tuple[Finding, ...]) -> list[tuple[str, str, str, str]]:
    return [(finding.name, finding.status, finding.message, finding.hint) for finding in findings]
