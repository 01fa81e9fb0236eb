"""What ODBC errors mean, with texts as drivers give them."""

from __future__ import annotations

import pytest

from po_ingest_adapters.erp.odbc_errors import Diagnosis, diagnose, erp_error

MS = "[Microsoft][ODBC Driver 18 for SQL Server]"
SERVER = f"{MS}[SQL Server]"


def diagnosed(state: str, text: str, connection: str = "") -> Diagnosis:
    return diagnose(RuntimeError(state, f"[{state}] {text}"), connection)


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ("08S01", f"{MS}TCP Provider: Error code 0x2746 (10054) (SQLExecDirectW)"),
        ("08001", f"{MS}TCP Provider: No such host is known. (11001) (SQLDriverConnect)"),
        ("HYT00", f"{MS}Login timeout expired (0) (SQLDriverConnect)"),
        ("HYT00", f"{MS}Query timeout expired (0) (SQLExecDirectW)"),
        ("HYT01", f"{MS}Connection timeout expired (0) (SQLExecDirectW)"),
        ("40001", f"{SERVER}Transaction was deadlocked on lock resources (1205) (SQLExecDirectW)"),
        ("42000", f"{SERVER}Lock request time out period exceeded. (1222) (SQLExecDirectW)"),
        ("42000", f"{SERVER}Database 'x' on server 'y' is not currently available. (40613) (SQLDriverConnect)"),
        ("HY000", f"{SERVER}The service is currently busy. (40501) (SQLExecDirectW)"),
        ("HY000", f"{SERVER}Something. (0) (SQLExecDirectW); [42000] {SERVER}Resource ID: 1. (10928)"),
        ("HY000", "[FreeTDS][SQL Server]Your transaction was deadlocked (1205) (SQLFetch)"),
        ("57014", "ERROR: canceling statement due to statement timeout (1) (SQLExecDirectW)"),
        ("57P01", "FATAL: terminating connection due to administrator command; (35) (SQLExecDirectW)"),
        ("08001", 'connection to server at "h" failed: FATAL:  the database system is starting up (101)'),
        ("08001", 'connection to server at "h" failed: FATAL:  sorry, too many clients already (101)'),
        ("08001", 'connection to server at "127.0.0.1", port 1 failed: Connection refused (101) (SQLDriverConnect)'),
        ("HY000", "[SQLite]database is locked (5) (5) (SQLExecDirectW)"),
        ("HY000", "[SQLite]database table is locked (6) (6) (SQLExecDirectW)"),
    ],
)
def test_r12_these_are_transient(state: str, text: str) -> None:
    assert diagnosed(state, text).is_transient


@pytest.mark.parametrize(
    ("state", "text", "hint"),
    [
        ("28000", f"{SERVER}Login failed for user 'x'. (18456) (SQLDriverConnect)", "password"),
        ("08001", f"{SERVER}Login failed for user 'x'. (18456) (SQLDriverConnect)", "password"),
        (
            "42000",
            f'{SERVER}Cannot open database "x" requested by the login. (4060); [28000] {SERVER}Login failed. (18456)',
            "password",
        ),
        ("08001", "[IBM][CLI Driver] SQL30082N  Security processing failed. SQLSTATE=08001 (-30082)", "password"),
        ("08001", 'connection to server failed: FATAL:  password authentication failed for user "x" (101)', "password"),
        ("08001", f"{MS}SSL Provider: [error:0A000086:certificate verify failed:self-signed] (-1)", "certificate"),
        ("IM002", "[unixODBC][Driver Manager]Data source name not found (0) (SQLDriverConnect)", "install"),
        ("01000", "[unixODBC][Driver Manager]Can't open lib 'Nope' : file not found (0) (SQLDriverConnect)", "install"),
        ("42S02", f"{SERVER}Invalid object name 'nowhere'. (208) (SQLExecDirectW)", "query"),
        ("42000", f"{SERVER}Incorrect syntax near 'x'. (102) (SQLExecDirectW)", "query"),
        ("42000", f"{SERVER}The SELECT permission was denied on the object 'x'. (229) (SQLExecDirectW)", "query"),
        ("HY000", "[Other]General error (1205) (SQLExecDirectW)", "query"),  # another vendor's number
        ("HY000", f"{SERVER}Conversion failed for the value (1205). (245) (SQLExecDirectW)", "query"),  # in the text
        ("22018", f"{MS}Invalid character value (0) (SQLFetch)", "query"),
    ],
)
def test_r12_these_are_permanent_and_have_a_hint(state: str, text: str, hint: str) -> None:
    diagnosis = diagnosed(state, text)
    assert not diagnosis.is_transient
    assert hint in diagnosis.hint


@pytest.mark.parametrize(
    ("state", "text", "name"),
    [
        ("42S02", f"{SERVER}Invalid object name 'dbo.nowhere'. (208)", "dbo.nowhere"),
        ("42P01", 'ERROR: relation "nowhere" does not exist; Error (1)', "nowhere"),
        ("HY000", "[SQLite]no such table: nowhere (1) (1) (SQLExecDirectW)", "nowhere"),
        ("42S02", "[Other]Tabelle unbekannt (1)", "of the query"),
        ("42000", f"{SERVER}Incorrect syntax (102)", None),
    ],
)
def test_a_missing_table_is_named(state: str, text: str, name: str | None) -> None:
    assert diagnosed(state, text).missing_table == name


def test_the_text_is_one_line_without_the_drivers_functions() -> None:
    error = erp_error(diagnosed("42000", "a\n\tb (102) (102) (SQLExecDirectW); [42000] c (8180) (SQLPrepare)"))
    assert error.message == "the ERP says: [42000] a b; [42000] c"


@pytest.mark.parametrize(("error", "text"), [(RuntimeError("no state"), "no state"), (RuntimeError(), "RuntimeError")])
def test_an_error_without_a_state_is_permanent(error: Exception, text: str) -> None:
    diagnosis = diagnose(error, "")
    assert (diagnosis.text, diagnosis.is_transient) == (text, False)


def test_r16_a_long_text_is_cut_after_secrets_were_hidden() -> None:
    told = diagnosed("HY000", "x" * 490 + "geheim", "Pwd=geheim").text
    assert len(told) <= 500
    assert "geh" not in told
