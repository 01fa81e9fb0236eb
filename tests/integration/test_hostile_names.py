"""Names in the configuration are quoted in SQL, or refused; else only the admin's query gets there (R16)."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import psycopg
import pytest
import sqlglot
from sqlalchemy import Engine, event
from sqlalchemy.engine import make_url
from sqlglot.errors import ErrorLevel

from po_ingest import config
from po_ingest.errors import ConfigError
from po_ingest.settings import ErpSettings, StoreSettings
from po_ingest_adapters.erp import csv as csv_source
from po_ingest_adapters.erp import csv_loading
from po_ingest_adapters.store import bulk
from po_ingest_adapters.store.database import open_database
from po_ingest_adapters.store.dialects import mssql, mssql_connect, mssql_rights
from support import mssql_tour
from support.command_line import Home, make_home
from support.mssql_emulator import Server
from support.places import OnPostgres
from support.store_builders import ERP
from support.store_postgres import Postgres

HOSTILE: Final = (
    'a"b',
    "a'b",
    "a]b[c",
    "a; DROP TABLE public.victim; --",
    'a"; DROP TABLE public.victim; --',
    "a'); DROP TABLE public.victim; --",
    "a`b",
    "%s %(x)s %",
    ":name ? {x} $1 $$",
    "größe ключ 表",
    "select",
    "Upper Case",
    "a.b",
    "a/*b*/c",
    "a\\b",
)


# -- store.schema
@pytest.mark.parametrize("name", HOSTILE)
def test_r16_a_schema_of_any_name_is_refused_by_the_configuration_unless_it_is_plain(tmp_path: Path, name: str) -> None:
    file = tmp_path / "po-ingest.toml"
    file.write_text(f'[erp]\nconnection = "x"\n[store]\nschema = {json.dumps(name)}\n', encoding="utf-8")
    if name == "select":
        assert config.load(file, {}).store.schema == name
        return
    with pytest.raises(ConfigError) as caught:
        config.load(file, {})
    assert "store.schema: expected a schema's name" in caught.value.details[0]
    assert name not in str(caught.value.details)


@pytest.mark.parametrize("name", [each for each in HOSTILE if "%" not in each])
def test_r16_postgresql_gets_the_schemas_name_quoted_in_every_statement(postgres: Postgres, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    postgres.sql("CREATE TABLE IF NOT EXISTS public.victim AS SELECT 1 AS n")
    store = postgres.store(schema=name)
    try:
        store.check()
        store.upgrade()
        store.check()
        with store.lock(ERP):
            assert store.holder(ERP)
            with store.write() as transaction:
                mssql_tour._write(transaction)
        with store.read() as view:
            mssql_tour._read(view)
        assert (store.schema().relation, store.upgrade_sql()) == ("current", "")
        assert postgres.sql("SELECT count(*) FROM pg_namespace WHERE nspname = %s", name) == [(1,)]
        assert postgres.sql("SELECT n FROM public.victim") == [(1,)]
        for statement in (
            "DELETE FROM {}.audit_event",
            "UPDATE {}.audit_event SET reason = 'x'",
            "TRUNCATE {}.audit_event",
        ):
            with pytest.raises(psycopg.Error, match="audit_event is append-only"):
                postgres.sql(statement.format(quoted))
    finally:
        postgres.sql(f"DROP SCHEMA IF EXISTS {quoted} CASCADE")


def test_r16_a_name_that_psycopg_would_take_for_a_place_of_parameters_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"store\.schema has a %"):
        open_database(StoreSettings(url="postgresql+psycopg://h/d", schema="%s"))


@pytest.mark.parametrize("name", [each for each in HOSTILE if not each.isidentifier()])
def test_r16_sql_server_gets_plain_names_only(name: str) -> None:
    with pytest.raises(ConfigError, match=r"store\.schema is not a plain name"):
        open_database(StoreSettings(url="mssql+pyodbc://h/d", schema=name))


@pytest.mark.parametrize("name", ["select", "größe", "表"])
def test_r16_a_plain_name_is_quoted_for_sql_server(name: str, tmp_path: Path) -> None:
    module = Server(tmp_path / "x.db", golden=None).module()
    database = mssql.MssqlDatabase(mssql_connect.target(make_url("mssql+pyodbc://h/d")), name, module)
    statements = [
        *database.schema_ddl(),
        database._begin_writing(),
        mssql_rights._creating(name),
        mssql_rights._using(name),
        *database.append_only(SimpleNamespace(name="audit_event")),  # type: ignore[arg-type]  # no more is asked of it
    ]
    for sql in statements:
        without_lock = re.sub("N'po-ingest [^']*'", "N''", sql)
        assert {without_lock[found.start() - 1] for found in re.finditer(name, without_lock)} <= {"[", "'"}, sql
        assert sqlglot.parse(sql.partition(" AS BEGIN")[0], read="tsql", error_level=ErrorLevel.RAISE)


# -- tables and columns of CSV files
@pytest.mark.parametrize("name", [each for each in HOSTILE if "/" not in each])
def test_r16_names_of_files_and_columns_are_quoted(tmp_path: Path, name: str) -> None:
    for table in (name, "victim"):
        with (tmp_path / f"{table}.csv").open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([[name, f"{name} 2"], ["1", name]])
    source = csv_source.create(ErpSettings(connection=".", folder=tmp_path, adapter="csv"))
    quoted = csv_loading.quoted(name)
    for table in (quoted, "victim"):
        sql = f"SELECT {quoted}, {csv_loading.quoted(name + ' 2')} FROM {table}"  # noqa: S608 - quoted
        with source.query(sql) as result:
            assert (result.columns, list(result.chunks)) == ((name, f"{name} 2"), [[("1", name)]])


# -- all the rest
MARK: Final = "qUoTe'\"];--%s%(id)s"
CONFIG: Final = f"""
[erp]
name = {json.dumps(MARK)}
adapter = "sqlite"
connection = "erp.db"
timezone = "Europe/Berlin"
[erp.po_lines]
query = "SELECT * FROM erp_order_lines"
[erp.po_lines.columns]
po_number = {{ column = {json.dumps(MARK)}, null = [{json.dumps(MARK + "0")}] }}
current_status = {{ column = "current_status", null = [{json.dumps(MARK + "1")}] }}
[erp.receipts]
query = "SELECT po_no AS po_number, line_number, 1 AS quantity, '2026-01-01' AS in_date, item AS reference FROM got"
[lines]
inactive_statuses = [{json.dumps(MARK + "2")}, "closed"]
default_supplier = {json.dumps(MARK)}
ignored_fields = ["custom_text_2"]
[custom_columns.custom_text_1]
column = {json.dumps(MARK + " text")}
label = {json.dumps(MARK)}
[guards]
max_absent_ratio = 1.0
max_rejected_ratio = 0.9
max_emptied_ratio = 1.0
[notify]
urls = [{json.dumps("https://h.example/" + MARK)}]
"""  # noqa: S608 - a configuration
ROW: Final = "INSERT INTO erp_order_lines VALUES (?, ?, ?, ?, ?)"


def hostile_home(folder: Path, postgres: Postgres | None) -> Home:
    place = None
    if postgres is not None:
        postgres.fresh(schema="hostile")
        place = OnPostgres(postgres, "hostile")
    home = make_home(folder, place)
    own = "" if place is None else home._store_section(place)
    home.config.write_text(CONFIG + own, encoding="utf-8")
    names = ", ".join(
        csv_loading.quoted(name) for name in (MARK, "line_number", "item_code", f"{MARK} text", "current_status")
    )
    home.erp("DROP TABLE erp_order_lines", f"CREATE TABLE erp_order_lines ({names})")
    home.erp("CREATE TABLE got (po_no, line_number, item)", ("INSERT INTO got VALUES (?, 10, ?)", (MARK, MARK)))
    home.erp((ROW, (MARK, 10, MARK, MARK, "open")), (ROW, (f"{MARK}9", "x", MARK, MARK, "open")))
    return home


@contextmanager
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Give the text of every statement that any engine sends meanwhile, or that a driver is given directly."""
    seen: list[str] = []
    compile_statement = bulk.compile_statement

    def note(*arguments: object) -> None:
        seen.append(str(arguments[2]))

    def compiled(*arguments: Any) -> tuple[str, bulk.Picker | None]:  # noqa: ANN401 - those of the original
        sql, pick = compile_statement(*arguments)
        seen.append(sql)
        return sql, pick

    monkeypatch.setattr(bulk, "compile_statement", compiled)
    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_r16_of_the_configuration_only_the_query_gets_into_sql(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """What is sent to SQL Server is in a reviewed file, word by word: tests/unit/mssql_statements.sql."""
    home = hostile_home(tmp_path / "home", request.getfixturevalue("postgres") if kind == "postgresql" else None)
    (home.folder / "xref.csv").write_text(
        f'erp_item_code,mapped_sku\n"{MARK.replace(chr(34), chr(34) * 2)}",x\n', "utf-8"
    )
    with watched(monkeypatch) as seen:
        done = [home.po("nightly"), home.po("xref", "import", home.folder / "xref.csv")]
        home.erp("UPDATE erp_order_lines SET current_status = 'late'", "UPDATE got SET item = 'else'")
        done += [home.po("nightly"), home.po("nightly", "--dry-run")]
        home.erp("DELETE FROM erp_order_lines")
        home.insert()
        home.erp((ROW, ("PO-2", 1, None, None, "open")))
        done += [home.po("nightly"), home.po("check"), home.po("history", MARK, "10"), home.po("runs", "--json")]
        done += [home.po("changes", "--run", "2", "--supplier", MARK, "--field", "sku"), home.po("xref", "gaps")]
        done += [
            home.po("changes", "--since", "7d", "--format", "json"),
            home.po("report", "--json"),
            home.po("audit", "list"),
        ]
        done += [home.po("snapshot", "--run", "latest"), home.po("store", "verify"), home.po("audit", "verify")]
        done += [home.po("store", "copy", "--to", f"sqlite:///{home.folder / 'copy.db'}")]
    assert [each.err for each in done if each.code] == []
    assert MARK in done[6].out
    assert len(seen) > 200
    assert [sql for sql in seen if "quote" in sql.lower()] == []
