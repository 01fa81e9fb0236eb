"""The ERP source `odbc`: any database with an ODBC driver, through pyodbc."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager

import attrs
import pyodbc

from po_ingest.model import RawRow
from po_ingest.ports import Finding, ResultSet
from po_ingest.settings import ErpSettings
from po_ingest_adapters.erp import odbc_batches, odbc_checks, odbc_lifting, wording
from po_ingest_adapters.erp.deadline import Deadline, Patience
from po_ingest_adapters.erp.odbc_dialects import READ_COMMITTED
from po_ingest_adapters.erp.odbc_session import Session, Wanted, session


@attrs.frozen(kw_only=True)
class OdbcErpSource:
    """Reads through ODBC, each query on a connection of its own; the connection string is never told."""

    connection: str = attrs.field(repr=False)
    fetch_size: int = 5000
    query_timeout: int = 300
    isolation: str = READ_COMMITTED
    encoding: str | None = None
    patience: Patience = attrs.field(factory=Patience, repr=False)

    @contextmanager
    def query(self, sql: str) -> Iterator[ResultSet]:
        """Run a query. Raises ErpError."""
        odbc_batches.refuse_go(sql)
        with self.patience.trying():
            deadline = Deadline(self.patience.limited(self.query_timeout))
            with session(self._wanted(int(deadline.seconds))) as opened, opened.cursor() as cursor:
                odbc_lifting.refuse(sql, opened.dialect.lifting)
                with deadline.running():
                    columns, announced = opened.ask(cursor, lambda: _execute(opened, cursor, sql), deadline.left())
                with closing(self._chunks(opened, cursor, columns, announced, deadline)) as chunks:
                    yield ResultSet(columns=columns, chunks=chunks)

    def _chunks(
        self, opened: Session, cursor: pyodbc.Cursor, columns: tuple[str, ...], announced: int, deadline: Deadline
    ) -> Generator[list[RawRow], None, None]:
        fetched = 0
        while True:
            with deadline.running():
                rows = opened.ask(cursor, lambda: self._fetch(cursor), deadline.left(), columns)
            if deadline.is_used_up():
                raise wording.timed_out(deadline.seconds)
            if not rows:
                odbc_batches.require_all(fetched, announced)
                return
            fetched += len(rows)
            yield rows

    def _fetch(self, cursor: pyodbc.Cursor) -> list[RawRow]:
        """Return the next rows; after the last one see that the batch has ended well."""
        rows: list[RawRow] = [tuple(row) for row in cursor.fetchmany(self.fetch_size)]
        if not rows:
            odbc_batches.refuse_second_result(cursor)
        return rows

    def check(self) -> Sequence[Finding]:
        """Look for the driver, the connection and the login's rights."""
        return list(odbc_checks.findings(self._wanted(self.query_timeout)))

    def _wanted(self, query_timeout: int) -> Wanted:
        return Wanted(
            connection=self.connection,
            query_timeout=query_timeout,
            isolation=self.isolation,
            encoding=self.encoding,
        )


def _execute(opened: Session, cursor: pyodbc.Cursor, sql: str) -> tuple[tuple[str, ...], int]:
    """Run the query; return its result's columns, and how many rows it has as far as the driver says.

    Some ANSI drivers tell names with a NUL, and what follows.
    """
    cursor.execute(sql)
    odbc_batches.first_result(cursor)
    columns = tuple(column[0].partition("\0")[0] for column in cursor.description)
    return columns, odbc_batches.announced_rows(opened.connection, cursor)


def create(settings: ErpSettings) -> OdbcErpSource:
    """Return the source."""
    return OdbcErpSource(
        connection=settings.connection,
        fetch_size=settings.fetch_size,
        query_timeout=settings.query_timeout,
        isolation=settings.isolation,
        encoding=settings.encoding,
        patience=Patience(settings.retry.timeout),
    )
