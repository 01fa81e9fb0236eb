"""Stage 5, custom_columns: the slots follow the ERP, but for those that a user has taken over (R11)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import Final

from po_ingest.fields import CUSTOM_SLOTS, FIELDS, INDEX, Value, Values
from po_ingest.line_value import line_value
from po_ingest.model import LineState, MappedLine

NOWHERE: Final = len(FIELDS)
"""A position behind all fields."""
FROM_ERP: Final = "erp"
FROM_USER: Final = "user"


@line_value
class Slots:
    """The custom slots of a line as they shall stand in the store."""

    values: Values  # in the order of CUSTOM_SLOTS
    sources: Mapping[str, str]
    populated: int  # values written that were not there before


def populate_lines(lines: Iterable[MappedLine], active_slots: Iterable[str]) -> list[Slots]:
    """Fill the mapped slots of lines; unmapped ones are left alone."""
    active = frozenset(active_slots)
    places = tuple((slot, INDEX[slot], place) for place, slot in enumerate(CUSTOM_SLOTS) if slot in active)
    pick = itemgetter(*(INDEX[slot] if slot in active else NOWHERE for slot in CUSTOM_SLOTS))
    all_from_erp = {slot: FROM_ERP for slot, _, _ in places}
    return [
        _new(line, pick, all_from_erp) if line.read.state is None else _populate(line, line.read.state, places)
        for line in lines
    ]


def _new(line: MappedLine, pick: Callable[[Values], Values], sources: Mapping[str, str]) -> Slots:
    """Fill the slots of a new line; all such lines share one mapping of sources."""
    values = pick((*line.values, None))
    return Slots(values, sources, len([value for value in values if value is not None]))


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
