"""Carries a delta out: which rows of which tables, in a handful of statements a delta."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final, TypeAlias, cast

import attrs
from sqlalchemy import (
    Column,
    Insert,
    Table,
    Update,
    bindparam,
    case,
    func,
    insert,
    literal,
    literal_column,
    select,
    update,
)

from po_ingest.fields import CUSTOM_SLOTS, FIELDS, INDEX, INTEGER_MAX, INTEGER_MIN, MAPPED_BY_XREF, to_text
from po_ingest.model import (
    Deliveries,
    Delta,
    LineChange,
    NewLines,
    Own,
    Presence,
    RejectedRow,
    RunContext,
    SnapshotAction,
)
from po_ingest.raw_values import Memory
from po_ingest_adapters.store.bulk import BulkWriter, chunks, encode, fetch_rows
from po_ingest_adapters.store.column_types import ID, encode_json
from po_ingest_adapters.store.database import Rows
from po_ingest_adapters.store.ids import reserve_ids
from po_ingest_adapters.store.schema import Tables

FIELD_NAMES: Final = tuple(field.name for field in FIELDS)
SLOT_POSITIONS: Final = tuple(INDEX[name] for name in CUSTOM_SLOTS)
SOURCE: Final = "ingestion"

EncodedLine: TypeAlias = tuple[LineChange, tuple[Any, ...], int | None]
"""What happens to a known line, its values as the driver takes them, and the id of the snapshot state it gets."""

LINE_COLUMNS: Final = (
    "presence",
    "row_fingerprint",
    "receipts_fingerprint",
    "xref_fingerprint",
    *FIELD_NAMES,
    "is_unmapped",
    "is_stale",
    "absent_since",
    "source_quality",
    "custom_column_sources",
    "erp_values",
    "snapshot_id",
    "first_seen_run_id",
    "last_changed_run_id",
)
"""The columns that a change writes; of a known line `absent_since` and the last three only where there is news."""
_pick_slots = itemgetter(*SLOT_POSITIONS)
OwnJson: TypeAlias = Memory[tuple[Own, Own], str | None]
"""What the ERP itself gave and what is shown -> the JSON of it: the same for many lines of an item."""


@attrs.frozen(slots=True)
class DeltaWriter:
    """Writes deltas of a run within one transaction."""

    bulk: BulkWriter
    tables: Tables
    erp: str
    run: RunContext
    _copying: Insert = attrs.field(init=False, repr=False, eq=False)  # of new lines' first states from po_line
    _own_json: OwnJson = attrs.field(factory=lambda: Memory(_own_json), init=False, repr=False, eq=False)

    def apply(self, delta: Delta) -> Sequence[int]:
        """Write a delta; return the line ids that its new lines got, in order."""
        new_ids = self._reserve(self.tables.line, len(delta.new.keys))
        self._insert_lines(new_ids, delta.new)
        lines = self._encoded(delta.changes)
        self._update_lines(lines, with_events=delta.with_events)
        self._mark_missing(delta)
        self._close_snapshots(delta, lines)
        self._open_snapshots(lines)
        if delta.with_events:
            self._insert_events([*_creations(new_ids), *_change_events(delta.changes), *_missing_events(delta)])
        self._insert_batches(new_ids, delta)
        self._insert_rejected(delta.rejected)
        return new_ids

    def _encoded(self, changes: Sequence[LineChange]) -> list[EncodedLine]:
        values = self._encode(self.tables.line, FIELD_NAMES, [change.values for change in changes])
        return list(zip(changes, values, self._snapshot_ids(changes), strict=True))

    def _snapshot_ids(self, changes: Sequence[LineChange]) -> Iterator[int | None]:
        """Yield for each change the id of the state that it opens in the snapshot history, if it opens one."""
        opens = [_opens(change.snapshot) for change in changes]
        following = iter(self._reserve(self.tables.snapshot, sum(opens)))
        return (next(following) if is_opened else None for is_opened in opens)

    def _reserve(self, table: Table, count: int) -> range:
        if not count:
            return range(0)
        first = reserve_ids(self.bulk.connection, table, count)
        return range(first, first + count)

    def _encode(self, table: Table, names: Sequence[str], rows: Rows) -> Rows:
        return encode(self.bulk.connection.dialect, [table.c[name] for name in names], rows)

    # -- po_line

    def _insert_lines(self, ids: range, new: NewLines) -> None:
        """Insert new lines, column by column, and copy their first states within the database: they are sent once."""
        if not ids:
            return
        table = self.tables.line
        (no, _), (yes, _) = self._flags()
        quality, sources = _SourcesJson()(new.sources)
        shown = cast("Iterator[Own]", zip(*(new.values[at] for at in OWN_POSITIONS), strict=True))
        encoded: dict[str, Sequence[Any]] = {
            "id": ids,
            "erp": [self.erp] * len(ids),  # of the configuration: nothing of it becomes SQL text
            "po_number": [number for number, _ in new.keys],
            "line_number": [line for _, line in new.keys],
            "row_fingerprint": new.fingerprints,
            "receipts_fingerprint": new.receipts,
            "xref_fingerprint": new.mappings,
            "is_unmapped": [yes if is_unmapped else no for is_unmapped in new.is_unmapped],
            "erp_values": list(map(self._own_json.__getitem__, zip(new.own, shown, strict=True))),
            "snapshot_id": self._reserve(self.tables.snapshot, len(ids)),
        }
        same = {
            "presence": Presence.ACTIVE.value,
            "is_stale": no,
            "source_quality": quality,
            "custom_column_sources": sources,
            "first_seen_run_id": self.run.run_id,
            "last_changed_run_id": self.run.run_id,
        }
        self.bulk.insert_columns(table, encoded, dict(zip(FIELD_NAMES, new.values, strict=True)), same)
        self.bulk.connection.execute(self._copying, {"first": ids[0], "last": ids[-1]})

    @_copying.default
    def _copy(self) -> Insert:
        line, snapshot = self.tables.line, self.tables.snapshot
        states = select(
            line.c.snapshot_id, line.c.id, literal(self.run.run_id, ID), *(line.c[name] for name in FIELD_NAMES)
        ).where(line.c.id.between(bindparam("first"), bindparam("last")))
        names = ("id", "po_line_id", "valid_from_run_id", *FIELD_NAMES)
        return insert(snapshot).from_select(names, states.order_by(line.c.id))

    def _flags(self) -> Rows:
        """Return False and True as the driver takes them, and with True the time since when a line is absent."""
        return self._encode(
            self.tables.line, ("is_stale", "absent_since"), [(False, None), (True, self.run.started_at)]
        )

    def _update_lines(self, lines: list[EncodedLine], *, with_events: bool) -> None:
        """Update known lines; a line that a user entered is seen by the ERP for the first time here."""
        if not lines:
            return
        run_id = self.run.run_id
        absences = [_becomes_absent(change, with_events=with_events) for change, _, _ in lines]
        rows = []
        for (change, _, _), row, is_news in zip(lines, self._line_rows(lines, absences), absences, strict=True):
            is_new = change.previous is Presence.NEVER
            has_event = with_events and (change.event is not None or bool(change.fields))
            keeps = int(change.presence is not Presence.ACTIVE and not is_news)
            first_seen, last_changed = run_id if is_new else None, run_id if is_new or has_event else None
            rows.append((*row, first_seen, last_changed, change.line_id, keeps))
        self.bulk.run(line_update(self.tables.line), (*LINE_COLUMNS, "line_id", "keeps_absence"), rows)

    def _line_rows(self, lines: list[EncodedLine], becomes_absent: Sequence[bool]) -> Iterator[tuple[Any, ...]]:
        """Yield the lines' values of LINE_COLUMNS but for the run ids, encoded.

        Numbers, bytes and JSON already made need no encoding; flags and times take few values, encoded once.
        """
        (no, _), (yes, now) = self._flags()
        sources_json = _SourcesJson()
        shown = self._with_slots(lines)
        for (change, _, snapshot_id), values, is_news in zip(lines, shown, becomes_absent, strict=True):
            yield (
                change.presence.value,
                change.fingerprint,
                change.receipts,
                change.mapping,
                *values,
                yes if change.is_unmapped else no,
                no if change.presence is Presence.ACTIVE else yes,
                now if is_news else None,
                *sources_json(change.sources),
                _erp_values(change, self._own_json),
                snapshot_id,
            )

    def _with_slots(self, lines: list[EncodedLine]) -> Rows:
        """Return the encoded values with the custom slots as they shall stand in po_line."""
        shown = [row for _, row, _ in lines]
        differing = [at for at, (change, _, _) in enumerate(lines) if change.slots != _pick_slots(change.values)]
        slots = self._encode(self.tables.line, CUSTOM_SLOTS, [lines[at][0].slots for at in differing])
        for at, slot in zip(differing, slots, strict=True):
            row = list(shown[at])
            for position, value in zip(SLOT_POSITIONS, slot, strict=True):
                row[position] = value
            shown[at] = tuple(row)
        return shown

    def _mark_missing(self, delta: Delta) -> None:
        if not delta.missing:
            return
        names = ("presence", "is_stale", "absent_since", "last_changed_run_id")
        run_id = self.run.run_id if delta.with_events else None
        row = (int(Presence.MISSING), True, self.run.started_at, run_id)
        encoded = self._encode(self.tables.line, names, [row])[0]
        rows = [(*encoded, line.line_id) for line in delta.missing]
        self.bulk.run(_missing_update(self.tables.line), (*names, "line_id"), rows)

    # -- erp_snapshot

    def _close_snapshots(self, delta: Delta, lines: list[EncodedLine]) -> None:
        closed = [change.line_id for change, _, _ in lines if _closes(change.snapshot)]
        closed.extend(line.line_id for line in delta.missing)
        if not closed:
            return
        table = self.tables.snapshot
        statement = (
            update(table)
            .where(table.c.po_line_id == bindparam("line_id"), table.c.valid_to_run_id.is_(None))
            .values(valid_to_run_id=bindparam("until"))
        )
        until = self.run.previous_run_id
        self.bulk.run(statement, ("until", "line_id"), [(until, line_id) for line_id in closed])

    def _open_snapshots(self, lines: list[EncodedLine]) -> None:
        run_id = self.run.run_id
        rows = [(row_id, change.line_id, run_id, *row) for change, row, row_id in lines if row_id is not None]
        self.bulk.insert(self.tables.snapshot, ("id", "po_line_id", "valid_from_run_id", *FIELD_NAMES), rows)

    # -- erp_change_event, batch, rejected_row

    def _insert_events(self, events: Rows) -> None:
        names = ("po_line_id", "kind", "field_name", "previous_value", "new_value", "cause")
        ids = iter(self._reserve(self.tables.event, len(events)))
        (detected_at,) = self._encode(self.tables.event, ("detected_at",), [(self.run.started_at,)])[0]
        rows = [(next(ids), self.run.run_id, *row, detected_at) for row in events]
        self.bulk.insert(self.tables.event, ("id", "run_id", *names, "detected_at"), rows)

    def _insert_batches(self, new_ids: range, delta: Delta) -> None:
        delivered = [change for change in delta.changes if change.deliveries]
        last = self._last_sequences([change.line_id for change in delivered])
        new, known = delta.new.deliveries, Deliveries.of(change.deliveries for change in delivered)
        line_ids = [
            *map(new_ids.__getitem__, new.places),
            *(delivered[place].line_id for place in known.places),
        ]
        if not line_ids:
            return
        table = self.tables.batch
        encoded: dict[str, Sequence[Any]] = {
            "id": self._reserve(table, len(line_ids)),
            "po_line_id": line_ids,
            "sequence": list(_sequences(line_ids, last)),
            "kind": [*new.kinds, *known.kinds],
            "reference": [*new.references, *known.references],
            "event": [*new.events, *known.events],
        }
        values: dict[str, Sequence[Any]] = {
            "delivered_quantity": [*new.quantities, *known.quantities],
            "delivery_date": [*new.dates, *known.dates],
        }
        self.bulk.insert_columns(table, encoded, values, {"source": SOURCE, "run_id": self.run.run_id})

    def _last_sequences(self, line_ids: Sequence[int]) -> dict[int, int]:
        table = self.tables.batch
        last: dict[int, int] = {}
        for some in chunks(line_ids):
            query = (
                select(table.c.po_line_id, func.max(table.c.sequence))
                .where(table.c.po_line_id.in_(some))
                .group_by(table.c.po_line_id)
            )
            last.update(fetch_rows(self.bulk.connection, query))
        return last

    def _insert_rejected(self, rejected: Sequence[RejectedRow]) -> None:
        names = ("run_id", "query", "po_number", "line_number", "field", "reason", "row")
        rows: Rows = [
            (
                self.run.run_id,
                row.query,
                printable(row.po_number),
                _within_range(row.line_number),
                row.field,
                printable(row.reason),
                dict(row.row),
            )
            for row in rejected
        ]
        ids = iter(self._reserve(self.tables.rejected, len(rows)))
        encoded = [(next(ids), *row) for row in self._encode(self.tables.rejected, names, rows)]
        self.bulk.insert(self.tables.rejected, ("id", *names), encoded)


def line_update(table: Table) -> Update:
    """Return the statement that updates a known line; its parameters are LINE_COLUMNS, line_id and keeps_absence."""
    values: dict[str, Any] = {name: bindparam(name) for name in LINE_COLUMNS}
    keeps = bindparam("keeps_absence") == literal_column("1")
    values["absent_since"] = case((keeps, table.c.absent_since), else_=bindparam("absent_since"))
    for name in ("snapshot_id", "first_seen_run_id", "last_changed_run_id"):
        values[name] = _unless_none(table.c[name])
    return update(table).where(table.c.id == bindparam("line_id")).values(values)


def _missing_update(table: Table) -> Update:
    values: dict[str, Any] = {name: bindparam(name) for name in ("presence", "is_stale", "absent_since")}
    values["last_changed_run_id"] = _unless_none(table.c.last_changed_run_id)
    return update(table).where(table.c.id == bindparam("line_id")).values(values)


def _unless_none(column: Column[Any]) -> Any:  # noqa: ANN401 - an expression
    return func.coalesce(bindparam(column.name), column)


def _sequences(line_ids: Iterable[int], last: Mapping[int, int]) -> Iterator[int]:
    """Yield the numbers of batches within their lines, after each line's last; those of a line follow each other."""
    line_of_last, number = 0, 0
    for line_id in line_ids:
        number = number + 1 if line_id == line_of_last else last.get(line_id, 0) + 1
        line_of_last = line_id
        yield number


def _becomes_absent(change: LineChange, *, with_events: bool) -> bool:
    if change.presence is Presence.ACTIVE:
        return False
    return change.event == "absent" or (not with_events and change.previous is Presence.ACTIVE)


def _opens(action: SnapshotAction) -> bool:
    return action is SnapshotAction.OPEN or action is SnapshotAction.REPLACE


def _closes(action: SnapshotAction) -> bool:
    return action is SnapshotAction.CLOSE or action is SnapshotAction.REPLACE


class _SourcesJson:
    """Gives `source_quality` and `custom_column_sources`: most lines of a night have the same."""

    def __init__(self) -> None:
        self._seen: dict[tuple[tuple[str, str], ...], tuple[str, str]] = {}

    def __call__(self, sources: Mapping[str, str]) -> tuple[str, str]:
        key = tuple(sources.items())
        if key not in self._seen:
            quality = "mixed" if "user" in sources.values() else "erp"
            self._seen[key] = quality, encode_json(dict(sources))
        return self._seen[key]


OWN_POSITIONS: Final = tuple(INDEX[name] for name in MAPPED_BY_XREF)
_pick_own = itemgetter(*OWN_POSITIONS)


def _own_json(own_and_shown: tuple[Own, Own]) -> str | None:
    """Return as JSON the ERP's own SKU, item and supplier where the cross-reference has others, else none."""
    own, shown = own_and_shown
    return None if own == shown else encode_json(_others(own, shown))


def _erp_values(change: LineChange, own_json: OwnJson) -> str | None:
    """Return as JSON what the ERP itself gave, where neither po_line nor the last snapshot state has it.

    Besides its own SKU, item and supplier that are the custom slots where no state of the snapshot history begins with
    this change: po_line may show a user's.
    """
    shown = _pick_own(change.values)
    if _opens(change.snapshot):
        return own_json[change.own, shown]
    slots = zip(CUSTOM_SLOTS, _pick_slots(change.values), strict=True)
    told = {name: to_text(value) for name, value in slots if value is not None}
    return encode_json({**_others(change.own, shown), "slots": told})


def _others(own: Own, shown: tuple[Any, ...]) -> dict[str, object]:
    return {name: was for name, was, now in zip(MAPPED_BY_XREF, own, shown, strict=True) if was != now}


def _creations(line_ids: Iterable[int]) -> Iterator[tuple[Any, ...]]:
    for line_id in line_ids:
        yield line_id, "created", None, None, None, "erp"


def _change_events(changes: Iterable[LineChange]) -> Iterator[tuple[Any, ...]]:
    for change in changes:
        line_id = change.line_id
        if change.event in {"created", "reappeared"}:
            yield line_id, change.event, None, None, None, "erp"
        for field in change.fields:
            yield line_id, "changed", field.field, field.previous, field.new, field.cause
        if change.event == "absent":
            yield line_id, "absent", None, None, "closed", "erp"


def _missing_events(delta: Delta) -> Iterator[tuple[Any, ...]]:
    for line in delta.missing:
        yield line.line_id, "absent", None, None, "missing", "erp"


def printable(text: str | None) -> str | None:
    """Return a text that every database takes: NUL and lone surrogates are written as escapes."""
    return None if text is None else text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")


def _within_range(number: int | None) -> int | None:
    return None if number is None or not INTEGER_MIN <= number <= INTEGER_MAX else number
