"""A store that refuses a single statement: for a moment or for good, once or from then on (R2, R12, R14)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import attrs
import pytest

from support.command_line import Done
from support.fault_points import Fault
from support.fault_world import Stage
from support.fork_server import NIGHTLY, Fork
from support.matrix import IS_FULL, LIMIT, Book, Judge, assert_one_line, attempt, points

pytestmark = LIMIT
Scenes = Callable[[str, str], tuple[Stage, Judge]]
STATEMENTS: Final = {"sqlite": "sql ", "postgresql": "pg "}
NO_STATEMENT: Final = ("sql close", "sql ROLLBACK")
"""What the driver does by itself, and cannot fail."""
WITHOUT_RETRY: Final = (
    *("sql BEGIN", "sql PRAGMA journal_mode", "sql SELECT 1 FROM sqlite_master"),
    "pg SELECT pg_advisory_unlock",
)
"""What waits for a lock of SQLite's file, as SQLite itself would; what is done by the end of its session anyway."""
LOOK_AT_THE_LOCK: Final = "pg SELECT 1"
"""Whatever keeps the session that holds the lock from answering, another run may have begun: nothing is tried again."""
FAULTS: Final = {
    "transient, once": Fault("transient"),
    "transient, from then on": Fault("transient", is_lasting=True),
    "permanent, once": Fault("permanent"),
    "permanent, from then on": Fault("permanent", is_lasting=True),
}


def came(done: Done, fault: Fault, operation: str) -> str:
    """Say what came of a run; only what may help is tried again, and every retry is counted."""
    assert_one_line(done)
    assert done.code in {0, 3, 7}, done.err
    retries = done.json["retries"] if done.out else None
    if fault.do == "permanent":
        assert not retries
        assert "attempt=2" not in done.err
    elif operation == LOOK_AT_THE_LOCK:
        assert done.code == 7, done.err
    elif not fault.is_lasting and done.code != 3:
        assert (done.code, retries) == (0, 0 if operation.startswith(WITHOUT_RETRY) else 1), done.err
    return f"exit {done.code}"


@pytest.mark.parametrize("kind", ["baseline", "nightly"])
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_r12_an_error_at_any_statement_is_overcome_or_told_and_made_good(
    fork: Fork, scenes: Scenes, store: str, kind: str, request: pytest.FixtureRequest
) -> None:
    stage, judge = scenes(store, kind)
    names = fork.run(stage.fresh().folder, NIGHTLY).operations
    operations = ["" if each.startswith(NO_STATEMENT) else each for each in names]
    books = {name: Book(f"error, {name}, {store}, {kind}") for name in FAULTS}

    def trial(fault: Fault) -> str:
        world = stage.fresh()
        outcome = fork.run(world.folder, NIGHTLY, faults=[fault])
        assert outcome.happened
        (done,) = outcome.done
        judge.mended(world, is_applied=done.code in {0, 3})
        return came(done, fault, operations[fault.at])

    some = sorted({at for at, _ in points(operations, 10, only=(STATEMENTS[store],))})
    for number, at in enumerate(some):
        for name, fault in list(FAULTS.items()) if IS_FULL else [list(FAULTS.items())[number % len(FAULTS)]]:
            due = attrs.evolve(fault, at=at, only=STATEMENTS[store])
            attempt(books[name], f"{at}", operations[at], partial(trial, due))
    for book in books.values():
        book.close(request)
