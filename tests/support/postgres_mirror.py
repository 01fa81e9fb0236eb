"""A copy of a store on PostgreSQL in a SQLite file, in the text forms of the contract, for checks in SQLite's SQL."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import attrs

from support.store_postgres import SCHEMA, Postgres


def _text_form(value: object) -> object:
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z"
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


@attrs.frozen
class PostgresMirror:
    """Copies tables as they are now."""

    postgres: Postgres
    path: Path
    tables: tuple[str, ...]

    def refresh(self) -> None:
        with closing(sqlite3.connect(self.path)) as copy, copy, self.postgres.connection() as connection:
            for table in self.tables:
                cursor = connection.execute(f"SELECT * FROM {SCHEMA}.{table}".encode())  # noqa: S608 - a test's name
                names = [column.name for column in cursor.description or ()]
                copy.execute(f"DROP TABLE IF EXISTS {table}")
                copy.execute(f"CREATE TABLE {table} ({', '.join(names)})")
                copy.executemany(
                    f"INSERT INTO {table} VALUES ({', '.join('?' * len(names))})",  # noqa: S608 - as above
                    ([_text_form(value) for value in row] for row in cursor),
                )
