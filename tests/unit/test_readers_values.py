"""Values of any driver, read as each type (contract, section 4)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from datetime import time as clock_time
from decimal import Decimal
from fractions import Fraction
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from po_ingest import raw_values
from po_ingest.fields import BY_NAME, DECIMAL_LIMIT, DECIMAL_SCALE, INTEGER_MAX, INTEGER_MIN, Kind, quantize
from po_ingest.raw_values import as_shown, distinct_text
from po_ingest.readers import Reader, Unreadable, make_reader
from po_ingest.settings import ColumnSettings
from support.driver_values import BrokenZone, Silent, anything

FIELD_OF: Final = {
    Kind.TEXT: "sku",
    Kind.INTEGER: "line_number",
    Kind.DECIMAL: "ordered_quantity",
    Kind.DATE: "promised_date",
    Kind.DATETIME: "last_update_timestamp",
}
FORMATS: Final[dict[Kind, tuple[str | None, ...]]] = {
    Kind.TEXT: (None,),
    Kind.INTEGER: (None, "1.234,56"),
    Kind.DECIMAL: (None, "1,234.56", "1 234,56"),
    Kind.DATE: (None, "%d.%m.%Y", "%Y%m%d", "jde-julian"),
    Kind.DATETIME: (None, "%d.%m.%Y %H:%M", "jde-julian"),
}
BERLIN: Final = ZoneInfo("Europe/Berlin")
TOO_LARGE: Final = "is out of range for decimal(18,3)"


class NotATime(datetime):
    """Like the "not a time" of data frames: an instance of datetime without parts."""

    year = property(lambda _: float("nan"))

    def isoformat(self, sep: str = "T", timespec: str = "auto") -> str:
        raise ValueError(sep, timespec)


class Timestamp(datetime):
    """A driver's own datetime."""


class Day(date):
    """A driver's own date."""


class Number(float):
    """A driver's own float, whose repr is no number."""

    def __repr__(self) -> str:
        return "Number()"


class Label(str):
    """A driver's own text, whose str is another."""

    __slots__ = ()

    def __str__(self) -> str:
        return "another"


def reader(kind: Kind, *, read_as: str | None = None, null: tuple[str, ...] = (), zone: tzinfo = UTC) -> Reader:
    return make_reader(BY_NAME[FIELD_OF[kind]], ColumnSettings(column="any", format=read_as, null=null), zone)


def reason(read: Reader, raw: object) -> str:
    with pytest.raises(Unreadable) as caught:
        read(raw)
    return str(caught.value)


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("raw", [None, "", "  ", "\u00a0\t\r\n", b"", bytearray(b" "), memoryview(b"")])
def test_nothing_and_blanks_are_none(kind: Kind, raw: object) -> None:
    assert reader(kind)(raw) is None


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (" A-1 \n", "A-1"),
        ("a  b", "a  b"),
        ("\u00a0Gr\u00fc\u00dfe \U0001f69a\u202f", "Gr\u00fc\u00dfe \U0001f69a"),
        ("\u200f\u05e9\u05dc\u05d5\u05dd", "\u200f\u05e9\u05dc\u05d5\u05dd"),
        ("0010", "0010"),
        ("x" * 1000, "x" * 1000),
        (10, "10"),
        (-(10**40), "-1" + "0" * 40),
        (10.0, "10"),
        (10.5, "10.5"),
        (1e-7, "0.0000001"),
        (1e22, "1" + "0" * 22),
        (Decimal("12.50"), "12.50"),
        (Decimal("1E+3"), "1000"),
        (Decimal("12.0"), "12.0"),
        (True, "1"),
        (False, "0"),
        (date(2026, 1, 31), "2026-01-31"),
        (datetime(2026, 1, 31, 8, tzinfo=UTC), "2026-01-31T08:00:00+00:00"),
        (clock_time(8, 30), "08:30:00"),
        (b" K\xc3\xa4se ", "K\u00e4se"),
        (bytearray(b"abc"), "abc"),
        (memoryview(b"abc"), "abc"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Label(" own "), "own"),
        (Number(1.5), "1.5"),
    ],
)
def test_everything_a_driver_gives_has_a_text(raw: object, text: str) -> None:
    read = reader(Kind.TEXT)(raw)
    assert read == text
    assert type(read) is str


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("a\0b", "contains a NUL character"),
        ("\u00e9\0", "contains a NUL character"),
        ("a\ud800b", "contains a lone surrogate"),
        (b"\xff\xfe", "is binary and not UTF-8 text"),
        (b"a\0b", "contains a NUL character"),
        (float("nan"), "is not a finite number"),
        (float("-inf"), "is not a finite number"),
        (Decimal("NaN"), "is not a finite number"),
        pytest.param(10**5000, "is a number with too many digits", id="an integer of 5000 digits"),
        (Decimal("1e999999999999"), "is a number with too many digits"),
        (Decimal("1e-999999999999"), "is a number with too many digits"),
        ([1], "is of the type list, which cannot be read as a text"),
        (NotATime(2026, 1, 1), "is not a date"),
    ],
)
def test_texts_that_no_store_could_hold_are_unreadable(raw: object, why: str) -> None:
    assert reason(reader(Kind.TEXT), raw) == why


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        ("-1234.56", "-1234.560"),
        ("1e3", "1000.000"),
        ("1E-3", "0.001"),
        ("+7", "7.000"),
        ("7-", "-7.000"),
        ("7\u2212", "-7.000"),
        ("\u22127", "-7.000"),
        (".5", "0.500"),
        ("5.", "5.000"),
        ("007", "7.000"),
        ("-0", "0.000"),
        ("0.0005", "0.001"),
        ("-0.0005", "-0.001"),
        ("0.00049", "0.000"),
        ("1e-99999", "0.000"),
        ("0e99999", "0.000"),
        ("999999999999999.9994", "999999999999999.999"),
        ("0" * 500 + "1", "1.000"),
        (0.1, "0.100"),
        (1.0005, "1.001"),  # as its text says, though the float is a little less
        (1e14, "100000000000000.000"),
        (12, "12.000"),
        (True, "1.000"),
        (Decimal("1.0005"), "1.001"),
        (Decimal("1e-999999"), "0.000"),
        (b"1.5", "1.500"),
        (Label("1.5"), "1.500"),
        (Number(1.5), "1.500"),
    ],
)
def test_numbers_are_rounded_half_up_to_three_places(raw: object, number: str) -> None:
    assert str(reader(Kind.DECIMAL)(raw)) == number


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("9" * 40, TOO_LARGE),
        ("999999999999999.9995", TOO_LARGE),
        ("-1000000000000000", TOO_LARGE),
        ("1e400", TOO_LARGE),
        ("1e999999999999999999", TOO_LARGE),
        ("1e9999999999999999999999", "is out of range for any number"),
        (10**15, TOO_LARGE),
        (10**40, TOO_LARGE),
        pytest.param(10**5000, "is a number with too many digits", id="an integer of 5000 digits"),
        (1e15, TOO_LARGE),
        (1.7e308, TOO_LARGE),
        (Decimal("1e400"), TOO_LARGE),
        (Decimal("1e999999999999999999"), TOO_LARGE),
        (float("nan"), "is not a finite number"),
        (float("inf"), "is not a finite number"),
        (Decimal("NaN"), "is not a finite number"),
        (Decimal("sNaN"), "is not a finite number"),
        (Decimal("-Infinity"), "is not a finite number"),
        ("NaN", "is not a number such as -1234.56"),
        ("inf", "is not a number such as -1234.56"),
        ("1_000", "is not a number such as -1234.56"),
        ("1,5", "is not a number such as -1234.56"),
        ("\u0661\u0662", "is not a number such as -1234.56"),
        ("1 000", "is not a number such as -1234.56"),
        ("-1-", "is not a number such as -1234.56"),
        ("--1", "is not a number such as -1234.56"),
        ("1e", "is not a number such as -1234.56"),
        ("abc", "is not a number such as -1234.56"),
        ("1\0", "is not a number such as -1234.56"),
        ("\ud800", "is not a number such as -1234.56"),
        (b"\xff", "is binary and not UTF-8 text"),
        (date(2026, 1, 31), "is of the type date, which cannot be read as a number"),
        (Fraction(1, 2), "is of the type Fraction, which cannot be read as a number"),
    ],
)
def test_what_is_no_number_of_eighteen_digits_is_unreadable(raw: object, why: str) -> None:
    assert reason(reader(Kind.DECIMAL), raw) == why


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        ("00010", 10),
        (" 10 ", 10),
        ("10.0", 10),
        ("1e1", 10),
        ("10-", -10),
        (10, 10),
        (10.0, 10),
        (Decimal("10.000"), 10),
        (True, 1),
        ("2147483647", INTEGER_MAX),
        (INTEGER_MIN, INTEGER_MIN),
        (b"10", 10),
    ],
)
def test_line_numbers_are_whole_numbers_however_they_are_written(raw: object, number: int) -> None:
    read = reader(Kind.INTEGER)(raw)
    assert read == number
    assert type(read) is int


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("10.5", "is not a whole number"),
        ("1e-99999", "is not a whole number"),
        (10.5, "is not a whole number"),
        (INTEGER_MAX + 1, "is out of range for an integer of 32 bits"),
        ("-2147483649", "is out of range for an integer of 32 bits"),
        ("1e999999999", "is out of range for an integer of 32 bits"),
        ("9" * 40, "is out of range for an integer of 32 bits"),
        (Decimal("NaN"), "is not a finite number"),
        (Decimal("sNaN"), "is not a finite number"),
        ("A1", "is not a number such as -1234.56"),
    ],
)
def test_line_numbers_of_another_shape_are_unreadable(raw: object, why: str) -> None:
    assert reason(reader(Kind.INTEGER), raw) == why


@pytest.mark.parametrize(
    "raw",
    [
        date(2026, 1, 31),
        Day(2026, 1, 31),
        datetime(2026, 1, 31, 23, 59, 59),  # noqa: DTZ001 - drivers give datetimes without a zone
        datetime(2026, 1, 31, 23, 59, tzinfo=timezone(timedelta(hours=-11))),
        datetime(2026, 1, 31, 0, 1, tzinfo=timezone(timedelta(hours=14))),
        Timestamp(2026, 1, 31, 5),
        "2026-01-31T23:30:00-11:00",
    ],
)
def test_a_date_is_the_one_written_whatever_its_zone(raw: object) -> None:
    read = reader(Kind.DATE, zone=BERLIN)(raw)
    assert read == date(2026, 1, 31)
    assert type(read) is date


@pytest.mark.parametrize(
    ("raw", "moment"),
    [
        (datetime(2026, 1, 31, 8), "2026-01-31T07:00:00Z"),  # noqa: DTZ001 - drivers give datetimes without a zone
        (Timestamp(2026, 7, 31, 8), "2026-07-31T06:00:00Z"),
        (datetime(2026, 10, 25, 2, 30), "2026-10-25T00:30:00Z"),  # noqa: DTZ001 - as above
        (datetime(2026, 10, 25, 2, 30, fold=1), "2026-10-25T01:30:00Z"),  # noqa: DTZ001 - as above
        (Timestamp(2026, 10, 25, 2, 30, fold=1), "2026-10-25T01:30:00Z"),
        (datetime(2026, 1, 31, 8, tzinfo=UTC), "2026-01-31T08:00:00Z"),
        (datetime(2026, 1, 31, 8, tzinfo=timezone(timedelta(hours=-5))), "2026-01-31T13:00:00Z"),
        (date(2026, 1, 31), "2026-01-30T23:00:00Z"),
        (Day(2026, 1, 31), "2026-01-30T23:00:00Z"),
        ("2026-01-31", "2026-01-30T23:00:00Z"),
        ("2026-01-31 08:00:00.1234567", "2026-01-31T07:00:00.123456Z"),
        ("2026-01-31T08:00:00+02:00", "2026-01-31T06:00:00Z"),
        ("2026-01-31 08:00:00.0000000 +02:00", "2026-01-31T06:00:00Z"),
        ("20260131T080000Z", "2026-01-31T08:00:00Z"),
        (b"2026-01-31 08:00", "2026-01-31T07:00:00Z"),
    ],
)
def test_a_datetime_is_told_in_utc_and_the_zone_is_the_erps_where_none_is_written(raw: object, moment: str) -> None:
    read = reader(Kind.DATETIME, zone=BERLIN)(raw)
    assert isinstance(read, datetime)
    assert read == datetime.fromisoformat(moment)
    assert type(read) is datetime
    assert read.tzinfo is UTC


def test_a_datetime_in_utc_needs_no_conversion_whatever_object_stands_for_utc() -> None:
    moment = datetime(2026, 1, 31, 8)  # noqa: DTZ001 - drivers give datetimes without a zone
    for zone in (UTC, ZoneInfo("UTC")):
        assert reader(Kind.DATETIME, zone=zone)(moment) == moment.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("raw", "zone"),
    [
        (datetime(1, 1, 1), BERLIN),  # noqa: DTZ001 - drivers give datetimes without a zone
        (date(1, 1, 1), BERLIN),
        ("0001-01-01", BERLIN),
        ("0001-01-01T00:00:00+01:00", UTC),
        (datetime(9999, 12, 31, 23), ZoneInfo("America/New_York")),  # noqa: DTZ001 - as above
        ("9999-12-31T23:00:00-05:00", UTC),
    ],
)
def test_a_datetime_that_leaves_the_calendar_in_utc_is_unreadable(raw: object, zone: tzinfo) -> None:
    assert reason(reader(Kind.DATETIME, zone=zone), raw) == "is out of range for a datetime in UTC"


@pytest.mark.parametrize("kind", [Kind.DATE, Kind.DATETIME])
@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (NotATime(2026, 1, 1), "is not a date"),
        (True, "is not a date"),
        (clock_time(8), "is of the type time, which cannot be read as a date"),
        ([], "is of the type list, which cannot be read as a date"),
        (b"\xff", "is binary and not UTF-8 text"),
    ],
)
def test_what_is_no_date_is_unreadable(kind: Kind, raw: object, why: str) -> None:
    assert reason(reader(kind), raw) == why


def test_the_first_and_the_last_day_are_dates() -> None:
    assert reader(Kind.DATE)(date(1, 1, 1)) == date(1, 1, 1)
    assert reader(Kind.DATE)("9999-12-31") == date(9999, 12, 31)


@pytest.mark.parametrize(
    ("kind", "read_as", "null", "raws"),
    [
        (Kind.TEXT, None, ("N/A", " - "), ("N/A", " N/A ", b"N/A", "-")),
        (Kind.TEXT, None, ("0",), (0, 0.0, False, "0")),
        (Kind.DECIMAL, None, ("0",), (0, 0.0, Decimal("0.00"), "0", "0.00", "-0", False)),
        (Kind.DECIMAL, None, ("n/a", "9" * 40), ("n/a", "9" * 40, int("9" * 40), Decimal("9" * 40))),
        (Kind.DECIMAL, "1.234,56", ("9.999,99",), ("9.999,99", "9999,990", Decimal("9999.99"), 9999.99)),
        (Kind.DECIMAL, "1.234,56", ("-1.5",), ("-1,5", -1.5, Decimal("-1.500"))),
        (Kind.INTEGER, None, ("0", "99999"), (0, "000", Decimal(0), "99999", 99999.0)),
        (Kind.DATE, None, ("1900-01-01",), (date(1900, 1, 1), "19000101", datetime(1900, 1, 1, tzinfo=UTC), 19000101)),
        (Kind.DATE, None, ("0000-00-00", "0"), ("0000-00-00", "0", 0, Decimal("0.0"), 0.0)),
        (Kind.DATE, "%Y%m%d", ("00000000",), ("00000000", 0, Decimal(0), " 00000000 ")),
        (Kind.DATE, "%d.%m.%Y", ("1900-01-01",), (date(1900, 1, 1), "01.01.1900", "1900-01-01", "1.1.1900")),
        (Kind.DATE, "%d.%m.%Y", ("31.12.9999",), (date(9999, 12, 31), "31.12.9999")),
        (Kind.DATE, "jde-julian", ("0",), (0, "0", Decimal(0))),
        (Kind.DATETIME, "%d.%m.%Y", ("1900-01-01",), ("01.01.1900", date(1900, 1, 1))),
        (Kind.DATETIME, "%d.%m.%Y", ("01.01.1900",), ("01.01.1900", date(1900, 1, 1))),
        (Kind.DATETIME, None, ("0001-01-01",), (date(1, 1, 1), "0001-01-01 00:00:00", datetime(1, 1, 1, tzinfo=UTC))),
        (Kind.DATETIME, None, ("1753-01-01",), (datetime(1753, 1, 1), "17530101")),  # noqa: DTZ001 - as drivers do
    ],
)
def test_the_null_list_means_none_as_text_and_as_value(
    kind: Kind, read_as: str | None, null: tuple[str, ...], raws: tuple[object, ...]
) -> None:
    read = reader(kind, read_as=read_as, null=null, zone=BERLIN)
    assert [read(raw) for raw in raws] == [None] * len(raws)


@pytest.mark.parametrize(
    ("kind", "null", "raw"),
    [
        (Kind.TEXT, ("N/A",), "n/a"),
        (Kind.TEXT, ("0",), "00"),
        (Kind.DECIMAL, ("0",), "0.001"),
        (Kind.DECIMAL, ("0",), Decimal("1e-2")),
        (Kind.INTEGER, ("0",), 1),
        (Kind.DATE, ("1900-01-01",), date(1900, 1, 2)),
        (Kind.DATETIME, ("1900-01-01",), "1900-01-01 00:00:01"),
    ],
)
def test_other_values_than_those_of_the_null_list_stay(kind: Kind, null: tuple[str, ...], raw: object) -> None:
    assert reader(kind, null=null)(raw) is not None


def test_a_number_out_of_range_stays_unreadable_beside_a_null_list() -> None:
    assert reason(reader(Kind.DECIMAL, null=("0",)), Decimal("1e999999")) == TOO_LARGE


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        (Kind.DECIMAL, lambda number: f"{number}.5"),
        (Kind.DECIMAL, lambda number: Decimal(number) / 8),
        (Kind.DECIMAL, lambda number: number / 8),
        (Kind.INTEGER, int),
        (Kind.DATE, lambda number: (date(1990, 1, 1) + timedelta(number)).isoformat()),
    ],
)
def test_what_a_reader_remembers_is_bounded_and_never_wrong(
    monkeypatch: pytest.MonkeyPatch, kind: Kind, make: Callable[[int], object]
) -> None:
    monkeypatch.setattr(raw_values, "MEMORY", 16)
    remembering = reader(kind)
    for number in [*range(40), *range(40), 39, 39]:
        assert remembering(make(number)) == reader(kind)(make(number))


def test_the_memory_forgets_when_it_is_full_and_takes_no_long_texts() -> None:
    memory: raw_values.Memory[str, int] = raw_values.Memory(len)
    assert memory["x" * 65] == 65
    assert not memory
    for number in range(raw_values.MEMORY + 1):
        assert memory[f"{number}"] == len(f"{number}")
    assert len(memory) == 1


def test_numbers_that_are_equal_but_rounded_otherwise_are_kept_apart() -> None:
    read = reader(Kind.DECIMAL)
    exact = Decimal(1.0005)  # noqa: RUF032 - the float's exact value, a little below what its text says
    assert exact == 1.0005
    assert [read(1.0005), read(exact), read(1.0005)] == [Decimal("1.001"), Decimal("1.000"), Decimal("1.001")]


MONSTERS: Final = (
    "9" * 100_000,
    "1" * 100_000 + "e5",
    "0." + "0" * 100_000 + "1",
    "1e" + "9" * 100_000,
    "1," * 50_000,
    "-" * 100_000,
    " 1" * 50_000,
    "2" * 100_000,
    Decimal("1e999999999999999999"),
    Decimal("1e-999999999999999999"),
    10**100_000,
)


@pytest.mark.parametrize("kind", list(Kind))
def test_monstrous_values_are_soon_done_with(kind: Kind) -> None:
    for read_as in FORMATS[kind]:
        read = reader(kind, read_as=read_as, null=("0",))
        for monster in MONSTERS:
            begun = time.process_time()
            with contextlib.suppress(Unreadable):
                read(monster)
            assert time.process_time() - begun < 1


def is_canonical(kind: Kind, value: object) -> bool:
    if kind is Kind.TEXT:
        return type(value) is str and value == value.strip() != "" and "\0" not in value and bool(value.encode())
    if kind is Kind.INTEGER:
        return type(value) is int and INTEGER_MIN <= value <= INTEGER_MAX
    if kind is Kind.DECIMAL:
        return (
            type(value) is Decimal
            and abs(value) < DECIMAL_LIMIT
            and value.as_tuple().exponent == -DECIMAL_SCALE
            and str(value) == str(quantize(value))
        )
    if kind is Kind.DATE:
        return type(value) is date
    return type(value) is datetime and value.tzinfo is UTC


@pytest.mark.parametrize("kind", list(Kind))
@given(raw=anything, data=st.data())
def test_any_value_is_read_as_the_fields_type_or_is_unreadable(kind: Kind, raw: object, data: st.DataObject) -> None:
    read_as = data.draw(st.sampled_from(FORMATS[kind]))
    null = data.draw(st.sampled_from([(), ("0", "1900-01-01", "n/a")]))
    read = reader(kind, read_as=read_as, null=null, zone=data.draw(st.sampled_from([UTC, BERLIN])))
    try:
        value = read(raw)
    except Unreadable:
        assert 0 < len(reason(read, raw)) < 100
    else:
        assert value is None or is_canonical(kind, value)
        assert read(raw) == value


def test_values_that_python_shows_by_their_place_in_memory_have_a_text_of_their_own() -> None:
    assert distinct_text((memoryview(b"1"), 1)) == distinct_text((memoryview(bytearray(b"1")), 1))
    assert distinct_text((memoryview(b"1"),)) != distinct_text((memoryview(b"2"),))
    assert distinct_text((b"<memory at 0x1>", "x")) == r"(b'<memory at 0x1>', 'x')"


def test_values_that_python_cannot_show_have_a_text_of_their_own() -> None:
    assert distinct_text((10**5000, "\u00e9")) != distinct_text((10**5000 + 1, "\u00e9"))
    assert distinct_text((Silent(), "\u00e9")) == r"('Silent', '\xe9')"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"\xff", "0xff"),
        (memoryview(b"\x01\x02"), "0x0102"),
        (bytearray(b""), "0x"),
        (Decimal("1.50"), "1.50"),
        pytest.param(1 << 20_000, "0x1" + "0" * 5000, id="an integer of 6000 digits"),
        (Silent(), "a Silent that cannot be shown"),
    ],
)
def test_people_are_told_of_any_value(raw: object, shown: str) -> None:
    assert as_shown(raw) == shown


@pytest.mark.parametrize("kind", [Kind.TEXT, Kind.DATETIME])
@pytest.mark.parametrize("moment", [datetime, Timestamp])
def test_a_drivers_zone_that_fails_makes_its_datetime_unreadable(kind: Kind, moment: type[datetime]) -> None:
    assert reason(reader(kind), moment(2026, 1, 1, tzinfo=BrokenZone())) == "is not a date"
