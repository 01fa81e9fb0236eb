"""What holds for all tests: hypothesis profiles, and a clean environment. Skips are listed at the end (`-ra`)."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final, NoReturn

import hypothesis
import pytest
import structlog

from po_ingest import hiding
from po_ingest.ports import Store
from po_ingest_adapters.failing import FailurePlan
from po_ingest_adapters.store import sql
from support import world
from support.failing_store import FailingStore
from support.fault_counts import pytest_terminal_summary
from support.mssql_emulator import Server
from support.odbc_driver_18 import driver_18
from support.store_builders import sqlite_store
from support.store_mssql import Mssql, emulated_store, is_given, mssql_stores
from support.store_postgres import Postgres, postgres_stores
from support.tds_server import TdsServer

hypothesis.settings.register_profile("dev", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what it puts into the background so. The tests' processes would inherit it: no Ctrl-C ended them.
    signal.signal(signal.SIGINT, signal.default_int_handler)

__all__ = ["pytest_terminal_summary"]
OF_THE_USER: Final = ("PO_INGEST_CONFIG", "PO_INGEST_ERP", "NO_COLOR", "FORCE_COLOR", "COLUMNS")
"""Variables that a developer may have set, and that would change what the tests see."""


@pytest.fixture(autouse=True)
def _no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OF_THE_USER:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _no_secrets_of_other_tests() -> Iterator[None]:
    yield
    hiding.forget()


@pytest.fixture(autouse=True)
def _holders_of_locks_are_known_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare tests that hold a lock themselves the wait for a run that would say who it is."""
    monkeypatch.setattr(sql, "HOLDER_PATIENCE", 0.0)


def _drop(*_: object) -> NoReturn:
    raise structlog.DropEvent


@pytest.fixture(autouse=True)
def _no_log_on_the_terminal() -> None:
    """Spare failing nights the rendering of tracebacks that nobody reads; tests of the log configure their own."""
    structlog.configure(processors=[_drop])


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Return a server for stores, one for all tests of this process."""
    with postgres_stores() as running:
        yield running


@pytest.fixture
def tds(tmp_path: Path) -> Iterator[TdsServer]:
    """Return a server that Microsoft's driver can talk to, and that is none."""
    driver_18()
    with TdsServer(Server(tmp_path / "tds.db", golden=None)).running() as server:
        yield server


@pytest.fixture(scope="session")
def mssql() -> Iterator[Mssql]:
    """Return a SQL Server for stores, if one is given."""
    with mssql_stores() as running:
        yield running


@pytest.fixture(params=["memory", "sqlite", "postgresql", "mssql-emulated", *(["mssql"] if is_given() else [])])
def everywhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run a test of a small world on each kind of store."""
    if request.param == "memory":
        return
    if request.param == "sqlite":
        files = (tmp_path / f"world_{number}.db" for number in count(1))
        monkeypatch.setattr(world, "new_store", lambda plan: FailingStore(sqlite_store(next(files)), plan))
        return
    if request.param == "mssql-emulated":
        folders = (tmp_path / f"world_{number}" for number in count(1))
        monkeypatch.setattr(world, "new_store", lambda plan: FailingStore(emulated_store(next(folders)), plan))
        return
    if request.param == "mssql":
        server: Mssql = request.getfixturevalue("mssql")
        monkeypatch.setattr(world, "new_store", lambda plan: FailingStore(server.fresh(), plan))
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    schemas = (f"world_{number}" for number in count(1))

    def new_store(plan: FailurePlan) -> Store:
        return FailingStore(postgres.fresh(schema=next(schemas)), plan)

    monkeypatch.setattr(world, "new_store", new_store)
