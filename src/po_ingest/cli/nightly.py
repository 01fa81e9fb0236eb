"""`po-ingest nightly`."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import click

from po_ingest.cli import output, reports
from po_ingest.cli.progress import is_watched, watched
from po_ingest.cli.session import Session, open_store, pass_session
from po_ingest.errors import Interrupted, PoIngestError, ReservationError
from po_ingest.model import APPLIED, RunReport

if TYPE_CHECKING:
    from po_ingest.pipeline import Options
    from po_ingest.settings import Settings


@click.command("nightly")
@click.option("--baseline", is_flag=True, help="Take the first state over; refused once a run has completed.")
@click.option("--rebaseline", is_flag=True, help="Take the state over anew, without change events.")
@click.option("--dry-run", is_flag=True, help="Read and report all that a run would do; write nothing.")
@click.option("--strict", is_flag=True, help="End with exit code 3 if rows were rejected.")
@click.option("--allow-shrink", is_flag=True, help="Lift the guards against too few lines, for this run.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object, also of a failed run.")
@pass_session
def nightly_command(session: Session, /, *, as_json: bool, **flags: bool) -> None:
    """Run the whole pipeline, once.

    Reads the ERP, compares with the last completed run, and applies all that
    changed in one transaction; or changes nothing, and says why.

    Exit codes: 0 done, 1 failed, 2 configuration, 3 applied with a
    reservation, 4 ERP, 5 guard, 6 another run is in progress, 7 store.

    \b
    Example:
      po-ingest nightly
      po-ingest nightly --dry-run --json
    """  # noqa: D301 - \b is click's mark for lines to be left as they are
    from po_ingest.pipeline import Options  # noqa: PLC0415 - `--help` shall not wait for it

    options = Options(**flags)
    settings = session.settings(log_to_file=not options.dry_run)
    try:
        report = _run(session, settings, options)
    except PoIngestError as error:
        session.report = error.report
        if error.report is not None:
            with suppress(output.OutputError, output.ReaderGoneError):  # how the run ended matters more
                _show(session, error.report, options, as_json=as_json)
        raise
    with _reserved(report):
        remarks = _remarks(settings, report) if output.is_terminal() and not as_json else {}
        _show(session, report, options, as_json=as_json, remarks=remarks)
        output.flush()


def _run(session: Session, settings: Settings, options: Options) -> RunReport:
    from po_ingest import wiring  # noqa: PLC0415 - `--help` shall not wait for it
    from po_ingest.pipeline import run_nightly  # noqa: PLC0415 - as above

    expected = _expected(settings) if is_watched(quiet=session.quiet) else None
    with watched(quiet=session.quiet, expected=expected) as progress, _without_collector():
        session.report = run_nightly(settings, wiring.build(settings, progress), options)
    return session.report


def _expected(settings: Settings) -> int | None:
    """Return about how many rows will come: as many as the last applied run took."""
    with suppress(PoIngestError), open_store(settings).read() as view:
        last = view.last_applied(settings.erp.name)
        return int(last.figure("po_lines_processed")) or None if last else None
    return None


@contextmanager
def _without_collector() -> Iterator[None]:
    """Spare a run the garbage collector: it makes millions of objects and no cycles, and takes a fifth less time so."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def _reserved(report: RunReport) -> Iterator[None]:
    """Have no fault in the printing of its report say that a run failed which was applied."""
    try:
        yield
    except output.ReaderGoneError:
        raise
    except (Exception, Interrupted, KeyboardInterrupt) as error:
        if report.dry_run:
            raise
        cause = error.message if isinstance(error, PoIngestError) else str(error) or type(error).__name__
        raise ReservationError(
            f"the run was applied, but its report could not be printed: {cause}", hint="`po-ingest report` shows it"
        ) from error


def _remarks(settings: Settings, report: RunReport) -> dict[str, str]:
    """Return what is unusual about the run; a store that cannot tell it now takes nothing away from the run."""
    from po_ingest.queries import remarks_on  # noqa: PLC0415 - as above
    from po_ingest.stages.report import report_dict  # noqa: PLC0415 - as above

    with suppress(PoIngestError), open_store(settings).read() as view:
        return remarks_on(view, report_dict(report))
    return {}


def _show(
    session: Session,
    report: RunReport,
    options: Options,
    *,
    as_json: bool,
    remarks: Mapping[str, str] | None = None,
) -> None:
    """Print the report: as JSON of every run that began, else of those that were applied."""
    from po_ingest.stages.report import report_dict  # noqa: PLC0415 - as above
    from po_ingest.stories import of_report  # noqa: PLC0415 - as above

    content = report_dict(report)
    if as_json:
        output.json_object(content)
    elif report.status in APPLIED and output.is_terminal():
        reports.show(content, of_report(content), remarks)
    elif report.status in APPLIED:
        output.plain(content.items())
    if report.status in APPLIED and report.baseline and not (options.baseline or options.rebaseline):
        verb = "would be" if report.dry_run else "was"
        session.note(f"no run of ERP {report.erp!r} had completed before: this one {verb} the baseline")
