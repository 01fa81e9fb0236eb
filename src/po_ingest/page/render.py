"""The data-health page as one HTML file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final, cast

import attrs

from po_ingest.model import APPLIED, Run
from po_ingest.page.charts import NUMBER, plots
from po_ingest.page.collect import PageData
from po_ingest.page.search import search
from po_ingest.stories import of_run

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
SHOWN: Final = 10
"""Rows of a list that are seen at once; the others are a click away."""
SHORT: Final = 80
"""Characters of a text in a table; the commands have all of it."""
ROOM_FOR_YEAR: Final = 3
"""Columns of the calendar that are as wide as a month with its year; two take the month, one takes nothing."""


@attrs.frozen(slots=True)
class Day:
    """A day of the calendar: the worst status of its runs, and what they were; `is_within` the time that is shown."""

    day: date
    status: str | None
    runs: tuple[Run, ...]
    is_within: bool

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
    environment.filters["number"] = lambda number: format(number, NUMBER)
    environment.filters["short"] = lambda text: text if len(text) <= SHORT else f"{text[: SHORT - 1]}\u2026"
    weeks = calendar(data.runs, data.made_at.date())
    return environment.get_template("health.html.j2").render(
        data=data,
        story=of_run(data.runs[-1]) if data.runs else None,
        weeks=weeks,
        months=months(weeks),
        plots=plots(data.applied),
        columns=COLUMNS,
        shown=SHOWN,
        rows=[_row(run) for run in reversed(data.runs)],
        search=search(data.changes, are_all=data.are_all_changes),
    )


def _row(run: Run) -> dict[str, Any]:
    report: Mapping[str, object] = run.report or {}
    figures = [report.get(key) if run.status in APPLIED else None for key in COLUMNS.values()]
    errors = cast("list[Mapping[str, object]]", report.get("errors_encountered") or [])
    return {"run": run, "figures": figures, "fault": errors[0]["message"] if errors else ""}


def calendar(runs: Sequence[Run], today: date) -> list[list[Day]]:
    """Return weeks of seven days, Monday first, from the first run's week to this one; days are UTC's.

    Nights that were missed since the last run are among them; days to come are not within.
    """
    if not runs:
        return []
    by_day: dict[date, list[Run]] = {}
    for run in runs:
        by_day.setdefault(run.started_at.date(), []).append(run)
    first, last = min(by_day), max(*by_day, today)
    monday = first - timedelta(days=first.weekday())
    days = [monday + timedelta(days=number) for number in range(((last - monday).days // WEEK + 1) * WEEK)]
    shown = [_day(day, by_day.get(day, ()), is_within=first <= day <= last) for day in days]
    return [shown[start : start + WEEK] for start in range(0, len(shown), WEEK)]


def months(weeks: Sequence[Sequence[Day]]) -> list[tuple[str, int]]:
    """Return the months of the weeks' Mondays, each with how many; a name is as long as so many columns allow."""
    counts = Counter(week[0].day.replace(day=1) for week in weeks)
    last = max(counts, default=None)
    return [
        (f"{month:%b %Y}" if count >= ROOM_FOR_YEAR or month == last else f"{month:%b}"[: count // 2 * 3], count)
        for month, count in counts.items()
    ]


def _day(day: date, runs: Sequence[Run], *, is_within: bool) -> Day:
    status = min((run.status for run in runs), key=WORST_FIRST.index, default=None)
    return Day(day, status, tuple(runs), is_within)
