"""Many rows at once on SQL Server: one statement and one parameter, a JSON text that OPENJSON makes rows of.

The driver's own way, arrays of parameters (`fast_executemany`), runs a statement for each row and has well-known
faults: a column's first value decides its type, NULLs in front mislead it, texts without a limit take memory for the
longest one in every row, decimals lose places. Here the types stand in the SQL, made from the columns; a value is text
until the server converts it, by rules that depend on no setting; and rows are written as a set, in one round trip.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import singledispatch
from itertools import islice
from types import ModuleType
from typing import Any, Final

from sqlalchemy import Connection, TableClause, column, insert, select, table
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from po_ingest_adapters.store.database import BulkChange, BulkInsert, Rows
from po_ingest_adapters.store.dialects.set_based import parameter_types, taking_from

ROWS_AT_ONCE: Final = 5000
"""Rows sent with one statement: a few megabytes of text."""
GIVEN: Final = "given"
TEXT: Final = re.compile(r"NVARCHAR\(\d+\)")
BINARY: Final = re.compile(r"VARBINARY\((\d+)\)")


def insert_sql(bulk: BulkInsert, dialect: Dialect) -> str:
    """Return the statement that inserts rows given as JSON, their values in the order of the names."""
    types = {name: bulk.table.c[name].type for name in bulk.names}
    given = _given(bulk.names)
    statement = insert(bulk.table).from_select(list(bulk.names), select(*given.c))
    return f"{_with_rows(types, dialect)} {statement.compile(dialect=dialect)}"


def change_sql(change: BulkChange, dialect: Dialect) -> str:
    """Return the statement that does for all rows, given as JSON, what the change's statement does for each."""
    changed = taking_from(change, _given(change.names))
    return f"{_with_rows(parameter_types(change), dialect)} {changed.compile(dialect=dialect)}"


def send(connection: Connection, pyodbc: ModuleType, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Run a statement of this module for the rows, some thousands at a time."""
    cursor = connection.connection.cursor()
    try:
        following = iter(rows)
        while some := list(islice(following, ROWS_AT_ONCE)):
            # Without a word on its type a long text would go as the outdated NTEXT, which OPENJSON refuses.
            cursor.setinputsizes([(pyodbc.SQL_WVARCHAR, 0, 0)])
            cursor.execute(sql, (rows_json(some),))
    finally:
        cursor.close()


def rows_json(rows: Rows) -> str:
    """Return rows as a JSON array of arrays."""
    return _encode(rows)


def _given(names: Sequence[str]) -> TableClause:
    return table(GIVEN, *(column(name) for name in names))


def _with_rows(types: dict[str, TypeEngine[Any]], dialect: Dialect) -> str:
    quote = dialect.identifier_preparer.quote_identifier
    typed = {name: _type_sql(kind, dialect) for name, kind in types.items()}
    picked = ", ".join(_picked(quote(name), kind) for name, kind in typed.items())
    read = ", ".join(f"{quote(name)} {_read_as(kind)} '$[{place}]'" for place, (name, kind) in enumerate(typed.items()))
    return f"WITH {GIVEN} AS (SELECT {picked} FROM OPENJSON(?) WITH ({read}))"  # noqa: S608 - names of our columns


def _type_sql(kind: TypeEngine[Any], dialect: Dialect) -> str:
    """Return a column's type as in DDL, without its collation, in one word."""
    sql: str = dialect.type_compiler_instance.process(kind)
    return sql.partition(" COLLATE ")[0].replace("DOUBLE PRECISION", "FLOAT")


def _read_as(sql: str) -> str:
    """Return the type to read JSON as; a text wider than its column shall be refused, not cut."""
    if BINARY.fullmatch(sql):
        return f"VARCHAR({2 * int(sql[len('VARBINARY(') : -1])})"
    return "NVARCHAR(4000)" if TEXT.fullmatch(sql) else sql


def _picked(name: str, sql: str) -> str:
    return f"CONVERT({sql}, {name}, 2) AS {name}" if BINARY.fullmatch(sql) else name


@singledispatch
def _plain(value: object) -> str:
    raise TypeError(f"no JSON for {type(value).__name__}")


@_plain.register
def _(value: Decimal) -> str:
    return format(value, "f")


@_plain.register
def _(value: date) -> str:
    return value.isoformat()


@_plain.register
def _(value: datetime) -> str:
    return value.isoformat(timespec="microseconds")


@_plain.register
def _(value: bytes) -> str:
    return value.hex()


_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain).encode
