"""Stage 1: tonight's rows are sorted, counted and read, in chunks and partitions of any size (R6, R8)."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import pytest

from po_ingest.fields import CUSTOM_SLOTS, INDEX, Value
from po_ingest.model import KnownLines, LineKey, LineState, PendingLine, Presence, RawRow
from po_ingest.ports import ResultSet
from po_ingest.reading import LineReading
from po_ingest.settings import LineSettings, QuerySettings
from po_ingest.stages import snapshot
from po_ingest_adapters.buffer import MemoryBuffer

COLUMNS = ("po_number", "line_number", "sku", "current_status")
ONE, TWO = ("PO-1", 1), ("PO-2", 2)


def reading() -> LineReading:
    query = QuerySettings(query="SELECT 1")
    return LineReading(COLUMNS, query, {}, LineSettings(), timezone="UTC", delivered_from_receipts=False)


def fingerprint(raw: RawRow) -> bytes:
    (packed,), _ = reading().packed([raw], are_plain=False)
    return reading().fingerprint(packed)


def row(key: LineKey, sku: str, status: str = "open") -> RawRow:
    return (*key, sku, status)


def known(*rows: RawRow, presence: Presence = Presence.ACTIVE) -> KnownLines:
    lines = KnownLines()
    for number, each in enumerate(rows, 11):
        (key,) = reading().keys([each])
        assert key is not None
        lines.add(key, number, fingerprint(each), None, None, None, presence)
    return lines


def state(line_id: int, key: LineKey, sku: str) -> LineState:
    given: dict[str, Value] = {"po_number": key[0], "line_number": key[1], "sku": sku, "current_status": "open"}
    given["ordered_quantity"] = Decimal("1.000")  # kept from when it had a column
    values = tuple(given.get(name) for name in INDEX)
    return LineState(line_id, values, (sku, None, None), (None,) * len(CUSTOM_SLOTS), {}, Presence.ACTIVE)


def take(lines: KnownLines, *chunks: list[RawRow]) -> snapshot.Snapshot:
    return snapshot.take(reading(), lines, ResultSet(COLUMNS, iter(chunks)), MemoryBuffer())


def pending(tonight: snapshot.Snapshot, also: Iterable[int] = ()) -> list[tuple[list[LineKey], list[PendingLine]]]:
    found = snapshot.pending(tonight, also)
    return [([kept[0] for kept in each.fresh], list(each.lines)) for each in found]


@pytest.fixture(autouse=True)
def _small_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "PARTITION", 2)


def test_rows_wait_packed_where_all_of_their_chunk_can_be() -> None:
    plain, other = row(("PO-1", 1), "S"), (*("PO-1", 2), Decimal(1), "open")
    tonight = take(KnownLines(), [plain], [row(("PO-1", 3), "S"), other])
    waiting = [kept[4] for chunk in tonight.buffer for kept in chunk]
    assert [type(each) for each in waiting] == [bytes, tuple, tuple]
    (found,) = snapshot.pending(tonight, [])
    read = snapshot.read(tonight, found, {}, None)
    assert list(read.new.values[INDEX["sku"]]) == ["S", "S", "1"]


def test_r8_rows_are_counted_over_all_chunks_and_kept_in_partitions() -> None:
    rows = [row(("PO-1", number), "S", "closed" if number == 3 else "open") for number in range(1, 7)]
    tonight = take(KnownLines(), rows[:1], rows[1:4], rows[4:5], rows[5:])
    assert (tonight.rows, tonight.active_rows) == (6, 5)
    assert pending(tonight) == [
        ([("PO-1", 1), ("PO-1", 2), ("PO-1", 4)], []),
        ([("PO-1", 5), ("PO-1", 6)], []),
    ]


def test_r8_each_keys_repeated_rows_are_looked_at_together() -> None:
    keys = [("PO-1", number) for number in (1, 2, 3)]
    tonight = take(KnownLines(), [row(key, "S") for key in keys], [row(key, "T") for key in keys])
    partitions = pending(tonight)
    assert [fresh for fresh, _ in partitions] == [[], []]
    lines = [line for _, partition in partitions for line in partition]
    assert [(line.key, line.at, len(line.rows), line.unchanged) for line in lines] == [
        (key, None, 2, 0) for key in keys
    ]
    assert [len(partition) for _, partition in partitions] == [2, 1]


@pytest.mark.parametrize("copies", [0, 1, 3])
def test_r8_an_unchanged_row_counts_with_all_its_copies(copies: int) -> None:
    before = known(row(ONE, "S"), row(TWO, "T"))
    same = [row(ONE, "S")] * (1 + copies)
    assert pending(take(before, same), also=[0]) == [([], [PendingLine(ONE, 0, (), 1 + copies, True)])]
    clash = take(before, same, [row(ONE, "other")] * 2)
    ((_, (line,)),) = pending(clash)
    assert (line.key, line.unchanged, len(line.rows)) == (ONE, 1 + copies, 2)
    (found,) = snapshot.pending(clash, [])
    result = snapshot.read(clash, found, {11: state(11, ONE, "S")}, None)
    assert [(told.reason, told.row["sku"]) for told in result.rejected] == [
        *[(snapshot.CLASH, "other")] * 2,
        *[(snapshot.CLASH, "S")] * (1 + copies),
    ]
    assert result.rejected_known == [0]


def test_r8_equal_rows_are_one_line_known_by_the_smaller_of_their_fingerprints() -> None:
    long = "x" * 400
    rows = [row(ONE, "S "), row(TWO, long), row(TWO, f" {long}")]
    tonight = take(known(row(ONE, "S")), [row(ONE, "S"), *rows])
    (found,) = snapshot.pending(tonight, [])
    result = snapshot.read(tonight, found, {11: state(11, ONE, "S")}, None)
    smaller = [min(map(fingerprint, pair)) for pair in ([row(ONE, "S"), rows[0]], rows[1:])]
    assert [(line.key, line.fingerprint) for line in result.lines] == [(ONE, smaller[0])]
    assert (result.new.keys, result.new.fingerprints) == ([TWO], [smaller[1]])
    assert (result.rejected, result.truncated, result.unchanged_active) == ([], 1, 1)


def test_r6_lines_that_were_gone_come_back_with_their_unchanged_row() -> None:
    three = row(("PO-3", 1), "U")
    gone = known(row(ONE, "S"), row(TWO, "T"), three, presence=Presence.MISSING)
    back = take(gone, [row(ONE, "S"), row(TWO, "T"), three])
    assert [line for _, lines in pending(back) for line in lines] == [
        PendingLine(ONE, 0, (), 1, True),
        PendingLine(TWO, 1, (), 1, True),
        PendingLine(("PO-3", 1), 2, (), 1, True),
    ]
    assert pending(take(gone, [row(TWO, "T")])) == [([], [PendingLine(TWO, 1, (), 1, True)])]
    assert pending(take(gone)) == []
    assert pending(take(known(row(ONE, "S")), [row(ONE, "S")])) == []


def test_r6_lines_without_a_row_are_missing_whatever_their_place() -> None:
    before = known(row(ONE, "S"), row(TWO, "T"))
    assert snapshot.missing(take(before, [row(ONE, "S")])) == [(TWO, 1)]
    assert snapshot.missing(take(before, [row(TWO, "U")])) == [(ONE, 0)]
    assert snapshot.missing(take(known(row(ONE, "S"), presence=Presence.CLOSED))) == []


def test_r8_equal_rows_that_a_known_line_never_had_are_one_line_and_clashing_ones_none() -> None:
    other = row(ONE, "T")
    for rows, taken in (([other, row(ONE, " T ")], 1), ([other, other, other], 1), ([other, row(ONE, "U")], 0)):
        tonight = take(known(row(ONE, "S")), rows)
        (found,) = snapshot.pending(tonight, [])
        result = snapshot.read(tonight, found, {11: state(11, ONE, "S")}, None)
        assert [(line.key, line.values[INDEX["sku"]]) for line in result.lines] == [(ONE, "T")] * taken
        assert [line.fingerprint for line in result.lines] == [min(map(fingerprint, rows))] * taken
        assert len(result.rejected) == (0 if taken else len(rows))


def test_r8_a_rejected_line_ends_no_others_and_all_cut_texts_are_counted() -> None:
    long = "x" * 400
    keys = [("PO-1", number) for number in range(1, 4)]
    before = known(*(row(key, "S") for key in keys))
    states = {at + 11: state(at + 11, key, "S") for at, key in enumerate(keys)}
    for rows in ([row(keys[0], long), row(keys[1], long)], [row(keys[0], "a\0"), row(keys[1], long)]):
        tonight = take(before, [*rows, row(keys[2], long)])
        results = [snapshot.read(tonight, found, states, None) for found in snapshot.pending(tonight, [])]
        read = [line for result in results for line in result.lines]
        taken = [each for each in (*rows, row(keys[2], long)) if each[2] == long]
        assert [line.fingerprint for line in read] == [fingerprint(each) for each in taken]
        assert sum(result.truncated for result in results) == len(taken)
        assert [told.field for result in results for told in result.rejected] == ["sku"] * (3 - len(taken))


def test_r8_an_inactive_row_is_read_by_itself_and_an_unchanged_one_is_told_why_another_was_not() -> None:
    states = {11: state(11, ONE, "S"), 12: state(12, TWO, "T")}
    closing = take(known(row(ONE, "S"), row(TWO, "T")), [row(ONE, "new", "closed"), row(TWO, "a\0")])
    (found,) = snapshot.pending(closing, [])
    (line,) = snapshot.read(closing, found, states, None).lines
    assert (line.key, line.values[INDEX["sku"]], line.is_active) == (ONE, "new", False)
    beside = take(known(row(ONE, "S"), row(TWO, "T")), [row(ONE, "S"), row(ONE, "a\0")])
    (found,) = snapshot.pending(beside, [])
    told = snapshot.read(beside, found, states, None).rejected
    assert [(each.field, each.row["sku"]) for each in told] == [("sku", "a\0"), ("sku", "S")]
