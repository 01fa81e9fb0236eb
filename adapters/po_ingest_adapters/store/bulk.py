"""Many rows at once: SQL compiled once per shape, values converted column by column, plain tuples in and out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Final, TypeAlias, cast

from sqlalchemy import Column, Connection, Select, Table, bindparam, insert, literal_column
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.types import TypeEngine

from po_ingest_adapters.store.column_types import Processor, column_writer
from po_ingest_adapters.store.database import BulkChange, BulkInsert, Database, Rows

Picker: TypeAlias = Callable[[tuple[Any, ...]], tuple[Any, ...]]

FETCH: Final = 5000
"""Rows read from the driver at a time."""
LONG: Final = {"po_ingest_long": True}
"""Execution options of a query with any number of rows: a driver that would take them all at once shall not."""
BLOCK: Final = 500
"""Rows that are encoded together, right before they are sent: they are still in the processor's cache then."""
CHUNK: Final = 900
"""Values in an IN list: SQLite may allow no more than 999 parameters, SQL Server 2,100."""


def chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Cut values into lists that fit a statement's parameters."""
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


def fetch(connection: Connection, query: Select[*tuple[Any, ...]]) -> Iterator[Rows]:
    """Run a query and yield its rows in chunks of plain tuples."""
    if connection.dialect.supports_server_side_cursors and LONG.items() <= query.get_execution_options().items():
        with connection.execute(query.execution_options(stream_results=True)) as streamed:
            yield from ([tuple(row) for row in rows] for rows in streamed.partitions(FETCH))
        return
    result = connection.execute(query)
    try:
        cursor = result.cursor
        dialect = connection.dialect
        processors = [
            (at, column.type.dialect_impl(dialect).result_processor(dialect, described[1]))
            for at, (column, described) in enumerate(zip(query.selected_columns, cursor.description, strict=True))
        ]
        convert = [(at, processor) for at, processor in processors if processor is not None]
        while rows := cursor.fetchmany(FETCH):
            plain = rows if type(rows[0]) is tuple else list(map(tuple, rows))  # pyodbc has rows of its own
            yield _convert(cast("Rows", plain), cast("list[tuple[int, Processor]]", convert))
    finally:
        result.close()


def fetch_rows(connection: Connection, query: Select[*tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Run a query and yield its rows as plain tuples."""
    return chain.from_iterable(fetch(connection, query))


def encode(dialect: Dialect, columns: Sequence[Column[Any]], rows: Rows) -> Rows:
    """Convert rows to what the driver takes; values of columns in their order."""
    return _convert(rows, _processors(dialect, columns))


def _processors(dialect: Dialect, columns: Sequence[Column[Any]]) -> list[tuple[int, Processor]]:
    processors = [(at, column_writer(column, dialect)) for at, column in enumerate(columns)]
    return [(at, processor) for at, processor in processors if processor is not None]


def _convert(rows: Rows, processors: list[tuple[int, Processor]]) -> Rows:
    if not rows or not processors:
        return rows
    columns: list[Any] = list(zip(*rows, strict=True))
    _convert_columns(columns, processors)
    return list(zip(*columns, strict=True))


def _convert_columns(columns: list[Any], processors: list[tuple[int, Processor]]) -> None:
    for at, processor in processors:
        columns[at] = _converted(columns[at], processor)


def _converted(column: Sequence[Any], processor: Processor) -> Sequence[Any]:
    if column[0] is None and column.count(None) == len(column):  # most custom columns are empty
        return column
    return [None if value is None else processor(value) for value in column]


class BulkWriter:
    """Sends many rows with one statement; `exec_driver_sql` skips SQLAlchemy's work per parameter."""

    def __init__(self, connection: Connection, database: Database) -> None:
        """Write through the connection, in its transaction."""
        self.connection = connection
        self._database = database
        self._inserts: dict[tuple[object, ...], tuple[BulkInsert, Picker | None]] = {}
        self._changes: dict[tuple[str, ...], tuple[BulkChange, Picker | None]] = {}
        self._processors: dict[TypeEngine[Any], Processor | None] = {}

    def insert(self, table: Table, names: Sequence[str], rows: Rows) -> None:
        """Insert encoded rows, their values in the order of `names`."""
        if rows:
            self._send(table, names, {}, rows)

    def insert_columns(
        self,
        table: Table,
        encoded: Mapping[str, Sequence[Any]],
        values: Mapping[str, Sequence[Any]],
        same: Mapping[str, Any],
    ) -> None:
        """Insert rows given column by column: those that the driver takes as they are, and values to be encoded.

        `same` is what all the rows have; it may become SQL text, so it is po-ingest's own, never the configuration's
        or the ERP's.
        """
        literals = {name: self._database.literal(value) for name, value in same.items()}
        written = {name: text for name, text in literals.items() if text is not None}
        (count,) = {*map(len, encoded.values()), *map(len, values.values())}
        sent = {**encoded, **{name: [value] * count for name, value in same.items() if name not in written}}
        names = [column.name for column in table.columns if column.name in sent or column.name in values]
        columns = [
            (sent[name], None) if name in sent else (values[name], self._processor(table.c[name])) for name in names
        ]
        blocks = (_encoded_rows(columns, start) for start in range(0, count, BLOCK))
        self._send(table, names, written, chain.from_iterable(blocks))

    def _processor(self, column: Column[Any]) -> Processor | None:
        """Return what encodes a column's values; columns of one type share it, and what it remembers."""
        if column.type not in self._processors:
            self._processors[column.type] = column_writer(column, self.connection.dialect)
        return self._processors[column.type]

    def _send(
        self, table: Table, names: Sequence[str], literals: Mapping[str, str], rows: Iterable[tuple[Any, ...]]
    ) -> None:
        shape = (table.name, *names, *literals.items())
        if shape not in self._inserts:
            self._inserts[shape] = compile_insert(table, names, self.connection.dialect, literals)
        bulk_insert, pick = self._inserts[shape]
        self._database.insert_rows(self.connection, bulk_insert, rows if pick is None else map(pick, rows))

    def run(self, statement: UpdateBase, names: Sequence[str], rows: Rows) -> None:
        """Run a statement for each of the encoded rows; its parameters are named as in `names`, and all of them."""
        if not rows:
            return
        shape = (str(statement), *names)
        if shape not in self._changes:
            self._changes[shape] = compile_change(statement, names, self.connection.dialect)
        change, pick = self._changes[shape]
        self._database.run_rows(self.connection, change, rows if pick is None else list(map(pick, rows)))


def _encoded_rows(columns: Iterable[tuple[Sequence[Any], Processor | None]], start: int) -> Iterable[tuple[Any, ...]]:
    """Return a block of rows, made of columns and what encodes them."""
    parts = ((column[start : start + BLOCK], processor) for column, processor in columns)
    return zip(*(part if processor is None else _converted(part, processor) for part, processor in parts), strict=True)


def compile_insert(
    table: Table, names: Sequence[str], dialect: Dialect, literals: Mapping[str, str] | None = None
) -> tuple[BulkInsert, Picker | None]:
    """Return the INSERT of these columns, which takes them in the table's order, and what brings a row into it.

    `literals` are further columns, and their values as SQL.
    """
    values: dict[str, Any] = {name: bindparam(name) for name in names}
    values.update({name: literal_column(text) for name, text in (literals or {}).items()})
    sql, pick = compile_statement(insert(table).values(values), dialect, names)
    return BulkInsert(table, tuple(column.name for column in table.columns if column.name in names), sql), pick


def compile_change(statement: UpdateBase, names: Sequence[str], dialect: Dialect) -> tuple[BulkChange, Picker | None]:
    """Return the statement with its parameters in the order of its SQL, and what brings a row into it."""
    sql, pick = compile_statement(statement, dialect, names)
    return BulkChange(statement, tuple(names) if pick is None else pick(tuple(names)), sql), pick


def compile_statement(statement: UpdateBase, dialect: Dialect, names: Sequence[str]) -> tuple[str, Picker | None]:
    """Return the SQL, and what brings a row into the order of its parameters, if it is not in it."""
    compiled = statement.compile(dialect=dialect)
    order = compiled.positiontup or []
    if order == list(names):
        return compiled.string, None
    constants = {name: value for name, value in compiled.params.items() if name not in names}
    if constants:
        raise ValueError(f"parameters without a value in each row: {sorted(constants)}")
    return compiled.string, itemgetter(*(names.index(name) for name in order))
