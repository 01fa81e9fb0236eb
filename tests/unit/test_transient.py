"""What is worth another try: one table, which the documentation repeats row by row."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pytest

from po_ingest_adapters.erp.odbc_errors import diagnose
from po_ingest_adapters.transient import PERMANENT, SQL_SERVER, TRANSIENT, Listed

DOCS: Final = Path(__file__).parents[2] / "docs" / "erp-retries.md"
ROW: Final = re.compile(r"^\| ([^|]+) \| (`[^|]+`) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def documented(heading: str) -> list[tuple[str, ...]]:
    section = DOCS.read_text(encoding="utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return [match.groups() for match in ROW.finditer(section)]


def as_documented(rows: Iterable[Listed]) -> list[tuple[str, ...]]:
    return [(row.whose, " ".join(f"`{code}`" for code in row.codes), row.meaning, row.source) for row in rows]


def test_r12_the_documentation_lists_what_is_transient() -> None:
    assert documented("Tried again") == as_documented(TRANSIENT)


def test_r12_the_documentation_lists_what_is_permanent() -> None:
    assert documented("Never tried again") == as_documented(PERMANENT)


def test_r12_no_code_is_listed_twice() -> None:
    counted = Counter((row.mark, code) for row in (*TRANSIENT, *PERMANENT) for code in row.codes)
    assert [code for code, count in counted.items() if count > 1] == []


@pytest.mark.parametrize(
    ("row", "code"), [(row, code) for row in TRANSIENT for code in row.codes], ids=lambda part: str(part)[:40]
)
def test_r12_each_listed_code_is_transient_and_only_as_whose_it_is(row: Listed, code: str) -> None:
    if not row.mark:
        assert diagnose(RuntimeError(code.ljust(5, "0"), "[x] it failed"), "").is_transient
        return
    text = f"[HY000] [Driver]{row.mark}It failed. ({code}) (SQLExecDirectW)"
    assert diagnose(RuntimeError("HY000", text), "").is_transient
    assert not diagnose(RuntimeError("HY000", text.replace(row.mark, "[Other]")), "").is_transient


@pytest.mark.parametrize(
    ("row", "code"), [(row, code) for row in PERMANENT for code in row.codes], ids=lambda part: str(part)[:40]
)
def test_r12_each_listed_code_is_permanent_even_on_a_lost_connection(row: Listed, code: str) -> None:
    text = f"[08S01] {row.mark}It failed. ({code}) (SQLDriverConnect)" if row.mark else "[08S01] it failed"
    assert not diagnose(RuntimeError("08S01" if row.mark else code, text), "").is_transient


@pytest.mark.parametrize("number", [701, 802, 6005, 17142])
def test_r12_what_waits_for_an_administrator_is_not_tried_again(number: int) -> None:
    text = f"[42000] [Microsoft][ODBC Driver 18 for SQL Server]{SQL_SERVER}It failed. ({number}) (SQLExecDirectW)"
    assert not diagnose(RuntimeError("42000", text), "").is_transient


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (3952, "ALLOW_SNAPSHOT_ISOLATION ON"),
        (3952, 'erp.isolation to "read committed"'),
        (41332, "erp.isolation"),
        (978, "ApplicationIntent"),
        (979, "ApplicationIntent=ReadWrite"),
        (982, "ApplicationIntent=ReadWrite"),
        (229, "granted SELECT"),
    ],
)
def test_what_to_do_about_a_number_of_sql_server_is_told(number: int, hint: str) -> None:
    text = f"[42000] [Microsoft][ODBC Driver 18 for SQL Server]{SQL_SERVER}Something. ({number}) (SQLExecDirectW)"
    assert hint in diagnose(RuntimeError("42000", text), "").hint


@pytest.mark.parametrize(
    ("state", "hint"), [("42501", "granted SELECT"), ("07006", "erp.encoding"), ("22021", "erp.encoding")]
)
def test_what_to_do_about_a_state_is_told(state: str, hint: str) -> None:
    assert hint in diagnose(RuntimeError(state, f"[{state}] something"), "").hint
