"""Nothing is written to the ERP, and nothing stays open there (R15): on a real PostgreSQL."""

from __future__ import annotations

import gc
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

from po_ingest.cli.signals import interruptible
from po_ingest.errors import Interrupted
from po_ingest.settings import ErpSettings, RetrySettings
from po_ingest_adapters.erp import blocking
from support.erp_postgres import Server
from support.skips import FREETDS_DRIVER, POSTGRESQL_DRIVER, SQLITE_DRIVER, skip_without_driver

pyodbc = pytest.importorskip("pyodbc", reason="pyodbc finds no ODBC: apt-get install unixodbc", exc_type=ImportError)

from po_ingest_adapters.erp import odbc, odbc_dialects, odbc_session, odbc_values  # noqa: E402 - only where pyodbc can be imported
from support.erp_odbc import OdbcPostgresHarness, error_of, odbc_source, rows_of  # noqa: E402 - as above

if TYPE_CHECKING:
    from po_ingest.ports import Finding
    from po_ingest_adapters.erp.odbc import OdbcErpSource

T = TypeVar("T")
DECLARE_FETCH = ";UseDeclareFetch=1;Fetch=1"
"""Has the driver keep a cursor of the server open, within a transaction."""


@pytest.fixture(scope="module")
def postgres(server: Server) -> OdbcPostgresHarness:
    harness = OdbcPostgresHarness(server, "erp")
    harness.load("lines", {"t": "text", "n": "int"}, [("a", 1), ("b", 2), ("c", 3)])
    return harness


@pytest.fixture(params=["read-only session", "transaction"])
def source(
    request: pytest.FixtureRequest, postgres: OdbcPostgresHarness, monkeypatch: pytest.MonkeyPatch
) -> OdbcErpSource:
    """Return a source of either kind: SQL Server and unknown servers get one transaction that is rolled back."""
    if request.param == "transaction":
        monkeypatch.setattr(odbc_session, "DIALECTS", {})
    return odbc_source(postgres.server.odbc(POSTGRESQL_DRIVER, user=postgres.user) + DECLARE_FETCH, fetch_size=1)


def states(postgres: OdbcPostgresHarness) -> list[str]:
    """Return the states of the reader's sessions."""
    found = postgres.run(f"SELECT state FROM pg_stat_activity WHERE usename = '{postgres.user}'")  # noqa: S608 - names of the tests' own
    return [str(state) for (state,) in found]


def remaining(postgres: OdbcPostgresHarness) -> list[str]:
    """Return the states of the reader's sessions that are still there after two seconds."""
    deadline = time.monotonic() + 2
    while states(postgres) and time.monotonic() < deadline:
        time.sleep(0.05)
    return states(postgres)


# -- nothing stays open
def test_r15_no_transaction_stays_open_after_a_query(source: OdbcErpSource, postgres: OdbcPostgresHarness) -> None:
    assert len(rows_of(source, "SELECT * FROM lines")) == 3
    assert remaining(postgres) == []


@pytest.mark.parametrize("sql", ["SELECT * FROM nowhere", "SELECT 1 / (n - 2) FROM lines", "SELECT 1; SELECT 2"])
def test_r15_no_transaction_stays_open_after_an_error(
    source: OdbcErpSource, postgres: OdbcPostgresHarness, sql: str
) -> None:
    error_of(source, sql)
    assert remaining(postgres) == []


@pytest.mark.parametrize("error", [RuntimeError("no"), KeyboardInterrupt(), Interrupted("SIGTERM")])
def test_r15_no_transaction_stays_open_after_a_reader_gives_up(
    source: OdbcErpSource, postgres: OdbcPostgresHarness, error: BaseException
) -> None:
    with pytest.raises(type(error)), source.query("SELECT * FROM lines") as result:  # noqa: PT012 - all of it counts
        next(result.chunks)
        assert "idle in transaction" in states(postgres)
        raise error
    assert remaining(postgres) == []


def test_r15_without_a_cursor_of_the_server_no_transaction_is_open_even_while_rows_are_read(
    postgres: OdbcPostgresHarness,
) -> None:
    with odbc_source(postgres.server.odbc(POSTGRESQL_DRIVER, user=postgres.user), 1).query(
        "SELECT * FROM lines"
    ) as result:
        next(result.chunks)
        assert states(postgres) == ["idle"]


@contextmanager
def signalled() -> Iterator[None]:
    """Expect that a signal sent in a moment ends the context within five seconds."""
    gc.collect()  # what a handler raises while the collector calls back is lost
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM))
    began = time.monotonic()
    with interruptible(), pytest.raises(Interrupted):  # noqa: PT012 - the signal comes meanwhile
        timer.start()
        yield
    assert time.monotonic() - began < 5


def test_r15_a_signal_ends_the_query_on_the_server_too(source: OdbcErpSource, postgres: OdbcPostgresHarness) -> None:
    with signalled():
        rows_of(source, "SELECT pg_sleep(30)")
    assert remaining(postgres) == []


def test_a_signal_ends_a_login_that_the_server_does_not_answer() -> None:
    skip_without_driver(POSTGRESQL_DRIVER)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        source = odbc_source(f"Driver={{{POSTGRESQL_DRIVER}}};Server=127.0.0.1;Port={port};Database=x;Uid=u")
        with signalled():
            rows_of(source, "SELECT 1")


class Deaf(blocking.Calls):
    """Calls that cannot be cancelled."""

    def make(self, call: Callable[[], T], seconds: float, cancel: Callable[[], None] | None = None) -> T:
        del cancel
        return super().make(call, seconds)


def test_a_driver_that_hangs_in_a_call_is_left_alone(
    postgres: OdbcPostgresHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither cursor nor connection are closed: that would wait for the call. They end with it."""
    monkeypatch.setattr(odbc_session, "Calls", Deaf)
    with signalled():
        rows_of(odbc_source(postgres.server.odbc(POSTGRESQL_DRIVER, user=postgres.user)), "SELECT pg_sleep(4)")
    assert states(postgres) == ["active"]
    time.sleep(4)
    assert remaining(postgres) == []


def test_a_rollback_that_fails_does_not_keep_the_connection_open() -> None:
    class Lost:
        autocommit = False
        closed = False

        def rollback(self) -> None:
            raise pyodbc.Error("08S01", "lost")

        def close(self) -> None:
            self.closed = True

    lost = Lost()
    odbc_session._end(lost)  # no server can be made to do this
    assert lost.closed


# -- how it is asked for
def test_r15_the_driver_is_asked_for_a_connection_that_only_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, dict[str, object]]] = []

    def connect(text: str, **options: object) -> None:
        asked.append((text, options))
        raise pyodbc.OperationalError("08001", "[08001] no")

    monkeypatch.setattr("pyodbc.connect", connect)
    error_of(odbc_source("Driver=FreeTDS;Server=h", query_timeout=7))
    assert asked == [
        ("ApplicationIntent=ReadOnly;Driver=FreeTDS;Server=h", {"autocommit": True, "readonly": True, "timeout": 7})
    ]


def test_a_session_converts_what_pyodbc_does_not_know(postgres: OdbcPostgresHarness) -> None:
    wanted = odbc_session.Wanted(
        connection=postgres.server.odbc(POSTGRESQL_DRIVER), query_timeout=5, isolation="read committed", encoding=None
    )
    with odbc_session.session(wanted) as opened:
        assert opened.connection.get_output_converter(-155) is odbc_values.datetime_with_offset


# -- isolation
def test_an_isolation_that_the_database_cannot_have_is_refused(postgres: OdbcPostgresHarness) -> None:
    error = error_of(odbc_source(postgres.server.odbc(POSTGRESQL_DRIVER), isolation="snapshot"))
    assert 'erp.isolation is "snapshot"' in error.message
    assert "PostgreSQL" in error.message
    assert "erp.isolation" in error.hint


@pytest.mark.parametrize("level", ["read committed", "serializable"])
def test_the_isolation_is_set_before_the_query(
    postgres: OdbcPostgresHarness, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    """SQL Server's statement, with the word SESSION that PostgreSQL wants."""
    statement = str(odbc_dialects.SQL_SERVER.isolation)
    assert statement == "SET TRANSACTION ISOLATION LEVEL {level}"
    dialect = odbc_dialects.Dialect(
        isolation=statement.replace("SET TRANSACTION", "SET SESSION CHARACTERISTICS AS TRANSACTION")
    )
    monkeypatch.setattr(odbc_session, "DIALECTS", {"PostgreSQL": dialect})
    source = odbc_source(postgres.server.odbc(POSTGRESQL_DRIVER), isolation=level)
    assert rows_of(source, "SELECT current_setting('transaction_isolation')") == [(level,)]


# -- what the login may do
def privileges(source: OdbcErpSource) -> Finding:
    *_, found = source.check()
    assert found.name == "erp privileges"
    return found


@pytest.mark.parametrize(
    ("grant", "told"),
    [
        ("GRANT INSERT ON erp.lines TO {user}", "erp.lines"),
        ("GRANT UPDATE (n) ON erp.lines TO {user}", "erp.lines"),
        ("GRANT pg_write_all_data TO {user}", "erp.lines"),
        ("GRANT CREATE ON SCHEMA erp TO {user}", "new tables in erp"),
        ("ALTER TABLE erp.lines OWNER TO {user}", "erp.lines"),
        ("ALTER ROLE {user} SUPERUSER", "everything (superuser)"),
    ],
)
def test_r15_check_warns_of_a_login_that_may_write(postgres: OdbcPostgresHarness, grant: str, told: str) -> None:
    postgres.run("CREATE ROLE writes LOGIN", grant.format(user="writes"))
    try:
        found = privileges(odbc_source(postgres.server.odbc(POSTGRESQL_DRIVER, user="writes")))
    finally:
        postgres.run("ALTER TABLE erp.lines OWNER TO postgres", "DROP OWNED BY writes", "DROP ROLE writes")
    assert found.status == "warning"
    assert told in found.message
    assert "only read" in found.hint


def test_r15_check_is_content_with_a_login_that_can_only_read(postgres: OdbcPostgresHarness) -> None:
    postgres.run("CREATE ROLE only_reads LOGIN", "GRANT SELECT ON erp.lines TO only_reads")
    found = odbc_source(postgres.server.odbc(POSTGRESQL_DRIVER, user="only_reads")).check()
    assert [(finding.name, finding.status) for finding in found] == [
        ("erp driver", "ok"),
        ("erp connection", "ok"),
        ("erp privileges", "ok"),
    ]
    assert "PostgreSQL" in found[1].message


def test_check_says_where_rights_cannot_be_looked_up() -> None:
    skip_without_driver(SQLITE_DRIVER)
    found = privileges(odbc_source(f"Driver={SQLITE_DRIVER};Database=:memory:"))
    assert found.status == "warning"
    assert "cannot be looked up" in found.message


@pytest.mark.parametrize(
    ("looks", "told"),
    [
        (("SELECT nothing", "SELECT 'erp.lines'"), "may write to the ERP: erp.lines"),
        (("SELECT nothing", "SELECT 'x' WHERE false"), "not all of the login's rights"),
        (("SELECT 'x' WHERE false",), "cannot write"),
    ],
)
def test_a_look_that_fails_leaves_the_others(
    postgres: OdbcPostgresHarness, monkeypatch: pytest.MonkeyPatch, looks: tuple[str, ...], told: str
) -> None:
    monkeypatch.setattr(odbc_session, "DIALECTS", {"PostgreSQL": odbc_dialects.Dialect(writable=looks)})
    assert told in privileges(odbc_source(postgres.server.odbc(POSTGRESQL_DRIVER))).message


def test_r15_sql_server_is_asked_for_server_database_and_table_rights() -> None:
    """No SQL Server here: this only keeps the statements from being lost."""
    server, database, tables = odbc_dialects.SQL_SERVER.writable
    assert "IS_SRVROLEMEMBER('sysadmin')" in server
    assert "fn_my_permissions(NULL, 'DATABASE')" in database
    assert "HAS_PERMS_BY_NAME" in tables
    assert odbc_dialects.SQL_SERVER.read_only is None


# -- time limits, and a driver without a server
def test_r12_a_login_that_is_not_answered_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    skip_without_driver(FREETDS_DRIVER)
    monkeypatch.setattr(odbc_session, "LONGEST_LOGIN", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        began = time.monotonic()
        error = error_of(odbc_source(f"Driver={FREETDS_DRIVER};Server=127.0.0.1;Port={port};Uid=u;Pwd=Geheim-4711"))
    assert time.monotonic() - began < 10
    assert error.transient
    assert "Geheim" not in str(error)


def test_r12_freetds_without_a_server_is_transient() -> None:
    skip_without_driver(FREETDS_DRIVER)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = error_of(odbc_source(f"Driver={FREETDS_DRIVER};Server=127.0.0.1;Port={port};Uid=u;Pwd=Geheim-4711"))
    assert error.transient
    assert "20009" in error.message or "08" in error.message
    assert "can be reached" in error.hint


def test_r12_the_time_of_all_tries_limits_each(postgres: OdbcPostgresHarness) -> None:
    settings = ErpSettings(
        connection=postgres.server.odbc(POSTGRESQL_DRIVER), folder=Path(), retry=RetrySettings(timeout=1)
    )
    began = time.monotonic()
    assert error_of(odbc.create(settings), "SELECT pg_sleep(30)").transient
    assert time.monotonic() - began < 5


def test_r12_a_query_ends_in_time_although_its_driver_does_not_end_it() -> None:
    skip_without_driver(SQLITE_DRIVER)
    source = odbc_source(f"Driver={SQLITE_DRIVER};Database=:memory:", query_timeout=1)
    began = time.monotonic()
    error = error_of(
        source, "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1e8) SELECT count(*) FROM c"
    )
    assert error.transient
    assert "longer than 1 s" in error.message
    assert time.monotonic() - began < 10
