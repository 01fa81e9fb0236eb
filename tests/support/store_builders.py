"""Builds what a store is given: lines, deltas, runs; and stores to give it to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from sqlalchemy import insert, update

from po_ingest.fields import CUSTOM_SLOTS, INDEX, Value, Values
from po_ingest.model import (
    AuditEvent,
    Deliveries,
    Delivery,
    Delta,
    LineChange,
    LineKey,
    NewLines,
    NewRun,
    Own,
    Presence,
    RunContext,
    RunReport,
    RunStatus,
    SnapshotAction,
)
from po_ingest.ports import Store
from po_ingest.settings import StoreSettings
from po_ingest_adapters.store.database import Access
from po_ingest_adapters.store.ids import reserve_ids
from po_ingest_adapters.store.memory import MemoryStore, StoredLine
from po_ingest_adapters.store.sql import SqlStore, create
from support.store_mssql import Mssql, emulated_store, is_given
from support.store_postgres import Postgres
from support.tds_server import TdsServer

START: Final = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)
KINDS: Final = ("memory", "sqlite", "postgresql", "mssql-emulated", "mssql-driver", *(["mssql"] if is_given() else []))
ERP: Final = "erp"
KEY: Final[LineKey] = ("PO-1", 1)
FULL: Final[dict[str, Value]] = {
    "sku": "SKU-1",
    "item": "Bolt",
    "item_code": "B-1",
    "supplier_code": "S-1",
    "ordered_quantity": Decimal("99999999999999.999"),
    "delivered_quantity": Decimal("0.001"),
    "remaining_quantity": Decimal("-12.000"),
    "in_date": date(2026, 1, 30),
    "promised_date": date(9999, 12, 31),
    "current_status": "open",
    "po_insert_date": date(1, 1, 1),
    "final_customer": "Müller \U0001f600",
    "last_update_timestamp": datetime(2026, 1, 30, 23, 59, 59, 500000, tzinfo=UTC),
    "custom_date_1": date(2026, 2, 1),
    "custom_text_1": "from the ERP",
    "custom_decimal_1": Decimal("1.500"),
}


def sqlite_store(path: Path) -> SqlStore:
    return create(StoreSettings(url=f"sqlite:///{path}"))


def absent_store(request: pytest.FixtureRequest, folder: Path) -> Store:
    """Return a store of the kind that a fixture's parameter names; nobody has made it yet."""
    if request.param == "memory":
        return MemoryStore()
    if request.param == "sqlite":
        return sqlite_store(folder / "store.db")
    if request.param == "mssql-emulated":
        return emulated_store(folder)
    if request.param == "mssql-driver":
        spoken: TdsServer = request.getfixturevalue("tds")
        return spoken.store()
    if request.param == "mssql":
        server: Mssql = request.getfixturevalue("mssql")
        return server.fresh()
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.fresh()


def make_store(request: pytest.FixtureRequest, folder: Path) -> Store:
    """Return an empty store with a schema, of the kind that a fixture's parameter names."""
    store = absent_store(request, folder)
    store.upgrade()
    return store


def line_values(**given: Value) -> Values:
    values: list[Value] = [None] * len(INDEX)
    for name, value in given.items():
        values[INDEX[name]] = value
    return tuple(values)


def slots_of(values: Values) -> Values:
    return tuple(values[INDEX[name]] for name in CUSTOM_SLOTS)


@attrs.frozen
class NewLine:
    """A line that the store does not have yet, by itself; `new_lines` puts several together."""

    key: LineKey
    values: Values
    own: Own = ("OWN-SKU", None, "OWN-S")
    is_unmapped: bool = False
    fingerprint: bytes = b"f" * 16
    receipts: bytes | None = None
    mapping: bytes | None = None
    deliveries: tuple[Delivery, ...] = ()
    sources: Mapping[str, str] = attrs.Factory(dict)


def new_line(key: LineKey = KEY, values: Values | None = None, **given: Any) -> NewLine:  # noqa: ANN401 - attributes of NewLine
    """Return a line to be created."""
    return NewLine(key, line_values(**FULL) if values is None else values, **given)


def new_lines(lines: Sequence[NewLine]) -> NewLines:
    """Return lines in columns, as a run creates them; their slots have the same sources."""
    if not lines:
        return NewLines()
    assert all(line.sources == lines[0].sources for line in lines)
    return NewLines(
        keys=[line.key for line in lines],
        fingerprints=[line.fingerprint for line in lines],
        values=list(zip(*(line.values for line in lines), strict=True)),
        own=[line.own for line in lines],
        is_unmapped=[line.is_unmapped for line in lines],
        mappings=[line.mapping for line in lines],
        deliveries=Deliveries.of(line.deliveries for line in lines),
        receipts=[line.receipts for line in lines],
        sources=lines[0].sources,
    )


def known_line(line_id: int, key: LineKey = KEY, values: Values | None = None, **given: Any) -> LineChange:  # noqa: ANN401 - attributes of LineChange
    """Return a change of a known, active line: bookkeeping alone, but for what is given."""
    values = line_values(**FULL) if values is None else values
    change = LineChange(
        key=key,
        line_id=line_id,
        values=values,
        own=("OWN-SKU", None, "OWN-S"),
        slots=slots_of(values),
        sources={},
        is_unmapped=False,
        presence=Presence.ACTIVE,
        fingerprint=b"f" * 16,
        receipts=None,
        mapping=None,
        snapshot=SnapshotAction.KEEP,
        previous=Presence.ACTIVE,
    )
    return attrs.evolve(change, **given)


def delivery(quantity: str, **given: Any) -> Delivery:  # noqa: ANN401 - attributes of Delivery
    return attrs.evolve(Delivery("delta", Decimal(quantity), date(2026, 1, 30)), **given)


def new_run(identifier: str, started_at: datetime = START, erp: str = ERP) -> NewRun:
    return NewRun(
        run_identifier=identifier, erp=erp, mode="nightly", started_at=started_at, host="host", version="1.0", process=7
    )


def report(run_id: int, identifier: str, started_at: datetime, status: RunStatus, erp: str = ERP) -> RunReport:
    return RunReport(
        run_id=run_id,
        run_identifier=identifier,
        erp=erp,
        mode="nightly",
        baseline=False,
        dry_run=False,
        status=status,
        started_at=started_at,
        finished_at=started_at + timedelta(seconds=90),
        duration_seconds=90.0,
    )


@attrs.define
class Nights:
    """Runs nights on a store, a day apart."""

    store: Store
    erp: str = ERP
    count: int = 0
    previous: int | None = None

    def night(self, *deltas: Delta, status: RunStatus = "completed", at: datetime | None = None) -> tuple[int, ...]:
        """Apply deltas in a run of their own; return the ids of all lines that they create."""
        self.count += 1
        started_at = at or START + timedelta(days=self.count)
        identifier = f"{self.erp}-{self.count}"
        with self.store.write() as transaction:
            run_id = transaction.start_run(new_run(identifier, started_at, self.erp))
            context = RunContext(run_id, self.previous, started_at)
            ids = tuple(line_id for delta in deltas for line_id in transaction.apply(context, delta))
            transaction.finish_run(run_id, report(run_id, identifier, started_at, status, self.erp))
        if status in {"completed", "partial"}:
            self.previous = run_id
        return ids

    def changes(self, *lines: NewLine | LineChange, with_events: bool = True) -> tuple[int, ...]:
        """Create and change lines in a run of their own; return the ids of those that are created."""
        new = new_lines([line for line in lines if isinstance(line, NewLine)])
        changes = tuple(line for line in lines if isinstance(line, LineChange))
        return self.night(Delta(new, changes, with_events=with_events))


def audit_event(number: int, **given: Any) -> AuditEvent:  # noqa: ANN401 - attributes of AuditEvent
    event = AuditEvent(
        event_id=f"00000000-0000-0000-0000-{number:012d}",
        event_type="ingestion_change",
        severity="info",
        timestamp=START + timedelta(microseconds=number),
        run_id=1,
        po_line_id=2,
        previous_values={"sku": None, "z": "ä\x00\ud800"},
        new_values={"sku": "S", "nested": {"b": [1, True, None]}},
        reason="because",
    )
    return attrs.evolve(event, **given)


def enter_line(store: Store, key: LineKey, values: Values) -> int:
    """Enter a line as a user's tool does: no ERP ever gave it."""
    if isinstance(store, MemoryStore):
        line_id = max(store.tables.lines, default=0) + 1
        store.tables.lines[line_id] = StoredLine(
            id=line_id,
            erp=ERP,
            key=key,
            values=line_values(),
            own=(None, None, None),
            slots=slots_of(values),
            sources={},
            is_unmapped=False,
            presence=Presence.NEVER,
            source_quality="user",
        )
        return line_id
    assert isinstance(store, SqlStore)
    with store.database.begin(Access.WRITE) as connection:
        new_id = reserve_ids(connection, store.tables.line, 1)
        row = {
            "id": new_id,
            "erp": ERP,
            "po_number": key[0],
            "line_number": key[1],
            **dict(zip(CUSTOM_SLOTS, slots_of(values), strict=True)),
            "is_unmapped": False,
            "is_stale": False,
            "source_quality": "user",
            "presence": int(Presence.NEVER),
        }
        connection.execute(insert(store.tables.line), row)
        return new_id


def own_slot(store: Store, line_id: int, slot: str, value: Value) -> None:
    """Write a custom slot as a user's tool does: into `po_line`, with the mark `user`."""
    if isinstance(store, MemoryStore):
        line = store.tables.lines[line_id]
        slots = list(line.slots)
        slots[CUSTOM_SLOTS.index(slot)] = value
        store.tables.lines[line_id] = attrs.evolve(
            line, slots=tuple(slots), sources={slot: "user"}, source_quality="mixed"
        )
        return
    assert isinstance(store, SqlStore)
    line_table = store.tables.line
    marks = {slot: value, "custom_column_sources": {slot: "user"}, "source_quality": "mixed"}
    with store.database.begin(Access.WRITE) as connection:
        connection.execute(update(line_table).where(line_table.c.id == line_id).values(marks))


def keys(rows: Sequence[Any], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]
