"""ODBC connection strings: their parts, and how what is secret in them is kept out of messages (R16)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

PUBLIC: Final = frozenset(
    {
        *("driver", "dsn", "filedsn", "server", "servername", "host", "hostname", "address", "port", "network"),
        *("database", "db", "dbq", "schema", "uid", "user", "username", "user id", "app", "wsid", "language"),
        *("encrypt", "trustservercertificate", "authentication", "trusted_connection", "applicationintent"),
        *("multisubnetfailover", "failover_partner", "sslmode", "charset", "protocol", "description"),
    }
)
"""Keywords whose values may be told. The values of all others are kept secret: no list of secret ones is complete."""
SECRET: Final = re.compile(r"pwd|pass|secret|token|key", re.IGNORECASE)
SHORTEST: Final = 4
"""Values of other keywords that are shorter ('yes', '1') are no secrets, and would cut words out of messages."""
PART: Final = re.compile(r"\s*([^=;{}]*)=\s*(\{(?:[^}]|\}\})*\}|[^;]*)\s*(?:;|$)|([^;]*)(?:;|$)", re.DOTALL)
HIDDEN: Final = "***"
SQL_SERVER_DRIVER: Final = re.compile(
    r"for SQL Server|SQL Server Native Client|msodbcsql|FreeTDS|tdsodbc", re.IGNORECASE
)
"""Drivers, by name or by file, that know ApplicationIntent. The one of Windows itself, `SQL Server`, does not."""


def parts(connection: str) -> list[tuple[str, str]]:
    """Return the keywords, in lower case, and their values as written; a part that has no keyword has an empty one."""
    found = []
    for match in PART.finditer(connection):
        keyword, value, bare = match.groups()
        if bare is None:
            found.append((keyword.strip().lower(), value.strip()))
        elif bare.strip():
            found.append(("", bare.strip()))
    return found


def value(connection: str, keyword: str) -> str | None:
    """Return the first value of a keyword, without braces."""
    return next((bare(text) for name, text in parts(connection) if name == keyword), None)


def bare(text: str) -> str:
    """Return a value without the braces that protect it."""
    return text[1:-1].replace("}}", "}") if text.startswith("{") and text.endswith("}") else text


def secrets(connection: str) -> list[str]:
    """Return all that must not be told, the longest first."""
    found = {connection.strip()}
    for keyword, text in parts(connection):
        if keyword not in PUBLIC and (SECRET.search(keyword) or len(bare(text)) >= SHORTEST):
            found.update((text, bare(text)))
    return sorted(found - {""}, key=lambda secret: (-len(secret), secret))


def scrub(message: str, connection: str) -> str:
    """Return a message with all secrets of the connection string hidden."""
    for secret in secrets(connection):
        message = re.sub(re.escape(secret), HIDDEN, message, flags=re.IGNORECASE)
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
