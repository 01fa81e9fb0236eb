"""Whatever a driver may hand over as a value: the usual, the extreme, and what is no value at all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any, Final, NoReturn

from hypothesis import strategies as st

from po_ingest.fields import FIELDS, Field, Kind

zones = st.one_of(st.none(), st.just(UTC), st.integers(-1439, 1439).map(lambda of: timezone(timedelta(minutes=of))))
anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-10, 40_000_000),
    st.floats(),
    st.decimals(),
    st.decimals(allow_nan=False, allow_infinity=False, places=4),
    st.fractions(),
    st.text(),
    st.text(alphabet=st.characters()),
    st.text(alphabet="0123456789.,-+eE '/:TZ\u00a0\u2212", max_size=24),
    st.from_regex(r"\A[0-9]{4}-?[01][0-9]-?[0-3][0-9]([ T][0-2][0-9]:[0-5][0-9](:[0-5][0-9](\.[0-9]{1,8})?)?Z?)?\Z"),
    st.binary(),
    st.dates(),
    st.times(),
    st.datetimes(timezones=zones),
    st.timedeltas(),
    st.uuids(),
    st.complex_numbers(),
    st.lists(st.integers()),
    st.dictionaries(st.text(), st.text()),
)
"""Values of the types that drivers have."""


class Silent:
    """An object that cannot be shown, compared or kept."""

    def __repr__(self) -> str:
        raise ValueError("no text")

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError(other)

    def __hash__(self) -> NoReturn:
        raise TypeError("no hash")

    def __reduce__(self) -> NoReturn:
        raise TypeError("cannot be kept")


class BrokenZone(tzinfo):
    """A driver's own zone that does not know its offset."""

    def utcoffset(self, _moment: datetime | None) -> NoReturn:
        raise LookupError("no zone")

    dst = tzname = utcoffset


class OwnNumber(float):
    """A driver's own number, which looks the same whatever it is."""

    def __repr__(self) -> str:
        return "a number"

    __str__ = __repr__


def _endless() -> list[object]:
    inside: list[object] = []
    inside.append(inside)
    return inside


def _rows() -> Iterator[int]:
    yield 1


EXTREMES: Final[tuple[Any, ...]] = (
    10**999,
    -(10**4000),
    10**5000,
    2**63,
    float("nan"),
    float("inf"),
    -0.0,
    5e-324,
    1.7976931348623157e308,
    Decimal("NaN"),
    Decimal("sNaN"),
    Decimal("-Infinity"),
    Decimal("1e999999"),
    Decimal("1e-999999"),
    Decimal("999999999999999.9995"),
    Decimal("-0.0004"),
    "\0",
    "a\0b",
    "\ud800",
    "\u202eeslaf\u202c",
    "\u05e9\u05dc\u05d5\u05dd",
    "\U0001f69a" * 300,
    "\u0130",  # its lower case has two characters
    "\u00df",
    "\u2028",
    "\x1b[31m",
    "x" * 70_000,
    "=1+1",
    b"\xff\xfe\0",
    bytearray(b"10"),
    memoryview(b"10"),
    memoryview(b"\xff"),
    date.min,
    date.max,
    datetime.min,  # noqa: DTZ901 - drivers give them without a zone
    datetime.max,  # noqa: DTZ901 - as above
    datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
    datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
    datetime(2026, 1, 1, tzinfo=BrokenZone()),
    OwnNumber(1.5),
    object(),
    Silent(),
    _endless(),
    _rows(),
    print,
    int,
    [{"nested": [b"\0", Silent()]}],
    ValueError("not a value"),
)
"""Values that something in the way could choke on."""

odd = st.one_of(st.integers(0, len(EXTREMES) - 1).map(EXTREMES.__getitem__), anything)
_texts = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["C"]), max_size=12)
_numbers = st.one_of(
    st.integers(-1000, 10**6), st.decimals(-(10**6), 10**6, places=3), st.floats(-1e6, 1e6).map(lambda x: round(x, 3))
)
_days = st.dates(date(1990, 1, 1), date(2040, 1, 1))
USUAL: Final[dict[Kind, st.SearchStrategy[Any]]] = {
    Kind.TEXT: _texts,
    Kind.INTEGER: st.integers(1, 5),
    Kind.DECIMAL: _numbers,
    Kind.DATE: st.one_of(_days, _days.map(date.isoformat)),
    Kind.DATETIME: st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1)),  # noqa: DTZ001 - as drivers give them
}


def value_of(field: Field) -> st.SearchStrategy[Any]:
    """Return mostly what a column of the field has, and sometimes anything at all."""
    usual = st.one_of(st.none(), USUAL[field.kind])
    return st.integers(0, 7).flatmap(lambda die: odd if die == 0 else usual)


FIELD_STRATEGIES: Final = {field.name: value_of(field) for field in FIELDS}
