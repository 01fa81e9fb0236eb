"""A store in memory, as real as the others: it rolls back, locks, and fails at any call it is told to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, cast

import attrs

from po_ingest.audit_chain import GENESIS, link
from po_ingest.errors import LockHeldError, StoreError
from po_ingest.fields import CUSTOM_SLOTS, FIELDS, INDEX, Value, Values
from po_ingest.model import (
    APPLIED,
    AuditEvent,
    ChainedEvent,
    Delivery,
    Delta,
    KnownLines,
    LineChange,
    LineHistory,
    LineKey,
    LineState,
    NewRun,
    Own,
    PastBatch,
    PastEvent,
    PastState,
    Presence,
    RejectedRow,
    Run,
    RunContext,
    RunReport,
    SnapshotAction,
    XrefRow,
    lock_is_held,
)
from po_ingest.ports import Finding, PromiseMove, Row, SchemaStatus, StoreTransaction, StoreView
from po_ingest.stages.report import report_dict
from po_ingest_adapters.failing import FailurePlan

VERSION: Final = "memory"
SLOT_POSITIONS: Final = tuple(INDEX[name] for name in CUSTOM_SLOTS)


@attrs.frozen(slots=True, kw_only=True)
class StoredLine:
    """A row of `po_line`; `values` are as the ERP and the cross-reference gave them, `slots` as the row shows them."""

    id: int
    erp: str
    key: LineKey
    values: Values
    own: Own
    slots: Values
    sources: Mapping[str, str]
    is_unmapped: bool
    presence: Presence
    fingerprint: bytes | None = None
    receipts: bytes | None = None
    mapping: bytes | None = None
    absent_since: datetime | None = None
    source_quality: str = "erp"
    first_seen_run_id: int | None = None
    last_changed_run_id: int | None = None


@attrs.frozen(slots=True)
class StoredSnapshot:
    """A row of `erp_snapshot`."""

    line_id: int
    valid_from: int
    valid_to: int | None
    values: Values

    def is_valid_at(self, run_id: int) -> bool:
        """Say whether the state held at a run."""
        return self.valid_from <= run_id and (self.valid_to is None or self.valid_to >= run_id)


@attrs.frozen(slots=True)
class StoredEvent:
    """A row of `erp_change_event`; its place in the table is its id."""

    run_id: int
    line_id: int
    kind: str
    field: str | None
    previous: str | None
    new: str | None
    cause: str
    detected_at: datetime


@attrs.frozen(slots=True)
class StoredBatch:
    """A row of `batch`; its place in the table is its id."""

    line_id: int
    sequence: int
    delivery: Delivery
    run_id: int


@attrs.define(slots=True)
class MemoryTables:
    """The store's tables; rows are frozen, so that a shallow copy is a state of its own."""

    runs: dict[int, Run] = attrs.Factory(dict)
    lines: dict[int, StoredLine] = attrs.Factory(dict)
    snapshots: list[StoredSnapshot] = attrs.Factory(list)
    events: list[StoredEvent] = attrs.Factory(list)
    batches: list[StoredBatch] = attrs.Factory(list)
    xref: dict[str, XrefRow] = attrs.Factory(dict)
    audit: list[ChainedEvent] = attrs.Factory(list)
    rejected: list[tuple[int, RejectedRow]] = attrs.Factory(list)

    def copy(self) -> MemoryTables:
        """Return a copy that can change without this one."""
        return MemoryTables(
            dict(self.runs),
            dict(self.lines),
            list(self.snapshots),
            list(self.events),
            list(self.batches),
            dict(self.xref),
            list(self.audit),
            list(self.rejected),
        )


class MemoryView:
    """The tables at one moment; see `po_ingest.ports.StoreView`."""

    def __init__(self, tables: MemoryTables, plan: FailurePlan) -> None:
        """Read tables that nobody else changes."""
        self.tables = tables
        self._plan = plan

    def _lines(self, erp: str) -> list[StoredLine]:
        return sorted((line for line in self.tables.lines.values() if line.erp == erp), key=lambda line: line.key)

    # -- what a run compares with

    def last_applied(self, erp: str) -> Run | None:
        """Return the last run of the ERP that was applied."""
        self._plan.step("last_applied")
        applied = [run for run in self.tables.runs.values() if run.erp == erp and run.status in APPLIED]
        return max(applied, key=lambda run: run.id, default=None)

    def known_lines(self, erp: str) -> KnownLines:
        """Return what is known of every line of the ERP."""
        self._plan.step("known_lines")
        known = KnownLines()
        for line in self._lines(erp):
            code = line.values[INDEX["item_code"]]
            known.add(
                line.key,
                line.id,
                line.fingerprint,
                line.receipts,
                code if isinstance(code, str) else None,
                line.mapping,
                line.presence,
            )
        return known

    def states(self, line_ids: Sequence[int]) -> dict[int, LineState]:
        """Return the states of the lines by id."""
        self._plan.step("states")
        lines = [self.tables.lines[line_id] for line_id in line_ids if line_id in self.tables.lines]
        return {
            line.id: LineState(line.id, line.values, line.own, line.slots, line.sources, line.presence)
            for line in lines
        }

    def deliveries(self, line_ids: Sequence[int]) -> dict[int, list[Delivery]]:
        """Return the batches of the lines by id, in order of sequence."""
        self._plan.step("deliveries")
        wanted = set(line_ids)
        found: dict[int, list[Delivery]] = {}
        for batch in self.tables.batches:
            if batch.line_id in wanted:
                found.setdefault(batch.line_id, []).append(batch.delivery)
        return found

    def filled_counts(self, erp: str, run_id: int) -> dict[str, int]:
        """Return for each field in how many of the lines active at an applied run it was filled."""
        self._plan.step("filled_counts")
        states = [values for _, values in self._snapshot(erp, run_id)]
        return {name: sum(values[at] is not None for values in states) for name, at in INDEX.items()}

    def item_xref(self) -> list[XrefRow]:
        """Return the store's item cross-reference, by item code."""
        self._plan.step("item_xref")
        return [self.tables.xref[code] for code in sorted(self.tables.xref)]

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
        self._plan.step("runs")
        found = [
            run
            for _, run in sorted(self.tables.runs.items(), reverse=True)
            if run.erp == erp
            and (statuses is None or run.status in statuses)
            and (since is None or run.started_at >= since)
            and (before_id is None or run.id < before_id)
        ]
        return found[:limit]

    def find_run(self, erp: str, text: str) -> Run | None:
        """Return the ERP's run with this number or run_identifier."""
        self._plan.step("find_run")
        return next(
            (run for run in self.tables.runs.values() if run.erp == erp and text in {run.run_identifier, str(run.id)}),
            None,
        )

    def lines(self, erp: str, po_number: str, line_number: int | None = None) -> list[Row]:
        """Return the rows of `po_line` of a PO (or of one line of it), by line number."""
        self._plan.step("lines")
        return [
            _line_row(line)
            for line in self._lines(erp)
            if line.key[0] == po_number and line_number in {None, line.key[1]}
        ]

    def po_numbers(self, erp: str) -> list[str]:
        """Return the numbers of all POs of the ERP, each once."""
        self._plan.step("po_numbers")
        return list({line.key[0] for line in self._lines(erp)})

    def line_events(self, line_ids: Sequence[int]) -> list[Row]:
        """Return the lines' change events, by id."""
        self._plan.step("line_events")
        wanted = set(line_ids)
        return [self._event_row(at, each) for at, each in self._numbered_events() if each.line_id in wanted]

    def _numbered_events(self) -> Iterator[tuple[int, StoredEvent]]:
        return iter(enumerate(self.tables.events, 1))

    def _event_row(self, event_id: int, event: StoredEvent) -> Row:
        line = self.tables.lines[event.line_id]
        return {
            "id": event_id,
            "run_id": event.run_id,
            "run_identifier": self.tables.runs[event.run_id].run_identifier,
            "po_line_id": event.line_id,
            "erp": line.erp,
            "po_number": line.key[0],
            "line_number": line.key[1],
            "kind": event.kind,
            "field_name": event.field,
            "previous_value": event.previous,
            "new_value": event.new,
            "cause": event.cause,
            "detected_at": event.detected_at,
        }

    def line_batches(self, line_ids: Sequence[int]) -> list[Row]:
        """Return the lines' batches, by line and sequence."""
        self._plan.step("line_batches")
        wanted = set(line_ids)
        rows = [
            self._batch_row(at, batch) for at, batch in enumerate(self.tables.batches, 1) if batch.line_id in wanted
        ]
        return sorted(rows, key=itemgetter("po_line_id", "sequence"))

    def _batch_row(self, batch_id: int, batch: StoredBatch) -> Row:
        line, delivery = self.tables.lines[batch.line_id], batch.delivery
        return {
            "id": batch_id,
            "po_line_id": batch.line_id,
            "erp": line.erp,
            "po_number": line.key[0],
            "line_number": line.key[1],
            "sequence": batch.sequence,
            "delivered_quantity": delivery.quantity,
            "delivery_date": delivery.date,
            "kind": delivery.kind,
            "reference": delivery.reference,
            "source": "ingestion",
            "run_id": batch.run_id,
            "run_identifier": self.tables.runs[batch.run_id].run_identifier,
        }

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
        self._plan.step("changes")
        for event_id, event in self._numbered_events():
            line = self.tables.lines[event.line_id]
            if (
                line.erp == erp
                and run_id in {None, event.run_id}
                and (since is None or self.tables.runs[event.run_id].started_at >= since)
                and field in {None, event.field}
                and supplier in {None, line.values[INDEX["supplier_code"]]}
            ):
                yield self._event_row(event_id, event)

    def snapshot(self, erp: str, run_id: int) -> Iterator[tuple[LineKey, Values]]:
        """Yield the lines that were active at an applied run, with their state then, by key."""
        self._plan.step("snapshot")
        yield from self._snapshot(erp, run_id)

    def _snapshot(self, erp: str, run_id: int) -> list[tuple[LineKey, Values]]:
        lines = self.tables.lines
        valid = [state for state in self.tables.snapshots if state.is_valid_at(run_id)]
        found = [(lines[state.line_id].key, state.values) for state in valid if lines[state.line_id].erp == erp]
        return sorted(found, key=itemgetter(0))

    def gaps(self, erp: str) -> list[Row]:
        """Return active lines' unmapped codes, by code: how many lines, and the first line's key."""
        self._plan.step("gaps")
        unmapped = sorted(
            (str(line.values[INDEX["item_code"]]), line.key)
            for line in self._lines(erp)
            if line.presence is Presence.ACTIVE and line.is_unmapped
        )
        found: list[Row] = []
        for code, group in groupby(unmapped, key=itemgetter(0)):
            keys = [key for _, key in group]
            found.append(
                {"erp_item_code": code, "lines": len(keys), "po_number": keys[0][0], "line_number": keys[0][1]}
            )
        return found

    def promise_moves(self, erp: str, first_run_id: int) -> Iterator[PromiseMove]:
        """Yield the lines whose promised date the ERP moved in that run or later."""
        self._plan.step("promise_moves")
        moves: dict[int, list[str]] = {}
        for event in self.tables.events:
            is_move = (event.kind, event.field, event.cause) == ("changed", "promised_date", "erp")
            if is_move and event.run_id >= first_run_id and event.previous is not None:
                moves.setdefault(event.line_id, []).append(event.previous)
        for line_id, previous in moves.items():
            line = self.tables.lines[line_id]
            supplier = cast("str | None", line.values[INDEX["supplier_code"]])
            promised = cast("date | None", line.values[INDEX["promised_date"]])
            if line.erp == erp and promised is not None:
                yield (*line.key, supplier, previous[0], promised, len(previous))

    def latest_changes(self, erp: str, first_run_id: int, limit: int) -> list[Row]:
        """Return the newest change events of that run or later, the newest first."""
        self._plan.step("latest_changes")
        found = [
            self._event_row(event_id, event)
            for event_id, event in self._numbered_events()
            if event.run_id >= first_run_id and self.tables.lines[event.line_id].erp == erp
        ]
        return found[::-1][:limit]

    def rejected_rows(self, run_id: int, limit: int) -> list[Row]:
        """Return the first rejected rows of a run, by id."""
        self._plan.step("rejected_rows")
        names = ("query", "po_number", "line_number", "field", "reason")
        found: list[Row] = [
            {"id": row_id, "run_id": run_id, **{name: getattr(row, name) for name in names}}
            for row_id, (of_run, row) in enumerate(self.tables.rejected, 1)
            if of_run == run_id
        ]
        return found[:limit]

    def last_audit_id(self) -> int:
        """Return the id of the audit trail's last event; 0 if there is none."""
        self._plan.step("last_audit_id")
        return len(self.tables.audit)

    def audit_events(self, after_id: int = 0) -> Iterator[ChainedEvent]:
        """Yield the audit trail in its order, from the event after `after_id`."""
        self._plan.step("audit_events")
        yield from self.tables.audit[after_id:]

    def histories(self, erp: str) -> Iterator[LineHistory]:
        """Yield all that there is of each line of the ERP, by line id."""
        self._plan.step("histories")
        tables = self.tables
        for line in sorted(self._lines(erp), key=lambda line: line.id):
            yield LineHistory(
                line.key,
                LineState(line.id, line.values, line.own, line.slots, line.sources, line.presence),
                line.presence in {Presence.CLOSED, Presence.MISSING},
                line.first_seen_run_id,
                tuple(
                    PastState(each.valid_from, each.valid_to, each.values)
                    for each in tables.snapshots
                    if each.line_id == line.id
                ),
                tuple(
                    PastEvent(each.run_id, each.kind, each.field, each.previous, each.new)
                    for each in tables.events
                    if each.line_id == line.id
                ),
                tuple(
                    PastBatch(each.run_id, each.sequence, each.delivery.quantity)
                    for each in tables.batches
                    if each.line_id == line.id
                ),
            )


class MemoryTransaction(MemoryView):
    """A write transaction on a copy of the tables; see `po_ingest.ports.StoreTransaction`."""

    def start_run(self, run: NewRun) -> int:
        """Insert a run with status `running`; return its id."""
        self._plan.step("start_run")
        run_id = max(self.tables.runs, default=0) + 1
        self.tables.runs[run_id] = Run(
            run_id,
            run.run_identifier,
            run.erp,
            run.mode,
            "running",
            run.started_at,
            None,
            None,
            None,
            run.host,
            run.version,
            run.process,
        )
        return run_id

    def apply(self, run: RunContext, delta: Delta) -> Sequence[int]:
        """Carry out a delta; return the line ids that its new lines got, in order."""
        self._plan.step("apply")
        ids = self._write_new(run, delta)
        for change in delta.changes:
            self._write_line(run, change, delta)
        for gone in delta.missing:
            self._write_missing(run, gone.line_id, delta)
        self.tables.rejected.extend((run.run_id, row) for row in delta.rejected)
        return ids

    def _write_new(self, run: RunContext, delta: Delta) -> range:
        new, first = delta.new, max(self.tables.lines, default=0) + 1
        ids = range(first, first + len(new.keys))
        deliveries_by_line = new.deliveries.by_line(len(ids))
        columns = (new.rows(), new.own, new.is_unmapped, new.fingerprints, new.receipts, new.mappings)
        for line_id, key, values, own, is_unmapped, fingerprint, receipts, mapping, deliveries in zip(
            ids, new.keys, *columns, deliveries_by_line, strict=True
        ):
            self.tables.lines[line_id] = StoredLine(
                id=line_id,
                erp=self.tables.runs[run.run_id].erp,
                key=key,
                values=values,
                own=own,
                slots=tuple(values[at] for at in SLOT_POSITIONS),
                sources=dict(new.sources),
                is_unmapped=is_unmapped,
                presence=Presence.ACTIVE,
                fingerprint=fingerprint,
                receipts=receipts,
                mapping=mapping,
                first_seen_run_id=run.run_id,
                last_changed_run_id=run.run_id,
            )
            self._write_snapshot(run, line_id, SnapshotAction.OPEN, values)
            if delta.with_events:
                self._add_event(run, line_id, "created", None)
            self._write_batches(run, line_id, deliveries)
        return ids

    def _write_line(self, run: RunContext, change: LineChange, delta: Delta) -> None:
        line_id, before = change.line_id, self.tables.lines[change.line_id]
        is_new = change.previous is Presence.NEVER
        has_events = delta.with_events and (change.event is not None or bool(change.fields))
        self.tables.lines[line_id] = StoredLine(
            id=line_id,
            erp=before.erp,
            key=change.key,
            values=change.values,
            own=change.own,
            slots=change.slots,
            sources=dict(change.sources),
            is_unmapped=change.is_unmapped,
            presence=change.presence,
            fingerprint=change.fingerprint,
            receipts=change.receipts,
            mapping=change.mapping,
            absent_since=_absent_since(before, change, delta, run),
            source_quality="mixed" if "user" in change.sources.values() else "erp",
            first_seen_run_id=run.run_id if is_new else before.first_seen_run_id,
            last_changed_run_id=run.run_id if is_new or has_events else before.last_changed_run_id,
        )
        self._write_snapshot(run, line_id, change.snapshot, change.values)
        if delta.with_events:
            self._write_events(run, line_id, change)
        self._write_batches(run, line_id, change.deliveries)

    def _write_snapshot(self, run: RunContext, line_id: int, action: SnapshotAction, values: Values) -> None:
        if action in {SnapshotAction.REPLACE, SnapshotAction.CLOSE}:
            self.tables.snapshots[:] = [
                attrs.evolve(state, valid_to=run.previous_run_id)
                if state.line_id == line_id and state.valid_to is None
                else state
                for state in self.tables.snapshots
            ]
        if action in {SnapshotAction.OPEN, SnapshotAction.REPLACE}:
            self.tables.snapshots.append(StoredSnapshot(line_id, run.run_id, None, values))

    def _write_events(self, run: RunContext, line_id: int, change: LineChange) -> None:
        if change.event in {"created", "reappeared"}:
            self._add_event(run, line_id, change.event, None)
        self.tables.events.extend(
            StoredEvent(run.run_id, line_id, "changed", each.field, each.previous, each.new, each.cause, run.started_at)
            for each in change.fields
        )
        if change.event == "absent":
            self._add_event(run, line_id, "absent", "closed")

    def _add_event(self, run: RunContext, line_id: int, kind: str, new: str | None) -> None:
        event = StoredEvent(run.run_id, line_id, kind, None, None, new, "erp", run.started_at)
        self.tables.events.append(event)

    def _write_batches(self, run: RunContext, line_id: int, deliveries: Sequence[Delivery]) -> None:
        if not deliveries:
            return
        last = max((batch.sequence for batch in self.tables.batches if batch.line_id == line_id), default=0)
        self.tables.batches.extend(
            StoredBatch(line_id, number, delivery, run.run_id) for number, delivery in enumerate(deliveries, last + 1)
        )

    def _write_missing(self, run: RunContext, line_id: int, delta: Delta) -> None:
        line = self.tables.lines[line_id]
        changed = run.run_id if delta.with_events else line.last_changed_run_id
        self.tables.lines[line_id] = attrs.evolve(
            line, presence=Presence.MISSING, absent_since=run.started_at, last_changed_run_id=changed
        )
        self._write_snapshot(run, line_id, SnapshotAction.CLOSE, line.values)
        if delta.with_events:
            self._add_event(run, line_id, "absent", "missing")

    def finish_run(self, run_id: int, report: RunReport, field_configuration: Mapping[str, str] | None = None) -> None:
        """Write the outcome of a run."""
        self._plan.step("finish_run")
        run = self.tables.runs[run_id]
        self.tables.runs[run_id] = attrs.evolve(
            run,
            status=report.status,
            finished_at=report.finished_at,
            duration_seconds=report.duration_seconds,
            report=_as_json(report_dict(report)),
            field_configuration=run.field_configuration if field_configuration is None else dict(field_configuration),
        )

    def record(self, events: Iterable[AuditEvent], *, in_file: bool = False) -> None:
        """Append audit events to the chain; those that are there already are skipped."""
        self._plan.step("record")
        audit = self.tables.audit
        present = {chained.event.event_id for chained in audit}
        for event in events:
            if event.event_id not in present:
                present.add(event.event_id)
                audit.append(link(audit[-1].hash if audit else GENESIS, len(audit) + 1, event, in_file=in_file))

    def put_item_xref(self, rows: Sequence[XrefRow], at: datetime) -> None:  # noqa: ARG002 - nothing reads the time back
        """Insert or replace entries of the store's item cross-reference, by item code."""
        self._plan.step("put_item_xref")
        self.tables.xref.update({row.erp_item_code: row for row in rows})


@attrs.define(slots=True, eq=False)
class MemoryStore:
    """A store in memory; see `po_ingest.ports.Store`. `plan` may plan a failure at any call, `commit` included."""

    plan: FailurePlan = attrs.Factory(FailurePlan)
    tables: MemoryTables = attrs.Factory(MemoryTables)
    version: str | None = None
    _locked: set[str] = attrs.Factory(set)
    _is_writing: bool = False

    def schema(self) -> SchemaStatus:
        """Compare schema versions."""
        self.plan.step("schema")
        return SchemaStatus(self.version, VERSION, "missing" if self.version is None else "current")

    def upgrade(self) -> None:
        """Create the schema."""
        self.plan.step("upgrade")
        self.version = VERSION

    @contextmanager
    def lock(self, erp: str) -> Iterator[None]:
        """Hold the lock of the store and ERP. Raises LockHeldError."""
        self.plan.step("lock")
        if erp in self._locked:
            raise LockHeldError(
                lock_is_held(erp, MemoryView(self.tables, FailurePlan()).runs(erp, limit=1, statuses=["running"])),
                hint="wait until it has ended, then run again",
            )
        self._locked.add(erp)
        try:
            yield
        finally:
            self._locked.discard(erp)

    def holder(self, erp: str) -> bool:
        """Say whether the lock is taken at this moment."""
        self.plan.step("holder")
        return erp in self._locked

    @contextmanager
    def read(self) -> Iterator[StoreView]:
        """See the store at one moment."""
        self.plan.step("read")
        yield MemoryView(self.tables, self.plan)

    @contextmanager
    def write(self) -> Iterator[StoreTransaction]:
        """Begin a write transaction: committed when the context ends well, else nothing of it remains."""
        self.plan.step("write")
        if self.version is None:
            raise StoreError("the store has no schema yet", hint="run `po-ingest store upgrade`")
        if self._is_writing:
            raise StoreError("the store is being written to", hint="try again", transient=True)
        self._is_writing = True
        try:
            working = self.tables.copy()
            yield MemoryTransaction(working, self.plan)
            self.plan.step("commit")
            self.tables = working
        finally:
            self._is_writing = False

    def check(self) -> Sequence[Finding]:
        """Say that the store is there."""
        self.plan.step("check")
        return [Finding("store", "ok", "the store is in memory")]


def empty_view() -> MemoryView:
    """Return a view of a store that holds nothing."""
    return MemoryView(MemoryTables(), FailurePlan())


def _absent_since(before: StoredLine, change: LineChange, delta: Delta, run: RunContext) -> datetime | None:
    if change.presence is Presence.ACTIVE:
        return None
    taken_over = not delta.with_events and change.previous is Presence.ACTIVE
    if change.event == "absent" or taken_over:
        return run.started_at
    return before.absent_since


def _line_row(line: StoredLine) -> Row:
    values: list[Value] = list(line.values)
    for at, slot in zip(SLOT_POSITIONS, line.slots, strict=True):
        values[at] = slot
    return {
        "id": line.id,
        "erp": line.erp,
        "po_number": line.key[0],
        "line_number": line.key[1],
        **{field.name: value for field, value in zip(FIELDS, values, strict=True)},
        "is_unmapped": line.is_unmapped,
        "is_stale": line.presence in {Presence.CLOSED, Presence.MISSING},
        "absent_since": line.absent_since,
        "source_quality": line.source_quality,
        "custom_column_sources": line.sources,
        "first_seen_run_id": line.first_seen_run_id,
        "last_changed_run_id": line.last_changed_run_id,
    }


def _as_json(content: object) -> Any:  # noqa: ANN401 - any JSON value
    """Return content as it comes back from JSON, so that nobody relies on more than a real store keeps."""
    return json.loads(json.dumps(content))
