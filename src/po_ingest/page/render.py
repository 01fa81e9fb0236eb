"""The data-health page as one HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final, cast

import attrs

from po_ingest.model import APPLIED, Run
from po_ingest.page.charts import plots
from po_ingest.page.collect import PageData, searchable
from po_ingest.stories import of_report

COLUMNS: Final = {
    "seconds": "duration_seconds",
    "lines": "po_lines_processed",
    "new": "new_lines_created",
    "changed": "lines_changed",
    "absent": "absent_po_lines",
    "batches": "batches_reconstructed",
    "gaps": "xref_gaps_found",
    "rejected": "rows_rejected",
}
"""Column of the table of runs -> key of the report."""
WORST_FIRST: Final = ("failed", "abandoned", "running", "partial", "completed")
WEEK: Final = 7
SHOWN_SUPPLIERS: Final = 10
"""Suppliers that are seen at once; the others are a click away."""


@attrs.frozen(slots=True)
class Day:
    """A day of the calendar: the worst status of its runs, and what they were."""

    day: date
    status: str | None = None
    runs: tuple[Run, ...] = ()

    @property
    def told(self) -> str:
        """Return the day's runs in words."""
        if not self.runs:
            return f"{self.day}: no run"
        return f"{self.day}: {', '.join(f'run {run.id} {run.status}' for run in self.runs)}"


def page(data: PageData) -> str:
    """Return the page; everything that came from the ERP is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - rarely needed

    environment = Environment(
        loader=PackageLoader("po_ingest.page", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["count"] = lambda number: f"{number:,}"
    return environment.get_template("health.html.j2").render(
        data=data,
        story=_story(data.runs[-1]) if data.runs else None,
        weeks=calendar(data.runs),
        plots=plots(data.applied),
        columns=COLUMNS,
        shown_suppliers=SHOWN_SUPPLIERS,
        rows=[_row(run) for run in reversed(data.runs)],
        searchable=searchable(data.changes),
    )


def _story(run: Run) -> str:
    return of_report(run.report) if run.report else f"run {run.id} is {run.status}"


def _row(run: Run) -> dict[str, Any]:
    report: Mapping[str, object] = run.report or {}
    figures = [report.get(key) if run.status in APPLIED else None for key in COLUMNS.values()]
    errors = cast("list[Mapping[str, object]]", report.get("errors_encountered") or [])
    return {"run": run, "figures": figures, "fault": errors[0]["message"] if errors else ""}


def calendar(runs: Sequence[Run]) -> list[list[Day]]:
    """Return weeks of seven days, Monday first, from the first run's week to the last one's; days are UTC's."""
    if not runs:
        return []
    by_day: dict[date, list[Run]] = {}
    for run in runs:
        by_day.setdefault(run.started_at.date(), []).append(run)
    first, last = min(by_day), max(by_day)
    monday = first - timedelta(days=first.weekday())
    weeks = (last - monday).days // WEEK + 1
    return [[_day(monday + timedelta(days=WEEK * week + day), by_day) for day in range(WEEK)] for week in range(weeks)]


def _day(day: date, by_day: Mapping[date, Sequence[Run]]) -> Day:
    runs = tuple(by_day.get(day, ()))
    return Day(day, min((run.status for run in runs), key=WORST_FIRST.index, default=None), runs)
