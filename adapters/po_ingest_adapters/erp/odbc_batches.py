"""A query as a batch: what a client's `GO` is, which of its results is taken, and whether all of it came."""

from __future__ import annotations

import re
from typing import Final, Protocol

import pyodbc

from po_ingest.errors import ErpError
from po_ingest_adapters.erp import wording

QUIET: Final = re.compile(
    r"""
      '(?:[^']|'')*'          # texts
    | "(?:[^"]|"")*"          # quoted names
    | \[(?:[^\]]|\]\])*\]     # SQL Server's quoted names
    | --[^\n]*                # comments
    | /\*.*?(?:\*/|\Z)
    """,
    re.VERBOSE | re.DOTALL,
)
GO: Final = re.compile(r"^[ \t]*go(?:[ \t]+\d+)?[ \t]*;?[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
NO_MORE_RESULTS: Final = frozenset({"IM001", "HYC00"})
"""What drivers say that know no second result."""


EXACT_COUNT: Final = 0x1000
"""SQL_CA2_CRC_EXACT: the driver knows how many rows a result has, and says the number right."""


class Connection(Protocol):
    """What of a connection is needed here."""

    def getinfo(self, infotype: int, /) -> object:
        """Tell something about driver and database."""
        ...


class Cursor(Protocol):
    """What of a cursor is needed here."""

    @property
    def description(self) -> object:
        """None where a result has no columns."""
        ...

    @property
    def rowcount(self) -> int:
        """How many rows the result has, where the driver knows."""
        ...

    def nextset(self) -> bool | None:
        """Go on to the next result."""
        ...


def refuse_go(sql: str) -> None:
    """Raise ErpError for a line that is nothing but GO: it would be read as an alias, or as a procedure's name."""
    code = QUIET.sub(_lines_only, sql)
    found = GO.search(code)
    if found is not None:
        line = code.count("\n", 0, found.start()) + 1
        raise ErpError(
            f"line {line} of the query is GO, which is no SQL: it parts batches in SQL Server's own tools",
            hint="take GO out of the query; what stands before it can stay if a semicolon ends it",
        )


def _lines_only(quiet: re.Match[str]) -> str:
    """Keep a text's or comment's line ends, and a sign that something stood there."""
    return "." + "\n" * quiet[0].count("\n") + "."


def first_result(cursor: Cursor) -> None:
    """Go on to the first result that has columns; a batch may do other things before it. Raises ErpError."""
    while cursor.description is None:
        if not cursor.nextset():
            raise wording.no_result()


def refuse_second_result(cursor: Cursor) -> None:
    """Go to the batch's end: a later statement may have failed, or gives rows that nobody would read."""
    try:
        while cursor.nextset():
            if cursor.description is not None:
                raise wording.two_results()
    except pyodbc.Error as error:
        if error.args[0] not in NO_MORE_RESULTS:
            raise


def announced_rows(connection: Connection, cursor: Cursor) -> int:
    """Return how many rows the driver says that the result has; 0 of one that does not know for sure."""
    try:
        attributes = connection.getinfo(pyodbc.SQL_FORWARD_ONLY_CURSOR_ATTRIBUTES2)
    except pyodbc.Error:  # an old driver
        return 0
    return cursor.rowcount if isinstance(attributes, int) and attributes & EXACT_COUNT else 0


def require_all(fetched: int, announced: int) -> None:
    """Raise ErpError for a result that ended early, without an error."""
    if fetched < announced:
        raise wording.ended_early(fetched, announced)
