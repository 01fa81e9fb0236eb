"""`po-ingest runs` and `po-ingest report`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final, get_args

import click

from po_ingest import queries, stories
from po_ingest.cli import output, reports
from po_ingest.cli.session import Session, open_store, pass_session
from po_ingest.model import Run, RunStatus

COUNTS: Final = {
    "lines": "po_lines_processed",
    "new": "new_lines_created",
    "changed": "lines_changed",
    "absent": "absent_po_lines",
    "batches": "batches_reconstructed",
    "rejected": "rows_rejected",
}
"""Column of the listing -> key of the report."""

WIDE: Final = ("id", "run_identifier", "status", "mode", "started_at", "duration_seconds", *COUNTS)
NARROW: Final = ("id", "started_at", "status", "lines", "new", "changed", "absent", "rejected")
"""The columns of the listing, and those that a terminal of 80 characters has room for."""

PAGE_RUNS: Final = 90
"""Runs that the health page covers unless told."""
LATEST: Final = "latest"


@click.command("runs")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="At most so many, the newest.")
@click.option("--status", type=click.Choice(get_args(RunStatus)), help="Only runs of this status.")
@click.option("--since", metavar="DATE", help="Only runs that started then or later: 2026-01-31, yesterday, 7d.")
@click.option("--json", "as_json", is_flag=True, help="Print an array of objects, with the reports.")
@pass_session
def runs_command(session: Session, limit: int | None, status: str | None, since: str | None, *, as_json: bool) -> None:
    """List the runs, newest first.

    \b
    Example:
      po-ingest runs --limit 10
      po-ingest runs --status failed --since 7d
    """  # noqa: D301 - \b is click's mark for lines to be left as they are
    start = None if since is None else queries.parse_date(since, datetime.now(UTC))
    with session.reading() as (settings, view):
        runs = view.runs(settings.erp.name, limit=limit, statuses=None if status is None else [status], since=start)
    if as_json:
        output.json_array(map(queries.run_row, runs))
        return
    columns = NARROW if output.width() < output.WIDE_TERMINAL else WIDE
    rows = (_listed(run, columns) for run in runs)
    with output.paged():
        output.table(columns, rows, numbers=("id", "duration_seconds", *COUNTS))


def _listed(run: Run, columns: tuple[str, ...]) -> list[object]:
    report = run.report or {}
    return [report.get(COUNTS[name]) if name in COUNTS else getattr(run, name) for name in columns]


@click.command("report")
@click.argument("run", required=False, default=LATEST)
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
@click.option(
    "--html",
    "html",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write the data-health page over the last runs, whole or not at all.",
)
@click.option(
    "--runs",
    "count",
    metavar="N",
    type=click.IntRange(min=1),
    help=f"Runs that the page covers; {PAGE_RUNS} unless told.",
)
@pass_session
def report_command(session: Session, run: str, count: int | None, html: Path | None, *, as_json: bool) -> None:
    """Show the report of one run: the newest, or RUN.

    With --html, write one page that shows how healthy the data is: the runs
    on a calendar, their figures as plots, promised dates that moved, gaps,
    rejected rows. It needs no network, and nothing but a browser.

    RUN is a run's number, its identifier, `latest` or `previous`.

    \b
    Example:
      po-ingest report
      po-ingest report previous --json
      po-ingest report --html health.html --runs 365
    """  # noqa: D301 - \b is click's mark for lines to be left as they are
    if html is not None:
        _refuse_beside_html(run, as_json=as_json)
        _write_page(session, html, count or PAGE_RUNS)
        return
    if count is not None:
        raise click.UsageError("--runs is for --html")
    with session.reading() as (settings, view):
        found = queries.find_run(view, settings.erp.name, run, applied_only=False)
        report = queries.run_report(found)
        remarks = queries.remarks_on(view, report) if output.is_terminal() and not as_json else {}
    if as_json:
        output.json_object(report)
        return
    with output.paged():
        reports.show(report, stories.of_run(found), remarks)


def _refuse_beside_html(run: str, *, as_json: bool) -> None:
    if as_json:
        raise click.UsageError("--html and --json exclude each other")
    if run != LATEST:
        raise click.UsageError("--html shows the last runs, not one; choose how many by --runs")


def _write_page(session: Session, path: Path, count: int) -> None:
    from po_ingest import __version__  # noqa: PLC0415 - `--help` shall not wait for these
    from po_ingest.page.collect import collect  # noqa: PLC0415 - as above
    from po_ingest.page.render import page  # noqa: PLC0415 - as above
    from po_ingest.snapshot_files import atomic_file  # noqa: PLC0415 - as above

    settings = session.settings()
    store, erp = open_store(settings), settings.erp.name
    with store.read() as view:
        data = collect(view, erp, count, now=datetime.now(UTC), version=__version__, is_locked=store.holder)
    with atomic_file(path) as file:
        file.write(page(data).encode("utf-8", "backslashreplace"))
    session.note(f"the page over {output.counted(len(data.runs), 'run', 'runs')} is in {path}")
