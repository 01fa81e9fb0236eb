"""What the ERP source `odbc` does beyond the contract suite, over the SQLite and PostgreSQL drivers."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

from po_ingest.errors import ErpError
from po_ingest_adapters.erp.deadline import Patience
from support.erp_postgres import Server
from support.skips import POSTGRESQL_DRIVER, SQLITE_DRIVER, skip_without_driver

pyodbc = pytest.importorskip("pyodbc", reason="pyodbc finds no ODBC: apt-get install unixodbc", exc_type=ImportError)

from po_ingest_adapters.erp import odbc, odbc_session  # noqa: E402 - only where pyodbc can be imported
from support.erp_odbc import OdbcPostgresHarness, error_of, odbc_source, rows_of  # noqa: E402 - as above

if TYPE_CHECKING:
    from po_ingest_adapters.erp.odbc import OdbcErpSource

MARKER = "Geheim;4711}"
SECRET = f"Pwd={{{MARKER.replace('}', '}}')}}}"


@pytest.fixture(scope="module")
def postgres(server: Server) -> OdbcPostgresHarness:
    harness = OdbcPostgresHarness(server, "erp")
    columns = {
        "t": "text",
        "i": "bigint",
        "n": "numeric(18,3)",
        "f": "float8",
        "d": "date",
        "ts": "timestamp",
        "tz": "timestamptz",
        "b": "bytea",
        "u": "uuid",
        "x": "bool",
    }
    harness.load("types", columns, [])
    harness.run(
        "INSERT INTO erp.types VALUES ('a', 12345678901234, 12.345, 1.5, '2026-01-31', '2026-01-31 10:11:12.123456',"
        " '2026-01-31 10:11:12+02', '\\x00ff', '11111111-1111-1111-1111-111111111111', true)"
    )
    return harness


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    skip_without_driver(SQLITE_DRIVER)
    path = tmp_path / "erp.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE lines (po_number VARCHAR(10), d DATE, n INTEGER)")
        connection.execute("INSERT INTO lines VALUES ('PO-1', 'no date', 12345678901234)")
    return path


def over_sqlite(path: Path, extra: str = "") -> OdbcErpSource:
    return odbc_source(f"Driver={SQLITE_DRIVER};Database={path};NoCreat=1;{extra}")


def failure(source: OdbcErpSource, sql: str = "SELECT 1") -> ErpError:
    error = error_of(source, sql)
    assert MARKER not in str(error)
    assert error.__context__ is None or error.__suppress_context__  # the log has no driver's text
    return error


# -- values
def test_values_come_as_pythons_types(postgres: OdbcPostgresHarness) -> None:
    (row,) = rows_of(odbc_source(postgres.server.odbc(POSTGRESQL_DRIVER, user=postgres.user)), "SELECT * FROM types")
    assert row == (
        "a",
        12345678901234,
        Decimal("12.345"),
        1.5,
        date(2026, 1, 31),
        datetime(2026, 1, 31, 10, 11, 12, 123456),  # noqa: DTZ001 - the ERP's datetimes may carry no zone
        row[6],  # in the server's zone
        b"\x00\xff",
        "11111111-1111-1111-1111-111111111111",
        "1",  # unless the connection string has BoolsAsChar=0
    )


def test_a_value_that_python_cannot_hold_is_told(postgres: OdbcPostgresHarness) -> None:
    source = odbc_source(postgres.server.odbc(POSTGRESQL_DRIVER))
    error = failure(source, "SELECT time '24:00'")
    assert not error.transient
    assert "cast it to text" in error.hint


@pytest.mark.parametrize("value", ["infinity", "20000-01-01"])
def test_the_postgresql_driver_makes_up_dates_that_it_cannot_hold(postgres: OdbcPostgresHarness, value: str) -> None:
    """What docs/erp-adapters.md warns of."""
    source = odbc_source(postgres.server.odbc(POSTGRESQL_DRIVER))
    ((made_up, text),) = rows_of(source, f"SELECT date '{value}', CAST(date '{value}' AS text)")
    assert isinstance(made_up, date)
    assert made_up.year < 10_000
    assert text == value


def test_the_sqlite_driver_needs_an_option_for_big_integers_and_loses_bad_dates(sqlite_file: Path) -> None:
    """What docs/erp-adapters.md warns of."""
    assert rows_of(over_sqlite(sqlite_file), "SELECT * FROM lines") == [("PO-1", None, 1942892530)]
    assert rows_of(over_sqlite(sqlite_file, "BigInt=1"), "SELECT n FROM lines") == [(12345678901234,)]


# -- nothing is written
def test_r15_where_a_session_cannot_be_read_only_what_is_written_is_rolled_back(
    sqlite_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(odbc_session, "DIALECTS", {})
    failure(over_sqlite(sqlite_file), "DELETE FROM lines")
    assert len(rows_of(over_sqlite(sqlite_file), "SELECT * FROM lines")) == 1


def test_r15_an_unknown_server_gets_one_transaction_that_is_rolled_back(
    postgres: OdbcPostgresHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(odbc_session, "DIALECTS", {})
    source = odbc_source(postgres.server.odbc(POSTGRESQL_DRIVER))
    assert rows_of(source, "DELETE FROM erp.types RETURNING t") == [("a",)]
    assert rows_of(source, "SELECT t FROM erp.types") == [("a",)]


def test_r15_the_server_itself_refuses_writes(postgres: OdbcPostgresHarness) -> None:
    source = odbc_source(postgres.server.odbc(POSTGRESQL_DRIVER))
    assert "read-only transaction" in failure(source, "DELETE FROM erp.types").message
    assert "read-only transaction" in failure(source, "DELETE FROM erp.types RETURNING t").message


def test_a_batch_may_do_other_things_before_its_result(postgres: OdbcPostgresHarness) -> None:
    source = odbc_source(postgres.server.odbc(POSTGRESQL_DRIVER))
    assert rows_of(source, "SET search_path = erp; SELECT t FROM types") == [("a",)]


# -- R12
def test_r12_a_query_that_takes_too_long_is_ended_by_the_server_and_transient(postgres: OdbcPostgresHarness) -> None:
    source = odbc_source(postgres.server.odbc(POSTGRESQL_DRIVER), query_timeout=1)
    error = failure(source, "SELECT pg_sleep(10)")
    assert error.transient
    assert "erp.query_timeout" in error.hint


def test_r12_rows_that_take_too_long_are_transient(sqlite_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(0, 100_000, 1000))
    monkeypatch.setattr("time.monotonic", lambda: next(now))
    error = failure(attrs.evolve(over_sqlite(sqlite_file), patience=Patience()), "SELECT * FROM lines")
    assert error.transient
    assert "300 s" in error.message


@pytest.mark.parametrize("fetch_size", [1, 10])
def test_r12_a_connection_that_is_lost_is_transient(postgres: OdbcPostgresHarness, fetch_size: int) -> None:
    """`UseDeclareFetch` makes the driver fetch rows by and by, so that the loss is seen midway."""
    connection = postgres.server.odbc(POSTGRESQL_DRIVER, user=postgres.user) + ";UseDeclareFetch=1;Fetch=1"
    with odbc_source(connection, fetch_size).query("SELECT generate_series(1, 100)") as result:
        next(result.chunks)
        postgres.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{postgres.user}'")  # noqa: S608 - names of the tests' own
        with pytest.raises(ErpError) as caught:
            list(result.chunks)
    assert caught.value.transient


def test_r12_a_server_that_is_not_there_is_transient() -> None:
    skip_without_driver(POSTGRESQL_DRIVER)
    source = odbc_source(f"Driver={{{POSTGRESQL_DRIVER}}};Server=127.0.0.1;Port=1;Database=x;Uid=u;{SECRET}")
    error = failure(source)
    assert error.transient
    assert "can be reached" in error.hint


@pytest.mark.parametrize(("user", "database"), [("nobody", "postgres"), ("postgres", "nowhere")])
def test_r12_a_login_that_is_refused_is_permanent(server: Server, user: str, database: str) -> None:
    error = failure(odbc_source(server.odbc(POSTGRESQL_DRIVER, user=user, database=database)))
    assert not error.transient
    assert "correct user, password or database" in error.hint
    assert "Geheim" not in str(error)


def test_r12_a_locked_sqlite_database_is_transient(sqlite_file: Path) -> None:
    with closing(sqlite3.connect(sqlite_file, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        assert failure(over_sqlite(sqlite_file, "Timeout=10"), "SELECT * FROM lines").transient


@pytest.mark.parametrize("connection", ["Driver=Nope", "DSN=nope", "gibberish", "", "Driver={No;pe}"])
def test_r12_a_missing_driver_or_data_source_is_permanent(connection: str) -> None:
    error = failure(odbc_source(f"{connection};{SECRET}"))
    assert not error.transient
    assert "install the ODBC driver" in error.hint


# -- R16
def test_r16_the_connection_string_is_in_no_repr_and_no_error(sqlite_file: Path) -> None:
    source = over_sqlite(sqlite_file, SECRET)
    assert MARKER not in repr(source)
    assert "Driver" not in repr(source)
    error = failure(source, f"SELECT '{MARKER}' FROM nowhere, \"{MARKER}\"")  # noqa: S608 - names of the tests' own
    assert "nowhere" in str(error) or "***" in str(error)


def test_r16_what_a_driver_echoes_is_hidden(sqlite_file: Path) -> None:
    error = failure(over_sqlite(sqlite_file, "Pwd=geheim"), "SELECT geheim FROM lines")
    assert error.message == "the ERP says: [HY000] [SQLite]no such column: ***"


def test_r16_a_value_that_cannot_be_taken_hides_secrets_too(sqlite_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("year geheim is out of range")

    monkeypatch.setattr(odbc, "_execute", fail)
    assert "year *** is" in failure(over_sqlite(sqlite_file, "Pwd=geheim")).message


# -- check
def test_check_names_a_missing_driver_and_those_there_are() -> None:
    skip_without_driver(SQLITE_DRIVER)
    driver, connection = odbc_source(f"Driver={{Nope 18}};{SECRET}").check()
    assert (driver.status, driver.exit_code) == ("failed", 4)
    assert "Nope 18" in driver.message
    assert SQLITE_DRIVER in driver.hint
    assert (connection.status, connection.exit_code) == ("failed", 4)


def test_check_leaves_a_data_source_to_the_driver_manager() -> None:
    driver, connection = odbc_source("DSN=nope").check()
    assert (driver.status, connection.status) == ("ok", "failed")
