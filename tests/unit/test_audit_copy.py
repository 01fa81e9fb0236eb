"""Bringing a copy of the trail up to date (R14)."""

from __future__ import annotations

import pytest

from po_ingest.audit_copy import _after, catch_up
from po_ingest.errors import AuditError, ExitCode, StoreError
from po_ingest_adapters.audit.memory import MemoryAuditSink
from po_ingest_adapters.failing import FailurePlan
from po_ingest_adapters.store.memory import MemoryStore
from support.trails import chained, event, trail_of


def store_with(events: int, failures: FailurePlan | None = None) -> MemoryStore:
    store = MemoryStore(failures or FailurePlan())
    store.upgrade()
    with store.write() as transaction:
        transaction.record(event(number) for number in range(1, events + 1))
    return store


def test_r14_a_copy_gets_what_it_lacks_and_no_more() -> None:
    store, sink = store_with(3), MemoryAuditSink()
    assert catch_up(store, sink) == 3
    assert catch_up(store, sink) == 0
    with store.write() as transaction:
        transaction.record([event(4), event(5)])
    assert catch_up(store, sink) == 2
    with store.read() as view:
        assert sink.events == list(view.audit_events())


def test_r14_an_empty_store_has_nothing_to_copy() -> None:
    assert catch_up(MemoryStore(), MemoryAuditSink()) == 0


def test_r14_a_failure_midway_is_made_good_by_the_next_call() -> None:
    plan = FailurePlan()
    store, sink = store_with(5), MemoryAuditSink(plan)
    plan.fail_at(3, AuditError("disk full"), "write")
    with pytest.raises(AuditError, match="disk full"):
        catch_up(store, sink)
    assert len(sink.events) == 2
    assert catch_up(store, sink) == 3
    assert len(sink.events) == 5


def test_r14_a_copy_that_is_ahead_of_the_store_is_told() -> None:
    sink = MemoryAuditSink()
    sink.write(trail_of(8))
    with pytest.raises(AuditError, match=r"has event 8, which the store has not .*audit verify"):
        catch_up(store_with(5), sink)


def test_r14_a_position_in_a_gap_of_the_ids_loses_no_event() -> None:
    trail = chained([event(1), event(2)], first_id=4, step=3)
    assert list(_after(3, iter(trail))) == trail
    assert list(_after(4, iter(trail))) == trail[1:]


def test_r14_a_store_that_cannot_be_read_after_the_commit_is_a_reservation() -> None:
    plan = FailurePlan()
    store = store_with(3, plan)
    plan.fail_next(StoreError("the store is gone", hint="start it"), "audit_events")
    with pytest.raises(AuditError, match="the store is gone; start it") as raised:
        catch_up(store, MemoryAuditSink())
    assert raised.value.exit_code == ExitCode.RESERVATION
