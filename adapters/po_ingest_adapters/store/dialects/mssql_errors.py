"""What an error of SQL Server or of its ODBC driver means: transient or not, and what to do.

What is tried again (R12) is what `transient` lists; here is what to do about it, and about errors that no try mends.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import attrs

from po_ingest.errors import StoreError
from po_ingest_adapters.transient import NUMBER, PERMANENT, SQL_SERVER, STATE, TRANSIENT, codes_of

BUSY: Final = "another program is writing to the store; try again when it has finished"
NETWORK: Final = "see that the server runs and can be reached from here; check server and port in store.url"
LOST: Final = "the connection was lost; nothing of this transaction was kept, so it can be tried again"
SERVER_BUSY: Final = "the server is busy, being moved or restarted; try again later"
LOGIN: Final = "check user, password and database in store.url, and that the login may connect"
RIGHTS: Final = "grant the login the rights that docs/sqlserver.md lists"
CHANGED: Final = "the schema was changed by another program; compare it with `po-ingest store upgrade --sql`"
FULL: Final = "make room on the server, then run again: nothing of this transaction was kept"
FIREWALL: Final = "add a firewall rule for this machine's address, or its network, to the server"
STOPPED: Final = "see that the server has memory, and is not paused or shutting down; then run again"
READ_ONLY: Final = "connect to the primary replica, and to a database that may be written"
OTHER_HINT: Final = "see the log for details"
DRIVER_HINT: Final = (
    "install Microsoft's ODBC Driver 18 for SQL Server, or name an installed driver in store.url (?driver=...)"
)
CERTIFICATE: Final = (
    "have the server's certificate trusted on this machine, or add TrustServerCertificate=yes to store.url"
)
OPENJSON: Final = "set the database's compatibility level to 130 or more (ALTER DATABASE ... SET COMPATIBILITY_LEVEL)"


@attrs.frozen(slots=True)
class Meaning:
    """What to do about an error, and whether trying again may help."""

    hint: str
    transient: bool = False


def _all(meaning: Meaning, *numbers: int) -> dict[int, Meaning]:
    return dict.fromkeys(numbers, meaning)


CONFLICTS: Final = (1205, 1222, 3960, 3961, 3966, 41301, 41302, 41305, 41325, 41839)
"""Those of the transient ones that somebody else's writing makes."""
NUMBERS: Final[dict[int, Meaning]] = {
    **_all(Meaning(SERVER_BUSY, transient=True), *map(int, codes_of(TRANSIENT, "SQL Server"))),
    **_all(Meaning(BUSY, transient=True), *CONFLICTS),
    **_all(Meaning(OTHER_HINT), *map(int, codes_of(PERMANENT, "SQL Server"))),
    **_all(Meaning(LOGIN), 4060, 18452, 18456, 18470, 18486, 18487, 18488, 40607),
    **_all(Meaning(FIREWALL), 40615, 40914),
    **_all(Meaning(STOPPED), 701, 802, 6005, 17142),
    **_all(Meaning(RIGHTS), 229, 230, 262, 297, 300, 916, 1088, 2557, 2760, 3701, 15247),
    **_all(Meaning(CHANGED), 207, 208, 213, 515, 547, 1776, 1785, 2714, 4901, 4902, 4924),
    **_all(Meaning(CHANGED), 2601, 2627),  # two rows of one key: somebody else wrote one
    **_all(Meaning(CHANGED), 2628, 8152, 8115, 8114, 245, 241, 206),  # a value that its column does not take
    **_all(Meaning(OPENJSON), 102, 319),  # near WITH or a path: what is sent is right, but below level 130 unknown
    **_all(Meaning(FULL), 1101, 1105, 3930, 9002, 40544, 40549, 40551, 40552, 40553),
    **_all(Meaning(READ_ONLY), 976, 978, 979, 3906, 3908),
    **_all(Meaning("the audit trail is append-only: nothing in it can be changed or deleted"), 51000),
}
"""By SQL Server's error number; what stands in none of the lists is permanent."""
STATES: Final[dict[str, Meaning]] = {
    **dict.fromkeys(codes_of(TRANSIENT, "ODBC"), Meaning(NETWORK, transient=True)),
    "HYT00": Meaning("see that the server is up and not too busy", transient=True),
    "40001": Meaning(BUSY, transient=True),
    "28000": Meaning(LOGIN),
    "42000": Meaning(OTHER_HINT),
    "IM002": Meaning(DRIVER_HINT),
    "IM003": Meaning(DRIVER_HINT),
}
"""By SQLSTATE or its class, where the server gave no number that is known."""

FUNCTION: Final = re.compile(r"\s*\(SQL\w+\)")
FRAME: Final = re.compile(r"(?:\[[^\]\[]*\])+(?=[^\[])")
MISSING_DRIVER: Final = re.compile(r"Can't open lib|Data source name not found")
UNTRUSTED: Final = re.compile(r"certificate|self-signed|self signed", re.IGNORECASE)
LONGEST: Final = 500


def explain(label: str, error: Exception, scrub: Callable[[str], str]) -> StoreError:
    """Tell an error of the driver to the user, on one line and without secrets."""
    original = getattr(error, "orig", None) or error
    raw = str(original.args[-1]) if original.args else type(original).__name__
    state = str(original.args[0]) if len(original.args) > 1 else ""
    meaning = _meaning(state, raw)
    text = " ".join(FRAME.sub("", FUNCTION.sub("", scrub(raw))).split())[:LONGEST]
    return StoreError(f"{label} failed: {text}", hint=meaning.hint, transient=meaning.transient)


def said_by_server(error: Exception) -> bool:
    """Say whether an error is the server's own word, not the loss of the connection to it."""
    original = getattr(error, "orig", None) or error
    raw = str(original.args[-1]) if original.args else ""
    return SQL_SERVER in raw and not any(state.startswith("08") for state in STATE.findall(raw))


def _meaning(state: str, raw: str) -> Meaning:
    states = [state, *STATE.findall(raw)]
    if MISSING_DRIVER.search(raw) or not {"IM002", "IM003"}.isdisjoint(states):
        return Meaning(DRIVER_HINT)
    if SQL_SERVER not in raw and UNTRUSTED.search(raw):
        return Meaning(CERTIFICATE)
    if "openjson" in raw.lower():
        return Meaning(OPENJSON)
    known = [NUMBERS[number] for number in map(int, NUMBER.findall(raw)) if number in NUMBERS]
    known = known or [STATES[code] for each in states for code in (each, each[:2]) if code in STATES]
    # A permanent word outweighs: a failed login also comes as a connection that was not made.
    return next((each for each in known if not each.transient), known[0] if known else Meaning(OTHER_HINT))
