"""Skips, each with what to do about it."""

from __future__ import annotations

from typing import Final

import pytest

SQLITE_DRIVER: Final = "SQLite3"
POSTGRESQL_DRIVER: Final = "PostgreSQL Unicode"
POSTGRESQL_ANSI_DRIVER: Final = "PostgreSQL ANSI"
FREETDS_DRIVER: Final = "FreeTDS"


def skip_without_driver(name: str) -> None:
    """Skip the test where an ODBC driver is missing."""
    pyodbc = pytest.importorskip(
        "pyodbc", reason="pyodbc finds no ODBC: apt-get install unixodbc", exc_type=ImportError
    )
    if name not in pyodbc.drivers():
        pytest.skip(
            f"the ODBC driver {name!r} is not installed: apt-get install unixodbc libsqliteodbc odbc-postgresql tdsodbc"
        )
