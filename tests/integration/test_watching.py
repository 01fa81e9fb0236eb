"""Who watches runs is told of each that held the lock, and can harm none."""

from __future__ import annotations

import attrs
import pytest

from po_ingest.errors import AuditError, ConfigError, ErpError, Interrupted, LockHeldError, StoreError
from po_ingest.journal import Parts
from po_ingest.model import RunEnd, RunStart
from po_ingest.pipeline import Options, run_nightly
from po_ingest.settings import GuardSettings
from po_ingest.watch import Watch
from po_ingest_adapters.observers.memory import MemoryObserver
from support.world import World, line


@attrs.define
class Watched(World):
    """A world that two observers watch, the first of which can be told to fail."""

    first: MemoryObserver = attrs.Factory(MemoryObserver)
    second: MemoryObserver = attrs.Factory(MemoryObserver)

    def parts(self) -> Parts:
        parts = super(Watched, self).parts()  # noqa: UP008 - attrs makes another class of this one
        return attrs.evolve(parts, observer=Watch({"first": self.first, "second": self.second}))

    def outcomes(self) -> list[tuple[str, int]]:
        return [(end.outcome, end.exit_code) for end in self.second.ends]


def test_observers_hear_of_a_runs_start_and_of_its_end_with_the_report() -> None:
    world = Watched([line()])
    report = world.night()
    (start,) = world.second.starts
    (end,) = world.second.ends
    assert (start.run_id, start.run_identifier, start.mode) == (report.run_id, report.run_identifier, "baseline")
    assert (end.outcome, end.exit_code, end.report) == ("completed", 0, report)


def test_observers_hear_of_a_failed_run_what_the_process_tells() -> None:
    world = Watched([line()])
    world.erp_plan.fail_next(ErpError("no such table", hint="mend the query"))
    error = world.failing_night()
    (end,) = world.second.ends
    assert (end.outcome, end.exit_code, end.message) == ("failed", 4, "no such table; mend the query")
    assert end.report is error.report


def test_observers_hear_of_a_guards_refusal() -> None:
    world = Watched([line()], guards=GuardSettings(min_lines=2))
    world.failing_night()
    assert world.outcomes() == [("guard", 5)]


def test_observers_hear_of_a_reservation() -> None:
    world = Watched([line(), line("PO-2", "no number")])
    world.failing_night(strict=True)
    world.sink.failures.fail_next(AuditError("the file is full"))
    world.failing_night()
    assert world.outcomes() == [("partial", 3), ("partial", 3)]


def test_r14_whatever_a_sink_raises_after_the_commit_the_run_is_told_as_applied() -> None:
    world = Watched([line()])
    world.sink.failures.fail_next(ValueError("a plug-in's own mistake"))
    error = world.failing_night()
    assert (error.exit_code, error.message) == (
        3,
        "the run was applied, but the audit trail could not be copied: a plug-in's own mistake",
    )
    assert world.outcomes() == [("partial", 3)]
    assert world.row()
    world.sink.failures.fail_next(ValueError("again"))
    world.erp_plan.fail_next(ErpError("no such table"))
    assert world.failing_night().exit_code == 4
    assert world.outcomes()[1:] == [("failed", 4)]


@pytest.mark.parametrize("signal", [Interrupted("SIGTERM"), KeyboardInterrupt()])
def test_r2_a_signal_after_the_end_of_a_run_that_was_applied_makes_no_failure_of_it(signal: BaseException) -> None:
    world = Watched([line()])
    parts, settings = world.parts(), world.settings()

    class Signalled:
        """Observers of whom the first is not reached."""

        def started(self, start: RunStart) -> None:
            parts.observer.started(start)

        def ended(self, _: RunEnd) -> None:
            raise signal

    report = run_nightly(settings, attrs.evolve(parts, observer=Signalled()), Options())
    assert (report.status, report.exit_code) == ("completed", 0)


def test_observers_hear_of_a_run_that_could_not_begin() -> None:
    world = Watched([line()])
    world.store_plan.fail_next(StoreError("the store is down"))
    world.failing_night()
    assert world.second.starts == []
    assert world.outcomes() == [("failed", 7)]
    assert world.second.ends[0].report is None


@pytest.mark.parametrize("step", ["schema", "upgrade", "lock", "write", "start_run", "record", "commit"])
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Interrupted("SIGTERM"), "ended by SIGTERM; nothing of this run was applied"),
        (KeyboardInterrupt(), "ended by SIGINT; nothing of this run was applied"),
        (ValueError("a plug-in's"), "internal error (ValueError); nothing of this run was applied; see the log"),
    ],
)
def test_r14_a_night_that_a_signal_or_a_mistake_ends_before_it_began_is_told_to_all(
    step: str, error: BaseException, told: str
) -> None:
    world = Watched([line()])
    world.store_plan.fail_next(error, step)
    failed = world.failing_night()
    assert (failed.exit_code, str(failed), failed.report) == (1, told, None)
    (end,) = world.second.ends
    assert (end.outcome, end.exit_code, end.message, end.report) == ("failed", 1, told, None)
    events = [event for event, _ in world.spool.pending()]
    assert [event.event_type for event in events] == ["ingestion_started", "ingestion_failed"]
    world.night()
    assert world.audit()[:2] == [("ingestion_started", None), ("ingestion_failed", told)]
    assert [run.status for run in world.dump()["ingestion_run"]] == ["completed"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Interrupted("SIGTERM"), "ended by SIGTERM"),
        (KeyboardInterrupt(), "ended by SIGINT"),
        (ValueError("a spool's"), "ValueError"),
    ],
)
def test_what_comes_while_a_failure_is_recorded_does_not_keep_it_from_the_observers(
    error: BaseException, told: str
) -> None:
    world = Watched([line()])
    world.store_plan.fail_next(Interrupted("SIGTERM"), "lock")

    def broken(_: object) -> None:
        raise error

    world.spool.put = broken
    with pytest.raises(type(error)):
        world.night()
    (end,) = world.second.ends
    assert (end.outcome, end.exit_code) == ("failed", 1)
    assert end.message == f"the run's end could not be recorded: {told}; see `po-ingest runs`"


def test_observers_hear_of_a_job_that_was_left_on_baseline() -> None:
    world = Watched([line()])
    world.night()
    with pytest.raises(ConfigError):
        run_nightly(world.settings(), world.parts(), Options(baseline=True))
    assert world.outcomes() == [("completed", 0), ("failed", 2)]


def test_r13_observers_do_not_hear_of_a_run_that_another_kept_out() -> None:
    world = Watched([line()])
    with world.store.lock("erp"), pytest.raises(LockHeldError):
        run_nightly(world.settings(), world.parts(), Options())
    assert (world.second.starts, world.second.ends) == ([], [])


def test_r19_observers_do_not_hear_of_a_dry_run() -> None:
    world = Watched([line()])
    world.night(dry_run=True)
    assert (world.second.starts, world.second.ends) == ([], [])


def test_an_observer_that_fails_keeps_neither_the_run_nor_the_others() -> None:
    broken = OSError("no route to https://secret")
    world = Watched([line()], first=MemoryObserver(start_error=broken, end_error=broken))
    assert world.night().status == "completed"
    assert (len(world.second.starts), world.outcomes()) == (1, [("completed", 0)])


def test_a_signal_while_the_end_is_told_leaves_the_outcome_as_it_is() -> None:
    world = Watched([line()], first=MemoryObserver(end_error=Interrupted("SIGTERM")))
    assert world.night().exit_code == 0
    assert world.second.ends == []


def test_a_signal_while_the_start_is_told_ends_the_run_and_is_recorded() -> None:
    world = Watched([line()], first=MemoryObserver(start_error=Interrupted("SIGTERM")))
    error = world.failing_night()
    assert (error.exit_code, error.message) == (1, "ended by SIGTERM")
    assert world.outcomes() == [("failed", 1)]
    with world.store.read() as view:
        assert [run.status for run in view.runs("erp")] == ["failed"]
