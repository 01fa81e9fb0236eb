"""The values the core speaks in: all frozen, all plain, none with I/O."""

from __future__ import annotations

import enum
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Literal, TypeAlias, cast

import attrs

from po_ingest.fields import FIELDS, Value, Values, to_text
from po_ingest.line_value import line_value

LineKey: TypeAlias = tuple[str, int]
"""PO number and line number: the identity of a PO line within its ERP."""

RawRow: TypeAlias = tuple[object, ...]
"""A row as the ERP's driver gave it."""

Own: TypeAlias = tuple[str | None, str | None, str | None]
"""The ERP's own `sku`, `item` and `supplier_code`, before the cross-reference."""

SourceQuery = Literal["po_lines", "receipts", "item_xref"]
Mode = Literal["baseline", "nightly"]
RunStatus = Literal["running", "completed", "partial", "failed", "abandoned"]
RunOutcome = Literal["completed", "partial", "failed", "guard"]  # for those who watch runs; guard: failed by R7
LineEvent = Literal["created", "absent", "reappeared"]
AbsentReason = Literal["closed", "missing"]
Cause = Literal["erp", "xref", "config"]
BatchKind = Literal["receipt", "delta", "correction", "reconciliation"]
Severity = Literal["info", "warning", "error"]
APPLIED: Final[tuple[RunStatus, ...]] = ("completed", "partial")
"""The statuses of runs whose effects are in the store: what the contract calls completed."""


class Presence(enum.IntEnum):
    """Where a line of the store stands in the ERP, as of the last run that was applied."""

    NEVER = 0  # a line that a user entered; no ERP ever gave it as active
    ACTIVE = 1
    CLOSED = 2  # its row came with an inactive status
    MISSING = 3  # its row was gone


@attrs.define(slots=True)
class KnownLines:
    """What the store knows of every line of an ERP, in columns (memory grows by some 350 bytes a line).

    All columns have one entry a line; `index` gives a key's place in them.
    """

    index: dict[LineKey, int] = attrs.Factory(dict)
    ids: array[int] = attrs.Factory(lambda: array("q"))  # po_line.id
    fingerprints: list[bytes | None] = attrs.Factory(list)  # of the row as last taken
    receipts: list[bytes | None] = attrs.Factory(list)  # digest of the line's receipts as last taken
    item_codes: list[str | None] = attrs.Factory(list)  # equal codes share one object
    mappings: list[bytes | None] = attrs.Factory(list)  # digest of the cross-reference entry applied; None: unknown
    presence: bytearray = attrs.Factory(bytearray)  # of Presence

    def add(  # noqa: PLR0913 - one argument a column
        self,
        key: LineKey,
        line_id: int,
        fingerprint: bytes | None,
        receipts: bytes | None,
        item_code: str | None,
        mapping: bytes | None,
        presence: int,
    ) -> None:
        """Append a line; a key comes once."""
        self.index[key] = len(self.ids)
        self.ids.append(line_id)
        self.fingerprints.append(fingerprint)
        self.receipts.append(receipts)
        self.item_codes.append(item_code)
        self.mappings.append(mapping)
        self.presence.append(presence)


@attrs.frozen(slots=True)
class LineState:
    """A line as the store holds it."""

    line_id: int
    values: Values  # as the ERP and the cross-reference gave them
    own: Own
    slots: Values  # the custom slots as they stand in po_line (a user's among them), in the order of CUSTOM_SLOTS
    sources: Mapping[str, str]  # custom slot -> "erp" | "user"
    presence: Presence


@line_value
class FieldChange:
    """A changed field of a line; the values in text form (contract, section 5)."""

    field: str
    previous: str | None
    new: str | None
    cause: Cause


@line_value
class Delivery:
    """A batch: what was delivered of a line at a time.

    `event` names the delivery event that it belongs to (R10); None for growth, decrease and reconciliation.
    """

    kind: BatchKind
    quantity: Decimal
    date: date
    reference: str | None = None
    event: str | None = None


@attrs.frozen(slots=True)
class Deliveries:
    """Batches of several lines, in columns with one entry a batch; those of a line follow each other."""

    places: Sequence[int] = ()  # which of the lines, from 0
    kinds: Sequence[BatchKind] = ()
    quantities: Sequence[Decimal] = ()
    dates: Sequence[date] = ()
    references: Sequence[str | None] = ()
    events: Sequence[str | None] = ()

    @classmethod
    def of(cls, lines: Iterable[Iterable[Delivery]]) -> Deliveries:
        """Return the batches of lines, given line by line."""
        batches = [
            (place, each.kind, each.quantity, each.date, each.reference, each.event)
            for place, deliveries in enumerate(lines)
            for each in deliveries
        ]
        return cls(*zip(*batches, strict=True)) if batches else cls()

    def by_line(self, count: int) -> list[list[Delivery]]:
        """Return the batches of each of `count` lines."""
        lines: list[list[Delivery]] = [[] for _ in range(count)]
        rest = zip(self.kinds, self.quantities, self.dates, self.references, self.events, strict=True)
        for place, batch in zip(self.places, rest, strict=True):
            lines[place].append(Delivery(*batch))
        return lines


class SnapshotAction(enum.Enum):
    """What happens to a line's snapshot history in a run."""

    KEEP = "keep"
    OPEN = "open"  # a state begins with this run
    REPLACE = "replace"  # the state up to the previous run ends, another begins
    CLOSE = "close"  # the state up to the previous run ends: the line is not active any more


@attrs.frozen(slots=True)
class NewLines:
    """Lines that the store does not have yet, in columns, one entry a line; stage by stage they are filled.

    A first night has no other lines. They are all active, there is nothing to compare them with, and what differs from
    line to line is in the columns: so they are never taken apart into lines, from the reading to the store.
    """

    keys: Sequence[LineKey] = ()
    fingerprints: Sequence[bytes] = ()
    values: Sequence[Sequence[Value]] = ((),) * len(FIELDS)  # a column a field, in their order
    own: Sequence[Own] = ()
    is_unmapped: Sequence[bool] = ()
    mappings: Sequence[bytes | None] = ()
    deliveries: Deliveries = attrs.Factory(Deliveries)
    receipts: Sequence[bytes | None] = ()
    sources: Mapping[str, str] = attrs.Factory(dict)  # custom slot -> "erp": the same for all of them

    def with_columns(self, columns: Mapping[int, Sequence[Value]]) -> NewLines:
        """Return the lines with other columns of values, given by their positions in FIELDS."""
        return attrs.evolve(self, values=[columns.get(at, column) for at, column in enumerate(self.values)])

    def rows(self) -> Iterator[Values]:
        """Yield the values line by line."""
        return zip(*self.values, strict=True)


@line_value
class LineChange:
    """All that a run writes about one known line whose row was read: the store carries it out as it is.

    Without `event` and `fields` only bookkeeping is refreshed (fingerprints, ignored fields, custom values).
    """

    key: LineKey
    line_id: int
    values: Values  # as the ERP and the cross-reference gave them; the next snapshot state
    own: Own
    slots: Values  # custom slots as they shall stand in po_line
    sources: Mapping[str, str]
    is_unmapped: bool
    presence: Presence
    fingerprint: bytes
    receipts: bytes | None
    mapping: bytes | None
    snapshot: SnapshotAction
    previous: Presence
    event: LineEvent | None = None
    fields: tuple[FieldChange, ...] = ()
    deliveries: tuple[Delivery, ...] = ()


@attrs.frozen(slots=True)
class MissingLine:
    """A line that was active and of which no row came tonight."""

    key: LineKey
    line_id: int


@attrs.frozen(slots=True)
class RejectedRow:
    """An ERP row that could not be taken (R8); `row` maps column names to values a JSON text can hold."""

    query: SourceQuery
    po_number: str | None
    line_number: int | None
    field: str | None
    reason: str
    row: Mapping[str, object]


@attrs.frozen(slots=True)
class Delta:
    """What a run (or one partition of its lines) does to the store."""

    new: NewLines = attrs.Factory(NewLines)
    changes: tuple[LineChange, ...] = ()
    missing: tuple[MissingLine, ...] = ()
    rejected: tuple[RejectedRow, ...] = ()
    with_events: bool = True  # False: state is taken over without change events (R5)


@attrs.frozen(slots=True)
class RunContext:
    """The run that a delta is applied for."""

    run_id: int
    previous_run_id: int | None  # the last run of this ERP that was applied
    started_at: datetime


@attrs.frozen(slots=True)
class PastState:
    """A row of `erp_snapshot`: a line's state from one applied run to another, both included; None: it still holds."""

    valid_from: int
    valid_to: int | None
    values: Values


@attrs.frozen(slots=True)
class PastEvent:
    """A row of `erp_change_event`."""

    run_id: int
    kind: str
    field: str | None
    previous: str | None
    new: str | None


@attrs.frozen(slots=True)
class PastBatch:
    """A row of `batch`."""

    run_id: int
    sequence: int
    quantity: Decimal


@attrs.frozen(slots=True)
class LineHistory:
    """All that the store has of a line: what it is, and what it was, oldest first."""

    key: LineKey
    state: LineState
    is_stale: bool
    first_seen_run_id: int | None
    states: tuple[PastState, ...]
    events: tuple[PastEvent, ...]
    batches: tuple[PastBatch, ...]


@attrs.frozen(slots=True)
class XrefRow:
    """A row of the item cross-reference (R9)."""

    erp_item_code: str
    supplier_code: str | None = None
    mapped_sku: str | None = None
    mapped_item: str | None = None
    is_active: bool = True


@attrs.frozen(slots=True)
class AuditEvent:
    """An audit event before it has its place in the chain (`id`, `previous_hash`, `hash` come from the store)."""

    event_id: str  # UUID
    event_type: str
    severity: Severity
    timestamp: datetime
    run_id: int | None = None
    po_line_id: int | None = None
    previous_values: Mapping[str, object] | None = None
    new_values: Mapping[str, object] | None = None
    reason: str | None = None
    source: str = "ingestion"


@attrs.frozen(slots=True)
class ChainedEvent:
    """An audit event as the store holds it; `in_file`: the audit file had it before the store (R14, spool)."""

    id: int
    event: AuditEvent
    previous_hash: str
    hash: str
    in_file: bool = False


@attrs.frozen(slots=True)
class StageError:
    """What went wrong in which stage."""

    stage: str
    error: str
    message: str


@attrs.frozen(slots=True, kw_only=True)
class RunReport:
    """The run report (contract, section 6), keys in its order."""

    run_id: int | None
    run_identifier: str
    erp: str
    mode: Mode
    baseline: bool
    dry_run: bool
    status: RunStatus
    started_at: datetime
    finished_at: datetime | None = None
    duration_seconds: float | None = None
    po_lines_processed: int = 0
    new_lines_created: int = 0
    lines_changed: int = 0
    change_events_detected: int = 0
    absent_po_lines: int = 0
    closed_po_lines: int = 0
    reappeared_po_lines: int = 0
    batches_reconstructed: int = 0
    custom_columns_populated: int = 0
    xref_gaps_found: int = 0
    unmapped_item_codes: tuple[str, ...] = ()
    rows_rejected: int = 0
    values_truncated: int = 0
    retries: int = 0
    errors_encountered: tuple[StageError, ...] = ()
    stages: Mapping[str, float] = attrs.Factory(dict)
    exit_code: int = 0


@attrs.frozen(slots=True, kw_only=True)
class RunStart:
    """A run that has begun, for those who watch runs."""

    run_id: int
    run_identifier: str
    erp: str
    mode: Mode
    started_at: datetime


@attrs.frozen(slots=True, kw_only=True)
class RunEnd:
    """How a run ended, for those who watch runs; there is no report where it could not begin."""

    erp: str
    outcome: RunOutcome
    exit_code: int
    ended_at: datetime
    message: str = ""  # what the process tells on stderr, if anything; free of secrets
    report: RunReport | None = None

    @property
    def is_applied(self) -> bool:
        """Say whether the run was applied."""
        return self.outcome in APPLIED


IGNORED_FIELDS: Final = "ignored_fields"
"""Among the entries of `Run.field_configuration`: the fields, with blanks in between, that were ignored in that run."""


@attrs.frozen(slots=True)
class Run:
    """A row of `ingestion_run`."""

    id: int
    run_identifier: str
    erp: str
    mode: Mode
    status: RunStatus
    started_at: datetime
    finished_at: datetime | None
    duration_seconds: float | None
    report: Mapping[str, object] | None
    host: str
    version: str
    process: int | None = None  # process id on `host`
    field_configuration: Mapping[str, str] | None = None  # field -> how it was read, see Reading.configuration

    def figure(self, key: str) -> float:
        """Return a number of the report; 0 where there is none."""
        return cast("float", (self.report or {}).get(key) or 0)


@attrs.frozen(slots=True, kw_only=True)
class NewRun:
    """What is known of a run when it starts."""

    run_identifier: str
    erp: str
    mode: Mode
    started_at: datetime
    host: str
    version: str
    process: int


@line_value
class PendingLine:
    """A line to look at tonight by itself: its rows that differ from the one last taken, if any.

    `unchanged` counts the rows that are the same as the one last taken; they were not kept.
    """

    key: LineKey
    at: int | None  # place in KnownLines; None: unknown
    rows: tuple[tuple[bool, bytes, RawRow], ...]  # active, fingerprint, row
    unchanged: int = 0
    unchanged_active: bool = False


@line_value
class ReadLine:
    """A known line as its row tells it tonight, before the cross-reference."""

    key: LineKey
    state: LineState
    values: Values
    is_active: bool
    fingerprint: bytes


@line_value
class MappedLine:
    """A known line after the cross-reference."""

    read: ReadLine
    values: Values
    is_unmapped: bool
    mapping: bytes | None


def lock_is_held(erp: str, running: Sequence[Run]) -> str:
    """Tell that another run is in progress, who holds the lock and since when; `running` are the running runs (R13)."""
    told = f"another run of ERP {erp!r} is in progress: "
    if not running:
        return told + "another process holds the lock"
    run = running[0]
    return told + f"run {run.run_identifier} (process {run.process} on {run.host}) since {to_text(run.started_at)}"
