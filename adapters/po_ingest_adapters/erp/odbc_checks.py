"""What `po-ingest check` finds out about an ERP behind ODBC."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pyodbc

from po_ingest.errors import ErpError, ExitCode
from po_ingest.ports import Finding
from po_ingest_adapters.erp import odbc_strings, wording
from po_ingest_adapters.erp.odbc_errors import DRIVER_HINT
from po_ingest_adapters.erp.odbc_session import Session, Wanted, session

PRIVILEGES: Final = "erp privileges"
READ_ONLY_HINT: Final = "give po-ingest a login that can only read"


def findings(wanted: Wanted) -> Iterator[Finding]:
    """Look for the driver, the connection and the login's rights."""
    yield _driver(wanted.connection)
    try:
        with session(wanted) as opened:
            version = opened.connection.getinfo(pyodbc.SQL_DBMS_VER)
            yield Finding("erp connection", "ok", f"connected to {opened.database} {version}")
            yield _privileges(opened)
    except ErpError as error:
        yield Finding("erp connection", "failed", error.message, error.hint, ExitCode.ERP)


def _driver(connection: str) -> Finding:
    driver = odbc_strings.value(connection, "driver")
    if driver is None:
        return Finding("erp driver", "ok", "the data source names it")
    if driver in pyodbc.drivers() or "/" in driver:
        return Finding("erp driver", "ok", f"{driver} is installed")
    hint = f"{DRIVER_HINT.partition(';')[0]}; there are: {wording.listed(pyodbc.drivers())}"
    return Finding("erp driver", "failed", f"the ODBC driver {driver} is not installed", hint, ExitCode.ERP)


def _privileges(opened: Session) -> Finding:
    """Say whether the login could write; a look that fails (a missing right, an old server) leaves the others."""
    writable: list[str] = []
    looks = 0
    for sql in opened.dialect.writable:
        try:
            writable += [str(text) for (text,) in opened.rows(sql)]
            looks += 1
        except ErpError:
            continue
    if writable:
        message = f"the login may write to the ERP: {wording.listed(writable)}"
        return Finding(PRIVILEGES, "warning", message, READ_ONLY_HINT)
    if looks < len(opened.dialect.writable) or not looks:
        which = "not all of the login's rights can" if looks else "the login's rights cannot"
        message = f"{which} be looked up on this database"
        return Finding(PRIVILEGES, "warning", message, "see to it that the login can only read")
    return Finding(PRIVILEGES, "ok", "the login cannot write to any table")
