"""Refuses queries that would lift what keeps a session from writing (R15).

A look at the text is no proof: who wants to can hide a word. Only a login without the right to write is one.
"""

from __future__ import annotations

import re
from typing import Final

from po_ingest.errors import ErpError

NO_CODE: Final = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\[[^\]]*\]|--[^\n]*|/\*.*?\*/", re.DOTALL)
"""Literals, quoted names and comments."""


def refuse(sql: str, lifting: re.Pattern[str] | None) -> None:
    """Raise ErpError for a query that holds one of the database's words for lifting."""
    found = lifting.search(NO_CODE.sub(_blank, sql)) if lifting is not None else None
    if found is not None:
        words = " ".join(found[0].strip("; \t\r\n").upper().split())
        raise ErpError(
            f"the query has {words} in it, which could let it write to the ERP",
            hint="po-ingest only reads: take it out of the query; quote it if it is a name",
        )


def _blank(match: re.Match[str]) -> str:
    return " " if match[0].startswith(("--", "/*")) else "x"
