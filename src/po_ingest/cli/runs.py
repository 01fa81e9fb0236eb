"""`po-ingest runs` and `po-ingest report`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, get_args

import click

from po_ingest import queries
from po_ingest.cli import output
from po_ingest.cli.reports import report_sections
from po_ingest.cli.session import Session, pass_session
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


@click.command("runs")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many, the newest.")
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
    output.table(columns, rows, numbers=("id", "duration_seconds", *COUNTS))


def _listed(run: Run, columns: tuple[str, ...]) -> list[object]:
    report = run.report or {}
    return [report.get(COUNTS[name]) if name in COUNTS else getattr(run, name) for name in columns]


@click.command("report")
@click.argument("run", required=False, default="latest")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
@pass_session
def report_command(session: Session, run: str, *, as_json: bool) -> None:
    """Show the report of one run: the newest, or RUN.

    RUN is a run's number, its identifier, `latest` or `previous`.

    \b
    Example:
      po-ingest report
      po-ingest report previous --json
    """  # noqa: D301 - \b is click's mark for lines to be left as they are
    with session.reading() as (settings, view):
        report = queries.run_report(queries.find_run(view, settings.erp.name, run, applied_only=False))
    if as_json:
        output.json_object(report)
        return
    output.sections(report_sections(report))
