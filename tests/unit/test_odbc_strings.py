"""Connection strings: what is secret in them is hidden, whatever they look like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from po_ingest.hiding import parts
from po_ingest_adapters.erp.odbc_strings import scrub, value, with_read_only_intent


def test_parts_are_read_with_braces_and_blanks() -> None:
    connection = " Driver={ODBC Driver 18 for SQL Server}; SERVER = tcp:h,1433 ;Pwd={a;}}b=};;bare;UID="
    assert parts(connection) == [
        ("driver", "{ODBC Driver 18 for SQL Server}"),
        ("server", "tcp:h,1433"),
        ("pwd", "{a;}}b=}"),
        ("", "bare"),
        ("uid", ""),
    ]
    assert value(connection, "driver") == "ODBC Driver 18 for SQL Server"
    assert value(connection, "pwd") == "a;}b="
    assert value(connection, "dsn") is None


@pytest.mark.parametrize(
    ("connection", "message", "told"),
    [
        ("Uid=me;Pwd=geheim", "no login for me with geheim", "no login for me with ***"),
        ("PASSWORD=Geheim", "GEHEIM", "***"),
        ("Pwd={ge;heim}", "{ge;heim} and ge;heim", "*** and ***"),
        ("Pwd={ge}}heim}", "ge}heim, {ge}}heim}", "***, ***"),
        ("Pwd=ge;heim", "ge and heim", "*** and ***"),  # a password without the braces it needs
        ("AccessToken=abcdefg", "abcdefg", "***"),
        ("pqopt={password=geheim}", "password=geheim", "***"),
        ("Something=geheim", "geheim", "***"),
        ("Pwd=x", "x marks", "*** marks"),
        ("Driver=X Pwd=geheim;Uid=u", "no driver X Pwd=geheim", "no driver X Pwd=***"),  # without its semicolon
        ("Driver={X;Pwd=geheim", "no driver X;Pwd=geheim", "no driver X;Pwd=***"),  # without its brace
        ("Encrypt=yes;Server=host;Database=erp;Foo=1", "yes, host 1 has erp", "yes, host 1 has erp"),
        ("gibberish", "is gibberish a connection?", "is *** a connection?"),
        ("Server=h;Uid=me", "Server=h;Uid=me is wrong", "*** is wrong"),
        ("", "nothing to hide", "nothing to hide"),
        ("Pwd=", "nothing to hide", "nothing to hide"),
    ],
)
def test_r16_secrets_are_hidden_and_the_rest_is_told(connection: str, message: str, told: str) -> None:
    assert scrub(message, connection) == told


@given(st.text(st.characters(exclude_characters="*", exclude_categories=["Cs", "Zs", "Cc"]), min_size=4, max_size=20))
def test_r16_no_password_gets_through(password: str) -> None:
    connection = f"Driver=X;Uid=u;Pwd={{{password.replace('}', '}}')}}}"
    assert password not in scrub(f"the driver says: {password} - {connection} ({password})", connection)


INTENT = "ApplicationIntent=ReadOnly;"


@pytest.mark.parametrize(
    "connection",
    [
        "Driver={ODBC Driver 18 for SQL Server};Server=h;PWD={a;b",
        "driver={ODBC Driver 17 for SQL Server}",
        "Driver=SQL Server Native Client 11.0",
        "Driver=/opt/microsoft/lib64/libmsodbcsql-18.3.so.2.1",
        "Driver=FreeTDS;Server=h",
        "DSN=erp;UID=u",
    ],
)
def test_r15_drivers_for_sql_server_are_told_that_only_reading_is_meant(connection: str) -> None:
    assert with_read_only_intent(connection, lambda: {"erp": "FreeTDS"}) == INTENT + connection


@pytest.mark.parametrize(
    "connection",
    [
        "Driver={ODBC Driver 18 for SQL Server};APPLICATIONINTENT=ReadWrite",
        "Driver={ODBC Driver 18 for SQL Server};ApplicationIntent=ReadOnly",
        "Driver={SQL Server};Server=h",
        "Driver=PostgreSQL Unicode",
        "DSN=other",
        "DSN=nowhere",
        "gibberish",
        "",
    ],
)
def test_an_intent_of_the_admins_and_other_drivers_are_left_as_they_are(connection: str) -> None:
    assert with_read_only_intent(connection, lambda: {"other": "SQLite3"}) == connection
