"""Has the calls of the ports other than the store pass the points at which they can fail.

Installed in a process of its own (`fork_server`): nothing of it is ever taken back. What is called is the real thing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import IO, Any, Final, Literal, cast

import attrs

from po_ingest import wiring
from po_ingest.journal import Parts
from po_ingest.model import RawRow, RunEnd, RunStart
from po_ingest.ports import Clock, ErpSource, Finding, Observer, Progress, ResultSet, RowBuffer
from po_ingest.settings import Settings
from po_ingest.watch import Watch
from po_ingest_adapters.buffer import DiskBuffer
from po_ingest_adapters.observers import heartbeat, lineage
from support.fault_points import Points

Port = Literal["erp", "buffer", "observers", "clock"]
IN_MEMORY: Final = 10
"""How many rows a buffer keeps in memory: so few that a night has some there, and others in the file."""
PIECE: Final = 8
"""How many rows come into the buffer at a time."""
PATIENCE: Final = 0.2
"""Seconds that an observer waits for its service."""


def install_ports(points: Points, ports: Sequence[Port]) -> None:
    """Have all calls of these ports, in this process, pass the points."""
    build = wiring.build

    def counted(settings: Settings, progress: Progress | None = None) -> Parts:
        parts = build(settings, progress)
        for port in ports:
            parts = attrs.evolve(parts, **COUNTED[port](parts, points))
        return parts

    setattr(wiring, "build", counted)  # noqa: B010 - mypy lets no module be changed otherwise
    for observer in (heartbeat, lineage):
        setattr(observer, "TIMEOUT", PATIENCE)  # noqa: B010 - as above
    if "buffer" in ports:
        _count_temporary_files(points)


@attrs.frozen
class _Source:
    """An ERP whose queries are counted: when they begin, have begun, give a chunk or the end of it, and end."""

    wrapped: ErpSource
    points: Points

    @contextmanager
    def query(self, sql: str) -> Iterator[ResultSet]:
        of = sql.rsplit(maxsplit=1)[-1]
        self.points.do(f"erp query {of}", lambda: None)
        try:
            with self.wrapped.query(sql) as result:
                self.points.do(f"erp result {of}", lambda: None)
                yield attrs.evolve(result, chunks=self._chunks(of, result.chunks))
        finally:
            self.points.do(f"erp close {of}", lambda: None)

    def _chunks(self, of: str, chunks: Iterator[list[RawRow]]) -> Iterator[list[RawRow]]:
        while (chunk := self.points.do(f"erp chunk {of}", lambda: next(chunks, None))) is not None:
            yield chunk

    def check(self) -> Sequence[Finding]:
        return self.wrapped.check()


@attrs.frozen
class _Buffer:
    """A buffer whose calls are counted; a night's few rows come to it in pieces, as many rows do, and leave as one."""

    wrapped: RowBuffer
    points: Points

    def append(self, rows: list[tuple[object, ...]]) -> None:
        for start in range(0, len(rows), PIECE):
            piece = rows[start : start + PIECE]
            self.points.do("buffer append", partial(self.wrapped.append, piece))

    def __iter__(self) -> Iterator[list[tuple[object, ...]]]:
        chunks = self.points.do("buffer read", lambda: iter(self.wrapped))
        rows: list[tuple[object, ...]] = []
        while (chunk := self.points.do("buffer chunk", lambda: next(chunks, None))) is not None:
            rows += chunk
        yield rows

    def close(self) -> None:
        self.wrapped.close()
        self.points.do("buffer close", lambda: None)


@attrs.frozen
class _TemporaryFile:
    """A buffer's file whose calls are counted; one that fails to be closed is closed all the same, as on any system."""

    wrapped: IO[bytes]
    points: Points

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method of a file
        method = getattr(self.wrapped, name)
        return lambda *arguments: self.points.do(f"tempfile {name}", lambda: method(*arguments))

    def close(self) -> None:
        self.wrapped.close()
        self.points.do("tempfile close", lambda: None)


def _count_temporary_files(points: Points) -> None:
    make = tempfile.TemporaryFile

    def counted(**options: Any) -> IO[bytes]:  # noqa: ANN401 - the system's signature
        points.do("tempfile open", lambda: None)
        return cast("IO[bytes]", _TemporaryFile(make(**options), points))

    setattr(tempfile, "TemporaryFile", counted)  # noqa: B010 - as above


@attrs.frozen
class _Observer:
    """An observer whose calls are counted."""

    name: str
    wrapped: Observer
    points: Points

    def started(self, start: RunStart) -> None:
        self.points.do(f"observer {self.name} started", lambda: self.wrapped.started(start))

    def ended(self, end: RunEnd) -> None:
        self.points.do(f"observer {self.name} ended", lambda: self.wrapped.ended(end))


def _watched(parts: Parts, points: Points) -> Watch:
    assert isinstance(parts.observer, Watch)
    return Watch({name: _Observer(name, each, points) for name, each in parts.observer.observers.items()})


def _clock(clock: Clock, points: Points) -> Clock:
    def shifted() -> datetime:
        return points.do("clock now", clock) + points.shift

    return shifted


COUNTED: Final[dict[Port, Callable[[Parts, Points], dict[str, Any]]]] = {
    "erp": lambda parts, points: {"source": _Source(parts.source, points)},
    "buffer": lambda _, points: {"buffer": lambda: _Buffer(DiskBuffer(IN_MEMORY), points)},
    "observers": lambda parts, points: {"observer": _watched(parts, points)},
    "clock": lambda parts, points: {"clock": _clock(parts.clock, points)},
}
