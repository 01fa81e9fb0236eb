"""An audit sink and a spool in memory, for tests and trials; both can be told to fail at any call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from po_ingest.errors import AuditError
from po_ingest.model import AuditEvent, ChainedEvent
from po_ingest_adapters.failing import FailurePlan


class MemoryAuditSink:
    """Keeps events in a list, as a file keeps lines; those before a failure stay.

    The failure plan's names are `position`, `write` (once per event) and `tell`.
    """

    def __init__(self, failures: FailurePlan | None = None) -> None:
        """Start empty."""
        self.events: list[ChainedEvent | AuditEvent] = []
        self.failures = failures or FailurePlan()

    def position(self) -> int:
        """Return the id of the last event that came from the store; 0 if none."""
        self.failures.step("position")
        return self._last()

    def write(self, events: Iterable[ChainedEvent]) -> None:
        """Append the events that are not there yet."""
        last = self._last()
        told = {each.event_id for each in self.events if isinstance(each, AuditEvent)}
        for event in events:
            if event.id <= last or (event.in_file and event.event.event_id in told):
                continue
            self.failures.step("write")
            self.events.append(event)

    def tell(self, events: Iterable[AuditEvent]) -> None:
        """Append events that have no place in the chain yet."""
        self.failures.step("tell")
        self.events.extend(events)

    def _last(self) -> int:
        return next((each.id for each in reversed(self.events) if isinstance(each, ChainedEvent)), 0)


class MemorySpool:
    """Keeps events in a list until they are delivered, and tells them to an in-memory sink at once.

    The failure plan's names are `put`, `pending` and `clear`.
    """

    def __init__(self, sink: MemoryAuditSink | None = None, failures: FailurePlan | None = None) -> None:
        """Start empty; without a sink there is no audit file that could have an event."""
        self.failures = failures or FailurePlan()
        self._sink = sink
        self._waiting: dict[str, tuple[AuditEvent, bool]] = {}
        self._returned: frozenset[str] = frozenset()

    def put(self, events: Sequence[AuditEvent]) -> None:
        """Keep events; what is unknown while the store is down, their run's id, is left out."""
        self.failures.step("put")
        waiting = [attrs.evolve(event, run_id=None) for event in events if event.event_id not in self._waiting]
        told = self._is_told(waiting)
        self._waiting |= {event.event_id: (event, told) for event in waiting}

    def pending(self) -> list[tuple[AuditEvent, bool]]:
        """Return the waiting events, oldest first, each with whether the sink has it."""
        self.failures.step("pending")
        self._returned = frozenset(self._waiting)
        return list(self._waiting.values())

    def clear(self) -> None:
        """Forget the events that `pending` returned last."""
        self.failures.step("clear")
        for event_id in self._returned:
            self._waiting.pop(event_id, None)
        self._returned = frozenset()

    def _is_told(self, events: Sequence[AuditEvent]) -> bool:
        if self._sink is None:
            return False
        try:
            self._sink.tell(events)
        except AuditError:
            return False
        return True
