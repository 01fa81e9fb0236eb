"""Stage 4, batches: reconstruct deliveries so that their sum is always the delivered quantity (R10)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final, cast

import attrs

from po_ingest.fields import DECIMAL_LIMIT, DECIMAL_STEP, INDEX, Value
from po_ingest.model import BatchKind, Deliveries, Delivery, LineKey, MappedLine, NewLines, Presence
from po_ingest.receipts import DeliveryEvent, Receipts
from po_ingest.stages.snapshot import DELIVERED, UNCHANGED_ACTIVE, UNCHANGED_INACTIVE, Snapshot

ZERO: Final = Decimal("0.000")
IN_DATE: Final = INDEX["in_date"]
LAST_UPDATE: Final = INDEX["last_update_timestamp"]
LARGEST: Final = DECIMAL_LIMIT - DECIMAL_STEP


def with_other_receipts(tonight: Snapshot, receipts: Receipts) -> Iterator[int]:
    """Yield the known lines whose row is unchanged but whose receipts are others than last time."""
    known = tonight.known
    for key, at in known.index.items():
        if tonight.seen[at] in {UNCHANGED_ACTIVE, UNCHANGED_INACTIVE} and key not in receipts.frozen:
            digest = receipts.digest(key) if key in receipts.events else None
            if digest != known.receipts[at]:
                yield at


def reconstruct_lines(
    lines: Iterable[MappedLine],
    receipts: Receipts | None,
    deliveries: Mapping[int, Sequence[Delivery]],
    run_date: date,
) -> list[tuple[Delivery, ...]]:
    """Return the batches that each known line gets tonight.

    `deliveries` are the batches of known lines so far, by line id; they are needed only where there are receipts.
    """
    return [_reconstruct(line, receipts, deliveries, run_date) for line in lines]


def reconstruct_new(lines: NewLines, receipts: Receipts | None, run_date: date) -> NewLines:
    """Give new lines the batches that they get tonight."""
    delivered, in_dates, updates = (lines.values[at] for at in (DELIVERED, IN_DATE, LAST_UPDATE))
    if receipts is None:
        return attrs.evolve(lines, deliveries=_first_growth(delivered, in_dates, updates, run_date))
    batches = []
    for key, quantity, in_date, updated in zip(lines.keys, delivered, in_dates, updates, strict=True):
        day = _fallback_date(in_date, updated, run_date)
        batches.append(_received(key, receipts, (), cast("Decimal | None", quantity) or ZERO, day))
    return attrs.evolve(lines, deliveries=Deliveries.of(batches))


def _first_growth(
    delivered: Sequence[Value], in_dates: Sequence[Value], updates: Sequence[Value], run_date: date
) -> Deliveries:
    """Return what `_growth` does from nothing, for each line; a field's quantity always fits a batch."""
    places = [place for place, quantity in enumerate(delivered) if quantity]
    quantities = cast("list[Decimal]", [delivered[place] for place in places])
    return Deliveries(
        places,
        ["delta" if quantity > ZERO else "correction" for quantity in quantities],
        quantities,
        [_fallback_date(in_dates[place], updates[place], run_date) for place in places],
        [None] * len(places),
        [None] * len(places),
    )


def _reconstruct(
    line: MappedLine, receipts: Receipts | None, deliveries: Mapping[int, Sequence[Delivery]], run_date: date
) -> tuple[Delivery, ...]:
    state = line.read.state
    delivered = cast("Decimal | None", line.values[DELIVERED]) or ZERO
    day = _fallback_date(line.values[IN_DATE], line.values[LAST_UPDATE], run_date)
    if receipts is not None:
        return tuple(_received(line.read.key, receipts, deliveries.get(state.line_id, ()), delivered, day))
    before = None if state.presence == Presence.NEVER else cast("Decimal | None", state.values[DELIVERED])
    return _growth(delivered, before or ZERO, day)


def _growth(delivered: Decimal, before: Decimal, day: date) -> tuple[Delivery, ...]:
    """Return what was delivered since the last run."""
    return _parts("delta" if delivered > before else "correction", delivered - before, day)


def _received(
    key: LineKey, receipts: Receipts, so_far: Sequence[Delivery], delivered: Decimal, day: date
) -> Iterator[Delivery]:
    """Yield what the receipts say, and what remains to what was delivered."""
    new = () if key in receipts.frozen else tuple(_from_events(key, receipts, so_far, day))
    yield from new
    total = sum((batch.quantity for batch in (*so_far, *new)), ZERO)
    yield from _parts("reconciliation", delivered - total, day)


def _fallback_date(in_date: Value, updated: Value, run_date: date) -> date:
    """Date what has no date of its own: by the line's receipt date, else its last update, else the run."""
    return cast("date | None", in_date) or (updated.date() if isinstance(updated, datetime) else run_date)


def _parts(
    kind: BatchKind, quantity: Decimal, day: date, reference: str | None = None, event: str | None = None
) -> tuple[Delivery, ...]:
    """Return a batch of the quantity, two where one decimal(18,3) cannot hold it, none where it is zero."""
    if not quantity:
        return ()
    if -LARGEST <= quantity <= LARGEST:
        return (Delivery(kind, quantity, day, reference, event),)
    part = max(-LARGEST, min(LARGEST, quantity))
    return Delivery(kind, part, day, reference, event), *_parts(kind, quantity - part, day, reference, event)


@attrs.define(slots=True)
class _Told:
    """A delivery event as the batches so far tell it."""

    quantity: Decimal = ZERO
    by_date: dict[date, Decimal] = attrs.Factory(dict)
    reference: str | None = None

    def day(self) -> date | None:
        """Return the date that the event's quantity stands at."""
        return next((day for day, quantity in self.by_date.items() if quantity), None)


def _from_events(key: LineKey, receipts: Receipts, so_far: Iterable[Delivery], day: date) -> Iterator[Delivery]:
    """Yield what brings the batches so far to tonight's delivery events."""
    told = _told(so_far)
    events = {event.event: event for event in receipts.events.get(key, ())}
    for name, old in told.items():
        if name not in events and (at := old.day()):
            yield from _parts("correction", -old.quantity, at, old.reference, name)
    for name, event in events.items():
        yield from _to_event(told.get(name), event, day)


def _told(so_far: Iterable[Delivery]) -> dict[str, _Told]:
    told: dict[str, _Told] = {}
    for batch in so_far:
        if batch.event is not None:
            old = told.setdefault(batch.event, _Told())
            old.quantity += batch.quantity
            old.by_date[batch.date] = old.by_date.get(batch.date, ZERO) + batch.quantity
            old.reference = batch.reference
    return told


def _to_event(old: _Told | None, event: DeliveryEvent, day: date) -> Iterator[Delivery]:
    """Yield a new event's receipt, a changed quantity's correction, or a changed date's two: out and in."""
    if old is None:
        yield from _parts("receipt", event.quantity, event.date or day, event.reference, event.event)
        return
    before = old.day()
    if before is None:
        yield from _parts("correction", event.quantity, event.date or day, event.reference, event.event)
    elif event.date is None or event.date == before:
        yield from _parts("correction", event.quantity - old.quantity, before, event.reference, event.event)
    else:
        yield from _parts("correction", -old.quantity, before, event.reference, event.event)
        yield from _parts("correction", event.quantity, event.date, event.reference, event.event)
