"""Bringing a copy of the audit trail up to date, after the commit (R14)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from po_ingest.errors import AuditError, StoreError
from po_ingest.model import ChainedEvent
from po_ingest.ports import AuditSink, Store


class _Counted:
    """Passes events on, and counts them."""

    def __init__(self, events: Iterable[ChainedEvent]) -> None:
        self._events = events
        self.count = 0

    def __iter__(self) -> Iterator[ChainedEvent]:
        for event in self._events:
            self.count += 1
            yield event


def catch_up(store: Store, sink: AuditSink) -> int:
    """Give the sink the events that it lacks; return how many it was offered.

    Raises AuditError; what the sink got so far stays there, and the next call goes on after it.
    """
    position = sink.position()
    try:
        with store.read() as view:
            events = _Counted(_after(position, view.audit_events(max(position - 1, 0))))
            sink.write(events)
    except StoreError as error:
        raise AuditError(
            f"the audit trail could not be read from the store to complete its copy: {error.message}",
            hint=error.hint or "the next run completes it",
        ) from error
    return events.count


def _after(position: int, events: Iterator[ChainedEvent]) -> Iterator[ChainedEvent]:
    # The event at the position is read too: a trail that ends before it is not the one that the sink has a copy of.
    first = next(events, None)
    if first is None:
        if position:
            raise AuditError(
                f"the copy of the audit trail has event {position}, which the store has not (any more)",
                hint="if the store was restored from a backup, move the audit file aside and the next run writes it "
                "anew; else run `po-ingest audit verify`",
            )
        return iter(())
    return events if first.id == position else chain((first,), events)
