"""Where the store of a home may be, if not in a file of its folder: a schema of a database on a server."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Protocol
from unittest.mock import patch

import attrs
import pytest
from sqlalchemy.engine import make_url

from po_ingest_adapters.store.dialects import mssql_connect
from support import mssql_emulator
from support.store_mssql import Mssql
from support.store_postgres import SCHEMA, Postgres

TABLES: Final = (
    "alembic_version",
    "ingestion_run",
    "po_line",
    "erp_snapshot",
    "erp_change_event",
    "batch",
    "item_xref",
    "audit_event",
    "rejected_row",
)
NAMED: Final = re.compile(r"\b(FROM|JOIN|INTO|UPDATE) (?=\w)")


class Place(Protocol):
    """A schema on a server."""

    @property
    def url(self) -> str: ...

    @property
    def schema(self) -> str: ...

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Run SQL there, past the product; tables are named without their schema."""
        ...

    def content(self) -> object:
        """Return all that is there, comparable; None where nothing was made."""
        ...

    def at_hand(self) -> AbstractContextManager[object]:
        """Return what it takes for a command of this process to find it."""
        ...


@attrs.frozen
class OnPostgres:
    """A schema on the tests' PostgreSQL."""

    postgres: Postgres
    schema: str
    password: str = ""

    @property
    def url(self) -> str:
        return self.postgres.url(password=self.password)

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        with self.postgres.connection() as connection:
            connection.execute(f"SET search_path = {self.schema}".encode())
            cursor = connection.execute(statement.encode())
            return [] if cursor.description is None else cursor.fetchall()

    def content(self) -> object:
        return self.postgres.dump(self.schema)

    def at_hand(self) -> AbstractContextManager[object]:
        return nullcontext()


@attrs.frozen
class OnEmulator:
    """What stands for SQL Server, and for pyodbc: only this process knows it."""

    server: mssql_emulator.Server
    url: str = mssql_emulator.URL
    schema: str = SCHEMA

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        return self.server.sql(statement)

    def content(self) -> object:
        if not self.server.sql("SELECT 1 FROM po.sqlite_master WHERE name = 'po_line'"):
            return None
        return {name: sorted(map(repr, self.sql(f"SELECT * FROM {name}"))) for name in TABLES}  # noqa: S608 - ours

    def at_hand(self) -> AbstractContextManager[object]:
        module = self.server.module()
        return patch.object(mssql_connect, "driver", lambda: module)


@attrs.frozen
class OnMssql:
    """A database on a real SQL Server."""

    server: Mssql
    url: str
    schema: str = SCHEMA

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        database = make_url(self.url).database or ""
        return self.server.sql(NAMED.sub(rf"\1 {self.schema}.", statement), database=database)

    def content(self) -> object:
        if self.sql(f"SELECT OBJECT_ID(N'{self.schema}.po_line')") == [(None,)]:
            return None
        return {name: sorted(map(repr, self.sql(f"SELECT * FROM {name}"))) for name in TABLES}  # noqa: S608 - ours

    def at_hand(self) -> AbstractContextManager[object]:
        return nullcontext()


def place_of(kind: str, request: pytest.FixtureRequest, schema: str) -> OnPostgres | None:
    """Return an empty schema on the tests' PostgreSQL, or None for a file in the home's folder (`sqlite`)."""
    if kind == "sqlite":
        return None
    postgres: Postgres = request.getfixturevalue("postgres")
    postgres.fresh(schema=schema)
    return OnPostgres(postgres, schema)


def postgres_of(place: Place | None) -> Postgres | None:
    """Return the server of a place on PostgreSQL."""
    return place.postgres if isinstance(place, OnPostgres) else None
