"""ODBC connection strings: their parts, and how what is secret in them is kept out of messages (R16)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from po_ingest.hiding import MASK, bare, connection_secrets, parts

SQL_SERVER_DRIVER: Final = re.compile(
    r"for SQL Server|SQL Server Native Client|msodbcsql|FreeTDS|tdsodbc", re.IGNORECASE
)
"""Drivers, by name or by file, that know ApplicationIntent. The one of Windows itself, `SQL Server`, does not."""


def value(connection: str, keyword: str) -> str | None:
    """Return the first value of a keyword, without braces."""
    return next((bare(text) for name, text in parts(connection) if name == keyword), None)


def scrub(message: str, connection: str) -> str:
    """Return a message with all secrets of the connection string hidden."""
    for secret in sorted(connection_secrets(connection), key=lambda text: (-len(text), text)):
        message = re.sub(re.escape(secret), MASK, message, flags=re.IGNORECASE)
    return message


def with_read_only_intent(connection: str, data_sources: Callable[[], Mapping[str, str]]) -> str:
    """Return the connection string with ApplicationIntent=ReadOnly, if its driver is one for SQL Server.

    An intent that is there already stays. `data_sources` gives the drivers of the data sources by their names.
    """
    if value(connection, "applicationintent") is not None:
        return connection
    driver = value(connection, "driver")
    source = value(connection, "dsn")
    if driver is None and source is not None:
        driver = data_sources().get(source)
    if driver is None or not SQL_SERVER_DRIVER.search(driver):
        return connection
    return f"ApplicationIntent=ReadOnly;{connection}"  # in front: what is at its end may be unfinished
