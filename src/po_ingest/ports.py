"""The ports: what the core needs of the world. Adapters are in `po_ingest_adapters`, or a stranger's package."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import Literal, Protocol, TypeAlias

import attrs

from po_ingest.fields import Values
from po_ingest.hiding import mask
from po_ingest.model import (
    AuditEvent,
    ChainedEvent,
    Delivery,
    Delta,
    KnownLines,
    LineHistory,
    LineKey,
    LineState,
    NewRun,
    RawRow,
    Run,
    RunContext,
    RunEnd,
    RunReport,
    RunStart,
    XrefRow,
)

Clock: TypeAlias = Callable[[], datetime]
"""Returns now, aware, in UTC."""

Row: TypeAlias = Mapping[str, object]
"""A row for reading commands: column -> value (text, number, Decimal, date, datetime, bool, None or parsed JSON)."""


PromiseMove: TypeAlias = tuple[str, int, str | None, str, date | str, int]
"""A line whose promised date moved in a period: PO, line, supplier, the date that stood before the first move, the date
now (or its text, where the store keeps that), and how many moves. Bare, as there may be hundreds of thousands."""


@attrs.frozen(slots=True)
class ResultSet:
    """A query's result: column names as the ERP gave them, and the rows in chunks.

    Rows are tuples of str, int, float, bool, Decimal, date, datetime, time, bytes, uuid.UUID or None. Reading `chunks`
    may raise ErpError.
    """

    columns: tuple[str, ...]
    chunks: Iterator[list[RawRow]]
    are_plain: bool = False
    """Whether all values are str, int, float, bytes or None, of these very types: then nobody looks at each for it."""


@attrs.frozen(slots=True)
class Finding:
    """One line of `po-ingest check`, without secrets; `exit_code` is what a nightly would end with for a failed one."""

    name: str
    status: Literal["ok", "warning", "failed"]
    message: str = attrs.field(converter=mask)
    hint: str = attrs.field(default="", converter=mask)
    exit_code: int = 0


class ErpSource(Protocol):
    """An ERP to read from; nothing is ever written to it (R15)."""

    def query(self, sql: str) -> AbstractContextManager[ResultSet]:
        """Run a query; leaving the context ends it and the connection, whatever was read.

        Raises ErpError, `transient` where trying again may help (R12).
        """
        ...

    def check(self) -> Sequence[Finding]:
        """Say whether the driver, the connection and the login's (missing) right to write are as they should be."""
        ...


class StoreView(Protocol):
    """The store at one moment, for reading. Raises StoreError."""

    # -- what a run compares with
    def last_applied(self, erp: str) -> Run | None:
        """Return the last run of the ERP that was applied (completed or partial)."""
        ...

    def known_lines(self, erp: str) -> KnownLines:
        """Return what is known of every line of the ERP."""
        ...

    def states(self, line_ids: Sequence[int]) -> dict[int, LineState]:
        """Return the states of the lines, any number of them, by id."""
        ...

    def deliveries(self, line_ids: Sequence[int]) -> dict[int, list[Delivery]]:
        """Return the batches of the lines by id, in order of sequence; lines without batches are left out."""
        ...

    def filled_counts(self, erp: str, run_id: int) -> dict[str, int]:
        """Return for each field in how many of the lines active at an applied run it was filled.

        Counted over the snapshot states of that run, not po_line, so it may be asked after tonight's delta is applied.
        """
        ...

    def item_xref(self) -> list[XrefRow]:
        """Return the store's item cross-reference, by item code."""
        ...

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
        """Return the ERP's runs, newest first; `since` compares with `started_at`, `before_id` with `id`."""
        ...

    def find_run(self, erp: str, text: str) -> Run | None:
        """Return the ERP's run with this number or run_identifier."""
        ...

    def lines(self, erp: str, po_number: str, line_number: int | None = None) -> list[Row]:
        """Return the rows of `po_line` of a PO (or of one line of it), by line number.

        Keys: the contract's columns of `po_line`, `custom_column_sources` parsed.
        """
        ...

    def po_numbers(self, erp: str) -> list[str]:
        """Return the numbers of all POs of the ERP, each once, in no order."""
        ...

    def line_events(self, line_ids: Sequence[int]) -> list[Row]:
        """Return the lines' `erp_change_event` rows with `erp`, the key and `run_identifier`, by id."""
        ...

    def line_batches(self, line_ids: Sequence[int]) -> list[Row]:
        """Return the lines' `batch` rows with `erp`, the key and `run_identifier`, by line and sequence."""
        ...

    def changes(
        self,
        erp: str,
        *,
        run_id: int | None = None,
        since: datetime | None = None,
        field: str | None = None,
        supplier: str | None = None,
    ) -> Iterator[Row]:
        """Yield the ERP's rows of `erp_change_event`, as `line_events` does, by id.

        `since` compares with the run's `started_at`; `supplier` with the line's current supplier.
        """
        ...

    def snapshot(self, erp: str, run_id: int) -> Iterator[tuple[LineKey, Values]]:
        """Yield the lines that were active at an applied run, with their state then, by key (R4)."""
        ...

    def gaps(self, erp: str) -> list[Row]:
        """Return active lines' unmapped codes: `erp_item_code`, `lines` (count), and the first line's key."""
        ...

    # -- what the health page shows
    def promise_moves(self, erp: str, first_run_id: int) -> Iterator[PromiseMove]:
        """Yield the lines whose promised date the ERP moved in that run or later, in no order.

        Lines that have no promised date now are left out.
        """
        ...

    def latest_changes(self, erp: str, first_run_id: int, limit: int) -> list[Row]:
        """Return the newest change events of that run or later, as `line_events` does, but the newest first."""
        ...

    def rejected_rows(self, run_id: int, limit: int) -> list[Row]:
        """Return the first rows of `rejected_row` of a run, without `row`, by id."""
        ...

    # -- all of it
    def last_audit_id(self) -> int:
        """Return the id of the audit trail's last event; 0 if there is none."""
        ...

    def audit_events(self, after_id: int = 0) -> Iterator[ChainedEvent]:
        """Yield the audit trail in its order, from the event after `after_id`."""
        ...

    def histories(self, erp: str) -> Iterator[LineHistory]:
        """Yield all that there is of each line of the ERP, by line id; what is held in memory does not grow with them.

        Raises PoIngestError, which names the line, where a stored value is none of its type.
        """
        ...


class StoreTransaction(StoreView, Protocol):
    """A write transaction of the store: all of it is applied, or nothing."""

    def start_run(self, run: NewRun) -> int:
        """Insert a run with status `running`; return its id."""
        ...

    def apply(self, run: RunContext, delta: Delta) -> Sequence[int]:
        """Carry out a delta (a run may have several); return the line ids that `delta.new` got, in order."""
        ...

    def finish_run(self, run_id: int, report: RunReport, field_configuration: Mapping[str, str] | None = None) -> None:
        """Write the outcome of a run: status, times and report are the report's."""
        ...

    def record(self, events: Iterable[AuditEvent], *, in_file: bool = False) -> None:
        """Append audit events to the chain; an event whose `event_id` is there already is skipped."""
        ...

    def put_item_xref(self, rows: Sequence[XrefRow], at: datetime) -> None:
        """Insert or replace entries of the store's item cross-reference, by item code."""
        ...


@attrs.frozen(slots=True)
class SchemaStatus:
    """The store's schema version against the one this release needs; `current` is None where there is no schema."""

    current: str | None
    needed: str
    relation: Literal["missing", "current", "older", "newer"]


@attrs.frozen(slots=True)
class CopiedTable:
    """A table of a copied store: how many rows it has, and a digest of their content that holds for any database."""

    table: str
    rows: int
    digest: str


class Store(Protocol):
    """Where the history is kept; every method may raise StoreError."""

    def schema(self) -> SchemaStatus:
        """Compare schema versions; writes and creates nothing, also where there is no store yet."""
        ...

    def upgrade(self) -> None:
        """Create the schema, or bring it to the version this release needs; each version in one transaction."""
        ...

    def lock(self, erp: str) -> AbstractContextManager[None]:
        """Hold the lock of a store and ERP; it dies with its process. Raises LockHeldError at once if it is taken."""
        ...

    def holder(self, erp: str) -> bool:
        """Say whether the lock is taken at this moment, without taking it for longer than the look."""
        ...

    def read(self) -> AbstractContextManager[StoreView]:
        """See the store at one moment; an absent store or schema is an empty one, and is not created."""
        ...

    def write(self) -> AbstractContextManager[StoreTransaction]:
        """Begin a write transaction: committed when the context ends well, else nothing of it remains."""
        ...

    def check(self) -> Sequence[Finding]:
        """Say whether the driver, the connection and the login's rights are as they should be; writes nothing."""
        ...


class AuditSink(Protocol):
    """Where copies of the audit trail go after the commit. Raises AuditError."""

    def position(self) -> int:
        """Return the id of the last event that the sink has from the store; 0 if none."""
        ...

    def write(self, events: Iterable[ChainedEvent]) -> None:
        """Append events in their order, and make them durable; events marked `in_file` are skipped by a file."""
        ...


class Spool(Protocol):
    """Where audit events wait while the store is down (R14)."""

    def put(self, events: Sequence[AuditEvent]) -> None:
        """Keep events until they are delivered, and tell them in the audit file at once. Raises AuditError.

        A call that was broken off may be made again, with the same events: each is kept and told once.
        """
        ...

    def pending(self) -> list[tuple[AuditEvent, bool]]:
        """Return the waiting events, oldest first, each with whether the audit file has it."""
        ...

    def clear(self) -> None:
        """Forget the events that `pending` returned last: the store has them."""
        ...


class RowBuffer(Protocol):
    """Holds tonight's rows that differ, in memory or on disk, until they are compared; can be read again."""

    def append(self, rows: list[tuple[object, ...]]) -> None:
        """Add a chunk."""
        ...

    def __iter__(self) -> Iterator[list[tuple[object, ...]]]:
        """Yield the chunks in their order, from the first."""
        ...

    def close(self) -> None:
        """Give up the space."""
        ...


class Observer(Protocol):
    """Told how runs go; what it raises is logged, and changes nothing of a run.

    Network calls must be bounded by seconds: the process waits for them.
    """

    def started(self, start: RunStart) -> None:
        """Hear that a run holds the lock and has its row."""
        ...

    def ended(self, end: RunEnd) -> None:
        """Hear how a run ended, after all of it was written."""
        ...


class Progress(Protocol):
    """Told how far a run is; shown on a terminal."""

    def stage(self, name: str) -> None:
        """Enter a stage."""
        ...

    def advance(self, rows: int) -> None:
        """Count rows of the stage."""
        ...

    def retrying(self, attempt: int, wait: float, cause: str) -> None:
        """Tell that try `attempt` comes in `wait` seconds."""
        ...
