"""What the data-health page shows, as plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from heapq import nlargest
from typing import Final, cast

import attrs

from po_ingest import queries
from po_ingest.fields import to_text
from po_ingest.health import Health, assess
from po_ingest.model import APPLIED, Run
from po_ingest.ports import Row, StoreView
from po_ingest.unusual import unusual

MAX_AGE: Final = timedelta(hours=26)
LONGEST_LIST: Final = 50
"""Rows of a list: more are for a query tool."""
CHANGES_SEARCHED: Final = 4000
"""The newest changes that the page's search looks through: some 300 KB."""


@attrs.frozen(slots=True)
class SupplierMoves:
    """How the promised dates of a supplier's lines moved in the period; `days` over all of its lines that moved."""

    supplier: str
    lines: int
    moves: int
    days: int

    @property
    def mean_days(self) -> float:
        """Return the days that a line moved, on average."""
        return self.days / self.lines


@attrs.frozen(slots=True)
class LineMove:
    """A line whose promised date moved."""

    po_number: str
    line_number: int
    supplier: str
    first: date
    now: date
    moves: int

    @property
    def days(self) -> int:
        """Return by how many days it moved in all."""
        return (self.now - self.first).days


@attrs.frozen(slots=True, kw_only=True)
class PageData:
    """All that the page shows; `runs` are the period's, oldest first."""

    erp: str
    made_at: datetime
    version: str
    health: Health
    runs: Sequence[Run]
    remarks: Mapping[str, str]
    gaps: Sequence[Row]
    gaps_in_all: int
    suppliers: Sequence[SupplierMoves]
    moved_lines: Sequence[LineMove]
    rejected: Sequence[Row]
    rejected_in_all: int
    changes: Sequence[Row]
    are_all_changes: bool

    @property
    def applied(self) -> list[Run]:
        """Return the runs of the period that were applied, oldest first."""
        return [run for run in self.runs if run.status in APPLIED and run.report]


def collect(
    view: StoreView, erp: str, count: int, *, now: datetime, version: str, is_locked: Callable[[str], bool]
) -> PageData:
    """Collect the last `count` runs of an ERP and what the store knows of their time."""
    newest = view.runs(erp, limit=count)
    seen = queries.seen(view, erp, is_locked)
    applied = seen.applied
    first_run_id = newest[-1].id if newest else 0
    suppliers, lines = _moves(view.promise_moves(erp, first_run_id))
    gaps = view.gaps(erp)
    rejected = view.rejected_rows(applied[0].id, LONGEST_LIST) if applied else []
    changes = view.latest_changes(erp, first_run_id, CHANGES_SEARCHED + 1)
    reports = [run.report for run in newest if run.status in APPLIED and run.report]
    return PageData(
        erp=erp,
        made_at=now,
        version=version,
        health=assess(seen, now, MAX_AGE),
        runs=newest[::-1],
        remarks=unusual(reports[0], reports[1:]) if reports else {},
        gaps=gaps[:LONGEST_LIST],
        gaps_in_all=len(gaps),
        suppliers=suppliers,
        moved_lines=lines,
        rejected=rejected,
        rejected_in_all=_rejected(applied),
        changes=changes[:CHANGES_SEARCHED],
        are_all_changes=len(changes) <= CHANGES_SEARCHED,
    )


def _rejected(applied: Sequence[Run]) -> int:
    report = applied[0].report if applied else None
    return cast("int", (report or {}).get("rows_rejected") or 0)


def _moves(rows: Iterable[Row]) -> tuple[list[SupplierMoves], list[LineMove]]:
    """Sum up the moves by supplier, and keep the lines that moved most; both the furthest first.

    There may be hundreds of thousands of rows: only those of the list become values of their own.
    """
    sums: dict[str, list[int]] = {}
    ordinals: dict[object, int] = {}  # of the dates, which are few

    def ranked() -> Iterator[tuple[int, int, int, Row]]:
        for place, row in enumerate(rows):
            days = _ordinal(row["promised_date"], ordinals) - _ordinal(row["first_promised_date"], ordinals)
            moves = cast("int", row["moves"])
            total = sums.setdefault(_supplier(row), [0, 0, 0])
            total[0] += 1
            total[1] += moves
            total[2] += days
            yield abs(days), moves, -place, row

    lines = [_line_move(row) for *_, row in nlargest(LONGEST_LIST, ranked())]
    suppliers = [SupplierMoves(supplier, *total) for supplier, total in sums.items()]
    return nlargest(LONGEST_LIST, suppliers, key=lambda each: (abs(each.days), each.lines)), lines


def _ordinal(day: object, known: dict[object, int]) -> int:
    """Return a date, given as one or as text, as a number of days."""
    number = known.get(day)
    if number is None:
        number = known[day] = date.fromisoformat(str(day)).toordinal()
    return number


def _supplier(row: Row) -> str:
    return cast("str | None", row["supplier_code"]) or "(none)"


def _line_move(row: Row) -> LineMove:
    return LineMove(
        po_number=cast("str", row["po_number"]),
        line_number=cast("int", row["line_number"]),
        supplier=_supplier(row),
        first=date.fromisoformat(cast("str", row["first_promised_date"])),
        now=cast("date", row["promised_date"]),
        moves=cast("int", row["moves"]),
    )


def searchable(changes: Iterable[Row]) -> list[list[object]]:
    """Return changes as the page's search takes them: PO, line, run, time, what, previous, new."""
    return [
        [
            row["po_number"],
            row["line_number"],
            row["run_id"],
            to_text(cast("datetime", row["detected_at"])),
            row["field_name"] or row["kind"],
            row["previous_value"],
            row["new_value"],
        ]
        for row in changes
    ]
