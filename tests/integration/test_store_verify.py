"""`store verify` names what breaks R3, R4, R10 or the audit chain, and raises no alarm over a history that is sound."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Final

import attrs
import pytest

from po_ingest.errors import PoIngestError
from po_ingest.model import IGNORED_FIELDS
from po_ingest.ports import Store
from po_ingest.settings import ColumnSettings, CustomColumnSettings, LineSettings
from po_ingest.store_verify import StoreVerification, verify
from po_ingest_adapters.store.memory import MemoryStore
from support import queries
from support.store_builders import enter_line, line_values, sqlite_store
from support.world import World, line

ERP: Final = "erp"
LINES: Final = {
    "A": "(SELECT id FROM po_line WHERE po_number = 'PO-1' AND line_number = 1)",
    "B": "(SELECT id FROM po_line WHERE po_number = 'PO-1' AND line_number = 2)",
    "D": "(SELECT id FROM po_line WHERE po_number = 'PO-3')",
    "E": "(SELECT id FROM po_line WHERE po_number = 'PO-4')",
}
WITHOUT_E: Final = """
DELETE FROM erp_change_event WHERE po_line_id = {E};
DELETE FROM erp_snapshot WHERE po_line_id = {E};
DELETE FROM po_line WHERE po_number = 'PO-4'
"""
BROKEN: Final[dict[str, tuple[str, str]]] = {
    "an event with another new value": (
        (
            "UPDATE erp_change_event SET new_value = '2026-03-16' WHERE po_line_id = {A} AND run_id = 2"
            " AND field_name = 'promised_date'"
        ),
        (
            "R3: PO PO-1 line 1, run 2, promised_date: the state in erp_snapshot is not what the events lead to: "
            "expected '2026-03-16', found '2026-03-15'"
        ),
    ),
    "an event with another previous value": (
        "UPDATE erp_change_event SET previous_value = NULL WHERE po_line_id = {A} AND run_id = 3",
        (
            "R3: PO PO-1 line 1, run 3, promised_date: the previous value is not what the events before lead to: "
            "expected '2026-03-15', found nothing"
        ),
    ),
    "one of several events gone": (
        "DELETE FROM erp_change_event WHERE po_line_id = {A} AND run_id = 2 AND field_name = 'in_date'",
        (
            "R3: PO PO-1 line 1, run 2, in_date: the state in erp_snapshot is not what the events lead to: "
            "expected nothing, found '2026-03-01'"
        ),
    ),
    "all events of a run gone": (
        "DELETE FROM erp_change_event WHERE po_line_id = {A} AND run_id = 3",
        "R4: PO PO-1 line 1, run 3: a state begins, but no event tells why",
    ),
    "an event of a run that failed": (
        "UPDATE erp_change_event SET run_id = 4 WHERE po_line_id = {A} AND run_id = 3",
        (
            "R3: PO PO-1 line 1, run 4: an event changed is of another run: expected a run of this ERP that was "
            "applied, found 4"
        ),
    ),
    "an event of no field": (
        "UPDATE erp_change_event SET field_name = 'colour' WHERE po_line_id = {A} AND run_id = 3",
        "R3: PO PO-1 line 1, run 3: a change event names no field: found colour",
    ),
    "another value in po_line": (
        "UPDATE po_line SET ordered_quantity = '8.000' WHERE id = {A}",
        "R3: PO PO-1 line 1, ordered_quantity: po_line is not what the events lead to: expected '9.000', found '8.000'",
    ),
    "another value in a closed line": (
        "UPDATE po_line SET current_status = 'open' WHERE id = {B}",
        "R3: PO PO-1 line 2, current_status: po_line is not what the events lead to: expected 'Closed', found 'open'",
    ),
    "another value in a state": (
        "UPDATE erp_snapshot SET item = 'Nut' WHERE po_line_id = {A} AND valid_from_run_id = 5",
        (
            "R3: PO PO-1 line 1, run 5, item: the state in erp_snapshot is not what the events lead to: "
            "expected 'M-1', found 'Nut'"
        ),
    ),
    "a line gone with all that told of it": (
        WITHOUT_E,
        "R3: run 5: the tables do not have the lines that were created that its report counts: expected 1, found 0",
    ),
    "a hole in the states": (
        "UPDATE erp_snapshot SET valid_to_run_id = 1 WHERE po_line_id = {B}",
        "R4: PO PO-1 line 2, run 2: the line's state ends, but no event tells why: its history has a hole",
    ),
    "a state that ends with the last run": (
        "UPDATE erp_snapshot SET valid_to_run_id = 5 WHERE po_line_id = {E}",
        "R4: PO PO-4 line 1: the line's state ends, but no event tells why: its history has a hole",
    ),
    "a state that goes on for too long": (
        "UPDATE erp_snapshot SET valid_to_run_id = 3 WHERE po_line_id = {B}",
        "R4: PO PO-1 line 2, run 3: the line's state goes on, but an event says that it changed or is absent",
    ),
    "states that overlap": (
        "UPDATE erp_snapshot SET valid_to_run_id = 2 WHERE po_line_id = {A} AND valid_from_run_id = 1",
        "R4: PO PO-1 line 1, run 2: a state begins before the one before it ends",
    ),
    "a state that ends before it begins": (
        "UPDATE erp_snapshot SET valid_to_run_id = 2 WHERE po_line_id = {A} AND valid_from_run_id = 3",
        "R4: PO PO-1 line 1, run 3: a state ends before it begins",
    ),
    "a state that begins with a run that failed": (
        "UPDATE erp_snapshot SET valid_from_run_id = 4 WHERE po_line_id = {A} AND valid_from_run_id = 5",
        (
            "R4: PO PO-1 line 1, run 4: a state begins with another run: expected a run of this ERP that was applied, "
            "found 4"
        ),
    ),
    "a state that ends with a run that is not there": (
        "UPDATE erp_snapshot SET valid_to_run_id = 99 WHERE po_line_id = {E}",
        (
            "R4: PO PO-4 line 1, run 99: a state ends with another run: expected a run of this ERP that was applied, "
            "found 99"
        ),
    ),
    "no state at all": (
        "DELETE FROM erp_snapshot WHERE po_line_id = {E}",
        "R4: PO PO-4 line 1: the line has no state in erp_snapshot",
    ),
    "a state gone": (
        "DELETE FROM erp_snapshot WHERE po_line_id = {A} AND valid_from_run_id = 3",
        "R4: PO PO-1 line 1, run 3: the line has events, but no state begins",
    ),
    "the first state gone": (
        "DELETE FROM erp_snapshot WHERE po_line_id = {A} AND valid_from_run_id = 1",
        (
            "R4: PO PO-1 line 1, run 2: the first state does not begin with the line's first_seen_run_id: "
            "expected 1, found 2"
        ),
    ),
    "an absence untold": (
        "DELETE FROM erp_change_event WHERE po_line_id = {D} AND kind = 'absent'",
        "R4: PO PO-3 line 1, run 2: the line's state ends, but no event tells why: its history has a hole",
    ),
    "a return untold": (
        "DELETE FROM erp_change_event WHERE po_line_id = {D} AND kind = 'reappeared'",
        "R4: PO PO-3 line 1, run 3: a state begins, but no event tells why",
    ),
    "a creation untold": (
        "DELETE FROM erp_change_event WHERE po_line_id = {E}",
        "R4: PO PO-4 line 1, run 5: the events of the line's first run are others: expected created, found none",
    ),
    "a creation told twice": (
        "UPDATE erp_change_event SET kind = 'created', field_name = NULL WHERE po_line_id = {A} AND run_id = 3",
        "R4: PO PO-1 line 1, run 3: the line has a second first event: created",
    ),
    "a return of a line that was there": (
        "UPDATE erp_change_event SET kind = 'reappeared', field_name = NULL WHERE po_line_id = {A} AND run_id = 3",
        "R4: PO PO-1 line 1, run 3: the line reappeared, but was not absent",
    ),
    "an absence of a line that was absent": (
        (
            "INSERT INTO erp_change_event (id, run_id, po_line_id, kind, new_value, cause, detected_at) "
            "SELECT 999, 5, id, 'absent', 'missing', 'erp', '2026-03-05T02:00:00Z' FROM po_line WHERE id = {B}"
        ),
        "R4: PO PO-1 line 2, run 5: the line became absent, but was absent already",
    ),
    "a line that is active only by its events": (
        "UPDATE po_line SET presence = 2, is_stale = 1 WHERE id = {A}",
        (
            "R4: PO PO-1 line 1: po_line and the last event or state differ on whether the line is active: "
            "expected active, found absent"
        ),
    ),
    "a line that is called stale": (
        "UPDATE po_line SET is_stale = 1 WHERE id = {A}",
        "R4: PO PO-1 line 1, is_stale: the line is active, yet marked as stale",
    ),
    "a line that is absent for another reason": (
        "UPDATE po_line SET presence = 3 WHERE id = {B}",
        "R4: PO PO-1 line 2: the line is absent for another reason: expected closed, found missing",
    ),
    "a line that no ERP gave": (
        "UPDATE po_line SET presence = 0 WHERE id = {B}",
        "R4: PO PO-1 line 2: no ERP ever gave the line, yet it has a history",
    ),
    "an event before the first state": (
        "UPDATE erp_change_event SET run_id = 3 WHERE po_line_id = {E}",
        "R4: PO PO-4 line 1, run 3: the line has an event or a batch before its first state",
    ),
    "a batch gone": (
        "DELETE FROM batch WHERE po_line_id = {A}",
        (
            "R10: PO PO-1 line 1, run 2, delivered_quantity: the sum of the batches is not what was delivered: "
            "expected 4.000, found 0.000"
        ),
    ),
    "another quantity": (
        "UPDATE batch SET delivered_quantity = '3.499' WHERE po_line_id = {B} AND sequence = 2",
        (
            "R10: PO PO-1 line 2, run 3, delivered_quantity: the sum of the batches is not what was delivered: "
            "expected 5.500, found 5.499"
        ),
    ),
    "a hole in the sequence": (
        "UPDATE batch SET sequence = 3 WHERE po_line_id = {B} AND sequence = 2",
        "R10: PO PO-1 line 2, run 3, sequence: the sequence of the batches has a hole: expected 2, found 3",
    ),
    "batches out of order": (
        "UPDATE batch SET run_id = 5 WHERE po_line_id = {B} AND sequence = 1",
        "R10: PO PO-1 line 2, run 3: batch 2 is of an earlier run than the one before it",
    ),
    "a batch of a run that failed": (
        "UPDATE batch SET run_id = 4 WHERE po_line_id = {B} AND sequence = 2",
        "R10: PO PO-1 line 2, run 4: batch 2 is of another run: expected a run of this ERP that was applied, found 4",
    ),
    "an audit event that was altered": (
        "DROP TRIGGER audit_event_no_update; UPDATE audit_event SET reason = 'nothing' WHERE id = 2",
        "its content is not what its hash was made of: it was altered",
    ),
}
"""What is done to the history of `support.queries` -> the SQL, and the first breach that is to be named."""


def verified(store: Store) -> StoreVerification:
    with store.read() as view:
        return verify(view.runs(ERP), view.histories(ERP), view.audit_events())


def told(store: Store) -> list[str]:
    return [str(breach) for breach in verified(store).breaches]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "store.db"
    queries.play(sqlite_store(path))
    return path


# -- what is broken


@pytest.mark.parametrize("name", BROKEN)
def test_r3_r4_r10_what_breaks_a_rule_is_named_with_its_line_run_and_field(
    name: str, sound: Path, tmp_path: Path
) -> None:
    sql, expected = BROKEN[name]
    path = tmp_path / "broken.db"
    shutil.copyfile(sound, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(sql.format(**LINES))
    found = told(sqlite_store(path))
    assert found
    if expected.startswith("R"):
        assert found[0] == expected
    else:
        assert found[0].startswith("R14: audit trail, event 2")
        assert expected in found[0]


def test_a_value_that_cannot_be_read_is_told_with_its_line(sound: Path, tmp_path: Path) -> None:
    path = tmp_path / "broken.db"
    shutil.copyfile(sound, path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE po_line SET promised_date = 'soon' WHERE po_number = 'PO-3'")
    with pytest.raises(PoIngestError, match=r"PO PO-3 line 1 has a stored value that is none of its type: .*soon"):
        told(sqlite_store(path))


def test_of_many_breaches_the_first_are_kept_and_all_are_counted(
    sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "broken.db"
    shutil.copyfile(sound, path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE po_line SET final_customer = 'Nobody'")
    monkeypatch.setattr("po_ingest.store_verify.BREACHES_KEPT", 2)
    found = verified(sqlite_store(path))
    assert [breach.key for breach in found.breaches] == [("PO-1", 1), ("PO-1", 2)]
    assert found.breach_count == 5


# -- what is sound


def test_a_sound_history_is_counted_and_breaks_nothing(sound: Path) -> None:
    found = verified(sqlite_store(sound))
    assert found.breaches == ()
    counts = (found.runs, found.lines, found.states, found.change_events, found.batches)
    assert counts == (4, 5, 11, 17, 3)
    assert found.audit_events > 10


def test_a_store_that_is_not_there_yet_is_sound(tmp_path: Path) -> None:
    assert verified(sqlite_store(tmp_path / "no.db")) == StoreVerification(
        breaches=(), breach_count=0, runs=0, lines=0, states=0, change_events=0, batches=0, audit_events=0
    )


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    store: Store = MemoryStore() if request.param == "memory" else sqlite_store(tmp_path / "store.db")
    store.upgrade()
    return store


def test_a_field_that_drifts_while_it_is_ignored_breaks_nothing(store: Store) -> None:
    ignoring = LineSettings(ignored_fields=("final_customer", "delivered_quantity", "no_such_field"))
    world = World(lines=[line(final_customer="Ann", delivered_quantity="1", sku="S1")], store=store)
    world.night()
    world.line_settings = ignoring
    world.lines[0].update(final_customer="Bob", delivered_quantity="2")
    world.night()
    assert told(store) == []
    world.line_settings = LineSettings()
    world.night()
    world.lines[0].update(final_customer="Cid", delivered_quantity="3")
    world.night()
    assert told(store) == []
    assert ("changed", "final_customer", "Bob", "Cid", "erp") in world.events()
    world.line_settings = ignoring
    world.lines[0].update(final_customer="Dan", sku="S2")
    world.night()
    world.lines[0].update(final_customer="Eve")
    world.night()
    assert told(store) == []


def test_runs_that_do_not_say_what_they_ignored_are_taken_as_configured() -> None:
    store = MemoryStore()
    ignored = LineSettings(ignored_fields=("final_customer",))
    world = World(lines=[line(final_customer="Ann")], store=store, line_settings=ignored)
    world.night()
    world.lines[0].update(final_customer="Bob")
    world.night()
    for run_id, run in store.tables.runs.items():
        assert run.field_configuration is not None
        assert run.field_configuration[IGNORED_FIELDS] == "final_customer"
        store.tables.runs[run_id] = attrs.evolve(run, field_configuration=None)
    with store.read() as view:
        runs, lines = view.runs(ERP), list(view.histories(ERP))
        assert verify(runs, lines, (), ignored=["final_customer"]).breaches[0].rule == "R14"  # no audit trail is given
        assert verify(runs, lines, (), ignored=[]).breaches[0].field == "final_customer"


def test_r5_a_state_that_is_taken_over_without_events_breaks_nothing(store: Store) -> None:
    world = World([line("PO-1", sku="S1"), line("PO-2", sku="S1"), line("PO-3", sku="S1")], store=store)
    world.night()
    world.lines = [line("PO-1", sku="S2"), line("PO-3", sku="S1", current_status="closed"), line("PO-4")]
    world.night(rebaseline=True)
    assert told(store) == []
    world.lines = [line("PO-1", sku="S3"), line("PO-2", sku="S4"), line("PO-3", sku="S5"), line("PO-4")]
    world.night()
    world.lines[3] = line("PO-4", delivered_quantity="3")
    world.night(rebaseline=True)
    world.night()
    assert told(store) == []


def test_r5_a_baseline_that_tells_an_event_is_named() -> None:
    store = MemoryStore()
    world = World([line("PO-1", sku="S1")], store=store)
    world.night()
    world.night(rebaseline=True)
    world.lines[0].update(sku="S2")
    world.night()
    store.tables.events[0] = attrs.evolve(store.tables.events[0], run_id=2)
    assert told(store)[0] == "R3: PO PO-1 line 1, run 2: a baseline tells no events, and there is one"


def test_r11_what_users_do_breaks_nothing(store: Store) -> None:
    slots = {"custom_text_1": CustomColumnSettings(column=ColumnSettings(column="note"))}
    world = World(lines=[line("PO-2", note="n1")], slots=slots, store=store)
    world.night()
    enter_line(store, ("PO-1", 1), line_values(custom_text_1="mine"))
    world.night()
    assert told(store) == []
    world.lines.append(line("PO-1", note="theirs", delivered_quantity="2"))
    world.night()
    assert told(store) == []
    with store.read() as view:
        assert [(each.key, each.first_seen_run_id) for each in view.histories(ERP)] == [
            (("PO-2", 1), 1),
            (("PO-1", 1), 3),
        ]


def test_histories_are_read_in_pieces(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("po_ingest_adapters.store.view.CHUNK", 2)
    world = World(lines=[line(f"PO-{number}", delivered_quantity="1") for number in range(5)], store=store)
    world.now += timedelta(days=1)
    world.night()
    world.lines[4].update(delivered_quantity="3")
    world.night()
    with store.read() as view:
        found = list(view.histories(ERP))
    assert [each.key[0] for each in found] == [f"PO-{number}" for number in range(5)]
    assert [len(each.batches) for each in found] == [1, 1, 1, 1, 2]
    assert [state.valid_from for state in found[4].states] == [1, 2]
    assert found[4].events[0].field == "delivered_quantity"
    assert told(store) == []
