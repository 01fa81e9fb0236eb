"""What the data-health page shows, as plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from heapq import nsmallest
from typing import Final, cast

import attrs

from po_ingest import queries
from po_ingest.health import Health, assess
from po_ingest.model import APPLIED, Run
from po_ingest.ports import PromiseMove, Row, StoreView

MAX_AGE: Final = timedelta(hours=26)
LONGEST_LIST: Final = 50
"""Rows of a list: more are for a query tool."""
CHANGES_SEARCHED: Final = 4000
"""The newest changes that the page's search looks through, where its bytes suffice."""


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
    last_applied: Run | None

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
    return PageData(
        erp=erp,
        made_at=now,
        version=version,
        health=assess(seen, now, MAX_AGE),
        runs=newest[::-1],
        remarks=queries.remarks_on(view, applied[0].report) if applied and applied[0].report else {},
        gaps=sorted(gaps, key=lambda gap: cast("int", gap["lines"]), reverse=True)[:LONGEST_LIST],
        gaps_in_all=len(gaps),
        suppliers=suppliers,
        moved_lines=lines,
        rejected=rejected,
        rejected_in_all=int(applied[0].figure("rows_rejected")) if applied else 0,
        changes=changes[:CHANGES_SEARCHED],
        are_all_changes=len(changes) <= CHANGES_SEARCHED,
        last_applied=applied[0] if applied else None,
    )


def _moves(rows: Iterable[PromiseMove]) -> tuple[list[SupplierMoves], list[LineMove]]:
    """Sum up the moves by supplier, and keep the lines that moved most; both the furthest first.

    There may be hundreds of thousands of rows: only those of the list become values of their own.
    """
    sums: dict[str | None, list[int]] = {}
    ordinals: dict[object, int] = {}  # of the dates, which are few

    def ranked() -> Iterator[tuple[int, int, PromiseMove]]:
        for row in rows:
            _, _, supplier, first, now, moves = row
            days = _ordinal(now, ordinals) - _ordinal(first, ordinals)
            total = sums.get(supplier)
            if total is None:
                total = sums[supplier] = [0, 0, 0]
            total[0] += 1
            total[1] += moves
            total[2] += days
            yield -abs(days), -moves, row

    lines = [_line_move(row) for *_, row in nsmallest(LONGEST_LIST, ranked())]
    suppliers = [SupplierMoves(_named(supplier), *total) for supplier, total in sums.items()]
    return nsmallest(LONGEST_LIST, suppliers, key=lambda each: (-abs(each.days), -each.lines, each.supplier)), lines


def _ordinal(day: date | str, known: dict[object, int]) -> int:
    """Return a date, given as one or as text, as a number of days."""
    number = known.get(day)
    if number is None:
        number = known[day] = date.fromisoformat(str(day)).toordinal()
    return number


def _named(supplier: str | None) -> str:
    return supplier or "(none)"


def _line_move(row: PromiseMove) -> LineMove:
    po_number, line_number, supplier, first, now, moves = row
    return LineMove(
        po_number,
        line_number,
        _named(supplier),
        first=date.fromisoformat(first),
        now=date.fromisoformat(str(now)),
        moves=moves,
    )
