"""What is true of a run when its commit, or a signal in the midst of it, leaves that in doubt (R2, R12)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from po_ingest.errors import ErpError, Interrupted, StoreError
from po_ingest.ports import Store, StoreTransaction
from support.world import World, line

pytestmark = pytest.mark.usefixtures("everywhere")


class Losing:
    """A store whose n-th write transaction is committed, but what tells so is lost."""

    def __init__(self, store: Store, nth: int, error: BaseException) -> None:
        self._store, self._left, self._error = store, nth, error

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    @contextmanager
    def write(self) -> Iterator[StoreTransaction]:
        with self._store.write() as transaction:
            yield transaction
        self._left -= 1
        if self._left == 0:
            raise self._error


class Clinging:
    """A store whose lock is given back only with an error."""

    def __init__(self, store: Store, error: BaseException) -> None:
        self._store, self._error = store, error

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    @contextmanager
    def lock(self, erp: str) -> Iterator[None]:
        with self._store.lock(erp):
            try:
                yield
            finally:
                raise self._error


@contextmanager
def lost_answer(world: World, nth: int, error: BaseException) -> Iterator[None]:
    """Have what tells of the n-th commit of the next night be lost."""
    store = world.store
    world.store = Losing(store, nth, error)
    yield
    world.store = store


def connection_lost() -> StoreError:
    return StoreError("the connection was lost", transient=True)


@pytest.mark.parametrize("nth", [1, 2])
def test_r12_a_commit_that_only_seemed_to_fail_is_not_done_twice(nth: int) -> None:
    world = World([line()])
    world.night()
    world.lines = [line(sku="b"), line("PO-2")]
    with lost_answer(world, nth, connection_lost()):
        report = world.night()
    assert (report.status, report.retries) == ("completed", 1)
    assert (report.lines_changed, report.new_lines_created) == (1, 1)
    assert [event[1] for event in world.events()] == ["sku"]
    assert [event[0] for event in world.events("PO-2")] == ["created"]
    assert [run.status for run in world.dump()["ingestion_run"]] == ["completed", "completed"]
    told = [kind for kind, _ in world.audit()]
    assert (told.count("ingestion_started"), told.count("ingestion_completed")) == (2, 2)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (StoreError("the connection was lost"), "the connection was lost"),
        (Interrupted("SIGTERM"), "ended by SIGTERM"),
        (ZeroDivisionError(), "internal error (ZeroDivisionError)"),
    ],
)
def test_r2_a_run_that_was_applied_is_never_marked_as_failed(error: BaseException, told: str) -> None:
    world = World([line()])
    with lost_answer(world, 2, error):
        failure = world.failing_night()
    assert failure.exit_code == 3
    assert f"the run was applied, but then: {told}" in str(failure)
    assert failure.report is not None
    assert (failure.report.status, failure.report.exit_code) == ("completed", 3)
    (run,) = world.dump()["ingestion_run"]
    assert (run.status, run.report["exit_code"]) == ("completed", 3)
    assert "ingestion_failed" not in [kind for kind, _ in world.audit()]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError("no such descriptor"), "internal error (OSError)"),
        (Interrupted("SIGTERM"), "ended by SIGTERM"),
        (KeyboardInterrupt(), "ended by SIGINT"),
    ],
)
@pytest.mark.parametrize("strict", [False, True])
def test_r2_what_goes_wrong_around_an_applied_run_leaves_it_applied(
    error: BaseException, told: str, strict: bool
) -> None:
    world = World([line(), line("PO-2", "no number")])
    store = world.store
    world.store = Clinging(store, error)
    failure = world.failing_night(strict=strict)
    world.store = store
    status = "partial" if strict else "completed"
    assert (failure.exit_code, failure.message) == (3, f"the run was applied, but then: {told}")
    assert failure.report is not None
    (run,) = world.dump()["ingestion_run"]
    assert (failure.report.status, failure.report.exit_code) == (run.status, run.report["exit_code"]) == (status, 3)
    assert [kind for kind, _ in world.audit()].count("ingestion_completed") == 1
    assert "ingestion_failed" not in [kind for kind, _ in world.audit()]


def test_a_signal_between_the_beginning_of_a_run_and_its_work_marks_it_as_failed() -> None:
    world = World([line()])
    with lost_answer(world, 1, Interrupted("SIGTERM")):
        failure = world.failing_night()
    assert (failure.exit_code, failure.message) == (1, "ended by SIGTERM")
    assert [run.status for run in world.dump()["ingestion_run"]] == ["failed"]
    assert [kind for kind, _ in world.audit()] == ["ingestion_started", "ingestion_failed"]


def test_a_signal_before_a_run_has_begun_leaves_nothing() -> None:
    world = World([line()])
    world.store.upgrade()
    world.store_plan.fail_at(1, interrupted("SIGTERM"), "record")
    error = world.failing_night()
    assert (error.exit_code, error.report) == (1, None)
    assert world.dump()["ingestion_run"] == []


def interrupted(name: str) -> Exception:
    """Return what a library made of a signal's exception."""
    try:
        try:
            raise Interrupted(name)
        finally:
            raise AssertionError
    except AssertionError as error:
        return error


def test_an_error_that_took_the_place_of_a_signals_is_told_as_the_signal() -> None:
    world = World([line()])
    world.erp_plan.fail_next(interrupted("SIGTERM"))
    error = world.failing_night()
    assert (error.exit_code, error.message) == (1, "ended by SIGTERM")


def test_r14_a_signal_keeps_no_failure_from_the_store() -> None:
    world = World([line()])
    world.erp_plan.fail_next(ErpError("gone"))
    world.store_plan.fail_at(1, Interrupted("SIGTERM"), "finish_run")
    assert world.failing_night().exit_code == 4
    world.night()
    assert [reason for kind, reason in world.audit() if kind == "ingestion_failed"] == ["gone"]


def test_r14_a_failure_that_a_second_signal_keeps_from_the_store_waits_in_the_spool() -> None:
    """The second one reminds of the first: the store does not answer, and the process has little time left."""
    world = World([line()])
    world.erp_plan.fail_next(Interrupted("SIGTERM"))
    world.store_plan.fail_at(1, Interrupted("SIGTERM"), "finish_run")
    assert world.failing_night().exit_code == 1
    world.night()
    told = [reason for kind, reason in world.audit() if kind == "ingestion_failed"]
    assert told == ["ended by SIGTERM; nothing of this run was applied", "abandoned"]


def test_r12_taking_the_lock_is_retried_too_and_its_failure_waits_in_the_spool() -> None:
    world = World([line()])
    world.store_plan.fail_next(connection_lost(), "lock")
    assert world.night().retries == 1
    for attempt in range(3, 6):
        world.store_plan.fail_at(attempt, connection_lost(), "lock")
    error = world.failing_night()
    assert (error.exit_code, error.report) == (7, None)
    world.night()
    assert [kind for kind, _ in world.audit()].count("ingestion_failed") == 1


def test_r12_a_dry_run_tries_again_too() -> None:
    world = World([line()])
    world.night()
    world.store_plan.fail_at(world.store_plan.count("read") + 1, connection_lost(), "read")
    assert world.night(dry_run=True).retries == 1
