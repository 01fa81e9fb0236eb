"""A connection to PostgreSQL that is cut, at every single message (R2, R12, R13)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from support.fault_points import Side
from support.fault_world import Stage
from support.fork_server import NIGHTLY, Fork
from support.matrix import LIMIT, Book, Judge, assert_one_line, attempt, points
from support.postgres_proxy import Cut, Proxy

pytestmark = LIMIT
Scenes = Callable[[str, str], tuple[Stage, Judge]]


@pytest.fixture
def uncut(wire: Proxy) -> Iterator[Proxy]:
    wire.statements.clear()
    yield wire
    wire.cut = lambda _: None


@pytest.mark.parametrize("kind", ["baseline", "nightly"])
def test_r2_wherever_the_connection_is_cut_nothing_is_lost_and_nothing_doubled(
    fork: Fork, scenes: Scenes, uncut: Proxy, kind: str, request: pytest.FixtureRequest
) -> None:
    stage, judge = scenes("postgresql", kind)
    uncut.statements.clear()
    fork.run(stage.fresh().folder, NIGHTLY)
    statements = list(uncut.statements)
    book = Book(f"connection cut, postgresql, {kind}")

    def trial(at: int, side: Side) -> str:
        world = stage.fresh()
        how: Cut = "before" if side == "before" else "after"
        uncut.statements.clear()
        uncut.cut = lambda _: how if len(uncut.statements) == at + 1 else None
        (done,) = fork.run(world.folder, NIGHTLY).done
        uncut.cut = lambda _: None
        assert_one_line(done)
        assert done.code in {0, 3, 7}, done.err
        judge.mended(world, is_applied=done.code in {0, 3})
        retries = done.json["retries"] if done.out else 0
        return f"exit {done.code}" + (" after a retry" if retries else "")

    for at, side in points(statements, 16):
        attempt(book, f"{side} {at}", statements[at], partial(trial, at, side))
    book.close(request)
