"""Rows as bytes: no two different rows have the same, and a row has them whatever its neighbours are."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from itertools import combinations
from typing import Final, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from po_ingest.model import RawRow
from po_ingest.packing import pack, unpack
from support.driver_values import Silent, anything

plain_values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(alphabet=st.characters()), st.binary()
)
pairs = st.tuples(plain_values, plain_values)


GOLDEN: Final = (
    "28080000007504000000504f2d31690a0000006c0300000000000000000467000000000000f83f4e547301000000007502000000c3a9"
)


class Score(float):
    """A driver's own number."""


ZONE: Final = timezone(timedelta(hours=1))
LOOK_ALIKES: Final[tuple[object, ...]] = (
    None, "None", 1, 1.0, True, "1", b"1", Decimal(1), Decimal("1.0"), "Decimal('1')", Score(1), 0.0, -0.0, 2**63, "",
    date(2026, 1, 31), datetime(2026, 1, 31), datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 1, 31, 1, tzinfo=ZONE),  # noqa: DTZ001 - drivers give such
    "2026-01-31", "datetime.date(2026, 1, 31)", "\ud800", "\0", array("b", b"1"),
)  # fmt: skip


def packed(row: RawRow) -> bytes:
    (one,), _ = pack([row], are_plain=False)
    return one


def test_r6_values_that_differ_in_type_or_digits_are_told_apart() -> None:
    assert [(a, b) for a, b in combinations(LOOK_ALIKES, 2) if packed((a,)) == packed((b,))] == []


@given(st.lists(st.tuples(anything, anything), max_size=4))
def test_r6_a_row_is_packed_the_same_whatever_its_neighbours_are(rows: list[RawRow]) -> None:
    together, are_whole = pack(rows, are_plain=False)
    assert list(together) == [packed(row) for row in rows]
    assert are_whole == all(pack([row], are_plain=False)[1] for row in rows)


@given(st.lists(pairs, max_size=4))
def test_r6_plain_rows_come_back_as_they_were_and_a_source_that_says_so_spares_the_look(rows: list[RawRow]) -> None:
    found, are_whole = pack(rows, are_plain=True)
    assert (list(found), are_whole) == (list(pack(rows, are_plain=False)[0]), True)
    back = [unpack(row) for row in found]
    assert repr(back) == repr(rows)  # NaN is not equal to itself


@pytest.mark.parametrize(
    "odd", [Decimal(1), date(2026, 1, 31), Score(1), memoryview(b"1"), array("d", [1.5]), Silent()]
)
def test_rows_with_values_that_bytes_cannot_hold_wait_as_the_driver_gave_them(odd: object) -> None:
    assert pack([("PO-1", 1, odd)], are_plain=False)[1] is False
    row = ("PO-1", 1, odd)
    assert unpack(row) is row


class Named(NamedTuple):
    """A row as drivers give it that name its columns."""

    po_number: str
    quantity: object


@pytest.mark.parametrize("are_plain", [True, False])
@pytest.mark.parametrize("quantity", [1.5, Decimal("1.50")])
def test_r6_a_row_of_the_driver_s_own_class_is_packed_as_its_values_are(quantity: object, are_plain: bool) -> None:
    named = Named("PO-1", quantity)
    given: list[Sequence[object]] = [named, ["PO-1", quantity]]
    if isinstance(quantity, float):
        connection = sqlite3.connect(":memory:")
        connection.row_factory = sqlite3.Row
        given.append(connection.execute("SELECT ?, ?", named).fetchone())
        connection.close()
    for row in given:
        assert pack([row], are_plain=are_plain) == pack([("PO-1", quantity)], are_plain=False)


@pytest.mark.parametrize("odd", [Decimal("1.50"), date(2026, 1, 31), Score(1.5)])
def test_a_source_that_says_plain_of_rows_that_are_not_is_not_believed(odd: object) -> None:
    rows = [("PO-1", 1, 5), ("PO-1", 2, odd)]
    assert pack(rows, are_plain=True) == pack(rows, are_plain=False)


@pytest.mark.parametrize("odd", [array("d", [1.5]), bytearray(b"1"), (1, 2)])
def test_nor_where_its_values_would_come_back_as_others(odd: object) -> None:
    """A number of numpy is such a value: it would come back as its eight bytes."""
    rows = [("PO-1", 1, odd), ("PO-1", 2, odd)]
    assert pack(rows, are_plain=True) == pack(rows, are_plain=False)


def test_the_bytes_are_the_same_in_every_release_of_python() -> None:
    """If they were not, the first night after an upgrade of Python would look at each row again."""
    assert packed(("PO-1", 10, 2**40, 1.5, None, True, b"\x00", "\u00e9")).hex() == GOLDEN
    assert packed(("PO-1", 10, "\u00e9", Decimal("1.50"))) == rb"('PO-1', 10, '\xe9', Decimal('1.50'))"
