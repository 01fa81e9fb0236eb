"""What is transient for a store is what is transient for an ERP on the same kind of server, and is documented (R12)."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Final

import pytest

from po_ingest_adapters.erp import odbc_transient, sqlite_reading
from po_ingest_adapters.erp.odbc_transient import PERMANENT, SQL_SERVER, TRANSIENT
from po_ingest_adapters.store.dialects import postgresql_errors, sqlite
from po_ingest_adapters.store.dialects.mssql_errors import NUMBERS

DOCS: Final = Path(__file__).parents[2] / "docs"


def of_sql_server(rows: tuple[odbc_transient.Listed, ...]) -> set[int]:
    return {int(code) for row in rows if row.mark == SQL_SERVER for code in row.codes}


def test_r12_whatever_is_asked_of_an_erp_again_is_asked_of_a_store_again() -> None:
    transient = {number for number, meaning in NUMBERS.items() if meaning.transient}
    assert of_sql_server(TRANSIENT) - transient == set()
    assert of_sql_server(PERMANENT) & transient == set()


@pytest.mark.parametrize("number", [1205, 3960, 10928, 10929, 40501, 40613, 40197, 49918, 17197])
def test_r12_deadlocks_conflicts_throttling_failover_and_login_timeouts_are_among_them(number: int) -> None:
    assert NUMBERS[number].transient
    assert number in of_sql_server(TRANSIENT)


def test_r12_the_documentation_lists_each_number_that_is_transient_for_a_store() -> None:
    section = (DOCS / "sqlserver.md").read_text("utf-8").partition("## Errors")[2]
    rows = re.findall(r"^\| ([\d, ]+) \|", section, re.MULTILINE)
    listed = [int(number) for row in rows for number in row.split(",")]
    assert sorted(listed) == sorted(number for number, meaning in NUMBERS.items() if meaning.transient)


@pytest.mark.parametrize(
    ("state", "is_transient"),
    [
        *((state, True) for state in ("08000", "08001", "08003", "08004", "08006", "08007", "08P01")),
        *((state, True) for state in ("40001", "40P01", "53000", "53200", "53300", "55P03", "57P01", "57P02", "57P03")),
        *(
            (state, False)
            for state in ("53100", "53400", "57014", "28000", "28P01", "3D000", "42P01", "42601", "42501")
        ),
    ],
)
def test_r12_the_states_of_postgresql_are_as_documented(state: str, *, is_transient: bool) -> None:
    assert postgresql_errors.is_transient(state) is is_transient
    section = (DOCS / "postgresql.md").read_text("utf-8").partition("## Errors")[2]
    rows = "\n".join(re.findall(r"^\| ([^|]+) \|", section, re.MULTILINE))
    excepted = state in {"53100", "53400"}
    assert (state in rows or f"class {state[:2]}" in rows) is (is_transient or excepted)


def test_r12_sqlite_is_tried_again_where_it_is_busy_or_locked_only() -> None:
    assert sqlite.TRANSIENT == sqlite_reading.TRANSIENT == {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
    sections = (DOCS / "store.md").read_text("utf-8")
    assert "`SQLITE_BUSY`, `SQLITE_LOCKED`" in sections
