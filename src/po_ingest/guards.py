"""The guards: a snapshot that looks wrong as a whole changes nothing (R7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from po_ingest.errors import GuardError
from po_ingest.settings import GuardSettings
from po_ingest.stages.report import Tally
from po_ingest.stories import many

FEWEST_FILLED: Final = 20
"""A field that was filled in fewer lines breaks no guard."""


@attrs.frozen(slots=True)
class Snapshot:
    """What the guards look at."""

    active_rows: int  # active rows of the PO lines' query
    active_before: int  # lines active at the last run that was applied
    has_previous: bool
    filled_before: Mapping[str, int]  # field -> lines active then and now where it was filled; {} if none was emptied


def check(tally: Tally, snapshot: Snapshot, limits: GuardSettings, *, allow_shrink: bool) -> None:
    """Raise GuardError if a guard is broken, with all that are."""
    broken = [*_rejected(tally, snapshot, limits)]
    if not allow_shrink:
        broken += _too_few(tally, limits)
        if snapshot.has_previous:
            broken += _absent(tally, snapshot, limits)
            broken += _emptied(tally, snapshot, limits)
    if broken:
        raise GuardError(
            f"the snapshot was refused, nothing was changed: {broken[0][0]}",
            hint=broken[0][1],
            details=(*(text for text, _ in broken[1:]), *_reasons(tally)),
        )


def _is_above(part: int, whole: int, ratio: float) -> bool:
    """Say whether the part is more than its ratio; divided, since 0.58 * 50 is less than 29 while 29 / 50 is 0.58."""
    return part > 0 and (whole == 0 or part / whole > ratio)


def _too_few(tally: Tally, limits: GuardSettings) -> list[tuple[str, str]]:
    if tally.lines >= limits.min_lines:
        return []
    hint = "check the ERP and the query; --allow-shrink takes it for once"
    taken = many(tally.lines, "active line was", "active lines were")
    return [(f"{taken} taken, min_lines is {limits.min_lines}", hint)]


def _absent(tally: Tally, snapshot: Snapshot, limits: GuardSettings) -> list[tuple[str, str]]:
    if not _is_above(tally.missing, snapshot.active_before, limits.max_absent_ratio):
        return []
    hint = "check that the query still returns all lines; --allow-shrink takes it for once"
    text = (
        f"{tally.missing:,} of {many(snapshot.active_before, 'active line is', 'active lines are')} missing, "
        f"max_absent_ratio is {limits.max_absent_ratio}"
    )
    return [(text, hint)]


def _rejected(tally: Tally, snapshot: Snapshot, limits: GuardSettings) -> list[tuple[str, str]]:
    rejected = tally.rejected_rows("po_lines")
    if not _is_above(rejected, snapshot.active_rows, limits.max_rejected_ratio):
        return []
    rows = (
        f"{many(rejected, 'row was', 'rows were')} rejected, {many(snapshot.active_rows, 'row is', 'rows are')} active"
    )
    text = f"{rows}, max_rejected_ratio is {limits.max_rejected_ratio}"
    return [(text, "mend the formats in the configuration, or the ERP's data; the reasons follow")]


def _emptied(tally: Tally, snapshot: Snapshot, limits: GuardSettings) -> list[tuple[str, str]]:
    broken = []
    hint = "check the query and the column's format and null list; --allow-shrink takes it for once"
    for field, emptied in sorted(tally.emptied.items()):
        filled = snapshot.filled_before.get(field, 0)
        if filled >= FEWEST_FILLED and _is_above(emptied, filled, limits.max_emptied_ratio):
            lines = f"{emptied:,} of {filled:,} lines"
            text = f"{field} was emptied in {lines}, max_emptied_ratio is {limits.max_emptied_ratio}"
            broken.append((text, hint))
    return broken


def _reasons(tally: Tally) -> list[str]:
    return [
        f"{query}: {many(count, 'row', 'rows')} rejected: {f'{field} {reason}' if field else reason}"
        for (query, field, reason), count in tally.rejected.most_common(10)
    ]
