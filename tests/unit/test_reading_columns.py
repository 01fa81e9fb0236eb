"""A column, or a chunk, that is read at once is read as value by value, and row by row."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from po_ingest.fields import BY_NAME
from po_ingest.readers import Unreadable, make_reader
from po_ingest.reading import LineReading, Rejection, row_as_json
from po_ingest.settings import ColumnSettings, LineSettings, QuerySettings
from support.driver_values import Silent

T = TypeVar("T")

TEXTS = st.sampled_from(["", " ", "A", " A ", "none", "Ä", "漢字", "a\0b", "\ud800", "12.5", "2026-01-31", "x" * 300])
NUMBERS = st.sampled_from([0, 1, 1.0, True, 12.5, 1e300, float("nan"), Decimal("12.5"), Decimal("NaN"), 10**40])
DATES = st.sampled_from([date(2026, 1, 31), datetime(2026, 1, 31, 8, tzinfo=UTC), datetime(2026, 1, 31)])  # noqa: DTZ001 - as drivers give them
OTHERS = st.sampled_from([None, b"A", b"\xff", object()])
RAWS = st.one_of(
    st.lists(st.one_of(TEXTS, st.none()), min_size=1),
    st.lists(st.one_of(NUMBERS, st.none()), min_size=1),
    st.lists(st.one_of(DATES, st.none()), min_size=1),
    st.lists(st.one_of(TEXTS, NUMBERS, DATES, OTHERS), min_size=1),
)


def _outcome(read: Callable[[], T]) -> T | str:
    try:
        return read()
    except Unreadable as error:
        return f"unreadable: {error}"


@pytest.mark.parametrize("null", [(), ("none", "0")])
@pytest.mark.parametrize(
    "field", ["po_number", "line_number", "delivered_quantity", "promised_date", "last_update_timestamp"]
)
@given(raws=RAWS)
def test_r8_a_column_is_read_as_its_values_are_and_refused_if_one_is(
    field: str, null: tuple[str, ...], raws: list[object]
) -> None:
    reader = make_reader(BY_NAME[field], ColumnSettings(column=field, null=null), UTC)
    singly = [_outcome(lambda raw=raw: reader.read(raw)) for raw in raws]  # type: ignore[misc]  # bound at once
    whole = _outcome(lambda: list(reader.column(raws)))
    if isinstance(whole, str):
        assert whole in singly
    else:
        assert [(type(value), value) for value in whole] == [(type(value), value) for value in singly]


def _reading(columns: dict[str, ColumnSettings]) -> LineReading:
    query = QuerySettings(query="SELECT 1", columns=columns)
    names = ("po_number", "line_number", "current_status")
    return LineReading(names, query, {}, LineSettings(), timezone="UTC", delivered_from_receipts=False)


KEY_PARTS = st.tuples(
    st.one_of(TEXTS, st.none(), st.just(7)),
    st.one_of(st.integers(-3, 3), st.sampled_from(["1", 2**40, None, 1.0, True])),
    st.one_of(st.sampled_from(["open", "Closed ", "closed", "", bytearray(b"closed")]), st.none()),
)
PLAIN_PARTS = st.tuples(
    st.sampled_from(["PO-1", " PO-2", "PO-3 "]), st.integers(1, 3), st.sampled_from(["open", "closed"])
)
ROWS = st.one_of(st.lists(KEY_PARTS, min_size=1), st.lists(PLAIN_PARTS, min_size=1))


@pytest.mark.parametrize("columns", [{}, {"po_number": ColumnSettings(column="po_number", null=("PO-1",))}])
@given(rows=ROWS)
def test_r8_a_chunks_keys_and_statuses_are_those_of_its_rows(
    columns: dict[str, ColumnSettings], rows: Sequence[tuple[object, ...]]
) -> None:
    reading = _reading(columns)
    assert list(reading.are_active(rows)) == [reading.is_active(row) for row in rows]
    for row, key in zip(rows, reading.keys(rows), strict=True):
        if key is not None:
            try:
                assert key == reading.key(row)
            except Rejection as error:
                pytest.fail(f"{row} was taken for {key}, and is none: {error}")


def test_plain_keys_need_no_look_at_each() -> None:
    rows = [("PO-1 ", 1, "open"), ("PO-2", 2, "open")]
    assert list(_reading({}).keys(rows)) == [("PO-1", 1), ("PO-2", 2)]


def test_a_rejected_row_is_told_as_json_whatever_is_in_it() -> None:
    row = (None, "\ud800", True, False, 2**63 - 1, 2**63, -(2**63) - 1, 1.5, b"\xff", Silent())
    content = row_as_json(("n", "t", "t", "t", "i", "big", "low", "f", "b", "s"), row)
    assert json.loads(json.dumps(content)) == {
        "n": None,
        "t": "\ud800",
        "t (2)": True,
        "t (3)": False,
        "i": 2**63 - 1,
        "big": "9223372036854775808",
        "low": "-9223372036854775809",
        "f": "1.5",
        "b": "0xff",
        "s": "a Silent that cannot be shown",
    }
