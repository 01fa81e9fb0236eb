"""DDL made comparable: a column that a migration adds stands last, one that was there at once does not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

TABLE: Final = re.compile(r"(CREATE TABLE \S+) ?\((.*)\)$")
ADDED: Final = re.compile(r"ALTER TABLE (\S+) ADD (?:COLUMN )?(.*)")
COMMA: Final = re.compile(r",(?![^(]*\))")


def comparable(statements: Iterable[str]) -> list[str]:
    """Return the statements that create something; columns and constraints of a table in one order, added ones too.

    Blanks and the end of a statement do not count.
    """
    flat = [" ".join(sql.split()).rstrip("; ").replace("( ", "(").replace(" )", ")") for sql in statements]
    added: dict[str, list[str]] = {}
    for found in map(ADDED.fullmatch, flat):
        if found:
            added.setdefault(found[1], []).append(found[2])
    return sorted(_ordered(sql, added) for sql in flat if sql.startswith("CREATE "))


def _ordered(sql: str, added: dict[str, list[str]]) -> str:
    found = TABLE.fullmatch(sql)
    if found is None:
        return sql
    parts = [part.strip() for part in COMMA.split(found[2])] + added.get(found[1].split()[-1], [])
    return f"{found[1]} ({', '.join(sorted(parts))})"
