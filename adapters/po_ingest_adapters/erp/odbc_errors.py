"""What ODBC drivers' errors mean: which are worth another try (R12), and what to do about the others.

An allow-list: only what is listed as transient is tried again. Sources: the Microsoft documentation, pages "Appendix A:
ODBC Error Codes", "Troubleshoot common connection issues to Azure SQL Database" (list of transient fault error codes),
"SqlConfigurableRetryFactory.BaselineTransientErrors" and "Transaction locking and row versioning guide"; the PostgreSQL
documentation, "Appendix A. PostgreSQL Error Codes"; SQLite's "Result and Error Codes".

SQL Server's 4060 (cannot open the database) is on Microsoft's list and not on ours: it is what a misspelt database
gives, and comes with a login failure.
"""

from __future__ import annotations

import re
from typing import Final

import attrs

from po_ingest.errors import ErpError
from po_ingest_adapters.erp.odbc_strings import scrub

TRANSIENT_CLASSES: Final = ("08",)  # connection exceptions: not made, or lost
TRANSIENT_STATES: Final = frozenset(
    {
        *("HYT00", "HYT01"),  # timeout; connection timeout
        *("40001", "40P01"),  # serialization failure, which deadlock victims get; PostgreSQL's deadlock
        *("57014",),  # PostgreSQL: cancelled, by the statement timeout
        *("57P01", "57P02", "57P03"),  # PostgreSQL: shutting down, crashed, starting up
        *("53300", "55P03"),  # PostgreSQL: too many connections; lock not available
    }
)
TIMEOUT_STATES: Final = frozenset({"HYT00", "57014"})
TRANSIENT_NUMBERS: Final[dict[str, frozenset[int]]] = {
    "[SQL Server]": frozenset(
        {
            *(1204, 1205, 1222, 3960),  # no lock left, deadlock, lock timeout, snapshot conflict
            *(10928, 10929, 49918, 49919, 49920),  # throttling
            *(4221, 40143, 40197, 40501, 40540, 40613),  # failover, reconfiguration, busy
            *(615, 926, 9515, 42108, 42109),  # databases that are recovering, moving, resuming
        }
    ),
    "[SQLite]": frozenset({5, 6}),  # busy, locked
}
PERMANENT_STATES: Final = frozenset({"28000", "28P01", "3D000", "IM002", "IM003"})
PERMANENT_NUMBERS: Final[dict[str, frozenset[int]]] = {
    # Logins: failed, of another domain, disabled, locked, expired, to be changed
    "[SQL Server]": frozenset({18452, 18456, 18470, 18486, 18487, 18488}),
    "SQL30082N": frozenset({-30082}),  # Db2's login failure comes as 08001
}
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

STATE: Final = re.compile(r"\[([0-9HI][0-9A-Z]{4})\]")
NUMBER: Final = re.compile(r"\((-?\d+)\)(?=\s*(?:\(SQL|\(\d|;|$))")
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
            not self.states.isdisjoint(PERMANENT_STATES)
            or self._has(PERMANENT_NUMBERS)
            or self.is_missing_driver
            or self.is_untrusted
            or self.is_refused
        )

    @property
    def is_transient(self) -> bool:
        """Say whether trying again may help."""
        return not self.is_permanent and (
            any(state.startswith(TRANSIENT_CLASSES) for state in self.states)
            or not self.states.isdisjoint(TRANSIENT_STATES)
            or self._has(TRANSIENT_NUMBERS)
        )

    def _has(self, numbers: dict[str, frozenset[int]]) -> bool:
        """Numbers mean something only together with whose they are."""
        return any(mark in self.text and not self.numbers.isdisjoint(listed) for mark, listed in numbers.items())

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
    def hint(self) -> str:
        """Say what to do."""
        if self.is_missing_driver:
            return DRIVER_HINT
        if self.is_untrusted:
            return CERTIFICATE_HINT
        if self.is_permanent:
            return LOGIN_HINT
        if not self.states.isdisjoint(TIMEOUT_STATES):
            return TIMEOUT_HINT
        return NETWORK_HINT if self.is_transient else QUERY_HINT


def diagnose(error: Exception, connection: str) -> Diagnosis:
    """Take an error of the driver apart; `connection` is what must not be told."""
    state = str(error.args[0]) if len(error.args) > 1 else ""
    raw = str(error.args[-1]) if error.args else type(error).__name__
    text = " ".join(FUNCTION.sub("", raw).split())
    return Diagnosis(
        states=frozenset({state, *STATE.findall(raw)} - {""}),
        numbers=frozenset(map(int, NUMBER.findall(raw))),
        text=scrub(text, connection)[:LONGEST],
    )


def erp_error(diagnosis: Diagnosis) -> ErpError:
    """Return the error to tell."""
    return ErpError(f"the ERP says: {diagnosis.text}", hint=diagnosis.hint, transient=diagnosis.is_transient)
