"""The audit events of a run (contract, section 6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from uuid import uuid4

import attrs

from po_ingest.fields import Values
from po_ingest.model import AuditEvent, Delta, LineChange, LineKey, MissingLine, RunReport, Severity
from po_ingest.stages.report import Tally, filled_fields, key_values, report_dict


@attrs.frozen(slots=True)
class Teller:
    """Makes the audit events of one run at one time."""

    run_id: int | None
    at: datetime

    def _event(
        self,
        event_type: str,
        *,
        line_id: int | None = None,
        severity: Severity = "info",
        previous: Mapping[str, object] | None = None,
        new: Mapping[str, object] | None = None,
        reason: str | None = None,
    ) -> AuditEvent:
        return AuditEvent(
            event_id=str(uuid4()),
            event_type=event_type,
            severity=severity,
            timestamp=self.at,
            run_id=self.run_id,
            po_line_id=line_id,
            previous_values=previous,
            new_values=new,
            reason=reason,
        )

    def started(self, content: Mapping[str, object]) -> AuditEvent:
        """Tell that a run began."""
        return self._event("ingestion_started", new=content)

    def completed(self, report: RunReport, doubts: Sequence[str] = ()) -> AuditEvent:
        """Tell that a run was applied, and what looks wrong about its snapshot."""
        severity: Severity = "warning" if doubts or report.status != "completed" else "info"
        reason = "; ".join(doubts) or None
        return self._event("ingestion_completed", severity=severity, new=report_dict(report), reason=reason)

    def failed(self, report: RunReport, reason: str) -> AuditEvent:
        """Tell that a run failed, or was abandoned."""
        return self._event("ingestion_failed", severity="error", new=report_dict(report), reason=reason)

    def baseline(self, tally: Tally, *, is_repeated: bool) -> AuditEvent:
        """Tell that the state was taken over without change events."""
        new = {"lines": tally.lines, "batches": tally.batches, "rebaseline": is_repeated}
        return self._event("baseline_initialized", new=new, reason="rebaseline" if is_repeated else "first run")

    def lines(self, delta: Delta, new_ids: Sequence[int]) -> Iterator[AuditEvent]:
        """Tell what became of each line; `new_ids` are those of the delta's new lines."""
        for line_id, key, values in zip(new_ids, delta.new.keys, delta.new.rows(), strict=True):
            yield self._created(line_id, key, values)
        for change in delta.changes:
            yield from self._line(change)
        for line in delta.missing:
            yield self._absent(line, "missing")

    def _created(self, line_id: int, key: LineKey, values: Values) -> AuditEvent:
        return self._event("po_line_created", line_id=line_id, new={**key_values(key), **filled_fields(values)})

    def _line(self, change: LineChange) -> Iterator[AuditEvent]:
        key, line_id = key_values(change.key), change.line_id
        if change.event == "created":
            yield self._created(line_id, change.key, change.values)
        elif change.event == "reappeared":
            yield self._event("po_line_reappeared", line_id=line_id, new=key)
        if change.fields:
            previous = {field.field: field.previous for field in change.fields}
            new = {**key, **{field.field: field.new for field in change.fields}}
            causes = ", ".join(sorted({field.cause for field in change.fields}))
            yield self._event("ingestion_change", line_id=line_id, previous=previous, new=new, reason=causes)
        if change.event == "absent":
            yield self._absent(change, "closed")

    def _absent(self, line: LineChange | MissingLine, reason: str) -> AuditEvent:
        return self._event("po_line_absent", line_id=line.line_id, new=key_values(line.key), reason=reason)

    def gaps(self, tally: Tally) -> Iterator[AuditEvent]:
        """Tell each unmapped item code."""
        for code in sorted(tally.gaps):
            yield self._event("xref_gap", severity="warning", new={"erp_item_code": code}, reason="unknown item code")

    def rejected(self, tally: Tally) -> Iterator[AuditEvent]:
        """Tell how many rows were rejected for each reason."""
        for (query, field, reason), count in sorted(tally.rejected.items(), key=str):
            new = {"query": query, "field": field, "rows": count}
            yield self._event("row_rejected", severity="warning", new=new, reason=reason)
