"""A run that is killed, at every single thing it does to its store and its files (R2, R3, R13, R14)."""

from __future__ import annotations

import os
import queue
import signal
from collections.abc import Callable
from functools import partial

import pytest

from support.canonical import Lost
from support.fault_points import Fault, Side
from support.fault_world import DOWN, FaultWorld, Stage
from support.fork_server import NIGHTLY, Fork, Outcome
from support.matrix import LIMIT, Book, Judge, attempt, points
from support.postgres_proxy import Cut, Proxy

pytestmark = LIMIT
Scenes = Callable[[str, str], tuple[Stage, Judge]]
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

    for at, side in points(operations, 8):
        attempt(book, f"{side} {at}", operations[at], partial(trial, Fault("kill", at, side)))
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

    for at, side in points(statements, 16):
        run = partial(killed_on_the_wire, fork, wire, at, side)
        attempt(book, f"{side} {at}", statements[at], partial(trial, run))
    for at, side in points(seen, 4, only=FILES):
        killed = partial(killed_in_file, fork, Fault("kill", at, side))
        attempt(book, f"{side} {at}", seen[at], partial(trial, killed))
    book.close(request)
    assert set(book.outcomes) == {"applied", "abandoned", "not begun"}


def killed_in_file(fork: Fork, fault: Fault, world: FaultWorld) -> Outcome:
    return fork.run(world.folder, NIGHTLY, faults=[fault])


def killed_on_the_wire(fork: Fork, wire: Proxy, at: int, side: Side, world: FaultWorld) -> Outcome:
    """Run a night that is killed before the server gets its n-th message, or when it has answered it."""
    child: queue.Queue[int] = queue.Queue()
    wire.statements.clear()
    how: Cut = "before" if side == "before" else "after"
    wire.cut = lambda _: how if len(wire.statements) == at + 1 else None
    wire.at_cut = lambda: os.kill(child.get(timeout=60), signal.SIGKILL)
    try:
        return fork.run(world.folder, NIGHTLY, begun=child.put)
    finally:
        wire.cut, wire.at_cut = lambda _: None, lambda: None


def test_r13_a_run_killed_while_it_clears_up_after_a_killed_one_is_cleared_up_too(
    fork: Fork, scenes: Scenes, request: pytest.FixtureRequest
) -> None:
    stage, judge = scenes("sqlite", "nightly")
    operations = fork.run(stage.fresh().folder, NIGHTLY).operations
    (begun, _) = (at for at, name in enumerate(operations) if name == "sql COMMIT")
    first = Fault("kill", begun, "after")
    world = stage.fresh()
    assert fork.run(world.folder, NIGHTLY, faults=[first]).is_killed
    operations = fork.run(world.folder, NIGHTLY).operations
    book = Book("killed twice in a row, sqlite, nightly")

    def trial(fault: Fault) -> str:
        world = stage.fresh()
        for each in (first, fault):
            assert fork.run(world.folder, NIGHTLY, faults=[each]).is_killed
        was_applied, lost = judge.mended(world)
        assert [each.row["status"] for each in lost] == ["abandoned"] * len(lost)
        return f"abandoned {len(lost)}" + (", applied" if was_applied else "")

    for at, side in points(operations, 30):
        attempt(book, f"{side} {at}", operations[at], partial(trial, Fault("kill", at, side)))
    book.close(request)
    assert set(book.outcomes) == {"abandoned 1", "abandoned 2", "abandoned 1, applied"}


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
        _, lost = judge.mended(world, is_applied=False)
        assert not lost
        return "made good"

    for at, side in points(operations, 2, only=FILES):
        attempt(book, f"{side} {at}", operations[at], partial(trial, Fault("kill", at, side)))
    book.close(request)
