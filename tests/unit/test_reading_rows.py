"""What of a row decides: its key, its status, the columns in use, and how the settings say that they are read."""

from __future__ import annotations

from datetime import date

import pytest

import po_ingest.reading
from po_ingest.errors import ConfigError
from po_ingest.fields import BY_NAME, INDEX, INTEGER_MAX, INTEGER_MIN
from po_ingest.model import LineKey, RawRow
from po_ingest.reading import LineReading, Rejection
from po_ingest.settings import ColumnSettings, LineSettings, QuerySettings

COLUMNS = ("po_number", "line_number", "sku", "current_status", "last_update_timestamp", "nobodys")
LONG = "x" * 65


def reading(
    *names: str,
    listed: dict[str, str] | None = None,
    lines: LineSettings | None = None,
    timezone: str = "UTC",
    receipts: bool = False,
) -> LineReading:
    columns = {field: ColumnSettings(column=column) for field, column in (listed or {}).items()}
    query = QuerySettings(query="SELECT 1", columns=columns)
    settings = lines or LineSettings()
    return LineReading(names or COLUMNS, query, {}, settings, timezone=timezone, delivered_from_receipts=receipts)


@pytest.mark.parametrize(
    ("number", "line", "field", "reason", "known"),
    [
        (None, 1, "po_number", "is missing", (None, 1)),
        ("", 1, "po_number", "is missing", (None, 1)),
        (" ", 1, "po_number", "is missing", (None, 1)),
        (None, None, "po_number", "is missing", (None, None)),
        ("A", None, "line_number", "is missing", ("A", None)),
        ("a\0", 1, "po_number", "contains a NUL character", (None, 1)),
        ("a\0", "x", "po_number", "contains a NUL character", (None, None)),
        (LONG, 1, "po_number", "is longer than 64 characters", (None, 1)),
        (LONG, "x", "po_number", "is longer than 64 characters", (None, None)),
        ("A", "x", "line_number", "is not a number such as -1234.56", ("A", None)),
        (None, "x", "line_number", "is not a number such as -1234.56", (None, None)),
        ("A", INTEGER_MAX + 1, "line_number", "is out of range for an integer of 32 bits", ("A", None)),
        ("A", INTEGER_MIN - 1, "line_number", "is out of range for an integer of 32 bits", ("A", None)),
    ],
)
def test_r8_a_row_without_a_key_is_rejected_with_what_of_it_is_known(
    number: object, line: object, field: str, reason: str, known: tuple[str | None, int | None]
) -> None:
    row = (number, line, None, None, None, None)
    assert reading().keys([row]) == [None]
    with pytest.raises(Rejection) as caught:
        reading().key(row)
    assert (caught.value.field, caught.value.reason, caught.value.key) == (field, reason, known)
    assert str(caught.value) == f"{field} {reason}"


@pytest.mark.parametrize("key", [("A", INTEGER_MIN), ("A", INTEGER_MAX), ("x" * 64, 1), ("\u00c4" * 64, 1)])
def test_r18_a_key_may_go_to_its_limits(key: LineKey) -> None:
    row = (*key, None, None, None, None)
    assert reading().key(row) == key
    assert reading().keys([row])[0] in {key, None}


def test_columns_that_lack_are_told_with_the_query() -> None:
    with pytest.raises(ConfigError) as caught:
        reading("A", "B")
    assert caught.value.message == "po_lines: no column for po_number, line_number"
    with pytest.raises(ConfigError) as caught:
        reading(*COLUMNS, listed={"item": "ITEM"})
    assert caught.value.message == "po_lines: the result has no column 'ITEM' (field item)"


def test_of_columns_that_differ_in_case_only_the_one_written_alike_is_the_fields() -> None:
    read, _ = reading("po_number", "line_number", "SKU", "sku").values(("A", 1, "other", "S"), ("A", 1))
    assert read[INDEX["sku"]] == "S"


def test_r8_texts_are_cut_where_they_are_too_long_whether_read_as_a_column_or_a_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(po_ingest.reading, "BLOCK", 6)
    width = BY_NAME["sku"].width
    assert width is not None
    texts = ("x" * (width + 1), None, "x" * width, "S", "x" * (width - 1) + " x")
    rows = [("A", at, sku, status, None, None) for at, sku in enumerate(texts) for status in ("open", "y" * 400)]
    together = reading().columns_of(rows)
    assert together is not None
    columns, cuts = together
    singly = [reading().values(row, ("A", 0)) for row in rows]
    assert list(zip(*columns, strict=True)) == [values for values, _ in singly]
    assert [count for _, count in singly] == [1, 2, 0, 1, 0, 1, 0, 1, 1, 2]
    assert cuts == 9
    assert [values[INDEX["sku"]] for values, _ in singly[::2]] == [texts[2], None, texts[2], "S", "x" * (width - 1)]


def test_r8_a_value_that_cannot_be_read_is_told_with_its_key() -> None:
    row = ("A", 1, "S", "open", "today", None)
    assert reading().columns_of([row]) is None
    with pytest.raises(Rejection) as caught:
        reading().values(row, ("A", 1))
    told = (caught.value.field, caught.value.reason, caught.value.key)
    why = "is not a datetime in ISO format such as 2026-01-31"
    assert told == ("last_update_timestamp", why, ("A", 1))


def test_r6_a_status_is_compared_as_its_text_whatever_the_driver_gives() -> None:
    raws = (3, 3.0, "3", " 3 ", b"3", bytearray(b"3"), 4, None, b"\xff", "open")
    expected = [False] * 6 + [True] * 4
    closing = reading(lines=LineSettings(inactive_statuses=("3 ",)))
    rows = [("A", 1, "S", raw, None, None) for raw in raws]
    assert [closing.is_active(row) for row in rows] == expected
    assert list(closing.are_active(rows)) == expected
    assert list(closing.are_active(rows[2:4] + rows[-1:])) == [False, False, True]
    without = reading("po_number", "line_number")
    assert without.is_active(("A", 1))
    assert list(without.are_active([("A", 1)] * 2)) == [True, True]


def test_a_datetime_without_a_zone_is_in_the_zone_of_the_erp() -> None:
    row = ("A", 1, "S", "open", "2026-01-31 08:00", None)
    read, _ = reading(timezone="Europe/Berlin").values(row, ("A", 1))
    assert str(read[INDEX["last_update_timestamp"]]) == "2026-01-31 07:00:00+00:00"


def test_each_date_is_read_by_the_format_and_the_null_list_of_its_own_column() -> None:
    columns = {
        "in_date": ColumnSettings(column="in", format="%d.%m.%Y"),
        "promised_date": ColumnSettings(column="promised", format="%m.%d.%Y"),
        "po_insert_date": ColumnSettings(column="inserted", format="%d.%m.%Y", null=("02.03.2026",)),
    }
    query = QuerySettings(query="SELECT 1", columns=columns)
    names = ("po_number", "line_number", *(each.column for each in columns.values()))
    by = LineReading(names, query, {}, LineSettings(), timezone="UTC", delivered_from_receipts=False)
    read, _ = by.values(("A", 1, *["02.03.2026"] * 3), ("A", 1))
    assert [read[INDEX[field]] for field in columns] == [date(2026, 3, 2), date(2026, 2, 3), None]


def test_r9_how_a_field_is_read_is_told_apart_by_all_that_decides_it() -> None:
    plain = reading().configuration

    def differing(other: LineReading) -> set[str]:
        told = other.configuration
        return {field for field in {*plain, *told} if plain.get(field) != told.get(field)}

    assert differing(reading()) == set()
    assert differing(reading(timezone="Europe/Berlin")) == {"last_update_timestamp"}
    assert differing(reading(listed={"sku": "nobodys"})) == {"sku"}
    assert differing(reading(listed={"supplier_code": "nobodys"})) == {"supplier_code"}
    assert differing(reading(lines=LineSettings(default_supplier="V"))) == {"supplier_code"}
    from_receipts = reading(receipts=True)
    assert differing(from_receipts) == {"delivered_quantity"}
    assert from_receipts.configuration["delivered_quantity"] == "receipts"


def fingerprint(by: LineReading, row: RawRow) -> bytes:
    (packed,), _ = by.packed([row], are_plain=False)
    return by.fingerprint(packed)


def test_r6_a_row_is_another_one_by_the_columns_in_use_and_by_how_they_are_read() -> None:
    row = ("A", 1, "S", "open", None, "any")
    known = fingerprint(reading(), row)
    assert len(known) == 16
    assert fingerprint(reading(), (*row[:5], "other")) == known
    assert fingerprint(reading(), ("A", 1, "T", *row[3:])) != known
    assert fingerprint(reading("po_number", "line_number"), row[:2]) != known
    for other in (
        reading(timezone="Europe/Berlin"),
        reading(receipts=True),
        reading(lines=LineSettings(inactive_statuses=("gone",))),
        reading(lines=LineSettings(ignored_fields=("sku",))),
    ):
        assert fingerprint(other, row) != known


@pytest.mark.parametrize(
    ("names", "used"),
    [
        (("any", "line", "other"), {"po_number": "line", "line_number": "line"}),
        (("line", "any"), {"po_number": "line", "line_number": "line"}),
        (("any", "po", "other", "line"), {"po_number": "po", "line_number": "line"}),
        (("po", "any", "line", "what"), {"po_number": "po", "line_number": "line", "sku": "what"}),
    ],
)
def test_r6_the_columns_in_use_tell_rows_apart_and_no_others_do(names: tuple[str, ...], used: dict[str, str]) -> None:
    by = reading(*names, listed=used)
    row = (1,) * len(names)
    for at, name in enumerate(names):
        other = tuple(2 if place == at else value for place, value in enumerate(row))
        assert (fingerprint(by, other) != fingerprint(by, row)) == (name in used.values())
