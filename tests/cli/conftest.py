"""Folders to call `po-ingest` in."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.command_line import Home, live, make_home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Return a configuration and an ERP without lines; the folder's name has a blank."""
    return make_home(tmp_path / "a home")


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Return a store with a history, for looking at only."""
    home = make_home(tmp_path_factory.mktemp("lived") / "a home")
    live(home)
    return home
