"""Has all that a run does to its store and its files pass the points at which it can be cut off.

Installed in a process of its own (`fork_server`): nothing of it is ever taken back.
"""

from __future__ import annotations

import io
import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import psycopg

from po_ingest_adapters.audit import jsonl, spool
from support.fault_points import Points

STORE: Final = "po-ingest.db"
"""The name of a store's file."""
SPOOL: Final = ".spool"
"""What the name of the spool, and of the one that takes its place, has in it."""

_points = Points([], Path())
_files: dict[int, str] = {}


def install(points: Points) -> None:
    """Have all operations of this process pass the points."""
    global _points  # noqa: PLW0603 - a process has one run, and the drivers' classes no room for it
    _points = points
    setattr(sqlite3, "connect", _counted_connect(sqlite3.connect))  # noqa: B010 - mypy lets no module be changed otherwise
    _count_psycopg()
    _count_files()


# -- SQLite


class _Cursor(sqlite3.Cursor):
    def execute(self, sql: str, parameters: Any = (), /) -> Any:  # noqa: ANN401 - the driver's signature
        return _points.do(f"sql {sql}", lambda: super(_Cursor, self).execute(sql, parameters))

    def executemany(self, sql: str, parameters: Any, /) -> Any:  # noqa: ANN401 - as above
        return _points.do(f"sql {sql}", lambda: super(_Cursor, self).executemany(sql, parameters))


class _Connection(sqlite3.Connection):
    def cursor(self, factory: Any = _Cursor) -> Any:  # noqa: ANN401 - as above
        return super().cursor(factory)

    def execute(self, sql: str, parameters: Any = (), /) -> Any:  # noqa: ANN401 - as above
        return self.cursor().execute(sql, parameters)

    def commit(self) -> None:
        if self.in_transaction:
            _points.do("sql COMMIT", super().commit)

    def rollback(self) -> None:
        if self.in_transaction:
            _points.do("sql ROLLBACK", super().rollback)

    def close(self) -> None:
        _points.do("sql close", super().close)  # the last one brings the WAL into the file


def _counted_connect(connect: Callable[..., sqlite3.Connection]) -> Callable[..., sqlite3.Connection]:
    """Return what connects so that statements to the store count, and those to anything else do not."""

    def counted(database: Any, *arguments: Any, **options: Any) -> sqlite3.Connection:  # noqa: ANN401 - as above
        if STORE not in str(database):
            return connect(database, *arguments, **options)
        connection = connect(database, *arguments, factory=_Connection, **options)
        if _points.pages and "mode=rw" in str(database):
            sqlite3.Connection.execute(connection, f"PRAGMA max_page_count={_points.pages}")
        return connection

    return counted


# -- PostgreSQL


def _count_psycopg() -> None:
    for cursor in (psycopg.Cursor, psycopg.ServerCursor):
        _wrap(cursor, "execute")
        _wrap(cursor, "executemany")
    _wrap(psycopg.Cursor, "copy")
    _wrap(psycopg.Connection, "commit")


def _wrap(of: type, name: str) -> None:
    method = getattr(of, name)

    def counted(self: Any, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - any method of the driver
        text = arguments[0] if arguments else name.upper()
        text = text.decode() if isinstance(text, bytes) else text
        return _points.do(f"pg {text}", lambda: method(self, *arguments, **named))

    setattr(of, name, counted)


# -- audit file and spool


class _File(io.FileIO):
    def write(self, data: Any, /) -> int:  # noqa: ANN401 - any buffer
        content = bytes(data)
        half = content[: len(content) // 2]
        write = super().write
        return _points.do(f"{_files[self.fileno()]} write", lambda: write(content), lambda: write(half))

    def truncate(self, size: int | None = None, /) -> int:
        return _points.do(f"{_files[self.fileno()]} truncate", lambda: super(_File, self).truncate(size))


def _open(path: Path, mode: str, opener: Any) -> Any:  # noqa: ANN401 - as the built-in one
    kind = "spool" if SPOOL in path.name else "audit"
    raw = _points.do(f"{kind} open", lambda: _File(path, mode.replace("b", ""), opener=opener))
    _files[raw.fileno()] = kind
    return io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)


def _count_files() -> None:
    for module in (jsonl, spool):
        setattr(module, "open", _open)  # noqa: B010 - stands before the built-in one
    fsync = os.fsync

    def counted_fsync(handle: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else _files[handle]
        _points.do(f"{kind} fsync", lambda: fsync(handle))

    setattr(os, "fsync", counted_fsync)  # noqa: B010 - as for SQLite
    _count_of_spool("replace", "rename")
    _count_of_spool("unlink", "unlink")


def _count_of_spool(function: str, called: str) -> None:
    """Count what the system does to the spool, but not to its lock."""
    original = getattr(os, function)

    def counted(path: Any, *others: Any, **named: Any) -> None:  # noqa: ANN401 - the system's signatures
        is_there = SPOOL in os.fspath(path) and os.path.lexists(path)  # what is not there gives nothing to break
        if is_there and not os.fspath(path).endswith(".lock"):
            _points.do(f"spool {called}", lambda: original(path, *others, **named))
        else:
            original(path, *others, **named)

    setattr(os, function, counted)
