"""What is transient for a store is what is transient for an ERP on the same kind of server (R12)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from po_ingest_adapters.store.dialects import postgresql_errors
from po_ingest_adapters.store.dialects.mssql_errors import NUMBERS, STATES
from po_ingest_adapters.transient import PERMANENT, TRANSIENT, codes_of

DOCS: Final = Path(__file__).parents[2] / "docs"


def test_r12_a_store_on_sql_server_is_asked_again_where_an_erp_is_and_nowhere_else() -> None:
    numbers = {str(number) for number, meaning in NUMBERS.items() if meaning.transient}
    assert numbers == codes_of(TRANSIENT, "SQL Server")
    assert {state for state, meaning in STATES.items() if meaning.transient} == codes_of(TRANSIENT, "ODBC")
    assert codes_of(PERMANENT, "SQL Server") <= {str(number) for number in NUMBERS}


@pytest.mark.parametrize("number", [1205, 3960, 10928, 10929, 40501, 40613, 40197, 49918, 17197])
def test_r12_deadlocks_conflicts_throttling_failover_and_login_timeouts_are_among_them(number: int) -> None:
    assert NUMBERS[number].transient


@pytest.mark.parametrize(
    ("state", "is_transient"),
    [
        *((state, True) for state in ("08000", "08001", "08003", "08004", "08006", "08007", "08P01")),
        *((state, True) for state in ("40001", "40P01", "53000", "53200", "53300", "55P03", "57P01", "57P02", "57P03")),
        *((state, False) for state in ("53100", "53400", "57014", "28000", "28P01", "3D000", "42P01", "42501")),
    ],
)
def test_r12_the_states_of_postgresql_are_those_of_the_table_but_for_what_somebody_cancelled(
    state: str, *, is_transient: bool
) -> None:
    assert postgresql_errors.is_transient(state) is is_transient


def test_r12_sqlite_is_tried_again_where_it_is_busy_or_locked_only() -> None:
    assert "`SQLITE_BUSY`, `SQLITE_LOCKED`" in (DOCS / "store.md").read_text("utf-8")
