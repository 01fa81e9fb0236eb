"""A signal ends a run whatever it waits for: its ERP, a retry, its store, a call that does not return."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pytest

from support.command_line import Done, Home, make_home
from support.places import place_of, postgres_of
from support.processes import PATIENT, Running, await_, be_impatient, is_running, locked_erp, nightly

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise on Windows")
ON_WINDOWS: Final = pytest.mark.skipif(os.name != "nt", reason="Ctrl-Break is a signal of Windows")
LONG_WAITS: Final = """
[erp.retry]
wait_initial = 600
wait_max = 600
timeout = 6000
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    """Return a store with a history, and an ERP in which something changed."""
    home = make_home(tmp_path / "home", place_of(request.param, request, "waiting"))
    home.configure(PATIENT)
    home.insert(("PO-1", 1, "M-1"))
    assert home.po("nightly").code == 0
    home.erp("UPDATE erp_order_lines SET item_code = 'M-2'")
    return home


def interrupted(running: Running, number: signal.Signals = signal.SIGTERM, *, is_stuck: bool = False) -> Done:
    """Send a signal; the process ends soon (the limit is for a busy machine).

    One that is stuck may have to be ended by force, before it has printed its report.
    """
    began = time.monotonic()
    running.process.send_signal(number)
    done = running.ended()
    assert time.monotonic() - began < 15
    assert done.code == 1, done.err
    assert f"ended by {number.name}" in done.error
    assert "Traceback" not in done.err
    assert (is_stuck and not done.out) or done.json["status"] == "failed"
    return done


def statuses(home: Home) -> list[str]:
    return [run["status"] for run in home.po("runs", "--json").json]


def failures(home: Home) -> int:
    return len(home.po("audit", "list", "--type", "ingestion_failed", "--json").json)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_run_that_waits_for_a_locked_erp(home: Home, number: signal.Signals) -> None:
    with locked_erp(home), nightly(home) as running:
        await_(lambda: is_running(home))
        interrupted(running, number)
    assert statuses(home) == ["failed", "completed"]
    assert failures(home) == 1


def test_r12_a_signal_ends_the_wait_before_a_retry_at_once(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    home.insert(("PO-1", 1))
    be_impatient(home, LONG_WAITS)
    log = home.folder / "logs" / "po-ingest.log"
    assert home.po("nightly").code == 0
    with locked_erp(home), nightly(home) as running:
        await_(lambda: '"event": "retry"' in log.read_text("utf-8"))
        done = interrupted(running)
    assert done.json["retries"] == 1
    assert statuses(home) == ["failed", "completed"]


@contextmanager
def busy_store(home: Home) -> Iterator[None]:
    """Keep the store from being written."""
    postgres = postgres_of(home.place)
    if postgres is not None:
        with postgres.connection() as session, session.transaction():
            session.execute("LOCK TABLE waiting.po_line IN SHARE MODE")
            yield
        return
    with closing(sqlite3.connect(home.folder / "po-ingest.db", isolation_level=None)) as user:
        user.execute("BEGIN IMMEDIATE")
        yield


def test_r14_a_signal_ends_a_run_that_waits_for_its_store_and_its_end_is_told_by_the_next(home: Home) -> None:
    with locked_erp(home) as release, nightly(home) as running:
        await_(lambda: is_running(home))
        with busy_store(home):
            release()
            time.sleep(1)  # it reads the ERP, and begins to wait
            interrupted(running, is_stuck=True)
            assert statuses(home) == ["running", "completed"]
            spool = (home.folder / "logs" / "audit.jsonl.spool").read_text("utf-8")
            assert json.loads(spool.splitlines()[-1])["event_type"] == "ingestion_failed"
    assert home.po("nightly").code == 0
    assert statuses(home) == ["completed", "abandoned", "completed"]
    assert failures(home) == 2  # told at the time, and abandoned
    assert home.po("audit", "verify").code == 0


def test_a_signal_ends_a_statement_on_the_server_too_so_that_the_failure_can_be_recorded(home: Home) -> None:
    postgres = postgres_of(home.place)
    if postgres is None:
        pytest.skip("SQLite's statements run in the process")
    with postgres.connection() as user, user.transaction():
        user.execute("LOCK TABLE waiting.erp_change_event IN SHARE MODE")
        waiting = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'waiting.erp_change_event'::regclass"
        with nightly(home) as running:
            await_(lambda: postgres.sql(waiting))
            interrupted(running)
        assert statuses(home) == ["failed", "completed"]
        assert failures(home) == 1
    assert home.po("nightly").code == 0


# -- in a process without a run


def ended(program: str, number: signal.Signals = signal.SIGTERM) -> tuple[int, str, float]:
    """Run a program that gets a signal once it has said so; return its exit code, stderr, and the seconds."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    with subprocess.Popen(  # noqa: S603 - the tests' own
        [sys.executable, "-c", textwrap.dedent(program)],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "now\n"
        began = time.monotonic()
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    return process.returncode, err, time.monotonic() - began


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_the_program_is_being_imported_is_exit_1_and_one_line(number: signal.Signals) -> None:
    code, err, _ = ended(
        """
        import sys, time
        from po_ingest.cli import start

        class Slow:
            def find_spec(self, name, *_):
                if name == "click":
                    print("now", flush=True)
                    time.sleep(60)

        sys.meta_path.insert(0, Slow())
        start.run()
        """,
        number,
    )
    assert (code, err) == (1, f"po-ingest: error: ended by {number.name}; nothing had begun, run it again\n")


IGNORING: Final = """
import os, signal, sys
from po_ingest.cli import start
sys.argv[1:] = ["--version"]
os.kill(os.getpid(), signal.SIGTERM)
start.run()
"""


def test_a_signal_that_is_ignored_stays_so_from_the_start() -> None:
    done = subprocess.run(  # noqa: S603 - the tests' own
        [
            *("/bin/sh", "-c", 'trap "" TERM; exec "$@"', "sh", sys.executable, "-c"),
            IGNORING,
        ],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_process_that_cannot_leave_a_call_ends_all_the_same() -> None:
    code, err, _ = ended(
        """
        import sqlite3
        from po_ingest.cli import signals
        from po_ingest.errors import Interrupted

        def endless():
            sqlite3.connect(":memory:").execute(
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
            )

        signals.PATIENCE, signals.LIMIT = 0.5, 1.0
        with signals.interruptible(lambda: 3):
            try:
                print("now", flush=True)
                endless()
            except Interrupted:  # the signal was faster
                endless()
        """
    )
    assert code == 3
    assert err.startswith("po-ingest: error: ended by SIGTERM in the midst of a call that did not return; ")
    assert err.count("\n") == 1


def test_what_takes_too_long_after_a_signal_is_interrupted_once_more_but_not_by_more_signals() -> None:
    code, err, seconds = ended(
        """
        import os, signal, sys, time
        from po_ingest.cli import signals
        from po_ingest.errors import Interrupted

        signals.PATIENCE = 1.0
        with signals.interruptible():
            try:
                print("now", flush=True)
                time.sleep(60)
            except Interrupted:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.1)
                sys.stderr.write("still here\\n")
                try:
                    time.sleep(60)
                except Interrupted as error:
                    sys.stderr.write(f"{error}\\n")
        """
    )
    assert (code, err) == (0, "still here\nended by SIGTERM\n")
    assert seconds >= 1.0


@ON_WINDOWS
def test_ctrl_break_ends_a_run_that_waits_for_a_locked_erp(home: Home) -> None:
    with locked_erp(home), nightly(home) as running:
        await_(lambda: is_running(home))
        interrupted(running, signal.Signals["SIGBREAK"])
    assert statuses(home) == ["failed", "completed"]
