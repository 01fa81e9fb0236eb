"""Stage 1, snapshot: sort tonight's rows into unchanged ones, which cost no more, and lines to look at (R6, R8)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Final, cast

import attrs

from po_ingest.fields import INDEX, MAPPED_BY_XREF, Value, Values
from po_ingest.model import (
    KnownLines,
    LineKey,
    LineState,
    NewLines,
    PendingLine,
    Presence,
    RawRow,
    ReadLine,
    RejectedRow,
)
from po_ingest.packing import WaitingRow, unpack
from po_ingest.ports import ResultSet, RowBuffer
from po_ingest.reading import LineReading, Rejection
from po_ingest.receipts import Receipts

PARTITION: Final = 5000
"""Lines that are compared and applied together."""

NOT_SEEN, UNCHANGED_ACTIVE, UNCHANGED_INACTIVE, KEPT = range(4)
CLASH: Final = "another, different row has this key"
DELIVERED: Final = INDEX["delivered_quantity"]
OWN_POSITIONS: Final = tuple(INDEX[name] for name in MAPPED_BY_XREF)

KeptRow = tuple[LineKey, int | None, bool, bytes, WaitingRow]
"""Key, place in KnownLines, whether active, fingerprint, row."""
KEY_OF, FINGERPRINT_OF, ROW_OF = itemgetter(0), itemgetter(3), itemgetter(4)


@attrs.define(slots=True)
class Snapshot:
    """Tonight's rows, sorted."""

    reading: LineReading
    known: KnownLines
    buffer: RowBuffer
    seen: bytearray = attrs.field()  # a mark for each known line
    fresh: set[LineKey] = attrs.Factory(set)  # keys of active rows that the store does not know
    repeated: set[LineKey] = attrs.Factory(set)  # keys with several rows, at least one of them kept
    copies: dict[int, int] = attrs.Factory(dict)  # known line -> further rows equal to the unchanged one
    rejected: list[RejectedRow] = attrs.Factory(list)  # rows without a key
    rows: int = 0
    active_rows: int = 0

    @seen.default
    def _nothing_seen(self) -> bytearray:
        return bytearray(len(self.known.ids))

    def is_read(self, key: LineKey) -> bool:
        """Say whether a row of the line came tonight, other than an inactive one of an unknown line."""
        at = self.known.index.get(key)
        return key in self.fresh if at is None else self.seen[at] != NOT_SEEN


def take(reading: LineReading, known: KnownLines, result: ResultSet, buffer: RowBuffer) -> Snapshot:
    """Read all rows; those that differ from what was last taken go to the buffer, in partitions."""
    tonight = Snapshot(reading, known, buffer)
    kept: list[KeptRow] = []
    for chunk in result.chunks:
        tonight.rows += len(chunk)
        packed, are_whole = reading.packed(chunk, are_plain=result.are_plain)
        _sort(tonight, chunk, packed, packed if are_whole else chunk, kept)
        if len(kept) >= PARTITION:
            buffer.append(cast("list[tuple[object, ...]]", kept))
            kept = []
    if kept:
        buffer.append(cast("list[tuple[object, ...]]", kept))
    return tonight


def _sort(
    tonight: Snapshot,
    chunk: list[RawRow],
    packed: Sequence[bytes],
    waiting: Sequence[WaitingRow],
    kept: list[KeptRow],
) -> None:
    """Sort a chunk's rows; this is the one loop that every row of every night goes through."""
    reading, known, seen, fresh = tonight.reading, tonight.known, tonight.seen, tonight.fresh
    index, presence, fingerprints = known.index, known.presence, known.fingerprints
    actives = reading.are_active(chunk)
    tonight.active_rows += sum(actives)
    columns = zip(chunk, actives, reading.keys(chunk), packed, waiting, strict=True)
    for row, is_active, plain_key, packed_row, waiting_row in columns:
        try:
            key = plain_key or reading.key(row)
        except Rejection as error:
            tonight.rejected.append(rejected_row(reading, row, error.key, error.field, error.reason))
            continue
        at = index.get(key)
        if not is_active and (at is None or presence[at] == Presence.NEVER):
            continue  # a line that was never active is no line
        fingerprint = reading.fingerprint(packed_row)
        if at is None:
            before = len(fresh)
            fresh.add(key)
            if len(fresh) == before:  # to ask whether it is there would be to look it up twice
                tonight.repeated.add(key)
        elif fingerprint == fingerprints[at] and seen[at] != KEPT:
            if seen[at] != NOT_SEEN:
                tonight.copies[at] = tonight.copies.get(at, 0) + 1
            seen[at] = UNCHANGED_ACTIVE if is_active else UNCHANGED_INACTIVE
            continue
        elif seen[at] == NOT_SEEN:
            seen[at] = KEPT
        else:
            tonight.repeated.add(key)
        kept.append((key, at, is_active, fingerprint, waiting_row))


@attrs.frozen(slots=True)
class Pending:
    """Lines to look at together."""

    fresh: Sequence[KeptRow]  # the rows of lines that the store does not have, one a line
    lines: Sequence[PendingLine]  # all others


def pending(tonight: Snapshot, also: Iterable[int]) -> Iterator[Pending]:
    """Yield all lines to look at, in partitions: those with kept rows, and `also` these known ones, unchanged.

    Lines that were gone and whose unchanged row is back are among them.
    """
    groups: dict[LineKey, list[KeptRow]] = {}
    for chunk in tonight.buffer:
        fresh, lines = [], []
        for kept in cast("list[KeptRow]", chunk):
            if kept[0] in tonight.repeated:
                groups.setdefault(kept[0], []).append(kept)
            elif kept[1] is None:
                fresh.append(kept)
            else:
                lines.append(_by_itself(kept))
        if fresh or lines:
            yield Pending(fresh, lines)
    rest = [_group(tonight, rows) for rows in groups.values()]
    done = {line.at for line in rest}
    unread = sorted({*also, *_back_again(tonight)} - done)
    keys = _keys_at(tonight.known, set(unread))
    rest.extend(
        PendingLine(keys[at], at, (), 1 + tonight.copies.get(at, 0), tonight.seen[at] == UNCHANGED_ACTIVE)
        for at in unread
    )
    for start in range(0, len(rest), PARTITION):
        yield Pending((), rest[start : start + PARTITION])


def _by_itself(kept: KeptRow) -> PendingLine:
    key, at, is_active, fingerprint, row = kept
    return PendingLine(key, at, ((is_active, fingerprint, unpack(row)),))


def _group(tonight: Snapshot, rows: list[KeptRow]) -> PendingLine:
    key, at = rows[0][0], rows[0][1]
    mark = NOT_SEEN if at is None else tonight.seen[at]
    unchanged = 0 if at is None or mark == KEPT else 1 + tonight.copies.get(at, 0)
    return PendingLine(
        key, at, tuple((kept[2], kept[3], unpack(kept[4])) for kept in rows), unchanged, mark == UNCHANGED_ACTIVE
    )


def _back_again(tonight: Snapshot) -> Iterator[int]:
    """Yield the absent lines whose unchanged row came as an active one."""
    presence = tonight.known.presence
    at = tonight.seen.find(UNCHANGED_ACTIVE)
    while at >= 0:
        if presence[at] != Presence.ACTIVE:
            yield at
        at = tonight.seen.find(UNCHANGED_ACTIVE, at + 1)


def _keys_at(known: KnownLines, wanted: set[int]) -> dict[int, LineKey]:
    return {at: key for key, at in known.index.items() if at in wanted} if wanted else {}


def missing(tonight: Snapshot) -> list[tuple[LineKey, int]]:
    """Return key and place of each line that was active and of which no row came (a rejected one is a row)."""
    known, seen = tonight.known, tonight.seen
    gone = {at for at in range(len(seen)) if not seen[at] and known.presence[at] == Presence.ACTIVE}
    return [(key, at) for at, key in _keys_at(known, gone).items()]


@attrs.frozen(slots=True)
class ReadResult:
    """What reading a partition gave."""

    new: NewLines
    lines: list[ReadLine]  # known ones
    rejected: list[RejectedRow]
    rejected_known: list[int]  # places in KnownLines of lines with rejected rows
    truncated: int
    unchanged_active: int  # lines of the partition, active with an unchanged row


def read(tonight: Snapshot, pending: Pending, states: Mapping[int, LineState], receipts: Receipts | None) -> ReadResult:
    """Read the rows of a partition; lines whose rows cannot be taken are rejected (R8)."""
    reading = tonight.reading
    new, truncated = _read_fresh(tonight, pending.fresh)
    known, rest, cuts = _read_together(tonight, pending.lines, states)
    result = ReadResult(new, known, [], [], truncated + cuts, 0)
    if pending.fresh and not new.keys:  # a row among them cannot be read: which?
        rest = [*map(_by_itself, pending.fresh), *rest]
    result = _read_rest(tonight, rest, states, result)
    lines = [_complete(reading, line, receipts) for line in result.lines]
    return attrs.evolve(result, new=_with_receipts(reading, result.new, receipts), lines=lines)


def _read_fresh(tonight: Snapshot, rows: Sequence[KeptRow]) -> tuple[NewLines, int]:
    """Read the rows of new lines all at once, and return how many texts were cut; nothing if any cannot be read."""
    together = tonight.reading.columns_of(list(map(ROW_OF, rows))) if rows else None
    if together is None:
        return NewLines(), 0
    columns, truncated = together
    return NewLines(list(map(KEY_OF, rows)), list(map(FINGERPRINT_OF, rows)), columns), truncated


def _read_together(
    tonight: Snapshot, lines: Sequence[PendingLine], states: Mapping[int, LineState]
) -> tuple[list[ReadLine], Sequence[PendingLine], int]:
    """Read the known lines of a single row all at once; return the other lines, too, and how many texts were cut.

    If any row cannot be read, all lines are among the others.
    """
    single = [line for line in lines if len(line.rows) == 1 and not line.unchanged and line.at is not None]
    together = tonight.reading.columns_of([line.rows[0][2] for line in single]) if single else None
    if together is None:
        return [], lines, 0
    columns, truncated = together
    ids = tonight.known.ids
    read = [
        ReadLine(line.key, states[ids[cast("int", line.at)]], values, line.rows[0][0], line.rows[0][1])
        for line, values in zip(single, zip(*columns, strict=True), strict=True)
    ]
    return read, [line for line in lines if len(line.rows) != 1 or line.unchanged or line.at is None], truncated


def _read_rest(
    tonight: Snapshot, lines: Iterable[PendingLine], states: Mapping[int, LineState], result: ReadResult
) -> ReadResult:
    """Read lines one by one, and return the result with them."""
    keys, fingerprints, rows = [], [], []
    truncated, unchanged = result.truncated, 0
    for line in lines:
        unchanged += line.unchanged_active
        state = None if line.at is None else states[tonight.known.ids[line.at]]
        try:
            values, cuts, fingerprint, is_active = _read_line(tonight, line, state)
        except Rejection as error:
            result.rejected.extend(_reject(tonight, line, state, error))
            if line.at is not None:
                result.rejected_known.append(line.at)
            continue
        truncated += cuts
        if state is not None:
            result.lines.append(ReadLine(line.key, state, values, is_active, fingerprint))
            continue
        keys.append(line.key)
        fingerprints.append(fingerprint)
        rows.append(values)
    new = NewLines(keys, fingerprints, list(zip(*rows, strict=True))) if keys else result.new
    return attrs.evolve(result, new=new, truncated=truncated, unchanged_active=unchanged)


def _read_line(tonight: Snapshot, line: PendingLine, state: LineState | None) -> tuple[Values, int, bytes, bool]:
    """Read a line's rows: of active and inactive ones the active hold, and these must agree. Raises Rejection.

    Returns the values, how many texts were cut, the fingerprint, and whether the line is active.
    """
    reading = tonight.reading
    any_active = line.unchanged_active or any(is_active for is_active, _, _ in line.rows)
    readings: list[tuple[Values, int, bytes]] = []
    if state is not None and line.unchanged and line.unchanged_active == any_active:
        fingerprint = cast("bytes", tonight.known.fingerprints[cast("int", line.at)])
        readings.append((erp_values(state), 0, fingerprint))
    for is_active, fingerprint, row in line.rows:
        if is_active == any_active:
            values, cuts = reading.values(row, line.key)
            readings.append((values, cuts, fingerprint))
    first, cuts, fingerprint = readings[0]
    if len(readings) > 1:
        fingerprint = min(each[2] for each in readings)
        if any(not _same(reading, first, other) for other, _, _ in readings[1:]):
            raise Rejection(None, CLASH, line.key)
    return first, cuts, fingerprint, any_active


def _same(reading: LineReading, one: Values, other: Values) -> bool:
    unmapped = reading.unmapped_positions
    return one == other or all(a == b for at, (a, b) in enumerate(zip(one, other, strict=True)) if at not in unmapped)


def erp_values(state: LineState) -> Values:
    """Return what the ERP itself gave: the state with its own values before the cross-reference."""
    values: list[Value] = list(state.values)
    for at, own in zip(OWN_POSITIONS, state.own, strict=True):
        values[at] = own
    return tuple(values)


def _complete(reading: LineReading, line: ReadLine, receipts: Receipts | None) -> ReadLine:
    """Fill what the row does not tell: fields without a column keep their last value, receipts give the delivered."""
    if not reading.unmapped_positions:
        return line
    values, before = list(line.values), erp_values(line.state)
    for at in reading.unmapped_positions:
        values[at] = before[at]
    if reading.delivered_from_receipts and receipts is not None and line.key not in receipts.frozen:
        values[DELIVERED] = receipts.total(line.key)
    return attrs.evolve(line, values=tuple(values))


def _with_receipts(reading: LineReading, new: NewLines, receipts: Receipts | None) -> NewLines:
    """Give new lines what their receipts say was delivered, where no column does."""
    if not reading.delivered_from_receipts or receipts is None:
        return new
    return new.with_columns({DELIVERED: list(map(receipts.total, new.keys))})


def rejected_row(
    reading: LineReading, row: RawRow, key: tuple[str | None, int | None], field: str | None, reason: str
) -> RejectedRow:
    """Describe a row of the PO lines that is not taken."""
    return RejectedRow("po_lines", key[0], key[1], field, reason, reading.as_json(row))


def _reject(tonight: Snapshot, line: PendingLine, state: LineState | None, error: Rejection) -> Iterator[RejectedRow]:
    """Reject all rows of a line; an unchanged one, which was not kept, is told by the values it was read to."""
    for _, _, row in line.rows:
        yield rejected_row(tonight.reading, row, line.key, error.field, error.reason)
    if line.unchanged and state is not None:
        content = tonight.reading.told_by(line.key, erp_values(state))
        for _ in range(line.unchanged):
            yield RejectedRow("po_lines", *line.key, error.field, error.reason, content)
