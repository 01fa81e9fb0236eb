"""A copy of a store on a server in a SQLite file, in the text forms of the contract, for checks in SQLite's SQL."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import attrs

from po_ingest_adapters.store.schema import tables
from support.places import Place


def _text_form(value: object) -> object:
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z"
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


@attrs.frozen
class Mirror:
    """Copies tables as they are now."""

    place: Place
    path: Path
    tables: tuple[str, ...]

    def refresh(self) -> None:
        known = tables(None).metadata.tables
        with closing(sqlite3.connect(self.path)) as copy, copy:
            for table in self.tables:
                names = ", ".join(known[table].columns.keys())
                marks = ", ".join("?" * len(known[table].columns))
                copy.execute(f"DROP TABLE IF EXISTS {table}")
                copy.execute(f"CREATE TABLE {table} ({names})")
                copy.executemany(
                    f"INSERT INTO {table} VALUES ({marks})",  # noqa: S608 - the schema's names
                    ([_text_form(value) for value in row] for row in self.place.sql(f"SELECT {names} FROM {table}")),  # noqa: S608 - as above
                )
