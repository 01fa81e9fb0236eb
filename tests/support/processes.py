"""Nightlies as processes of their own that go on while a test does something else, and an ERP that makes them wait."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Final

import attrs

from support.command_line import PYTHON, Done, Home, environment
from support.paths import ROOT

PATIENT: Final = """
[erp.retry]
attempts = 1000
wait_initial = 0.05
wait_max = 0.05
"""
"""Has a run wait for an ERP that is locked for as long as it takes."""
PAUSED: Final = """
import sys, time
from pathlib import Path
from sqlalchemy import Engine, event
from po_ingest.cli import start

beginning, folder = sys.argv.pop(1), Path(sys.argv.pop(1))

def pause(connection, cursor, statement, *_):
    if statement.startswith(beginning) and not (folder / "paused").exists():
        (folder / "paused").touch()
        while not (folder / "go on").exists():
            time.sleep(0.02)

event.listen(Engine, "before_cursor_execute", pause)
start.run()
"""


@attrs.frozen
class Running:
    """A process that runs."""

    process: subprocess.Popen[bytes]

    def ended(self, seconds: float = 120) -> Done:
        """Wait for its end."""
        out, err = self.process.communicate(timeout=seconds)
        return Done(self.process.returncode, out.decode("utf-8"), err.decode("utf-8"))


@contextmanager
def nightly(home: Home, *command: str) -> Iterator[Running]:
    """Start a nightly, without coverage: its tracer waits for its own lock when a signal ends it midway."""
    environ = {name: value for name, value in environment().items() if not name.startswith("COVERAGE_")}
    paths = [str(ROOT / "tests"), *filter(None, [environ.get("PYTHONPATH")])]
    process = subprocess.Popen(  # noqa: S603 - the tests' own
        [*(command or PYTHON), "--config", str(home.config), "nightly", "--json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    with process:
        try:
            yield Running(process)
        finally:
            process.kill()  # else one that goes on for ever would take the other tests' time


def be_impatient(home: Home, more: str) -> None:
    """Have a run wait for a locked ERP for no more than a second at a time."""
    home.configure(more)
    config = home.config.read_text(encoding="utf-8")
    home.config.write_text(config.replace("[erp]\n", "[erp]\nquery_timeout = 1\n"), encoding="utf-8")


def paused_before(statement: str, home: Home) -> Sequence[str]:
    """Return the command of a run that waits before the first statement for its store that begins so."""
    return sys.executable, "-c", PAUSED, statement, str(home.folder)


@contextmanager
def locked_erp(home: Home) -> Iterator[Callable[[], None]]:
    """Keep the ERP from being read, until the context ends or what it gives is called."""
    with closing(sqlite3.connect(home.folder / "erp.db", isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        yield lambda: writer.execute("COMMIT").close()


def await_(condition: Callable[[], object], seconds: float = 120) -> None:
    """Wait until something is so."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not come about"
        time.sleep(0.02)


def is_running(home: Home) -> bool:
    """Say whether a run has begun and has not ended."""
    return bool(home.po("runs", "--status", "running", "--json").json)
