"""What the contract suite of the ERP sources needs of each: an ERP that it can fill, and look into from outside."""

from __future__ import annotations

import csv
import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

import psutil

from po_ingest.model import RawRow
from po_ingest.ports import ErpSource
from po_ingest.settings import ErpSettings
from po_ingest_adapters.erp import csv as csv_source
from po_ingest_adapters.erp import sqlite as sqlite_source
from po_ingest_adapters.erp.memory import MemoryErpSource

Rows = Sequence[RawRow]


class Harness(Protocol):
    """An ERP to test a source with."""

    all_text: bool  # every value comes as text

    def load(self, table: str, columns: Mapping[str, str], rows: Rows) -> None:
        """Create a table (column -> SQL type) with rows."""
        ...

    def source(self, fetch_size: int = 5000) -> ErpSource:
        """Return the source under test."""
        ...

    def answer(self, sql: str, columns: Sequence[str], rows: Rows) -> None:
        """Prepare an answer, where the ERP cannot compute it."""
        ...

    def connections(self) -> int:
        """Return how many connections of the source are open, as the ERP or the operating system tells."""
        ...

    def content(self, table: str) -> list[RawRow]:
        """Return a table's rows, read past the source."""
        ...


class MemoryHarness:
    all_text = False

    def __init__(self) -> None:
        self.erp = MemoryErpSource()

    def load(self, table: str, columns: Mapping[str, str], rows: Rows) -> None:
        self.erp.tables[table] = (list(columns), list(rows))

    def source(self, fetch_size: int = 5000) -> ErpSource:
        self.erp.chunk_size = fetch_size
        return self.erp

    def answer(self, sql: str, columns: Sequence[str], rows: Rows) -> None:
        self.erp.queries[sql] = (columns, rows)

    def connections(self) -> int:
        return self.erp.open_queries

    def content(self, table: str) -> list[RawRow]:
        return list(self.erp.tables[table][1])


def open_files_under(folder: Path) -> int:
    """Count the files that this process holds open in a folder."""
    return sum(Path(file.path).is_relative_to(folder) for file in psutil.Process(os.getpid()).open_files())


class SqliteHarness:
    all_text = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "the erp?.db"

    def load(self, table: str, columns: Mapping[str, str], rows: Rows) -> None:
        declared = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        places = ", ".join("?" * len(columns))
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(f"CREATE TABLE {table} ({declared})")
            connection.executemany(f"INSERT INTO {table} VALUES ({places})", rows)  # noqa: S608 - names of the tests' own

    def settings(self, fetch_size: int) -> ErpSettings:
        return ErpSettings(connection=self.path.name, folder=self.folder, fetch_size=fetch_size)

    def source(self, fetch_size: int = 5000) -> ErpSource:
        return sqlite_source.create(self.settings(fetch_size))

    def answer(self, sql: str, columns: Sequence[str], rows: Rows) -> None:
        """SQLite computes its answers."""

    def connections(self) -> int:
        return open_files_under(self.folder)

    def content(self, table: str) -> list[RawRow]:
        with closing(sqlite3.connect(self.path)) as connection:
            return list(connection.execute(f"SELECT * FROM {table}"))  # noqa: S608 - names of the tests' own


class CsvHarness:
    all_text = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, table: str, columns: Mapping[str, str], rows: Rows) -> None:
        with (self.folder / f"{table}.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, quoting=csv.QUOTE_ALL)
            writer.writerow(columns)
            writer.writerows(rows)

    def source(self, fetch_size: int = 5000) -> ErpSource:
        return csv_source.create(ErpSettings(connection=".", folder=self.folder, fetch_size=fetch_size))

    def answer(self, sql: str, columns: Sequence[str], rows: Rows) -> None:
        """SQLite computes the answers."""

    def connections(self) -> int:
        return open_files_under(self.folder)

    def content(self, table: str) -> list[RawRow]:
        with (self.folder / f"{table}.csv").open(encoding="utf-8", newline="") as stream:
            return [tuple(cell or None for cell in row) for row in list(csv.reader(stream))[1:]]
