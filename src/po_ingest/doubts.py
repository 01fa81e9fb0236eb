"""What looks wrong about a snapshot and breaks no guard: told, never refused.

A guard cannot tell columns that were swapped from an ERP that moved all its dates, so such a night is applied (R3: its
history shows every value, and the next good night brings the right ones back), and somebody is asked to look.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from po_ingest.fields import CUSTOM_SLOTS
from po_ingest.guards import Snapshot
from po_ingest.model import IGNORED_FIELDS
from po_ingest.stages.report import Tally

FEWEST_LINES: Final = 20
"""In fewer lines anything may happen in one night."""
MOST: Final = 0.5
"""Of the lines active then and now, the part in which a field has to change to be told."""
FEWEST_TEXTS: Final = 3
"""Fewer texts that look like another code page may be corrections by hand."""


def found(tally: Tally, snapshot: Snapshot, before: Mapping[str, str] | None, now: Mapping[str, str]) -> list[str]:
    """Return what is to be told; `before` and `now` are how the fields were read in the last run and in this one."""
    told = [*_moved(tally, snapshot), *_recoded(tally)]
    if before is not None:
        told += _unmapped(before, now)
    return told


def _moved(tally: Tally, snapshot: Snapshot) -> list[str]:
    lines = snapshot.active_before - tally.missing - tally.closed
    if lines < FEWEST_LINES:
        return []
    moved = {field: count for field, count in sorted(tally.moved.items()) if count / lines > MOST}
    if not moved:
        return []
    fields = ", ".join(f"{field} in {count}" for field, count in moved.items())
    what = f"of {lines} lines that were active and still are, most have other values: {fields}"
    return [f"{what}; if that is not so in the ERP, look for swapped columns, or keys that were given to other items"]


def _recoded(tally: Tally) -> list[str]:
    fields = ", ".join(f"{field} in {n} lines" for field, n in sorted(tally.recoded.items()) if n >= FEWEST_TEXTS)
    if not fields:
        return []
    return [f"texts differ as if they were read in another code page: {fields}; look at a few, and at the encoding"]


def _unmapped(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    gone = sorted(_read(before) - _read(now) - set(CUSTOM_SLOTS))  # slots are taken away in the configuration only
    if not gone:
        return []
    return [f"the query's result has no column for {', '.join(gone)} any more; lines keep their last values there"]


def _read(configuration: Mapping[str, str]) -> set[str]:
    unread = (name for name, how in configuration.items() if how.startswith("None "))  # supplier_code by default alone
    return configuration.keys() - {IGNORED_FIELDS, *unread}
