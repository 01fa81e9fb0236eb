"""What a test does in a store past the product: look at everything, enter and edit lines as a user does."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import attrs
from sqlalchemy import Table, insert, select, update

from po_ingest.fields import CUSTOM_SLOTS, FIELDS, Value
from po_ingest.model import Presence
from po_ingest_adapters.store.database import Access
from po_ingest_adapters.store.ids import reserve_ids
from po_ingest_adapters.store.memory import MemoryStore, StoredLine
from po_ingest_adapters.store.sql import SqlStore


@attrs.frozen
class MemoryHand:
    """A hand in the in-memory store."""

    store: MemoryStore

    def dump(self) -> dict[str, list[Any]]:
        tables = self.store.tables
        return {
            "ingestion_run": list(tables.runs.values()),
            "po_line": list(tables.lines.values()),
            "erp_snapshot": list(tables.snapshots),
            "erp_change_event": list(tables.events),
            "batch": list(tables.batches),
            "audit_event": list(tables.audit),
            "rejected_row": [row for _, row in tables.rejected],
        }

    def edit_slots(self, values: Mapping[str, Value], sources: Mapping[str, str]) -> None:
        tables = self.store.tables
        (stored,) = (each for each in tables.lines.values() if each.key == ("PO-1", 1))
        slots = tuple(values.get(slot, before) for slot, before in zip(CUSTOM_SLOTS, stored.slots, strict=True))
        tables.lines[stored.id] = attrs.evolve(stored, slots=slots, sources=dict(sources))

    def enter_line(self, values: Mapping[str, Value]) -> None:
        tables = self.store.tables
        line_id = max(tables.lines, default=0) + 1
        tables.lines[line_id] = StoredLine(
            id=line_id,
            erp="erp",
            key=("PO-1", 1),
            values=(None,) * len(FIELDS),
            own=(None, None, None),
            slots=tuple(values.get(slot) for slot in CUSTOM_SLOTS),
            sources=dict.fromkeys(values, "user"),
            is_unmapped=False,
            presence=Presence.NEVER,
            source_quality="user",
        )


@attrs.frozen
class SqlHand:
    """A hand in a store in a SQL database."""

    store: SqlStore

    def dump(self) -> dict[str, list[Any]]:
        of = self.store.tables
        tables = (of.run, of.line, of.snapshot, of.event, of.batch, of.audit, of.rejected)
        if self.store.schema().relation == "missing":
            return {table.name: [] for table in tables}
        return {table.name: self._rows(table) for table in tables}

    def _rows(self, table: Table) -> list[Any]:
        with self.store.database.begin(Access.READ) as connection:
            rows = connection.execute(select(table).order_by(table.c.id)).mappings()
            return [SimpleNamespace(**row) for row in rows]

    def edit_slots(self, values: Mapping[str, Value], sources: Mapping[str, str]) -> None:
        line = self.store.tables.line
        is_it = (line.c.erp == "erp") & (line.c.po_number == "PO-1") & (line.c.line_number == 1)
        new: dict[str, Any] = {**values, "custom_column_sources": dict(sources)}
        with self.store.database.begin(Access.WRITE) as connection:
            connection.execute(update(line).where(is_it).values(new))

    def enter_line(self, values: Mapping[str, Value]) -> None:
        line = self.store.tables.line
        with self.store.database.begin(Access.WRITE) as connection:
            row = {
                "id": reserve_ids(connection, line, 1),
                "erp": "erp",
                "po_number": "PO-1",
                "line_number": 1,
                **values,
                "custom_column_sources": dict.fromkeys(values, "user"),
                "is_unmapped": False,
                "is_stale": False,
                "source_quality": "user",
                "presence": int(Presence.NEVER),
            }
            connection.execute(insert(line), row)
