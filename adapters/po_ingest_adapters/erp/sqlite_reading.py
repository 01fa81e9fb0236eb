"""Runs a query on an open SQLite connection; shared by the sources `sqlite` and `csv`."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from typing import Final

import attrs

from po_ingest.errors import ErpError, Interrupted
from po_ingest.model import RawRow
from po_ingest.ports import ResultSet
from po_ingest_adapters import transient
from po_ingest_adapters.erp import wording
from po_ingest_adapters.erp.deadline import Deadline

MOST_BUSY_SECONDS: Final = 5.0
"""How long a lock is waited for before the try fails as transient."""
STEPS_BETWEEN_LOOKS: Final = 10_000
"""SQLite's virtual machine does these in well under a millisecond."""
PRIMARY_CODE: Final = 0xFF
NO_TABLE: Final = re.compile(r"no such table: (?:main\.)?(.+)")
NO_COLUMN: Final = re.compile(r"no such column: (.+)")
NOT_UTF_8: Final = "Could not decode to UTF-8"


@attrs.frozen(kw_only=True)
class SqliteQuery:
    """A query on a connection: `source` names what is read, `tables` lists the tables there are."""

    connection: sqlite3.Connection
    sql: str
    source: str
    tables: Callable[[], Collection[str]]
    fetch_size: int
    timeout: float

    @contextmanager
    def result(self) -> Iterator[ResultSet]:
        """Run the query; the result ends with the context. Raises ErpError."""
        self.connection.execute("PRAGMA query_only = 1")
        # Neither ATTACH nor VACUUM INTO can create a file.
        self.connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        deadline = Deadline(self.timeout)
        self.connection.set_progress_handler(deadline.is_over, STEPS_BETWEEN_LOOKS)
        with deadline.running():
            cursor = self._execute(deadline)
        with closing(cursor), closing(self._chunks(cursor, deadline)) as chunks:
            names = tuple(column[0] for column in cursor.description)
            yield ResultSet(columns=names, chunks=chunks, are_plain=True)

    def _execute(self, deadline: Deadline) -> sqlite3.Cursor:
        try:
            cursor = self._patiently()
        except sqlite3.Error as error:
            raise self._told(error, deadline) from error
        except ValueError as error:  # a NUL or a lone surrogate in the text of the query
            raise wording.faulty_query(str(error)) from error
        if cursor.description is None:
            raise wording.no_result()
        return cursor

    def _patiently(self) -> sqlite3.Cursor:
        """Begin to read; a lock is waited for in pieces, which let signals through, then the try fails as transient."""
        ends = time.monotonic() + min(MOST_BUSY_SECONDS, self.timeout)
        while True:
            try:
                return self.connection.execute(self.sql)
            except sqlite3.Error as error:
                if primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() >= ends:
                    raise

    def _chunks(self, cursor: sqlite3.Cursor, deadline: Deadline) -> Generator[list[RawRow], None, None]:
        while True:
            rows: list[RawRow] = []
            with deadline.running():
                try:
                    self._fetch(cursor, rows)
                except sqlite3.Error as error:
                    raise self._told(error, deadline) from error
            if not rows:
                return
            yield rows

    def _fetch(self, cursor: sqlite3.Cursor, rows: list[RawRow]) -> None:
        """Add up to a chunk of rows; texts that are not UTF-8 get lone surrogates: their rows will be rejected (R8).

        The driver's own decoding is the faster by a quarter, so it is left only at the first text that it refuses. It
        refuses before it goes on to the next row: that row comes again, and those before it are in the list.
        """
        try:
            rows.extend(islice(cursor, self.fetch_size))
        except sqlite3.OperationalError as error:
            if not str(error).startswith(NOT_UTF_8):
                raise
            self.connection.text_factory = _decode
            rows.extend(islice(cursor, self.fetch_size - len(rows)))

    def _told(self, error: sqlite3.Error, deadline: Deadline) -> ErpError:
        code = primary_code(error)
        text = str(error)
        if code == sqlite3.SQLITE_INTERRUPT:
            if not deadline.is_over():
                # A signal came while SQLite asked the deadline, and the driver swallowed what its handler raised.
                raise Interrupted(Interrupted.latest) from error
            return wording.timed_out(self.timeout)
        if code != sqlite3.SQLITE_ERROR:
            return unreadable(self.source, error)
        found = NO_TABLE.match(text)
        if found is not None:
            return wording.missing_table(found[1], self.tables())
        found = NO_COLUMN.match(text)
        if found is not None:
            return wording.missing_column(found[1], self._columns())
        return wording.faulty_query(text)

    def _columns(self) -> dict[str, list[str]]:
        """Return the columns of the tables whose names occur in the query."""
        query = self.sql.casefold()
        named = [table for table in self.tables() if table.casefold() in query]
        sql = "SELECT name FROM pragma_table_info(?)"
        return {table: [name for (name,) in self.connection.execute(sql, (table,))] for table in named}


def primary_code(error: sqlite3.Error) -> int | None:
    """Return SQLite's own code for an error; none where Python's module refused something itself."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & PRIMARY_CODE


def _decode(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def unreadable(source: str, error: sqlite3.Error) -> ErpError:
    """Return the error for a database that could not be read."""
    code = primary_code(error)
    if code is None:
        return wording.faulty_query(str(error))
    hints = {
        sqlite3.SQLITE_FULL: "make room in the temporary folder, or set TMPDIR (on Windows TEMP) to one that has room",
        sqlite3.SQLITE_BUSY: "another program holds it",
        sqlite3.SQLITE_LOCKED: "another program holds it",
        sqlite3.SQLITE_CANTOPEN: "the user that runs po-ingest needs the right to read it; a database in WAL mode also "
        "needs its -wal and -shm files, or the right to create them",
        sqlite3.SQLITE_READONLY: "po-ingest only reads: the query must be a SELECT",
    }
    return ErpError(
        f"{source} could not be read: {error}",
        hint=hints.get(code, "see that it is a whole SQLite database"),
        transient=code in transient.SQLITE,
    )
