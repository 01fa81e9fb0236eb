"""Values as drivers give them, taken as text or as number, and what readers need besides."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Final, TypeVar
from uuid import UUID

from po_ingest.unreadable import Unreadable

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

TEXTS: Final = (str, bytes, bytearray, memoryview)
MEMORY: Final = 8192
"""How many values a reader remembers; then it starts afresh."""

LONGEST_REMEMBERED: Final = 64
DIGITS_MAX: Final = 400
"""More digits than any number of an ERP; a Decimal of a few bytes can have a text of gigabytes."""

BITS_MAX: Final = 4 * DIGITS_MAX
PLACE_IN_MEMORY: Final = " at 0x"
"""How Python shows what has no text of its own."""

NOT_FINITE: Final = "is not a finite number"
NOT_A_DATE: Final = "is not a date"
TOO_MANY_DIGITS: Final = "is a number with too many digits"


class Memory(dict[K, T]):
    """What values were read to: a dict that reads what it lacks, and forgets all when it is full."""

    def __init__(self, read: Callable[[K], T]) -> None:
        """Remember what `read` returns; what it raises is not remembered."""
        super().__init__()
        self._read = read

    def __missing__(self, raw: K) -> T:
        """Read a value for the first time."""
        value = self._read(raw)
        if not isinstance(raw, str) or len(raw) <= LONGEST_REMEMBERED:
            if len(self) >= MEMORY:
                self.clear()
            self[raw] = value
        return value


def as_text(raw: object) -> str:
    """Return the text of a driver's value, not trimmed. Raises Unreadable."""
    if isinstance(raw, str):
        return str.__str__(raw)
    if isinstance(raw, (bytes, bytearray, memoryview)):
        return _decode(raw)
    if isinstance(raw, (date, time)):
        return _isoformat(raw)
    if isinstance(raw, UUID):
        return str(raw)
    text = number_as_text(as_number(raw, "text"))
    return text.removesuffix(".0") if isinstance(raw, float) else text


def _decode(raw: bytes | bytearray | memoryview) -> str:
    try:
        return bytes(raw).decode()
    except UnicodeDecodeError:
        raise Unreadable("is binary and not UTF-8 text") from None


def _isoformat(raw: date | time) -> str:
    try:
        return raw.isoformat()
    except Exception:  # noqa: BLE001 - of a driver's own class, such as a "not a time", or a zone without an offset
        raise Unreadable(NOT_A_DATE) from None


def as_number(raw: object, wanted: str) -> Decimal:
    """Return a driver's number as it stands; a float is the number that its shortest text says. Raises Unreadable."""
    if isinstance(raw, Decimal):
        return raw
    if isinstance(raw, int):
        if raw.bit_length() > BITS_MAX:
            raise Unreadable(TOO_MANY_DIGITS)
        return Decimal(int(raw))
    if isinstance(raw, float):
        if not math.isfinite(raw):
            raise Unreadable(NOT_FINITE)
        return Decimal(float.__repr__(raw))
    raise Unreadable(f"is of the type {type(raw).__name__}, which cannot be read as a {wanted}")


def number_as_text(number: Decimal) -> str:
    """Return a number's digits, without an exponent. Raises Unreadable."""
    _, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        raise Unreadable(NOT_FINITE)
    if len(digits) > DIGITS_MAX or abs(exponent) > DIGITS_MAX:
        raise Unreadable(TOO_MANY_DIGITS)
    return format(number, "f")


def as_written(raw: date) -> datetime:
    """Return a driver's date as a datetime of the standard library, its zone kept. Raises Unreadable."""
    try:
        if not isinstance(raw, datetime):
            return datetime(raw.year, raw.month, raw.day)  # noqa: DTZ001 - a date has no zone
        clock = (raw.hour, raw.minute, raw.second, raw.microsecond)
        return datetime(raw.year, raw.month, raw.day, *clock, tzinfo=raw.tzinfo, fold=raw.fold)
    except Exception:  # noqa: BLE001 - of a driver's own class, such as a "not a time"
        raise Unreadable(NOT_A_DATE) from None


def distinct_text(values: tuple[object, ...]) -> str:
    """Return a text in ASCII that is another one for other values, and the same on every machine and Python version.

    `ascii` does it for all that drivers usually give. What it shows by its place in memory, or cannot show, is helped.
    """
    try:
        text = ascii(values)
    except Exception:  # noqa: BLE001 - an integer of thousands of digits, or whatever a driver's own class raises
        return ascii(tuple(map(_showable, values)))
    return ascii(tuple(map(_showable, values))) if PLACE_IN_MEMORY in text else text


def _showable(value: object) -> object:
    if isinstance(value, memoryview):
        return bytes(value)
    try:
        ascii(value)
    except Exception:  # noqa: BLE001 - as above
        return hex(value) if isinstance(value, int) else type(value).__name__
    return value


def as_shown(value: object) -> str:
    """Return a value as people are told of it, whatever it is."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "0x" + bytes(value).hex()
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - as above
        return hex(value) if isinstance(value, int) else f"a {type(value).__name__} that cannot be shown"


def null_values(nulls: Iterable[str], *reads: Callable[[str], T]) -> frozenset[T]:
    """Return what a null list's entries are read to by the first that can; some are texts only (`0000-00-00`)."""
    values: set[T] = set()
    for entry in nulls:
        for read in reads:
            try:
                values.add(read(entry))
                break
            except Unreadable:
                continue
    return frozenset(values)
