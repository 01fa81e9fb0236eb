"""What ODBC drivers' errors mean: which are worth another try (R12), and what to do about the others."""

from __future__ import annotations

import re
from typing import Final

import attrs

from po_ingest.errors import ErpError
from po_ingest_adapters import transient
from po_ingest_adapters.erp.odbc_strings import scrub
from po_ingest_adapters.transient import NUMBER, STATE

TIMEOUT_STATES: Final = frozenset({"HYT00", "57014"})
REFUSED: Final = "FATAL:"
"""PostgreSQL's driver gives 08001 for whatever keeps it from connecting; with this the server itself said no."""
REFUSED_FOR_NOW: Final = ("starting up", "shutting down", "recovery", "too many", "connection slots")
UNTRUSTED: Final = ("certificate verify failed", "certificate chain", "self-signed", "self signed")

LOGIN_HINT: Final = "correct user, password or database in erp.connection"
DRIVER_HINT: Final = (
    "install the ODBC driver, or correct its name in erp.connection; `po-ingest check` lists those there are"
)
CERTIFICATE_HINT: Final = (
    "have the server's certificate trusted here, or add TrustServerCertificate=yes to erp.connection"
)
QUERY_HINT: Final = "correct the query in the configuration"
TIMEOUT_HINT: Final = "see that the server is up and not too busy, or raise erp.query_timeout"
NETWORK_HINT: Final = "see that the server is up and can be reached from here"
READS_HINT: Final = "po-ingest only reads: the query must be a SELECT"
RIGHTS_HINT: Final = "have the login granted SELECT on what the query reads"
HINTS: Final[dict[int, str]] = {
    3952: "have the database's owner run ALTER DATABASE ... SET ALLOW_SNAPSHOT_ISOLATION ON, "
    'or set erp.isolation to "read committed"',
    41332: 'set erp.isolation to "read committed": snapshot cannot read memory-optimized tables',
    978: "the replica is for reading only: take ApplicationIntent out of erp.connection, or set it to ReadOnly",
    **dict.fromkeys((979, 982), "add ApplicationIntent=ReadWrite to erp.connection, to read from the primary replica"),
    976: "have the replica opened for reading, or name the listener or the primary replica in erp.connection",
    **dict.fromkeys((229, 230, 300, 916), RIGHTS_HINT),
}
"""What to do about numbers of SQL Server."""
STATE_HINTS: Final = {
    "42501": RIGHTS_HINT,
    "25006": READS_HINT,
    "07006": "set erp.encoding, or use the Unicode variant of the ODBC driver, if this is its ANSI one",
    "22021": "the ERP holds bytes that are no text: use the ANSI variant of the ODBC driver with erp.encoding",
}
"""What to do about SQLSTATEs: PostgreSQL's missing right, a write, a driver without Unicode, bytes that are no text."""

FUNCTION: Final = re.compile(r"\s*(?:\(-?\d+\)\s*)*\(SQL\w+\)")
LONGEST: Final = 500
MISSING_TABLE_STATES: Final = frozenset({"42S02", "42P01", "S0002"})
MISSING_TABLE: Final = re.compile(r"no such table: (\S+)|relation \"(.+?)\" does not exist|Invalid object name '(.+?)'")


@attrs.frozen
class Diagnosis:
    """An ODBC error taken apart; the text is one line, free of secrets."""

    states: frozenset[str]
    numbers: frozenset[int]
    text: str

    @property
    def is_permanent(self) -> bool:
        """Say whether trying again cannot help, whatever else the driver says."""
        return (
            transient.has_one_of(transient.PERMANENT, self.states, self.numbers, self.text)
            or self.is_missing_driver
            or self.is_untrusted
            or self.is_refused
        )

    @property
    def is_transient(self) -> bool:
        """Say whether trying again may help."""
        return not self.is_permanent and transient.has_one_of(transient.TRANSIENT, self.states, self.numbers, self.text)

    @property
    def is_missing_driver(self) -> bool:
        """Say whether there is no such driver or data source here."""
        return not self.states.isdisjoint({"IM002", "IM003"}) or "Can't open lib" in self.text

    @property
    def is_untrusted(self) -> bool:
        """Say whether the server's certificate is not trusted."""
        return any(mark in self.text for mark in UNTRUSTED)

    @property
    def is_refused(self) -> bool:
        """Say whether the server refused the login, and not only for now."""
        return (
            any(state.startswith("08") for state in self.states)
            and REFUSED in self.text
            and not any(mark in self.text for mark in REFUSED_FOR_NOW)
        )

    @property
    def missing_table(self) -> str | None:
        """Return the name of the table that the ERP does not have, if that is it."""
        found = MISSING_TABLE.search(self.text)
        if found is not None:
            return next(name for name in found.groups() if name)
        return "of the query" if self.states & MISSING_TABLE_STATES else None

    @property
    def _special_hint(self) -> str | None:
        if transient.SQL_SERVER in self.text:
            return next((HINTS[number] for number in sorted(self.numbers) if number in HINTS), None)
        if "attempt to write a readonly database" in self.text:  # SQLite's driver gives no state of its own
            return READS_HINT
        return next((STATE_HINTS[state] for state in sorted(self.states) if state in STATE_HINTS), None)

    @property
    def hint(self) -> str:
        """Say what to do."""
        if self.is_missing_driver:
            return DRIVER_HINT
        if self.is_untrusted:
            return CERTIFICATE_HINT
        special = self._special_hint
        if special is not None:
            return special
        if self.is_permanent:
            return LOGIN_HINT
        if not self.states.isdisjoint(TIMEOUT_STATES):
            return TIMEOUT_HINT
        return NETWORK_HINT if self.is_transient else QUERY_HINT


def diagnose(error: Exception, connection: str) -> Diagnosis:
    """Take an error of the driver apart; `connection` is what must not be told."""
    state = str(error.args[0]) if len(error.args) > 1 else ""
    raw = str(error.args[-1]) if error.args else type(error).__name__
    shown = scrub(raw.replace("\0", ""), connection)  # some ANSI drivers tell their C string's end
    return Diagnosis(
        states=frozenset({state, *STATE.findall(raw)} - {""}),
        numbers=frozenset(map(int, NUMBER.findall(raw))),
        text=" ".join(FUNCTION.sub("", shown).split())[:LONGEST],
    )


def erp_error(diagnosis: Diagnosis) -> ErpError:
    """Return the error to tell."""
    return ErpError(f"the ERP says: {diagnosis.text}", hint=diagnosis.hint, transient=diagnosis.is_transient)
