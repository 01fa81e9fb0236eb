"""What can be told of a store on PostgreSQL without a server: its URL, its errors, the statements it sends."""

from __future__ import annotations

import sys

import psycopg
import pytest
from psycopg import errors
from sqlalchemy.engine import make_url

from po_ingest.errors import ConfigError
from po_ingest.settings import StoreSettings
from po_ingest_adapters.store import bulk, writer
from po_ingest_adapters.store.dialects import postgresql_errors
from po_ingest_adapters.store.dialects.postgresql_bulk import from_arrays
from po_ingest_adapters.store.dialects.postgresql_connect import SESSION, connection_options
from po_ingest_adapters.store.sql import SqlStore, create

URL = "postgresql+psycopg://someone:Geheim-4711@db.example.com:5433/history"


def store(url: str = URL) -> SqlStore:
    return create(StoreSettings(url=url))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql+psycopg2://u:Geheim-4711@h/d", "unknown driver"),
        (f"{URL}?sslmod=require", "does not know; did you mean sslmode?"),
        (f"{URL}?autocommit=true", "does not know; options after"),
        ("postgresql+psycopg://u:Geheim@4711@h/d", "an @ too many"),
    ],
)
def test_r16_a_url_that_is_of_no_use_is_told_without_its_secrets(url: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        store(url)
    assert "4711" not in str(caught.value)
    assert "Geheim" not in str(caught.value)


def test_without_psycopg_the_user_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError, match=r"pip install 'psycopg\[binary\]'"):
        store()


def test_r16_a_store_is_called_by_its_place_without_user_and_password() -> None:
    database = store().database
    assert database.label() == "the store history on db.example.com:5433 (schema po)"
    for text in (repr(store()), str(database)):
        assert "Geheim" not in text
        assert "someone" not in text


@pytest.mark.parametrize(
    ("url", "label"),
    [
        ("postgresql:///history", "the store history (schema po)"),
        ("postgresql+psycopg://u@/history?host=/run/pg", "the store history on /run/pg (schema po)"),
        ("postgresql+psycopg://u@/history?host=a:1&host=b:2", "the store history on a:1,b:2 (schema po)"),
        ("postgresql+psycopg://u@h", "the store of the default database on h (schema po)"),
    ],
)
def test_stores_elsewhere_have_names_too(url: str, label: str) -> None:
    assert store(url).database.label() == label


def test_what_the_url_says_of_the_network_holds_but_not_what_results_depend_on() -> None:
    url = make_url(f"{URL}?sslmode=verify-full&connect_timeout=3&options=-c%20DateStyle%3DSQL%20-c%20work_mem%3D8MB")
    options = connection_options(url, {"host": "h", **url.query})
    assert (options["sslmode"], options["connect_timeout"], options["keepalives_idle"]) == ("verify-full", "3", 30)
    assert options["options"].startswith("-c DateStyle=SQL -c work_mem=8MB -c TimeZone=UTC")
    ours, theirs = (options["options"].index(each) for each in ("DateStyle=ISO,\\ YMD", "DateStyle=SQL"))
    assert ours > theirs  # the last one holds
    assert all(f"-c {name}=" in options["options"] for name in SESSION)
    assert options["client_encoding"] == "UTF8"


@pytest.mark.parametrize(
    ("error", "is_transient", "words"),
    [
        (errors.SerializationFailure, True, "try again"),
        (errors.DeadlockDetected, True, "try again"),
        (errors.LockNotAvailable, True, "keeps the store locked"),
        (errors.AdminShutdown, True, "stopped or restarted"),
        (errors.CrashShutdown, True, "stopped or restarted"),
        (errors.CannotConnectNow, True, "stopped or restarted"),
        (errors.TooManyConnections, True, "short of"),
        (errors.OutOfMemory, True, "short of"),
        (errors.ConnectionFailure, True, "host and port"),
        (errors.DiskFull, False, "disk is full"),
        (errors.ConfigurationLimitExceeded, False, ""),
        (errors.ReadOnlySqlTransaction, False, "primary server"),
        (errors.InsufficientPrivilege, False, "docs/postgresql.md"),
        (errors.UndefinedTable, False, "changed by another program"),
        (errors.UndefinedColumn, False, "changed by another program"),
        (errors.UniqueViolation, False, "changed by another program"),
        (errors.NotNullViolation, False, "changed by another program"),
        (errors.StringDataRightTruncation, False, "changed by another program"),
        (errors.DatatypeMismatch, False, "changed by another program"),
        (errors.QueryCanceled, False, "cancelled"),
        (errors.InvalidPassword, False, "user and password"),
        (errors.InvalidCatalogName, False, "create the database"),
        (errors.UntranslatableCharacter, False, "UTF8"),
        (errors.InternalError_, False, "see the log"),
    ],
)
def test_r12_errors_that_may_pass_by_themselves_are_those_of_the_table(
    error: type[psycopg.Error], is_transient: bool, words: str
) -> None:
    told = postgresql_errors.explain("the store x", error("what was said"))
    assert told.transient is is_transient
    assert words in told.hint
    assert error.sqlstate is not None
    assert error.sqlstate in told.message
    assert told.exit_code == 7


AT = 'connection failed: connection to server at "10.0.0.1", port 5432 failed: '


@pytest.mark.parametrize(
    ("text", "is_transient", "words"),
    [
        (f"{AT}Connection refused\n\tIs the server running on that host?", True, "cannot be reached"),
        ("connection timeout expired", True, "cannot be reached"),
        ("failed to resolve host 'nowhere': [Errno -2] Name or service not known", True, "cannot be reached"),
        (f"{AT}FATAL:  the database system is starting up", True, "takes no connections now"),
        (f"{AT}FATAL:  sorry, too many clients already", True, "takes no connections now"),
        (f'{AT}FATAL:  password authentication failed for user "u"', False, "refused the connection"),
        (f"{AT}FATAL:  Passwort-Authentifizierung für Benutzer »u« fehlgeschlagen", False, "refused the connection"),
        (f'{AT}FATAL:  database "d" does not exist', False, "refused the connection: database"),
        (f'{AT}FATAL:  permission denied for database "d"', False, "refused the connection"),
        (f"{AT}fe_sendauth: no password supplied", False, "asks for a password, and none was given"),
        (f"{AT}server does not support SSL, but SSL was required", False, "cannot be reached"),
        (f"{AT}SSL error: certificate verify failed", False, "cannot be reached"),
        ("server closed the connection unexpectedly\n\tThis probably means", True, "was lost"),
        ("consuming input failed: SSL connection has been closed unexpectedly", True, "was lost"),
        ("the connection is closed", True, "was lost"),
        ("", True, "was lost"),
    ],
)
def test_r12_what_the_client_library_says_is_told_apart(text: str, is_transient: bool, words: str) -> None:
    told = postgresql_errors.explain("the store x", psycopg.OperationalError(text))
    assert told.transient is is_transient
    assert words in told.message
    assert "\n" not in told.message
    assert told.hint


def test_a_database_that_is_not_there_has_a_hint_of_its_own() -> None:
    error = psycopg.OperationalError(f'{AT}FATAL:  database "d" does not exist')
    told = postgresql_errors.explain("the store x", error)
    assert told.hint == postgresql_errors.HINTS["3D000"]


def test_other_errors_of_the_driver_are_told_and_permanent() -> None:
    told = postgresql_errors.explain("the store x", psycopg.ProgrammingError("the query has 1 placeholder"))
    assert (told.message, told.transient) == ("the store x failed: the query has 1 placeholder", False)


def test_many_changes_are_one_statement_that_takes_typed_arrays() -> None:
    database = store().database
    names = (*writer.LINE_COLUMNS, "line_id", "keeps_absence")
    change, _ = bulk.compile_change(writer.line_update(store().tables.line), names, database.dialect)
    sql = from_arrays(change, database.dialect)
    assert sql.count("%s") == len(names)
    assert sql.startswith("UPDATE po.po_line SET presence=given.presence")
    assert "%s::NUMERIC(18, 3)[]" in sql
    assert sql.endswith("WHERE po.po_line.id = given.line_id")
