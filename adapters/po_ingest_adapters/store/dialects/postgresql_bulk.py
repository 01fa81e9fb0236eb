"""Many rows at once on PostgreSQL: COPY for new ones, arrays for changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ARRAY, BindParameter, bindparam, func
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.visitors import replacement_traverse

from po_ingest_adapters.store.column_types import ID
from po_ingest_adapters.store.database import BulkChange, BulkInsert, Rows

if TYPE_CHECKING:
    import psycopg


def copy_rows(connection: psycopg.Connection, insert: BulkInsert, dialect: Dialect, rows: Rows) -> None:
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
    table = change.statement.table
    types = {name: table.c[name].type if name in table.c else ID for name in change.names}  # others: ids and numbers
    arrays = [bindparam(None, type_=ARRAY(types[name].dialect_impl(dialect))) for name in change.names]
    given = func.unnest(*arrays).table_valued(*change.names).render_derived(name="given")

    def replace(element: object, **_: object) -> Any:  # noqa: ANN401 - SQLAlchemy's signature
        if isinstance(element, BindParameter) and element.key in types:
            return given.c[element.key]
        return None

    changed: ClauseElement = replacement_traverse(change.statement, {}, replace)  # type: ignore[assignment]  # an Update
    return str(changed.compile(dialect=dialect))
