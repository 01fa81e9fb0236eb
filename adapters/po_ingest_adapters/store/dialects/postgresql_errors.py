"""What an error of PostgreSQL or of its client library means: transient or not, and what to do.

What is tried again (R12) is what `transient` lists, with one exception; here is what to do about errors.
"""

from __future__ import annotations

import re
from typing import Any, Final

from po_ingest.errors import StoreError
from po_ingest_adapters.transient import TRANSIENT, codes_of

CANCELLED: Final = "57014"
"""An ERP's query is cancelled by the time-out that it was given; a store's statement has none, so somebody ended it."""
RETRIED: Final = tuple(codes_of(TRANSIENT, "ODBC", "PostgreSQL") - {CANCELLED})
"""SQLSTATEs, and a class of them, that may pass by themselves."""

OTHER_HINT: Final = "see the log for details"
LOGIN: Final = "check user and password in store.url, and the server's pg_hba.conf"
RIGHTS: Final = "grant the login the rights that docs/postgresql.md lists"
CHANGED: Final = "the schema was changed by another program; compare it with `po-ingest store upgrade --sql`"
NETWORK: Final = "check that the server runs, and host and port in store.url"
HINTS: Final = {
    "08": NETWORK,
    "28": LOGIN,
    "3D000": "create the database, or mend its name in store.url",
    "3F000": "run `po-ingest store upgrade`",
    "22": CHANGED,  # a value that its column does not take
    "22P05": "the database's encoding must be UTF8",
    "22021": "the database's encoding must be UTF8",
    "23": CHANGED,  # two rows of one key, or a constraint of somebody else's
    "25006": "the server, or this login, may only read: connect to the primary server, as a login that may write",
    "40": "another program is writing to the store; try again when it has finished",
    "42": CHANGED,  # a table or a column that is not there, or of another type
    "42501": RIGHTS,
    "53100": "the server's disk is full; make room, then run again: nothing of this transaction was kept",
    "53": "the server is short of memory or connections; try again later",
    "55P03": "another program keeps the store locked; try again when it has finished",
    CANCELLED: "the statement was cancelled by the server or its administrator; run again",
    "57": "the server was stopped or restarted; try again when it is up",
}
"""What to do, by SQLSTATE or its class."""

SAID_BY_SERVER: Final = re.compile(r"(?:^|: )\S+:  (?P<said>[^\n]*)")
"""A server's word in libpq's text of a failed connection: `FATAL:  ...`, with two blanks in every language."""
NOT_READY: Final = re.compile(r"starting up|shutting down|in recovery|not yet accepting|too many|slots are reserved")
CONNECTING: Final = (
    (re.compile(r"database .* does not exist"), "3D000"),
    (re.compile(r"permission denied for database"), "42501"),
    (re.compile(r"unrecognized configuration parameter|unsupported startup parameter"), "0A000"),
)
CERTIFICATE: Final = re.compile(r"certificate|does not support SSL|SSL error|private key|channel binding")
"""What no second try mends: encryption that one side refuses."""
NO_PASSWORD: Final = re.compile(r"no password supplied|requires a password")


def explain(label: str, error: Exception) -> StoreError:
    """Tell an error of the driver to the user; what the server said is its first line, without values of rows."""
    original: Any = getattr(error, "orig", None) or error
    state = getattr(original, "sqlstate", None)
    if state is None:
        return _without_state(label, original)
    said = (original.diag.message_primary or "").splitlines()
    message = f"{label} failed: {said[0] if said else type(original).__name__} (SQLSTATE {state})"
    return StoreError(message, hint=hint_of(state), transient=is_transient(state))


def is_transient(state: str) -> bool:
    """Say whether trying again may help."""
    return state.startswith(RETRIED)


def hint_of(state: str) -> str:
    """Say what to do about a SQLSTATE."""
    return HINTS.get(state) or HINTS.get(state[:2]) or OTHER_HINT


def _without_state(label: str, error: Exception) -> StoreError:
    """Tell what the client library says by itself, or passes on without its SQLSTATE while it connects."""
    import psycopg  # noqa: PLC0415 - only who uses PostgreSQL has it

    text = str(error).strip()
    said = SAID_BY_SERVER.search(text)
    if said:
        return _refused(label, said["said"])
    first = text.splitlines()[0] if text else type(error).__name__
    if CERTIFICATE.search(text):
        hint = "check sslmode and the certificates named in store.url, and the server's SSL settings"
        return StoreError(f"{label} cannot be reached: {first}", hint=hint)
    if NO_PASSWORD.search(text):
        return StoreError(f"{label} asks for a password, and none was given", hint=LOGIN)
    is_lost = isinstance(error, psycopg.OperationalError)
    if is_lost and not text.startswith(("connection ", "failed to resolve")):
        return StoreError(f"the connection to {label} was lost: {first}", hint=NETWORK, transient=True)
    if is_lost:
        return StoreError(f"{label} cannot be reached: {first}", hint=NETWORK, transient=True)
    return StoreError(f"{label} failed: {first}", hint=OTHER_HINT)


def _refused(label: str, said: str) -> StoreError:
    """Tell why a server refused a connection; what is not known to pass by itself is permanent, as a wrong password."""
    if NOT_READY.search(said):
        return StoreError(f"{label} takes no connections now: {said}", hint=HINTS["57"], transient=True)
    hint = next((hint_of(state) for pattern, state in CONNECTING if pattern.search(said)), LOGIN)
    return StoreError(f"{label} refused the connection: {said}", hint=hint)
