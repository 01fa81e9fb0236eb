"""The item cross-reference, read and applied (R9)."""

from __future__ import annotations

from decimal import Decimal
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from po_ingest.errors import ConfigError
from po_ingest.fields import INDEX
from po_ingest.model import NewLines, XrefRow
from po_ingest.reading import Rejection
from po_ingest.settings import ColumnSettings, QuerySettings
from po_ingest.stages.xref import (
    CONFLICT,
    XrefReading,
    XrefResult,
    entry_of,
    from_store,
    map_new,
    map_own,
    parse_is_active,
    read_xref,
)

COLUMNS = ("erp_item_code", "mapped_sku", "mapped_item", "supplier_code", "is_active")


def reading(columns: tuple[str, ...] = COLUMNS) -> XrefReading:
    return XrefReading(columns, QuerySettings(query=""))


def read(*rows: tuple[object, ...], columns: tuple[str, ...] = COLUMNS) -> XrefResult:
    return read_xref(reading(columns), [list(rows[:2]), list(rows[2:])])


odd_cells = st.sampled_from(["", " ", "A" * 99, " b ", "a\0", "2", 1.5, None, b"\xff", Decimal("1.50"), True, "no"])
cells = st.one_of(odd_cells, st.sampled_from(["A", "B", "yes", "1"]))


@given(st.lists(st.tuples(*[cells] * 5), min_size=1, max_size=4))
def test_r9_rows_read_together_are_what_each_is_by_itself(rows: list[tuple[object, ...]]) -> None:
    def alone() -> tuple[list[XrefRow], int] | None:
        try:
            read = [reading().row(row) for row in rows]
        except Rejection:
            return None
        return [row for row, _ in read], sum(cuts for _, cuts in read)

    assert reading().rows(rows) == alone()


@pytest.mark.parametrize("text", [None, "1", "Yes", "TRUE", "active", "on", "t", "y"])
def test_r9_a_flag_that_says_yes_or_nothing_is_active(text: str | None) -> None:
    assert parse_is_active(text)


@pytest.mark.parametrize("text", ["0", "No", "FALSE", "inactive", "off", "f", "n"])
def test_r9_a_flag_that_says_no_is_not(text: str) -> None:
    assert not parse_is_active(text)


def test_another_flag_is_told() -> None:
    with pytest.raises(ValueError, match=r"^is neither yes nor no \(1 or 0, true or false\)$"):
        parse_is_active("2")


def test_only_the_code_needs_a_column() -> None:
    assert reading(COLUMNS[:1]).row(("A",)) == (XrefRow("A"), 0)
    with pytest.raises(ConfigError) as caught:
        reading(COLUMNS[1:])
    assert caught.value.message == "item_xref: no column for erp_item_code"
    assert caught.value.hint == (
        f"list it in [erp.item_xref.columns]; the result's columns are: {', '.join(COLUMNS[1:])}"
    )
    listed = QuerySettings(query="", columns={"mapped_sku": ColumnSettings(column="SKU")})
    with pytest.raises(ConfigError, match=r"^item_xref: the result has no column 'SKU'"):
        XrefReading(COLUMNS, listed)


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        ((None, "S", None, None, 1), "erp_item_code", "is missing"),
        (("x" * 129, "S", None, None, 1), "erp_item_code", "is longer than 128 characters"),
        (("A", "a\0b", None, None, 1), "mapped_sku", "contains a NUL character"),
        (("A", "S", None, None, "maybe"), "is_active", "is neither yes nor no (1 or 0, true or false)"),
    ],
)
def test_r8_a_row_that_cannot_be_read_is_rejected_with_its_reason(
    row: tuple[object, ...], field: str, reason: str
) -> None:
    with pytest.raises(Rejection) as caught:
        reading().row(row)
    assert (caught.value.field, caught.value.reason) == (field, reason)
    found = read(row, ("B", "S2", None, None, 1), ("C", "S3", None, None, 1))
    (told,) = found.rejected
    assert (told.query, told.po_number, told.line_number, told.field, told.reason) == (
        "item_xref",
        None,
        None,
        field,
        reason,
    )
    assert told.row == dict(zip(COLUMNS, row, strict=True))
    assert set(found.entries) == {"B", "C"}
    assert found.truncated == 0


def test_r8_a_rejected_row_changes_nothing_of_the_others_that_came_with_it() -> None:
    long = "s" * 129
    rows: list[tuple[object, ...]] = [
        ("A", "S", None, None, "maybe"),
        ("B", long, None, None, 1),
        ("B", "other", None, None, 0),
        ("C", long, "i" * 256, None, None),
    ]
    found = read_xref(reading(), [rows])
    assert [(told.field, told.row["erp_item_code"]) for told in found.rejected] == [("is_active", "A")]
    assert found.truncated == 3
    apart = read_xref(reading(), [rows[1:]])
    assert (found.entries, found.truncated) == (apart.entries, apart.truncated)
    assert {code: entry.mapped[0] for code, entry in found.entries.items()} == {"B": long[:128], "C": long[:128]}


def test_texts_as_wide_as_their_fields_are_kept_and_longer_ones_cut_and_counted() -> None:
    fits = ("x" * 128, "s" * 128, "i" * 255, "v" * 64, None)
    assert reading().row(fits) == (XrefRow(fits[0], fits[3], fits[1], fits[2], is_active=True), 0)
    longer = ("A", "s" * 127 + " t", "i" * 256, "v" * 65, None)
    assert reading().row(longer) == (XrefRow("A", "v" * 64, "s" * 127, "i" * 255), 3)
    assert read(longer, ("B", "s" * 129, None, None, 1), fits).truncated == 4


def test_r9_equal_rows_count_once_an_active_one_beats_an_inactive_one_and_different_ones_are_all_rejected() -> None:
    rows = [("A", "S1", None, None, 1), ("A", "S1", None, None, "yes"), ("A", "S2", None, None, 0)]
    clash = [("B", "S1", None, None, 1), ("B", "S2", None, None, 1), ("B", "S3", None, None, 0)]
    found = read(*rows, *clash)
    assert {code: entry.mapped for code, entry in found.entries.items()} == {"A": ("S1", None, None)}
    assert [(row.query, row.field, row.reason, row.row["mapped_sku"]) for row in found.rejected] == [
        ("item_xref", None, CONFLICT, "S1"),
        ("item_xref", None, CONFLICT, "S2"),
    ]
    assert found.truncated == 0


def test_the_digest_of_an_entry_stays_the_same_over_releases() -> None:
    entries = from_store([XrefRow("A", "V", "S", "I"), XrefRow("B", is_active=False)]).entries
    assert set(entries) == {"A"}
    assert entries["A"].digest == blake2b(ascii(("S", "I", "V")).encode(), digest_size=16).digest()


def test_r9_a_new_line_keeps_what_the_erp_gave_and_which_entry_was_applied() -> None:
    entries = from_store([XrefRow("A", None, "S", None)]).entries
    keys = [("PO-1", 1), ("PO-1", 2), ("PO-1", 3)]
    filled = {"sku": ("s", None, None), "item": (None, "i", None), "item_code": ("A", "B", None)}
    lines = NewLines(keys, [b"f"] * 3, [filled.get(name, (None,) * 3) for name in INDEX])
    mapped = map_new(lines, entries, "DEFAULT")
    assert list(mapped.own) == [("s", None, None), (None, "i", None), (None, None, None)]
    assert [mapped.values[INDEX[name]] for name in ("sku", "item", "supplier_code")] == [
        ("S", "B", None),
        ("A", "i", None),
        ("DEFAULT",) * 3,
    ]
    assert mapped.is_unmapped == [False, True, False]
    assert mapped.mappings == [entries["A"].digest, None, None]


def test_r9_what_the_mapping_leaves_empty_falls_back_to_the_erps_own_then_to_code_and_default() -> None:
    entries = from_store([XrefRow("A", None, "S", None)]).entries
    assert map_own(("s", "i", "v"), "A", entry_of("A", entries), "DEFAULT") == ("S", "i", "v")
    assert map_own((None, None, None), "A", entry_of("A", entries), "DEFAULT") == ("S", "A", "DEFAULT")
    assert map_own((None, None, None), None, entry_of(None, entries), "DEFAULT") == (None, None, "DEFAULT")
