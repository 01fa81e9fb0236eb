"""SQLite: a file, WAL, BEGIN IMMEDIATE, a lock file beside it."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import quote

import attrs
from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.engine import URL, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from po_ingest.errors import ConfigError, StoreError
from po_ingest.private_files import file_lock, make_file, make_folder
from po_ingest.settings import StoreSettings
from po_ingest_adapters import transient
from po_ingest_adapters.store.database import Access, BulkChange, BulkInsert, Rows

BUSY_TIMEOUT: Final = 5.0
"""Seconds that another writer is waited for; after that the retries of the store take over."""
BUSY_PIECE: Final = 0.1
"""Seconds that SQLite itself waits at a time: no signal gets through to it meanwhile."""
PAGE_SIZE: Final = 8192
"""Bytes; a sixth less time than 4,096, SQLite's own choice, for the rows of a first night."""
CACHE: Final = "cache_size=-65536"  # KiB, for a run's writes
READ_CACHE: Final = "cache_size=-16384"  # the memory is better left to what is read
MODES: Final = {
    "write": ("mode=rw", (CACHE, "synchronous=FULL"), "BEGIN IMMEDIATE"),
    "query": ("mode=rw", (READ_CACHE, "query_only=ON"), "BEGIN"),
    "read": ("mode=ro", (READ_CACHE,), "BEGIN"),
    "immutable": ("mode=ro&immutable=1", (READ_CACHE,), "BEGIN"),
}
"""How a file is opened: options of its URI, settings, and how a transaction begins."""
LOCK_PATIENCE: Final = 0.25
"""Seconds; a mere look at the lock (`is_locked`) must not turn a run away."""

NO_SHARED_MEMORY: Final = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN})
HINTS: Final = {
    sqlite3.SQLITE_BUSY: "another program is writing to it; try again when it has finished",
    sqlite3.SQLITE_LOCKED: "another program is writing to it; try again when it has finished",
    sqlite3.SQLITE_FULL: "the disk is full; make room, then run again: nothing of this transaction was kept",
    sqlite3.SQLITE_READONLY: "give this account the right to write to the file and its folder",
    sqlite3.SQLITE_PERM: "give this account the right to read and write the file and its folder",
    sqlite3.SQLITE_AUTH: "give this account the right to read and write the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "check that the folder exists and that this account may read and write it",
    sqlite3.SQLITE_NOTADB: "store.url must name a po-ingest store, or a file that does not exist yet",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; restore it from a backup",
    sqlite3.SQLITE_IOERR: "check the disk, or the network drive, that it lies on: is it full, or gone?",
}
OTHER_HINT: Final = "see the log for details"

Identity: TypeAlias = tuple[int, int, int]
"""Inode, size and time of change of a file."""


def open_database(url: URL, settings: StoreSettings) -> SqliteDatabase:  # noqa: ARG001 - one signature for all databases
    """Return the database of a URL such as `sqlite:///po-ingest.db`. Raises ConfigError."""
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise ConfigError(
            "store.url names no file, and a history must outlive its run", hint="write sqlite:///po-ingest.db"
        )
    if url.query or url.get_driver_name() != "pysqlite":
        raise ConfigError("store.url has options that are not supported", hint="write sqlite:/// and the file's path")
    return SqliteDatabase(Path(url.database).resolve())


@attrs.frozen(slots=True)
class SqliteDatabase:
    """A SQLite file."""

    path: Path
    schema: None = None
    _engines: dict[str, Engine] = attrs.field(factory=dict, init=False, repr=False, eq=False)

    @property
    def dialect(self) -> Dialect:
        """Return SQLAlchemy's dialect."""
        return self._engine("write").dialect

    def is_there(self) -> bool:
        """Say whether the file is there; an empty one is none yet."""
        try:
            return self.path.stat().st_size > 0
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise self.explain(error) from error

    def prepare(self) -> None:
        """Make the folder and the file, readable by its owner alone, and switch it to WAL for good."""
        try:
            make_folder(self.path.parent)
            make_file(self.path)
        except OSError as error:
            raise self.explain(error) from error
        try:
            with closing(sqlite3.connect(_uri(self.path, "mode=rw"), uri=True, timeout=BUSY_PIECE)) as connection:
                connection.execute(f"PRAGMA page_size={PAGE_SIZE}")  # of a file that has no page yet
                _patiently(lambda: connection.execute("PRAGMA journal_mode=WAL").fetchone())
        except sqlite3.Error as error:
            raise self.explain(error) from error

    @contextmanager
    def begin(self, access: Access) -> Iterator[Connection]:
        """Connect and begin a transaction; see `Database.begin`."""
        if access is Access.WRITE:
            with self._engine("write").connect() as connection, connection.begin():
                yield connection
            return
        connection, unchanged = self._open_for_reading()
        with connection:
            yield connection
        if unchanged is not None and (unchanged != self._identity() or self._has_wal()):
            raise StoreError(
                f"{self.label()} was changed while it was read from a read-only folder",
                hint="try again",
                transient=True,
            )

    def _open_for_reading(self) -> tuple[Connection, Identity | None]:
        """Connect and begin so that reading leaves no trace, and needs no right to write.

        SQLite needs two files beside a database in WAL mode, for reading too. Opened for writing (with `query_only`)
        it makes them and takes them away again. Opened with `mode=ro` it leaves them, so that is for when they are
        there anyway: in use, or left by a crash, whose remains are for the next writer to clear. Where they are
        missing and cannot be made, the file is read as it is (`immutable`); then it must be the same file afterwards.
        """
        mode = "read" if self._has_wal() or not self._is_writable() else "query"
        try:
            return self._look(mode), None
        except DBAPIError as error:
            if mode == "query" or self._has_wal() or _code(error.orig) not in NO_SHARED_MEMORY:
                raise
        before = self._identity()
        return self._look("immutable"), before

    def _look(self, mode: str) -> Connection:
        """Connect and begin; it is a first look that fixes the moment which a transaction sees."""
        connection = self._engine(mode).connect()
        try:
            _patiently(lambda: connection.exec_driver_sql("SELECT 1 FROM sqlite_master").close())
        except BaseException:
            connection.close()
            raise
        return connection

    def _identity(self) -> Identity:
        try:
            status = self.path.stat()
        except OSError as error:
            raise self.explain(error) from error
        return status.st_ino, status.st_size, status.st_mtime_ns

    def _has_wal(self) -> bool:
        return self.path.with_name(self.path.name + "-wal").exists()

    def _is_writable(self) -> bool:
        return _may_write(self.path) and _may_add(self.path.parent)

    def _engine(self, mode: str) -> Engine:
        if mode not in self._engines:
            options, settings, begin = MODES[mode]
            uri = _uri(self.path, options)

            def connect() -> sqlite3.Connection:
                # Without an isolation level the driver begins no transaction of its own.
                connection = sqlite3.connect(uri, uri=True, timeout=BUSY_PIECE, isolation_level=None)
                try:
                    for setting in settings:
                        connection.execute(f"PRAGMA {setting}")
                except sqlite3.Error:
                    connection.close()
                    raise
                return connection

            engine = create_engine("sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True)
            event.listen(engine, "begin", lambda connection: _patiently(lambda: connection.exec_driver_sql(begin)))
            event.listen(engine, "close", _roll_back)
            self._engines[mode] = engine
        return self._engines[mode]

    def label(self) -> str:
        """Return how the store is called in messages."""
        return f"the store {self.path}"

    def check_rights(self) -> None:
        """Raise StoreError if this account may not write, or create, the file."""
        first = self.path
        while not os.path.lexists(first):
            first = first.parent
        folder = self.path.parent if first == self.path else first
        is_file = first != self.path or first.is_file()
        if not is_file or not folder.is_dir() or not _may_write(first) or not _may_add(folder):
            raise StoreError(f"{self.label()} cannot be written", hint=HINTS[sqlite3.SQLITE_READONLY])

    def insert_rows(self, connection: Connection, insert: BulkInsert, rows: Iterable[tuple[Any, ...]]) -> None:
        """Insert rows: the driver prepares the statement once, and takes them one by one."""
        with closing(connection.connection.cursor()) as cursor:
            cursor.executemany(insert.sql, rows)  # type: ignore[arg-type]  # any driver's, says SQLAlchemy; ours takes any

    def literal(self, value: Any) -> str | None:  # noqa: ANN401 - see `Database.literal`
        """Return whole numbers and plain texts as SQL: SQLite copies them faster than it is given them."""
        if isinstance(value, int):
            return str(int(value))
        if isinstance(value, str) and value.isascii() and value.isprintable():
            return "'" + value.replace("'", "''") + "'"
        return None

    def run_rows(self, connection: Connection, change: BulkChange, rows: Rows) -> None:
        """Run a statement for each row: the driver prepares it once."""
        connection.exec_driver_sql(change.sql, rows)

    def schema_ddl(self) -> Sequence[str]:
        """Return nothing: a file has no schemas."""
        return ()

    def append_only(self, table: Table) -> Sequence[str]:
        """Return triggers that refuse UPDATE and DELETE, and REPLACE, which deletes without telling triggers."""
        name = table.name
        refuse = f"BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END"
        is_there = f"EXISTS (SELECT 1 FROM {name} WHERE id = NEW.id OR event_id = NEW.event_id)"  # noqa: S608 - our name
        return [
            f"CREATE TRIGGER {name}_no_update BEFORE UPDATE ON {name} {refuse}",
            f"CREATE TRIGGER {name}_no_delete BEFORE DELETE ON {name} {refuse}",
            f"CREATE TRIGGER {name}_no_replace BEFORE INSERT ON {name} WHEN {is_there} {refuse}",
        ]

    def explain(self, error: Exception) -> StoreError:
        """Tell an error of SQLite or of the file system to the user."""
        original = getattr(error, "orig", None) or error
        if isinstance(original, OSError):
            return StoreError(
                f"{self.label()} cannot be used: {original.strerror}",
                hint="check that this account may read and write the file and its folder",
            )
        code = _code(original)
        hint = HINTS.get(code, OTHER_HINT)
        return StoreError(f"{self.label()} failed: {original}", hint=hint, transient=code in transient.SQLITE)

    def _lock_path(self, erp: str) -> Path:
        slug = re.sub(r"[^a-z0-9]+", "-", erp.lower()).strip("-")[:32]
        digest = blake2b(erp.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
        return self.path.with_name(f"{self.path.name}.{slug}-{digest}.lock")

    @contextmanager
    def lock(self, erp: str) -> Iterator[bool]:
        """Take the lock of an ERP: the operating system gives it back when the process ends, however it ends."""
        path = self._lock_path(erp)
        with ExitStack() as stack:
            try:
                make_folder(path.parent)
                is_ours = stack.enter_context(file_lock(path, LOCK_PATIENCE))
            except OSError as error:
                raise self._explain_lock(path, error) from error
            yield is_ours

    def is_locked(self, erp: str) -> bool:
        """Say whether the lock is taken; without its file it is not. Raises StoreError where that cannot be told."""
        path = self._lock_path(erp)
        try:
            if not path.exists():
                return False
            with file_lock(path, 0) as is_ours:
                return not is_ours
        except OSError as error:
            raise self._explain_lock(path, error) from error

    @staticmethod
    def _explain_lock(path: Path, error: OSError) -> StoreError:
        return StoreError(
            f"the lock file {path} cannot be used: {error.strerror}",
            hint="it must lie on a file system that has locks, and this account may write to it",
        )


def _roll_back(connection: sqlite3.Connection, _record: object) -> None:
    """End the transaction before its connection.

    Closing alone would leave it open, and the file locked, for as long as a cursor in the midst of its rows is known to
    somebody, such as the traceback of what interrupted it.
    """
    with suppress(sqlite3.Error):
        connection.rollback()


def _patiently(step: Callable[[], object]) -> None:
    """Take a step that may find the file busy, for as long as another writer is waited for."""
    ends = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            step()
        except (DBAPIError, sqlite3.Error) as error:
            if _code(getattr(error, "orig", error)) != sqlite3.SQLITE_BUSY or time.monotonic() >= ends:
                raise
        else:
            return


def _may_write(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _may_add(folder: Path) -> bool:
    return os.access(folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids)


def _uri(path: Path, options: str) -> str:
    return f"file:{quote(path.as_posix())}?{options}"


def _code(error: object) -> int:
    """Return SQLite's primary error code; 0 for anything else."""
    code: Any = getattr(error, "sqlite_errorcode", None)
    return int(code or 0) & 0xFF
