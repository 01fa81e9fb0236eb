"""What all ERP sources say alike."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from po_ingest.errors import ErpError

MOST_LISTED: Final = 40


def listed(names: Collection[str]) -> str:
    """Return names as one line of text: sorted, the first of them where there are many."""
    shown = [name.encode("utf-8", "replace").decode("utf-8") for name in sorted(names, key=str.casefold)]
    text = ", ".join(shown[:MOST_LISTED]) or "none"
    return f"{text} and {len(shown) - MOST_LISTED} more" if len(shown) > MOST_LISTED else text


def missing_table(name: str, there: Collection[str]) -> ErpError:
    """Return the error for a table that the ERP does not have."""
    return ErpError(f"the ERP has no table {name}", hint=f"there are: {listed(there)}")


def missing_column(name: str, tables: Mapping[str, Collection[str]]) -> ErpError:
    """Return the error for a column that no table of the query has."""
    there = "; ".join(f"{table} has: {listed(columns)}" for table, columns in sorted(tables.items()))
    return ErpError(f"the query names the column {name}, which the ERP does not have", hint=there)


def faulty_query(reason: str) -> ErpError:
    """Return the error for SQL that the ERP refuses."""
    return ErpError(f"the ERP refuses the query: {reason}", hint="correct the query in the configuration")


def no_result() -> ErpError:
    """Return the error for a statement that gives no rows, such as DELETE."""
    return ErpError("the query gives no result", hint="po-ingest only reads: the query must be a SELECT")


def two_results() -> ErpError:
    """Return the error for a batch with several SELECTs."""
    return ErpError(
        "the query gives more than one result", hint="leave one SELECT that gives rows; let the others fill variables"
    )


def login_timed_out(seconds: float) -> ErpError:
    """Return the error for a server that accepts a connection and then says nothing."""
    return ErpError(
        f"the ERP did not answer the login within {seconds:g} s",
        hint="see that it is the right server and port, and not too busy",
        transient=True,
    )


def timed_out(seconds: float) -> ErpError:
    """Return the error for a query that took too long."""
    return ErpError(
        f"the ERP took longer than {seconds:g} s for the query", hint="raise erp.query_timeout", transient=True
    )


def ended_early(fetched: int, announced: int) -> ErpError:
    """Return the error for a result of which rows are missing."""
    return ErpError(
        f"the ERP's driver announced {announced} rows, and gave {fetched}",
        hint="look at the network and the server's log; nothing was taken",
        transient=True,
    )
