"""Reads the store within one transaction: what a run compares with, and what the reading commands show."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby, pairwise
from operator import attrgetter, itemgetter
from typing import Any, Final, cast

from sqlalchemy import Column, Connection, Select, and_, bindparam, func, literal, or_, select, true
from sqlalchemy.sql.elements import ColumnElement

from po_ingest.errors import PoIngestError
from po_ingest.fields import BY_NAME, CUSTOM_SLOTS, FIELDS, INDEX, KEY_FIELDS, MAPPED_BY_XREF, Value, Values, from_text
from po_ingest.model import (
    APPLIED,
    AuditEvent,
    ChainedEvent,
    Delivery,
    KnownLines,
    LineHistory,
    LineKey,
    LineState,
    PastBatch,
    PastEvent,
    PastState,
    Presence,
    Run,
    XrefRow,
)
from po_ingest.ports import PromiseMove, Row
from po_ingest_adapters.store import page_queries
from po_ingest_adapters.store.bulk import CHUNK, LONG, chunks, fetch, fetch_rows
from po_ingest_adapters.store.column_types import MOMENT, sortable
from po_ingest_adapters.store.schema import Tables

Query = Select[*tuple[Any, ...]]

FIELD_NAMES: Final = tuple(field.name for field in FIELDS)
SLOT_POSITIONS: Final = tuple(INDEX[name] for name in CUSTOM_SLOTS)
RUN_COLUMNS: Final = (
    "id",
    "run_identifier",
    "erp",
    "mode",
    "status",
    "started_at",
    "finished_at",
    "duration_seconds",
    "report",
    "host",
    "version",
    "process",
    "field_configuration",
)
LINE_COLUMNS: Final = (
    "id",
    "erp",
    *(field.name for field in KEY_FIELDS),
    *FIELD_NAMES,
    "is_unmapped",
    "is_stale",
    "absent_since",
    "source_quality",
    "custom_column_sources",
    "first_seen_run_id",
    "last_changed_run_id",
)
"""The contract's columns of `po_line`."""
BY_UTF16: Final = frozenset({"mssql"})
"""Databases that sort texts by UTF-16 unit: characters from U+E000 on come in another order than by code point."""


class SqlView:
    """The store as one transaction sees it; see `po_ingest.ports.StoreView`."""

    def __init__(self, connection: Connection, tables: Tables) -> None:
        """Read through a connection that has begun its transaction."""
        self._connection = connection
        self._tables = tables

    def _rows(self, query: Query) -> Iterator[tuple[Any, ...]]:
        return fetch_rows(self._connection, query)

    def _mappings(self, query: Query) -> Iterator[Row]:
        names = tuple(query.selected_columns.keys())
        for row in self._rows(query):
            yield dict(zip(names, row, strict=True))

    # -- what a run compares with

    def last_applied(self, erp: str) -> Run | None:
        """Return the last run of the ERP that was applied."""
        found = self.runs(erp, limit=1, statuses=APPLIED)
        return found[0] if found else None

    def known_lines(self, erp: str) -> KnownLines:
        """Return what is known of every line; equal numbers, codes and mappings share one object each."""
        line = self._tables.line.c
        query = select(
            line.id,
            line.po_number,
            line.line_number,
            line.row_fingerprint,
            line.receipts_fingerprint,
            line.item_code,
            line.xref_fingerprint,
            line.presence,
        ).where(line.erp == erp)
        known = KnownLines()
        shared: dict[Any, Any] = {}
        for rows in fetch(self._connection, query):
            ids, numbers, line_numbers, fingerprints, receipts, codes, mappings, presence = zip(*rows, strict=True)
            keys = zip(_share_neighbours(numbers), line_numbers, strict=True)
            known.index.update(zip(keys, range(len(known.ids), len(known.ids) + len(rows)), strict=True))
            known.ids.extend(array("q", ids))
            known.fingerprints.extend(fingerprints)
            known.receipts.extend(receipts)
            known.item_codes.extend([shared.setdefault(code, code) for code in codes])
            known.mappings.extend([shared.setdefault(mapping, mapping) for mapping in mappings])
            known.presence.extend(presence)
        return known

    def states(self, line_ids: Sequence[int]) -> dict[int, LineState]:
        """Return the states of the lines by id."""
        line, snapshot = self._tables.line, self._tables.snapshot
        columns = [line.c[name] for name in ("id", "presence", "custom_column_sources", "erp_values", *FIELD_NAMES)]
        query = (
            select(*columns, *(snapshot.c[name].label(f"given_{name}") for name in CUSTOM_SLOTS))
            .join_from(line, snapshot, snapshot.c.id == line.c.snapshot_id, isouter=True)
            .where(line.c.id.in_(bindparam("ids", expanding=True)))
        )
        states: dict[int, LineState] = {}
        for some in chunks(line_ids):
            for line_id, presence, sources, erp_values, *values in self._rows(query.params(ids=some)):
                states[line_id] = _state(line_id, presence, sources, erp_values or {}, values)
        return states

    def deliveries(self, line_ids: Sequence[int]) -> dict[int, list[Delivery]]:
        """Return the batches of the lines by id, in order of sequence."""
        batch = self._tables.batch.c
        query = (
            select(
                batch.po_line_id,
                batch.kind,
                batch.delivered_quantity,
                batch.delivery_date,
                batch.reference,
                batch.event,
            )
            .where(batch.po_line_id.in_(bindparam("ids", expanding=True)))
            .order_by(batch.po_line_id, batch.sequence)
        )
        found: dict[int, list[Delivery]] = {}
        for some in chunks(line_ids):
            for line_id, *delivery in self._rows(query.params(ids=some)):
                found.setdefault(line_id, []).append(Delivery(*delivery))
        return found

    def filled_counts(self, erp: str, run_id: int) -> dict[str, int]:
        """Return for each field in how many of the lines active at an applied run it was filled."""
        snapshot, line = self._tables.snapshot, self._tables.line
        query = (
            select(*(func.count(snapshot.c[name]) for name in FIELD_NAMES))
            .join_from(snapshot, line, snapshot.c.po_line_id == line.c.id)
            .where(line.c.erp == erp, self._valid_at(run_id))
        )
        return dict(zip(FIELD_NAMES, next(self._rows(query)), strict=True))

    def item_xref(self) -> list[XrefRow]:
        """Return the store's item cross-reference, by item code."""
        xref = self._tables.xref.c
        query = select(
            xref.erp_item_code, xref.supplier_code, xref.mapped_sku, xref.mapped_item, xref.is_active
        ).order_by(xref.erp_item_code)
        return sorted((XrefRow(*row) for row in self._rows(query)), key=attrgetter("erp_item_code"))

    # -- what the reading commands show

    def runs(
        self,
        erp: str,
        *,
        limit: int | None = None,
        statuses: Sequence[str] | None = None,
        since: datetime | None = None,
        before_id: int | None = None,
    ) -> list[Run]:
        """Return the ERP's runs, newest first."""
        run = self._tables.run.c
        query = select(*(run[name] for name in RUN_COLUMNS)).where(run.erp == erp).order_by(run.id.desc())
        if statuses is not None:
            query = query.where(run.status.in_(statuses))
        if since is not None:
            query = query.where(_at_or_after(run.started_at, since))
        if before_id is not None:
            query = query.where(run.id < before_id)
        return [Run(*row) for row in self._rows(query.limit(limit))]

    def find_run(self, erp: str, text: str) -> Run | None:
        """Return the ERP's run with this number or run_identifier."""
        run = self._tables.run.c
        matches: list[ColumnElement[bool]] = [run.run_identifier == text]
        if text.isascii() and text.isdecimal() and len(text) <= len(str(2**62)) - 1:
            matches.append(run.id == int(text))
        query = select(*(run[name] for name in RUN_COLUMNS)).where(run.erp == erp, or_(*matches))
        return next((Run(*row) for row in self._rows(query)), None)

    def lines(self, erp: str, po_number: str, line_number: int | None = None) -> list[Row]:
        """Return the rows of `po_line` of a PO (or of one line of it), by line number."""
        line = self._tables.line.c
        query = (
            select(*(line[name] for name in LINE_COLUMNS))
            .where(line.erp == erp, line.po_number == po_number)
            .order_by(line.line_number)
        )
        if line_number is not None:
            query = query.where(line.line_number == line_number)
        return list(self._mappings(query))

    def po_numbers(self, erp: str) -> list[str]:
        """Return the numbers of all POs of the ERP, each once."""
        line = self._tables.line.c
        return [number for (number,) in self._rows(select(line.po_number).where(line.erp == erp).distinct())]

    def line_events(self, line_ids: Sequence[int]) -> list[Row]:
        """Return the lines' change events, by id."""
        event = self._tables.event.c
        found: list[Row] = []
        for some in chunks(line_ids):
            found.extend(self._mappings(self._events().where(event.po_line_id.in_(some))))
        return sorted(found, key=itemgetter("id"))

    def line_batches(self, line_ids: Sequence[int]) -> list[Row]:
        """Return the lines' batches, by line and sequence."""
        batch, line, run = self._tables.batch, self._tables.line, self._tables.run
        query = (
            select(
                batch.c.id,
                batch.c.po_line_id,
                line.c.erp,
                line.c.po_number,
                line.c.line_number,
                batch.c.sequence,
                batch.c.delivered_quantity,
                batch.c.delivery_date,
                batch.c.kind,
                batch.c.reference,
                batch.c.source,
                batch.c.run_id,
                run.c.run_identifier,
            )
            .join_from(batch, line, batch.c.po_line_id == line.c.id)
            .join(run, batch.c.run_id == run.c.id)
        )
        found: list[Row] = []
        for some in chunks(line_ids):
            found.extend(self._mappings(query.where(batch.c.po_line_id.in_(some))))
        return sorted(found, key=itemgetter("po_line_id", "sequence"))

    def changes(
        self,
        erp: str,
        *,
        run_id: int | None = None,
        since: datetime | None = None,
        field: str | None = None,
        supplier: str | None = None,
    ) -> Iterator[Row]:
        """Yield the ERP's change events, by id."""
        tables = self._tables
        query = self._events().where(tables.line.c.erp == erp)
        if run_id is not None:
            query = query.where(tables.event.c.run_id == run_id)
        if since is not None:
            query = query.where(_at_or_after(tables.run.c.started_at, since))
        if field is not None:
            query = query.where(tables.event.c.field_name == field)
        if supplier is not None:
            query = query.where(tables.line.c.supplier_code == supplier)
        yield from self._mappings(query.execution_options(**LONG))

    def _events(self) -> Query:
        event, line, run = self._tables.event, self._tables.line, self._tables.run
        return (
            select(
                event.c.id,
                event.c.run_id,
                run.c.run_identifier,
                event.c.po_line_id,
                line.c.erp,
                line.c.po_number,
                line.c.line_number,
                event.c.kind,
                event.c.field_name,
                event.c.previous_value,
                event.c.new_value,
                event.c.cause,
                event.c.detected_at,
            )
            .join_from(event, line, event.c.po_line_id == line.c.id)
            .join(run, event.c.run_id == run.c.id)
            .order_by(event.c.id)
        )

    def snapshot(self, erp: str, run_id: int) -> Iterator[tuple[LineKey, Values]]:
        """Yield the lines that were active at an applied run, with their state then, by key."""
        snapshot, line = self._tables.snapshot, self._tables.line
        query = (
            select(line.c.po_number, line.c.line_number, *(snapshot.c[name] for name in FIELD_NAMES))
            .join_from(snapshot, line, snapshot.c.po_line_id == line.c.id)
            .where(line.c.erp == erp, self._valid_at(run_id))
            .order_by(line.c.po_number, line.c.line_number)
        )
        rows = self._rows(query.execution_options(**LONG))
        if self._connection.dialect.name in BY_UTF16 and not _is_ascending(
            self._rows(query.with_only_columns(line.c.po_number, line.c.line_number))
        ):
            rows = iter(sorted(rows, key=itemgetter(0, 1)))
        for row in rows:
            yield (row[0], row[1]), row[2:]

    def _valid_at(self, run_id: int) -> ColumnElement[bool]:
        snapshot = self._tables.snapshot.c
        return and_(
            snapshot.valid_from_run_id <= run_id,
            or_(snapshot.valid_to_run_id.is_(None), snapshot.valid_to_run_id >= run_id),
        )

    def gaps(self, erp: str) -> list[Row]:
        """Return active lines' unmapped codes, by code: how many lines, and the first line's key."""
        line = self._tables.line.c
        query = (
            select(line.item_code, line.po_number, line.line_number)
            .where(line.erp == erp, line.presence == int(Presence.ACTIVE), line.is_unmapped == true())
            .where(line.item_code.is_not(None))
        )
        ordered = sorted(self._rows(query))
        found: list[Row] = []
        for code, rows in groupby(ordered, key=itemgetter(0)):
            keys = list(rows)
            _, po_number, line_number = keys[0]
            found.append(
                {"erp_item_code": code, "lines": len(keys), "po_number": po_number, "line_number": line_number}
            )
        return found

    def promise_moves(self, erp: str, first_run_id: int) -> Iterator[PromiseMove]:
        """Yield the lines whose promised date the ERP moved in that run or later."""
        query = page_queries.promise_moves(self._tables, erp, first_run_id).execution_options(**LONG)
        yield from cast("Iterator[PromiseMove]", self._rows(query))

    def latest_changes(self, erp: str, first_run_id: int, limit: int) -> list[Row]:
        """Return the newest change events of that run or later, the newest first."""
        newest = self._rows(page_queries.newest_events(self._tables, erp, first_run_id, limit))
        found: list[Row] = []
        for some in chunks([event_id for (event_id,) in newest]):
            found.extend(self._mappings(self._events().where(self._tables.event.c.id.in_(some))))
        return sorted(found, key=itemgetter("id"), reverse=True)

    def rejected_rows(self, run_id: int, limit: int) -> list[Row]:
        """Return the first rejected rows of a run, by id."""
        return list(self._mappings(page_queries.rejected_rows(self._tables, run_id, limit)))

    def last_audit_id(self) -> int:
        """Return the id of the audit trail's last event; 0 if there is none."""
        ((last,),) = self._rows(select(func.max(self._tables.audit.c.id)))
        return last or 0

    def audit_events(self, after_id: int = 0) -> Iterator[ChainedEvent]:
        """Yield the audit trail in its order, from the event after `after_id`."""
        audit = self._tables.audit.c
        query = (
            select(
                audit.id,
                audit.previous_hash,
                audit.hash,
                audit.in_file,
                audit.event_id,
                audit.event_type,
                audit.severity,
                audit.timestamp,
                audit.run_id,
                audit.po_line_id,
                audit.previous_values,
                audit.new_values,
                audit.reason,
                audit.source,
            )
            .where(audit.id > after_id)
            .order_by(audit.id)
        )
        if not after_id:  # else the events of a night, mostly
            query = query.execution_options(**LONG)
        for event_id, previous_hash, own_hash, in_file, *event in self._rows(query):
            yield ChainedEvent(event_id, AuditEvent(*event), previous_hash, own_hash, in_file)

    def histories(self, erp: str) -> Iterator[LineHistory]:
        """Yield all that there is of each line of the ERP, by line id."""
        line = self._tables.line.c
        query = (
            select(line.id, line.po_number, line.line_number, line.is_stale, line.first_seen_run_id)
            .where(line.erp == erp, line.id > bindparam("last"))
            .order_by(line.id)
            .limit(CHUNK)
        )
        last = -1
        while page := list(self._rows(query.params(last=last))):
            last = page[-1][0]
            try:
                yield from self._histories(page)
            except (ValueError, ArithmeticError):
                for row in page:  # one of them cannot be read: which?
                    yield from self._history(row)

    def _history(self, row: tuple[Any, ...]) -> list[LineHistory]:
        try:
            return self._histories([row])
        except (ValueError, ArithmeticError) as error:
            raise PoIngestError(
                f"PO {row[1]} line {row[2]} has a stored value that is none of its type: {error}",
                hint="it was changed by hand; compare with a backup of the store",
            ) from error

    def _histories(self, page: Sequence[tuple[Any, ...]]) -> list[LineHistory]:
        """Return the histories of some lines, given as id, key, `is_stale` and `first_seen_run_id`."""
        ids = [row[0] for row in page]
        states = self.states(ids)
        snapshot, event, batch = self._tables.snapshot.c, self._tables.event.c, self._tables.batch.c
        of_snapshot = (snapshot.valid_from_run_id, snapshot.valid_to_run_id, *(snapshot[name] for name in FIELD_NAMES))
        of_event = (event.run_id, event.kind, event.field_name, event.previous_value, event.new_value)
        past_states = self._by_line(ids, snapshot.po_line_id, of_snapshot, snapshot.valid_from_run_id)
        events = self._by_line(ids, event.po_line_id, of_event, event.id)
        batches = self._by_line(
            ids, batch.po_line_id, (batch.run_id, batch.sequence, batch.delivered_quantity), batch.sequence
        )
        return [
            LineHistory(
                (po_number, line_number),
                states[line_id],
                is_stale,
                first_seen_run_id,
                tuple(PastState(first, last, tuple(values)) for first, last, *values in past_states.get(line_id, ())),
                tuple(PastEvent(*row) for row in events.get(line_id, ())),
                tuple(PastBatch(*row) for row in batches.get(line_id, ())),
            )
            for line_id, po_number, line_number, is_stale, first_seen_run_id in page
        ]

    def _by_line(
        self, ids: Sequence[int], line_id: Column[Any], columns: Sequence[Column[Any]], order: Column[Any]
    ) -> dict[int, list[tuple[Any, ...]]]:
        """Return rows by line, in order."""
        query = select(line_id, *columns).where(line_id.in_(ids)).order_by(line_id, order)
        found: dict[int, list[tuple[Any, ...]]] = {}
        for row in self._rows(query):
            found.setdefault(row[0], []).append(row[1:])
        return found


def _is_ascending(rows: Iterator[tuple[Any, ...]]) -> bool:
    return all(one <= other for one, other in pairwise(rows))


def _share_neighbours(texts: Sequence[str]) -> Iterator[str]:
    """Yield the texts, equal neighbours as one object: the lines of a PO mostly come together."""
    last = ""
    for each in texts:
        if each != last:
            last = each
        yield last


def _at_or_after(column: ColumnElement[Any], moment: datetime) -> ColumnElement[bool]:
    return sortable(column) >= sortable(literal(moment, MOMENT))


def _state(
    line_id: int, presence: int, sources: Mapping[str, str] | None, erp_values: Mapping[str, Any], row: list[Value]
) -> LineState:
    """Build a state from po_line's fields and, behind them, the custom slots of the line's last snapshot state.

    `po_line` may show a user's custom values; what the ERP gave is in `erp_values` or the snapshot (see the writer).
    """
    values, snapshot_slots = row[: len(FIELDS)], row[len(FIELDS) :]
    shown = tuple(values[at] for at in SLOT_POSITIONS)
    texts = erp_values.get("slots")
    for place, (name, at) in enumerate(zip(CUSTOM_SLOTS, SLOT_POSITIONS, strict=True)):
        values[at] = snapshot_slots[place] if texts is None else from_text(BY_NAME[name].kind, texts.get(name))
    sku, item, supplier = (erp_values.get(name, values[INDEX[name]]) for name in MAPPED_BY_XREF)
    return LineState(line_id, tuple(values), (sku, item, supplier), shown, sources or {}, Presence(presence))
