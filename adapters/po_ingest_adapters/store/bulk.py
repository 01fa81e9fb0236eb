"""Many rows at once: SQL compiled once per shape, values converted column by column, plain tuples in and out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Final, TypeAlias, cast

from sqlalchemy import Column, Connection, Select, Table, bindparam, insert
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.dml import UpdateBase

from po_ingest_adapters.store.column_types import AsText, Processor
from po_ingest_adapters.store.database import BulkChange, BulkInsert, Database, Rows

Picker: TypeAlias = Callable[[tuple[Any, ...]], tuple[Any, ...]]

FETCH: Final = 5000
"""Rows read from the driver at a time."""
LONG: Final = {"po_ingest_long": True}
"""Execution options of a query with any number of rows: a driver that would take them all at once shall not."""
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


def encode_columns(dialect: Dialect, columns: Sequence[Column[Any]], rows: Rows) -> dict[str, Sequence[Any]]:
    """Convert rows to what the driver takes, and return them column by column; there is at least one row."""
    converted: list[Any] = list(zip(*rows, strict=True))
    _convert_columns(converted, _processors(dialect, columns))
    return dict(zip([column.name for column in columns], converted, strict=True))


def _processors(dialect: Dialect, columns: Sequence[Column[Any]]) -> list[tuple[int, Processor]]:
    processors = [(at, _column_writer(column, dialect)) for at, column in enumerate(columns)]
    return [(at, processor) for at, processor in processors if processor is not None]


def _column_writer(column: Column[Any], dialect: Dialect) -> Processor | None:
    kind = column.type.dialect_impl(dialect)
    return kind.column_writer() if isinstance(kind, AsText) else kind.bind_processor(dialect)


def _convert(rows: Rows, processors: list[tuple[int, Processor]]) -> Rows:
    if not rows or not processors:
        return rows
    columns: list[Any] = list(zip(*rows, strict=True))
    _convert_columns(columns, processors)
    return list(zip(*columns, strict=True))


def _convert_columns(columns: list[Any], processors: list[tuple[int, Processor]]) -> None:
    for at, processor in processors:
        if any(value is not None for value in columns[at]):  # most custom columns are empty
            columns[at] = [None if value is None else processor(value) for value in columns[at]]


class BulkWriter:
    """Sends many rows with one statement; `exec_driver_sql` skips SQLAlchemy's work per parameter."""

    def __init__(self, connection: Connection, database: Database) -> None:
        """Write through the connection, in its transaction."""
        self.connection = connection
        self._database = database
        self._inserts: dict[tuple[str, ...], tuple[BulkInsert, Picker | None]] = {}
        self._changes: dict[tuple[str, ...], tuple[BulkChange, Picker | None]] = {}

    def insert(self, table: Table, names: Sequence[str], rows: Rows) -> None:
        """Insert encoded rows, their values in the order of `names`."""
        if not rows:
            return
        shape = (table.name, *names)
        if shape not in self._inserts:
            self._inserts[shape] = compile_insert(table, names, self.connection.dialect)
        bulk_insert, pick = self._inserts[shape]
        self._database.insert_rows(self.connection, bulk_insert, rows if pick is None else list(map(pick, rows)))

    def insert_columns(self, table: Table, columns: Mapping[str, Iterable[Any]]) -> None:
        """Insert encoded rows, given column by column; a column that is the same in all rows may be endless."""
        names = [column.name for column in table.columns if column.name in columns]
        self.insert(table, names, list(zip(*(columns[name] for name in names), strict=False)))

    def run(self, statement: UpdateBase, names: Sequence[str], rows: Rows) -> None:
        """Run a statement for each of the encoded rows; its parameters are named as in `names`, and all of them."""
        if not rows:
            return
        shape = (str(statement), *names)
        if shape not in self._changes:
            self._changes[shape] = compile_change(statement, names, self.connection.dialect)
        change, pick = self._changes[shape]
        self._database.run_rows(self.connection, change, rows if pick is None else list(map(pick, rows)))


def compile_insert(table: Table, names: Sequence[str], dialect: Dialect) -> tuple[BulkInsert, Picker | None]:
    """Return the INSERT of these columns, which takes them in the table's order, and what brings a row into it."""
    sql, pick = compile_statement(insert(table).values({name: bindparam(name) for name in names}), dialect, names)
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
