"""A connection to the ERP that cannot write, as far as the database and its driver go (R15)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Final, TypeVar

import attrs
import pyodbc

from po_ingest.errors import ErpError
from po_ingest_adapters.erp import odbc_strings, odbc_values, wording
from po_ingest_adapters.erp.blocking import Calls
from po_ingest_adapters.erp.odbc_dialects import DIALECTS, OTHER, READ_COMMITTED, Dialect
from po_ingest_adapters.erp.odbc_errors import diagnose, erp_error

T = TypeVar("T")

pyodbc.pooling = False  # a pool would keep connections, and what was set for a session, after a query has ended

LONGEST_LOGIN: Final = 30
MARGIN: Final = 2.0
"""Seconds beyond a time limit, in which the driver or the server can end a call themselves and say why."""
SYSTEM_SCHEMAS: Final = frozenset({"sys", "INFORMATION_SCHEMA", "information_schema", "pg_catalog"})
ENCODING_HINT: Final = "set erp.encoding: then only the rows concerned are rejected; or let the query mend the text"


@attrs.frozen(kw_only=True)
class Wanted:
    """How a session is to be; the connection string is never told."""

    connection: str = attrs.field(repr=False)
    query_timeout: int
    isolation: str
    encoding: str | None


@attrs.frozen(kw_only=True)
class Session:
    """An open connection. Its calls raise ErpError, and a signal can end them."""

    wanted: Wanted
    connection: pyodbc.Connection
    database: str
    calls: Calls

    @property
    def dialect(self) -> Dialect:
        """What is special to the database."""
        return DIALECTS.get(self.database, OTHER)

    @contextmanager
    def cursor(self) -> Iterator[pyodbc.Cursor]:
        """Open a cursor; one that is stuck in a call is not closed, since that would wait for the call."""
        with told(self.wanted.connection):
            cursor = self.connection.cursor()
        try:
            yield cursor
        finally:
            if not self.calls.is_stuck:
                cursor.close()

    def ask(self, cursor: pyodbc.Cursor, call: Callable[[], T], seconds: float, columns: Sequence[str] = ()) -> T:
        """Return the result of a call that waits for the server; `columns` are those of the query, once known."""
        with told(self.wanted.connection, None if columns else self.connection, columns):
            try:
                return self.calls.make(call, seconds + MARGIN, cursor.cancel)
            except TimeoutError:
                raise wording.timed_out(self.wanted.query_timeout) from None

    def rows(self, sql: str) -> list[pyodbc.Row]:
        """Return the rows of a small query of our own; none of a statement that gives none."""
        with told(self.wanted.connection), self.cursor() as cursor:
            self.ask(cursor, lambda: cursor.execute(sql), self.wanted.query_timeout)
            return cursor.fetchall() if cursor.description else []


@contextmanager
def session(wanted: Wanted) -> Iterator[Session]:
    """Open a session; nothing of it remains, whatever ends the context."""
    calls = Calls()
    connection = _connect(wanted, calls)
    try:
        with told(wanted.connection):
            opened = Session(
                wanted=wanted,
                connection=connection,
                database=str(connection.getinfo(pyodbc.SQL_DBMS_NAME)),
                calls=calls,
            )
            _set_up(opened)
        yield opened
    finally:
        if not calls.is_stuck:  # else the driver would wait for its own call; the connection ends with the process
            _end(connection)


def _connect(wanted: Wanted, calls: Calls) -> pyodbc.Connection:
    text = odbc_strings.with_read_only_intent(wanted.connection, pyodbc.dataSources)
    login = min(LONGEST_LOGIN, wanted.query_timeout)
    with told(wanted.connection):
        try:
            return calls.make(
                lambda: pyodbc.connect(text, autocommit=True, readonly=True, timeout=login), login + MARGIN
            )
        except TimeoutError:
            raise wording.login_timed_out(login) from None


def _set_up(opened: Session) -> None:
    connection, dialect, wanted = opened.connection, opened.dialect, opened.wanted
    odbc_values.convert(connection, str(connection.getinfo(pyodbc.SQL_DRIVER_NAME)))
    if wanted.encoding is not None:
        odbc_values.encode(connection, wanted.encoding)
    try:
        connection.timeout = wanted.query_timeout
    except pyodbc.Error:
        if dialect.query_timeout is not None:
            opened.rows(dialect.query_timeout.format(seconds=wanted.query_timeout))
    if dialect.isolation is not None:
        opened.rows(dialect.isolation.format(level=wanted.isolation.upper()))
    elif wanted.isolation != READ_COMMITTED:
        raise ErpError(
            f'erp.isolation is "{wanted.isolation}", which can be set on SQL Server only; this is {opened.database}',
            hint="take erp.isolation out of the configuration",
        )
    if dialect.read_only is not None:
        opened.rows(dialect.read_only)
    else:
        connection.autocommit = False


def _end(connection: pyodbc.Connection) -> None:
    """Roll back and close; the connection may be lost, and the error that told so is on its way."""
    with suppress(pyodbc.Error):
        if not connection.autocommit:
            connection.rollback()
    with suppress(pyodbc.Error):
        connection.close()


@contextmanager
def told(text: str, connection: pyodbc.Connection | None = None, columns: Sequence[str] = ()) -> Iterator[None]:
    """Turn the driver's errors into ErpError, without what is secret in the connection string `text`.

    With a connection the tables there are can be named, with the result's columns the one concerned.
    """
    try:
        yield
    except pyodbc.Error as error:  # the driver's own text may hold what is hidden: so `from None`
        diagnosis = diagnose(error, text)
        unknown = odbc_values.unknown_type(diagnosis.text, columns)
        if unknown is not None:
            raise unknown from None
        missing = diagnosis.missing_table
        if missing is not None and connection is not None:
            raise wording.missing_table(missing, _tables(connection)) from None
        raise erp_error(diagnosis) from None
    except UnicodeDecodeError as error:
        reason = odbc_strings.scrub(str(error), text)
        raise ErpError(f"the ERP gives a text that cannot be decoded: {reason}", hint=ENCODING_HINT) from None
    except UnicodeEncodeError:
        raise ErpError(
            "the query has a character that erp.encoding cannot hold", hint="correct the query or erp.encoding"
        ) from None
    except (ValueError, ArithmeticError) as error:
        reason = odbc_strings.scrub(str(error), text)
        raise ErpError(
            f"the ERP gives a value that cannot be taken: {reason}", hint="let the query cast it to text"
        ) from None


def _tables(connection: pyodbc.Connection) -> list[str]:
    """Return the names of the tables and views there are; none where the driver cannot tell."""
    names: list[str] = []
    with suppress(pyodbc.Error), closing(connection.cursor()) as cursor:
        for kind in ("TABLE", "VIEW"):
            found = [(row.table_schem, row.table_name) for row in cursor.tables(tableType=kind).fetchall()]
            names += [f"{schema}.{name}" if schema else name for schema, name in found if schema not in SYSTEM_SCHEMAS]
    return names
