"""The ERP source `csv`: each file NAME.csv of a folder is a table NAME, queried with SQLite's SQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import attrs

from po_ingest.errors import ConfigError, ErpError, ExitCode
from po_ingest.ports import Finding, ResultSet
from po_ingest.settings import CsvSettings, ErpSettings
from po_ingest_adapters.erp.csv_loading import load, tables
from po_ingest_adapters.erp.sqlite_reading import SqliteQuery

NO_DELIMITERS: Final = '"\r\n\0'


@attrs.frozen(kw_only=True)
class CsvErpSource:
    """Reads CSV files; each query loads those that it names into a private database that is gone with it."""

    folder: Path
    format: CsvSettings
    fetch_size: int = 5000
    query_timeout: float = 300

    @contextmanager
    def query(self, sql: str) -> Iterator[ResultSet]:
        """Run a query over the files. Raises ErpError."""
        files = tables(self.folder)
        with closing(sqlite3.connect("", isolation_level=None)) as connection:  # SQLite's own unnamed temporary file
            connection.execute("PRAGMA journal_mode = OFF")  # what is loaded halfway is thrown away with the file
            for name in files:
                if may_be_named(name, sql):
                    load(connection, name, files[name], self.format)
            query = SqliteQuery(
                connection=connection,
                sql=sql,
                source=f"the folder {self.folder}",
                tables=lambda: list(files),
                fetch_size=self.fetch_size,
                timeout=self.query_timeout,
            )
            with query.result() as result:
                yield result

    def check(self) -> Sequence[Finding]:
        """Look which tables the folder has."""
        try:
            files = tables(self.folder)
        except ErpError as error:
            return [Finding("erp connection", "failed", error.message, error.hint, ExitCode.ERP)]
        if not files:
            return [
                Finding(
                    "erp connection",
                    "failed",
                    f"the folder {self.folder} has no CSV file",
                    "export the ERP's tables there, or correct erp.connection",
                    ExitCode.ERP,
                )
            ]
        return [
            Finding("erp connection", "ok", f"the folder {self.folder} can be read; tables: {len(files)}"),
            Finding("erp privileges", "ok", "the files are opened read-only"),
        ]


def may_be_named(table: str, sql: str) -> bool:
    """Say whether the table's name occurs in a query, wherever."""
    return '"' in table or table.casefold() in sql.casefold()


def create(settings: ErpSettings) -> CsvErpSource:
    """Return the source; a relative folder starts at the configuration's. Raises ConfigError."""
    try:
        "".encode(settings.csv.encoding)
    except LookupError:
        raise ConfigError(
            "erp.csv.encoding: is no encoding that Python knows", hint="expected a name such as utf-8 or cp1252"
        ) from None
    if len(settings.csv.delimiter) != 1 or settings.csv.delimiter in NO_DELIMITERS:
        raise ConfigError(
            "erp.csv.delimiter: cannot separate cells", hint="expected one character, no quote and no line end"
        )
    return CsvErpSource(
        folder=(settings.folder / settings.connection).absolute(),
        format=settings.csv,
        fetch_size=settings.fetch_size,
        query_timeout=settings.query_timeout,
    )
