"""A write transaction of the store: runs, deltas, the audit chain, the cross-reference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select, update

from po_ingest.audit_chain import COLUMNS, GENESIS, link
from po_ingest.errors import StoreError
from po_ingest.model import AuditEvent, Delta, NewRun, RunContext, RunReport, XrefRow
from po_ingest.stages.report import report_dict
from po_ingest_adapters.store.bulk import BulkWriter, chunks, encode
from po_ingest_adapters.store.database import COMMIT_MARK, Database, Rows
from po_ingest_adapters.store.ids import reserve_ids
from po_ingest_adapters.store.schema import Tables
from po_ingest_adapters.store.view import SqlView
from po_ingest_adapters.store.writer import DeltaWriter

AUDIT_COLUMNS: Final = (*COLUMNS, "in_file")
XREF_COLUMNS = ("erp_item_code", "supplier_code", "mapped_sku", "mapped_item", "is_active", "updated_at")
AUDIT_CHUNK = 5000
"""Audit events that are written with one statement."""


class SqlTransaction(SqlView):
    """A write transaction; see `po_ingest.ports.StoreTransaction`."""

    def __init__(self, connection: Connection, tables: Tables, database: Database) -> None:
        """Write through a connection that has begun its transaction."""
        super().__init__(connection, tables)
        self._bulk = BulkWriter(connection, database)
        self._writers: dict[RunContext, DeltaWriter] = {}
        self._last_hash: str | None = None  # of the audit chain, once this transaction knows it

    def start_run(self, run: NewRun) -> int:
        """Insert a run with status `running`; return its id."""
        run_id = reserve_ids(self._connection, self._tables.run, 1)
        row = {
            "id": run_id,
            "run_identifier": run.run_identifier,
            "erp": run.erp,
            "mode": run.mode,
            "status": "running",
            "started_at": run.started_at,
            "host": run.host,
            "version": run.version,
            "process": run.process,
        }
        self._connection.execute(insert(self._tables.run), row)
        return run_id

    def apply(self, run: RunContext, delta: Delta) -> Sequence[int]:
        """Carry out a delta; return the line ids that its new lines got, in order."""
        if run not in self._writers:
            erp = self._erp_of(run.run_id)
            self._writers[run] = DeltaWriter(self._bulk, self._tables, erp, run)
        return self._writers[run].apply(delta)

    def _erp_of(self, run_id: int) -> str:
        table = self._tables.run
        erp: str | None = self._connection.execute(select(table.c.erp).where(table.c.id == run_id)).scalar()
        if erp is None:
            raise StoreError(f"the store has no run {run_id}", hint="the history was changed by another program")
        return erp

    def finish_run(self, run_id: int, report: RunReport, field_configuration: Mapping[str, str] | None = None) -> None:
        """Write the outcome of a run."""
        values: dict[str, Any] = {
            "status": report.status,
            "finished_at": report.finished_at,
            "duration_seconds": report.duration_seconds,
            "report": report_dict(report),
        }
        if field_configuration is not None:
            values["field_configuration"] = dict(field_configuration)
        table = self._tables.run
        self._connection.execute(update(table).where(table.c.id == run_id).values(values))

    def record(self, events: Iterable[AuditEvent], *, in_file: bool = False) -> None:
        """Append audit events to the chain; those that are there already are skipped."""
        waiting = {event.event_id: event for event in events}
        for event_id in self._recorded(list(waiting)):
            del waiting[event_id]
        if not waiting:
            return
        table = self._tables.audit
        previous_hash = self._last_hash or self._newest_hash()
        first = reserve_ids(self._connection, table, len(waiting))
        rows: Rows = []
        for row in _chained(first, previous_hash, waiting.values(), in_file=in_file):
            rows.append(row)
            if len(rows) == AUDIT_CHUNK:
                self._append(rows)
                rows = []
            self._last_hash = row[AUDIT_COLUMNS.index("hash")]
        self._append(rows)
        self._connection.info[COMMIT_MARK] = self._last_hash

    def _newest_hash(self) -> str:
        table = self._tables.audit
        newest = select(table.c.hash).order_by(table.c.id.desc()).limit(1)
        found: str | None = self._connection.execute(newest).scalar()
        return found or GENESIS

    def _append(self, rows: Rows) -> None:
        table = self._tables.audit
        columns = [table.c[name] for name in AUDIT_COLUMNS]
        self._bulk.insert(table, AUDIT_COLUMNS, encode(self._connection.dialect, columns, rows))

    def _recorded(self, event_ids: Sequence[str]) -> Iterator[str]:
        column = self._tables.audit.c.event_id
        for some in chunks(event_ids):
            yield from (row[0] for row in self._rows(select(column).where(column.in_(some))))

    def put_item_xref(self, rows: Sequence[XrefRow], at: datetime) -> None:
        """Insert or replace entries of the store's item cross-reference, by item code."""
        table = self._tables.xref
        by_code = {row.erp_item_code: row for row in rows}
        for some in chunks(list(by_code)):
            self._connection.execute(delete(table).where(table.c.erp_item_code.in_(some)))
        columns = [table.c[name] for name in XREF_COLUMNS]
        values: Rows = [
            (row.erp_item_code, row.supplier_code, row.mapped_sku, row.mapped_item, row.is_active, at)
            for row in by_code.values()
        ]
        self._bulk.insert(table, XREF_COLUMNS, encode(self._connection.dialect, columns, values))


def _chained(
    first: int, previous_hash: str, events: Iterable[AuditEvent], *, in_file: bool
) -> Iterator[tuple[Any, ...]]:
    for row_id, event in enumerate(events, first):
        chained = link(previous_hash, row_id, event)
        previous_hash = chained.hash
        yield (
            row_id,
            event.event_id,
            event.event_type,
            event.severity,
            event.source,
            event.run_id,
            event.po_line_id,
            event.timestamp,
            event.previous_values,
            event.new_values,
            event.reason,
            chained.previous_hash,
            chained.hash,
            in_file,
        )
