"""Append-only files of audit events, one JSON object a line: shared by the audit file and the spool."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, Final

import attrs

from po_ingest.audit_chain import GENESIS, event_line, event_of, parse_line
from po_ingest.errors import AuditError
from po_ingest.model import AuditEvent, ChainedEvent
from po_ingest.private_files import file_lock, make_folder, opener

_BLOCK: Final = 65_536
_LOCK_TIMEOUT: Final = 30  # seconds; the outcome of a run has to be in the file within 60
_START: Final = b'{"id":'  # how every line begins
_SPOOLED: Final = b'{"id":null,'  # the line of an event that was written while the store was down


def unusable(action: str, path: Path, error: OSError) -> AuditError:
    """Return the error that tells of a file which the operating system refused."""
    cause = error.strerror or type(error).__name__
    return AuditError(
        f"{path} could not be {action}: {cause}",
        hint="check the folder, its rights and the free space; the next run completes the audit file",
    )


def foreign(path: Path, what: str) -> AuditError:
    """Return the error that tells of a file which is not (only) ours; nothing was overwritten."""
    return AuditError(
        f"{path} {what}",
        hint="look at its last lines; if they are no audit events, move the file aside (nothing was overwritten)",
    )


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes from writing the file; raises AuditError if one goes on doing so for 30 seconds."""
    _make_folder(path.parent)
    with file_lock(f"{path}.lock", _LOCK_TIMEOUT) as is_ours:
        if not is_ours:
            raise AuditError(
                f"{path} is in use by another run", hint="the next run completes the audit file; see who holds it"
            )
        yield


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, with names that last."""
    missing = [each for each in (folder, *folder.parents) if not each.is_dir()]
    make_folder(folder)
    for each in reversed(missing):
        _sync_folder(each.parent)


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: a new file would else be gone after a loss of power, with all it holds."""
    if os.name != "posix":  # elsewhere a folder cannot be opened, and its file system does so by itself
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system on which folders are always durable, or never
            raise
    finally:
        os.close(descriptor)


def complete_end(handle: IO[bytes]) -> tuple[int, bytes]:
    """Return where the last complete line ends, and what stands after it: a line that a crash tore, or nothing."""
    position = handle.seek(0, os.SEEK_END)
    tail: list[bytes] = []
    while position > 0:
        size = min(_BLOCK, position)
        position -= size
        handle.seek(position)
        block = handle.read(size)
        newline = block.rfind(b"\n")
        tail.append(block[newline + 1 :])
        if newline >= 0:
            position += newline + 1
            break
    return position, b"".join(reversed(tail))


def lines_backwards(handle: IO[bytes], end: int) -> Iterator[bytes]:
    """Yield the lines before `end` (the end of a complete line), last one first, without their line ends."""
    if end == 0:
        return
    position = end - 1
    pieces: list[bytes] = []  # of the line whose beginning is not read yet, last piece first
    while position > 0:
        size = min(_BLOCK, position)
        position -= size
        handle.seek(position)
        first, *others = handle.read(size).split(b"\n")
        for other in reversed(others):
            pieces.append(other)
            yield b"".join(reversed(pieces))
            pieces.clear()
        pieces.append(first)
    yield b"".join(reversed(pieces))


@attrs.define(slots=True)
class Appender:
    """A file that is locked and open for appending; `end` is where it has to end."""

    handle: BinaryIO
    end: int

    def write(self, line: bytes) -> None:
        """Append a line."""
        self.handle.write(line)
        self.end += len(line)


@contextmanager
def appending(path: Path) -> Iterator[Appender]:
    """Lock a file and give it for appending, a torn last line cut off; what was appended is durable at the end.

    Raises AuditError, and changes nothing, if the file does not end as a file of ours does; also if another program
    moved or cut the file meanwhile, so that what was appended may not be where it is looked for.
    """
    try:
        with locked(path), open(path, "a+b", opener=opener) as handle:
            end, torn = complete_end(handle)
            if next(lines_backwards(handle, end), _START)[: len(_START)] != _START or not _is_torn(torn):
                raise foreign(path, "does not end with an audit event")
            if torn:
                handle.truncate(end)
            appender = Appender(handle, end)
            yield appender
            handle.flush()
            os.fsync(handle.fileno())
            if end == 0:  # the file may be new
                _sync_folder(path.parent)
            _require_unmoved(path, appender)
    except OSError as error:
        raise unusable("written", path, error) from error


def _require_unmoved(path: Path, appender: Appender) -> None:
    written = os.fstat(appender.handle.fileno())
    try:
        # Windows lets nobody move a file that is open.
        is_there = os.name != "posix" or os.path.samestat(path.stat(), written)
    except FileNotFoundError:
        is_there = False
    if not is_there or written.st_size != appender.end:
        raise AuditError(
            f"{path} was moved or cut by another program while it was written",
            hint="the next run completes the audit file; leave it out of log rotation",
        )


def _is_torn(tail: bytes) -> bool:
    # After a loss of power a file system may show zero bytes where the rest of the line was to be.
    start = tail.rstrip(b"\0")[: len(_START)]
    return _START.startswith(start)


def append(path: Path, events: Iterable[AuditEvent]) -> None:
    """Append events that have no place in the chain yet. Raises AuditError."""
    with appending(path) as file:
        for event in events:
            file.write(line_of(event))


def line_of(event: ChainedEvent | AuditEvent) -> bytes:
    """Return an event as such a file has it."""
    return event_line(event).encode("ascii") + b"\n"


def is_first(line: bytes) -> bool:
    """Say whether a file may begin so: with the first event of the chain, or one that was written without the store."""
    return line.startswith(_SPOOLED) or (line.startswith(_START) and GENESIS.encode("ascii") in line)


def spooled_ids(path: Path) -> set[str]:
    """Return the `event_id` of every event that the file got while the store was down. Raises OSError."""
    try:
        with path.open("rb") as handle:
            lines = [line for line in handle if line.startswith(_SPOOLED) and line.endswith(b"\n")]
    except FileNotFoundError:
        return set()
    return {event.event_id for event in map(_event, lines) if event is not None}


def _event(line: bytes) -> AuditEvent | None:
    try:
        return event_of(parse_line(line.decode("ascii")))
    except ValueError:  # altered by somebody: `audit verify` tells
        return None
