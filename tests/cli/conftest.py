"""Folders to call `po-ingest` in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs
import pytest

from support import mssql_emulator
from support.command_line import Home, live, make_home
from support.places import OnEmulator, OnMssql, OnPostgres, Place
from support.store_mssql import Mssql, is_given
from support.store_postgres import Postgres

EVERYWHERE: Final = {"test_cli_nightly", "test_cli_reading", "test_cli_status", "test_cli_tampering", "test_cli_upkeep"}
"""Files whose tests run with a store of each kind, but for those marked `of_sqlite`."""
NOT_EMULATED: Final = {"test_cli_tampering"}
"""Of these, those that lay hands on the tables in SQL that the stand-in for SQL Server does not know."""
KINDS: Final = ("sqlite", "postgresql", "mssql-emulated", *(["mssql"] if is_given() else []))
PASSWORD: Final = "Geheim-4711"  # noqa: S105 - the tests' PostgreSQL asks nobody
MARKS: Final = (
    "of_sqlite: what is tested is SQLite's, or has nothing to do with the store",
    "as_a_process: the command is a process of its own, which cannot find what this one emulates",
)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks."""
    for mark in MARKS:
        config.addinivalue_line("markers", mark)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests with a store of each kind."""
    if "place" not in metafunc.fixturenames or Path(metafunc.definition.path).stem not in EVERYWHERE:
        return
    if metafunc.definition.get_closest_marker("of_sqlite") is None:
        is_process = metafunc.definition.get_closest_marker("as_a_process") is not None
        if Path(metafunc.definition.path).stem in NOT_EMULATED:
            kinds = ["sqlite", "postgresql"]
        else:
            kinds = [kind for kind in KINDS if not (is_process and kind == "mssql-emulated")]
        metafunc.parametrize("place", kinds, indirect=True, scope="session")


@pytest.fixture(scope="session")
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Place | None]:
    """Return what makes the place of a home's store; None for a file in its folder."""
    kind = getattr(request, "param", "sqlite")
    if kind == "sqlite":
        return lambda _: None
    return on_server(kind, request, tmp_path_factory)


@pytest.fixture(params=[kind for kind in KINDS if kind != "sqlite"])
def elsewhere(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return a place on each kind of server, with nothing there, that takes a password."""
    there = on_server(request.param, request, tmp_path_factory)("elsewhere")
    return attrs.evolve(there, password=PASSWORD) if isinstance(there, OnPostgres) else there


def on_server(
    kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Place]:
    """Return what makes places on a server."""
    if kind == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")

        def on_postgres(name: str) -> Place:
            postgres.fresh(schema=name)
            return OnPostgres(postgres, name)

        return on_postgres
    if kind == "mssql-emulated":
        return lambda name: OnEmulator(mssql_emulator.Server(tmp_path_factory.mktemp(name) / "sqlserver.db"))
    mssql: Mssql = request.getfixturevalue("mssql")
    return lambda _: OnMssql(mssql, mssql.fresh_url())


@pytest.fixture
def home(tmp_path: Path, place: Callable[[str], Place | None]) -> Home:
    """Return a configuration and an ERP without lines; the folder's name has a blank."""
    return make_home(tmp_path / "a home", place("home"))


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory, place: Callable[[str], Place | None]) -> Home:
    """Return a store with a history, for looking at only."""
    home = make_home(tmp_path_factory.mktemp("lived") / "a home", place("lived"))
    live(home)
    return home
