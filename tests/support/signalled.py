"""A warm process that forks a `po-ingest` for each request, which sends itself a signal at a given point of its run.

The points are the statements for the store (before and after each), or all calls of Python functions; they are counted
from 1, and 0 means none. The forked process is a real one: it ends by itself, and its exit code is a scheduler's.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final, Literal

import attrs

from support.command_line import Done, Home, environment, make_home
from support.paths import ROOT

Points = Literal["statements", "calls"]
LIMIT: Final = 20.0
"""Seconds that a busy machine may need for what takes one; a process that hangs needs more."""


@attrs.frozen
class Ended:
    """How a process ended, and what it passed on its way: names of the points, in order."""

    done: Done
    passed: tuple[str, ...]
    seconds: float


@attrs.frozen
class Forks:
    """The tests' end."""

    process: subprocess.Popen[str]

    def run(
        self,
        home: Home,
        at: int = 0,
        *,
        of: Points = "statements",
        since: str = "",
        number: signal.Signals = signal.SIGTERM,
    ) -> Ended:
        """Run a nightly that sends itself a signal at a point, counted from that with the name `since`."""
        request = {
            "config": str(home.config),
            "folder": str(home.folder),
            "at": at,
            "of": of,
            "since": since,
            "signal": int(number),
        }
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        status, seconds = json.loads(self.process.stdout.readline())
        texts = [(home.folder / name).read_text("utf-8") for name in ("out", "err", "passed")]
        assert status is not None, f"it hung at {at}: {texts[1:]}"
        return Ended(Done(os.waitstatus_to_exitcode(status), *texts[:2]), tuple(texts[2].splitlines()), seconds)


@contextmanager
def forks() -> Iterator[Forks]:
    """Run the process, without coverage: its tracer waits for its own lock when a signal ends it midway."""
    environ = {name: value for name, value in environment().items() if not name.startswith("COVERAGE_")}
    paths = [str(ROOT / "tests"), *filter(None, [environ.get("PYTHONPATH")])]
    process = subprocess.Popen(
        [sys.executable, "-m", "support.signalled"],
        env={**environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield Forks(process)
        assert process.stdin is not None
        process.stdin.close()


# -- the process's own end


def _serve() -> None:
    with os.fdopen(os.dup(1), "w") as answers:
        for line in sys.stdin:
            request = json.loads(line)
            began = time.monotonic()
            child = os.fork()
            if child == 0:
                _run(request)
            status = _awaited(child, began + LIMIT)
            answers.write(json.dumps([status, time.monotonic() - began]) + "\n")
            answers.flush()


def _awaited(child: int, ends: float) -> int | None:
    """Return the status of a process; none of one that hung, which is killed."""
    while time.monotonic() < ends:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return status
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _run(request: dict[str, Any]) -> None:
    from po_ingest.cli import start  # noqa: PLC0415 - the tests' end does not need it

    for handle, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(Path(request["folder"]) / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), handle)
    faulthandler.dump_traceback_later(LIMIT - 5)
    counting = _Counting(request["at"], request["since"], request["signal"], Path(request["folder"]) / "passed")
    sys.argv = ["po-ingest", "--config", request["config"], "nightly", "--json"]
    {"statements": _count_statements, "calls": _count_calls}[request["of"]](counting.pass_by)
    start.run()


class _Counting:
    """Counts points, and sends the signal at one of them."""

    def __init__(self, at: int, since: str, number: int, file: Path) -> None:
        self._at, self._since, self._number = at, since, number
        self._passed = 0
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)

    def pass_by(self, name: str) -> None:
        if self._since:
            self._since = "" if name == self._since else self._since
            return
        self._passed += 1
        if not self._at:
            os.write(self._file, f"{name}\n".encode())
        if self._passed == self._at:
            os.write(self._file, f"{name}\n".encode())
            os.kill(os.getpid(), self._number)


def _count_statements(pass_by: Callable[[str], None]) -> None:
    import psycopg  # noqa: PLC0415 - as above
    from sqlalchemy import Engine, event  # noqa: PLC0415 - as above

    def listen(moment: str) -> None:
        def told(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            pass_by(f"{moment} {' '.join(statement.split())[:60]}")

        event.listen(Engine, f"{moment}_cursor_execute", told)

    listen("before")
    listen("after")
    event.listen(Engine, "commit", lambda _: pass_by("before COMMIT"))
    copy, commit = psycopg.Cursor.copy, psycopg.Connection.commit

    def copied(cursor: Any, statement: Any, *rest: Any, **options: Any) -> Any:  # noqa: ANN401 - the driver's
        pass_by("before COPY")
        return copy(cursor, statement, *rest, **options)

    def committed(connection: Any) -> None:  # noqa: ANN401 - as above
        commit(connection)
        pass_by("after COMMIT")

    setattr(psycopg.Cursor, "copy", copied)  # noqa: B010 - in this process alone, and its type would be another
    setattr(psycopg.Connection, "commit", committed)  # noqa: B010 - as above


def _count_calls(pass_by: Callable[[str], None]) -> None:
    def profile(frame: FrameType, what: str, _: object) -> None:
        if what == "call":
            pass_by(frame.f_code.co_qualname)

    sys.setprofile(profile)


def _warm_up() -> None:
    """Import what a night needs, by running some."""
    import psycopg  # noqa: F401, PLC0415 - as above
    import sqlalchemy.dialects.postgresql  # noqa: F401, PLC0415 - as above

    with tempfile.TemporaryDirectory() as name:
        home = make_home(Path(name) / "home")
        home.insert(("PO-1", 1))
        for _ in range(2):
            assert home.po("nightly", "--json").code == 0


if __name__ == "__main__":
    _warm_up()
    _serve()
