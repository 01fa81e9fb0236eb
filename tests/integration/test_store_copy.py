"""`store copy`: a whole history in another database, equal, continued by the next nightly; or nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest
from sqlalchemy import func, select

from po_ingest.errors import ConfigError, LockHeldError, PoIngestError, StoreError
from po_ingest.model import XrefRow
from po_ingest.ports import CopiedTable
from po_ingest.store_verify import verify
from po_ingest.wiring import Silent
from po_ingest_adapters.store import copying
from po_ingest_adapters.store.bulk import encode
from po_ingest_adapters.store.database import Access
from po_ingest_adapters.store.memory import MemoryStore
from po_ingest_adapters.store.sql import SqlStore
from support import queries
from support.queries import SQL_KINDS
from support.store_builders import Nights, audit_event, new_line, sqlite_store
from support.store_files import raw
from support.world import World, line

ERP = "erp"
NOW = datetime(2026, 7, 1, tzinfo=UTC)
Rows = dict[str, list[tuple[Any, ...]]]


@attrs.define
class Watching(Silent):
    """Progress that remembers."""

    stages: list[str] = attrs.Factory(list)
    rows: int = 0

    def stage(self, name: str) -> None:
        self.stages.append(name)

    def advance(self, rows: int) -> None:
        self.rows += rows


def content(store: SqlStore) -> Rows:
    """Return all that a store holds, the version too."""
    with store.database.begin(Access.READ) as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
            for table in store.tables.metadata.sorted_tables
        }


def counts(copied: list[CopiedTable]) -> dict[str, int]:
    return {each.table: each.rows for each in copied}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> SqlStore:
    """Return a store with nights, a cross-reference of its own, and texts of all kinds; for reading only."""
    store = sqlite_store(tmp_path_factory.mktemp("source") / "store.db")
    queries.play(store)
    with store.write() as transaction:
        codes = ("M-1", "m-1", "É", "\U0001f600", "\ufffd")
        transaction.put_item_xref([XrefRow(code, mapped_item="two\nlines") for code in codes], NOW)
        transaction.record([audit_event(7)])
    other = Nights(store, erp="other")
    other.changes(new_line(("PO-1", 1)), new_line(("po-1", 1)))
    return store


@pytest.fixture(params=[*SQL_KINDS, "mssql-emulated"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> SqlStore:
    return queries.absent(request.param, tmp_path / "a folder", request)


# -- a copy


def test_a_copy_has_the_same_and_is_counted_and_digested(source: SqlStore, target: SqlStore) -> None:
    before = content(source)
    progress = Watching()
    copied = source.copy_to(target, ERP, progress)
    assert content(source) == before
    assert content(target) == before
    assert counts(copied) == {name: len(rows) for name, rows in before.items() if name != "alembic_version"}
    assert all(len(each.digest) == 64 for each in copied)
    assert len({each.digest for each in copied}) == len(copied)
    assert progress.stages[-1] == "compare"
    assert progress.rows == 2 * sum(each.rows for each in copied)
    with target.read() as view:
        found = verify(view.runs(ERP), view.histories(ERP), ())
    assert [breach.rule for breach in found.breaches if breach.rule != "R14"] == []


def test_a_copy_of_a_copy_has_the_same_digests_whatever_the_databases(
    source: SqlStore, target: SqlStore, tmp_path: Path
) -> None:
    there = source.copy_to(target, ERP, Silent())
    back = sqlite_store(tmp_path / "back.db")
    assert target.copy_to(back, ERP, Silent()) == there
    assert content(back) == content(source)


def test_a_copy_is_made_in_pieces(
    source: SqlStore, target: SqlStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = source.copy_to(sqlite_store(tmp_path / "whole.db"), ERP, Silent())
    monkeypatch.setattr(copying, "PAGE", 2)
    assert source.copy_to(target, ERP, Silent()) == expected


def source_path(store: SqlStore) -> Path:
    path: Path = store.database.path  # type: ignore[attr-defined]  # a file's
    return path


def test_a_schema_that_is_there_and_empty_is_filled(source: SqlStore, target: SqlStore) -> None:
    target.upgrade()
    source.copy_to(target, ERP, Silent())
    assert content(target) == content(source)


def test_the_next_nightly_continues_the_history_in_the_copy_as_in_the_original(
    target: SqlStore, tmp_path: Path
) -> None:
    world = World([line("PO-1", sku="S1"), line("PO-2", delivered_quantity="1")])
    world.store = sqlite_store(tmp_path / "original.db")
    world.night()
    world.lines[0].update(sku="S2")
    world.night()
    world.store.copy_to(target, ERP, Silent())
    other = attrs.evolve(world, store=target)
    for each in (world, other):
        each.lines = [line("PO-1", sku="S3"), line("PO-3", delivered_quantity="2")]
        report = each.night()
        assert (report.run_id, report.change_events_detected, report.new_lines_created) == (3, 1, 1)
        assert report.absent_po_lines == 1
    for name in ("po_line", "erp_snapshot", "erp_change_event", "batch"):
        assert content(target)[name] == content(world.store)[name], name
    with target.read() as view:
        assert verify(view.runs(ERP), view.histories(ERP), view.audit_events()).breaches == ()
    with target.database.begin(Access.READ) as connection:
        event = target.tables.event
        ids = connection.execute(select(func.count(), func.max(event.c.id)).select_from(event)).one()
    assert ids[0] == ids[1]  # the ids go on after the highest


# -- what is refused


def test_a_target_that_is_not_empty_is_refused_and_stays_as_it_is(source: SqlStore, target: SqlStore) -> None:
    target.upgrade()
    with target.write() as transaction:
        transaction.put_item_xref([XrefRow("mine")], NOW)
    before = content(target)
    with pytest.raises(ConfigError, match="is not empty: item_xref has rows"):
        source.copy_to(target, ERP, Silent())
    assert content(target) == before


def test_a_store_is_not_copied_onto_itself(source: SqlStore) -> None:
    before = content(source)
    with pytest.raises(ConfigError, match="is not empty"):
        source.copy_to(sqlite_store(source_path(source)), ERP, Silent())
    assert content(source) == before


@pytest.mark.parametrize(("version", "message"), [("0001", "older"), ("9999", "newer")])
def test_a_target_of_another_version_is_refused(source: SqlStore, tmp_path: Path, version: str, message: str) -> None:
    target = sqlite_store(tmp_path / "other.db")
    target.upgrade()
    raw(tmp_path / "other.db", f"UPDATE alembic_version SET version_num = '{version}'")  # noqa: S608 - the test's own
    with pytest.raises(StoreError, match=message):
        source.copy_to(target, ERP, Silent())
    with pytest.raises(StoreError, match=message):
        target.copy_to(source, ERP, Silent())


def test_a_source_that_is_not_there_is_refused_and_no_target_is_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="has no schema yet"):
        sqlite_store(tmp_path / "no.db").copy_to(sqlite_store(tmp_path / "target.db"), ERP, Silent())
    assert list(tmp_path.iterdir()) == []


def test_a_store_of_another_kind_is_refused(source: SqlStore) -> None:
    with pytest.raises(ConfigError, match="between SQL databases only"):
        source.copy_to(MemoryStore(), ERP, Silent())


@pytest.mark.parametrize("erp", [ERP, "other", "of the configuration"])
def test_no_nightly_of_any_erp_runs_meanwhile(source: SqlStore, target: SqlStore, erp: str) -> None:
    with source.lock(erp), pytest.raises(LockHeldError):
        source.copy_to(target, "of the configuration", Silent())
    assert target.schema().relation == "missing"

    class Looking(Silent):
        def stage(self, name: str) -> None:
            assert source.holder(erp), name

    source.copy_to(target, "of the configuration", Looking())
    assert not source.holder(erp)


# -- what fails midway


def broken_encode(monkeypatch: pytest.MonkeyPatch, change: Callable[[list[tuple[Any, ...]]], object]) -> None:
    """Have something happen to the rows of the audit trail on their way."""

    def encode_otherwise(dialect: Any, columns: Any, rows: Any) -> Any:  # noqa: ANN401 - as encode
        return change(encode(dialect, columns, rows)) if len(columns) == 14 else encode(dialect, columns, rows)

    monkeypatch.setattr("po_ingest_adapters.store.copying.encode", encode_otherwise)


def fail(_: object) -> object:
    raise StoreError("the disk is full")


def lose_one(rows: list[tuple[Any, ...]]) -> object:
    return rows[:-1]


def alter_one(rows: list[tuple[Any, ...]]) -> object:
    return [(*rows[0][:2], "altered", *rows[0][3:]), *rows[1:]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (fail, "the disk is full"),
        (lose_one, r"the copy of audit_event is not equal: \d+ and \d+ rows"),
        (alter_one, "the copy of audit_event is not equal: other values"),
    ],
)
@pytest.mark.parametrize("is_there", [True, False])
def test_a_copy_that_fails_or_is_not_equal_leaves_the_target_as_it_was(
    source: SqlStore,
    target: SqlStore,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[list[tuple[Any, ...]]], object],
    message: str,
    is_there: bool,
) -> None:
    if is_there:
        target.upgrade()
    before = target.schema()
    with monkeypatch.context() as patch:
        broken_encode(patch, change)
        with pytest.raises(PoIngestError, match=message):
            source.copy_to(target, ERP, Silent())
    assert target.schema() == before
    assert not source.holder(ERP)
    source.copy_to(target, ERP, Silent())  # and now it goes well
    assert content(target) == content(source)


def test_a_trail_with_a_fault_is_not_copied(target: SqlStore, tmp_path: Path) -> None:
    store = sqlite_store(tmp_path / "source.db")
    World(lines=[line()], store=store).night()
    raw(tmp_path / "source.db", "DROP TRIGGER audit_event_no_update")
    raw(tmp_path / "source.db", "UPDATE audit_event SET reason = 'nothing' WHERE id = 2")
    with pytest.raises(PoIngestError, match=r"the audit trail has a fault, in the source as well: event 2 .*altered"):
        store.copy_to(target, ERP, Silent())
    assert target.schema().relation == "missing"


def test_a_value_that_cannot_be_read_is_told_with_its_table(tmp_path: Path) -> None:
    store = sqlite_store(tmp_path / "source.db")
    World(lines=[line()], store=store).night()
    raw(tmp_path / "source.db", "UPDATE po_line SET in_date = 'soon'")
    target = sqlite_store(tmp_path / "target.db")
    with pytest.raises(PoIngestError, match=r"the table po_line of the store .*source.db has a value .*soon"):
        store.copy_to(target, ERP, Silent())
    assert target.schema().relation == "missing"


def test_what_fails_in_the_source_is_told_of_the_source(
    source: SqlStore, target: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = copying.Side.pages

    def pages(side: copying.Side, table: Any) -> Any:  # noqa: ANN401 - as pages
        told: Callable[[], AbstractContextManager[None]] = side.told
        with told():
            side.connection.exec_driver_sql("SELECT no_such_column FROM po_line")
        return begin(side, table)

    monkeypatch.setattr(copying.Side, "pages", pages)
    with pytest.raises(StoreError, match=r"the store .*source.*no_such_column"):
        source.copy_to(target, ERP, Silent())
