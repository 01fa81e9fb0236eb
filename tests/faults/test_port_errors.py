"""An ERP, and a buffer, that fail at a single call: for a moment or for good, or by a mistake of a plug-in's own."""

from __future__ import annotations

import itertools
import json
import socket
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, get_args

import attrs
import pytest

from support.command_line import Done
from support.fault_points import Fault, Mistake, Shift, Side
from support.fault_world import FaultWorld, Stage
from support.fork_server import NIGHTLY, Fork
from support.matrix import IS_FULL, LIMIT, SIDES, Book, Judge, assert_one_line, attempt, points
from support.port_hooks import Port

pytestmark = LIMIT
Scenes = Callable[[str, str], tuple[Stage, Judge]]
Came = Callable[[Done, Fault, str], str]
REHEARSAL: Final = (*NIGHTLY, "--dry-run")
MISTAKES: Final = {each: Fault(each) for each in get_args(Mistake)}
ERP_FAULTS: Final = {
    "transient, once": Fault("transient"),
    "transient, from then on": Fault("transient", is_lasting=True),
    "permanent": Fault("permanent"),
    **MISTAKES,
}
DISK_FAULTS: Final = {"full": Fault("full"), "broken": Fault("broken"), "MemoryError": Fault("MemoryError")}


def kept(world: FaultWorld) -> dict[str, bytes]:
    """Return what a run may change of a world's files, and the ERP; the log, and what readers share, do not count."""
    files = (each for each in world.folder.rglob("*") if each.is_file())
    return {each.name: each.read_bytes() for each in files if not each.name.endswith((".log", "-shm", "-wal", ".lock"))}


@attrs.frozen
class Trials:
    """Nights, real ones and rehearsed ones, on each of which a call of a port fails."""

    fork: Fork
    stage: Stage
    judge: Judge
    port: Port
    came: Came

    def run_all(
        self, faults: dict[str, Fault], every: int, sides: Sequence[Side], title: str, request: pytest.FixtureRequest
    ) -> None:
        """Try each fault at each call; as a sample, one of them at one call of so many."""
        operations = self.fork.run(self.stage.fresh().folder, NIGHTLY, ports=[self.port]).operations
        books = {name: Book(f"{title}, {name}") for name in faults}
        some = [(at, side) for at, side in points(operations, every) if side in sides]
        for number, (at, side) in enumerate(some):
            for name, fault in list(faults.items()) if IS_FULL else [list(faults.items())[number % len(faults)]]:
                due = attrs.evolve(fault, at=at, where=side)
                attempt(books[name], f"{at} {side}", operations[at], partial(self.trial, due, operations[at]))
        for book in books.values():
            if book.tried:
                book.close(request)

    def trial(self, fault: Fault, operation: str) -> str:
        """Have a night fail, rehearsed and for real: the rehearsal foretells the code, and leaves no trace (R19)."""
        world = self.stage.fresh()
        before = kept(world)
        rehearsed = self.night(world, REHEARSAL, fault)
        assert kept(world) == before
        done = self.night(world, NIGHTLY, fault)
        assert (rehearsed.code, rehearsed.out == "") == (1 if done.code == 3 else done.code, done.out == "")
        assert kept(world)["erp.db"] == before["erp.db"]
        self.judge.mended(world, is_applied=done.code in {0, 3})
        return self.came(done, fault, operation)

    def night(self, world: FaultWorld, command: Sequence[str], fault: Fault) -> Done:
        """Run a night in which a call fails; whatever comes of it, no file is left open."""
        outcome = self.fork.run(world.folder, command, ports=[self.port], faults=[fault])
        assert outcome.happened
        assert outcome.left_open == ()
        (done,) = outcome.done
        assert_one_line(done)
        return done


def told(done: Done) -> tuple[int, int, list[str]]:
    """Return exit code, retries, and the kinds of errors, of a night that had begun."""
    return done.code, done.json["retries"], [each["error"] for each in done.json["errors_encountered"]]


def came_of_erp(done: Done, fault: Fault, _operation: str) -> str:
    """Require what the contract says of an ERP that fails: only what may help is tried again (R12)."""
    expected = {"transient": (4, 2, ["ErpError"]), "permanent": (4, 0, ["ErpError"])}
    if fault.do == "transient" and not fault.is_lasting:
        assert told(done) == (0, 1, [])
    else:
        assert told(done) == expected.get(fault.do, (1, 0, ["PoIngestError"])), done.err
    if fault.do in MISTAKES:
        assert f"internal error ({fault.do}); nothing of this run was applied; see the log" in done.error
    return f"exit {done.code}"


def came_of_buffer(done: Done, fault: Fault, operation: str) -> str:
    """Require that a night without room for its rows failed, or had them applied before they were given up."""
    assert done.code in {0, 1, 3}, done.err
    if operation in {"buffer close", "tempfile close"}:
        assert done.code in {0, 3}, done.err
    else:
        assert told(done) == (1, 0, ["PoIngestError"]), done.err
    if operation.startswith("tempfile") and fault.do != "MemoryError" and done.code:
        assert "tonight's rows could not be kept in the temporary folder" in done.error
    return f"exit {done.code}"


@pytest.mark.parametrize("kind", ["baseline", "nightly"])
def test_r12_an_erp_that_fails_at_any_call_is_read_again_or_told_and_made_good(
    fork: Fork, scenes: Scenes, kind: str, request: pytest.FixtureRequest
) -> None:
    trials = Trials(fork, *scenes("sqlite", kind), "erp", came_of_erp)
    trials.run_all(ERP_FAULTS, 3, ("before",) if IS_FULL else SIDES, f"ERP, {kind}", request)


@pytest.mark.parametrize("kind", ["baseline", "nightly"])
def test_r2_a_buffer_that_fails_at_any_call_leaves_no_half_night_and_no_file(
    fork: Fork, scenes: Scenes, kind: str, request: pytest.FixtureRequest
) -> None:
    trials = Trials(fork, *scenes("sqlite", kind), "buffer", came_of_buffer)
    trials.run_all(DISK_FAULTS, 6, SIDES, f"buffer, {kind}", request)


OBSERVED: Final = '\n[metrics]\ntextfile = "po-ingest.prom"\n[heartbeat]\nurl = "http://127.0.0.1:9/nobody"\n'
"""The port of `discard`: on machines of today nobody is there."""
SILENT: Final = """
[metrics]
textfile = "po-ingest.prom"
[heartbeat]
url = "http://127.0.0.1:PORT/beat"
[lineage]
url = "http://127.0.0.1:PORT"
[notify]
urls = ["json://127.0.0.1:PORT/?cto=0.2&rto=0.2"]
on = ["completed"]
"""
MOST_SECONDS: Final = 20
"""Five calls of 0.2 seconds each, and a busy machine that has to import the services' clients."""
OBSERVERS_FAULTS: Final = {"broken": Fault("broken"), **MISTAKES}


def watched(world: FaultWorld) -> FaultWorld:
    """Have a world's nights observed."""
    world.config.write_text(world.config.read_text("utf-8") + OBSERVED, encoding="utf-8")
    return world


def unwatched(world: FaultWorld) -> FaultWorld:
    """Have nobody observe a world's nights any more."""
    own, _, _ = world.config.read_text("utf-8").partition("\n[metrics]")
    world.config.write_text(f"{own}\n", encoding="utf-8")
    return world


def test_r12_an_observer_that_fails_at_any_call_changes_nothing_of_a_night(
    fork: Fork, scenes: Scenes, request: pytest.FixtureRequest
) -> None:
    stage, judge = scenes("sqlite", "nightly")
    operations = fork.run(watched(stage.fresh()).folder, NIGHTLY, ports=["observers"]).operations
    assert len(operations) == 4  # two observers are told of start and end
    book = Book("observers, nightly")

    def trial(fault: Fault, operation: str) -> str:
        world = watched(stage.fresh())
        (done,) = fork.run(world.folder, NIGHTLY, ports=["observers"], faults=[fault]).done
        assert told(done) == (0, 0, [])
        _, observer, moment = operation.split()
        assert (observer, moment, "OSError" if fault.do == "broken" else fault.do) in failed_observers(world)
        judge.mended(unwatched(world), is_applied=True)
        return f"exit {done.code}"

    for at, operation in enumerate(operations):
        for number, fault in enumerate(OBSERVERS_FAULTS.values()):
            if IS_FULL or (at + number) % 3 == 0:
                attempt(book, str(at), operation, partial(trial, attrs.evolve(fault, at=at), operation))
    book.close(request)


def failed_observers(world: FaultWorld) -> set[tuple[str, str, str]]:
    """Return what the log has of observers that failed: who, when, and how."""
    log = [json.loads(line) for line in (world.folder / "logs" / "po-ingest.log").read_text("utf-8").splitlines()]
    return {(each["observer"], each["told"], each["error"]) for each in log if each["event"] == "observer failed"}


@pytest.mark.parametrize("mistake", [*OBSERVERS_FAULTS])
def test_r12_observers_that_all_fail_change_nothing_of_a_night_that_fails(
    fork: Fork, scenes: Scenes, mistake: str
) -> None:
    stage, judge = scenes("sqlite", "nightly")
    world = watched(stage.fresh())
    faults = [
        Fault("permanent", only="erp ", is_lasting=True),
        attrs.evolve(OBSERVERS_FAULTS[mistake], only="observer ", is_lasting=True),
    ]
    outcome = fork.run(world.folder, NIGHTLY, ports=["erp", "observers"], faults=faults)
    (done,) = outcome.done
    assert_one_line(done)
    assert told(done) == (4, 0, ["ErpError"])
    kind = "OSError" if mistake == "broken" else mistake
    calls = itertools.product(("heartbeat", "metrics"), ("started", "ended"))
    assert failed_observers(world) == {(name, moment, kind) for name, moment in calls}
    judge.mended(unwatched(world), is_applied=False)


def test_r12_services_that_never_answer_cost_a_night_their_time_outs_and_nothing_else(
    fork: Fork, scenes: Scenes
) -> None:
    stage, judge = scenes("sqlite", "nightly")
    world = stage.fresh()
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the system takes the calls, and nobody answers them
        port = silent.getsockname()[1]
        world.config.write_text(world.config.read_text("utf-8") + SILENT.replace("PORT", str(port)), encoding="utf-8")
        began = time.monotonic()
        (done,) = fork.run(world.folder, NIGHTLY, ports=["observers"]).done
    assert told(done) == (0, 0, [])
    assert time.monotonic() - began < MOST_SECONDS
    failed = {(name, moment) for name, moment, _ in failed_observers(world)}
    twice = itertools.product(("heartbeat", "lineage"), ("started", "ended"))
    assert failed == {*twice, ("notify", "ended")}
    judge.mended(unwatched(world), is_applied=True)


@pytest.mark.parametrize("shift", get_args(Shift))
def test_r2_a_clock_that_is_set_by_an_hour_at_any_moment_changes_nothing_but_times(
    fork: Fork, scenes: Scenes, shift: Shift, request: pytest.FixtureRequest
) -> None:
    stage, judge = scenes("sqlite", "nightly")
    operations = fork.run(stage.fresh().folder, NIGHTLY, ports=["clock"]).operations
    book = Book(f"clock set {shift}, nightly")

    def trial(fault: Fault) -> str:
        world = stage.fresh()
        done, runs = fork.run(world.folder, NIGHTLY, ("runs", "--json"), ports=["clock"], faults=[fault]).done
        assert told(done) == (0, 0, [])
        assert 0 <= done.json["duration_seconds"] < 60
        assert [run["id"] for run in runs.json] == sorted((run["id"] for run in runs.json), reverse=True)
        assert all(run["started_at"] <= run["finished_at"] for run in runs.json)
        judge.mended(world, is_applied=True)
        return f"exit {done.code}"

    for at, operation in enumerate(operations):
        if IS_FULL or at % 2:
            attempt(book, str(at), operation, partial(trial, Fault(shift, at=at)))
    book.close(request)
