"""The ERP's receipts, read (R10): what is an event, what is told of a row that is none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from hashlib import blake2b

import pytest

from po_ingest.errors import ConfigError
from po_ingest.model import LineKey, RejectedRow
from po_ingest.receipts import OUT_OF_RANGE, DeliveryEvent, ReceiptReading, Receipts, event_name, read_receipts
from po_ingest.settings import ColumnSettings, QuerySettings

COLUMNS = ("po_number", "line_number", "quantity", "in_date", "reference")
KEY = ("PO-1", 1)
DAY = date(2026, 1, 31)
LARGEST = Decimal("999999999999999.999")


def reading(columns: tuple[str, ...] = COLUMNS) -> ReceiptReading:
    listed = {"quantity": ColumnSettings(column="quantity", null=("none",))}
    return ReceiptReading(columns, QuerySettings(query="", columns=listed), timezone="Europe/Berlin")


def read(
    *rows: tuple[object, ...], columns: tuple[str, ...] = COLUMNS, unwanted: Sequence[LineKey] = (), chunk: int = 2
) -> Receipts:
    chunks = [list(rows[at : at + chunk]) for at in range(0, len(rows), chunk)]
    return read_receipts(reading(columns), chunks, lambda key: key not in unwanted)


def test_r10_a_row_is_an_event_named_by_its_reference_or_its_date() -> None:
    found = read(("PO-1", 1, "2", "2026-01-31", " R1 "), ("PO-1", 1, 3, DAY, None), ("PO-1", 1, None, None, None))
    assert found.events == {
        KEY: (
            DeliveryEvent("date 2026-01-31", None, DAY, Decimal("3.000")),
            DeliveryEvent("reference R1", "R1", DAY, Decimal("2.000")),
            DeliveryEvent("undated", None, None, Decimal("0.000")),
        )
    }
    assert (found.frozen, found.rejected, found.truncated) == (frozenset(), (), 0)
    assert str(found.total(KEY)) == "5.000"
    assert str(found.total(("PO-2", 1))) == "0.000"
    assert event_name("R1", DAY) == "reference R1"


def test_r10_rows_of_one_event_are_added_up_and_its_earliest_date_counts() -> None:
    found = read(
        ("PO-1", 1, "2", "2026-02-02", "R1"),
        ("PO-1", 1, "-0.5", "2026-02-01", "R1"),
        ("PO-1", 1, "1", None, "R1"),
        ("PO-1", 1, "1", None, "R2"),
        ("PO-1", 1, "1", None, "R2"),
    )
    assert found.events[KEY] == (
        DeliveryEvent("reference R1", "R1", date(2026, 2, 1), Decimal("2.500")),
        DeliveryEvent("reference R2", "R2", None, Decimal("2.000")),
    )


def test_date_and_reference_need_no_column() -> None:
    found = read(("PO-1", "00001", "2"), columns=COLUMNS[:3])
    assert found.events == {KEY: (DeliveryEvent("undated", None, None, Decimal("2.000")),)}


@pytest.mark.parametrize("lacking", COLUMNS[:3])
def test_key_and_quantity_need_one(lacking: str) -> None:
    columns = tuple(name for name in COLUMNS if name != lacking)
    query = QuerySettings(query="")
    with pytest.raises(ConfigError) as caught:
        ReceiptReading(columns, query, timezone="UTC")
    assert caught.value.message == f"receipts: no column for {lacking}"
    assert caught.value.hint == (f"list it in [erp.receipts.columns]; the result's columns are: {', '.join(columns)}")


def test_a_listed_column_that_is_not_there_names_the_query() -> None:
    query = QuerySettings(query="", columns={"reference": ColumnSettings(column="BELNR")})
    with pytest.raises(ConfigError, match=r"^receipts: the result has no column 'BELNR' \(field reference\)"):
        ReceiptReading(COLUMNS, query, timezone="UTC")


def test_r8_a_row_that_cannot_be_read_freezes_its_line_and_the_others_are_taken() -> None:
    bad = ("PO-1", 1, "some", DAY, "R1")
    odd = ("PO-1", 2, "1", "never", "R1")
    found = read(
        (None, 1, "1", DAY, "R1"),
        ("PO-3", "x", "1", DAY, "R1"),
        bad,
        odd,
        ("PO-2", 1, "1", DAY, "a\0b"),
        ("PO-4", 1, "1", DAY, "R1"),
    )
    content = [dict(zip(COLUMNS, row, strict=True)) | {"in_date": str(row[3])} for row in (bad, odd)]
    assert [(row.query, row.po_number, row.line_number, row.field) for row in found.rejected] == [
        ("receipts", None, 1, "po_number"),
        ("receipts", "PO-3", None, "line_number"),
        ("receipts", "PO-1", 1, "quantity"),
        ("receipts", "PO-1", 2, "in_date"),
        ("receipts", "PO-2", 1, "reference"),
    ]
    assert found.rejected[2].reason == "is not a number such as -1234.56"
    assert [found.rejected[2].row, found.rejected[3].row] == content
    assert found.frozen == {("PO-1", 1), ("PO-1", 2), ("PO-2", 1)}
    assert list(found.events) == [("PO-4", 1)]


def test_receipts_of_lines_that_are_not_read_are_skipped_and_the_rest_goes_on() -> None:
    found = read(("PO-9", 1, "some", DAY, None), ("PO-1", 1, 1, DAY, None), unwanted=[("PO-9", 1)])
    assert list(found.events) == [KEY]
    assert found.rejected == ()


def test_a_reference_that_is_too_long_is_cut_and_counted() -> None:
    found = read(("PO-1", 1, 1, DAY, "x" * 128), ("PO-1", 1, 1, DAY, "y" * 127 + " z"), ("PO-1", 1, 1, DAY, "z" * 200))
    assert [event.reference for event in found.events[KEY]] == ["x" * 128, "y" * 127, "z" * 128]
    assert found.truncated == 2


def test_quantities_that_add_up_beyond_measure_freeze_their_line() -> None:
    found = read(
        ("PO-1", 1, "bad", DAY, None),
        ("PO-2", 1, LARGEST, DAY, "a"),
        ("PO-2", 1, "0.001", DAY, "b"),
        ("PO-3", 1, LARGEST, DAY, "a"),
        ("PO-4", 1, LARGEST, DAY, "a"),
        ("PO-4", 1, LARGEST, DAY, "a"),
        ("PO-4", 1, -LARGEST, DAY, "b"),
    )
    assert found.frozen == {("PO-1", 1), ("PO-2", 1), ("PO-4", 1)}
    assert found.rejected[1:] == (
        RejectedRow("receipts", "PO-2", 1, "quantity", OUT_OF_RANGE, {}),
        RejectedRow("receipts", "PO-4", 1, "quantity", OUT_OF_RANGE, {}),
    )
    assert list(found.events) == [("PO-3", 1)]


def test_the_digest_tells_events_apart_and_stays_the_same_over_releases() -> None:
    found = read(("PO-1", 1, "2", DAY, "R1"), ("PO-2", 1, "2", DAY, None))
    told = ascii([("reference R1", "R1", "2026-01-31", "2.000")]).encode()
    assert found.digest(KEY) == blake2b(told, digest_size=16).digest()
    assert found.digest(("PO-2", 1)) != found.digest(KEY)
    assert found.digest(("PO-3", 1)) is None
