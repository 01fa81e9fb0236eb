"""The ERP's receipts, read: delivery events by line (R10)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from hashlib import blake2b
from typing import Final
from zoneinfo import ZoneInfo

import attrs

from po_ingest.fields import BY_NAME, DECIMAL_LIMIT, Field, Kind, Value
from po_ingest.model import LineKey, RawRow, RejectedRow
from po_ingest.readers import Unreadable, make_reader
from po_ingest.reading import DIGEST_SIZE, Reader, Rejection, cut, read_key, require, resolve_columns, row_as_json
from po_ingest.settings import QuerySettings

REFERENCE_WIDTH: Final = 128
RECEIPT_FIELDS: Final[dict[str, Field]] = {
    "po_number": BY_NAME["po_number"],
    "line_number": BY_NAME["line_number"],
    "quantity": Field("quantity", Kind.DECIMAL, "Quantity delivered; negative for a reversal"),
    "in_date": Field("in_date", Kind.DATE, "Date of the delivery"),
    "reference": Field("reference", Kind.TEXT, "What names the delivery, such as a receipt number", REFERENCE_WIDTH),
}
OUT_OF_RANGE: Final = "its line's quantities add up to more than decimal(18,3) holds"


@attrs.frozen(slots=True)
class DeliveryEvent:
    """A delivery of a line as the ERP tells it tonight; an event's rows are added up, the earliest date counts."""

    event: str
    reference: str | None
    date: date | None
    quantity: Decimal


@attrs.frozen(slots=True)
class Receipts:
    """Tonight's delivery events by line; the lines in `frozen` have a row that could not be taken."""

    events: dict[LineKey, tuple[DeliveryEvent, ...]]
    frozen: frozenset[LineKey]
    rejected: tuple[RejectedRow, ...]
    truncated: int

    def total(self, key: LineKey) -> Decimal:
        """Return what was delivered of a line in all."""
        return sum((event.quantity for event in self.events.get(key, ())), Decimal("0.000"))

    def digest(self, key: LineKey) -> bytes | None:
        """Return 16 bytes that are equal only for equal events; None for a line without any."""
        events = self.events.get(key)
        if not events:
            return None
        parts = [(event.event, event.reference, str(event.date), str(event.quantity)) for event in events]
        return blake2b(ascii(parts).encode("ascii"), digest_size=DIGEST_SIZE).digest()


class ReceiptReading:
    """Reads the rows of the receipts' query. Raises ConfigError where columns and settings do not fit."""

    def __init__(self, columns: tuple[str, ...], query: QuerySettings, *, timezone: str) -> None:
        """Resolve the columns; key and quantity are required."""
        found = resolve_columns("receipts", columns, RECEIPT_FIELDS, query.columns)
        require("receipts", found, ("po_number", "line_number", "quantity"), columns)
        self.columns = columns
        self._at = {name: column.position for name, column in found.items()}
        zone = ZoneInfo(timezone)
        self._readers: dict[str, Reader] = {
            name: make_reader(RECEIPT_FIELDS[name], column.settings, zone) for name, column in found.items()
        }

    def key(self, row: RawRow) -> LineKey:
        """Return the key of the row's line. Raises Rejection."""
        number, line = row[self._at["po_number"]], row[self._at["line_number"]]
        return read_key(self._readers["po_number"], self._readers["line_number"], number, line)

    def event(self, row: RawRow, key: LineKey) -> tuple[DeliveryEvent, bool]:
        """Return the row as a delivery event, and whether its reference was cut. Raises Rejection."""
        quantity = self._read("quantity", row, key)
        day = self._read("in_date", row, key)
        reference = self._read("reference", row, key)
        is_cut = False
        if isinstance(reference, str) and len(reference) > REFERENCE_WIDTH:
            reference, is_cut = cut(reference, REFERENCE_WIDTH), True
        day = day if isinstance(day, date) else None
        number = quantity if isinstance(quantity, Decimal) else Decimal("0.000")
        text = reference if isinstance(reference, str) else None
        return DeliveryEvent(event_name(text, day), text, day, number), is_cut

    def _read(self, name: str, row: RawRow, key: LineKey) -> Value:
        if name not in self._at:
            return None
        raw = row[self._at[name]]
        try:
            return None if raw is None else self._readers[name](raw)
        except Unreadable as error:
            raise Rejection(name, str(error), key) from None


def event_name(reference: str | None, day: date | None) -> str:
    """Name a delivery event: by its reference, without one by its date."""
    if reference is not None:
        return f"reference {reference}"
    return f"date {day.isoformat()}" if day else "undated"


def read_receipts(
    reading: ReceiptReading, chunks: Iterable[list[RawRow]], is_wanted: Callable[[LineKey], bool]
) -> Receipts:
    """Read all receipts of the lines that are read tonight; those of other lines are skipped unread."""
    events: dict[LineKey, dict[str, DeliveryEvent]] = {}
    rejected: list[RejectedRow] = []
    frozen: set[LineKey] = set()
    truncated = 0
    for chunk in chunks:
        for row in chunk:
            try:
                key = reading.key(row)
                if not is_wanted(key):
                    continue
                event, is_cut = reading.event(row, key)
            except Rejection as error:
                rejected.append(_rejected(reading, row, error))
                number, line = error.key
                if number is not None and line is not None:
                    frozen.add((number, line))
                continue
            truncated += is_cut
            of_line = events.setdefault(key, {})
            of_line[event.event] = _add(of_line.get(event.event), event)
    too_large = {key for key, of_line in events.items() if _is_too_large(of_line.values())}
    frozen |= too_large
    rejected.extend(_out_of_range(key) for key in sorted(too_large))
    ordered = {
        key: tuple(of_line[name] for name in sorted(of_line)) for key, of_line in events.items() if key not in too_large
    }
    return Receipts(ordered, frozenset(frozen), tuple(rejected), truncated)


def _add(one: DeliveryEvent | None, other: DeliveryEvent) -> DeliveryEvent:
    if one is None:
        return other
    days = [day for day in (one.date, other.date) if day is not None]
    return attrs.evolve(one, quantity=one.quantity + other.quantity, date=min(days, default=None))


def _is_too_large(events: Iterable[DeliveryEvent]) -> bool:
    quantities = [event.quantity for event in events]
    return any(abs(number) >= DECIMAL_LIMIT for number in (*quantities, sum(quantities, Decimal(0))))


def _rejected(reading: ReceiptReading, row: RawRow, error: Rejection) -> RejectedRow:
    return RejectedRow("receipts", *error.key, error.field, error.reason, row_as_json(reading.columns, row))


def _out_of_range(key: LineKey) -> RejectedRow:
    return RejectedRow("receipts", *key, "quantity", OUT_OF_RANGE, {})
