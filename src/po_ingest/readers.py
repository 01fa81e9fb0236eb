"""Values of an ERP's driver, read as the types of fields (contract, sections 3 and 4).

`make_reader` is called once a field; the reader it returns once a value, millions of times a night. So each reader
asks for the usual types first, by `type(raw) is`, and remembers what it has read: dates and quantities repeat. A whole
column of one type is read at once, without a call a value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from types import NoneType
from typing import Any, Final, TypeAlias

import attrs

from po_ingest.date_formats import DateFormat, check_date_format, date_format, parse_iso
from po_ingest.fields import (
    DECIMAL_LIMIT,
    DECIMAL_PRECISION,
    DECIMAL_SCALE,
    INTEGER_MAX,
    INTEGER_MIN,
    Field,
    Kind,
    Value,
    quantize,
)
from po_ingest.number_formats import NumberParser, check_number_format, number_parser, parse_plain
from po_ingest.raw_values import (
    NOT_A_DATE,
    NOT_FINITE,
    TEXTS,
    Memory,
    as_number,
    as_text,
    as_written,
    null_values,
    number_as_text,
)
from po_ingest.settings import ColumnSettings
from po_ingest.unreadable import Unreadable

__all__ = ["Reader", "Unreadable", "check_format", "make_reader"]

ReadValue: TypeAlias = Callable[[object], Value]
ReadColumn: TypeAlias = Callable[[Sequence[object]], Sequence[Value]]


@attrs.frozen(slots=True)
class Reader:
    """Reads values of a column; `read` a value, `column` a run of them, to the same. Both raise Unreadable."""

    read: ReadValue
    column: ReadColumn

    def __call__(self, raw: object) -> Value:
        """Read a value."""
        return self.read(raw)


NOT_WHOLE: Final = "is not a whole number"
OUT_OF_INTEGER: Final = "is out of range for an integer of 32 bits"
OUT_OF_DECIMAL: Final = f"is out of range for decimal({DECIMAL_PRECISION},{DECIMAL_SCALE})"
OUT_OF_TIME: Final = "is out of range for a datetime in UTC"


def check_format(kind: Kind, text: str) -> None:
    """Raise ValueError, with what was expected as its text, unless `text` is a format of the type."""
    if kind is Kind.TEXT:
        raise ValueError("no format, since the field is a text")
    if kind in {Kind.DATE, Kind.DATETIME}:
        check_date_format(kind, text)
    else:
        check_number_format(text)


def make_reader(field: Field, column: ColumnSettings, zone: tzinfo) -> Reader:
    """Return what reads a column's values as the field's type; it raises Unreadable.

    Texts come trimmed and in full: the caller cuts them to the field's width. `zone` is that of datetimes without one.
    """
    nulls = frozenset(entry.strip() for entry in column.null)
    if field.kind is Kind.TEXT:
        return _text_reader(nulls)
    if field.kind is Kind.DECIMAL:
        return _number_reader(number_parser(column.format), nulls, _to_decimal)
    if field.kind is Kind.INTEGER:
        return _number_reader(number_parser(column.format), nulls, _to_integer)
    dates = date_format(column.format, with_time=field.kind is Kind.DATETIME)
    if field.kind is Kind.DATE:
        return _temporal_reader(dates, nulls, _to_date(dates, nulls))
    return _temporal_reader(dates, nulls, _to_utc(dates, nulls, zone))


def _text_reader(nulls: frozenset[str]) -> Reader:
    def read(raw: object) -> Value:
        if raw is None:
            return None
        text = raw.strip() if type(raw) is str else as_text(raw).strip()
        if not text.isascii() or "\0" in text:
            _check_characters(text)
        return None if not text or text in nulls else text

    def column(raws: Sequence[object]) -> Sequence[Value]:
        kinds = {*map(type, raws)}
        if kinds == {NoneType}:
            return raws  # type: ignore[return-value]  # all of them are None
        if not kinds <= {str, NoneType} or not _is_plain("".join(filter(None, raws))):  # type: ignore[arg-type]  # texts
            return list(map(read, raws))
        texts: list[str | None] = [raw.strip() or None if raw else None for raw in raws]  # type: ignore[attr-defined]  # as above
        return [None if text in nulls else text for text in texts] if nulls else texts

    return Reader(read, column)


def _is_plain(text: str) -> bool:
    return text.isascii() and "\0" not in text


def _with_memory(read: ReadValue, memories: Mapping[type, Memory[Any, Value]]) -> Reader:
    """Return a reader whose columns of one type are looked up in that type's memory."""

    def column(raws: Sequence[object]) -> Sequence[Value]:
        kinds = {*map(type, raws)} - {NoneType}
        if not kinds:
            return raws  # type: ignore[return-value]  # all of them are None
        memory = memories.get(kinds.pop())
        if memory is None or kinds:
            return list(map(read, raws))
        return [None if raw is None else memory[raw] for raw in raws]

    return Reader(read, column)


def _check_characters(text: str) -> None:
    if "\0" in text:
        raise Unreadable("contains a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unreadable("contains a lone surrogate") from None


def _to_decimal(number: Decimal) -> Decimal:
    try:
        rounded = quantize(number)
        if -DECIMAL_LIMIT < rounded < DECIMAL_LIMIT:
            return rounded
    except InvalidOperation:
        if not number.is_finite():
            raise Unreadable(NOT_FINITE) from None
    raise Unreadable(OUT_OF_DECIMAL)


def _to_integer(number: Decimal) -> int:
    if not number.is_finite():
        raise Unreadable(NOT_FINITE)
    if not INTEGER_MIN - 1 < number < INTEGER_MAX + 1:
        raise Unreadable(OUT_OF_INTEGER)
    whole = int(number)
    if number != whole:
        raise Unreadable(NOT_WHOLE)
    return whole


def _number_reader(parse: NumberParser, nulls: frozenset[str], convert: Callable[[Decimal], int | Decimal]) -> Reader:
    none = null_values(nulls, lambda text: convert(parse(text)), lambda text: convert(parse_plain(text)))

    def read_text(raw: str) -> Value:
        text = raw.strip()
        if not text or text in nulls:
            return None
        value = convert(parse(text))
        return None if value in none else value

    def read_number(raw: object) -> Value:
        number = as_number(raw, "number")
        if nulls and _is_listed(number, nulls):
            return None
        value = convert(number)
        return None if value in none else value

    texts = Memory(read_text)
    machine: Memory[float, Value] = Memory(read_number)
    exact: Memory[Decimal, Value] = Memory(read_number)  # apart: a float and its equal can be rounded otherwise

    def read(raw: object) -> Value:
        kind = type(raw)
        if kind is str:
            return texts[raw]  # type: ignore[index]  # type() is faster than isinstance, and mypy cannot follow it
        if kind is int or kind is float:
            return machine[raw]  # type: ignore[index]  # as above
        if raw is None:
            return None
        if kind is Decimal and raw.is_finite():  # type: ignore[attr-defined]  # as above; other Decimals lack a hash
            return exact[raw]  # type: ignore[index]  # as above
        return read_text(as_text(raw)) if isinstance(raw, TEXTS) else read_number(raw)

    return _with_memory(read, {str: texts, int: machine, float: machine})


def _is_listed(number: Decimal, nulls: frozenset[str]) -> bool:
    """Say whether a number's text is in the null list; so a number out of range can be."""
    try:
        return number_as_text(number) in nulls
    except Unreadable:
        return False


def _to_date(dates: DateFormat, nulls: frozenset[str]) -> Callable[[datetime], date | None]:
    none = frozenset(moment.date() for moment in null_values(nulls, dates.parse, parse_iso))

    def convert(moment: datetime) -> date | None:
        day = moment.date()
        return None if day in none else day

    return convert


def _to_utc(dates: DateFormat, nulls: frozenset[str], zone: tzinfo) -> Callable[[datetime], datetime | None]:
    # The null list tells what is written, in any zone: so 0001-01-01 can be listed, which many zones push out of range.
    none = frozenset(moment.replace(tzinfo=None) for moment in null_values(nulls, dates.parse, parse_iso))
    is_utc = str(zone) == "UTC"

    def convert(moment: datetime) -> datetime | None:
        if none and moment.replace(tzinfo=None) in none:
            return None
        if is_utc and moment.tzinfo is None:
            return datetime.combine(moment, moment.time(), UTC)  # a seventh of the time that replace() takes
        try:
            return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
        except (OverflowError, ValueError):
            raise Unreadable(OUT_OF_TIME) from None
        except Exception:  # noqa: BLE001 - of a driver's own zone
            raise Unreadable(NOT_A_DATE) from None

    return convert


def _temporal_reader(dates: DateFormat, nulls: frozenset[str], convert: Callable[[datetime], Value]) -> Reader:
    def read_text(raw: str) -> Value:
        text = raw.strip()
        return None if not text or text in nulls else convert(dates.parse(text))

    def read_number(raw: object) -> Value:
        text = _digits(raw)
        padded = text.zfill(dates.digits)
        return None if text in nulls or padded in nulls else convert(dates.parse(padded))

    texts = Memory(read_text)
    days: Memory[date, Value] = Memory(lambda day: convert(as_written(day)))

    def read(raw: object) -> Value:
        kind = type(raw)
        if kind is str:
            return texts[raw]  # type: ignore[index]  # type() is faster than isinstance, and mypy cannot follow it
        if kind is datetime:
            return convert(raw)  # type: ignore[arg-type]  # as above
        if kind is date:
            return days[raw]  # type: ignore[index]  # as above
        if raw is None:
            return None
        if isinstance(raw, date):
            return convert(as_written(raw))
        return read_text(as_text(raw)) if isinstance(raw, TEXTS) else read_number(raw)

    return _with_memory(read, {str: texts, date: days})


def _digits(raw: object) -> str:
    """Return a number for a date field as its text: 20260131 for 20260131.0. Raises Unreadable."""
    if isinstance(raw, bool):
        raise Unreadable(NOT_A_DATE)
    whole, _, part = number_as_text(as_number(raw, "date")).partition(".")
    return f"{whole}.{part}" if part.strip("0") else whole
