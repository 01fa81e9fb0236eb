"""Faults at every point of a night, and what must be true afterwards."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import Final

import attrs
import pytest

from support.canonical import History, Lost, history
from support.command_line import Done
from support.fault_counts import PROPERTY, Counts
from support.fault_points import Side
from support.fault_world import PROOFS, FaultWorld, Stage
from support.fork_server import NIGHTLY, Fork

SIDES: Final[tuple[Side, Side]] = ("before", "after")
IS_FULL: Final = os.environ.get("PO_INGEST_FULL_MATRIX", "") not in {"", "0"}
"""Whether every point is tried, and not a sample of them (`nox -s faults`)."""
SEED: Final = 5
LIMIT: Final = pytest.mark.timeout(7200 if IS_FULL else 300)
"""Of a test that tries all points, in seconds."""


def kind_of(operation: str) -> str:
    """Return of what kind an operation is, for counts."""
    words = operation.removeprefix("sql ").removeprefix("pg ").split()
    return " ".join(words[:2] if words[0] in {"CREATE", "BEGIN", "COPY", "audit", "spool"} else words[:1])


def points(operations: Sequence[str], every: int, only: tuple[str, ...] = ("",)) -> list[tuple[int, Side]]:
    """Return the points to try, of operations with such names: all, or the decisive ones and one of each n others."""
    wanted = [at for at, name in enumerate(operations) if name.startswith(only)]
    if IS_FULL:
        return [(at, side) for at in wanted for side in sides_of(operations[at])]
    some = [at for number, at in enumerate(wanted) if number % every == every // 2]
    sampled: set[tuple[int, Side]] = {(at, SIDES[number % 2]) for number, at in enumerate(some)}
    decisive: set[tuple[int, Side]] = {(at, side) for at in wanted if _is_decisive(operations, at) for side in SIDES}
    torn: set[tuple[int, Side]] = {(at, "midst") for at in wanted if operations[at].endswith("write")}
    return sorted(sampled | decisive | torn)


def _is_decisive(operations: Sequence[str], at: int) -> bool:
    """Say whether an operation ends something that was written: it is always tried, from both sides."""
    if not operations[at].endswith("COMMIT"):
        return operations[at].endswith("unlink")
    begun = [name for name in operations[:at] if name.removeprefix("sql ").startswith("BEGIN")]
    return not (begun and "READ ONLY" in begun[-1])


def sides_of(operation: str) -> tuple[Side, ...]:
    """Return where an operation can be cut off: a write to a file in its midst, too."""
    return (*SIDES, "midst") if operation.endswith("write") else SIDES


def some(points: range, count: int) -> list[int]:
    """Return a sample of points that is always the same; of the full matrix, twenty times as many."""
    wanted = count * 20 if IS_FULL else count
    return list(points) if wanted >= len(points) else sorted(random.Random(SEED).sample(points, wanted))  # noqa: S311 - no secret


@attrs.define
class Book:
    """Counts what was tried, and what came of it."""

    title: str
    tried: Counter[str] = attrs.Factory(Counter)
    outcomes: Counter[str] = attrs.Factory(Counter)
    faults: list[str] = attrs.Factory(list)

    def note(self, operation: str, outcome: str) -> None:
        self.tried[kind_of(operation)] += 1
        self.outcomes[outcome] += 1

    def counts(self, test: str) -> Counts:
        """Return what a test tried, and what came of it."""
        return Counts(
            title=self.title, test=test, kinds=dict(self.tried), outcomes=dict(self.outcomes), is_full=IS_FULL
        )

    def close(self, request: pytest.FixtureRequest) -> None:
        """Have the counts printed at the end of the session, and fail for the points at which something was wrong."""
        request.node.user_properties.append((PROPERTY, self.counts(request.node.name.partition("[")[0])))
        total = self.tried.total()
        assert total
        assert not self.faults, f"{len(self.faults)} of {total}:\n" + "\n".join(self.faults[:10])


@attrs.frozen
class Judge:
    """Knows what an undisturbed night leaves, and the night after it, by the number of runs that were applied."""

    fork: Fork
    expected: Mapping[int, History]

    @classmethod
    def of(cls, fork: Fork, stage: Stage) -> Judge:
        """Let undisturbed nights pass, and remember what they leave."""
        world = stage.fresh()
        expected = {}
        for _ in range(2):
            _are_well(fork.run(world.folder, NIGHTLY, *PROOFS).done)
            told, lost = history(world.tables())
            assert lost == ()
            expected[len(told.applied)] = told
        return cls(fork, expected)

    @property
    def before(self) -> int:
        """Return how many runs had been applied before the night."""
        return min(self.expected) - 1

    def mended(self, world: FaultWorld, *, is_applied: bool | None = None) -> tuple[bool, tuple[Lost, ...]]:
        """Run one more night, and require that nothing is lost, doubled or untold.

        Return whether the run before had been applied, which is required to be so if it is known; and the lost runs.
        """
        _are_well(self.fork.run(world.folder, NIGHTLY, *PROOFS).done)
        told, lost = history(world.tables())
        was_applied = len(told.applied) - 1 > self.before
        assert is_applied in {None, was_applied}, f"{len(told.applied)} runs are applied"
        assert_same(told, self.expected[len(told.applied)])
        for each in lost:
            _assert_told(each)
        return was_applied, lost


def _are_well(done: Sequence[Done]) -> None:
    """Require that night and proofs succeeded, and warn of nothing but a run that was abandoned."""
    for each in done:
        warnings = [line for line in each.err.splitlines() if line.startswith(("warning", "po-ingest"))]
        others = [line for line in warnings if not line.startswith("warning: run abandoned")]
        assert (each.code, others) == (0, []), f"exit {each.code}: {each.err}"


def assert_same(told: History, expected: History) -> None:
    """Require that two histories are equal; events that only reached the spool may be more or fewer."""
    for name, value in attrs.asdict(told, recurse=False).items():
        wanted = getattr(expected, name)
        if name == "spooled":
            assert value[: len(wanted)] == wanted
            assert len(value) - len(wanted) <= 2
        else:
            assert value == wanted, f"{name} differ: {_difference(value, wanted)}"


def _difference(told: Sequence[object], expected: Sequence[object]) -> str:
    pairs = ((a, b) for a, b in zip_longest(told, expected) if a != b)
    return " instead of ".join(map(str, next(pairs)))


def _assert_told(lost: Lost) -> None:
    """Require that a run that was not applied has its end, and that the audit trail has it."""
    assert lost.row["status"] in {"abandoned", "failed"}
    assert lost.row["finished_at"] is not None
    assert lost.row["report"] is not None
    (first, _), (last, reason) = lost.audit
    assert (first, last) == ("ingestion_started", "ingestion_failed")
    assert (reason == "abandoned") == (lost.row["status"] == "abandoned")


def assert_one_line(done: Done) -> None:
    """Require that an error is told as the contract says."""
    assert "Traceback" not in done.err, done.err
    assert done.code == 0 or done.error, done.err


def attempt(book: Book, point: str, operation: str, trial: Callable[[], str]) -> None:
    """Try a fault; what is wrong afterwards is noted, and the next one tried."""
    try:
        book.note(operation, trial())
    except AssertionError as error:
        book.note(operation, "WRONG")
        book.faults.append(f"{point} {' '.join(operation.split())[:100]}: {str(error)[:1500]}")
