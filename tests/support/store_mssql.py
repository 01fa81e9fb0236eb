"""Stores on SQL Server: on a server that is given or started in a container, and on the emulator, always there.

`PO_INGEST_TEST_MSSQL` is a SQLAlchemy URL of a login that may create databases, such as
`mssql+pyodbc://sa:...@localhost:1433/master?TrustServerCertificate=yes`; `PO_INGEST_TEST_MSSQL=container` starts one
with Docker and testcontainers, from the image in `PO_INGEST_TEST_MSSQL_IMAGE` or testcontainers' own choice.
"""

from __future__ import annotations

import importlib.util
import os
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from sqlalchemy.engine import URL, make_url

from po_ingest.settings import StoreSettings
from po_ingest_adapters.store.dialects import mssql_connect
from po_ingest_adapters.store.sql import SqlStore, create
from support.mssql_emulator import Server
from support.odbc_driver_18 import driver_18

VARIABLE: Final = "PO_INGEST_TEST_MSSQL"
IMAGE: Final = "PO_INGEST_TEST_MSSQL_IMAGE"
CONTAINER: Final = "container"
PASSWORD: Final = "Geheim-4711-Pq"  # noqa: S105 - of a server that lives as long as the tests
REASON: Final = f"no SQL Server: set {VARIABLE} to a URL, or to {CONTAINER!r} where Docker is"
COLLATIONS: Final = ("Turkish_CI_AI", "Latin1_General_CS_AS", "Japanese_XJIS_100_CI_AI")
"""Of the databases, in turn: nothing may depend on it."""


@attrs.define
class Mssql:
    """A running server; each store has a database of its own, each second one with READ_COMMITTED_SNAPSHOT."""

    url: URL
    made: list[str] = attrs.field(factory=list)
    numbers: Iterator[int] = attrs.field(factory=lambda: count(1))

    def sql(self, statement: str, *parameters: object, database: str = "master") -> list[tuple[Any, ...]]:
        """Run SQL past the store and its types."""
        target = mssql_connect.target(self.url.set(database=database))
        with closing(mssql_connect.connect(target, mssql_connect.driver())) as connection:
            cursor = connection.execute(statement, *parameters)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def fresh(self) -> SqlStore:
        """Return a store that nobody has made yet, in a new database."""
        return create(StoreSettings(url=self.fresh_url()))

    def fresh_url(self) -> str:
        """Make a new database, and return a store's URL for it."""
        number = next(self.numbers)
        name = f"po_ingest_test_{os.getpid()}_{number}"
        self.sql(f"CREATE DATABASE [{name}] COLLATE {COLLATIONS[number % len(COLLATIONS)]}")
        self.made.append(name)
        self.sql(f"ALTER DATABASE [{name}] SET ALLOW_SNAPSHOT_ISOLATION ON")
        self.sql(f"ALTER DATABASE [{name}] SET READ_COMMITTED_SNAPSHOT {'ON' if number % 2 else 'OFF'}")
        return self.url.set(database=name).render_as_string(hide_password=False)

    def drop(self) -> None:
        """Drop all databases that were made."""
        for name in self.made:
            self.sql(f"ALTER DATABASE [{name}] SET SINGLE_USER WITH ROLLBACK IMMEDIATE")
            self.sql(f"DROP DATABASE [{name}]")
        self.made.clear()


def is_given() -> bool:
    """Say whether the tests shall run on a real server."""
    return bool(os.environ.get(VARIABLE))


@contextmanager
def mssql_stores() -> Iterator[Mssql]:
    """Find or start a server; skip where there is none."""
    given = os.environ.get(VARIABLE, "")
    if not given:
        pytest.skip(REASON)
    with ExitStack() as stack:
        server = Mssql(with_driver(stack.enter_context(_container()) if given == CONTAINER else given))
        stack.callback(server.drop)
        yield server


def with_driver(url: str) -> URL:
    """Return the URL with the driver that is here, unless it names one."""
    made = make_url(url)
    return made if "driver" in made.query else made.update_query_dict({"driver": driver_18()})


def wait(seconds: float = 180.0) -> None:
    """Wait until the server that is given answers."""
    server, end = Mssql(with_driver(os.environ[VARIABLE])), time.monotonic() + seconds
    while True:
        try:
            print(server.sql("SELECT @@VERSION")[0][0])  # noqa: T201 - for the log of the run
        except mssql_connect.driver().Error:
            if time.monotonic() > end:
                raise
            time.sleep(2)
        else:
            return


@contextmanager
def _container() -> Iterator[str]:
    if importlib.util.find_spec("testcontainers") is None:
        pytest.skip("testcontainers is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own affair
        from testcontainers.mssql import SqlServerContainer  # noqa: PLC0415 - takes Docker's client along

    image = os.environ.get(IMAGE)
    made = SqlServerContainer(image, password=PASSWORD) if image else SqlServerContainer(password=PASSWORD)
    with made as running:
        host, port = running.get_container_host_ip(), running.get_exposed_port(1433)
        yield f"mssql+pyodbc://SA:{PASSWORD}@{host}:{port}/master?TrustServerCertificate=yes"


def emulated_store(folder: Path) -> SqlStore:
    """Return a store that nobody has made yet on a server that is none."""
    folder.mkdir(parents=True, exist_ok=True)
    return Server(folder / "sqlserver.db").store()


if __name__ == "__main__":
    wait()
