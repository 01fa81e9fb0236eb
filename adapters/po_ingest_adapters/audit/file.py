"""The audit file: a copy of the store's audit trail as JSON lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO, cast

import attrs

from po_ingest.audit_chain import GENESIS, parse_line
from po_ingest.errors import AuditError
from po_ingest.model import ChainedEvent
from po_ingest.settings import AuditSettings
from po_ingest_adapters.audit import jsonl


@attrs.frozen(slots=True)
class _Last:
    """The last event of the file that has its place in the chain."""

    id: int = 0
    hash: str = GENESIS


class FileAuditSink:
    """Appends events to a file, each once: a crash at any moment is made good by the next `write`.

    Only whole lines count. A line that a crash tore is cut off before anything is appended: its event comes again.
    """

    def __init__(self, path: Path) -> None:
        """Take the file's path; nothing is created before the first event is written."""
        self._path = path

    def position(self) -> int:
        """Return the id of the last event that the file has from the store; 0 if none."""
        try:
            with self._path.open("rb") as handle:
                return self._last(handle).id
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise jsonl.unusable("read", self._path, error) from error

    def write(self, events: Iterable[ChainedEvent]) -> None:
        """Append the events that the file has not, in their order, and make them durable."""
        iterator = iter(events)
        first = next(iterator, None)
        if first is None:
            return
        with jsonl.appending(self._path) as file:
            last = self._last(file.handle)  # under the lock: another run may have written meanwhile
            for event in self._missing(chain((first,), iterator), last):
                file.write(jsonl.line_of(event))

    def _last(self, handle: IO[bytes]) -> _Last:
        end, _ = jsonl.complete_end(handle)
        for line in jsonl.lines_backwards(handle, end):
            try:
                columns = parse_line(line.decode("ascii"))
            except ValueError:
                raise jsonl.foreign(self._path, "holds something that is no audit event") from None
            if columns["id"] is not None:
                self._require_head(handle)
                return _Last(cast("int", columns["id"]), cast("str", columns["hash"]))
        return _Last()

    def _require_head(self, handle: IO[bytes]) -> None:
        """Refuse a file that lost its beginning: it would be gone on with, and the loss never made good."""
        handle.seek(0)
        if not jsonl.is_first(handle.readline()):
            raise AuditError(
                f"{self._path} does not begin with the first event of the trail",
                hint="another program has cut it (log rotation?); move it aside and the next run writes it anew",
            )

    def _missing(self, events: Iterable[ChainedEvent], last: _Last) -> Iterator[ChainedEvent]:
        spooled: set[str] | None = None
        follows = False
        for event in events:
            if event.id <= last.id:
                continue
            if not follows and event.previous_hash != last.hash:
                raise self._unfollowed(last, event)
            follows = True
            if event.in_file:  # or was: the file may have been moved away since
                spooled = jsonl.spooled_ids(self._path) if spooled is None else spooled
                if event.event.event_id in spooled:
                    continue
            yield event

    def _unfollowed(self, last: _Last, event: ChainedEvent) -> AuditError:
        if last.id == 0:
            return AuditError(
                f"{self._path} was moved away before event {event.id} could be appended",
                hint="the next run writes it anew; leave it out of log rotation",
            )
        return AuditError(
            f"{self._path} ends with event {last.id}, on which event {event.id} of the store does not follow",
            hint="it may belong to another store; run `po-ingest audit verify`, or move the file aside and "
            "the next run writes it anew",
        )


def create(settings: AuditSettings) -> FileAuditSink:
    """Make the sink of the configuration."""
    return FileAuditSink(settings.file)
