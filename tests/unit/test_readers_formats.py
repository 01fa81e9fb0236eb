"""Formats of dates and numbers in texts (contract, section 3)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from po_ingest.fields import BY_NAME, Kind, Value, quantize
from po_ingest.number_formats import EXPECTED
from po_ingest.readers import Reader, Unreadable, check_format, make_reader
from po_ingest.settings import ColumnSettings

FIELD_OF: Final = {
    Kind.TEXT: "sku",
    Kind.INTEGER: "line_number",
    Kind.DECIMAL: "ordered_quantity",
    Kind.DATE: "promised_date",
    Kind.DATETIME: "last_update_timestamp",
}
NUMBER_SAMPLES: Final = {
    "1,234.56": (",", "."),
    "1.234,56": (".", ","),
    "1 234,56": (" ", ","),
    "1\u00a0234.56": ("\u202f", "."),
    "1'234.56": ("'", "."),
    "1\u2019234,56": ("\u2019", ","),
    "1234,5": ("", ","),
    "1234.56": ("", "."),
    "12,345,678.9": (",", "."),
    "-1.234,56": (".", ","),
    "1.234,56-": (".", ","),
    "1,5": ("", ","),
}
UNCLEAR: Final = "a number sample that tells thousands from decimals, such as"


def reader(kind: Kind, *, read_as: str | None = None, null: tuple[str, ...] = (), zone: str = "UTC") -> Reader:
    column = ColumnSettings(column="any", format=read_as, null=null)
    return make_reader(BY_NAME[FIELD_OF[kind]], column, ZoneInfo(zone))


@pytest.mark.parametrize(
    ("read_as", "text", "number"),
    [
        ("1,234.56", "1,234.56", "1234.560"),
        ("1,234.56", "12,345,678", "12345678.000"),
        ("1,234.56", "1234.5", "1234.500"),
        ("1,234.56", "1,234.56-", "-1234.560"),
        ("1,234.56", "-1,234.56", "-1234.560"),
        ("1,234.56", "\u22121,234.56", "-1234.560"),
        ("1,234.56", "1,234.56\u2212", "-1234.560"),
        ("1,234.56", "+1,234.56", "1234.560"),
        ("1,234.56", "- 7", "-7.000"),
        ("1,234.56", ".5", "0.500"),
        ("1,234.56", "5.", "5.000"),
        ("1.234,56", "1.234,5655", "1234.566"),
        ("1.234,56", "1.234", "1234.000"),
        ("1 234,56", "1\u00a0234\u202f567,89", "1234567.890"),
        ("1 234,56", "1 234,56", "1234.560"),
        ("1'234.56", "1'234.56", "1234.560"),
        ("1'234.56", "1\u2019234.56", "1234.560"),
        ("1234,5", "1234567,25", "1234567.250"),
    ],
)
def test_a_number_is_read_by_its_sample(read_as: str, text: str, number: str) -> None:
    assert str(reader(Kind.DECIMAL, read_as=read_as)(f" {text}\t")) == number


@pytest.mark.parametrize(
    ("read_as", "text"),
    [
        ("1,234.56", "1,5"),
        ("1,234.56", "1,23"),
        ("1,234.56", "1234,567.0"),
        ("1,234.56", "12,34,567.89"),
        ("1,234.56", "1,,234"),
        ("1,234.56", ",234"),
        ("1,234.56", "0,123"),
        ("1,234.56", "1.234,56"),
        ("1,234.56", "1.234.567"),
        ("1,234.56", "1 234.56"),
        ("1,234.56", "1.5,000"),
        ("1,234.56", "-1-"),
        ("1,234.56", "+1-"),
        ("1,234.56", "--1"),
        ("1,234.56", "-"),
        ("1,234.56", "."),
        ("1,234.56", "1e3"),
        ("1,234.56", "1_000"),
        ("1,234.56", "\u0661\u0662"),
        ("1,234.56", "NaN"),
        ("1.234,56", "1.5"),
        ("1.234,56", "12.50"),
        ("1 234,56", "1.5"),
        ("1 234,56", "1 23"),
        ("1 234,56", "1\n234"),
        ("1234,5", "1.234,5"),
        ("1234,5", "1234.5"),
        ("1234.56", "1,234.56"),
    ],
)
def test_a_number_in_another_format_is_unreadable_and_never_another_number(read_as: str, text: str) -> None:
    with pytest.raises(Unreadable, match=re.escape(f"is not a number in the format {read_as}")):
        reader(Kind.DECIMAL, read_as=read_as)(text)


@pytest.mark.parametrize("sample", sorted(NUMBER_SAMPLES))
@given(
    number=st.decimals(min_value=Decimal(-(10**14)), max_value=10**14, places=3),
    grouped=st.booleans(),
    at=st.integers(0, 3),
)
def test_every_number_formatted_like_the_sample_is_read_back(
    sample: str, number: Decimal, grouped: bool, at: int
) -> None:
    grouping, separator = NUMBER_SAMPLES[sample]
    digits = f"{abs(number):{',' if grouped and grouping else ''}.3f}"
    text = digits.replace(",", "G").replace(".", separator).replace("G", grouping)
    minus = ("{}", "-{}", "{}-", "\u2212{}")[at].format(text)
    wanted = abs(number) if at == 0 else -abs(number)
    assert reader(Kind.DECIMAL, read_as=sample)(minus) == wanted


@given(st.text(alphabet="0123456789,.", max_size=12))
def test_grouping_is_strict_a_text_is_read_only_if_its_commas_stand_before_every_three_digits(text: str) -> None:
    whole, _, part = text.partition(".")
    groups = whole.split(",")
    well_formed = len(groups) == 1 or (
        1 <= len(groups[0]) <= 3 and groups[0][0] != "0" and all(len(group) == 3 for group in groups[1:])
    )
    readable = well_formed and "," not in part and "." not in part and (whole + part).strip(",") != ""
    read = reader(Kind.DECIMAL, read_as="1,234.56")
    if readable:
        assert read(text) == quantize(Decimal(text.replace(",", "")))
    elif text:
        with pytest.raises(Unreadable):
            read(text)


@pytest.mark.parametrize("sample", sorted(NUMBER_SAMPLES))
@pytest.mark.parametrize("kind", [Kind.DECIMAL, Kind.INTEGER])
def test_number_samples_are_formats_of_numbers(kind: Kind, sample: str) -> None:
    check_format(kind, sample)


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        ("1,234", f"{UNCLEAR} 1,234.00 or 1234,00"),
        ("1.234", f"{UNCLEAR} 1.234,00 or 1234.00"),
        ("1,234,567", EXPECTED),
        ("1 234", EXPECTED),
        ("1234", EXPECTED),
        ("1,23,456.78", EXPECTED),
        ("1,234,56", EXPECTED),
        ("#,##0.00", EXPECTED),
        ("%d", EXPECTED),
        ("\u0661,\u0665", EXPECTED),
        ("", EXPECTED),
    ],
)
def test_a_sample_that_stands_for_no_or_several_formats_is_refused(sample: str, expected: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        check_format(Kind.DECIMAL, sample)


@pytest.mark.parametrize("text", ["%Y", "1,234.56", "iso"])
def test_texts_have_no_format(text: str) -> None:
    with pytest.raises(ValueError, match=r"^no format, since the field is a text$"):
        check_format(Kind.TEXT, text)


@pytest.mark.parametrize(
    ("read_as", "text", "day"),
    [
        (None, "2026-01-31", "2026-01-31"),
        (None, "20260131", "2026-01-31"),
        (None, " 2026-01-31 00:00:00.000 ", "2026-01-31"),
        (None, "2026-01-31 23:59:59.9999999", "2026-01-31"),
        (None, "2026-01-31T08:00:00Z", "2026-01-31"),
        (None, "2026-01-31t08:00z", "2026-01-31"),
        (None, "2026-01-31 23:30:00.0000000 -11:00", "2026-01-31"),
        (None, "2026-01-31T00:30:00+14", "2026-01-31"),
        (None, "0001-01-01", "0001-01-01"),
        (None, "9999-12-31", "9999-12-31"),
        ("iso", "2026-01-31", "2026-01-31"),
        ("%d.%m.%Y", "31.01.2026", "2026-01-31"),
        ("%d.%m.%Y", "1.2.2026", "2026-02-01"),
        ("%Y%m%d", "20260131", "2026-01-31"),
        ("%d-%b-%y", "05-nov-26", "2026-11-05"),
        ("%d %B %Y%%", "5 March 2026%", "2026-03-05"),
        ("%Y/%j", "2026/031", "2026-01-31"),
        ("%Y%m%d%%", "20260131%", "2026-01-31"),
        ("%A (%Y%m%d)", "Saturday (20260131)", "2026-01-31"),
        ("%G-W%V-%u", "2026-W05-6", "2026-01-31"),
        ("%Y%m%d %H:%M", "20260131 23:59", "2026-01-31"),
        ("%Y%m%d %H:%M", "20260131  23:59", "2026-01-31"),
        ("%Y%m%dT%H%M", "20260131t2359", "2026-01-31"),
        ("%Y\u5e74%m\u6708%d\u65e5", "2026\u5e741\u670831\u65e5", "2026-01-31"),
        ("%d/%m/%Y %I:%M %p", "31/01/2026 11:59 PM", "2026-01-31"),
        ("jde-julian", "126031", "2026-01-31"),
        ("jde-julian", "99365", "1999-12-31"),
        ("jde-julian", "1", "1900-01-01"),
        ("jde-julian", "124366", "2024-12-31"),
        ("jde-julian", "000001", "1900-01-01"),
    ],
)
def test_a_date_is_read_by_its_format(read_as: str | None, text: str, day: str) -> None:
    assert reader(Kind.DATE, read_as=read_as)(text) == date.fromisoformat(day)


@pytest.mark.parametrize(
    ("read_as", "text"),
    [
        (None, "31.01.2026"),
        (None, "2026-1-31"),
        (None, "2026-0131"),
        (None, "202601-31"),
        (None, "2026-W05-6"),
        (None, "2026-02-30"),
        (None, "2100-02-29"),
        (None, "0000-00-00"),
        (None, "2026-13-01"),
        (None, "10000-01-01"),
        (None, "2026-01-31 24:00:00"),
        (None, "2026-01-31 08:60"),
        (None, "2026-01-31T08:00+99:99"),
        (None, "2026-01-31 08"),
        (None, "\u0662\u0660\u0662\u0666-01-31"),
        (None, "today"),
        ("%d.%m.%Y", "2026-01-31"),
        ("%d.%m.%Y", "31.01.2026 x"),
        ("%d.%m.%Y", "30.02.2026"),
        ("%d.%m.%Y", "29.02.2100"),
        ("%d.%m.%Y", "\u0663\u0661.01.2026"),
        ("%d.%m.%Y", "31.01.\u0662\u0660\u0662\u0666"),
        ("%d.%m.%Y", "31.01.0000"),
        ("%Y%m%d", "2026131"),
        ("%Y%m%d", "2026013"),
        ("%Y%m%d", "202601310"),
        ("%d%m%Y", "1022026"),
        ("%Y%m%d %H%M", "20260131 759"),
        ("%Y%m%d %A", "2026131 Saturday"),
        ("jde-julian", "0"),
        ("jde-julian", "126000"),
        ("jde-julian", "126366"),
        ("jde-julian", "1126031"),
        ("jde-julian", "-26031"),
        ("jde-julian", "\u0661\u0662\u0666031"),
    ],
)
def test_a_date_in_another_format_is_unreadable_and_never_another_day(read_as: str | None, text: str) -> None:
    shown = {None: "ISO format such as 2026-01-31", "jde-julian": "the format jde-julian (CYYDDD)"}
    told = shown.get(read_as, f"the format {read_as}")
    with pytest.raises(Unreadable, match=f"^{re.escape(f'is not a date in {told}')}$"):
        reader(Kind.DATE, read_as=read_as)(text)
    if read_as != "jde-julian":
        with pytest.raises(Unreadable, match=f"^{re.escape(f'is not a datetime in {told}')}$"):
            reader(Kind.DATETIME, read_as=read_as)(text)


@pytest.mark.parametrize(
    "read_as", ["%Y%m%d", "%d.%m.%Y", "%d%m%Y", "%m/%d/%Y", "%Y-%j", "%d-%b-%Y", "%c", "iso", "jde-julian"]
)
@given(day=st.dates(date(1900, 1, 1), date(2899, 12, 31)))
def test_every_date_formatted_by_the_pattern_is_read_back(read_as: str, day: date) -> None:
    text = day.isoformat() if read_as == "iso" else day.strftime(read_as)
    if read_as == "jde-julian":
        text = f"{(day.year - 1900) * 1000 + day.timetuple().tm_yday}"
    assert reader(Kind.DATE, read_as=read_as)(text) == day


@given(moment=st.datetimes(), offset=st.integers(-14 * 60, 14 * 60))
def test_every_iso_datetime_is_read_back_to_the_microsecond(moment: datetime, offset: int) -> None:
    sign, minutes = "-" if offset < 0 else "+", abs(offset)
    text = f"{moment.isoformat(' ')}{sign}{minutes // 60:02}:{minutes % 60:02}"
    try:
        wanted: datetime = moment.replace(tzinfo=UTC) - timedelta(minutes=offset)
    except OverflowError:
        with pytest.raises(Unreadable, match="out of range"):
            reader(Kind.DATETIME)(text)
    else:
        assert reader(Kind.DATETIME)(text) == wanted


@pytest.mark.parametrize(
    ("read_as", "raw", "day"),
    [
        (None, 20260131, "2026-01-31"),
        (None, Decimal(20260131), "2026-01-31"),
        (None, Decimal("20260131.000"), "2026-01-31"),
        (None, 20260131.0, "2026-01-31"),
        ("%Y%m%d", 20260131, "2026-01-31"),
        ("%d%m%Y", 1022026, "2026-02-01"),
        ("%d%m%y", 10226, "2026-02-01"),
        ("%y%m%d", Decimal(60131), "2006-01-31"),
        ("jde-julian", 126031, "2026-01-31"),
        ("jde-julian", Decimal(126031), "2026-01-31"),
        ("jde-julian", 99001.0, "1999-01-01"),
    ],
)
def test_a_number_for_a_date_is_read_as_its_text(read_as: str | None, raw: object, day: str) -> None:
    assert reader(Kind.DATE, read_as=read_as)(raw) == date.fromisoformat(day)
    assert reader(Kind.DATETIME, read_as=read_as)(raw) == datetime.fromisoformat(f"{day}T00:00:00Z")


def test_a_null_entry_has_the_zeros_that_its_number_lost() -> None:
    for read_as, null in (("jde-julian", "000000"), ("%Y%m%d", "00000000")):
        assert reader(Kind.DATE, read_as=read_as, null=(null,))(0) is None


@pytest.mark.parametrize(
    "raw",
    [
        0,
        -20260131,
        20260131.5,
        Decimal("20260131.5"),
        Decimal("NaN"),
        Decimal("sNaN"),
        float("inf"),
        True,
        10**400,
        Decimal("1e999999999"),
    ],
)
def test_a_number_that_is_no_date_is_unreadable(raw: object) -> None:
    with pytest.raises(Unreadable):
        reader(Kind.DATE)(raw)


@pytest.mark.parametrize("kind", [Kind.DATE, Kind.DATETIME])
@pytest.mark.parametrize(
    "pattern",
    [
        "iso",
        "jde-julian",
        "%d.%m.%Y",
        "%Y%m%d",
        "%y%m%d",
        "%d-%b-%y",
        "%x",
        "%c",
        "%Y-%m-%dT%H:%M:%S%z",
        "%m/%d/%Y %I:%M %p",
    ],
)
def test_patterns_that_tell_a_day_are_formats_of_dates(kind: Kind, pattern: str) -> None:
    check_format(kind, pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "yyyy-mm-dd",
        "%d.%m",
        "%Y-%m",
        "%H:%M",
        "%Q%Y%m%d",
        "%Y%m%d%",
        "%D",
        "%s",
        "%Y%m%d%Y",
        "1,234.56",
        "ISO",
        "%Y-%m-%d\0",
        "%Y %W",
        "%G-%m-%d",
    ],
)
def test_a_pattern_that_tells_no_day_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="strptime pattern with year, month and day"):
        check_format(Kind.DATE, pattern)


def test_a_clock_of_twelve_hours_needs_its_half_of_the_day() -> None:
    with pytest.raises(ValueError, match=r"^a strptime pattern with %H, or with %I and %p$"):
        check_format(Kind.DATETIME, "%Y-%m-%d %I:%M")


def test_names_of_zones_are_refused_where_the_zone_counts() -> None:
    check_format(Kind.DATE, "%Y-%m-%d %Z")
    with pytest.raises(ValueError, match=r"^a strptime pattern that takes the zone as %z, since .*%Z.* are ambiguous$"):
        check_format(Kind.DATETIME, "%Y-%m-%d %H:%M %Z")


def test_a_format_is_for_texts_only() -> None:
    assert reader(Kind.DECIMAL, read_as="1.234,56")(Decimal("1.234")) == Decimal("1.234")
    assert reader(Kind.DECIMAL, read_as="1.234,56")(1.5) == Decimal("1.500")
    assert reader(Kind.DATE, read_as="%d.%m.%Y")(date(2026, 1, 31)) == date(2026, 1, 31)


def test_line_numbers_can_have_a_number_format() -> None:
    values: list[Value] = [reader(Kind.INTEGER, read_as="1.234,56")(text) for text in ("1.234", "10,0", "00010")]
    assert values == [1234, 10, 10]
