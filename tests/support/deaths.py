"""A `po-ingest` that is killed at a step of its work: a process of its own, forked where all is imported already."""

from __future__ import annotations

import builtins
import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import closing
from functools import wraps
from multiprocessing.synchronize import Barrier
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect

from po_ingest.journal import Journal
from po_ingest_adapters.audit.spool import FileSpool
from support.command_line import inside

KILLED: Final = -signal.SIGKILL
PARTS: Final = {"begin": (Journal, "_begin"), "put": (FileSpool, "put")}
"""The parts of a run whose steps are counted."""
FORKS: Final = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["support.deaths", "po_ingest.cli.nightly", "po_ingest.pipeline"])


class Steps:
    """Counts what a part of a run does to files and store; before step `at` the process is killed."""

    def __init__(self, part: str, at: int) -> None:
        self.left = at
        self.is_counting = False
        owner, name = PARTS[part]
        self._count_within(owner, name)
        self._before(builtins, "open")
        for function in ("open", "fsync", "replace", "unlink", "truncate"):
            self._before(os, function)
        for function in ("do_commit", "do_rollback"):
            self._before(DefaultDialect, function)
        event.listen(Engine, "before_cursor_execute", lambda *_: self.step())

    def _count_within(self, owner: Any, name: str) -> None:  # noqa: ANN401 - a class of the product
        real: Callable[..., object] = getattr(owner, name)

        @wraps(real)
        def counted(*arguments: object, **named: object) -> object:
            self.is_counting = True
            try:
                return real(*arguments, **named)
            finally:
                self.step()
                self.is_counting = False

        setattr(owner, name, counted)

    def _before(self, owner: Any, name: str) -> None:  # noqa: ANN401 - a module or a class
        real: Callable[..., object] = getattr(owner, name)

        @wraps(real)
        def counted(*arguments: object, **named: object) -> object:
            self.step()
            return real(*arguments, **named)

        setattr(owner, name, counted)

    def step(self) -> None:
        if self.is_counting:
            self.left -= 1
            if self.left < 0:
                os.kill(os.getpid(), signal.SIGKILL)


def _die(part: str, at: int, arguments: tuple[str, ...]) -> None:
    Steps(part, at)
    os._exit(inside(*arguments).code)


def run_and_die(part: str, at: int, *arguments: str) -> int:
    """Run a command and kill it before step `at` of a part of it; return its exit code, or KILLED if it had as many."""
    process = FORKS.Process(target=_die, args=(part, at, arguments))
    with closing(process):
        process.start()
        process.join(120)
        assert process.exitcode is not None
        return process.exitcode


def _run_at_once(barrier: Barrier, arguments: tuple[str, ...]) -> None:
    barrier.wait(60)
    os._exit(inside(*arguments).code)


def run_at_once(*commands: tuple[str, ...]) -> list[int]:
    """Run several commands at the same moment; return their exit codes."""
    barrier = FORKS.Barrier(len(commands))
    processes = [FORKS.Process(target=_run_at_once, args=(barrier, command)) for command in commands]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    codes = [process.exitcode for process in processes]
    for process in processes:
        process.close()
    assert None not in codes
    return [code for code in codes if code is not None]
