"""What the ERP source `sqlite` does beyond the contract suite."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from po_ingest.errors import ErpError
from po_ingest.model import RawRow
from po_ingest.settings import ErpSettings
from po_ingest_adapters.erp.sqlite import SqliteErpSource, create
from po_ingest_adapters.erp.wording import listed
from support.store_files import without_rights

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT {} FROM n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "erp.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE lines (po_number TEXT, quantity REAL)")
        connection.execute("CREATE TABLE items (code TEXT)")
        connection.execute("CREATE VIEW open_lines AS SELECT * FROM lines")
        connection.executemany("INSERT INTO lines VALUES (?, ?)", [("PO-1", 1.5), ("PO-2", 2)])
    return path


def read_from(source: SqliteErpSource, sql: str = "SELECT * FROM lines") -> list[RawRow]:
    with source.query(sql) as result:
        return [row for chunk in result.chunks for row in chunk]


def read(path: Path, sql: str = "SELECT * FROM lines", timeout: float = 300) -> list[RawRow]:
    return read_from(SqliteErpSource(path=path, query_timeout=timeout), sql)


def failure(path: Path, sql: str = "SELECT * FROM lines", timeout: float = 300) -> ErpError:
    with pytest.raises(ErpError) as caught:
        read(path, sql, timeout)
    return caught.value


def test_a_relative_path_starts_at_the_folder_of_the_configuration(path: Path) -> None:
    source = create(ErpSettings(connection="erp.db", folder=path.parent, fetch_size=7, query_timeout=9))
    assert (source.path, source.fetch_size, source.query_timeout) == (path, 7, 9)


def test_r15_a_missing_file_is_named_and_not_created(tmp_path: Path) -> None:
    error = failure(tmp_path / "missing.db")
    assert not error.transient
    assert "missing.db" in error.message
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database\n" * 100)
    error = failure(tmp_path / "text.db")
    assert (error.transient, "text.db" in error.message) == (False, True)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such rights on Windows")
def test_a_file_that_may_not_be_read_is_named(path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything: run the tests as another user")
    path.chmod(0)
    error = failure(path)
    assert (error.transient, "right to read" in error.hint) == (False, True)


def test_a_file_that_vanishes_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "is_file", lambda _: True)
    error = failure(tmp_path / "vanished.db")
    assert (error.transient, "vanished.db could not be read" in error.message) == (False, True)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_table_is_told_with_tables_and_views_there_are(path: Path) -> None:
    assert str(failure(path, "SELECT * FROM main.nope")) == (
        "the ERP has no table nope; there are: items, lines, open_lines"
    )


def test_a_missing_column_is_told_with_those_of_the_tables_in_question(path: Path) -> None:
    assert str(failure(path, "SELECT l.nope FROM lines l")) == (
        "the query names the column l.nope, which the ERP does not have; lines has: po_number, quantity"
    )


def test_many_names_are_cut_short() -> None:
    assert listed([f"t{number:02}" for number in range(45)]).endswith("t38, t39 and 5 more")
    assert listed([]) == "none"
    assert listed(["\udce4"]) == "?"


def test_r12_a_locked_database_is_transient_at_the_start(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        error = failure(path, timeout=0.1)
    assert error.transient
    assert "locked" in error.message


@pytest.mark.parametrize("what", ["count(*)", "i"])
def test_r12_a_query_that_takes_too_long_is_ended_and_transient(path: Path, what: str) -> None:
    error = failure(path, ENDLESS.format(what) + " WHERE i < 0", timeout=0.1)
    assert error.transient
    assert "0.1 s" in error.message
    assert "query_timeout" in error.hint


def test_time_between_chunks_is_not_the_erps(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with SqliteErpSource(path=path, query_timeout=10, fetch_size=1).query("SELECT * FROM lines") as result:
        for _ in result.chunks:
            now[0] += 1000


@pytest.mark.parametrize("raw", [b"M\xfcller", b"\xed\xa0\x80"], ids=["latin-1", "lone-surrogate"])
@pytest.mark.parametrize("fetch_size", [1, 2, 3, 4, 100])
@pytest.mark.parametrize("place", range(6))
def test_r8_a_text_that_is_not_utf_8_comes_with_lone_surrogates_and_every_row_comes_once(
    path: Path, raw: bytes, fetch_size: int, place: int
) -> None:
    texts = [b"A", "ä".encode(), b"C", b"D", b"E"]
    texts.insert(place, raw)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM lines")
        connection.executemany("INSERT INTO lines VALUES (CAST(? AS TEXT), 1)", [(text,) for text in [*texts, raw]])
    source = SqliteErpSource(path=path, fetch_size=fetch_size)
    with source.query("SELECT po_number FROM lines ORDER BY rowid") as result:
        chunks = list(result.chunks)
    assert [len(chunk) for chunk in chunks[:-1]] == [fetch_size] * (len(chunks) - 1)
    assert [row for chunk in chunks for row in chunk] == [
        (text.decode("utf-8", "surrogateescape"),) for text in [*texts, raw]
    ]


def test_a_nul_in_a_text_comes_as_it_is(path: Path) -> None:
    assert read(path, "SELECT 'a' || char(0) || 'b'") == [("a\0b",)]


@pytest.mark.parametrize("sql", ["SELECT '\0'", "SELECT '\ud800'", "SELECT 1; SELECT 2", "SELECT ?"])
def test_r12_sql_that_sqlite_does_not_even_look_at_is_permanent(path: Path, sql: str) -> None:
    error = failure(path, sql)
    assert not error.transient
    assert error.message.startswith("the ERP refuses the query")


@pytest.mark.parametrize("sql", ["ATTACH 'made.db' AS made", "VACUUM INTO 'made.db'"])
def test_r15_a_query_cannot_create_a_file(path: Path, sql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    assert not failure(path, sql).transient
    assert list(path.parent.iterdir()) == [path]


def test_r15_a_write_is_refused_with_a_reason(path: Path) -> None:
    assert "must be a SELECT" in failure(path, "DELETE FROM lines").hint
    assert "must be a SELECT" in failure(path, "PRAGMA query_only = 0").hint


@pytest.fixture
def in_use(path: Path) -> Iterator[Path]:
    """A database in WAL mode that another program has open."""
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("INSERT INTO lines VALUES ('PO-3', 3)")
        yield path


def test_r15_a_writer_in_wal_mode_is_not_held_up_and_its_commits_are_seen(in_use: Path) -> None:
    with SqliteErpSource(path=in_use, fetch_size=1).query("SELECT * FROM lines") as result:
        next(result.chunks)
        with closing(sqlite3.connect(in_use, timeout=0)) as other, other:
            other.execute("INSERT INTO lines VALUES ('PO-4', 4)")
        assert sum(len(chunk) for chunk in result.chunks) == 2
    assert len(read(in_use)) == 4


def test_r15_check_warns_of_a_file_that_this_account_could_write(path: Path) -> None:
    *_, privileges = SqliteErpSource(path=path).check()
    assert (privileges.name, privileges.status) == ("erp privileges", "warning")
    assert f"may write to {path}" in privileges.message
    assert "may only read" in privileges.hint


def test_check_says_that_the_file_is_opened_read_only(path: Path) -> None:
    with without_rights(path.parent):
        findings = SqliteErpSource(path=path).check()
    assert [(finding.name, finding.status) for finding in findings] == [
        ("erp connection", "ok"),
        ("erp privileges", "ok"),
    ]
    assert "tables and views: 3" in findings[0].message


def test_check_tells_what_is_wrong(tmp_path: Path) -> None:
    (finding,) = SqliteErpSource(path=tmp_path / "missing.db").check()
    assert (finding.status, finding.exit_code, finding.hint) == ("failed", 4, "correct erp.connection")
