"""A small world of in-memory adapters to run nights in: the ERP's rows are dicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs

from po_ingest.errors import PoIngestError
from po_ingest.fields import FIELDS, Value, to_text
from po_ingest.journal import Parts
from po_ingest.model import RunReport, XrefRow
from po_ingest.pipeline import Options, run_nightly
from po_ingest.ports import Store
from po_ingest.settings import (
    AuditSettings,
    ColumnSettings,
    CustomColumnSettings,
    ErpSettings,
    GuardSettings,
    LineSettings,
    LogSettings,
    QuerySettings,
    RetrySettings,
    Settings,
    StoreSettings,
)
from po_ingest.wiring import Silent
from po_ingest_adapters.audit.memory import MemoryAuditSink, MemorySpool
from po_ingest_adapters.buffer import MemoryBuffer
from po_ingest_adapters.erp.memory import MemoryErpSource
from po_ingest_adapters.failing import FailurePlan
from po_ingest_adapters.store.memory import MemoryStore
from support.hands import MemoryHand, SqlHand

Erp = dict[str, object]
START = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
NO_WAIT = RetrySettings(attempts=3, wait_initial=0.0, wait_max=0.0, timeout=10.0)
LINES = "SELECT * FROM erp_order_lines"
RECEIPTS = "SELECT * FROM receipts"
XREF = "SELECT * FROM erp_item_xref"
OPEN_GUARDS = GuardSettings(min_lines=0, max_absent_ratio=1.0, max_rejected_ratio=1000.0, max_emptied_ratio=1.0)


def line(po_number: object = "PO-1", line_number: object = 1, **values: object) -> Erp:
    """Return a row of the ERP."""
    return {"po_number": po_number, "line_number": line_number, **values}


def table(rows: Sequence[Erp], columns: Sequence[str] = ()) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    names = tuple(dict.fromkeys([*columns, *(name for row in rows for name in row)]))
    return names, [tuple(row.get(name) for name in names) for row in rows]


def new_store(plan: FailurePlan) -> Store:
    """Return the store of a world that was given none; the fixture `everywhere` has others."""
    return MemoryStore(plan=plan)


@attrs.define
class World:
    """An ERP, a store and a clock that moves a day a night."""

    lines: list[Erp] = attrs.Factory(list)
    receipts: list[Erp] | None = None
    xref: list[Erp] | None = None
    columns: tuple[str, ...] = ("po_number", "line_number")  # that the result has; those of a row stay
    mapping: dict[str, ColumnSettings] = attrs.Factory(dict)
    slots: dict[str, CustomColumnSettings] = attrs.Factory(dict)
    guards: GuardSettings = OPEN_GUARDS
    line_settings: LineSettings = attrs.Factory(LineSettings)
    timezone: str = "UTC"
    now: datetime = START
    erp_plan: FailurePlan = attrs.Factory(FailurePlan)
    store_plan: FailurePlan = attrs.Factory(FailurePlan)
    store: Any = None
    sink: Any = attrs.Factory(MemoryAuditSink)
    spool: Any = attrs.Factory(MemorySpool)
    chunk_size: int = 100

    def __attrs_post_init__(self) -> None:
        if self.store is None:
            self.store = new_store(self.store_plan)

    def clock(self) -> datetime:
        return self.now

    def settings(self) -> Settings:
        def query(sql: str, columns: Mapping[str, ColumnSettings]) -> QuerySettings:
            return QuerySettings(query=sql, columns=columns)

        return Settings(
            file=Path("po-ingest.toml"),
            erp=ErpSettings(
                connection="memory",
                folder=Path(),
                timezone=self.timezone,
                po_lines=query(LINES, self.mapping),
                receipts=None if self.receipts is None else query(RECEIPTS, {}),
                item_xref=None if self.xref is None else query(XREF, {}),
                retry=NO_WAIT,
            ),
            store=StoreSettings(url="memory:", retry=NO_WAIT),
            audit=AuditSettings(file=Path("audit.jsonl")),
            log=LogSettings(file=Path("po-ingest.log")),
            lines=self.line_settings,
            custom_columns=self.slots,
            guards=self.guards,
        )

    def parts(self) -> Parts:
        lines = table(self.lines, self.columns)
        self.columns = lines[0]
        tables = {"erp_order_lines": lines}
        if self.receipts is not None:
            tables["receipts"] = table(self.receipts, ("po_number", "line_number", "quantity", "in_date", "reference"))
        if self.xref is not None:
            tables["erp_item_xref"] = table(
                self.xref, ("erp_item_code", "mapped_sku", "mapped_item", "supplier_code", "is_active")
            )
        return Parts(
            source=MemoryErpSource(tables, chunk_size=self.chunk_size, plan=self.erp_plan),
            store=self.store,
            sink=self.sink,
            spool=self.spool,
            clock=self.clock,
            buffer=MemoryBuffer,
            progress=Silent(),
            host="here",
            process=1,
            version="test",
        )

    def night(self, **options: bool) -> RunReport:
        """Run a night that is applied."""
        report = run_nightly(self.settings(), self.parts(), Options(**options))
        self.now += timedelta(days=1)
        return report

    def failing_night(self, **options: bool) -> PoIngestError:
        """Run a night that raises."""
        try:
            run_nightly(self.settings(), self.parts(), Options(**options))
        except PoIngestError as error:
            self.now += timedelta(days=1)
            return error
        raise AssertionError("the night did not fail")

    # -- what is in the store
    def row(self, po_number: str = "PO-1", line_number: int = 1) -> dict[str, Any]:
        with self.store.read() as view:
            (found,) = view.lines("erp", po_number, line_number)
        return dict(found)

    def text(self, field: str, po_number: str = "PO-1", line_number: int = 1) -> str | None:
        return to_text(self.row(po_number, line_number)[field])

    def events(self, po_number: str = "PO-1", line_number: int = 1) -> list[tuple[object, ...]]:
        """Return a line's events as (kind, field, previous, new, cause)."""
        names = ("kind", "field_name", "previous_value", "new_value", "cause")
        with self.store.read() as view:
            found = view.line_events([self.row(po_number, line_number)["id"]])
        return [tuple(event[name] for name in names) for event in found]

    def batches(self, po_number: str = "PO-1", line_number: int = 1) -> list[tuple[str, str, str, object]]:
        """Return a line's batches as (kind, quantity, date, reference)."""
        with self.store.read() as view:
            found = view.line_batches([self.row(po_number, line_number)["id"]])
        return [(str(b["kind"]), str(b["delivered_quantity"]), str(b["delivery_date"]), b["reference"]) for b in found]

    def snapshot(self, run_id: int) -> dict[tuple[str, int], dict[str, str]]:
        """Return the filled fields, in text form, of the lines active at a run."""
        with self.store.read() as view:
            return {
                key: {f.name: str(to_text(v)) for f, v in zip(FIELDS, values, strict=True) if v is not None}
                for key, values in view.snapshot("erp", run_id)
            }

    def audit(self) -> list[tuple[str, str | None]]:
        """Return the audit trail as (event_type, reason)."""
        with self.store.read() as view:
            return [(each.event.event_type, each.event.reason) for each in view.audit_events()]

    def put_xref(self, *rows: XrefRow) -> None:
        self.store.upgrade()
        with self.store.write() as transaction:
            transaction.put_item_xref(rows, self.now)

    def dump(self) -> dict[str, list[Any]]:
        """Return all that the store holds, by table."""
        return self._hand().dump()

    # -- what a user does in the store
    def edit_slots(self, values: Mapping[str, Value], sources: Mapping[str, str]) -> None:
        """Write custom slots of PO-1 line 1 by hand, and its marks."""
        self._hand().edit_slots(values, sources)

    def enter_line(self, values: Mapping[str, Value]) -> None:
        """Enter PO-1 line 1 by hand, its slots marked as the user's."""
        self._hand().enter_line(values)

    def _hand(self) -> MemoryHand | SqlHand:
        return MemoryHand(self.store) if isinstance(self.store, MemoryStore) else SqlHand(self.store.wrapped)
