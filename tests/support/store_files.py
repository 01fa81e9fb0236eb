"""Helpers for tests of stores in SQLite files: rights, remains, raw SQL."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

NOBODY: Final = 65534


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder and their bytes."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def raw(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """Run SQL past the store and its types."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(sql).fetchall()


@contextmanager
def without_rights(folder: Path) -> Iterator[None]:
    """Make a folder and its files read-only, and drop root's rights to write all the same."""
    if os.name != "posix":
        pytest.skip("needs POSIX rights")
    is_root = os.geteuid() == 0
    parents = [parent for parent in (folder, *folder.parents) if parent.stat().st_uid == os.geteuid()]
    modes = {path: path.stat().st_mode for path in [*parents, *folder.iterdir()]}
    for path in parents:
        path.chmod(0o555 if path == folder else modes[path] | 0o555)
    for path in folder.iterdir():
        path.chmod(0o444)
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        for path, mode in modes.items():
            if path.exists():
                path.chmod(mode)
