"""The ERP source `odbc`: any database with an ODBC driver, through pyodbc."""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timedelta, timezone
from typing import Final

import attrs
import pyodbc

from po_ingest.errors import ErpError, ExitCode
from po_ingest.model import RawRow
from po_ingest.ports import Finding, ResultSet
from po_ingest.settings import ErpSettings
from po_ingest_adapters.erp import odbc_strings, wording
from po_ingest_adapters.erp.deadline import Deadline
from po_ingest_adapters.erp.odbc_dialects import DIALECTS, OTHER, Dialect
from po_ingest_adapters.erp.odbc_errors import DRIVER_HINT, diagnose, erp_error

pyodbc.pooling = False  # a pool would keep connections, and what was set for a session, after a query has ended

LONGEST_LOGIN: Final = 30
SQL_SS_TIMESTAMPOFFSET: Final = -155
"""SQL Server's datetimeoffset, which pyodbc leaves to its users."""
SYSTEM_SCHEMAS: Final = frozenset({"sys", "INFORMATION_SCHEMA", "information_schema", "pg_catalog"})


@attrs.frozen(kw_only=True)
class OdbcErpSource:
    """Reads through ODBC, each query on a connection of its own; the connection string is never told."""

    connection: str = attrs.field(repr=False)
    fetch_size: int = 5000
    query_timeout: int = 300

    @contextmanager
    def query(self, sql: str) -> Iterator[ResultSet]:
        """Run a query. Raises ErpError."""
        deadline = Deadline(self.query_timeout)
        with self._session() as connection, closing(self._cursor(connection)) as cursor:
            with deadline.running(), self._told(connection):
                columns = _execute(cursor, sql)
            with closing(self._chunks(cursor, deadline)) as chunks:
                yield ResultSet(columns=columns, chunks=chunks)

    def _cursor(self, connection: pyodbc.Connection) -> pyodbc.Cursor:
        with self._told():
            return connection.cursor()

    def _chunks(self, cursor: pyodbc.Cursor, deadline: Deadline) -> Generator[list[RawRow], None, None]:
        while True:
            with deadline.running(), self._told():
                rows: list[RawRow] = [tuple(row) for row in cursor.fetchmany(self.fetch_size)]
            if deadline.is_used_up():
                raise wording.timed_out(deadline.seconds)
            if not rows:
                return
            yield rows

    @contextmanager
    def _session(self) -> Iterator[pyodbc.Connection]:
        """Open a connection that cannot write, as far as the database and its driver go."""
        with self._told():
            login = min(LONGEST_LOGIN, self.query_timeout)
            connection = pyodbc.connect(self.connection, autocommit=True, readonly=True, timeout=login)
        try:
            with self._told():
                self._set_up(connection)
            yield connection
        finally:
            with suppress(pyodbc.Error):  # the connection may be lost; the error that told so is on its way
                if not connection.autocommit:
                    connection.rollback()
                connection.close()

    def _set_up(self, connection: pyodbc.Connection) -> None:
        dialect = _dialect(connection)
        connection.add_output_converter(SQL_SS_TIMESTAMPOFFSET, datetime_with_offset)
        try:
            connection.timeout = self.query_timeout
        except pyodbc.Error:
            if dialect.query_timeout is not None:
                connection.execute(dialect.query_timeout.format(seconds=self.query_timeout)).close()
        if dialect.read_only is not None:
            connection.execute(dialect.read_only).close()
        else:
            connection.autocommit = False

    @contextmanager
    def _told(self, connection: pyodbc.Connection | None = None) -> Iterator[None]:
        """Turn the driver's errors into ErpError; with a connection the tables there are can be named."""
        try:
            yield
        except pyodbc.Error as error:
            diagnosis = diagnose(error, self.connection)
            missing = diagnosis.missing_table
            if missing is not None and connection is not None:
                raise wording.missing_table(missing, _tables(connection)) from None
            raise erp_error(diagnosis) from None  # the driver's own text may hold what was hidden
        except (ValueError, ArithmeticError) as error:
            reason = odbc_strings.scrub(str(error), self.connection)
            raise ErpError(
                f"the ERP gives a value that cannot be taken: {reason}", hint="let the query cast it to text"
            ) from None

    def check(self) -> Sequence[Finding]:
        """Look for the driver, the connection and the login's rights."""
        findings = [self._check_driver()]
        try:
            with self._session() as connection:
                name = connection.getinfo(pyodbc.SQL_DBMS_NAME)
                version = connection.getinfo(pyodbc.SQL_DBMS_VER)
                findings.append(Finding("erp connection", "ok", f"connected to {name} {version}"))
                findings.append(self._check_privileges(connection))
        except ErpError as error:
            findings.append(Finding("erp connection", "failed", error.message, error.hint, ExitCode.ERP))
        return findings

    def _check_driver(self) -> Finding:
        driver = odbc_strings.value(self.connection, "driver")
        if driver is None:
            return Finding("erp driver", "ok", "the data source names it")
        if driver in pyodbc.drivers() or "/" in driver:
            return Finding("erp driver", "ok", f"{driver} is installed")
        hint = f"{DRIVER_HINT.partition(';')[0]}; there are: {wording.listed(pyodbc.drivers())}"
        return Finding("erp driver", "failed", f"the ODBC driver {driver} is not installed", hint, ExitCode.ERP)

    def _check_privileges(self, connection: pyodbc.Connection) -> Finding:
        dialect = _dialect(connection)
        if dialect.writable is None:
            return Finding(
                "erp privileges",
                "warning",
                "the login's rights cannot be looked up on this database",
                "see to it that the login can only read",
            )
        with self._told():
            tables = [name for (name,) in connection.execute(dialect.writable).fetchall()]
        if tables:
            return Finding(
                "erp privileges",
                "warning",
                f"the login may write to the ERP, for example to {wording.listed(tables)}",
                "give po-ingest a login that can only read",
            )
        return Finding("erp privileges", "ok", "the login cannot write to any table")


def _execute(cursor: pyodbc.Cursor, sql: str) -> tuple[str, ...]:
    """Run the query and return the columns of its first result; a batch may do other things before it."""
    cursor.execute(sql)
    while cursor.description is None:
        if not cursor.nextset():
            raise wording.no_result()
    return tuple(column[0] for column in cursor.description)


def _dialect(connection: pyodbc.Connection) -> Dialect:
    return DIALECTS.get(str(connection.getinfo(pyodbc.SQL_DBMS_NAME)), OTHER)


def _tables(connection: pyodbc.Connection) -> list[str]:
    """Return the names of the tables and views there are; none where the driver cannot tell."""
    names: list[str] = []
    with suppress(pyodbc.Error), closing(connection.cursor()) as cursor:
        for kind in ("TABLE", "VIEW"):
            found = [(row.table_schem, row.table_name) for row in cursor.tables(tableType=kind).fetchall()]
            names += [f"{schema}.{name}" if schema else name for schema, name in found if schema not in SYSTEM_SCHEMAS]
    return names


def datetime_with_offset(raw: bytes) -> datetime:
    """Return SQL Server's datetimeoffset (year to second, nanoseconds, hours and minutes of the offset)."""
    year, month, day, hour, minute, second, nanoseconds, hours, minutes = struct.unpack("<6hI2h", raw)
    zone = timezone(timedelta(hours=hours, minutes=minutes))
    return datetime(year, month, day, hour, minute, second, nanoseconds // 1000, zone)


def create(settings: ErpSettings) -> OdbcErpSource:
    """Return the source."""
    return OdbcErpSource(
        connection=settings.connection, fetch_size=settings.fetch_size, query_timeout=settings.query_timeout
    )
