"""R12-R14, R19 in their plain form, and what a run leaves when things go wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest

from po_ingest.audit_verify import verify
from po_ingest.errors import AuditError, ConfigError, ErpError, Interrupted, PoIngestError, StoreError
from po_ingest.model import NewRun
from po_ingest.pipeline import Options, run_nightly
from po_ingest.settings import GuardSettings
from support.world import World, line

pytestmark = pytest.mark.usefixtures("everywhere")


def transient(message: str = "the connection was lost") -> ErpError:
    return ErpError(message, transient=True)


# -- R12
def test_r12_a_transient_error_is_retried_and_counted() -> None:
    world = World([line()])
    world.erp_plan.fail_next(transient())
    report = world.night()
    assert (report.status, report.retries) == ("completed", 1)


def test_r12_a_permanent_error_is_not_retried() -> None:
    world = World([line()])
    world.erp_plan.fail_next(ErpError("no such table"))
    error = world.failing_night()
    assert error.exit_code == 4
    assert error.report is not None
    assert error.report.retries == 0


def test_r12_retries_end_and_the_last_error_is_told() -> None:
    world = World([line()])
    for attempt in range(1, 4):
        world.erp_plan.fail_at(attempt, transient(f"lost {attempt}"), "query")
    error = world.failing_night()
    assert "lost 3" in str(error)
    assert error.report is not None
    assert (error.report.retries, error.report.exit_code) == (2, 4)
    assert error.report.errors_encountered[0].stage == "snapshot"


def test_r12_a_query_that_breaks_midway_is_read_again_and_rows_of_two_tries_never_mix() -> None:
    world = World([line("PO-1", number) for number in range(1, 8)], chunk_size=3)
    world.erp_plan.fail_at(2, transient(), "chunk")
    report = world.night()
    assert (report.po_lines_processed, report.rows_rejected, report.retries) == (7, 0, 1)


def test_r12_the_stores_transient_errors_are_retried_too() -> None:
    world = World([line()])
    world.store_plan.fail_at(1, StoreError("database is locked", transient=True), "apply")
    assert world.night().retries == 1
    assert world.row()


# -- R13
def test_r13_a_second_run_is_kept_out_and_leaves_no_trace() -> None:
    world = World([line()])
    with world.store.lock("erp"):
        error = world.failing_night()
    assert error.exit_code == 6
    assert world.dump()["ingestion_run"] == []
    assert world.audit() == []


def test_r13_a_run_whose_process_died_is_marked_abandoned_and_audited_by_the_next() -> None:
    world = World([line()])
    new = NewRun(
        run_identifier="dead", erp="erp", mode="baseline", started_at=world.now, host="h", version="1", process=7
    )
    world.store.upgrade()
    with world.store.write() as transaction:
        dead = transaction.start_run(new)
    report = world.night()
    with world.store.read() as view:
        run = view.find_run("erp", "dead")
        events = [each.event for each in view.audit_events()]
    assert run is not None
    assert (run.status, run.finished_at is None) == ("abandoned", False)
    assert run.report is not None
    assert run.report["status"] == "abandoned"
    assert (events[0].event_type, events[0].run_id, events[0].reason) == ("ingestion_failed", dead, "abandoned")
    assert report.baseline


def test_r13_an_abandoned_run_does_not_end_before_it_began_where_the_clock_was_set_back() -> None:
    world = World([line()])
    began = world.now + timedelta(hours=1)
    new = NewRun(run_identifier="dead", erp="erp", mode="baseline", started_at=began, host="h", version="1", process=7)
    world.store.upgrade()
    with world.store.write() as transaction:
        transaction.start_run(new)
    world.night()
    with world.store.read() as view:
        run = view.find_run("erp", "dead")
    assert run is not None
    assert (run.status, run.finished_at) == ("abandoned", began)


# -- R14
def test_r14_every_changed_line_is_audited_and_the_chain_holds() -> None:
    world = World([line(sku="a"), line("PO-2"), line("PO-3")])
    world.night()
    world.lines = [line(sku="b"), line("PO-2", current_status="closed"), line("PO-4")]
    world.night()
    world.lines = [line(sku="c"), line("PO-2"), line("PO-3")]
    world.night()
    kinds = [kind for kind, _ in world.audit()]
    assert kinds.count("po_line_created") == 1
    assert kinds.count("po_line_absent") == 3
    assert kinds.count("po_line_reappeared") == 2
    assert kinds.count("ingestion_change") == 4, kinds
    with world.store.read() as view:
        verification = verify(view.audit_events(), view.runs("erp"), None)
    assert verification.faults == ()


def test_r14_the_file_gets_every_event_of_the_store() -> None:
    world = World([line(sku="a")])
    world.night()
    world.lines = [line(sku="b")]
    world.night()
    with world.store.read() as view:
        assert list(world.sink.events) == list(view.audit_events())


def test_r14_if_the_file_cannot_be_written_the_run_goes_on_exits_3_and_the_next_completes_it() -> None:
    world = World([line()])
    world.sink.failures.fail_next(AuditError("the audit file could not be written"))
    error = world.failing_night()
    assert error.exit_code == 3
    assert error.report is not None
    assert (error.report.status, error.report.exit_code) == ("completed", 3)
    assert world.dump()["ingestion_run"][0].report["exit_code"] == 3
    assert world.row()
    world.night()
    with world.store.read() as view:
        assert list(world.sink.events) == list(view.audit_events())


def test_r14_a_store_that_goes_away_after_the_commit_does_not_make_the_run_a_failed_one() -> None:
    world = World([line()])
    world.sink.failures.fail_next(AuditError("the audit file could not be written"))
    world.store_plan.fail_at(3, StoreError("the store is down"), "write")
    error = world.failing_night()
    assert error.exit_code == 3
    assert "was applied" in str(error)
    run = world.dump()["ingestion_run"][0]
    assert (run.status, run.report["exit_code"]) == ("completed", 0)


@pytest.mark.parametrize("interrupt", [Interrupted("SIGTERM"), KeyboardInterrupt()])
def test_r14_a_signal_after_the_commit_is_no_failure_since_the_run_was_applied(interrupt: BaseException) -> None:
    world = World([line()])

    def raising() -> int:
        raise interrupt

    world.sink.position = raising
    error = world.failing_night()
    assert error.exit_code == 3
    assert "was applied" in str(error)
    assert world.dump()["ingestion_run"][0].status == "completed"


def test_r14_if_the_store_is_down_the_events_wait_and_are_delivered_by_the_next_run_once() -> None:
    world = World([line()])
    world.store_plan.fail_at(1, StoreError("the store is down"), "write")
    error = world.failing_night()
    assert (error.exit_code, error.report) == (7, None)
    world.night()
    world.night()
    assert [kind for kind, _ in world.audit()][:3] == ["ingestion_started", "ingestion_failed", "ingestion_started"]
    assert [kind for kind, _ in world.audit()].count("ingestion_failed") == 1


def test_r14_a_run_whose_failure_the_store_cannot_take_is_told_through_the_spool() -> None:
    world = World([line()])
    world.erp_plan.fail_next(ErpError("gone"))
    world.store_plan.fail_at(2, StoreError("the store is down"), "write")
    assert world.failing_night().exit_code == 4
    world.night()
    failures = [reason for kind, reason in world.audit() if kind == "ingestion_failed"]
    assert failures == ["gone", "abandoned"]


def test_an_error_of_the_program_itself_fails_the_run_and_is_recorded() -> None:
    world = World([line()])
    world.erp_plan.fail_next(ZeroDivisionError("secret detail"))
    error = world.failing_night()
    assert (error.exit_code, error.message) == (1, "internal error (ZeroDivisionError)")
    assert world.dump()["ingestion_run"][0].status == "failed"


@pytest.mark.parametrize("interrupt", [Interrupted("SIGTERM"), KeyboardInterrupt()])
def test_a_signal_ends_the_run_as_failed_with_exit_1_and_nothing_applied(interrupt: BaseException) -> None:
    world = World([line()])

    def raising(_: int) -> None:
        raise interrupt

    parts = world.parts()
    parts.progress.advance = raising  # type: ignore[method-assign,assignment]  # the signal comes while rows are read
    with pytest.raises(PoIngestError) as caught:
        run_nightly(world.settings(), parts, Options())
    assert caught.value.exit_code == 1
    assert "ended by SIG" in str(caught.value)
    assert world.dump()["ingestion_run"][0].status == "failed"
    assert world.dump()["po_line"] == []


# -- R19
def test_r19_a_dry_run_reports_all_that_a_run_would_do_and_leaves_everything_untouched() -> None:
    world = World([line(sku="a", item_code="I"), line("PO-2", delivered_quantity=1), line("PO-3")])
    world.night()
    world.lines = [line(sku="b", item_code="I"), line("PO-2", delivered_quantity=2), line("PO-4"), line(None)]
    before = world.dump()
    dry = run_nightly(world.settings(), world.parts(), Options(dry_run=True))
    assert world.dump() == before
    real = world.night()
    assert (dry.run_id, dry.dry_run) == (None, True)
    for figure in (
        "po_lines_processed",
        "new_lines_created",
        "lines_changed",
        "change_events_detected",
        "absent_po_lines",
        "batches_reconstructed",
        "unmapped_item_codes",
        "rows_rejected",
        "status",
        "exit_code",
        "mode",
    ):
        assert getattr(dry, figure) == getattr(real, figure), figure


def test_r19_a_dry_run_takes_no_lock_and_works_after_a_crash() -> None:
    world = World([line()])
    with world.store.lock("erp"):
        assert world.night(dry_run=True).mode == "baseline"


def test_r19_a_dry_run_has_the_exit_code_of_the_run() -> None:
    world = World([line(), line(None)])
    error = world.failing_night(dry_run=True, strict=True)
    assert error.exit_code == 3
    assert "the run would be applied, but 1 row was rejected" in str(error)
    world.night()
    assert isinstance(world.failing_night(dry_run=True, baseline=True), ConfigError)
    world.erp_plan.fail_next(ErpError("no"))
    error = world.failing_night(dry_run=True)
    assert error.exit_code == 4
    assert error.report is not None
    assert len(world.dump()["ingestion_run"]) == 1
    assert world.spool.pending() == []


def test_r19_a_dry_run_checks_the_emptied_guard_as_the_run_does() -> None:
    world = World([line("PO-1", number, final_customer="A") for number in range(1, 41)])
    world.night()
    world.guards = GuardSettings(max_absent_ratio=1.0)
    world.lines = [line("PO-1", number, final_customer=None if number < 12 else "A") for number in range(1, 22)]
    dry = world.failing_night(dry_run=True)
    assert "11 of 21" in str(dry)
    assert str(world.failing_night()) == str(dry)
