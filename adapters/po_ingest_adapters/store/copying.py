"""Moves a whole history from one database to another, and proves that both have the same (`store copy`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final

import attrs
from sqlalchemy import Column, Connection, Table, select, type_coerce
from sqlalchemy.sql.elements import ColumnElement

from po_ingest.audit_verify import verify as verify_audit
from po_ingest.errors import ConfigError, PoIngestError
from po_ingest.fields import quantize, to_text
from po_ingest.ports import CopiedTable, Progress
from po_ingest_adapters.store.bulk import BulkWriter, encode, fetch_rows
from po_ingest_adapters.store.column_types import LONG_TEXT, JsonText
from po_ingest_adapters.store.database import Database, Rows
from po_ingest_adapters.store.schema import Tables
from po_ingest_adapters.store.view import SqlView

PAGE: Final = 5000
"""Rows that are held at a time."""
DIGEST_SIZE: Final = 32


@attrs.frozen
class Side:
    """One of the two stores, in a transaction; `told` tells its errors, and not the other's, as its own."""

    connection: Connection
    database: Database
    tables: Tables
    told: Callable[[], AbstractContextManager[None]]

    def all_tables(self) -> list[Table]:
        """Return the tables of a history, each after those that it refers to."""
        return [table for table in self.tables.metadata.sorted_tables if table is not self.tables.version]

    def pages(self, table: Table) -> Iterator[Rows]:
        """Yield a table's rows by key, some at a time. Raises PoIngestError where a value is none of its type."""
        (key,) = table.primary_key.columns
        place = list(table.columns).index(key)
        query = select(*map(_as_kept, table.columns)).order_by(key).limit(PAGE)
        rows = self._rows(table, query)
        while rows:
            yield rows
            rows = self._rows(table, query.where(key > rows[-1][place]))

    def _rows(self, table: Table, query: Any) -> Rows:  # noqa: ANN401 - a Select of any columns
        try:
            with self.told():
                return list(fetch_rows(self.connection, query))
        except (ValueError, ArithmeticError) as error:
            raise PoIngestError(
                f"the table {table.name} of {self.database.label()} has a value that is none of its type: {error}",
                hint="it was changed by hand; `po-ingest store verify` may name the line",
            ) from error

    def require_empty(self) -> None:
        """Raise ConfigError if there is a row in any table."""
        for table in self.all_tables():
            if self.connection.execute(select(*table.primary_key.columns).limit(1)).first() is not None:
                raise ConfigError(
                    f"{self.database.label()} is not empty: {table.name} has rows",
                    hint="name a database that has no history yet; nothing was changed",
                )


class _Content:
    """Counts and digests rows; in whatever order they come, since databases sort texts differently."""

    def __init__(self) -> None:
        self.rows = 0
        self._sum = 0

    def add(self, rows: Rows) -> None:
        self.rows += len(rows)
        for row in rows:
            text = repr(tuple(map(_canonical, row))).encode("utf-8", "surrogatepass")
            self._sum += int.from_bytes(blake2b(text, digest_size=DIGEST_SIZE).digest(), "big")

    @property
    def digest(self) -> str:
        return f"{self._sum % 2 ** (8 * DIGEST_SIZE):0{2 * DIGEST_SIZE}x}"


def copy_tables(source: Side, target: Side, progress: Progress) -> list[CopiedTable]:
    """Copy all rows, ids and all, then read them back from the target and compare. Raises PoIngestError if they differ.

    Both are in a transaction: nothing remains of a copy that cannot be proved.
    """
    there = {table.name: table for table in target.all_tables()}
    writer = BulkWriter(target.connection, target.database)
    copied = [_copy(source, table, writer, there[table.name], progress) for table in source.all_tables()]
    progress.stage("compare")
    for table in copied:
        _require_equal(table, _content(target, there[table.table], progress))
    _require_sound_trail(target)
    return copied


def _copy(source: Side, table: Table, writer: BulkWriter, target: Table, progress: Progress) -> CopiedTable:
    progress.stage(table.name)
    names = [each.name for each in table.columns]
    columns = [Column(each.name, LONG_TEXT) if isinstance(each.type, JsonText) else each for each in target.columns]
    content = _Content()
    for rows in source.pages(table):
        content.add(rows)
        writer.insert(target, names, encode(writer.connection.dialect, columns, rows))
        progress.advance(len(rows))
    return CopiedTable(table.name, content.rows, content.digest)


def _content(side: Side, table: Table, progress: Progress) -> CopiedTable:
    content = _Content()
    for rows in side.pages(table):
        content.add(rows)
        progress.advance(len(rows))
    return CopiedTable(table.name, content.rows, content.digest)


def _require_equal(source: CopiedTable, target: CopiedTable) -> None:
    if source != target:
        what = f"{source.rows} and {target.rows} rows" if source.rows != target.rows else "other values"
        raise PoIngestError(
            f"the copy of {source.table} is not equal: {what}", hint="nothing was kept; please report this"
        )


def _require_sound_trail(side: Side) -> None:
    found = verify_audit(SqlView(side.connection, side.tables).audit_events(), (), None)
    for fault in found.faults:
        raise PoIngestError(
            f"the audit trail has a fault, in the source as well: {fault.where}: {fault.what}",
            hint="see `po-ingest audit verify`; nothing was kept of the copy",
        )


def erps(connection: Connection, tables: Tables) -> Sequence[str]:
    """Return the labels of the ERPs whose runs or lines a store has."""
    found = {
        erp
        for table in (tables.run, tables.line)
        for erp in connection.execute(select(table.c.erp).distinct()).scalars()
    }
    return sorted(found)


def _as_kept(kept: Column[Any]) -> ColumnElement[Any]:
    """Return a column to read; JSON as the text that it is kept as, to the letter."""
    return type_coerce(kept, LONG_TEXT) if isinstance(kept.type, JsonText) else kept


def _canonical(value: object) -> object:
    """Return a value in the one form that it has whatever the database: text, number as text, or None."""
    if value is None or type(value) is str:
        return value
    if isinstance(value, Decimal):
        return str(quantize(value))
    if isinstance(value, (datetime, date)):
        return to_text(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, int):  # a flag, too
        return str(int(value))
    return bytes(value).hex()  # type: ignore[call-overload]  # the driver's bytes or memoryview
