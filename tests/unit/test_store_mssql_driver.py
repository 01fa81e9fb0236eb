"""Microsoft's driver against ports where no SQL Server is: what the store, the ERP and the commands make of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest

from po_ingest.errors import ErpError, ExitCode, StoreError
from po_ingest.model import XrefRow
from po_ingest.settings import ErpSettings, StoreSettings
from po_ingest_adapters.erp import odbc
from po_ingest_adapters.store.sql import SqlStore, create
from support.command_line import outside
from support.mssql_emulator import lost, server_error
from support.odbc_driver_18 import (
    answering_port,
    ask_for_tls_and_say_garbage,
    closed_port,
    driver_18,
    hang_up,
    say_garbage,
    silent_port,
)
from support.store_builders import ERP, START, Nights, audit_event, new_line, new_run
from support.tds_server import TdsServer

SECRET: Final = "Geheim-4711"  # noqa: S105 - of nobody
Port = Callable[[], AbstractContextManager[int]]


def store(port: int, **options: str) -> SqlStore:
    given = {"driver": driver_18(), "login_timeout": "1", **options}
    query = "&".join(f"{name}={quote(text, safe='')}" for name, text in given.items())
    return create(StoreSettings(url=f"mssql+pyodbc://ingest:{SECRET}@127.0.0.1:{port}/history?{query}"))


def erp(port: int, more: str = "") -> odbc.OdbcErpSource:
    where = f"Driver={{{driver_18()}}};Server=127.0.0.1,{port};Database=erp;UID=reader;PWD={SECRET}{more}"
    return odbc.create(ErpSettings(connection=where, folder=Path(), query_timeout=1))


def store_error(port: int, **options: str) -> StoreError:
    with pytest.raises(StoreError) as caught:
        store(port, **options).schema()
    return caught.value


def erp_error(port: int, more: str = "") -> ErpError:
    with pytest.raises(ErpError) as caught, erp(port, more).query("SELECT 1"):
        pytest.fail("nobody is there")
    return caught.value


TRANSIENT: Final = (
    pytest.param(closed_port, id="refused"),
    pytest.param(silent_port, id="silent"),
    pytest.param(lambda: answering_port(hang_up), id="hung up"),
)


@pytest.fixture(params=TRANSIENT)
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    driver_18()
    with request.param() as number:
        yield number


def test_r12_a_store_that_does_not_answer_is_told_within_the_timeout_and_may_be_tried_again(port: int) -> None:
    begun = time.monotonic()
    error = store_error(port)
    assert time.monotonic() - begun < 5
    assert error.transient
    assert error.exit_code == ExitCode.STORE
    assert str(error).startswith(f"the store history on 127.0.0.1,{port} (schema po) failed: ")
    assert "server" in error.hint


def test_r12_an_erp_that_does_not_answer_is_told_within_the_timeout_and_may_be_tried_again(port: int) -> None:
    begun = time.monotonic()
    error = erp_error(port)
    assert time.monotonic() - begun < 5
    assert error.transient
    assert error.exit_code == ExitCode.ERP


def test_r16_no_error_carries_the_password(port: int) -> None:
    for error in (store_error(port), erp_error(port)):
        assert SECRET not in str(error)
        assert "PWD" not in str(error)


@pytest.mark.parametrize("answer", [say_garbage, ask_for_tls_and_say_garbage])
def test_a_port_that_speaks_another_language_is_told(answer: Callable[[Any], None]) -> None:
    driver_18()
    with answering_port(answer) as port:
        for error in (store_error(port), erp_error(port)):
            assert "Driver 18" not in error.message.partition("failed")[2]
            assert len(error.message) > 40
            assert SECRET not in str(error)


def test_a_driver_that_is_not_there_is_told_with_what_to_do() -> None:
    driver_18()
    error = store_error(1, driver="ODBC Driver 99 for SQL Server")
    assert not error.transient
    assert "install Microsoft's ODBC Driver 18" in error.hint


def test_a_keyword_that_the_driver_refuses_is_told() -> None:
    with closed_port() as port:
        error = store_error(port, Encrypt="perhaps")
    assert "'Encrypt'" in error.message
    assert SECRET not in str(error)


def test_the_lock_tells_a_store_that_does_not_answer_too(port: int) -> None:
    there = store(port)
    with pytest.raises(StoreError) as caught, there.lock("erp"):
        pytest.fail("must not be entered")
    assert caught.value.transient
    with pytest.raises(StoreError):
        there.holder("erp")


def test_check_says_that_the_store_does_not_answer(port: int) -> None:
    (finding,) = store(port).check()
    assert (finding.status, finding.exit_code) == ("failed", ExitCode.STORE)
    assert SECRET not in repr(finding)


def configured(folder: Path, port: int) -> Path:
    """Write a configuration with a store where nobody answers."""
    (folder / "erp").mkdir()
    (folder / "erp" / "erp_order_lines.csv").write_text("po_number,line_number\nPO-1,1\n", "utf-8")
    query = f"driver={quote(driver_18(), safe='')}&login_timeout=1"
    config = folder / "po-ingest.toml"
    config.write_text(
        f"""
[erp]
adapter = "csv"
connection = "erp"
[store]
url = "mssql+pyodbc://ingest:${{STORE_PASSWORD}}@127.0.0.1:{port}/history?{query}"
[store.retry]
attempts = 2
wait_initial = 0.1
""",
        "utf-8",
    )
    return config


def test_a_night_without_its_store_exits_7_after_its_retries(tmp_path: Path) -> None:
    driver_18()
    with closed_port() as port:
        config = configured(tmp_path, port)
        result = outside("--config", config, "nightly", cwd=tmp_path, environ={"STORE_PASSWORD": SECRET})
    assert result.code == ExitCode.STORE
    assert result.error.startswith("po-ingest: error: the store history on 127.0.0.1,")
    everything = (
        result.out
        + result.err
        + "".join(
            path.read_text("utf-8")
            for path in tmp_path.rglob("*")
            if path.is_file() and path.suffix in {".log", ".spool"}
        )
    )
    assert SECRET not in everything
    assert "retry" in everything.lower()


def test_check_exits_7_as_the_nightly_would(tmp_path: Path) -> None:
    driver_18()
    with closed_port() as port:
        config = configured(tmp_path, port)
        result = outside("--config", config, "check", "--json", cwd=tmp_path, environ={"STORE_PASSWORD": SECRET})
    assert result.code == ExitCode.STORE
    findings = {finding["name"]: finding for finding in result.json}
    assert findings["store"]["status"] == "failed"


# -- a server that answers, as far as the driver can tell


def test_rows_go_as_one_nvarchar_max_never_as_ntext(tds: TdsServer) -> None:
    store = tds.store()
    store.upgrade()
    tds.declared.clear()
    Nights(store).changes(*(new_line((f"PO-{number}", 1)) for number in range(2000)))
    rows = [values for types, values in tds.declared if types == "@P1 nvarchar(max)"]
    assert max(len(values[0][1]) for values in rows) > 100_000
    assert not any("text" in types for types, _ in tds.declared)
    with store.read() as view:
        assert len(view.known_lines(ERP).ids) == 2000


def test_a_short_text_of_rows_goes_as_nvarchar_max_too(tds: TdsServer) -> None:
    store = tds.store()
    store.upgrade()
    tds.declared.clear()
    with store.write() as transaction:
        transaction.put_item_xref([XrefRow("A")], START)
    assert [types for types, values in tds.declared if "[[" in str(values[0][1])] == ["@P1 nvarchar(max)"]


def test_moments_go_with_six_digits(tds: TdsServer) -> None:
    store = tds.store()
    store.upgrade()
    moment = START + timedelta(microseconds=123456)
    with store.write() as transaction:
        transaction.start_run(new_run("run", moment))
    sent = [value for _, values in tds.declared for kind, value in values if kind == "datetime2(6)"]
    assert sent == [moment.replace(tzinfo=None)]
    with store.read() as view:
        assert view.runs(ERP)[0].started_at == moment


def test_no_batch_that_begins_or_sets_something_has_parameters(tds: TdsServer) -> None:
    store = tds.store()
    store.upgrade()
    with store.lock(ERP), store.write() as transaction:
        transaction.start_run(new_run("run"))
    assert sum("BEGIN TRANSACTION" in sql for sql in tds.batches) > 3
    assert sum("SET XACT_ABORT ON" in sql for sql in tds.batches) > 3
    assert sum("sp_getapplock" in sql for sql in tds.batches) > 3
    assert not any("IMPLICIT_TRANSACTIONS ON" in sql for sql in tds.batches)


@pytest.mark.parametrize(
    ("number", "text", "hint"),
    [
        (18456, "Login failed for user 'ingest'.", "password"),
        (4060, 'Cannot open database "history" requested by the login. The login failed.', "database"),
    ],
)
def test_a_login_that_is_refused_is_told_and_not_tried_again(tds: TdsServer, number: int, text: str, hint: str) -> None:
    tds.login_error = (number, text)
    with pytest.raises(StoreError) as caught:
        tds.store().schema()
    assert (caught.value.transient, caught.value.exit_code) == (False, ExitCode.STORE)
    assert text in caught.value.message
    assert f"({number})" in caught.value.message
    assert hint in caught.value.hint
    error = erp_error(tds.port, ";Encrypt=no")
    assert (error.transient, error.exit_code) == (False, ExitCode.ERP)


def test_a_login_to_a_database_that_is_moving_is_tried_again(tds: TdsServer) -> None:
    tds.login_error = (40613, "Database 'history' on server 'x' is not currently available.")
    with pytest.raises(StoreError) as caught:
        tds.store().schema()
    assert caught.value.transient
    assert erp_error(tds.port, ";Encrypt=no").transient


@pytest.mark.parametrize(("number", "is_transient"), [(1205, True), (1222, True), (9002, False), (229, False)])
def test_an_error_in_a_transaction_is_told_as_the_server_says_it(
    tds: TdsServer, number: int, *, is_transient: bool
) -> None:
    store = tds.store()
    store.upgrade()
    tds.server.failures["WITH given"] = server_error("HY000", number, "The server's own words.")
    with pytest.raises(StoreError) as caught:
        Nights(store).changes(new_line())
    assert caught.value.message.endswith(f"failed: The server's own words. ({number})")
    assert caught.value.transient is is_transient
    tds.server.failures.clear()
    with store.read() as view:
        assert view.runs(ERP) == []


def test_a_connection_that_is_cut_in_a_transaction_may_be_tried_again(tds: TdsServer) -> None:
    store = tds.store()
    store.upgrade()
    tds.server.failures["WITH given"] = lost()
    with pytest.raises(StoreError) as caught:
        Nights(store).changes(new_line())
    assert caught.value.transient
    tds.server.failures.clear()
    Nights(store).changes(new_line())


@pytest.mark.parametrize("arrives", [True, False])
def test_r2_of_a_connection_that_is_cut_at_the_commit_is_learnt_what_became(tds: TdsServer, *, arrives: bool) -> None:
    store = tds.store()
    store.upgrade()
    (tds.server.lost_answers if arrives else tds.server.failures)["COMMIT"] = lost()
    told: StoreError | None = None
    try:
        with store.write() as transaction:
            transaction.record([audit_event(transaction.start_run(new_run("run")))])
    except StoreError as error:
        told = error
    tds.server.failures.clear()
    tds.server.lost_answers.clear()
    assert (told is None) is arrives
    assert told is None or told.transient
    with store.read() as view:
        assert [run.run_identifier for run in view.runs(ERP)] == (["run"] if arrives else [])


def test_r13_the_lock_goes_with_the_connection(tds: TdsServer) -> None:
    store = tds.store()
    with store.lock(ERP):
        assert tds.store().holder(ERP)
        ((_, _, _, session),) = tds.server.locks
        session.server.free(session)
        with pytest.raises(StoreError, match="held the lock"), store.write():
            pytest.fail("the lock was lost")


def test_a_whole_night_runs_through_the_driver(tds: TdsServer, tmp_path: Path) -> None:
    config = configured(tmp_path, tds.port)
    config.write_text(config.read_text("utf-8").replace("login_timeout=1", "login_timeout=5&Encrypt=no"), "utf-8")
    result = outside("--config", config, "nightly", "--json", cwd=tmp_path, environ={"STORE_PASSWORD": SECRET})
    assert (result.code, result.json["status"], result.json["new_lines_created"]) == (0, "completed", 1)
    again = outside("--config", config, "nightly", "--json", cwd=tmp_path, environ={"STORE_PASSWORD": SECRET})
    assert (again.code, again.json["change_events_detected"]) == (0, 0)
    verified = outside("--config", config, "audit", "verify", cwd=tmp_path, environ={"STORE_PASSWORD": SECRET})
    assert verified.code == 0
