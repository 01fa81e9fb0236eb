"""How to connect to PostgreSQL: a store's URL, and settings that leave nothing to the server's or a role's defaults."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy.engine import URL

from po_ingest.errors import ConfigError

if TYPE_CHECKING:
    import psycopg

Options: TypeAlias = dict[str, Any]

DEFAULTS: Final[Options] = {
    "application_name": "po-ingest",
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,  # milliseconds
}
"""What the URL may say otherwise: a silent network ends a connection within a minute."""

CANCEL_PATIENCE: Final = 1.0
"""Seconds for asking the server to end a statement that nobody waits for any more."""

SESSION: Final = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "search_path": "pg_catalog",  # every name in a statement has its schema
    "lock_timeout": "20s",  # then the retries of the store take over
    "statement_timeout": "0",  # a baseline's COPY may take its time
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",  # the connection that holds the lock is idle for the whole run
    # The server looks after its side too: the lock of a machine that lost its power is free within a minute.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "60000",  # keepalives are for a line on which nothing waits to be acknowledged
}
"""Settings of every session; they come before what is set for the database or the role."""


def connection_options(url: URL, options: Options) -> Options:
    """Return what to connect with; `options` are those that SQLAlchemy made of the URL. Raises ConfigError."""
    from psycopg import pq  # noqa: PLC0415 - only who uses PostgreSQL has it

    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    unknown = sorted(set(url.query) - known)
    if unknown:
        raise ConfigError(
            f"store.url has an option that PostgreSQL does not know{_meant(unknown[0], known)}",
            hint="options after the ? are those of libpq, such as sslmode=verify-full",
        )
    if "@" in (url.host or ""):  # the rest of a password would be told as the host
        raise ConfigError("store.url has an @ too many", hint="write an @ in user or password as %40")
    session = " ".join(f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in SESSION.items())
    own = options.get("options", "")
    return {**DEFAULTS, **options, "options": f"{own} {session}".strip(), "client_encoding": "UTF8"}


def _meant(unknown: str, known: Collection[str]) -> str:
    """Return which option was meant; the name itself may be the rest of a password with an & in it."""
    near = difflib.get_close_matches(unknown, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def cancel(connection: psycopg.Connection) -> None:
    """Ask the server to end what a connection waits for: it would go on with it, and hold its locks, for a while."""
    with suppress(Exception):  # whatever it is, the connection is given up next
        connection.cancel_safe(timeout=CANCEL_PATIENCE)


def label(url: URL, schema: str) -> str:
    """Return how the store is called in messages: no user, no password, no options."""
    hosts = url.query.get("host", ())
    host = url.host or ",".join((hosts,) if isinstance(hosts, str) else hosts)
    where = f" on {host}" if host else ""
    port = f":{url.port}" if url.port else ""
    return f"the store {url.database or 'of the default database'}{where}{port} (schema {schema})"
