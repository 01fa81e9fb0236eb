"""Query files as they are in the field, over real drivers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

from po_ingest import config
from support.erp_postgres import postgres_server
from support.skips import POSTGRESQL_DRIVER, SQLITE_DRIVER, skip_without_driver

pytest.importorskip("pyodbc", reason="pyodbc finds no ODBC: apt-get install unixodbc", exc_type=ImportError)

from support.erp_odbc import error_of, odbc_source, rows_of

if TYPE_CHECKING:
    import pyodbc

    from po_ingest.model import RawRow
    from po_ingest_adapters.erp.odbc import OdbcErpSource

QUERY = "SELECT 'ü€' AS po_number, 'a''b' AS item -- what?\r\n/* {d} ? */"


@pytest.fixture(scope="module")
def source() -> Iterator[OdbcErpSource]:
    skip_without_driver(POSTGRESQL_DRIVER)
    with postgres_server() as server:
        yield odbc_source(server.odbc(POSTGRESQL_DRIVER))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1;",
        "-- a comment?\nSELECT 1 /* GO? */ ;\n-- the end",
        "SET search_path = pg_catalog;\nSELECT 1;",
        "SET search_path = pg_catalog; SET datestyle = 'ISO'; SELECT 1",
        "WITH one AS (SELECT 1 AS n)\r\nSELECT n FROM one;\r\n",
        "SELECT 1; SET search_path = public;",
        'SELECT 1 AS "\nGO\n"',
    ],
)
def test_a_query_may_be_written_as_people_write_them(source: OdbcErpSource, sql: str) -> None:
    assert rows_of(source, sql) == [(1,)]


def test_two_results_are_refused(source: OdbcErpSource) -> None:
    error = error_of(source, "SELECT 1; SELECT 2")
    assert "more than one result" in error.message
    assert not error.transient


def test_an_error_after_the_rows_is_not_lost(source: OdbcErpSource) -> None:
    assert "division by zero" in error_of(source, "SELECT 1; SELECT 1 / 0").message


MANY = "SELECT generate_series(1, 250) AS n"


@pytest.mark.parametrize("extra", ["", ";UseDeclareFetch=1;Fetch=100"])
def test_all_rows_that_the_driver_announced_are_there(source: OdbcErpSource, extra: str) -> None:
    assert len(rows_of(attrs.evolve(source, connection=source.connection + extra, fetch_size=100), MANY)) == 250


def test_a_query_that_ends_early_without_an_error_is_told_by_the_drivers_count(
    source: OdbcErpSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch = type(source)._fetch

    def ending_early(self: OdbcErpSource, cursor: pyodbc.Cursor) -> list[RawRow]:
        rows = fetch(self, cursor)
        return rows if rows and rows[0][0] == 1 else []

    monkeypatch.setattr(type(source), "_fetch", ending_early)
    error = error_of(attrs.evolve(source, fetch_size=100), MANY)
    assert error.message == "the ERP's driver announced 250 rows, and gave 100"
    assert error.transient  # so it is read again from its start
    by_cursor = attrs.evolve(source, fetch_size=100, connection=source.connection + ";UseDeclareFetch=1;Fetch=100")
    assert len(rows_of(by_cursor, MANY)) == 100  # a driver that knows no count cannot tell: then the guard has to


def test_go_is_refused_before_anything_is_sent() -> None:
    skip_without_driver(SQLITE_DRIVER)
    error = error_of(odbc_source(f"Driver={SQLITE_DRIVER};Database=nowhere.db;NoCreat=1"), "SELECT 1 AS a\nGO\n")
    assert "line 2 of the query is GO" in error.message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_query_files_of_windows_are_read(tmp_path: Path, source: OdbcErpSource, encoding: str) -> None:
    (tmp_path / "lines.sql").write_bytes(QUERY.encode(encoding))
    file = tmp_path / "po-ingest.toml"
    file.write_text('[erp]\nconnection = "x"\n[erp.po_lines]\nquery_file = "lines.sql"\n', encoding="utf-8")
    query = config.load(file, {}).erp.po_lines.query
    assert query == QUERY
    assert rows_of(source, query) == [("ü€", "a'b")]
