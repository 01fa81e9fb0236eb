"""Several audit sinks as one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from po_ingest.errors import AuditError
from po_ingest.model import ChainedEvent
from po_ingest.ports import AuditSink
from po_ingest_adapters.audit.batches import batched

_BATCH = 1_000


class FanOut:
    """Gives every sink the events that it lacks; one that fails keeps none of the others from theirs.

    It stands where the sink furthest behind stands, and skips for each sink what that one has.
    """

    def __init__(self, sinks: Sequence[AuditSink]) -> None:
        """Take the sinks, in the order in which they are written."""
        self._sinks = tuple(sinks)

    def position(self) -> int:
        """Return the lowest position of the sinks that can tell theirs; raises AuditError if none can."""
        positions, failures = self._positions()
        if not positions and failures:
            raise _merged(failures, len(self._sinks))
        return min((position for _, position in positions), default=0)

    def write(self, events: Iterable[ChainedEvent]) -> None:
        """Append events to all sinks, then raise one AuditError that names all that failed."""
        working, failures = self._positions()
        for batch in batched(events, _BATCH):
            still: list[tuple[AuditSink, int]] = []
            for sink, position in working:
                try:
                    sink.write([event for event in batch if event.id > position])
                except (AuditError, OSError) as error:
                    failures.append(error)
                else:
                    still.append((sink, position))
            working = still
            if not working:
                break
        if failures:
            raise _merged(failures, len(self._sinks))

    def _positions(self) -> tuple[list[tuple[AuditSink, int]], list[AuditError | OSError]]:
        positions: list[tuple[AuditSink, int]] = []
        failures: list[AuditError | OSError] = []
        for sink in self._sinks:
            try:
                positions.append((sink, sink.position()))
            except (AuditError, OSError) as error:
                failures.append(error)
        return positions, failures


def _merged(failures: Sequence[AuditError | OSError], sinks: int) -> AuditError:
    if len(failures) == 1 and isinstance(failures[0], AuditError):
        return failures[0]
    messages = [error.message if isinstance(error, AuditError) else str(error) for error in failures]
    return AuditError(
        f"{len(failures)} of {sinks} copies of the audit trail could not be written: {'; '.join(messages)}",
        hint="the next run completes them",
        details=tuple(map(str, failures)),
    )
