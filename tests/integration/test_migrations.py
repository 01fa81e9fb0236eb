"""The migrations lead to the schema that the code creates, older stores are brought to it, all or nothing."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import attrs
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy.engine import make_url

from po_ingest.errors import StoreError
from po_ingest_adapters.store import migrate
from po_ingest_adapters.store.database import Access
from po_ingest_adapters.store.dialects import mssql_connect
from po_ingest_adapters.store.schema import HEAD, REVISIONS
from po_ingest_adapters.store.sql import SqlStore
from po_ingest_adapters.store.views import MADE_IN, views_of
from support.ddl import comparable
from support.mssql_emulator import URL, Server, split_batches
from support.store_builders import ERP, Nights, new_line, sqlite_store
from support.store_files import raw
from support.store_mssql import Mssql, is_given
from support.store_postgres import Postgres

NEXT = '''
"""A next version."""

from alembic import context, op
import sqlalchemy as sa

revision = "9001"
down_revision = "{head}"


def upgrade():
    schema = context.config.attributes["database"].schema
    op.add_column("po_line", sa.Column("buyer", sa.Unicode(64)), schema=schema)
    {more}
'''


@attrs.frozen
class Sqlite:
    """Stores in files of a folder, and what is in them."""

    folder: Path

    def absent(self, name: str) -> SqlStore:
        return sqlite_store(self.folder / f"{name}.db")

    def schema_of(self, name: str) -> dict[str, object]:
        """Return the DDL of everything in a file; blanks and the order of columns do not count."""
        rows = raw(self.folder / f"{name}.db", "SELECT name, coalesce(sql, '') FROM sqlite_master")
        return {each: comparable([sql]) for each, sql in rows}

    def run_script(self, name: str, ddl: str) -> None:
        with closing(sqlite3.connect(self.folder / f"{name}.db")) as connection:
            connection.executescript(ddl)

    def query(self, name: str, sql: str) -> list[tuple[object, ...]]:
        return raw(self.folder / f"{name}.db", sql.format(""))


CATALOGUE = {
    "columns": "SELECT relname || '.' || attname, (format_type(atttypid, atttypmod), attnotnull, collname, "
    "pg_get_expr(adbin, adrelid))::text FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid "
    "LEFT JOIN pg_collation ON pg_collation.oid = attcollation "
    "LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum "
    "WHERE relnamespace = %s::regnamespace AND relkind = 'r' AND attnum > 0",
    "constraints": "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = %s::regnamespace",
    "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = %s",
    "triggers": "SELECT tgname, pg_get_triggerdef(pg_trigger.oid) || tgenabled::text FROM pg_trigger JOIN pg_class "
    "ON pg_class.oid = tgrelid WHERE relnamespace = %s::regnamespace AND NOT tgisinternal",
    "functions": "SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = %s::regnamespace",
    "views": "SELECT viewname, definition FROM pg_views WHERE schemaname = %s",
}


@attrs.frozen
class Postgresql:
    """Stores in schemas of a database, and what is in them."""

    postgres: Postgres

    def absent(self, name: str) -> SqlStore:
        return self.postgres.fresh(schema=name)

    def schema_of(self, name: str) -> dict[str, object]:
        """Return what the server knows of everything in a schema; the schema's own name does not count."""
        return {
            f"{kind} {each}": text.replace(f"{name}.", "<schema>.")
            for kind, sql in CATALOGUE.items()
            for each, text in self.postgres.sql(sql, name)
        }

    def run_script(self, name: str, ddl: str) -> None:
        assert name in ddl
        self.postgres.sql(ddl)

    def query(self, name: str, sql: str) -> list[tuple[object, ...]]:
        return self.postgres.sql(sql.format(f"{name}."))


@attrs.frozen
class EmulatedMssql:
    """Stores on what stands for SQL Server, each a server of its own."""

    folder: Path
    servers: dict[str, Server] = attrs.Factory(dict)

    def absent(self, name: str) -> SqlStore:
        return self.servers.setdefault(name, Server(self.folder / f"{name}.db", golden=None)).store()

    def schema_of(self, name: str) -> dict[str, object]:
        rows = self.servers[name].sql("SELECT name, coalesce(sql, '') FROM po.sqlite_master")
        return {each: comparable([sql]) for each, sql in rows}

    def run_script(self, name: str, ddl: str) -> None:
        with closing(
            mssql_connect.connect(mssql_connect.target(make_url(URL)), self.servers[name].module())
        ) as session:
            for batch in split_batches(ddl):
                sql = (
                    batch.removeprefix("BEGIN TRANSACTION;").removesuffix("COMMIT;").strip()
                )  # which it knows otherwise
                if sql:
                    session.execute(sql.removesuffix(";")).close()

    def query(self, name: str, sql: str) -> list[tuple[object, ...]]:
        return self.servers[name].sql(sql.format("po."))


COLUMNS: Final = """
SELECT TABLE_NAME + '.' + COLUMN_NAME, DATA_TYPE, CHARACTER_MAXIMUM_LENGTH, NUMERIC_PRECISION, NUMERIC_SCALE,
    DATETIME_PRECISION, IS_NULLABLE, COLLATION_NAME
FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = 'po'
"""


@attrs.frozen
class RealMssql:
    """Stores on a SQL Server that is given, each in a database of its own."""

    server: Mssql
    databases: dict[str, str] = attrs.Factory(dict)

    def absent(self, name: str) -> SqlStore:
        store = self.server.fresh()
        self.databases[name] = self.server.made[-1]
        return store

    def schema_of(self, name: str) -> dict[str, object]:
        named = "SELECT name, type_desc FROM sys.objects WHERE schema_id = SCHEMA_ID('po')"
        return {str(each): rest for sql in (COLUMNS, named) for each, *rest in self.query(name, sql)}

    def run_script(self, name: str, ddl: str) -> None:
        to = mssql_connect.target(self.server.url.set(database=self.databases[name]))
        with closing(mssql_connect.connect(to, mssql_connect.driver())) as session:
            for batch in split_batches(ddl):
                session.execute(batch).close()

    def query(self, name: str, sql: str) -> list[tuple[object, ...]]:
        return self.server.sql(sql.format("po."), database=self.databases[name])


AnyPlace = Sqlite | Postgresql | EmulatedMssql | RealMssql


@pytest.fixture(params=["sqlite", "postgresql", "mssql-emulated", *(["mssql"] if is_given() else [])])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> AnyPlace:
    if request.param == "postgresql":
        return Postgresql(request.getfixturevalue("postgres"))
    if request.param == "mssql":
        return RealMssql(request.getfixturevalue("mssql"))
    return Sqlite(tmp_path) if request.param == "sqlite" else EmulatedMssql(tmp_path)


@pytest.fixture
def store(place: AnyPlace) -> SqlStore:
    store = place.absent("store")
    store.upgrade()
    return store


def release_next(folder: Path, monkeypatch: pytest.MonkeyPatch, more: str = "") -> None:
    """Behave as a release with one more version of the schema."""
    scripts = folder / "migrations 100%"
    shutil.copytree(migrate.SCRIPTS, scripts)
    (scripts / "versions" / "9001_next.py").write_text(NEXT.format(head=HEAD, more=more), "utf-8")
    monkeypatch.setattr(migrate, "SCRIPTS", scripts)
    monkeypatch.setattr("po_ingest_adapters.store.sql.REVISIONS", (*REVISIONS, "9001"))
    monkeypatch.setattr("po_ingest_adapters.store.sql.HEAD", "9001")


def test_the_versions_in_the_code_are_those_of_the_scripts() -> None:
    scripts = ScriptDirectory(str(migrate.SCRIPTS))
    assert tuple(script.revision for script in scripts.walk_revisions())[::-1] == REVISIONS
    assert scripts.get_current_head() == HEAD


def test_the_migrations_lead_to_the_very_schema_that_the_code_creates(store: SqlStore, place: AnyPlace) -> None:
    migrated = place.absent("migrated")
    migrated.database.prepare()
    with migrated.database.begin(Access.WRITE) as connection:
        migrate.upgrade(connection, migrated.database)
    assert migrated.schema() == store.schema()
    assert place.schema_of("migrated") == place.schema_of("store")
    assert len(place.schema_of("store")) > 10


def test_only_the_migration_that_the_views_are_of_makes_them() -> None:
    assert [version for version in REVISIONS if views_of(version, None)] == [MADE_IN]


def test_the_ddl_that_is_printed_makes_the_same_schema(store: SqlStore, place: AnyPlace) -> None:
    other = place.absent("other")
    ddl = other.upgrade_sql()
    assert place.schema_of("store") != {}
    assert other.schema().relation == "missing"
    place.run_script("other", ddl)
    assert place.schema_of("other") == place.schema_of("store")
    assert other.schema().relation == "current"
    assert store.upgrade_sql() == ""


def test_an_older_store_is_upgraded_with_its_history(
    store: SqlStore, place: AnyPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Nights(store).changes(new_line())
    release_next(tmp_path, monkeypatch)
    assert store.schema().relation == "older"
    assert re.search(r"ALTER TABLE (po\.|store\.)?po_line ADD (COLUMN )?buyer", store.upgrade_sql())
    assert "CREATE SCHEMA" not in store.upgrade_sql()
    assert store.schema().relation == "older"
    store.upgrade()
    assert store.schema().relation == "current"
    assert place.query("store", "SELECT buyer FROM {}po_line") == [(None,)]
    with store.read() as view:
        assert len(view.lines(ERP, "PO-1")) == 1


@pytest.mark.usefixtures("store")
def test_a_store_of_the_first_version_is_brought_to_the_newest(place: AnyPlace) -> None:
    first = place.absent("first")
    first.database.prepare()
    with first.database.begin(Access.WRITE) as connection:
        config = migrate._config(first.database)
        config.attributes["connection"] = connection
        command.upgrade(config, REVISIONS[0])
    assert first.schema().relation == "older"
    assert "CREATE VIEW" in first.upgrade_sql()
    assert "CREATE TABLE" not in first.upgrade_sql()
    first.upgrade()
    assert first.schema().relation == "current"
    assert place.schema_of("first") == place.schema_of("store")


def test_an_upgrade_that_fails_leaves_the_store_as_it_was(
    store: SqlStore, place: AnyPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = place.schema_of("store")
    release_next(tmp_path, monkeypatch, more='op.execute("UPDATE no_such_table SET a = 1")')
    with pytest.raises(StoreError, match="no_such_table"):
        store.upgrade()
    assert place.schema_of("store") == before
    assert store.schema().relation == "older"


def test_two_that_upgrade_at_once_do_it_once(store: SqlStore, place: AnyPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    other = place.absent("fresh")
    prepare = type(other.database).prepare

    def slow(database: object) -> None:
        """Let another process be faster between the look and the transaction."""
        monkeypatch.setattr(type(other.database), "prepare", prepare)
        other.upgrade()
        assert database == other.database

    monkeypatch.setattr(type(other.database), "prepare", slow)
    other.upgrade()
    assert other.schema() == store.schema()
