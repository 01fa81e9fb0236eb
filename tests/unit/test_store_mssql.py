"""What the store does with SQL Server: how it connects, locks and commits, and what errors mean. On the emulator."""

from __future__ import annotations

import builtins
import threading
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy.engine import make_url

from po_ingest.errors import ConfigError, StoreError
from po_ingest.model import XrefRow
from po_ingest.settings import StoreSettings
from po_ingest_adapters.store import rights
from po_ingest_adapters.store.database import Access
from po_ingest_adapters.store.dialects import mssql, mssql_bulk, mssql_connect, mssql_errors
from po_ingest_adapters.store.dialects import server as databases_on_a_server
from po_ingest_adapters.store.sql import SqlStore, create
from support.mssql_emulator import Error, OperationalError, ProgrammingError, Server, lost, server_error
from support.store_builders import ERP, KEY, START, Nights, audit_event, line_values, new_line, new_run
from support.world import World, line

SECRET: Final = "Geheim;4711}"  # noqa: S105 - of nobody
QUOTED: Final = "Geheim%3B4711%7D"
DRIVER: Final = "[Microsoft][ODBC Driver 18 for SQL Server]"


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path / "server.db")


@pytest.fixture
def store(server: Server) -> SqlStore:
    store = server.store()
    store.upgrade()
    return store


def string(url: str) -> str:
    return mssql_connect.target(make_url(url)).connection_string


# -- how it connects


def test_a_url_becomes_a_connection_string_that_is_encrypted_and_named() -> None:
    assert string(f"mssql+pyodbc://ingest:{QUOTED}@db.example:1444/history") == (
        "DRIVER=ODBC Driver 18 for SQL Server;Encrypt=yes;APP=po-ingest;SERVER=db.example,1444;DATABASE=history;"
        "UID=ingest;PWD={Geheim;4711}}};ConnectRetryCount=0;MARS_Connection=no"
    )


def test_without_a_user_windows_says_who_it_is() -> None:
    assert "Trusted_Connection=yes" in string("mssql+pyodbc://db.example/history")
    assert "UID" not in string("mssql+pyodbc://db.example/history")
    azure = string("mssql+pyodbc://db.example/history?Authentication=ActiveDirectoryMsi")
    assert "Authentication=ActiveDirectoryMsi" in azure
    assert "Trusted_Connection" not in azure


def test_options_of_the_url_go_to_the_driver() -> None:
    made = string(
        "mssql://db.example/history?driver=ODBC+Driver+17+for+SQL+Server&MultiSubnetFailover=Yes"
        "&TrustServerCertificate=yes&encrypt=strict&Application+Name=mine&Language=Deutsch"
    )
    for part in (
        "DRIVER=ODBC Driver 17 for SQL Server",
        "MultiSubnetFailover=Yes",
        "TrustServerCertificate=yes",
        "Encrypt=strict",
        "APP=mine",
        "language=Deutsch",
    ):
        assert f"{part};" in f"{made};"
    assert "TrustServerCertificate" not in string("mssql+pyodbc://db.example/history")


def test_a_named_instance_is_found() -> None:
    for url in ("mssql+pyodbc://db.example%5CINST/history", "mssql+pyodbc:///history?server=db.example%5CINST"):
        assert "SERVER=db.example\\INST;" in string(url)


def test_a_whole_connection_string_is_taken_too() -> None:
    raw = (
        "Driver%3D%7BODBC+Driver+18+for+SQL+Server%7D%3BServer%3Dtcp:db,1433%3BInitial+Catalog%3Dhistory%3BUser+ID%3Du"
    )
    made = string(f"mssql+pyodbc:///?odbc_connect={raw}%3BPassword%3D%7BGe%3B%7D%7Dheim%7D%3BEncrypt%3DOptional")
    assert "Encrypt=Optional;APP=po-ingest;SERVER=tcp:db,1433;DATABASE=history;UID=u;PWD={Ge;}}heim};" in made
    assert made.count("DRIVER") == made.count("Encrypt") == made.count("SERVER") == 1


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mssql+pymssql://u:secret@host/db", "unknown driver"),
        ("mssql+pyodbc://u:secret@host", "names no database"),
        ("mssql+pyodbc:///db", "names no server"),
        ("mssql+pyodbc://u:p@secret@host/db", "an @ too many"),
        ("mssql+pyodbc://u:secret@host/db?MARS_Connection=yes", "MARS_Connection"),
        ("mssql+pyodbc://u:secret@host/db?ConnectRetryCount=3", "ConnectRetryCount"),
        ("mssql+pyodbc://u:secret@host/db?lock_timeout=secret", "lock_timeout is not a number"),
        ("mssql+pyodbc://u:secret@host/db?query_timeout=0", "query_timeout is not a number"),
        ("mssql+pyodbc://u:secret@host/db?login_timeout=100000", "login_timeout is not a number"),
    ],
)
def test_r16_a_url_that_is_of_no_use_is_told_without_being_shown(url: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        create(StoreSettings(url=url))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("schema", ["", "p.o", "p]o", "p'o", "1po", "a" * 65])
def test_a_schema_that_is_no_plain_name_is_refused(schema: str) -> None:
    with pytest.raises(ConfigError, match="plain name"):
        create(StoreSettings(url="mssql+pyodbc://host/db", schema=schema))


def test_without_pyodbc_the_user_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **keywords: Any) -> Any:  # noqa: ANN401 - as __import__
        if name == "pyodbc":
            raise ImportError("libodbc.so.2: cannot open shared object file")
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"libodbc\.so\.2.*pip install pyodbc.*unixodbc"):
        create(StoreSettings(url="mssql+pyodbc://host/db"))


def test_pooling_is_off_as_a_pool_would_keep_the_lock() -> None:
    pyodbc = pytest.importorskip("pyodbc", reason="no ODBC here", exc_type=ImportError)
    assert mssql_connect.driver() is pyodbc
    assert pyodbc.pooling is False


def test_r16_neither_store_nor_target_shows_the_password() -> None:
    pytest.importorskip("pyodbc", reason="no ODBC here", exc_type=ImportError)
    store = create(StoreSettings(url=f"mssql+pyodbc://ingest:{QUOTED}@db.example/history"))
    for text in (repr(store), str(store.database), store.database.label()):
        assert SECRET not in text
        assert "Geheim" not in text


def test_every_session_is_set_up_before_anything_else(server: Server, store: SqlStore) -> None:
    with store.lock(ERP):
        store.holder(ERP)
    starts = [at for at, (sql, _) in enumerate(server.log) if sql.startswith("-- connect")]
    assert len(starts) > 4
    for at in starts:
        batch, parameters = server.log[at + 1]
        assert not parameters
        for setting in ("SET XACT_ABORT ON", "SET LANGUAGE us_english", "SET DATEFORMAT ymd", "SET LOCK_TIMEOUT 30000"):
            assert setting in batch
    assert all(connection.timeout == 600 for connection in server.connections)
    assert all(connection.is_closed for connection in server.connections)


def test_a_session_that_cannot_be_set_up_is_closed(server: Server, store: SqlStore) -> None:
    server.failures["SET ANSI_NULLS"] = lost()
    with pytest.raises(StoreError) as caught:
        store.schema()
    assert caught.value.transient
    assert server.connections[-1].is_closed


# -- transactions


def test_reading_sees_one_moment_without_snapshots_too(server: Server, store: SqlStore) -> None:
    server.answers["snapshots"] = [(0,)]
    with store.read() as view:
        assert view.runs(ERP) == []
        with (
            pytest.raises(StoreError, match=r"in use by another program \(sp_getapplock: -1\)") as caught,
            store.write(),
        ):
            pytest.fail("a reader without a snapshot keeps writers waiting")
    assert caught.value.transient
    with store.write() as transaction, pytest.raises(StoreError) as caught, store.read():
        transaction.start_run(new_run("one"))
    assert caught.value.transient
    with store.read(), store.read():
        pass


def test_with_snapshots_a_reader_takes_no_lock(server: Server, store: SqlStore) -> None:
    with store.read():
        assert server.locks == []
    with store.write():
        assert [(owner, mode) for _, owner, mode, _ in server.locks] == [("Transaction", "Exclusive")]
    assert server.locks == []


def test_an_answer_that_no_waiting_mends_is_not_tried_again(server: Server, store: SqlStore, monkeypatch: Any) -> None:  # noqa: ANN401 - pytest's
    monkeypatch.setattr(Server, "take", lambda *_: -999)
    with pytest.raises(StoreError, match="-999") as caught, store.write():
        pytest.fail("must not begin")
    assert not caught.value.transient
    assert server.connections[-1].is_closed


def test_r2_a_commit_that_the_server_refuses_is_a_failed_transaction(server: Server, store: SqlStore) -> None:
    server.failures["COMMIT"] = server_error("40001", 1205, "Transaction was deadlocked.")
    with pytest.raises(StoreError, match="1205") as caught, store.write() as transaction:
        transaction.start_run(new_run("one"))
    assert caught.value.transient
    server.failures.clear()
    with store.read() as view:
        assert view.runs(ERP) == []
    with store.write() as transaction:
        transaction.start_run(new_run("two"))


def write_a_run(store: SqlStore, name: str) -> None:
    with store.write() as transaction:
        transaction.record([audit_event(transaction.start_run(new_run(name)))])


def run_names(store: SqlStore) -> list[str]:
    with store.read() as view:
        return [run.run_identifier for run in view.runs(ERP)]


def test_r2_a_commit_whose_answer_is_lost_is_not_done_twice(server: Server, store: SqlStore) -> None:
    server.lost_answers["COMMIT"] = lost()
    write_a_run(store, "one")
    server.lost_answers.clear()
    write_a_run(store, "two")
    assert run_names(store) == ["two", "one"]


def test_r2_a_night_whose_commits_all_lose_their_answers_is_applied_once(
    server: Server, store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World([line("PO-1", ordered_quantity="1")], store=store)
    world.night()
    world.lines = [line("PO-1", ordered_quantity="2")]
    end, ended = mssql.MssqlDatabase._end, []

    def lose_the_answer(database: mssql.MssqlDatabase, connection: Any, access: Access) -> None:  # noqa: ANN401 - SQLAlchemy's
        ended.append(access)
        server.lost_answers = {"COMMIT": lost()} if access is Access.WRITE else {}
        end(database, connection, access)

    monkeypatch.setattr(mssql.MssqlDatabase, "_end", lose_the_answer)
    report = world.night()
    assert ended.count(Access.WRITE) == 2  # its beginning, and all that it does
    assert (report.status, report.retries) == ("completed", 0)
    assert world.events() == [("changed", "ordered_quantity", "1.000", "2.000", "erp")]


def test_r2_a_commit_that_did_not_arrive_may_be_tried_again(server: Server, store: SqlStore) -> None:
    server.failures["COMMIT"] = lost()
    with pytest.raises(StoreError, match="TCP Provider") as caught:
        write_a_run(store, "one")
    assert caught.value.transient
    server.failures.clear()
    assert run_names(store) == []
    write_a_run(store, "again")
    assert run_names(store) == ["again"]


def test_r2_a_commit_that_takes_too_long_ends_with_its_session(server: Server, store: SqlStore) -> None:
    server.failures["COMMIT"] = OperationalError("HYT00", f"[HYT00] {DRIVER}Query timeout expired (0) (SQLExecDirectW)")
    with pytest.raises(StoreError, match="timeout") as caught:
        write_a_run(store, "one")
    assert caught.value.transient
    assert all(connection.is_closed for connection in server.connections)
    assert server.locks == []


@pytest.mark.parametrize("is_committed", [True, False])
def test_r2_while_the_outcome_of_a_commit_is_unknown_nothing_is_written_over_it(
    server: Server, store: SqlStore, monkeypatch: pytest.MonkeyPatch, *, is_committed: bool
) -> None:
    monkeypatch.setattr(databases_on_a_server, "SETTLE_PAUSES", (0.0, 0.0))
    (server.lost_answers if is_committed else server.failures)["COMMIT"] = lost()
    # The server has not noticed that the client is gone: the session, and with it the transaction's lock, is there.
    monkeypatch.setattr(Server, "free", lambda *_: None)
    for _ in range(2):
        with pytest.raises(StoreError, match=r"its outcome is unknown|in use by another program") as caught:
            write_a_run(store, "one")
    server.failures.clear()
    server.lost_answers.clear()
    monkeypatch.undo()
    server.locks.clear()
    if is_committed:
        with pytest.raises(StoreError, match="was committed after all") as caught:
            write_a_run(store, "over it")
        assert not caught.value.transient
        write_a_run(server.store(), "of another process")
        assert run_names(store) == ["of another process", "one"]
    else:
        write_a_run(store, "once more")
        assert run_names(store) == ["once more"]


def test_r2_a_lost_commit_that_left_no_mark_is_not_tried_again(server: Server, store: SqlStore) -> None:
    server.lost_answers["COMMIT"] = lost()
    with pytest.raises(StoreError, match="its outcome is unknown") as caught, store.write() as transaction:
        transaction.put_item_xref([XrefRow("A")], START)
    assert not caught.value.transient
    server.lost_answers.clear()
    with pytest.raises(StoreError, match="its outcome is unknown"), store.write():
        pytest.fail("nobody knows what was written before")


def test_a_reader_whose_end_is_lost_is_told_plainly(server: Server, store: SqlStore) -> None:
    server.failures["COMMIT"] = lost()
    with pytest.raises(StoreError, match="TCP Provider") as caught, store.read():
        pass
    assert caught.value.transient


def test_a_connection_cut_in_the_midst_leaves_nothing(server: Server, store: SqlStore) -> None:
    server.failures["WITH given"] = lost()
    server.failures["IF @@TRANCOUNT"] = lost()
    with pytest.raises(StoreError) as caught:
        Nights(store).changes(new_line())
    assert caught.value.transient
    assert server.connections[-1].is_closed
    server.failures.clear()
    with store.read() as view:
        assert view.runs(ERP) == []


def test_ids_are_asked_for_once_a_transaction(server: Server, store: SqlStore) -> None:
    with store.write() as transaction:
        server.log.clear()
        assert [transaction.start_run(new_run(name)) for name in ("a", "b")] == [1, 2]
        assert sum("max(" in sql for sql, _ in server.log) == 1
    with store.write() as transaction:
        assert transaction.start_run(new_run("c")) == 3


def test_a_text_that_does_not_fit_is_refused_not_cut(store: SqlStore) -> None:
    with pytest.raises(StoreError, match="2628") as caught:
        Nights(store).changes(new_line(values=line_values(sku="x" * 257)))
    assert not caught.value.transient


def test_a_text_of_full_width_fits_whatever_its_characters(store: SqlStore) -> None:
    text = "\U0001f600" * 255
    Nights(store).changes(new_line(values=line_values(item=text)))
    with store.read() as view:
        (row,) = view.lines(ERP, *KEY)
    assert row["item"] == text


def test_the_snapshot_comes_by_code_point_though_the_server_sorts_by_utf16(store: SqlStore) -> None:
    numbers = ["A", "\U0001f600", "\ufffd", "\ue000x", "Z"]
    (*_,) = Nights(store).changes(*(new_line((number, 1)) for number in numbers))
    with store.read() as view:
        assert [key[0] for key, _ in view.snapshot(ERP, 1)] == sorted(numbers)
    with store.write() as transaction:
        transaction.put_item_xref([XrefRow(number) for number in numbers], START)
    with store.read() as view:
        assert [row.erp_item_code for row in view.item_xref()] == sorted(numbers)


# -- the lock


def test_r13_the_lock_is_a_sessions_and_dies_with_it(server: Server, store: SqlStore) -> None:
    with store.database.lock(ERP) as is_taken:
        assert is_taken
        ((_, owner, mode, holder),) = server.locks
        assert (owner, mode) == ("Session", "Exclusive")
        holder.close()
        with server.store().database.lock(ERP) as is_free:
            assert is_free
    assert not store.holder(ERP)


def test_r13_a_run_whose_lock_was_lost_writes_no_more(server: Server, store: SqlStore) -> None:
    with store.lock(ERP):
        with store.write() as transaction:
            transaction.start_run(new_run("one"))
        server.locks.clear()
        with pytest.raises(StoreError, match=r"held the lock of ERP 'erp'.* was lost") as caught, store.write():
            pytest.fail("another run may have begun")
        assert not caught.value.transient
    with store.write():
        pass


def test_r13_a_lock_is_given_back_though_its_session_has_ended(server: Server, store: SqlStore) -> None:
    with store.lock(ERP):
        server.failures["EXEC sys.sp_releaseapplock"] = lost()
    assert all(connection.is_closed for connection in server.connections)


def test_r13_locks_of_schemas_and_erps_have_names_of_their_own() -> None:
    pytest.importorskip("pyodbc", reason="no ODBC here", exc_type=ImportError)
    names = set()
    for schema, erp in (("po", "a"), ("po", "A"), ("po2", "a"), ("po", "\ud800"), ("po", "x" * 500)):
        database: Any = create(StoreSettings(url="mssql+pyodbc://host/db", schema=schema)).database
        names |= {database._resource(erp), database._resource(erp, "write")}
    assert len(names) == 10
    assert all(len(name) < 128 and name.isascii() for name in names)


# -- rights


def test_check_names_each_right_that_a_nightly_lacks(server: Server, store: SqlStore) -> None:
    server.answers["using"] = [("UPDATE on po_line",), ("INSERT on batch",)]
    (finding,) = store.check()
    assert (finding.status, finding.exit_code) == ("failed", 7)
    assert "the login lacks UPDATE on po_line, INSERT on batch" in finding.message
    assert "docs/sqlserver.md" in finding.hint


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((1, 0, 1, 1, None, None, None), "CREATE SCHEMA on the database"),
        ((1, 1, 0, 1, None, None, None), "CREATE TABLE on the database"),
        ((1, 1, 1, 0, None, None, None), "CREATE VIEW on the database"),
        ((0, 0, 1, 1, 0, 1, None), "ALTER on the schema po"),
        ((0, 0, 1, 1, 1, 0, None), "REFERENCES on the schema po"),
    ],
)
def test_check_names_what_is_needed_to_create_what_is_missing(
    server: Server, answer: tuple[Any, ...], words: str
) -> None:
    server.answers["creating"] = [answer]
    (finding,) = server.store().check()
    assert words in finding.message
    assert "may not see them" in finding.message


@pytest.mark.parametrize("answer", [(1, 1, 1, 1, None, None, None), (0, 0, 1, 1, 1, 1, None)])
def test_check_is_content_with_the_rights_to_create(server: Server, answer: tuple[Any, ...]) -> None:
    server.answers["creating"] = [answer]
    (finding,) = server.store().check()
    assert (finding.status, "will be created" in finding.message) == ("ok", True)


def test_check_and_upgrade_refuse_a_database_that_is_too_old_or_read_only(server: Server) -> None:
    for answer, words in (((120, 1), "compatibility level 120"), ((160, 0), "can only be read")):
        server.answers["state"] = [answer]
        (finding,) = server.store().check()
        assert words in finding.message
        with pytest.raises(StoreError, match=words):
            server.store().upgrade()
    assert not server.has_schema


def test_check_writes_nothing(server: Server) -> None:
    server.store().check()
    written = ("INSERT", "CREATE", "UPDATE", "DELETE", "WITH")
    assert [sql for sql, _ in server.log if sql.lstrip().startswith(written)] == []


def test_the_rights_that_are_checked_are_for_all_tables(store: SqlStore) -> None:
    assert set(rights.NEEDED) == {table.name for table in store.tables.metadata.tables.values()}


# -- what errors mean


def explained(error: Exception) -> StoreError:
    return mssql_errors.explain("the store", error, lambda text: text.replace("Geheim", "***"))


@pytest.mark.parametrize(
    "number",
    [
        *(
            1205,
            1222,
            3960,
            3961,
            1204,
            10928,
            10929,
            40197,
            40501,
            40613,
            49918,
            49919,
            49920,
            4221,
            40143,
            40540,
        ),
    ],
)
def test_r12_what_passes_by_itself_is_transient(number: int) -> None:
    error = explained(server_error("HY000", number, "Please retry."))
    assert error.transient
    assert error.message == f"the store failed: Please retry. ({number})"
    assert error.hint != mssql_errors.OTHER_HINT


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (4060, "database in store.url"),
        (40607, "the login may connect"),
        (40615, "firewall rule"),
        (40914, "firewall rule"),
        (701, "has memory"),
        (802, "has memory"),
        (17142, "not paused"),
        (18456, "password"),
        (18488, "password"),
        (229, "docs/sqlserver.md"),
        (262, "docs/sqlserver.md"),
        (208, "store upgrade --sql"),
        (207, "store upgrade --sql"),
        (2628, "store upgrade --sql"),
        (8152, "store upgrade --sql"),
        (547, "store upgrade --sql"),
        (2627, "store upgrade --sql"),
        (1105, "make room"),
        (9002, "make room"),
        (3906, "primary replica"),
        (978, "primary replica"),
        (51000, "append-only"),
        (99999, "see the log"),
    ],
)
def test_r12_what_needs_somebody_is_not_tried_again_and_says_what_to_do(number: int, hint: str) -> None:
    error = explained(server_error("42000", number, "No."))
    assert not error.transient
    assert hint in error.hint


@pytest.mark.parametrize(
    ("error", "is_transient", "hint"),
    [
        (
            OperationalError("HYT00", f"[HYT00] {DRIVER}Login timeout expired (0) (SQLDriverConnect)"),
            True,
            "not too busy",
        ),
        (
            OperationalError("08S01", f"[08S01] {DRIVER}Communication link failure (0) (SQLExecDirectW)"),
            True,
            "reached",
        ),
        (Error("HY000", f"[HY000] {DRIVER}Protocol error in TDS stream (0) (SQLExecDirectW)"), False, "see the log"),
        (Error("01000", "[01000] [unixODBC][Driver Manager]Can't open lib 'X' : file not found (0)"), False, "install"),
        (Error("IM002", "[IM002] [Microsoft][ODBC Driver Manager] Data source name not found (0)"), False, "install"),
        (
            OperationalError("08001", f"[08001] {DRIVER}SSL Provider: certificate verify failed:self-signed (-1)"),
            False,
            "TrustServerCertificate",
        ),
        (
            ProgrammingError(
                "42S02", f"[42S02] {DRIVER}[SQL Server]Invalid object name 'OPENJSON'. (208) (SQLPrepare)"
            ),
            False,
            "COMPATIBILITY_LEVEL",
        ),
        (
            OperationalError(
                "28000",
                f"[28000] {DRIVER}[SQL Server]Login failed for user 'x'. (18456) (SQLDriverConnect); [08001] {DRIVER}"
                "Cannot open (4060)",
            ),
            False,
            "password",
        ),
        (Error("only one"), False, "see the log"),
        (Error(), False, "see the log"),
    ],
)
def test_r12_the_drivers_own_errors_are_told_apart(error: Exception, is_transient: bool, hint: str) -> None:
    told = explained(error)
    assert told.transient is is_transient
    assert hint in told.hint
    assert "[Microsoft]" not in told.message
    assert "(SQL" not in told.message


def test_r16_secrets_in_an_error_are_hidden() -> None:
    target = mssql_connect.target(
        make_url(f"mssql+pyodbc://ingest:{QUOTED}@db.example/history?AccessToken=abcdefg&x=no")
    )
    told = mssql_errors.explain("the store", Error("HY000", f"no, {SECRET} and {SECRET.upper()} ABCDEFG"), target.scrub)
    assert told.message == "the store failed: no, *** and *** ***"


def test_what_the_server_said_is_told_from_a_lost_connection() -> None:
    assert mssql_errors.said_by_server(server_error("40001", 1205, "Deadlock."))
    assert not mssql_errors.said_by_server(lost())
    assert not mssql_errors.said_by_server(Error())


# -- rows as JSON


def test_values_go_as_texts_that_no_setting_changes() -> None:
    moment = datetime(2026, 1, 31, 8, 0, 0, 5, timezone(timedelta(hours=2))).astimezone(UTC).replace(tzinfo=None)
    row = (
        1,
        'Ä"\\\u2028\U0001f600',
        None,
        Decimal("1E+3"),
        Decimal("-0.001"),
        date(1, 1, 1),
        moment,
        b"\x00\xff",
        True,
    )
    assert mssql_bulk.rows_json([row]) == (
        '[[1,"Ä\\"\\\\\u2028\U0001f600",null,"1000","-0.001","0001-01-01","2026-01-31T06:00:00.000005","00ff",true]]'
    )


def test_a_value_that_no_column_has_is_refused() -> None:
    with pytest.raises(TypeError, match="no JSON for object"):
        mssql_bulk.rows_json([(object(),)])


def test_the_audit_trail_refuses_changes(store: SqlStore) -> None:
    with store.write() as transaction:
        transaction.record([audit_event(1)])
    audit = store.tables.audit
    for statement in (audit.delete(), audit.update().values(reason="another")):
        with pytest.raises(StoreError, match="append-only") as caught, store._begin(Access.WRITE) as connection:
            connection.execute(statement)
        assert not caught.value.transient


def test_writers_in_two_threads_come_one_after_the_other(store: SqlStore) -> None:
    """The emulator does not wait, as sp_getapplock does: the second is refused for now."""
    outcomes: list[bool] = []

    def write() -> None:
        with pytest.raises(StoreError) as caught, store.write():
            pytest.fail("the other one writes")
        outcomes.append(caught.value.transient)

    with store.write():
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    assert outcomes == [True]
