"""How to connect to SQL Server: a store's URL as an ODBC connection string, and what every session is set to.

Nothing is left to the defaults of the server, the database or the login: not the language, the order of day and month,
the SET options, the isolation level or how long a lock is waited for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import ModuleType
from typing import Any, Final
from urllib.parse import unquote

import attrs
from sqlalchemy.engine import URL

from po_ingest.errors import ConfigError

DRIVER: Final = "ODBC Driver 18 for SQL Server"
DEFAULTS: Final = {"driver": DRIVER, "encrypt": "yes", "app": "po-ingest"}
"""Keywords that the URL may say otherwise."""
FIXED: Final = {
    "connectretrycount": "0",  # a connection mended behind our back would have lost its lock
    "mars_connection": "no",  # with it, a transaction would end with the statement that began it
}
SPELLED: Final = {
    "app": "APP",
    "applicationintent": "ApplicationIntent",
    "authentication": "Authentication",
    "connectretrycount": "ConnectRetryCount",
    "database": "DATABASE",
    "driver": "DRIVER",
    "encrypt": "Encrypt",
    "hostnameincertificate": "HostNameInCertificate",
    "mars_connection": "MARS_Connection",
    "multisubnetfailover": "MultiSubnetFailover",
    "pwd": "PWD",
    "server": "SERVER",
    "servercertificate": "ServerCertificate",
    "trusted_connection": "Trusted_Connection",
    "trustservercertificate": "TrustServerCertificate",
    "uid": "UID",
}
SYNONYMS: Final = {
    "addr": "server",
    "address": "server",
    "application name": "app",
    "initial catalog": "database",
    "password": "pwd",
    "trust server certificate": "trustservercertificate",
    "user": "uid",
    "user id": "uid",
}
TOLD: Final = frozenset(SPELLED) - {"pwd"} | {"dsn", "filedsn", "language", "wsid"}
"""Keywords whose values are no secrets; a list of those that are would never be complete."""
SHORTEST_SECRET: Final = 4
"""Other values that are shorter ('yes', '1') would cut words out of messages."""
SECONDS: Final = {"login_timeout": 15, "query_timeout": 600, "lock_timeout": 30}
"""Options of po-ingest's own: how long to wait for the server, for a statement, and for somebody else's lock."""
LONGEST: Final = 86_400
WHOLE: Final = 1 << 30
"""Bytes of a text that pyodbc sends with its statement; longer ones it would send in pieces, after a look ahead."""
PLAIN: Final = re.compile(r"[\w.\\,:/ -]*")
PART: Final = re.compile(r"\s*([^=;{}]+?)\s*=\s*(\{(?:[^}]|\}\})*\}|[^;]*?)\s*(?:;|$)")

ON: Final = (
    *("ANSI_NULLS", "ANSI_NULL_DFLT_ON", "ANSI_PADDING", "ANSI_WARNINGS", "ARITHABORT", "CONCAT_NULL_YIELDS_NULL"),
    *("NOCOUNT", "QUOTED_IDENTIFIER", "XACT_ABORT"),
)
OFF: Final = ("CURSOR_CLOSE_ON_COMMIT", "IMPLICIT_TRANSACTIONS", "NUMERIC_ROUNDABORT")
SESSION: Final = (
    *(f"SET {option} ON" for option in ON),
    *(f"SET {option} OFF" for option in OFF),
    "SET LANGUAGE us_english",
    "SET DATEFORMAT ymd",
    "SET DATEFIRST 7",
    "SET ROWCOUNT 0",
    "SET TEXTSIZE 2147483647",
    "SET DEADLOCK_PRIORITY NORMAL",
    "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
)
"""Settings of every session, sent as one batch. It has no parameters: those of a batch with parameters end with it."""


@attrs.frozen(slots=True)
class Target:
    """Where to connect, and how; `keywords` hold secrets."""

    keywords: Mapping[str, str] = attrs.field(repr=False)
    seconds: Mapping[str, int]

    @property
    def connection_string(self) -> str:
        """Return the ODBC connection string."""
        return ";".join(f"{SPELLED.get(name, name)}={_protected(text)}" for name, text in self.keywords.items())

    @property
    def where(self) -> str:
        """Return server and database for messages."""
        return f"{self.keywords['database']} on {self.keywords['server']}"

    def scrub(self, message: str) -> str:
        """Return a message with all that is secret hidden (R16)."""
        secrets = {
            text
            for name, text in self.keywords.items()
            if name == "pwd" or (name not in TOLD and len(text) >= SHORTEST_SECRET)
        } - {""}
        for secret in sorted(secrets, key=lambda text: (-len(text), text)):
            message = re.sub(re.escape(secret), "***", message, flags=re.IGNORECASE)
        return message


def target(url: URL) -> Target:
    """Return what a URL such as `mssql+pyodbc://user:${PASSWORD}@server/database` names. Raises ConfigError."""
    query = {name: text if isinstance(text, str) else text[-1] for name, text in url.query.items()}
    seconds = {name: _seconds(name, query.pop(name, default)) for name, default in SECONDS.items()}
    raw = query.pop("odbc_connect", "")
    if "@" in (url.host or ""):  # the rest of a password would be told as the host
        raise ConfigError("store.url has an @ too many", hint="write an @ in user or password as %40")
    given = {**_of_string(raw), **_of_url(url), **{_canonical(name): text for name, text in query.items()}}
    for name, text in FIXED.items():
        if given.get(name, text).lower() != text:
            raise ConfigError(
                f"store.url sets {SPELLED[name]}, which the store needs to be {text}", hint="leave it out"
            )
    if not given.get("server"):
        raise ConfigError("store.url names no server", hint="write mssql+pyodbc://server/database")
    if not given.get("database"):
        raise ConfigError(
            "store.url names no database, and a login's default one may change",
            hint="write mssql+pyodbc://server/database",
        )
    if not {"uid", "authentication", "trusted_connection"} & set(given):
        given["trusted_connection"] = "yes"
    return Target({**DEFAULTS, **given, **FIXED}, seconds)


def _canonical(keyword: str) -> str:
    name = keyword.strip().lower()
    return SYNONYMS.get(name, name)


def _of_url(url: URL) -> dict[str, str]:
    server = unquote(url.host or "")  # SERVER%5CINSTANCE
    found = {
        "server": f"{server},{url.port}" if url.port else server,
        "database": url.database or "",
        "uid": url.username or "",
        "pwd": str(url.password or ""),
    }
    return {name: text for name, text in found.items() if text}


def _of_string(raw: str) -> dict[str, str]:
    """Return the keywords of a connection string that was written out (`odbc_connect=`); the first of a name holds."""
    found: dict[str, str] = {}
    for match in PART.finditer(raw):
        text = match[2]
        bare = text[1:-1].replace("}}", "}") if text.startswith("{") and text.endswith("}") else text
        found.setdefault(_canonical(match[1]), bare)
    return found


def _protected(text: str) -> str:
    return text if PLAIN.fullmatch(text) and text == text.strip() else "{" + text.replace("}", "}}") + "}"


def _seconds(name: str, text: str | int) -> int:
    seconds = int(text) if str(text).isascii() and str(text).isdecimal() else 0
    if not 1 <= seconds <= LONGEST:
        raise ConfigError(f"store.url: {name} is not a number of seconds", hint=f"write {name}={SECONDS[name]}")
    return seconds


def driver() -> ModuleType:
    """Return pyodbc. Raises ConfigError."""
    try:
        import pyodbc  # noqa: PLC0415 - only who uses it needs an ODBC driver manager
    except ImportError as error:
        raise ConfigError(
            f"store.url needs pyodbc, which cannot be imported: {error}",
            hint="pip install pyodbc; on Linux install unixODBC too (Debian: apt-get install unixodbc)",
        ) from error
    pyodbc.pooling = False  # a pool would keep a session, and the locks that it owns, after its connection is closed
    module: ModuleType = pyodbc
    return module


def connect(to: Target, pyodbc: ModuleType) -> Any:  # noqa: ANN401 - pyodbc has no types
    """Return a connection of pyodbc that leaves transactions to us, with its session set up."""
    connection = pyodbc.connect(to.connection_string, autocommit=True, timeout=to.seconds["login_timeout"])
    try:
        connection.timeout = to.seconds["query_timeout"]
        connection.maxwrite = WHOLE
        connection.execute(session(to.seconds["lock_timeout"])).close()
    except BaseException:
        connection.close()
        raise
    return connection


def session(lock_timeout: int) -> str:
    """Return the batch that sets a session up."""
    return "; ".join((*SESSION, f"SET LOCK_TIMEOUT {lock_timeout * 1000}"))
