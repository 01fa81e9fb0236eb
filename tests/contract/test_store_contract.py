"""What every store promises of runs, transactions, the lock, the cross-reference and the audit trail."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import attrs
import pytest

from po_ingest.audit_chain import GENESIS, chain_hash
from po_ingest.errors import LockHeldError, StoreError
from po_ingest.model import Delta, Run, RunContext, StageError, XrefRow
from po_ingest.ports import Store, StoreTransaction
from po_ingest_adapters.store.sql import SqlStore
from support.store_builders import (
    ERP,
    KINDS,
    START,
    Nights,
    absent_store,
    audit_event,
    make_store,
    new_line,
    new_lines,
    new_run,
    report,
)


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return make_store(request, tmp_path)


@pytest.fixture(params=KINDS)
def absent(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A store that nobody has made yet."""
    return absent_store(request, tmp_path / "new folder")


def start(store: Store, identifier: str = "run-1", erp: str = ERP) -> int:
    with store.write() as transaction:
        return transaction.start_run(new_run(identifier, erp=erp))


# -- schema


def test_an_absent_store_reads_as_an_empty_one(absent: Store) -> None:
    assert absent.schema().relation == "missing"
    assert absent.schema().current is None
    with absent.read() as view:
        assert view.last_applied(ERP) is None
        assert len(view.known_lines(ERP).ids) == 0
        assert not view.states([1])
        assert not view.deliveries([1])
        assert not any([view.item_xref(), view.runs(ERP), view.gaps(ERP)])
        assert view.find_run(ERP, "1") is None
        assert view.lines(ERP, "PO-1") == view.line_events([1]) == view.line_batches([1]) == []
        assert not any([*view.changes(ERP), *view.snapshot(ERP, 1), *view.audit_events()])
        assert set(view.filled_counts(ERP, 1).values()) == {0}
    assert absent.schema().relation == "missing"


def test_writing_to_a_store_without_schema_is_refused_and_says_what_to_do(absent: Store) -> None:
    if isinstance(absent, SqlStore):
        absent.database.prepare()
    with pytest.raises(StoreError, match=r"no schema.*po-ingest store upgrade") as caught, absent.write():
        pytest.fail("must not begin")
    assert not caught.value.transient


def test_upgrade_creates_the_schema_and_can_be_repeated(absent: Store) -> None:
    absent.upgrade()
    status = absent.schema()
    assert (status.relation, status.current) == ("current", status.needed)
    run_id = start(absent)
    absent.upgrade()
    assert absent.schema() == status
    with absent.read() as view:
        assert [run.id for run in view.runs(ERP)] == [run_id]


def test_check_finds_nothing_wrong_and_writes_nothing(absent: Store) -> None:
    assert [finding.status for finding in absent.check()] == ["ok"]
    assert absent.schema().relation == "missing"
    absent.upgrade()
    assert [finding.status for finding in absent.check()] == ["ok"]


# -- runs


def test_a_run_that_has_started_is_running(store: Store) -> None:
    run_id = start(store)
    with store.read() as view:
        assert view.runs(ERP) == [
            Run(run_id, "run-1", ERP, "nightly", "running", START, None, None, None, "host", "1.0", 7, None)
        ]
        assert view.last_applied(ERP) is None


def test_the_outcome_of_a_run_is_its_report(store: Store) -> None:
    run_id = start(store)
    outcome = attrs.evolve(
        report(run_id, "run-1", START, "failed"),
        errors_encountered=(StageError("snapshot", "ErpError", "gone \ud800"),),
        unmapped_item_codes=("A", "Ä"),
        stages={"snapshot": 0.5, "xref": 0.25},
        exit_code=4,
    )
    with store.write() as transaction:
        transaction.finish_run(run_id, outcome, {"sku": "as is"})
    with store.read() as view:
        (run,) = view.runs(ERP)
    assert (run.status, run.finished_at, run.duration_seconds) == ("failed", START + timedelta(seconds=90), 90.0)
    assert run.field_configuration == {"sku": "as is"}
    assert run.report is not None
    assert list(run.report) == [field.name for field in attrs.fields(type(outcome))]
    assert run.report["started_at"] == "2026-01-31T08:00:00Z"
    assert run.report["errors_encountered"] == [{"stage": "snapshot", "error": "ErpError", "message": "gone \ud800"}]
    assert run.report["unmapped_item_codes"] == ["A", "Ä"]
    assert run.report["stages"] == {"snapshot": 0.5, "xref": 0.25}


def test_a_later_report_without_configuration_keeps_the_one_there_is(store: Store) -> None:
    run_id = start(store)
    with store.write() as transaction:
        transaction.finish_run(run_id, report(run_id, "run-1", START, "completed"), {"sku": "as is"})
        transaction.finish_run(run_id, report(run_id, "run-1", START, "partial"))
    with store.read() as view:
        (run,) = view.runs(ERP)
    assert (run.status, run.field_configuration) == ("partial", {"sku": "as is"})


def test_the_last_applied_run_is_the_newest_completed_or_partial_one(store: Store) -> None:
    nights = Nights(store)
    for status in ("completed", "partial", "failed", "abandoned"):
        nights.night(status=status)
    start(store, "still running")
    with store.read() as view:
        last = view.last_applied(ERP)
        assert view.last_applied("other") is None
    assert last is not None
    assert last.run_identifier == "erp-2"


def test_runs_are_listed_newest_first_by_limit_status_and_time(store: Store) -> None:
    nights = Nights(store)
    moments = [START, START + timedelta(microseconds=500000), START + timedelta(seconds=1)]
    for moment in moments:
        nights.night(at=moment)
    nights.night(at=START + timedelta(days=1), status="failed")
    Nights(store, erp="other").night()
    with store.read() as view:
        assert [run.id for run in view.runs(ERP)] == [4, 3, 2, 1]
        assert [run.id for run in view.runs(ERP, limit=2)] == [4, 3]
        assert [run.id for run in view.runs(ERP, limit=1, statuses=["completed"], before_id=3)] == [2]
        assert [run.id for run in view.runs(ERP, statuses=["failed"])] == [4]
        assert view.runs(ERP, statuses=[]) == []
        assert [run.id for run in view.runs(ERP, since=moments[0])] == [4, 3, 2, 1]
        assert [run.id for run in view.runs(ERP, since=moments[0] + timedelta(microseconds=1))] == [4, 3, 2]
        assert [run.id for run in view.runs(ERP, since=moments[1])] == [4, 3, 2]
        assert [run.id for run in view.runs(ERP, since=moments[2], limit=1, statuses=["completed"])] == [3]


def test_a_run_is_found_by_number_and_by_identifier_within_its_erp(store: Store) -> None:
    run_id = start(store, "20260131T080000Z-1")
    other = start(store, "of-the-other", erp="other")
    with store.read() as view:
        for text in (str(run_id), "20260131T080000Z-1"):
            found = view.find_run(ERP, text)
            assert found is not None
            assert found.id == run_id
        for text in (str(other), "of-the-other", "9999", "nonsense", "", "-1", "9" * 40, "\uff11"):
            assert view.find_run(ERP, text) is None


# -- transactions


def everything(transaction: StoreTransaction) -> None:
    run_id = transaction.start_run(new_run("run-1"))
    transaction.apply(RunContext(run_id, None, START), Delta(new_lines([new_line()])))
    transaction.finish_run(run_id, report(run_id, "run-1", START, "completed"))
    transaction.record([audit_event(1)])
    transaction.put_item_xref([XrefRow("A")], START)


def assert_empty(store: Store) -> None:
    with store.read() as view:
        assert view.runs(ERP) == []
        assert len(view.known_lines(ERP).ids) == 0
        assert not any([*view.changes(ERP), *view.snapshot(ERP, 1), *view.audit_events()])
        assert view.item_xref() == []


@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt()])
def test_r2_of_a_transaction_that_ends_with_an_error_nothing_remains(store: Store, error: BaseException) -> None:
    def fail() -> None:
        with store.write() as transaction:
            everything(transaction)
            raise error

    with pytest.raises(type(error)):
        fail()
    assert_empty(store)
    with store.write() as transaction:
        everything(transaction)
    with store.read() as view:
        assert len(view.known_lines(ERP).ids) == 1


def test_r2_a_reader_sees_the_store_at_one_moment(store: Store) -> None:
    with store.read() as before:
        assert before.runs(ERP) == []
        with store.write() as transaction:
            everything(transaction)
            with store.read() as meanwhile:
                assert meanwhile.runs(ERP) == []
        assert before.runs(ERP) == []
        assert list(before.audit_events()) == []
        assert before.last_audit_id() == 0
    with store.read() as after:
        assert len(after.runs(ERP)) == 1


def test_a_transaction_sees_its_own_writes(store: Store) -> None:
    with store.write() as transaction:
        everything(transaction)
        assert len(transaction.runs(ERP)) == 1
        assert list(transaction.known_lines(ERP).index) == [("PO-1", 1)]
        assert [event.id for event in transaction.audit_events()] == [1]
        assert transaction.item_xref() == [XrefRow("A")]


# -- lock


def test_r13_a_second_run_is_kept_out_and_told_who_holds_the_lock(store: Store) -> None:
    assert not store.holder(ERP)
    with store.lock(ERP):
        assert store.holder(ERP)
        with pytest.raises(LockHeldError, match="another process holds the lock"), store.lock(ERP):
            pytest.fail("must not be entered")
        start(store, "the-holder")
        with pytest.raises(LockHeldError) as caught, store.lock(ERP):
            pytest.fail("must not be entered")
        assert store.holder(ERP)
    assert "run the-holder (process 7 on host) since 2026-01-31T08:00:00Z" in str(caught.value)
    assert not store.holder(ERP)
    with store.lock(ERP):
        pass


def test_r13_the_lock_is_given_back_after_an_error(store: Store) -> None:
    with pytest.raises(RuntimeError), store.lock(ERP):
        raise RuntimeError
    with store.lock(ERP):
        assert store.holder(ERP)


def test_r13_the_lock_is_of_one_erp(store: Store) -> None:
    with store.lock(ERP), store.lock("ERP"), store.lock("Other/ERP"):
        assert store.holder("Other/ERP")
        assert not store.holder("other-erp")


def test_r13_the_lock_can_be_taken_before_there_is_a_store(absent: Store) -> None:
    assert not absent.holder(ERP)
    with absent.lock(ERP):
        assert absent.holder(ERP)
        assert absent.schema().relation == "missing"


# -- cross-reference


def test_the_cross_reference_is_inserted_or_replaced_by_code(store: Store) -> None:
    rows = [XrefRow("b", "S", "SKU", "Item"), XrefRow("B", is_active=False), XrefRow("a")]
    with store.write() as transaction:
        transaction.put_item_xref(rows, START)
    with store.read() as view:
        assert view.item_xref() == [rows[1], rows[2], rows[0]]
    with store.write() as transaction:
        transaction.put_item_xref([XrefRow("b", mapped_item="new"), XrefRow("c"), XrefRow("c", "last")], START)
    with store.read() as view:
        assert view.item_xref() == [rows[1], rows[2], XrefRow("b", mapped_item="new"), XrefRow("c", "last")]
        assert [type(row.is_active) for row in view.item_xref()] == [bool] * 4


def test_a_cross_reference_of_any_size_is_taken(store: Store) -> None:
    rows = [XrefRow(f"{number:05d}") for number in range(2500)]
    with store.write() as transaction:
        transaction.put_item_xref(rows, START)
        transaction.put_item_xref(rows, START)
    with store.read() as view:
        assert view.item_xref() == rows


# -- audit


def test_r14_every_event_carries_the_hash_of_its_predecessor(store: Store) -> None:
    plain = audit_event(4, run_id=None, po_line_id=None, previous_values=None, new_values=None, reason=None)
    events = [audit_event(1), audit_event(2, severity="error", source="store"), audit_event(3), plain]
    with store.write() as transaction:
        transaction.record(events[:2])
    with store.write() as transaction:
        transaction.record(iter(events[2:]), in_file=True)
    with store.read() as view:
        trail = list(view.audit_events())
    assert [chained.event for chained in trail] == events
    assert [chained.id for chained in trail] == [1, 2, 3, 4]
    assert [chained.in_file for chained in trail] == [False, False, True, True]
    previous = GENESIS
    for chained in trail:
        assert chained.previous_hash == previous
        assert chained.hash == chain_hash(previous, chained.event)
        previous = chained.hash


def test_r14_an_event_that_is_there_already_is_skipped(store: Store) -> None:
    with store.write() as transaction:
        transaction.record([audit_event(1)], in_file=True)
        transaction.record([audit_event(1), audit_event(2), audit_event(2)])
        transaction.record([audit_event(2)])
        transaction.record([])
    with store.read() as view:
        assert [(chained.id, chained.event, chained.in_file) for chained in view.audit_events()] == [
            (1, audit_event(1), True),
            (2, audit_event(2), False),
        ]


def test_r14_the_trail_can_be_read_on_from_any_event(store: Store) -> None:
    count = 12_000
    with store.write() as transaction:
        transaction.record(audit_event(number) for number in range(count))
    with store.read() as view:
        assert [chained.id for chained in view.audit_events(count - 2)] == [count - 1, count]
        assert list(view.audit_events(count)) == []
        assert view.last_audit_id() == count
        trail = list(view.audit_events())
    assert [chained.event.event_id for chained in trail] == [audit_event(number).event_id for number in range(count)]
    assert all(one.hash == two.previous_hash for one, two in pairwise(trail))
