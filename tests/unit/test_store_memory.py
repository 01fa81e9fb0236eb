"""The in-memory store fails where it is told to, and is then as it was."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from po_ingest.errors import StoreError
from po_ingest.model import Delta, RunContext, XrefRow
from po_ingest.ports import StoreTransaction, StoreView
from po_ingest_adapters.failing import FailurePlan
from po_ingest_adapters.store.memory import MemoryStore
from support.store_builders import ERP, START, Nights, audit_event, known_line, new_line, new_run, report

PLANNED = StoreError("planned", transient=True)

READS: dict[str, Callable[[StoreView], object]] = {
    "last_applied": lambda view: view.last_applied(ERP),
    "known_lines": lambda view: view.known_lines(ERP),
    "states": lambda view: view.states([1]),
    "deliveries": lambda view: view.deliveries([1]),
    "filled_counts": lambda view: view.filled_counts(ERP, 1),
    "item_xref": lambda view: view.item_xref(),
    "runs": lambda view: view.runs(ERP),
    "find_run": lambda view: view.find_run(ERP, "1"),
    "lines": lambda view: view.lines(ERP, "PO-1"),
    "line_events": lambda view: view.line_events([1]),
    "line_batches": lambda view: view.line_batches([1]),
    "changes": lambda view: list(view.changes(ERP)),
    "snapshot": lambda view: list(view.snapshot(ERP, 1)),
    "gaps": lambda view: view.gaps(ERP),
    "audit_events": lambda view: list(view.audit_events()),
    "histories": lambda view: list(view.histories(ERP)),
}
WRITES: dict[str, Callable[[StoreTransaction], object]] = {
    "start_run": lambda transaction: transaction.start_run(new_run("second")),
    "apply": lambda transaction: transaction.apply(RunContext(1, None, START), Delta()),
    "finish_run": lambda transaction: transaction.finish_run(1, report(1, "erp-1", START, "failed")),
    "record": lambda transaction: transaction.record([audit_event(1)]),
    "put_item_xref": lambda transaction: transaction.put_item_xref([XrefRow("A")], START),
    "commit": lambda transaction: None,  # noqa: ARG005 - it comes by itself at the end
}


@pytest.fixture
def plan() -> FailurePlan:
    return FailurePlan()


@pytest.fixture
def store(plan: FailurePlan) -> MemoryStore:
    store = MemoryStore(plan)
    store.upgrade()
    Nights(store).changes(new_line())
    return store


@pytest.mark.parametrize("name", READS)
def test_every_read_can_fail_once(store: MemoryStore, plan: FailurePlan, name: str) -> None:
    plan.fail_next(PLANNED, name)
    with store.read() as view:
        with pytest.raises(StoreError, match="planned"):
            READS[name](view)
        READS[name](view)


@pytest.mark.parametrize("name", WRITES)
def test_r2_every_write_can_fail_and_nothing_of_its_transaction_remains(
    store: MemoryStore, plan: FailurePlan, name: str
) -> None:
    before = store.tables

    def write() -> None:
        with store.write() as transaction:
            transaction.apply(RunContext(1, None, START), Delta(changes=(known_line(1, fingerprint=b"new"),)))
            WRITES[name](transaction)

    plan.fail_next(PLANNED, name)
    if name == "apply":
        plan.fail_at(plan.count("apply") + 2, PLANNED, "apply")
    with pytest.raises(StoreError, match="planned"):
        write()
    assert store.tables is before
    assert store.tables.lines[1].fingerprint == b"f" * 16


@pytest.mark.parametrize("name", ["schema", "upgrade", "check"])
def test_the_calls_outside_of_transactions_can_fail(store: MemoryStore, plan: FailurePlan, name: str) -> None:
    plan.fail_next(PLANNED, name)
    with pytest.raises(StoreError, match="planned"):
        getattr(store, name)()


@pytest.mark.parametrize("name", ["read", "write"])
def test_a_transaction_can_fail_to_begin(store: MemoryStore, plan: FailurePlan, name: str) -> None:
    plan.fail_next(PLANNED, name)
    with pytest.raises(StoreError, match="planned"), getattr(store, name)():
        pytest.fail("must not begin")


@pytest.mark.parametrize("name", ["lock", "holder"])
def test_the_lock_can_fail(store: MemoryStore, plan: FailurePlan, name: str) -> None:
    plan.fail_next(PLANNED, name)
    with pytest.raises(StoreError, match="planned"):
        getattr(store, name)(ERP).__enter__()
    with store.lock(ERP):
        pass


def test_r12_a_second_writer_is_a_transient_error(store: MemoryStore) -> None:
    with store.write(), pytest.raises(StoreError, match="being written") as caught, store.write():
        pytest.fail("must not begin")
    assert caught.value.transient
