"""Audit trails to copy and to verify."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from po_ingest.audit_chain import GENESIS, link
from po_ingest.model import AuditEvent, ChainedEvent, Run, RunStatus
from po_ingest.ports import AuditSink

START = datetime(2026, 3, 1, 2, 0, 0, 5, tzinfo=UTC)


def event(number: int, event_type: str = "ingestion_change", run_id: int | None = 1, **others: object) -> AuditEvent:
    """Return an event with something in every column, and something awkward in its texts."""
    values: dict[str, Any] = {
        "severity": "info",
        "po_line_id": number * 10,
        "previous_values": {"sku": None, "ordered_quantity": "12.000"},
        "new_values": {"sku": 'Ü"\\\n\u2028\U0001f600', "duration_seconds": 0.1, "rows": [1, {"b": True, "a": None}]},
        "reason": "erp",
        **others,
    }
    return AuditEvent(
        event_id=f"00000000-0000-4000-8000-{number:012}",
        event_type=event_type,
        timestamp=START + timedelta(seconds=number),
        run_id=run_id,
        **values,
    )


def chained(
    events: Iterable[AuditEvent], *, told: Iterable[str] = (), first_id: int = 1, step: int = 1
) -> list[ChainedEvent]:
    """Return the events as a store chains them; `told` are the `event_id` that the audit file had before the store."""
    trail: list[ChainedEvent] = []
    previous = GENESIS
    told = set(told)
    for position, each in enumerate(events):
        trail.append(link(previous, first_id + step * position, each, in_file=each.event_id in told))
        previous = trail[-1].hash
    return trail


def trail_of(length: int) -> list[ChainedEvent]:
    """Return a trail of ordinary events."""
    return chained(event(number) for number in range(1, length + 1))


def bring(sink: AuditSink, trail: Sequence[ChainedEvent]) -> None:
    """Give a sink what it lacks of a trail."""
    position = sink.position()
    sink.write(each for each in trail if each.id > position)


def run(run_id: int, status: RunStatus) -> Run:
    """Return a run with the given outcome."""
    return Run(
        id=run_id,
        run_identifier=f"run-{run_id}",
        erp="erp",
        mode="nightly",
        status=status,
        started_at=START,
        finished_at=None if status == "running" else START,
        duration_seconds=0.0,
        report=None,
        host="host",
        version="1",
    )
