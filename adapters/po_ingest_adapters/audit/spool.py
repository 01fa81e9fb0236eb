"""Where audit events wait while the store is down: a file beside the audit file."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Sequence
from pathlib import Path

from po_ingest.audit_chain import event_of, parse_line
from po_ingest.errors import AuditError
from po_ingest.model import AuditEvent
from po_ingest.private_files import opener
from po_ingest_adapters.audit import jsonl

_log = logging.getLogger(__name__)


class FileSpool:
    """Keeps events as lines like those of the audit file, which gets them at once.

    Whether the audit file has an event is not remembered but looked up there, so a crash between the two cannot make
    them disagree.
    """

    def __init__(self, path: Path, audit_file: Path) -> None:
        """Take the paths; neither file is created before there is an event to keep."""
        self._path = path
        self._audit_file = audit_file
        self._returned: frozenset[str] = frozenset()
        self._tried: set[str] = set()

    def put(self, events: Sequence[AuditEvent]) -> None:
        """Make events durable, then tell them in the audit file.

        Raises AuditError if they could not be kept. If only the audit file could not be written, that is logged: it
        gets the events with their delivery. Events of a call that was broken off are looked for, and not written twice.
        """
        if not events:
            return
        ids = {event.event_id for event in events}
        is_again = not self._tried.isdisjoint(ids)
        self._tried |= ids
        self._append(self._path, events, is_again=is_again)
        try:
            self._append(self._audit_file, events, is_again=is_again)
        except AuditError as error:
            _log.warning("%s", error)

    @staticmethod
    def _append(path: Path, events: Sequence[AuditEvent], *, is_again: bool) -> None:
        try:
            there = jsonl.spooled_ids(path) if is_again else set()
        except OSError as error:
            raise jsonl.unusable("read", path, error) from error
        jsonl.append(path, [event for event in events if event.event_id not in there])

    def pending(self) -> list[tuple[AuditEvent, bool]]:
        """Return the waiting events, oldest first, each with whether the audit file has it.

        If that cannot be found out, the answer is yes: a sink looks itself for events that are said to be there.
        """
        waiting = self._waiting()
        self._returned = frozenset(event.event_id for event in waiting)
        if not waiting:
            return []
        told: Collection[str]
        try:
            told = jsonl.spooled_ids(self._audit_file)
        except OSError:
            told = self._returned
        return [(event, event.event_id in told) for event in waiting]

    def clear(self) -> None:
        """Forget the events that `pending` returned last; those that came since stay."""
        if not self._returned:
            return
        try:
            with jsonl.locked(self._path):
                left = [event for event in self._waiting() if event.event_id not in self._returned]
                self._replace(left)
        except OSError as error:
            raise jsonl.unusable("cleared", self._path, error) from error
        self._returned = frozenset()

    def _waiting(self) -> list[AuditEvent]:
        try:
            with self._path.open("rb") as handle:
                lines = [line for line in handle if line.endswith(b"\n")]  # a torn one was never acknowledged
            found = [event_of(parse_line(line.decode("ascii"))) for line in lines]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise jsonl.unusable("read", self._path, error) from error
        except ValueError:
            raise jsonl.foreign(self._path, "holds something that is no audit event") from None
        return list({event.event_id: event for event in found}.values())

    def _replace(self, events: Sequence[AuditEvent]) -> None:
        fresh = self._path.with_name(self._path.name + ".new")
        fresh.unlink(missing_ok=True)  # of a process that was killed right here
        if not events:
            self._path.unlink(missing_ok=True)
            return
        with open(fresh, "xb", opener=opener) as handle:
            handle.writelines(jsonl.line_of(event) for event in events)
            handle.flush()
            os.fsync(handle.fileno())
        fresh.replace(self._path)
