"""Ids of new rows: known before the rows are sent, and without gaps."""

from __future__ import annotations

from sqlalchemy import Connection, Table, func, select


def reserve_ids(connection: Connection, table: Table, count: int) -> int:
    """Return the first of `count` ids in a row that nobody else gets, in a transaction for writing.

    It keeps other writers out from its start (see `Database.begin`), so the highest id is asked for once.
    """
    reserved: dict[str, int] = connection.info.setdefault("reserved ids", {})
    if table.name not in reserved:
        highest: int | None = connection.execute(select(func.max(table.c.id))).scalar()
        reserved[table.name] = (highest or 0) + 1
    first = reserved[table.name]
    reserved[table.name] += count
    return first
