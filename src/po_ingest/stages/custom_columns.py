"""Stage 5, custom_columns: the slots follow the ERP, but for those that a user has taken over (R11)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from po_ingest.fields import CUSTOM_SLOTS, INDEX, Value, Values
from po_ingest.line_value import line_value
from po_ingest.model import LineState, MappedLine, NewLines

FROM_ERP: Final = "erp"
FROM_USER: Final = "user"


@line_value
class Slots:
    """The custom slots of a line as they shall stand in the store."""

    values: Values  # in the order of CUSTOM_SLOTS
    sources: Mapping[str, str]
    populated: int  # values written that were not there before


def populate_lines(lines: Iterable[MappedLine], active_slots: Iterable[str]) -> list[Slots]:
    """Fill the mapped slots of known lines; unmapped ones are left alone."""
    active = frozenset(active_slots)
    places = tuple((slot, INDEX[slot], place) for place, slot in enumerate(CUSTOM_SLOTS) if slot in active)
    return [_populate(line, line.read.state, places) for line in lines]


def populate_new(lines: NewLines, active_slots: Iterable[str]) -> NewLines:
    """Mark the mapped slots of new lines as the ERP's, whose values they have; the others are empty."""
    active = frozenset(active_slots)
    return attrs.evolve(lines, sources={slot: FROM_ERP for slot in CUSTOM_SLOTS if slot in active})


def populated_of_new(lines: NewLines) -> int:
    """Return how many slots of new lines have a value."""
    return sum(len([value for value in lines.values[INDEX[slot]] if value is not None]) for slot in lines.sources)


def _populate(line: MappedLine, state: LineState, places: tuple[tuple[str, int, int], ...]) -> Slots:
    before, sources = state.slots, dict(state.sources)
    if not places:
        return Slots(before, sources, 0)
    values: list[Value] = list(before)
    populated = 0
    for slot, position, place in places:
        if sources.get(slot) != FROM_USER:
            sources[slot] = FROM_ERP
            new = values[place] = line.values[position]
            populated += new is not None and new != before[place]
    return Slots(tuple(values), sources, populated)
