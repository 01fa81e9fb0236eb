"""The ERP source `sqlite`: a database file, opened read-only."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import attrs

from po_ingest.errors import ErpError, ExitCode
from po_ingest.ports import Finding, ResultSet
from po_ingest.settings import ErpSettings
from po_ingest_adapters.erp.sqlite_reading import SqliteQuery, unreadable

BUSY_PIECE: Final = 0.1
"""Seconds that SQLite itself waits for a lock at a time: no signal gets through to it meanwhile."""
TABLES: Final = (
    "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
)


@attrs.frozen(kw_only=True)
class SqliteErpSource:
    """Reads a SQLite file; nothing is created or changed."""

    path: Path
    fetch_size: int = 1000  # rows; more do not stay in the processor's cache until they have been looked at
    query_timeout: float = 300

    @contextmanager
    def query(self, sql: str) -> Iterator[ResultSet]:
        """Run a query on a connection of its own. Raises ErpError."""
        with closing(self._connect()) as connection:
            query = SqliteQuery(
                connection=connection,
                sql=sql,
                source=f"the database {self.path}",
                tables=lambda: [name for (name,) in connection.execute(TABLES)],
                fetch_size=self.fetch_size,
                timeout=self.query_timeout,
            )
            with query.result() as result:
                yield result

    def _connect(self) -> sqlite3.Connection:
        if not self.path.is_file():
            raise ErpError(f"there is no database {self.path}", hint="correct erp.connection")
        try:
            return sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True, timeout=BUSY_PIECE, isolation_level=None)
        except sqlite3.Error as error:
            raise unreadable(f"the database {self.path}", error) from error

    def check(self) -> Sequence[Finding]:
        """Look whether the file can be read."""
        try:
            with self.query(TABLES) as result:
                tables = sum(len(chunk) for chunk in result.chunks)
        except ErpError as error:
            return [Finding("erp connection", "failed", error.message, error.hint, ExitCode.ERP)]
        return [
            Finding("erp connection", "ok", f"{self.path} can be read; tables and views: {tables}"),
            self._privileges(),
        ]

    def _privileges(self) -> Finding:
        """Say whether this account could write to the file; po-ingest opens it read-only all the same."""
        if not os.access(self.path, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
            return Finding(
                "erp privileges", "ok", "the file is opened read-only, and this account could not write to it"
            )
        return Finding(
            "erp privileges",
            "warning",
            f"this account may write to {self.path}, though po-ingest opens it read-only",
            "run po-ingest as an account that may only read it",
        )


def create(settings: ErpSettings) -> SqliteErpSource:
    """Return the source; a relative path starts at the configuration's folder."""
    return SqliteErpSource(
        path=(settings.folder / settings.connection).absolute(),
        fetch_size=settings.fetch_size,
        query_timeout=settings.query_timeout,
    )
