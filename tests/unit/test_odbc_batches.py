"""The text of a query as a batch: GO is refused where it is code, and one result is taken."""

from __future__ import annotations

import pytest

from po_ingest.errors import ErpError

pyodbc = pytest.importorskip("pyodbc", reason="pyodbc finds no ODBC: apt-get install unixodbc", exc_type=ImportError)

from po_ingest_adapters.erp.odbc_batches import (  # noqa: E402 - as above
    announced_rows,
    first_result,
    refuse_go,
    refuse_second_result,
    require_all,
)


@pytest.mark.parametrize(
    ("sql", "line"),
    [
        ("SELECT 1\nGO", 2),
        ("SELECT 1;\r\n  go  \r\nSELECT 2", 2),
        ("SELECT 'it''s\n\n' AS a\nGo 5\n", 4),
        ("/* one\ntwo */\n-- three\nUSE erp\nGO\nSELECT 1", 5),
        ("GO;\nSELECT 1", 1),
        ('SELECT [a\nb], "c\nd"\nGO', 4),
    ],
)
def test_go_on_a_line_of_its_own_is_refused_with_its_line(sql: str, line: int) -> None:
    with pytest.raises(ErpError, match=f"line {line} of the query is GO") as caught:
        refuse_go(sql)
    assert not caught.value.transient
    assert "take GO out" in caught.value.hint


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'a\nGO\nb'",
        "SELECT 1 -- then\n/*\nGO\n*/",
        "/* never ended\nGO\n",
        "SELECT go FROM t",
        "SELECT 1 AS\ngo, 2",
        'SELECT 1 AS "\nGO\n", [\nGO\n]',
        "SELECT ''''\n, 'GO'",
        "GOTO done",
        "'x'GO",
        "",
    ],
)
def test_what_only_looks_like_go_is_let_through(sql: str) -> None:
    refuse_go(sql)


class Results:
    """A cursor over given results: None has no columns, an error is raised."""

    rowcount = 7

    def __init__(self, *results: object) -> None:
        self.results = list(results)
        self.description: object = self.results.pop(0)

    def nextset(self) -> bool:
        if not self.results:
            return False
        self.description = self.results.pop(0)
        if isinstance(self.description, Exception):
            raise self.description
        return True


def test_row_counts_before_the_result_are_passed_over() -> None:
    cursor = Results(None, None, "columns")
    first_result(cursor)
    assert cursor.description == "columns"


def test_a_batch_of_row_counts_has_no_result() -> None:
    with pytest.raises(ErpError, match="gives no result"):
        first_result(Results(None, None))


def test_row_counts_after_the_result_are_passed_over() -> None:
    refuse_second_result(Results("columns", None, None))


def test_a_second_result_is_refused() -> None:
    with pytest.raises(ErpError, match="more than one result"):
        refuse_second_result(Results("columns", None, "columns"))


def test_an_error_after_the_result_is_not_lost() -> None:
    with pytest.raises(pyodbc.Error, match="divide by zero"):
        refuse_second_result(Results("columns", pyodbc.Error("22012", "[22012] divide by zero")))


@pytest.mark.parametrize("state", ["IM001", "HYC00"])
def test_a_driver_that_knows_no_second_result_is_believed(state: str) -> None:
    refuse_second_result(Results("columns", pyodbc.Error(state, f"[{state}] not supported")))


class Driver:
    """A connection whose driver says something about its cursors."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def getinfo(self, infotype: int, /) -> object:
        assert infotype == pyodbc.SQL_FORWARD_ONLY_CURSOR_ATTRIBUTES2
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "rows"),
    [(0x1001, 7), (0x2001, 0), (0x0003, 0), (0, 0), ("", 0), (pyodbc.Error("HY096", "[HY096] unknown"), 0)],
)
def test_only_a_driver_that_says_its_counts_are_exact_is_taken_at_its_word(answer: object, rows: int) -> None:
    assert announced_rows(Driver(answer), Results("columns")) == rows


def test_a_result_that_ends_early_is_refused_and_tried_again() -> None:
    with pytest.raises(ErpError, match="announced 7 rows, and gave 6") as caught:
        require_all(6, 7)
    assert caught.value.transient


@pytest.mark.parametrize("announced", [-1, 0, 7])
def test_a_result_with_as_many_rows_as_announced_or_more_is_whole(announced: int) -> None:
    require_all(7, announced)
