"""One run at a time, whoever else starts or was killed (R13), and users who edit lines meanwhile (R11)."""

from __future__ import annotations

import errno
import os
import re
import signal
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.command_line import Home, make_home
from support.places import place_of, postgres_of
from support.processes import PATIENT, Running, await_, is_running, locked_erp, nightly, paused_before

needs_posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
SLOT = '[custom_columns.custom_text_1]\ncolumn = "item_code"\n'
EDIT = """UPDATE po_line SET custom_text_1 = 'mine', custom_column_sources = '{"custom_text_1": "user"}'"""


@pytest.fixture(params=["sqlite", "postgresql"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    home = make_home(tmp_path / "home", place_of(request.param, request, "together"))
    home.configure(PATIENT + SLOT)
    home.insert(("PO-1", 1, "M-1"))
    return home


# -- one at a time


@pytest.mark.parametrize(("count", "is_new"), [(2, False), (20, True)])
def test_r13_of_runs_that_start_at_once_exactly_one_runs_and_the_others_say_which(
    home: Home, count: int, *, is_new: bool
) -> None:
    if not is_new:
        assert home.po("nightly").code == 0
    with ExitStack() as stack:
        release = stack.enter_context(locked_erp(home))
        running = [stack.enter_context(nightly(home)) for _ in range(count)]
        await_(lambda: sum(each.process.poll() is None for each in running) == 1)
        (one,) = (each for each in running if each.process.poll() is None)
        await_(lambda: is_running(home))
        told = rf"run \S+ \(process {one.process.pid} on {re.escape(socket.gethostname())}\) since 20\d\d-\S+Z"
        for each in running:
            if each is not one:
                done = each.ended()
                assert (done.code, done.out) == (6, ""), done.err
                assert re.search(told, done.error), done.error
        release()
        assert one.ended().code == 0
    runs = home.po("runs", "--json").json
    assert [run["status"] for run in runs] == ["completed"] * (1 if is_new else 2)


def begun(home: Home, stack: ExitStack) -> Running:
    """Return a run that waits for its ERP."""
    stack.enter_context(locked_erp(home))
    running = stack.enter_context(nightly(home))
    await_(lambda: is_running(home))
    return running


@needs_posix
def test_r13_a_holder_that_was_killed_blocks_nobody_and_needs_no_cleaning_up(home: Home) -> None:
    with ExitStack() as stack:
        running = begun(home, stack)
        running.process.send_signal(signal.SIGKILL)
        assert running.ended().code == -signal.SIGKILL
    done = home.po("nightly", "--json")
    assert (done.code, done.json["status"]) == (0, "completed")
    assert [run["status"] for run in home.po("runs", "--json").json] == ["completed", "abandoned"]


@needs_posix
def test_r13_a_run_that_was_killed_in_a_statement_that_waits_keeps_no_locks(home: Home) -> None:
    postgres = postgres_of(home.place)
    if postgres is None:
        pytest.skip("SQLite's statements run in the process, and end with it")
    assert home.po("nightly").code == 0
    home.insert(("PO-2", 1, "M-2"))
    with postgres.connection() as user, user.transaction():
        user.execute("LOCK TABLE together.erp_change_event IN SHARE MODE")
        waiting = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'together.erp_change_event'::regclass"
        with nightly(home) as running:
            await_(lambda: postgres.sql(waiting))
            running.process.send_signal(signal.SIGKILL)
            running.ended()
        await_(lambda: not postgres.sql(waiting), seconds=15)  # before `lock_timeout` would end it
    assert home.po("nightly").code == 0


@needs_posix
def test_r13_where_files_cannot_be_locked_no_mere_file_takes_the_lock_s_place(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    code, kept = (7, "po-ingest.db.shop-") if home.place is None else (3, "audit.jsonl")
    assert home.po("nightly").code == 0
    with monkeypatch.context() as without_flock:
        without_flock.setattr("fcntl.flock", missing)
        done = home.po("nightly")
    assert done.code == code, done.err
    assert kept in done.error
    assert "file system has no locks (flock)" in done.error
    assert home.po("nightly").code == 0
    assert home.po("audit", "verify").code == 0


# -- users


@contextmanager
def user_of(home: Home) -> Iterator[Callable[[str], Any]]:
    """Connect to the store as a user does; gives what runs a statement."""
    postgres = postgres_of(home.place)
    if postgres is not None:
        with postgres.connection() as session:
            session.execute("SET search_path = together")
            yield lambda statement: session.execute(statement.encode())
        return
    with closing(sqlite3.connect(home.folder / "po-ingest.db", isolation_level=None, timeout=60)) as file:
        yield lambda statement: file.execute(statement).fetchall()


def assert_the_edit_survived(home: Home, running: Running) -> None:
    done = running.ended()
    assert done.code == 0, done.err
    with user_of(home) as ask:
        rows = list(ask("SELECT custom_text_1, item_code FROM po_line"))
    assert rows == [("mine", "M-2")]
    told = home.po("changes", "--field", "custom_text_1", "--format", "json").json
    assert [(event["previous_value"], event["new_value"]) for event in told] == [("M-1", "M-2")]  # what the ERP said
    for proof in ("store", "audit"):
        assert home.po(proof, "verify").code == 0


def changed(home: Home) -> None:
    """Fill the store, and let the ERP change what the user is going to edit."""
    assert home.po("nightly").code == 0
    home.erp("UPDATE erp_order_lines SET item_code = 'M-2'")


def test_r11_an_edit_while_the_erp_is_read_survives_and_so_does_the_run(home: Home) -> None:
    changed(home)
    with locked_erp(home) as release, nightly(home) as running:
        await_(lambda: is_running(home))
        with user_of(home) as do:
            do(EDIT)
        release()
        assert_the_edit_survived(home, running)


def test_r11_a_run_waits_for_an_edit_that_is_not_committed_yet(home: Home) -> None:
    changed(home)
    with locked_erp(home) as release, nightly(home) as running, user_of(home) as do:
        await_(lambda: is_running(home))
        do("BEGIN")
        do(EDIT)
        release()
        with pytest.raises(TimeoutError):
            ended_soon(running)
        do("COMMIT")
        assert_the_edit_survived(home, running)


def ended_soon(running: Running) -> None:
    for _ in range(50):
        if running.process.poll() is not None:
            return
        threading.Event().wait(0.02)
    raise TimeoutError


def test_r11_an_edit_in_the_midst_of_a_runs_transaction_waits_for_it_and_survives(home: Home) -> None:
    changed(home)
    failed: list[BaseException] = []

    def edit() -> None:
        try:
            with user_of(home) as do:
                do(EDIT)
        except BaseException as error:  # noqa: BLE001 - told in the other thread
            failed.append(error)

    schema = "" if home.place is None else f"{home.place.schema}."
    with nightly(home, *paused_before(f"UPDATE {schema}po_line", home)) as running:
        await_((home.folder / "paused").exists)
        user = threading.Thread(target=edit)
        user.start()
        user.join(0.5)
        assert user.is_alive()
        (home.folder / "go on").touch()
        user.join(60)
        assert failed == []
        assert_the_edit_survived(home, running)
