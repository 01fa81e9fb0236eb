"""One suite for every ERP source."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from po_ingest.errors import ErpError, ExitCode
from po_ingest.model import RawRow
from po_ingest.packing import AS_THEY_ARE
from support.erp_harness import CsvHarness, Harness, MemoryHarness, SqliteHarness
from support.erp_postgres import Server, postgres_server
from support.skips import POSTGRESQL_DRIVER, SQLITE_DRIVER, skip_without_driver

LINES = {"po_number": "VARCHAR(64)", "line_number": "INTEGER", "item_code": "VARCHAR(64)"}
ROWS: list[RawRow] = [("PO-1", 10, "A"), ("PO-1", 20, "B"), ("PO-2", 10, None)]
TEXTS = {"po_number": "VARCHAR(64)", "text": "TEXT"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres_server() as running:
        yield running


def odbc_sqlite(request: pytest.FixtureRequest) -> Harness:
    skip_without_driver(SQLITE_DRIVER)
    from support.erp_odbc import OdbcSqliteHarness  # noqa: PLC0415 - imports pyodbc, which may not be there

    return OdbcSqliteHarness(request.getfixturevalue("tmp_path"))


def odbc_postgres(request: pytest.FixtureRequest) -> Harness:
    skip_without_driver(POSTGRESQL_DRIVER)
    from support.erp_odbc import OdbcPostgresHarness  # noqa: PLC0415 - as above

    tmp_path: Path = request.getfixturevalue("tmp_path")
    harness = OdbcPostgresHarness(request.getfixturevalue("server"), f"s{abs(hash(tmp_path))}")
    request.addfinalizer(harness.close)
    return harness


HARNESSES: dict[str, Callable[[pytest.FixtureRequest], Harness]] = {
    "memory": lambda _: MemoryHarness(),
    "sqlite": lambda request: SqliteHarness(request.getfixturevalue("tmp_path")),
    "csv": lambda request: CsvHarness(request.getfixturevalue("tmp_path")),
    "odbc-sqlite": odbc_sqlite,
    "odbc-postgresql": odbc_postgres,
}


@pytest.fixture(params=list(HARNESSES))
def erp(request: pytest.FixtureRequest) -> Harness:
    harness = HARNESSES[request.param](request)
    harness.load("lines", LINES, ROWS)
    return harness


def read(erp: Harness, sql: str, fetch_size: int = 5000) -> tuple[tuple[str, ...], list[RawRow]]:
    with erp.source(fetch_size).query(sql) as result:
        return result.columns, [row for chunk in result.chunks for row in chunk]


def as_given(erp: Harness, rows: list[RawRow]) -> list[RawRow]:
    """Return rows as the ERP gives them: from CSV files all is text."""
    if not erp.all_text:
        return rows
    return [tuple(None if value is None else str(value) for value in row) for row in rows]


@contextmanager
def refused(*words: str) -> Iterator[None]:
    """Expect a permanent error that says these words."""
    with pytest.raises(ErpError) as caught:
        yield
    assert not caught.value.transient
    assert caught.value.exit_code is ExitCode.ERP
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def wait_for_connections(erp: Harness, number: int) -> None:
    """A server may take a moment to notice that a client has gone."""
    until = time.monotonic() + 5
    while erp.connections() != number and time.monotonic() < until:
        time.sleep(0.01)
    assert erp.connections() == number


# -- results
def test_a_query_gives_columns_and_rows_as_plain_tuples(erp: Harness) -> None:
    columns, rows = read(erp, "SELECT * FROM lines")
    assert columns == ("po_number", "line_number", "item_code")
    assert rows == as_given(erp, ROWS)
    assert {type(row) for row in rows} == {tuple}


def test_values_keep_their_types(erp: Harness) -> None:
    _, rows = read(erp, "SELECT * FROM lines")
    number = str if erp.all_text else int
    assert [[type(value) for value in row] for row in rows[1:]] == [[str, number, str], [str, number, type(None)]]


@pytest.mark.parametrize(("fetch_size", "sizes"), [(1, [1, 1, 1]), (2, [2, 1]), (3, [3]), (100, [3])])
def test_rows_come_in_chunks_of_the_fetch_size(erp: Harness, fetch_size: int, sizes: list[int]) -> None:
    with erp.source(fetch_size).query("SELECT * FROM lines") as result:
        assert [len(chunk) for chunk in result.chunks] == sizes


def test_rows_come_in_the_order_of_the_query(erp: Harness) -> None:
    sql = "SELECT item_code, po_number FROM lines WHERE item_code IS NOT NULL ORDER BY item_code DESC"
    expected: list[RawRow] = [("B", "PO-1"), ("A", "PO-1")]
    erp.answer(sql, ["item_code", "po_number"], expected)
    assert read(erp, sql) == (("item_code", "po_number"), expected)


def test_tables_can_be_joined(erp: Harness) -> None:
    erp.load("items", {"item_code": "VARCHAR(64)", "sku": "VARCHAR(64)"}, [("A", "SKU-A"), ("C", "SKU-C")])
    sql = "SELECT l.po_number, i.sku FROM lines l LEFT JOIN items i ON i.item_code = l.item_code ORDER BY l.item_code"
    expected: set[RawRow] = {("PO-1", "SKU-A"), ("PO-1", None), ("PO-2", None)}
    erp.answer(sql, ["po_number", "sku"], sorted(expected, key=str))
    columns, rows = read(erp, sql)
    assert (columns, set(rows)) == (("po_number", "sku"), expected)


def test_an_empty_result_keeps_its_columns(erp: Harness) -> None:
    erp.load("empty", LINES, [])
    assert read(erp, "SELECT * FROM empty") == (tuple(LINES), [])


def test_two_columns_of_one_name_are_passed_through(erp: Harness) -> None:
    sql = "SELECT po_number, item_code AS po_number FROM lines WHERE item_code = 'A'"
    erp.answer(sql, ["po_number", "po_number"], [("PO-1", "A")])
    assert read(erp, sql) == (("po_number", "po_number"), [("PO-1", "A")])


def test_a_query_can_be_repeated_and_sees_what_is_there_now(erp: Harness) -> None:
    source = erp.source()
    with source.query("SELECT * FROM lines") as result:
        first = list(result.chunks)
    with source.query("SELECT * FROM lines") as result:
        assert list(result.chunks) == first
    erp.load("later", LINES, ROWS[:1])
    with source.query("SELECT * FROM later") as result:
        assert [row for chunk in result.chunks for row in chunk] == as_given(erp, ROWS[:1])


# -- texts
@pytest.mark.parametrize(
    "text",
    [
        "\U0001f4e6\U0001d11e",  # four bytes in UTF-8
        "\u202eabc\u200f\u05d0",  # right-to-left marks
        "e\u0301\u00e9\ufb01",  # combining marks are kept as they are
        "a\r\nb\nc\t\"d\", 'e'; \\",
        " blanks ",
        "long \U0001f4e6 " * 10_000,  # above 64k in any count
    ],
    ids=["four-bytes", "right-to-left", "combining", "breaks-and-quotes", "blanks", "long"],
)
def test_texts_come_as_they_are(erp: Harness, text: str) -> None:
    erp.load("texts", TEXTS, [("PO-1", text), ("PO-2", None), ("PO-3", text)])
    assert read(erp, "SELECT * FROM texts")[1] == [("PO-1", text), ("PO-2", None), ("PO-3", text)]


# -- ends
def test_leaving_the_context_ends_the_connection(erp: Harness) -> None:
    with erp.source().query("SELECT * FROM lines") as result:
        assert len(list(result.chunks)) == 1
    wait_for_connections(erp, 0)


def test_r15_leaving_the_context_midway_ends_the_connection(erp: Harness) -> None:
    with erp.source(fetch_size=1).query("SELECT * FROM lines") as result:
        next(result.chunks)
        if not erp.all_text:  # CSV files are read before
            wait_for_connections(erp, 1)
    wait_for_connections(erp, 0)
    assert next(result.chunks, None) is None


def test_an_error_in_the_context_is_passed_on_and_ends_the_connection(erp: Harness) -> None:
    with pytest.raises(ZeroDivisionError), erp.source().query("SELECT * FROM lines"):
        raise ZeroDivisionError
    wait_for_connections(erp, 0)


# -- faults
def test_r12_a_missing_table_is_permanent_and_named_with_those_there_are(erp: Harness) -> None:
    erp.load("items", LINES, [])
    with refused("no table nowhere", "items", "lines"):
        read(erp, "SELECT * FROM nowhere")
    wait_for_connections(erp, 0)


@pytest.mark.parametrize("sql", ["SELEC * FROM lines", "SELECT * FROM", "SELECT missing_column FROM lines"])
def test_r12_bad_sql_is_permanent(erp: Harness, sql: str) -> None:
    with refused():
        read(erp, sql)
    wait_for_connections(erp, 0)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM lines",
        "UPDATE lines SET item_code = 'X'",
        "INSERT INTO lines VALUES ('PO-9', 9, 'X')",
        "DROP TABLE lines",
        "CREATE TABLE created (a INTEGER)",
    ],
)
def test_r15_a_query_cannot_write(erp: Harness, sql: str) -> None:
    with refused():
        read(erp, sql)
    assert erp.content("lines") == as_given(erp, ROWS)
    with refused("created"):
        read(erp, "SELECT * FROM created")


WRITING: Final = (
    "SELECT * INTO created FROM lines",
    "CREATE TEMP TABLE created AS SELECT 1",
    "DELETE FROM lines RETURNING item_code",
    "WITH gone AS (DELETE FROM lines RETURNING *) SELECT * FROM gone",
    "REPLACE INTO lines VALUES ('PO-9', 9, 'X')",
    "MERGE INTO lines USING lines AS l ON true WHEN MATCHED THEN DELETE",
    "TRUNCATE TABLE lines",
    "EXEC sp_rename 'lines', 'created'",
    "EXECUTE IMMEDIATE 'DELETE FROM lines'",
    "SELECT 1; DELETE FROM lines",
    "DELETE FROM lines; SELECT 1",
    "COMMIT; DELETE FROM lines; COMMIT; SELECT 1",
    "COMMIT; BEGIN READ WRITE; DELETE FROM lines; COMMIT; SELECT 1",
    "BEGIN; DELETE FROM lines; COMMIT; SELECT 1",
    "SET TRANSACTION READ WRITE; DELETE FROM lines RETURNING 1",
    "SET transaction_read_only = off; DELETE FROM lines RETURNING 1",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE; DELETE FROM lines RETURNING 1",
    "ATTACH 'made.db' AS made",
    "VACUUM INTO 'made.db'",
    "PRAGMA user_version = 7",
    "PRAGMA query_only = 0; DELETE FROM lines",
    "PRAGMA writable_schema = 1",
    "PRAGMA query_only = 0",
)
"""What could write, or make an end of what keeps a query from writing, on one database or another."""


def test_r15_no_other_text_can_write_either(erp: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for sql in WRITING:
        with refused():
            read(erp, sql)
        assert erp.content("lines") == as_given(erp, ROWS), sql
    with refused("created"):
        read(erp, "SELECT * FROM created")
    assert list(tmp_path.rglob("made.db")) == []


@pytest.mark.parametrize("sql", ["", "-- only a comment"])
def test_r12_an_empty_query_is_permanent(erp: Harness, sql: str) -> None:
    with refused():
        read(erp, sql)


def test_r15_a_check_writes_nothing_and_finds_the_connection(erp: Harness) -> None:
    findings = {finding.name: finding for finding in erp.source().check()}
    assert findings["erp connection"].status == "ok"
    assert erp.content("lines") == as_given(erp, ROWS)
    wait_for_connections(erp, 0)


def test_a_source_that_says_plain_gives_plain_values_only(erp: Harness) -> None:
    with erp.source().query("SELECT * FROM lines") as result:
        values = [value for chunk in result.chunks for row in chunk for value in row]
        assert values
        assert not result.are_plain or AS_THEY_ARE.issuperset(map(type, values))
