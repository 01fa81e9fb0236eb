"""The migrations lead to the schema that the code creates, older stores are brought to it, all or nothing."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from po_ingest.errors import StoreError
from po_ingest_adapters.store import migrate
from po_ingest_adapters.store.database import Access
from po_ingest_adapters.store.schema import HEAD, REVISIONS
from po_ingest_adapters.store.sql import SqlStore
from support.store_builders import ERP, Nights, new_line, sqlite_store
from support.store_files import raw

NEXT = '''
"""A next version."""

from alembic import op
import sqlalchemy as sa

revision = "9001"
down_revision = "{head}"


def upgrade():
    op.add_column("po_line", sa.Column("buyer", sa.Unicode(64)))
    {more}
'''


def schema_of(path: Path) -> dict[str, str]:
    """Return the DDL of everything in a file; blanks do not count."""
    rows = raw(path, "SELECT name, coalesce(sql, '') FROM sqlite_master")
    return {name: " ".join(sql.split()) for name, sql in rows}


@pytest.fixture
def store(tmp_path: Path) -> SqlStore:
    store = sqlite_store(tmp_path / "store.db")
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


def test_the_migrations_lead_to_the_very_schema_that_the_code_creates(store: SqlStore, tmp_path: Path) -> None:
    migrated = sqlite_store(tmp_path / "migrated.db")
    migrated.database.prepare()
    with migrated.database.begin(Access.WRITE) as connection:
        migrate.upgrade(connection, migrated.database)
    assert migrated.schema() == store.schema()
    assert schema_of(tmp_path / "migrated.db") == schema_of(tmp_path / "store.db")
    assert len(schema_of(tmp_path / "store.db")) > 10


def test_the_ddl_that_is_printed_makes_the_same_schema(store: SqlStore, tmp_path: Path) -> None:
    other = sqlite_store(tmp_path / "other.db")
    ddl = other.upgrade_sql()
    assert not (tmp_path / "other.db").exists()
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.executescript(ddl)
    assert schema_of(tmp_path / "other.db") == schema_of(tmp_path / "store.db")
    assert other.schema().relation == "current"
    assert store.upgrade_sql() == ""


def test_an_older_store_is_upgraded_with_its_history(
    store: SqlStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Nights(store).changes(new_line())
    release_next(tmp_path, monkeypatch)
    assert store.schema().relation == "older"
    assert "ADD COLUMN buyer" in store.upgrade_sql()
    assert store.schema().relation == "older"
    store.upgrade()
    assert store.schema().relation == "current"
    assert raw(tmp_path / "store.db", "SELECT buyer FROM po_line") == [(None,)]
    with store.read() as view:
        assert len(view.lines(ERP, "PO-1")) == 1


def test_an_upgrade_that_fails_leaves_the_store_as_it_was(
    store: SqlStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = schema_of(tmp_path / "store.db")
    release_next(tmp_path, monkeypatch, more='op.execute("UPDATE no_such_table SET a = 1")')
    with pytest.raises(StoreError, match="no_such_table"):
        store.upgrade()
    assert schema_of(tmp_path / "store.db") == before
    assert store.schema().relation == "older"


def test_two_that_upgrade_at_once_do_it_once(store: SqlStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = sqlite_store(tmp_path / "fresh.db")
    prepare = type(other.database).prepare

    def slow(database: object) -> None:
        """Let another process be faster between the look and the transaction."""
        monkeypatch.setattr(type(other.database), "prepare", prepare)
        sqlite_store(tmp_path / "fresh.db").upgrade()
        assert database == other.database

    monkeypatch.setattr(type(other.database), "prepare", slow)
    other.upgrade()
    assert other.schema() == store.schema()
