"""Folders to call `po-ingest` in."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.command_line import Home, live, make_home
from support.store_postgres import Postgres

EVERYWHERE = {"test_cli_nightly", "test_cli_reading", "test_cli_tampering", "test_cli_upkeep"}
"""Files whose tests run with a store of each kind, but for those marked `of_sqlite`."""


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark."""
    config.addinivalue_line("markers", "of_sqlite: what is tested is SQLite's, or has nothing to do with the store")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests with a store of each kind."""
    if "postgres_or_not" not in metafunc.fixturenames or Path(metafunc.definition.path).stem not in EVERYWHERE:
        return
    if metafunc.definition.get_closest_marker("of_sqlite") is None:
        metafunc.parametrize("postgres_or_not", ["sqlite", "postgresql"], indirect=True, scope="session")


@pytest.fixture(scope="session")
def postgres_or_not(request: pytest.FixtureRequest) -> Postgres | None:
    """Return where a home's store shall be; None for a file in its folder."""
    kind = getattr(request, "param", "sqlite")
    return request.getfixturevalue("postgres") if kind == "postgresql" else None


@pytest.fixture
def home(tmp_path: Path, postgres_or_not: Postgres | None) -> Home:
    """Return a configuration and an ERP without lines; the folder's name has a blank."""
    return make_home(tmp_path / "a home", postgres_or_not, "home")


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory, postgres_or_not: Postgres | None) -> Home:
    """Return a store with a history, for looking at only."""
    home = make_home(tmp_path_factory.mktemp("lived") / "a home", postgres_or_not, "lived")
    live(home)
    return home
