"""Many rows at once on PostgreSQL: COPY for new ones, arrays for changes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sqlalchemy import ARRAY, bindparam, func
from sqlalchemy.engine import Dialect

from po_ingest_adapters.store.database import BulkChange, BulkInsert
from po_ingest_adapters.store.dialects.set_based import parameter_types, taking_from

if TYPE_CHECKING:
    import psycopg


def copy_rows(
    connection: psycopg.Connection, insert: BulkInsert, dialect: Dialect, rows: Iterable[tuple[Any, ...]]
) -> None:
    """Insert encoded rows by COPY."""
    preparer = dialect.identifier_preparer
    columns = ", ".join(map(preparer.quote, insert.names))
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {preparer.format_table(insert.table)} ({columns}) FROM STDIN") as copy,
    ):
        write = copy.write_row
        for row in rows:
            write(row)


def from_arrays(change: BulkChange, dialect: Dialect) -> str:
    """Return the SQL that does for the rows of arrays, one per parameter, what the statement does for each row."""
    types = parameter_types(change).values()
    arrays = [bindparam(None, type_=ARRAY(kind.dialect_impl(dialect))) for kind in types]
    given = func.unnest(*arrays).table_valued(*change.names).render_derived(name="given")
    return str(taking_from(change, given).compile(dialect=dialect))
