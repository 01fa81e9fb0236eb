"""An audit sink that is a store: a second copy of the audit trail in another database."""

from __future__ import annotations

from collections.abc import Iterable

from po_ingest.errors import AuditError, StoreError
from po_ingest.model import ChainedEvent
from po_ingest.ports import Store
from po_ingest_adapters.audit.batches import batched

_BATCH = 1_000


class StoreAuditSink:
    """Writes events to a store that is kept for copies of one other store's trail, and nothing else.

    The ids of the copy are its own (those of the original may have gaps), the hashes come out the same.
    """

    def __init__(self, store: Store) -> None:
        """Take the store that gets the copy; its schema is created with the first event."""
        self._store = store

    def position(self) -> int:
        """Return the number of events copied: the original's ids are at least that high, so nothing is left out.

        Events beyond it that are there already are offered again, and skipped by their `event_id`.
        """
        try:
            with self._store.read() as view:
                return sum(1 for _ in view.audit_events())
        except StoreError as error:
            raise _unwritable(error) from error

    def write(self, events: Iterable[ChainedEvent]) -> None:
        """Append the events that the copy has not, a thousand a transaction."""
        for batch in batched(events, _BATCH):
            try:
                if self._store.schema().relation == "missing":
                    self._store.upgrade()
                with self._store.write() as transaction:
                    transaction.record([chained.event for chained in batch])
            except StoreError as error:
                raise _unwritable(error) from error


def _unwritable(error: StoreError) -> AuditError:
    return AuditError(f"the audit trail's copy in a store failed: {error.message}", hint=error.hint)
