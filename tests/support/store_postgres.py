"""Stores on the tests' own PostgreSQL: one server a test process, an empty database schema a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, Final
from urllib.parse import quote

import attrs
import psycopg
from psycopg.rows import dict_row

from po_ingest.settings import RetrySettings, StoreSettings
from po_ingest_adapters.store.sql import SqlStore, create
from support.erp_postgres import Server, postgres_server

SCHEMA: Final = "po"
UNSAFE: Final = ("fsync", "synchronous_commit", "full_page_writes")
"""What a server needs only where it may crash and be kept."""
ODD: Final = {
    "TimeZone": "Asia/Kathmandu",
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "sql_standard",
    "bytea_output": "escape",
    "extra_float_digits": "-3",
    "search_path": "nowhere",
    "client_encoding": "latin1",
    "default_transaction_isolation": "serializable",
    "lock_timeout": "1",
    "statement_timeout": "1",
    "idle_session_timeout": "1",
    "idle_in_transaction_session_timeout": "1",
    "transaction_timeout": "0",
}
"""Defaults of the database that nothing may depend on; time-outs in milliseconds."""

PLAIN: Final = {
    "statement_timeout": 0,
    "lock_timeout": 0,
    "idle_session_timeout": 0,
    "idle_in_transaction_session_timeout": 0,
    "client_encoding": "UTF8",
    "search_path": f"{SCHEMA},public",
    "default_transaction_isolation": r"read\ committed",
    "TimeZone": "UTC",
    "DateStyle": "ISO",
}
"""What the tests' own sessions have instead."""


@attrs.frozen
class Postgres:
    """A running server."""

    server: Server
    database: str = "postgres"

    def url(self, *, user: str = "postgres", password: str = "", options: str = "") -> str:
        login = f"{user}:{quote(password, safe='')}" if password else user
        host = quote(self.server.host, safe="")
        return f"postgresql+psycopg://{login}@/{self.database}?host={host}&port={self.server.port}{options}"

    def store(self, *, schema: str = SCHEMA, user: str = "postgres", retry: RetrySettings | None = None) -> SqlStore:
        settings = StoreSettings(url=self.url(user=user), schema=schema)
        return create(settings if retry is None else attrs.evolve(settings, retry=retry))

    def fresh(self, *, schema: str = SCHEMA, retry: RetrySettings | None = None) -> SqlStore:
        """Return a store that nobody has made yet."""
        self.sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        return self.store(schema=schema, retry=retry)

    @contextmanager
    def connection(self, *, user: str = "postgres", database: str = "") -> Iterator[psycopg.Connection[Any]]:
        """Connect past the store, in the order of the day."""
        connection = psycopg.connect(
            host=self.server.host,
            port=self.server.port,
            user=user,
            dbname=database or self.database,
            autocommit=True,
            options=" ".join(f"-c {name}={value}" for name, value in PLAIN.items()),
        )
        with closing(connection):
            yield connection

    def sql(self, statement: str, *parameters: object, user: str = "postgres") -> list[tuple[Any, ...]]:
        """Run SQL past the store and its types."""
        with self.connection(user=user) as connection:
            cursor = connection.execute(statement.encode(), parameters or None)
            return [] if cursor.description is None else cursor.fetchall()

    def rows(self, statement: str, *parameters: object) -> list[dict[str, Any]]:
        with self.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement.encode(), parameters or None).fetchall()

    def dump(self, schema: str = SCHEMA) -> list[tuple[Any, ...]] | None:
        """Return every row of every table as the server's text of it; None where there is no schema."""
        if not self.sql("SELECT FROM pg_namespace WHERE nspname = %s", schema):
            return None
        names = [name for (name,) in self.sql("SELECT tablename FROM pg_tables WHERE schemaname = %s", schema)]
        return sorted(
            (name, row)
            for name in names
            for (row,) in self.sql(f"SELECT {name}::text FROM {schema}.{name}")  # noqa: S608 - ours
        )

    @contextmanager
    def login(self, name: str, *grants: str) -> Iterator[str]:
        """Make a login that needs the password `Geheim-NAME-4711`, and may do what is granted."""
        self.sql(f"CREATE ROLE {name} LOGIN PASSWORD 'Geheim-{name}-4711'")
        try:
            for grant in grants:
                self.sql(grant)
            yield name
        finally:
            self.sql(f"DROP OWNED BY {name} CASCADE; DROP ROLE {name}")

    def store_of(self, login: str, *, password: str = "") -> SqlStore:
        """Return the store as a login with a password has it."""
        url = self.url(user=login, password=password or f"Geheim-{login}-4711")
        return create(StoreSettings(url=url, schema=SCHEMA))


def _ask_for_passwords(connection: psycopg.Connection[Any]) -> None:
    """Have the server ask logins whose names begin with `login_` for their passwords."""
    (file,) = connection.execute("SHOW hba_file").fetchone() or ("",)
    rules = connection.execute("SELECT pg_read_file(%s)", (file,)).fetchone() or ("",)
    lines = ["local all /^login_ scram-sha-256", "host all /^login_ all scram-sha-256", *rules[0].splitlines()]
    connection.execute("CREATE TEMP TABLE rules (line text)")
    with connection.cursor() as cursor, cursor.copy("COPY rules FROM STDIN") as copy:
        for line in lines:
            copy.write_row((line,))
    connection.execute(f"COPY rules TO '{file}'".encode())


@contextmanager
def postgres_stores() -> Iterator[Postgres]:
    """Run a server with a database whose defaults are as odd as may be."""
    with postgres_server() as server:
        postgres = Postgres(server, "ingest")
        with postgres.connection(database="postgres") as connection:
            for name in UNSAFE:
                connection.execute(f"ALTER SYSTEM SET {name} = off".encode())
            _ask_for_passwords(connection)
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("CREATE DATABASE ingest")
            for name, value in ODD.items():
                connection.execute(f"ALTER DATABASE ingest SET {name} = '{value}'".encode())
        yield postgres
