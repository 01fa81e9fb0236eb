"""Everything that a store on SQL Server can be asked: what is not on this tour is not in the golden file."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from itertools import product
from unittest.mock import patch

from alembic import command

from po_ingest.errors import ConfigError, LockHeldError, StoreError
from po_ingest.model import Delta, MissingLine, RejectedRow, RunContext, SnapshotAction, XrefRow
from po_ingest.ports import StoreTransaction, StoreView
from po_ingest.wiring import Silent
from po_ingest_adapters.store import copying, migrate
from po_ingest_adapters.store.database import Access
from po_ingest_adapters.store.schema import REVISIONS
from po_ingest_adapters.store.sql import SqlStore
from support.mssql_emulator import Server, lost, server_error
from support.store_builders import (
    ERP,
    KEY,
    START,
    audit_event,
    delivery,
    known_line,
    new_line,
    new_lines,
    new_run,
    report,
)

MANY = range(1, 2001)
"""More than fit into one list of parameters."""


def tour(server: Server) -> SqlStore:
    """Ask for everything, in an order that a life could have."""
    store = server.store()
    store.check()
    store.upgrade()
    assert store.upgrade_sql() == ""
    store.check()
    with store.lock(ERP):
        store.holder(ERP)
        with suppress(LockHeldError), store.lock(ERP):
            raise AssertionError
        with store.write() as transaction:
            _write(transaction)
    with store.read() as view:
        _read(view)
    with suppress(StoreError), store.write() as transaction:
        transaction.start_run(new_run("rolled back"))
        raise store.database.explain(server_error("42000", 1205, "deadlocked"))
    _lose_a_commit(server, store)
    _upgrade(server)
    _copy(server, store)
    return store


def _lose_a_commit(server: Server, store: SqlStore) -> None:
    server.lost_answers["COMMIT"] = lost()
    with store.write() as transaction:
        transaction.record([audit_event(3)])
    server.lost_answers.clear()


def _upgrade(server: Server) -> None:
    """Bring a store of the very first version to today's."""
    older = Server(server.path.with_suffix(".older"), golden=None)
    database = older.store().database
    database.prepare()
    upgrade = command.upgrade
    with (
        patch.object(command, "upgrade", lambda config, _: upgrade(config, REVISIONS[0])),
        database.begin(Access.WRITE) as connection,
    ):
        migrate.upgrade(connection, database)
    there = Server(older.path, log=server.log, golden=server.golden, has_schema=True).store()
    there.upgrade_sql()
    there.upgrade()
    assert there.schema().relation == "current"


def _copy(server: Server, store: SqlStore) -> None:
    other = Server(server.path.with_suffix(".copy"), log=server.log, golden=server.golden)
    with patch.object(copying, "PAGE", 2):
        store.copy_to(other.store(), ERP, Silent())
    with suppress(ConfigError):
        store.copy_to(other.store(), ERP, Silent())


def _write(transaction: StoreTransaction) -> None:
    run_id = transaction.start_run(new_run("run-1"))
    run = RunContext(run_id, None, START)
    created = [new_line((f"PO-{number}", 1), deliveries=(delivery("1.000"),)) for number in (1, 2, 3)]
    ids = transaction.apply(run, Delta(new_lines(created)))
    transaction.finish_run(run_id, report(run_id, "run-1", START, "completed"), {"sku": "as is"})
    transaction.finish_run(run_id, report(run_id, "run-1", START, "partial"))
    following = transaction.start_run(new_run("run-2", START + timedelta(days=1)))
    changed = known_line(ids[0], KEY, snapshot=SnapshotAction.REPLACE, deliveries=(delivery("2.000"),))
    rejected = RejectedRow("po_lines", "PO-9", 1, "sku", "because", {"a": "1"})
    delta = Delta(changes=(changed,), missing=(MissingLine(("PO-3", 1), ids[2]),), rejected=(rejected,))
    transaction.apply(RunContext(following, run_id, START + timedelta(days=1)), delta)
    transaction.record([audit_event(1), audit_event(2)])
    transaction.put_item_xref([XrefRow("A"), XrefRow("B")], START)


def _read(view: StoreView) -> None:
    view.last_applied(ERP)
    view.known_lines(ERP)
    view.states(MANY)
    view.deliveries(MANY)
    view.filled_counts(ERP, 1)
    view.item_xref()
    for limit, statuses, since in product((None, 1), (None, (), ("failed",)), (None, START)):
        view.runs(ERP, limit=limit, statuses=statuses, since=since)
    view.runs(ERP, limit=1, statuses=("failed",), before_id=2)
    for text in ("1", "run-1"):
        view.find_run(ERP, text)
    view.lines(ERP, "PO-1")
    view.lines(ERP, "PO-1", 1)
    view.po_numbers(ERP)
    view.line_events(MANY)
    view.line_batches(MANY)
    for run_id, since, field, supplier in product((None, 1), (None, START), (None, "sku"), (None, "S-1")):
        list(view.changes(ERP, run_id=run_id, since=since, field=field, supplier=supplier))
    list(view.snapshot(ERP, 1))
    view.gaps(ERP)
    list(view.histories(ERP))
    list(view.audit_events())
    view.last_audit_id()
    list(view.promise_moves(ERP, 1))
    view.latest_changes(ERP, 1, 10)
    view.rejected_rows(1, 10)
