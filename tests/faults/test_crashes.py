"""A run that is killed, at every single thing it does to its store and its files (R2, R3, R13, R14)."""

from __future__ import annotations

import os
import queue
import signal
from collections.abc import Callable
from typing import Literal

import pytest

from support.canonical import Lost
from support.fault_points import Fault
from support.fault_world import DOWN, FaultWorld, Stage
from support.fork_server import NIGHTLY, Fork, Outcome
from support.matrix import Book, Judge, attempt, sample
from support.postgres_proxy import Proxy

Scenes = Callable[[str, str], tuple[Stage, Judge]]
Side = Literal["before", "after"]
SIDES: tuple[Side, Side] = ("before", "after")
FILES = ("audit", "spool")


def came(was_applied: bool, lost: tuple[Lost, ...]) -> str:
    """Say what had become of the killed run, in a word; whatever it left is told."""
    assert not any(each.row["status"] == "failed" for each in lost)
    assert len(lost) + was_applied <= 1
    return "applied" if was_applied else "abandoned" if lost else "not begun"


@pytest.mark.parametrize("kind", ["baseline", "nightly"])
def test_r2_a_run_killed_anywhere_is_whole_or_nothing_on_sqlite(
    fork: Fork, scenes: Scenes, kind: str, request: pytest.FixtureRequest
) -> None:
    stage, judge = scenes("sqlite", kind)
    operations = fork.run(stage.fresh().folder, NIGHTLY).operations
    book = Book(f"killed, sqlite, {kind}")

    def trial(fault: Fault) -> str:
        world = stage.fresh()
        outcome = fork.run(world.folder, NIGHTLY, faults=[fault])
        assert outcome.is_killed, outcome
        return came(*judge.mended(world))

    for at in sample(operations, 12):
        name = operations[at]
        for where in (*SIDES, *(["midst"] if name.endswith("write") else [])):
            attempt(book, f"{where} {at}", name, lambda at=at, where=where: trial(Fault("kill", at, where)))
    book.close(request)
    assert set(book.outcomes) == {"applied", "abandoned", "not begun"}


@pytest.mark.parametrize("kind", ["baseline", "nightly"])
def test_r2_a_run_killed_anywhere_is_whole_or_nothing_on_postgresql(
    fork: Fork, scenes: Scenes, wire: Proxy, kind: str, request: pytest.FixtureRequest
) -> None:
    stage, judge = scenes("postgresql", kind)
    wire.statements.clear()
    seen = fork.run(stage.fresh().folder, NIGHTLY).operations
    statements = list(wire.statements)
    book = Book(f"killed, postgresql, {kind}")

    def trial(run: Callable[[FaultWorld], Outcome]) -> str:
        world = stage.fresh()
        outcome = run(world)
        assert outcome.is_killed, outcome
        return came(*judge.mended(world))

    for at in sample(statements, 12):
        for where in SIDES:
            attempt(
                book,
                f"{where} {at}",
                statements[at],
                lambda at=at, where=where: trial(lambda world: killed_on_the_wire(fork, wire, world, at, where)),
            )
    for at in (at for at, name in enumerate(seen) if name.startswith(FILES)):
        for where in SIDES:
            fault = Fault("kill", at, where)
            run = lambda world, fault=fault: fork.run(world.folder, NIGHTLY, faults=[fault])  # noqa: E731 - as above
            attempt(book, f"{where} {at}", seen[at], lambda run=run: trial(run))
    book.close(request)
    assert set(book.outcomes) == {"applied", "abandoned", "not begun"}


def killed_on_the_wire(fork: Fork, wire: Proxy, world: FaultWorld, at: int, where: Side) -> Outcome:
    """Run a night that is killed before the server gets its n-th message, or when it has answered it."""
    child: queue.Queue[int] = queue.Queue()
    wire.statements.clear()
    wire.cut = lambda _: where if len(wire.statements) == at + 1 else None
    wire.at_cut = lambda: os.kill(child.get(timeout=60), signal.SIGKILL)
    try:
        return fork.run(world.folder, NIGHTLY, begun=child.put)
    finally:
        wire.cut, wire.at_cut = lambda _: None, lambda: None


def test_r14_a_run_killed_while_it_spools_loses_and_doubles_no_event(
    fork: Fork, scenes: Scenes, request: pytest.FixtureRequest
) -> None:
    stage, judge = scenes("sqlite", "nightly")
    operations = fork.run(stage.fresh().folder, NIGHTLY, faults=DOWN).operations
    book = Book("killed, store down, its events on their way to the spool")

    def trial(fault: Fault) -> str:
        world = stage.fresh()
        outcome = fork.run(world.folder, NIGHTLY, faults=[*DOWN, fault])
        assert outcome.is_killed, outcome
        was_applied, lost = judge.mended(world, is_applied=False)
        assert not lost
        return "made good"

    for at in (at for at, name in enumerate(operations) if name.startswith(FILES)):
        for where in (*SIDES, "midst"):
            if where != "midst" or operations[at].endswith("write"):
                attempt(book, f"{where} {at}", operations[at], lambda at=at, w=where: trial(Fault("kill", at, w)))
    book.close(request)
