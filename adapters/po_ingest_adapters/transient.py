"""What is worth another try, and what is not, whatever else the driver says (R12): the table of docs/erp-retries.md.

One table for ERP and store, which may be databases on the same server. An allow-list: an error that is in no row of
`TRANSIENT` is permanent. Numbers mean something only together with whose they are, so each row has a mark that must
stand in an ODBC driver's text; a SQLSTATE means the same everywhere.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from typing import Final

import attrs

SQL_SERVER: Final = "[SQL Server]"
"""In every message that SQL Server itself sent, through Microsoft's drivers and FreeTDS alike."""

APPENDIX_A: Final = "Microsoft: ODBC, Appendix A: ODBC Error Codes"
POSTGRESQL_CODES: Final = "PostgreSQL: Appendix A. PostgreSQL Error Codes"
SQLITE_CODES: Final = "SQLite: Result and Error Codes"
BASELINE: Final = "Microsoft: SqlConfigurableRetryFactory.BaselineTransientErrors"
AZURE: Final = "Microsoft: Azure SQL, List of transient fault error codes"
EF_CORE: Final = "Microsoft: EF Core, SqlServerTransientExceptionDetector"
VERSIONING: Final = "Microsoft: Transaction locking and row versioning guide"
ERRORS: Final = "Microsoft: Database Engine events and errors"
GENERAL: Final = "Microsoft: Azure SQL, General error codes"
VNET: Final = "Microsoft: Azure SQL, virtual network rules: errors 40914 and 40615"
DB2: Final = "IBM: Db2 message SQL30082N"

STATE: Final = re.compile(r"\[([0-9HI][0-9A-Z]{4})\]")
NUMBER: Final = re.compile(r"\((-?\d+)\)(?=\s*(?:\(SQL|\(\d|;|$))")
"""Where a SQLSTATE, and a number, stand in the text of an ODBC driver."""
SQLITE: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
"""SQLite's codes, where its own module gives them."""


@attrs.frozen
class Listed:
    """A row: whose codes they are, the codes, what they mean, and who says so.

    A code of five characters is a SQLSTATE, one of two a class of them; `mark` makes the codes a vendor's numbers.
    """

    whose: str
    codes: tuple[str, ...]
    meaning: str
    source: str
    mark: str = ""

    def fits(self, states: Iterable[str], numbers: Iterable[int], text: str) -> bool:
        """Say whether an error has one of the codes."""
        if self.mark:
            return self.mark in text and any(str(number) in self.codes for number in numbers)
        return any(state.startswith(self.codes) for state in states)


def _sql_server(codes: str, meaning: str, source: str) -> Listed:
    return Listed("SQL Server", tuple(codes.split()), meaning, source, SQL_SERVER)


# Not in the list, since nothing that Microsoft publishes calls them transient (looked up in December 2026):
# - 701, 802 (pages MSSQLSERVER_701 and MSSQLSERVER_802): find out what takes the memory, and reconfigure;
# - 17142 (MSSQLSERVER_17142): paused, until somebody resumes it; the login fails with 18456 besides;
# - 6005 (Database Engine events and errors, 6000 to 6999): SHUTDOWN is in progress, of severity 10, so no error.
TRANSIENT: Final = (
    Listed("ODBC", ("08",), "the connection could not be made, or was lost", APPENDIX_A),
    Listed("ODBC", ("HYT00", "HYT01"), "time-out of a login, a query, a connection", APPENDIX_A),
    Listed("ODBC", ("40001",), "serialization failure; a deadlock's victim gets it too", APPENDIX_A),
    Listed("PostgreSQL", ("40P01",), "deadlock detected", POSTGRESQL_CODES),
    Listed("PostgreSQL", ("57014",), "cancelled, by the statement time-out", POSTGRESQL_CODES),
    Listed("PostgreSQL", ("57P01", "57P02", "57P03"), "shutting down, crashed, starting up", POSTGRESQL_CODES),
    Listed("PostgreSQL", ("53000", "53200", "53300"), "short of resources, memory, connections", POSTGRESQL_CODES),
    Listed("PostgreSQL", ("55P03",), "lock not available", POSTGRESQL_CODES),
    _sql_server("1204", "no lock is left", BASELINE),
    _sql_server("1205", "deadlock victim", BASELINE),
    _sql_server("1222", "lock request time-out", BASELINE),
    _sql_server("3960 3961 3966", "snapshot: update conflict, altered table, row versions removed", VERSIONING),
    _sql_server("3947 3948 3953 3957", "snapshot: the replica or database was not ready when it began", EF_CORE),
    _sql_server("41301 41302 41305 41325 41839", "conflicts of memory-optimized tables", EF_CORE),
    _sql_server("8628 8645 8651", "no memory, or no time, to start the query", EF_CORE),
    _sql_server("10928 10929", "throttling: a limit of the database is reached", BASELINE),
    _sql_server("10930 10936", "throttling: the service is busy, the elastic pool is full", EF_CORE),
    _sql_server("40501", "throttling: the service is busy", BASELINE),
    _sql_server("40642 40648 40675 40890 40903", "throttling: server, service or pool are busy", EF_CORE),
    _sql_server("49918 49919 49920", "throttling: too few resources, too many operations", BASELINE),
    _sql_server("40143 40197 40540", "failover: the service met an error", BASELINE),
    _sql_server("40166", "failover: stands in the text of 40197", AZURE),
    _sql_server("40613", "failover: the database is not available", BASELINE),
    _sql_server("40671 49802", "failover: the database is unavailable for the moment", EF_CORE),
    _sql_server("4221", "failover: a secondary waits for row versions", BASELINE),
    _sql_server("615 926", "failover: the database is being moved or recovered", AZURE),
    _sql_server("921 927 941 952 988", "the database is recovering, being restored, starting, in transition", EF_CORE),
    _sql_server("982", "no secondary replica is online for reading", EF_CORE),
    _sql_server("983", "the replica is changing its role", ERRORS),
    _sql_server("17197", "login time-out under load", EF_CORE),
    _sql_server("18401", "the server is being upgraded: only administrators may log in", EF_CORE),
    _sql_server("42108 42109", "the dedicated pool is paused, or warming up", EF_CORE),
    _sql_server("9515", "an XML schema changed meanwhile", EF_CORE),
    Listed("SQLite", ("5", "6"), "busy, locked", SQLITE_CODES, "[SQLite]"),
)
PERMANENT: Final = (
    Listed("ODBC", ("28000",), "login refused", APPENDIX_A),
    Listed("ODBC", ("IM002", "IM003"), "no such data source or driver", APPENDIX_A),
    Listed("PostgreSQL", ("28P01",), "password refused", POSTGRESQL_CODES),
    Listed("PostgreSQL", ("3D000",), "no such database", POSTGRESQL_CODES),
    _sql_server("18452 18456 18470 18486 18487 18488", "login failed, disabled, locked, password expired", ERRORS),
    _sql_server("4060", "cannot open the database: mostly its name or the login's rights", ERRORS),
    _sql_server("40607", "Azure SQL: Windows logins are not supported", GENERAL),
    _sql_server("40615 40914", "Azure SQL: the firewall has no rule for this address or network", VNET),
    _sql_server("976 978 979", "the replica is not for this kind of connection", ERRORS),
    _sql_server("3952", "the database does not allow snapshot isolation", VERSIONING),
    Listed("Db2", ("-30082",), "login refused (its SQLSTATE is 08001)", DB2, "SQL30082N"),
)
"""These beat the rows above: drivers give some of them with the SQLSTATE of a lost connection."""


def codes_of(rows: Iterable[Listed], *whose: str) -> frozenset[str]:
    """Return all codes of somebody's."""
    return frozenset(code for row in rows if row.whose in whose for code in row.codes)


def has_one_of(rows: Iterable[Listed], states: Iterable[str], numbers: Iterable[int], text: str) -> bool:
    """Say whether an error is in one of the rows."""
    states, numbers = frozenset(states), frozenset(numbers)
    return any(row.fits(states, numbers, text) for row in rows)
