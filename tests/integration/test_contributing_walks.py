"""The walks of CONTRIBUTING.md, walked: what it says is all there is to do."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import attrs
import pytest

from po_ingest_adapters.store.schema import REVISIONS
from support.command_line import Done, Home, make_home, outside
from support.ddl import comparable
from support.paths import ROOT

MIGRATION = '''
"""Delivery terms."""

import sqlalchemy as sa
from alembic import context, op

from po_ingest_adapters.store.column_types import text
from po_ingest_adapters.store.views import views_of

revision = "9001"
down_revision = "{head}"


def upgrade():
    schema = context.config.attributes["database"].schema
    for table in ("po_line", "erp_snapshot"):
        op.add_column(table, sa.Column("incoterm", text(64)), schema=schema)
    for statement in views_of(revision, schema):
        op.execute(statement)
'''
MODIFICATIONS = {
    "src/po_ingest/fields.py": (
        '    *_custom(Kind.DATE, "Custom date"),',
        '    Field("incoterm", Kind.TEXT, "Delivery terms", 64),\n    *_custom(Kind.DATE, "Custom date"),',
    ),
    "adapters/po_ingest_adapters/store/schema.py": (f'"{REVISIONS[-1]}")', f'"{REVISIONS[-1]}", "9001")'),
    "adapters/po_ingest_adapters/store/views.py": (f'MADE_IN: Final = "{REVISIONS[-1]}"', 'MADE_IN: Final = "9001"'),
}


@attrs.frozen
class Release:
    """The code with one more field."""

    folder: Path

    def po(self, home: Home, *arguments: str) -> Done:
        """Run a command of the release on a home."""
        path = os.pathsep.join(str(self.folder / name) for name in ("src", "adapters"))
        return outside("--config", home.config, *arguments, cwd=home.folder, environ={"PYTHONPATH": path})


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Release:
    """Follow 'Add a field' in a copy of the code, whose coverage is nobody's concern."""
    for name in ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START"):
        monkeypatch.delenv(name, raising=False)
    release = Release(tmp_path / "release")
    for name in ("src", "adapters"):
        shutil.copytree(ROOT / name, release.folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name, (old, new) in MODIFICATIONS.items():
        file = release.folder / name
        text = file.read_text("utf-8")
        assert text.count(old) == 1, name
        file.write_text(text.replace(old, new), "utf-8")
    versions = release.folder / "adapters/po_ingest_adapters/store/migrations/versions"
    (versions / "9001_incoterm.py").write_text(MIGRATION.format(head=REVISIONS[-1]), "utf-8")
    return release


def schema_of(home: Home) -> list[str]:
    with closing(sqlite3.connect(home.folder / "po-ingest.db")) as store:
        return comparable(sql for (sql,) in store.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"))


def test_a_field_is_added_by_a_row_and_a_migration_and_a_store_with_a_history_goes_on(
    release: Release, tmp_path: Path
) -> None:
    home = make_home(tmp_path / "home")
    home.insert(("PO-1", 1, "M-1", "V1"))
    assert home.po("nightly").code == 0
    assert "store upgrade" in release.po(home, "nightly").error
    assert release.po(home, "store", "upgrade").code == 0
    home.erp("ALTER TABLE erp_order_lines ADD COLUMN incoterm", "UPDATE erp_order_lines SET incoterm = ' DAP '")
    assert release.po(home, "nightly").code == 0
    (change,) = release.po(home, "changes", "--format", "json").json
    assert (change["field_name"], change["new_value"], change["cause"]) == ("incoterm", "DAP", "config")
    assert "incoterm\tDAP" in release.po(home, "history", "PO-1").out
    assert "incoterm" in release.po(home, "snapshot", "--run", "latest").out.partition("\n")[0]
    assert release.po(home, "store", "verify").code == 0

    fresh = make_home(tmp_path / "fresh")
    fresh.insert(("PO-1", 1, "M-1", "V1"))
    assert release.po(fresh, "nightly").code == 0
    assert schema_of(fresh) == schema_of(home)
    assert any("VIEW v_po_line" in sql and "incoterm" in sql for sql in schema_of(home))
