"""Stage 3, diff: what became of each line that was read, as values (R3, R6, R9). The heart of the product."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, cast

import attrs

from po_ingest.fields import FIELDS, MAPPED_BY_XREF, Value, to_text, tracked_fields
from po_ingest.line_value import line_value
from po_ingest.model import (
    Cause,
    FieldChange,
    LineEvent,
    LineState,
    MappedLine,
    Own,
    Presence,
    SnapshotAction,
)
from po_ingest.settings import LineSettings
from po_ingest.stages.snapshot import OWN_POSITIONS
from po_ingest.stages.xref import ITEM_CODE, Xref, entry_of, map_own

XREF_PLACE: Final = {position: place for place, position in enumerate(OWN_POSITIONS)}


@attrs.frozen(slots=True)
class Rules:
    """What decides about a difference."""

    tracked: tuple[int, ...]  # positions in FIELDS
    reconfigured: frozenset[str]  # fields that are read otherwise than in the last run applied
    xref: Xref
    default_supplier: str


@line_value
class Difference:
    """What became of a line."""

    presence: Presence
    event: LineEvent | None
    fields: tuple[FieldChange, ...]
    snapshot: SnapshotAction


CREATED: Final = Difference(Presence.ACTIVE, "created", (), SnapshotAction.OPEN)


def rules(
    lines: LineSettings,
    active_slots: Iterable[str],
    configuration: Mapping[str, str],
    last_configuration: Mapping[str, str] | None,
    xref: Xref,
) -> Rules:
    """Gather what decides about differences; the configurations are those of `LineReading` tonight and last time."""
    before = configuration if last_configuration is None else last_configuration
    reconfigured = {field for field in {*before, *configuration} if before.get(field) != configuration.get(field)}
    tracked = tracked_fields(frozenset(lines.ignored_fields), frozenset(active_slots))
    return Rules(tracked, frozenset(reconfigured), xref, lines.default_supplier)


def compare_lines(lines: Iterable[MappedLine], by: Rules) -> list[Difference]:
    """Compare known lines with the state in which the store has them; new ones are created, whatever they are."""
    return [_compare(line, by) for line in lines]


def _compare(line: MappedLine, by: Rules) -> Difference:
    state = line.read.state
    if state.presence == Presence.NEVER:
        return CREATED
    fields = _changes(line, state, by)
    if state.presence == Presence.ACTIVE:
        if not line.read.is_active:
            return Difference(Presence.CLOSED, "absent", fields, SnapshotAction.CLOSE)
        return Difference(Presence.ACTIVE, None, fields, SnapshotAction.REPLACE if fields else SnapshotAction.KEEP)
    if line.read.is_active:
        return Difference(Presence.ACTIVE, "reappeared", fields, SnapshotAction.OPEN)
    return Difference(state.presence, None, fields, SnapshotAction.KEEP)  # absent lines keep their first reason


def _changes(line: MappedLine, state: LineState, by: Rules) -> tuple[FieldChange, ...]:
    if line.values == state.values:
        return ()
    changes = []
    for position in by.tracked:
        previous, new = state.values[position], line.values[position]
        if previous != new:
            cause = _cause(position, new, state, by)
            changes.append(FieldChange(FIELDS[position].name, to_text(previous), to_text(new), cause))
    return tuple(changes)


def _cause(position: int, new: Value, state: LineState, by: Rules) -> Cause:
    """Say why a field differs: the mapping alone did it if it does so with what the ERP gave last time, too."""
    name = FIELDS[position].name
    if name in by.reconfigured:
        return "config"
    if name in MAPPED_BY_XREF:
        code = cast("str | None", state.values[ITEM_CODE])
        remapped: Own = map_own(state.own, code, entry_of(code, by.xref), by.default_supplier)
        if remapped[XREF_PLACE[position]] == new:
            return "xref"
    return "erp"
