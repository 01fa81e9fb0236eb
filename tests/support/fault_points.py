"""Every place at which a run can be cut off: what it sends to its store, what it does to its audit file and spool.

Installed in a process of its own (`fork_server`), nothing of it is ever taken back. Operations are counted from 0; at
some of them something happens, as the faults say.
"""

from __future__ import annotations

import errno
import io
import os
import signal
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import attrs
import psycopg

from po_ingest_adapters.audit import jsonl, spool

T = TypeVar("T")
Where = Literal["before", "midst", "after"]
Deed = Literal["kill", "transient", "permanent", "lost", "full", "copy", "pages"]
STORE: Final = "po-ingest.db"
"""The name of the store's file."""


@attrs.frozen
class Fault:
    """What happens, at which operation and on which side of it; lasting: from then on.

    Only operations whose name begins so are meant.

    kill: SIGKILL. transient, permanent: the driver's error for a lock, and for damage. lost: the connection's loss. full:
    no room on the disk. copy: the folder is copied to `to`. pages: the store's file may grow to `at` pages.
    """

    do: Deed
    at: int = 0
    where: Where = "before"
    only: str = ""
    is_lasting: bool = False
    to: str = ""

    def is_due(self, at: int, name: str) -> bool:
        """Say whether it happens at an operation."""
        return name.startswith(self.only) and (at >= self.at if self.is_lasting else at == self.at)


class Points:
    """Counts operations, and lets the faults happen."""

    def __init__(self, faults: Iterable[Fault], folder: Path) -> None:
        self.faults = list(faults)
        self.folder = folder
        self.seen: list[str] = []
        self.happened = 0
        self.is_active = True
        self._copied: list[tuple[Path, bytes]] = []

    def do(self, name: str, deed: Callable[[], T], half: Callable[[], object] = lambda: None) -> T:
        """Carry an operation out, or not; `half` is what of it may be done when it is cut off in its midst."""
        if not self.is_active:
            return deed()
        at = len(self.seen)
        self.seen.append(name)
        due = [each for each in self.faults if each.is_due(at, name)]
        self._happen([each for each in due if each.where == "before"], at, name)
        if any(each.where == "midst" for each in due):
            half()
            self._happen([each for each in due if each.where == "midst"], at, name)
        result = deed()
        self._happen([each for each in due if each.where == "after"], at, name)
        return result

    def _happen(self, faults: Iterable[Fault], at: int, name: str) -> None:
        for fault in faults:
            self.happened += 1
            if fault.do == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            elif fault.do == "copy":
                self._copy(Path(fault.to) / f"{at:04}-{fault.where}")
            elif fault.do != "pages":
                raise _error(fault.do, name)

    def _copy(self, target: Path) -> None:
        """Copy the folder, but for the shared memory and the locks, which no loss of power lets live; once as it is."""
        files = sorted(each for each in self.folder.rglob("*") if each.is_file() and each.suffix != ".log")
        contents = [(each, each.read_bytes()) for each in files if not each.name.endswith(("-shm", ".lock"))]
        if contents == self._copied:
            return
        self._copied = contents
        for file, content in contents:
            copy = target / file.relative_to(self.folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)

    @property
    def pages(self) -> int:
        """Return how many pages the store's file may have; 0 for any number."""
        return next((each.at for each in self.faults if each.do == "pages" and self.is_active), 0)


def _error(do: Deed, name: str) -> Exception:
    if name.startswith("pg "):
        return _postgresql_error(do)
    if name.startswith("sql "):
        return _sqlite_error(do)
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _sqlite_error(do: Deed) -> Exception:
    text, code = {
        "transient": ("database is locked", sqlite3.SQLITE_BUSY),
        "permanent": ("disk I/O error", sqlite3.SQLITE_IOERR),
        "full": ("database or disk is full", sqlite3.SQLITE_FULL),
    }[do]
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


def _postgresql_error(do: Deed) -> Exception:
    return {
        "transient": psycopg.errors.LockNotAvailable("canceling statement due to lock timeout"),
        "permanent": psycopg.errors.InternalError_("invalid page in block 0"),
        "full": psycopg.errors.DiskFull("could not extend file: No space left on device"),
    }[do]


# -- where the operations are


def install(points: Points) -> None:
    """Have all operations of this process pass the points."""
    _install_sqlite(points)
    _install_postgresql(points)
    _install_files(points)


def _install_sqlite(points: Points) -> None:
    class Cursor(sqlite3.Cursor):
        def execute(self, sql: str, parameters: Any = (), /) -> Any:  # noqa: ANN401 - the driver's signature
            return points.do(f"sql {sql}", lambda: super(Cursor, self).execute(sql, parameters))

        def executemany(self, sql: str, parameters: Any, /) -> Any:  # noqa: ANN401 - as above
            rows = list(parameters)

            def some() -> None:
                super(Cursor, self).executemany(sql, rows[: len(rows) // 2])

            return points.do(f"sql {sql}", lambda: super(Cursor, self).executemany(sql, rows), some)

    class Connection(sqlite3.Connection):
        def cursor(self, factory: Any = Cursor) -> Any:  # noqa: ANN401 - as above
            return super().cursor(factory)

        def execute(self, sql: str, parameters: Any = (), /) -> Any:  # noqa: ANN401 - as above
            return self.cursor().execute(sql, parameters)

        def commit(self) -> None:
            if self.in_transaction:
                points.do("sql COMMIT", super().commit)

        def rollback(self) -> None:
            if self.in_transaction:
                points.do("sql ROLLBACK", super().rollback)

        def close(self) -> None:
            points.do("sql close", super().close)  # the last one brings the WAL into the file

    connect = sqlite3.connect

    def counted(database: Any, *arguments: Any, **options: Any) -> sqlite3.Connection:  # noqa: ANN401 - as above
        if STORE not in str(database):
            return connect(database, *arguments, **options)
        connection = connect(database, *arguments, factory=Connection, **options)
        if points.pages and "mode=rw" in str(database):
            sqlite3.Connection.execute(connection, f"PRAGMA max_page_count={points.pages}")
        return connection

    sqlite3.connect = counted


def _install_postgresql(points: Points) -> None:
    def wrap(of: Any, name: str, label: Callable[..., str]) -> None:  # noqa: ANN401 - any class of the driver
        method = getattr(of, name)

        def counted(self: Any, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - as above
            return points.do(f"pg {label(*arguments)}", lambda: method(self, *arguments, **named))

        setattr(of, name, counted)

    def text(statement: str | bytes, *_: object) -> str:
        return statement.decode() if isinstance(statement, bytes) else statement

    for cursor in (psycopg.Cursor, psycopg.ServerCursor):
        wrap(cursor, "execute", text)
        wrap(cursor, "executemany", text)
    wrap(psycopg.Cursor, "copy", text)
    wrap(psycopg.Connection, "commit", lambda: "COMMIT")


def _install_files(points: Points) -> None:
    names: dict[int, str] = {}

    def kind(path: str | os.PathLike[str]) -> str:
        return "spool" if ".spool" in os.fspath(path) else "audit"

    class File(io.FileIO):
        def write(self, data: Any, /) -> int:  # noqa: ANN401 - any buffer
            content = bytes(data)
            half = content[: len(content) // 2]
            return points.do(
                f"{names[self.fileno()]} write",
                lambda: super(File, self).write(content),
                lambda: super(File, self).write(half),
            )

        def truncate(self, size: int | None = None, /) -> int:
            return points.do(f"{names[self.fileno()]} truncate", lambda: super(File, self).truncate(size))

    def counted_open(path: Path, mode: str, opener: Any) -> Any:  # noqa: ANN401 - as `open`
        raw = points.do(f"{kind(path)} open", lambda: File(path, mode.replace("b", ""), opener=opener))
        names[raw.fileno()] = kind(path)
        return io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)

    fsync, replace, unlink = os.fsync, os.replace, os.unlink

    def counted_replace(source: Any, target: Any, **options: Any) -> None:  # noqa: ANN401 - the system's signature
        if ".spool" in os.fspath(source):
            points.do("spool rename", lambda: replace(source, target, **options))
        else:
            replace(source, target, **options)

    def counted_unlink(path: Any, **options: Any) -> None:  # noqa: ANN401 - as above
        if ".spool" in os.fspath(path) and not os.fspath(path).endswith(".lock"):
            points.do("spool unlink", lambda: unlink(path, **options))
        else:
            unlink(path, **options)

    for module in (jsonl, spool):
        module.open = counted_open  # type: ignore[attr-defined]  # stands before the built-in one
    os.fsync = lambda handle: points.do(f"{names.get(int(handle), 'other')} fsync", lambda: fsync(handle))  # type: ignore[call-overload]
    os.replace, os.unlink = counted_replace, counted_unlink
