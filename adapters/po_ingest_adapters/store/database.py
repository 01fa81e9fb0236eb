"""What the store needs of a kind of database: all that differs between them, one file each in `dialects`."""

from __future__ import annotations

import enum
import importlib
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol, TypeAlias, cast

import attrs
from sqlalchemy import Connection, Table
from sqlalchemy.engine import URL, Dialect, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.sql.dml import UpdateBase

from po_ingest.errors import ConfigError, StoreError
from po_ingest.settings import StoreSettings

DATABASES: Final = {
    "sqlite": "po_ingest_adapters.store.dialects.sqlite",
    "postgresql": "po_ingest_adapters.store.dialects.postgresql",
    "mssql": "po_ingest_adapters.store.dialects.mssql",
}
"""Backend name of a SQLAlchemy URL -> module with `open_database(url, settings) -> Database`."""


Rows: TypeAlias = list[tuple[Any, ...]]

COMMIT_MARK: Final = "po_ingest_commit_mark"
"""Key in `Connection.info`: the hash of the audit event that a transaction wrote last, which no other one has.

By it can be told whether the transaction was committed, when its connection was lost in that moment.
"""


@attrs.frozen(slots=True)
class BulkInsert:
    """A table, names of its columns, and the INSERT that takes their values in this order."""

    table: Table
    names: tuple[str, ...]
    sql: str


@attrs.frozen(slots=True)
class BulkChange:
    """A statement to be run for many rows of parameters, the names of these in their order, and its SQL."""

    statement: UpdateBase
    names: tuple[str, ...]
    sql: str


class Access(enum.Enum):
    """What a connection is for."""

    READ = "read"
    WRITE = "write"


class Database(Protocol):
    """A database that can hold a store."""

    @property
    def dialect(self) -> Dialect:
        """Return SQLAlchemy's dialect, with a positional parameter style."""
        ...

    @property
    def schema(self) -> str | None:
        """Return the name of the schema that holds the tables; None for the default one."""
        ...

    def label(self) -> str:
        """Return how the store is called in messages, free of secrets."""
        ...

    def is_there(self) -> bool:
        """Say whether there is something to connect to; writes nothing."""
        ...

    def prepare(self) -> None:
        """Make what must be there before a first transaction can write, such as a file or a schema."""
        ...

    def begin(self, access: Access) -> AbstractContextManager[Connection]:
        """Connect and begin a transaction: committed when the context ends well, else rolled back.

        READ sees the store at one moment; WRITE keeps other writers out from its start.
        """
        ...

    def check_rights(self) -> None:
        """Raise StoreError if this login may not write, as far as can be told without writing."""
        ...

    def insert_rows(self, connection: Connection, insert: BulkInsert, rows: Iterable[tuple[Any, ...]]) -> None:
        """Insert encoded rows, in the order of the insert's names, the fastest way that the driver has."""
        ...

    def literal(self, value: Any) -> str | None:  # noqa: ANN401 - whatever a driver takes
        """Return a value as SQL, if an INSERT of many rows that all have it is faster with it in its text."""
        ...

    def run_rows(self, connection: Connection, change: BulkChange, rows: Rows) -> None:
        """Run a statement for each row of parameters, within what the driver may be sent at once."""
        ...

    def schema_ddl(self) -> Sequence[str]:
        """Return the DDL that makes the schema of the tables; none where there are no schemas."""
        ...

    def append_only(self, table: Table) -> Sequence[str]:
        """Return the DDL that makes the database refuse to change or delete the table's rows (R14)."""
        ...

    def explain(self, error: Exception) -> StoreError:
        """Tell an error of the driver to the user; transient where trying again may help (R12)."""
        ...

    def lock(self, erp: str) -> AbstractContextManager[bool]:
        """Take the lock of an ERP, which dies with its process; gives False if it is taken."""
        ...

    def is_locked(self, erp: str) -> bool:
        """Say whether the lock is taken; writes nothing."""
        ...


class _Module(Protocol):
    def open_database(self, url: URL, settings: StoreSettings) -> Database: ...


def open_database(settings: StoreSettings) -> Database:
    """Return the database that the settings name, without connecting. Raises ConfigError."""
    try:
        url = make_url(settings.url)
    except (ArgumentError, ValueError):  # a port that is no number
        raise ConfigError(
            "store.url cannot be read", hint="expected a SQLAlchemy URL such as sqlite:///po-ingest.db"
        ) from None
    name = url.get_backend_name()
    if name not in DATABASES:
        raise ConfigError(f"store.url names an unknown database {name!r}", hint=f"known are: {', '.join(DATABASES)}")
    module = cast("_Module", importlib.import_module(DATABASES[name]))
    return module.open_database(url, settings)
