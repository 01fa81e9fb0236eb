"""The contract suite's ERPs behind ODBC: SQLite, and a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pyodbc
import pytest

from po_ingest.errors import ErpError
from po_ingest.model import RawRow
from po_ingest.ports import ErpSource
from po_ingest.settings import ErpSettings
from po_ingest_adapters.erp import odbc
from support.erp_harness import Rows, SqliteHarness
from support.erp_postgres import Server
from support.skips import POSTGRESQL_DRIVER, SQLITE_DRIVER


def odbc_source(
    connection: str,
    fetch_size: int = 5000,
    query_timeout: int = 300,
    isolation: str = "read committed",
    encoding: str | None = None,
) -> odbc.OdbcErpSource:
    """Return a source as the configuration would."""
    return odbc.create(
        ErpSettings(
            connection=connection,
            folder=Path(),
            fetch_size=fetch_size,
            query_timeout=query_timeout,
            isolation=isolation,
            encoding=encoding,
        )
    )


def rows_of(source: ErpSource, sql: str) -> list[RawRow]:
    """Return all rows of a query."""
    with source.query(sql) as result:
        return [row for chunk in result.chunks for row in chunk]


def error_of(source: ErpSource, sql: str = "SELECT 1") -> ErpError:
    """Return the error that a query ends with."""
    with pytest.raises(ErpError) as caught:
        rows_of(source, sql)
    return caught.value


class OdbcSqliteHarness(SqliteHarness):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.connection = f"Driver={SQLITE_DRIVER};Database={self.path};BigInt=1;NoCreat=1;Pwd=Geheim-4711"

    def source(self, fetch_size: int = 5000) -> ErpSource:
        return odbc_source(self.connection, fetch_size)


class OdbcPostgresHarness:
    """A schema of its own in the server, looked into by a second user."""

    all_text = False

    def __init__(self, server: Server, schema: str) -> None:
        self.server = server
        self.schema = schema
        self.user = f"reader_{schema}"
        self.run(
            f"CREATE ROLE {self.user} LOGIN", f"CREATE SCHEMA {schema}", f"GRANT USAGE ON SCHEMA {schema} TO PUBLIC"
        )
        self.run(f"ALTER ROLE {self.user} SET search_path = {schema}")

    def run(self, *statements: str, rows: Rows = ()) -> list[RawRow]:
        """Run statements as the owner of all; return the last one's rows."""
        with closing(pyodbc.connect(self.server.odbc(POSTGRESQL_DRIVER), autocommit=True)) as connection:
            cursor = connection.cursor()
            for statement in statements:
                if rows:
                    cursor.executemany(statement, [tuple(row) for row in rows])
                else:
                    cursor.execute(statement)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def load(self, table: str, columns: Mapping[str, str], rows: Rows) -> None:
        name = f"{self.schema}.{table}"
        declared = ", ".join(f"{column} {kind}" for column, kind in columns.items())
        self.run(f"CREATE TABLE {name} ({declared})", f"GRANT ALL ON {name} TO {self.user}")
        if rows:
            self.run(f"INSERT INTO {name} VALUES ({', '.join('?' * len(columns))})", rows=rows)  # noqa: S608 - names of the tests' own

    def source(self, fetch_size: int = 5000) -> ErpSource:
        return odbc_source(self.server.odbc(POSTGRESQL_DRIVER, user=self.user), fetch_size)

    def answer(self, sql: str, columns: Sequence[str], rows: Rows) -> None:
        """PostgreSQL computes its answers."""

    def connections(self) -> int:
        ((count,),) = self.run(f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{self.user}'")  # noqa: S608 - names of the tests' own
        return int(str(count))

    def content(self, table: str) -> list[RawRow]:
        return self.run(f"SELECT * FROM {self.schema}.{table}")  # noqa: S608 - names of the tests' own

    def close(self) -> None:
        """Leave the server as it was found."""
        self.run(f"DROP SCHEMA {self.schema} CASCADE", f"DROP ROLE {self.user}")
