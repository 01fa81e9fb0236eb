"""A SQLite store among other programs, without rights, on a full disk, after a crash."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import event

from po_ingest.errors import ExitCode, Interrupted, LockHeldError, StoreError
from po_ingest.model import Delta
from po_ingest_adapters.store.database import Access
from po_ingest_adapters.store.dialects import sqlite
from po_ingest_adapters.store.schema import REVISIONS
from po_ingest_adapters.store.sql import SqlStore
from support.store_builders import ERP, START, Nights, new_line, new_run, sqlite_store
from support.store_files import contents, raw, without_rights

needs_posix = pytest.mark.skipif(os.name != "posix", reason="rights and signals are those of POSIX")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "a folder"
    folder.mkdir()
    return folder


@pytest.fixture
def path(folder: Path) -> Path:
    return folder / "store.db"


@pytest.fixture
def store(path: Path) -> SqlStore:
    store = sqlite_store(path)
    store.upgrade()
    return store


def crash_in_the_middle(path: Path) -> None:
    """Kill a process that has committed a run and is writing the next."""
    program = f"""
        import os, signal
        from support.store_builders import Nights, new_line, new_run, sqlite_store
        store = sqlite_store({str(path)!r})
        Nights(store).changes(new_line())
        with store.write() as transaction:
            transaction.start_run(new_run("killed"))
            os.kill(os.getpid(), signal.SIGKILL)
        """
    tests = str(Path(__file__).parents[1])
    ended = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", textwrap.dedent(program)], env={**os.environ, "PYTHONPATH": tests}, check=False
    )
    assert ended.returncode == -signal.SIGKILL


# -- no trace


def test_reading_leaves_no_trace(store: SqlStore, folder: Path) -> None:
    Nights(store).changes(new_line())
    before = contents(folder)
    assert set(before) == {"store.db"}
    with store.read() as view:
        assert len(view.runs(ERP)) == 1
    store.check()
    assert store.schema().relation == "current"
    assert not store.holder(ERP)
    assert contents(folder) == before


def test_reading_does_not_write_even_if_told_to(store: SqlStore) -> None:
    with pytest.raises(StoreError, match="readonly"), store.read() as view:
        view._connection.exec_driver_sql("DELETE FROM po_line")  # type: ignore[attr-defined]  # of a SqlView


def test_an_absent_store_is_not_created_by_reading(folder: Path) -> None:
    store = sqlite_store(folder / "sub" / "store.db")
    with store.read() as view:
        assert view.runs(ERP) == []
    store.check()
    assert store.upgrade_sql().startswith("BEGIN")
    assert contents(folder) == {}


def test_an_empty_file_and_a_file_without_schema_are_empty_stores(path: Path) -> None:
    path.touch()
    store = sqlite_store(path)
    assert store.schema().relation == "missing"
    raw(path, "CREATE TABLE of_somebody_else (a)")
    before = path.read_bytes()
    with store.read() as view:
        assert view.runs(ERP) == []
    assert store.schema().relation == "missing"
    assert path.read_bytes() == before
    store.upgrade()
    assert store.schema().relation == "current"


def test_a_path_may_hold_any_characters(folder: Path) -> None:
    store = sqlite_store(folder / "50% #1 ä&b" / "po ingest.db")
    store.upgrade()
    with store.lock(ERP):
        Nights(store).changes(new_line())
    assert (folder / "50% #1 ä&b" / "po ingest.db").exists()


# -- after a crash


@needs_posix
def test_r2_after_a_crash_reading_sees_what_was_committed_and_clears_nothing(store: SqlStore, folder: Path) -> None:
    crash_in_the_middle(store.database.path)  # type: ignore[attr-defined]  # of SQLite
    before = contents(folder)
    assert set(before) > {"store.db"}
    with store.read() as view:
        assert [run.run_identifier for run in view.runs(ERP)] == ["erp-1"]
        assert len(view.known_lines(ERP).ids) == 1
    after = contents(folder)
    assert set(after) == set(before)
    assert all(after[name] == before[name] for name in before if not name.endswith("-shm"))
    with store.write() as transaction:
        transaction.start_run(new_run("next"))
    with store.read() as view:
        assert [run.run_identifier for run in view.runs(ERP)] == ["next", "erp-1"]


@needs_posix
def test_after_a_crash_the_store_can_be_read_in_a_read_only_folder_too(store: SqlStore, folder: Path) -> None:
    crash_in_the_middle(store.database.path)  # type: ignore[attr-defined]  # of SQLite
    with without_rights(folder), store.read() as view:
        assert [run.run_identifier for run in view.runs(ERP)] == ["erp-1"]


# -- without rights


@needs_posix
def test_a_store_in_a_read_only_folder_can_be_read_and_not_written(store: SqlStore, folder: Path) -> None:
    Nights(store).changes(new_line())
    before = contents(folder)
    with without_rights(folder):
        assert store.schema().relation == "current"
        with store.read() as view:
            assert len(view.known_lines(ERP).ids) == 1
        with pytest.raises(StoreError, match="right to write") as caught, store.write():
            pytest.fail("must not begin")
        assert not caught.value.transient
        assert caught.value.exit_code is ExitCode.STORE
        with pytest.raises(StoreError, match=r"lock file .* cannot be used"), store.lock(ERP):
            pytest.fail("must not be entered")
        (finding,) = store.check()
        assert (finding.status, finding.exit_code) == ("failed", ExitCode.STORE)
    assert contents(folder) == before


@needs_posix
def test_a_store_that_changes_while_it_is_read_without_rights_is_said_to(store: SqlStore, folder: Path) -> None:
    path = folder / "store.db"

    def read_while_it_changes() -> None:
        with without_rights(folder), store.read() as view:
            assert view.runs(ERP) == []
            os.seteuid(os.getuid())
            path.chmod(0o600)
            with path.open("ab") as file:
                file.write(b"\0")

    with pytest.raises(StoreError, match="was changed while") as caught:
        read_while_it_changes()
    assert caught.value.transient


@needs_posix
def test_a_store_that_vanishes_while_it_is_read_without_rights_is_said_to(store: SqlStore, folder: Path) -> None:
    def read_while_it_vanishes() -> None:
        with without_rights(folder), store.read() as view:
            assert view.runs(ERP) == []
            os.seteuid(os.getuid())
            folder.chmod(0o700)
            (folder / "store.db").unlink()

    with pytest.raises(StoreError, match="No such file"):
        read_while_it_vanishes()


@needs_posix
def test_a_lock_that_cannot_be_looked_at_is_told(store: SqlStore, folder: Path) -> None:
    with store.lock(ERP):
        pass
    with without_rights(folder), pytest.raises(StoreError, match=r"lock file .* cannot be used"):
        store.holder(ERP)


@needs_posix
def test_a_store_cannot_be_made_in_a_read_only_folder_and_says_so(path: Path, folder: Path) -> None:
    store = sqlite_store(path)
    with without_rights(folder):
        with store.read() as view:
            assert view.runs(ERP) == []
        with pytest.raises(StoreError, match="check that this account may read and write"):
            store.upgrade()
        (finding,) = store.check()
        assert finding.status == "failed"


@needs_posix
def test_a_file_that_may_not_be_read_is_told(store: SqlStore, folder: Path) -> None:
    with without_rights(folder):
        os.seteuid(os.getuid())
        (folder / "store.db").chmod(0)
        os.seteuid(65534 if os.getuid() == 0 else os.getuid())
        with pytest.raises(StoreError, match="unable to open"):
            store.schema()


@needs_posix
def test_a_folder_that_may_not_be_entered_is_told(store: SqlStore, folder: Path) -> None:
    with without_rights(folder):
        os.seteuid(os.getuid())
        folder.chmod(0)
        os.seteuid(65534 if os.getuid() == 0 else os.getuid())
        with pytest.raises(StoreError, match="Permission denied"):
            store.schema()


@needs_posix
def test_new_files_are_for_their_owner_alone(store: SqlStore, folder: Path) -> None:
    with store.lock(ERP), store.write():
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert len(modes) == 4  # the file, its two companions, the lock
    assert set(modes.values()) == {0o600}


# -- trouble


def test_a_file_that_is_no_database_is_told_and_left_alone(path: Path) -> None:
    path.write_bytes(b"PO;LINE\n" * 1000)
    store = sqlite_store(path)
    with pytest.raises(StoreError, match=r"not a database.*store\.url must name") as caught:
        store.upgrade()
    assert not caught.value.transient
    assert path.read_bytes() == b"PO;LINE\n" * 1000
    (finding,) = store.check()
    assert (finding.status, finding.hint) == ("failed", caught.value.hint)


def test_a_folder_is_no_store(folder: Path) -> None:
    with pytest.raises(StoreError, match="unable to open"):
        sqlite_store(folder).schema()


def test_r12_another_writer_is_a_transient_error(store: SqlStore, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 0.0)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another program is writing") as caught, store.write():
            pytest.fail("must not begin")
        assert caught.value.transient
        with store.read() as view:
            assert view.runs(ERP) == []
    with store.write() as transaction:
        transaction.start_run(new_run("now"))


def test_r12_a_store_without_wal_that_is_being_written_cannot_be_read_yet(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 0.0)
    raw(path, "CREATE TABLE of_somebody_else (a)")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="another program is writing") as caught:
            sqlite_store(path).schema()
    assert caught.value.transient


def test_a_connection_that_cannot_begin_is_closed_and_the_error_told(
    store: SqlStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sqlite.MODES, "query", ("mode=rw", (), "BEGIN NOTHING"))
    again = sqlite_store(store.database.path)  # type: ignore[attr-defined]  # of SQLite
    with pytest.raises(StoreError, match="syntax error"):
        again.schema()
    assert set(contents(folder)) == {"store.db"}  # an open connection would have left its companions


def test_a_file_that_is_no_database_is_not_prepared(path: Path) -> None:
    path.write_bytes(b"PO;LINE\n" * 1000)
    with pytest.raises(StoreError, match="not a database"):
        sqlite_store(path).database.prepare()


def test_r12_other_errors_are_not_tried_again(store: SqlStore, path: Path) -> None:
    raw(path, "DROP TABLE batch")
    with pytest.raises(StoreError, match="no such table: batch") as caught, store.read() as view:
        view.deliveries([1])
    assert not caught.value.transient


def test_r2_on_a_full_disk_nothing_is_kept_and_the_error_says_so(store: SqlStore, path: Path) -> None:
    nights = Nights(store)
    nights.changes(new_line(("A", 1)))
    engine = store.database._engine("write")  # type: ignore[attr-defined]  # of SQLite

    def limit(connection: sqlite3.Connection, _: object) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count={pages + 2}")

    event.listen(engine, "connect", limit)
    with pytest.raises(StoreError, match="disk is full; make room") as caught:
        nights.changes(*(new_line(("B", number)) for number in range(5000)))
    assert not caught.value.transient
    event.remove(engine, "connect", limit)
    with store.read() as view:
        assert [run.id for run in view.runs(ERP)] == [1]
        assert list(view.known_lines(ERP).index) == [("A", 1)]
    assert raw(path, "PRAGMA integrity_check") == [("ok",)]


def test_a_run_that_is_not_there_cannot_have_a_delta(store: SqlStore) -> None:
    from po_ingest.model import RunContext  # noqa: PLC0415 - for this test alone

    with pytest.raises(StoreError, match="no run 99"), store.write() as transaction:
        transaction.apply(RunContext(99, None, START), Delta())


# -- the lock, between processes


HOLDER = """
    import sys, time
    from support.store_builders import sqlite_store, new_run
    store = sqlite_store(sys.argv[1])
    with store.lock("erp"):
        with store.write() as transaction:
            transaction.start_run(new_run("of-the-other-process"))
        print("held", flush=True)
        time.sleep(120)
    """


def test_r2_a_signal_leaves_no_transaction_open_although_its_traceback_knows_a_cursor(store: SqlStore) -> None:
    assert isinstance(store.database, sqlite.SqliteDatabase)
    engine = store.database._engine("write")

    def interrupt(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "n (i)" in statement:
            raise Interrupted("SIGTERM")

    event.listen(engine, "after_cursor_execute", interrupt)
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
    with pytest.raises(Interrupted) as kept, store.database.begin(Access.WRITE) as connection:
        connection.exec_driver_sql(endless)
    assert kept.tb is not None
    with store.write():
        pass


@needs_posix
def test_r13_the_lock_keeps_other_processes_out_and_dies_with_its_process(store: SqlStore, path: Path) -> None:
    tests = str(Path(__file__).parents[1])
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", textwrap.dedent(HOLDER), str(path)],
        env={**os.environ, "PYTHONPATH": tests},
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "held\n"
            assert store.holder(ERP)
            with pytest.raises(LockHeldError, match="run of-the-other-process"), store.lock(ERP):
                pytest.fail("must not be entered")
            with store.lock("another"):
                pass
        finally:
            other.send_signal(signal.SIGKILL)
    assert not store.holder(ERP)
    with store.lock(ERP):
        assert store.holder(ERP)


def test_r13_a_look_at_the_lock_turns_no_run_away(store: SqlStore) -> None:
    with store.lock(ERP):
        pass
    assert not store.holder(ERP)
    with store.lock(ERP):
        pass


# -- other versions


def test_a_newer_schema_is_refused_and_not_touched(store: SqlStore, path: Path, folder: Path) -> None:
    raw(path, "UPDATE alembic_version SET version_num = '9999'")
    before = contents(folder)
    status = store.schema()
    assert (status.relation, status.current) == ("newer", "9999")
    message = f"version 9999, which is newer than {status.needed}.*upgrade po-ingest"
    with pytest.raises(StoreError, match=message) as caught, store.read():
        pytest.fail("must not begin")
    assert not caught.value.transient
    with pytest.raises(StoreError, match=message), store.write():
        pytest.fail("must not begin")
    for refused in (store.upgrade, store.upgrade_sql):
        with pytest.raises(StoreError, match=message):
            refused()
    assert contents(folder) == before


def test_an_older_schema_is_refused_until_it_is_upgraded(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("po_ingest_adapters.store.sql.REVISIONS", (*REVISIONS, "9001"))
    monkeypatch.setattr("po_ingest_adapters.store.sql.HEAD", "9001")
    assert store.schema().relation == "older"
    message = f"version {REVISIONS[-1]}, which is older than 9001.*po-ingest store upgrade"
    with pytest.raises(StoreError, match=message), store.read():
        pytest.fail("must not begin")
    with pytest.raises(StoreError, match=message), store.write():
        pytest.fail("must not begin")


def test_a_run_is_described_even_if_the_store_cannot_be_read(store: SqlStore, path: Path) -> None:
    raw(path, "DROP TABLE ingestion_run")
    with store.lock(ERP), pytest.raises(LockHeldError, match="another process"), store.lock(ERP):
        pytest.fail("must not be entered")
