"""Stage 6, report: put a partition's results together as a Delta, count, and tell (contract, section 6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from po_ingest.fields import FIELDS, INDEX, Value, to_text
from po_ingest.model import (
    Delivery,
    Delta,
    FieldChange,
    LineChange,
    LineKey,
    LineState,
    MappedLine,
    NewLines,
    Presence,
    RejectedRow,
    RunReport,
    SnapshotAction,
)
from po_ingest.recoding import is_recoded
from po_ingest.stages.custom_columns import Slots, populated_of_new
from po_ingest.stages.diff import Difference
from po_ingest.stages.snapshot import ReadResult
from po_ingest.stages.xref import own_of

STAGES: Final = ("snapshot", "xref", "diff", "batches", "custom_columns", "report")


LineResult = tuple[MappedLine, Difference, tuple[Delivery, ...], Slots, bytes | None]
"""What the stages found about a line; last, the digest of its receipts."""


def assemble(
    new: NewLines, results: Iterable[LineResult], rejected: Iterable[RejectedRow], *, with_events: bool
) -> Delta:
    """Put what the stages found about each line together."""
    return Delta(new, tuple(_change(*each) for each in results), (), tuple(rejected), with_events)


def _change(
    line: MappedLine,
    difference: Difference,
    deliveries: tuple[Delivery, ...],
    slots: Slots,
    receipts: bytes | None,
) -> LineChange:
    state = line.read.state
    return LineChange(  # by position, in half the time
        line.read.key,
        state.line_id,
        line.values,
        own_of(line.read.values),
        slots.values,
        slots.sources,
        line.is_unmapped,
        difference.presence,
        line.read.fingerprint,
        receipts,
        line.mapping,
        difference.snapshot,
        state.presence,
        difference.event,
        difference.fields,
        deliveries,
    )


@attrs.define(slots=True)
class Tally:
    """What a run has found so far."""

    lines: int = 0  # active lines taken
    created: int = 0
    changed: int = 0
    change_events: int = 0
    closed: int = 0
    missing: int = 0
    reappeared: int = 0
    batches: int = 0
    populated: int = 0
    truncated: int = 0
    gaps: set[str] = attrs.Factory(set)
    rejected: Counter[tuple[str, str | None, str]] = attrs.Factory(Counter)  # query, field, reason
    rejected_known: list[int] = attrs.Factory(list)  # places in KnownLines
    unchanged_looked_at: int = 0  # active lines whose row is unchanged, but that were looked at
    emptied: Counter[str] = attrs.Factory(Counter)  # field -> lines active then and now where it was emptied
    left: Counter[str] = attrs.Factory(Counter)  # field -> lines no longer active where it was filled
    moved: Counter[str] = attrs.Factory(
        Counter
    )  # field -> lines active then and now to which the ERP gave another value
    recoded: Counter[str] = attrs.Factory(Counter)  # field -> those of them where only the code page differs

    def add(self, delta: Delta, slots: Iterable[Slots], states: Mapping[int, LineState]) -> None:
        """Count a partition; `states` are its lines as they were."""
        self._add_new(delta.new)
        for change in delta.changes:
            self._add_change(change, delta, states)
        self.populated += sum(slot.populated for slot in slots)
        self.missing += len(delta.missing)
        self.add_rejected(delta.rejected)

    def _add_new(self, new: NewLines) -> None:
        self.lines += len(new.keys)
        self.created += len(new.keys)
        self.batches += len(new.deliveries.places)
        self.populated += populated_of_new(new)

    def _add_change(self, change: LineChange, delta: Delta, states: Mapping[int, LineState]) -> None:
        self.lines += change.presence == Presence.ACTIVE
        self.created += change.event == "created"
        self.reappeared += change.event == "reappeared"
        self.batches += len(change.deliveries)
        if change.fields and delta.with_events:
            self.changed += 1
            self.change_events += len(change.fields)
        if change.event == "absent":
            self.closed += 1
            self.add_left([states[change.line_id]])
        elif change.previous == Presence.ACTIVE:
            for field in change.fields:
                self._add_field(field)

    def _add_field(self, change: FieldChange) -> None:
        """Count a field that changed in a line active then and now."""
        if change.new is None:
            self.emptied[change.field] += 1
        elif change.previous is not None and change.cause == "erp":
            self.moved[change.field] += 1
            self.recoded[change.field] += is_recoded(change.previous, change.new)

    def note(self, read: ReadResult, gaps: Iterable[str]) -> None:
        """Count what reading a partition gave besides its lines."""
        self.truncated += read.truncated
        self.rejected_known += read.rejected_known
        self.unchanged_looked_at += read.unchanged_active
        self.gaps.update(gaps)

    def add_rejected(self, rows: Iterable[RejectedRow]) -> None:
        """Count rejected rows."""
        self.rejected.update((row.query, row.field, row.reason) for row in rows)

    def add_left(self, states: Iterable[LineState]) -> None:
        """Count the filled fields of lines that are no longer active."""
        for state in states:
            self.left.update(field.name for field, v in zip(FIELDS, state.values, strict=True) if v is not None)

    def rejected_rows(self, query: str | None = None) -> int:
        """Return how many rows of a query, or of all, were rejected."""
        return sum(count for (of, _, _), count in self.rejected.items() if query in {None, of})

    def onto(self, report: RunReport) -> RunReport:
        """Return the report with what was counted."""
        return attrs.evolve(
            report,
            po_lines_processed=self.lines,
            new_lines_created=self.created,
            lines_changed=self.changed,
            change_events_detected=self.change_events,
            absent_po_lines=self.closed + self.missing,
            closed_po_lines=self.closed,
            reappeared_po_lines=self.reappeared,
            batches_reconstructed=self.batches,
            custom_columns_populated=self.populated,
            xref_gaps_found=len(self.gaps),
            unmapped_item_codes=tuple(sorted(self.gaps)),
            rows_rejected=self.rejected_rows(),
            values_truncated=self.truncated,
        )


def has_effect(change: LineChange, state: LineState, known: tuple[bytes | None, ...]) -> bool:
    """Say whether there is anything to write; `known` are the store's fingerprints of row, receipts and mapping."""
    return (
        change.event is not None
        or bool(change.deliveries)
        or change.snapshot is not SnapshotAction.KEEP
        or (change.fingerprint, change.receipts, change.mapping) != known
        or change.values != state.values
        or change.slots != state.slots
    )


def key_values(key: LineKey) -> dict[str, object]:
    """Return a key for an audit event."""
    return {"po_number": key[0], "line_number": key[1]}


def filled_fields(values: tuple[Value, ...]) -> dict[str, object]:
    """Return the fields of a line that are not none, in text form."""
    return {name: to_text(values[at]) for name, at in INDEX.items() if values[at] is not None}


def report_dict(report: RunReport) -> dict[str, object]:
    """Return a report as the JSON object of the contract, keys in its order."""
    content: dict[str, object] = attrs.asdict(report)
    content["started_at"] = to_text(report.started_at)
    content["finished_at"] = to_text(report.finished_at)
    content["exit_code"] = int(report.exit_code)
    content["unmapped_item_codes"] = list(report.unmapped_item_codes)
    content["errors_encountered"] = [attrs.asdict(error) for error in report.errors_encountered]
    return content
