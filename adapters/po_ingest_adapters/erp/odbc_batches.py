"""The text of a query as a batch: what a client's `GO` is, and which of its results is taken."""

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


class Cursor(Protocol):
    """What of a cursor is needed here."""

    @property
    def description(self) -> object:
        """None where a result has no columns."""
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
