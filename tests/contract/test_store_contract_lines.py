"""What every store promises of lines: how a delta is carried out, and how it is read back."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import attrs
import pytest

from po_ingest.fields import CUSTOM_SLOTS, INDEX, Value
from po_ingest.model import (
    Delivery,
    Delta,
    FieldChange,
    LineState,
    MissingLine,
    Presence,
    RejectedRow,
    SnapshotAction,
)
from po_ingest.ports import Row, Store
from po_ingest_adapters.store.bulk import BLOCK
from support.store_builders import (
    ERP,
    FULL,
    KEY,
    KINDS,
    START,
    Nights,
    delivery,
    enter_line,
    keys,
    known_line,
    line_values,
    make_store,
    new_line,
    new_lines,
    own_slot,
    slots_of,
)

NIGHT_1, NIGHT_2, NIGHT_3 = (START + timedelta(days=number) for number in (1, 2, 3))


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return make_store(request, tmp_path)


@pytest.fixture
def nights(store: Store) -> Nights:
    return Nights(store)


def the_line(store: Store, po_number: str = KEY[0], line_number: int = KEY[1]) -> Row:
    with store.read() as view:
        (row,) = view.lines(ERP, po_number, line_number)
    return row


def the_events(store: Store, *line_ids: int) -> list[tuple[Any, ...]]:
    with store.read() as view:
        rows = view.line_events(line_ids)
    return keys(rows, "run_id", "po_line_id", "kind", "field_name", "previous_value", "new_value", "cause")


def the_state(store: Store, line_id: int) -> LineState:
    with store.read() as view:
        return view.states([line_id])[line_id]


def the_snapshot(store: Store, run_id: int, erp: str = ERP) -> list[tuple[Any, Any]]:
    with store.read() as view:
        return list(view.snapshot(erp, run_id))


def with_values(**given: Value) -> tuple[Value, ...]:
    return line_values(**{**FULL, **given})


def test_a_new_line_is_read_back_exactly_as_it_was_written(store: Store, nights: Nights) -> None:
    (line_id,) = nights.changes(new_line(receipts=b"r" * 16, mapping=b"m" * 16, sources={"custom_text_1": "erp"}))
    values = line_values(**FULL)
    state = the_state(store, line_id)
    assert state == LineState(
        line_id, values, ("OWN-SKU", None, "OWN-S"), slots_of(values), {"custom_text_1": "erp"}, Presence.ACTIVE
    )
    assert [type(value) for value in state.values] == [type(value) for value in values]
    with store.read() as view:
        known = view.known_lines(ERP)
    assert known.index == {KEY: 0}
    assert (list(known.ids), list(known.presence)) == ([line_id], [Presence.ACTIVE])
    assert (known.fingerprints, known.receipts, known.mappings) == ([b"f" * 16], [b"r" * 16], [b"m" * 16])
    assert known.item_codes == ["B-1"]


def test_po_line_has_the_columns_of_the_contract(store: Store, nights: Nights) -> None:
    (line_id,) = nights.changes(new_line(is_unmapped=True, sources={"custom_text_1": "erp"}))
    row = the_line(store)
    values = dict(zip(INDEX, line_values(**FULL), strict=True))
    assert dict(row) == {
        "id": line_id,
        "erp": ERP,
        "po_number": "PO-1",
        "line_number": 1,
        **values,
        "is_unmapped": True,
        "is_stale": False,
        "absent_since": None,
        "source_quality": "erp",
        "custom_column_sources": {"custom_text_1": "erp"},
        "first_seen_run_id": 1,
        "last_changed_run_id": 1,
    }
    assert row["is_unmapped"] is True
    assert row["is_stale"] is False


def test_new_lines_get_their_ids_in_order_known_lines_keep_theirs(nights: Nights) -> None:
    first, second = nights.changes(new_line(("A", 1)), new_line(("B", 1)))
    ids = nights.changes(
        known_line(second, ("B", 1)), new_line(("C", 1)), known_line(first, ("A", 1)), new_line(("D", 1))
    )
    assert len({first, second, *ids}) == 4
    with nights.store.read() as view:
        known = view.known_lines(ERP)
    by_key = {key: known.ids[at] for key, at in known.index.items()}
    assert by_key == {("A", 1): first, ("B", 1): second, ("C", 1): ids[0], ("D", 1): ids[1]}


def test_r18_keys_differ_by_case_and_leading_zeros_and_sort_by_code_point(store: Store, nights: Nights) -> None:
    nights.changes(*(new_line((number, 1)) for number in ("po-1", "PO-1", "0PO-1", "É", "\U0001f600", "\ufffd")))
    assert [key[0] for key, _ in the_snapshot(store, 1)] == ["0PO-1", "PO-1", "po-1", "É", "\ufffd", "\U0001f600"]
    with store.read() as view:
        assert len(view.lines(ERP, "PO-1")) == 1
        assert view.lines(ERP, "Po-1") == []


def test_lines_of_two_erps_do_not_meet(store: Store) -> None:
    here, there = Nights(store), Nights(store, erp="other")
    here.changes(new_line())
    there.changes(new_line(values=with_values(sku="OTHER"), is_unmapped=True))
    with store.read() as view:
        assert len(view.known_lines(ERP).ids) == len(view.known_lines("other").ids) == 1
        assert view.lines("other", "PO-1")[0]["sku"] == "OTHER"
        assert [row["erp"] for row in view.changes("other")] == ["other"]
        assert view.filled_counts("other", 2)["sku"] == 1
        assert view.gaps(ERP) == []
        assert view.last_applied(ERP) != view.last_applied("other")
    assert [values[0] for _, values in the_snapshot(store, 2, "other")] == ["OTHER"]
    assert [values[0] for _, values in the_snapshot(store, 2)] == ["SKU-1"]


def test_each_po_number_of_an_erp_comes_once(store: Store, nights: Nights) -> None:
    nights.changes(new_line(("po-1", 1)), new_line(("po-1", 2)), new_line(("PO-1", 1)))
    with store.read() as view:
        assert sorted(view.po_numbers(ERP)) == ["PO-1", "po-1"]
        assert view.po_numbers("other") == []


def test_lines_of_a_po_come_by_line_number(store: Store, nights: Nights) -> None:
    nights.changes(new_line(("PO-1", 10)), new_line(("PO-1", 9)), new_line(("PO-2", 1)))
    with store.read() as view:
        assert keys(view.lines(ERP, "PO-1"), "line_number") == [(9,), (10,)]
        assert keys(view.lines(ERP, "PO-1", 10), "line_number") == [(10,)]


def test_r3_a_changed_line_has_its_events_its_state_and_its_run(store: Store, nights: Nights) -> None:
    (line_id,) = nights.changes(new_line())
    values = with_values(sku="SKU-2", promised_date=None)
    change = known_line(
        line_id,
        values=values,
        snapshot=SnapshotAction.REPLACE,
        fields=(
            FieldChange("sku", "SKU-1", "SKU-2", "xref"),
            FieldChange("promised_date", "9999-12-31", None, "config"),
        ),
    )
    nights.changes(change)
    assert the_events(store, line_id) == [
        (1, line_id, "created", None, None, None, "erp"),
        (2, line_id, "changed", "sku", "SKU-1", "SKU-2", "xref"),
        (2, line_id, "changed", "promised_date", "9999-12-31", None, "config"),
    ]
    assert the_state(store, line_id).values == values
    assert the_line(store)["last_changed_run_id"] == 2
    assert the_line(store)["first_seen_run_id"] == 1


def test_events_carry_the_line_the_run_and_the_time(store: Store, nights: Nights) -> None:
    (line_id,) = nights.changes(new_line())
    with store.read() as view:
        assert [dict(row) for row in view.line_events([line_id])] == [
            {
                "id": 1,
                "run_id": 1,
                "run_identifier": "erp-1",
                "po_line_id": line_id,
                "erp": ERP,
                "po_number": "PO-1",
                "line_number": 1,
                "kind": "created",
                "field_name": None,
                "previous_value": None,
                "new_value": None,
                "cause": "erp",
                "detected_at": NIGHT_1,
            }
        ]


def test_r4_any_earlier_night_can_be_rebuilt(store: Store, nights: Nights) -> None:
    (line_id,) = nights.changes(new_line())
    nights.night()
    nights.changes(known_line(line_id, values=with_values(sku="SKU-3"), snapshot=SnapshotAction.REPLACE))
    nights.night(Delta(missing=(MissingLine(KEY, line_id),)))
    nights.changes(
        known_line(
            line_id,
            values=with_values(sku="SKU-5"),
            snapshot=SnapshotAction.OPEN,
            event="reappeared",
            previous=Presence.MISSING,
        )
    )
    skus = [[values[INDEX["sku"]] for _, values in the_snapshot(store, run)] for run in (1, 2, 3, 4, 5, 6)]
    assert skus == [["SKU-1"], ["SKU-1"], ["SKU-3"], [], ["SKU-5"], ["SKU-5"]]


def test_r4_a_failed_run_between_two_is_no_end_of_a_state(store: Store, nights: Nights) -> None:
    (line_id,) = nights.changes(new_line())
    nights.night(status="failed")
    nights.changes(known_line(line_id, values=with_values(sku="SKU-3"), snapshot=SnapshotAction.REPLACE))
    assert the_snapshot(store, 1) == [(KEY, line_values(**FULL))]
    assert the_snapshot(store, 2) == []  # it was not applied: no state has its number as a bound
    assert the_snapshot(store, 3) == [(KEY, with_values(sku="SKU-3"))]


def test_r6_a_missing_line_is_stale_since_this_run_and_keeps_its_state(store: Store, nights: Nights) -> None:
    (line_id, _) = nights.changes(new_line(), new_line(("PO-2", 1)))
    nights.night(Delta(missing=(MissingLine(KEY, line_id),)))
    row = the_line(store)
    assert (row["is_stale"], row["absent_since"], row["last_changed_run_id"]) == (True, NIGHT_2, 2)
    assert the_events(store, line_id)[1:] == [(2, line_id, "absent", None, None, "missing", "erp")]
    state = the_state(store, line_id)
    assert (state.presence, state.values) == (Presence.MISSING, line_values(**FULL))
    assert the_line(store, "PO-2")["is_stale"] is False


def test_r6_a_closed_line_tells_its_last_changes_then_its_absence_and_keeps_the_time(
    store: Store, nights: Nights
) -> None:
    (line_id,) = nights.changes(new_line())
    closing = known_line(
        line_id,
        values=with_values(current_status="closed"),
        presence=Presence.CLOSED,
        event="absent",
        fields=(FieldChange("current_status", "open", "closed", "erp"),),
        snapshot=SnapshotAction.CLOSE,
    )
    nights.changes(closing)
    assert the_events(store, line_id)[1:] == [
        (2, line_id, "changed", "current_status", "open", "closed", "erp"),
        (2, line_id, "absent", None, None, "closed", "erp"),
    ]
    assert the_snapshot(store, 2) == []
    later = attrs.evolve(
        closing,
        values=with_values(current_status="archived"),
        event=None,
        fields=(FieldChange("current_status", "closed", "archived", "erp"),),
        snapshot=SnapshotAction.KEEP,
        previous=Presence.CLOSED,
    )
    nights.changes(later)
    row = the_line(store)
    assert (row["is_stale"], row["absent_since"], row["last_changed_run_id"]) == (True, NIGHT_2, 3)
    assert row["current_status"] == "archived"


def test_r6_a_reappeared_line_tells_it_first_and_is_stale_no_more(store: Store, nights: Nights) -> None:
    (line_id,) = nights.changes(new_line())
    nights.night(Delta(missing=(MissingLine(KEY, line_id),)))
    nights.changes(
        known_line(
            line_id,
            event="reappeared",
            fields=(FieldChange("sku", "SKU-1", "SKU-2", "erp"),),
            previous=Presence.MISSING,
            snapshot=SnapshotAction.OPEN,
        )
    )
    assert [(event[2], event[3]) for event in the_events(store, line_id)[2:]] == [
        ("reappeared", None),
        ("changed", "sku"),
    ]
    row = the_line(store)
    assert (row["is_stale"], row["absent_since"]) == (False, None)


def test_r5_without_events_the_state_is_taken_over_and_no_event_is_told(store: Store, nights: Nights) -> None:
    one, two, three = nights.changes(*(new_line(("PO", number)) for number in (1, 2, 3)), with_events=False)
    nights.night(
        Delta(
            changes=(
                known_line(
                    one,
                    ("PO", 1),
                    values=with_values(sku="SKU-2"),
                    fields=(FieldChange("sku", "SKU-1", "SKU-2", "erp"),),
                    snapshot=SnapshotAction.REPLACE,
                ),
                known_line(two, ("PO", 2), presence=Presence.CLOSED, snapshot=SnapshotAction.CLOSE),
            ),
            missing=(MissingLine(("PO", 3), three),),
            with_events=False,
        )
    )
    assert the_events(store, one, two, three) == []
    with store.read() as view:
        rows = view.lines(ERP, "PO")
    assert keys(rows, "sku", "is_stale", "absent_since", "last_changed_run_id") == [
        ("SKU-2", False, None, 1),
        ("SKU-1", True, NIGHT_2, 1),
        ("SKU-1", True, NIGHT_2, 1),
    ]
    assert [key for key, _ in the_snapshot(store, 2)] == [("PO", 1)]


def test_r17_bookkeeping_alone_changes_no_history(store: Store, nights: Nights) -> None:
    (line_id,) = nights.changes(new_line(with_deliveries := KEY, deliveries=(delivery("5.000"),)))
    assert with_deliveries == KEY
    nights.changes(known_line(line_id, fingerprint=b"g" * 16, mapping=b"n" * 16))
    with store.read() as view:
        known = view.known_lines(ERP)
    assert (known.fingerprints, known.mappings) == ([b"g" * 16], [b"n" * 16])
    assert len(the_events(store, line_id)) == 1
    assert the_line(store)["last_changed_run_id"] == 1
    assert the_snapshot(store, 1) == the_snapshot(store, 2) == [(KEY, line_values(**FULL))]


def test_a_line_that_a_user_entered_becomes_the_erps_when_the_erp_gives_it(store: Store, nights: Nights) -> None:
    line_id = enter_line(store, KEY, line_values(custom_text_1="mine"))
    with store.read() as view:
        assert list(view.known_lines(ERP).presence) == [Presence.NEVER]
    assert the_state(store, line_id).values == line_values()
    assert the_state(store, line_id).slots == slots_of(line_values(custom_text_1="mine"))
    row = the_line(store)
    assert (row["source_quality"], row["first_seen_run_id"], row["is_stale"]) == ("user", None, False)
    ids = nights.changes(
        known_line(line_id, previous=Presence.NEVER, event="created", snapshot=SnapshotAction.OPEN), with_events=True
    )
    assert ids == ()
    row = the_line(store)
    assert (row["source_quality"], row["first_seen_run_id"], row["last_changed_run_id"]) == ("erp", 1, 1)
    assert [event[2] for event in the_events(store, line_id)] == ["created"]


def test_r11_a_users_slot_stands_in_po_line_and_the_erps_value_in_state_and_snapshot(
    store: Store, nights: Nights
) -> None:
    (line_id,) = nights.changes(new_line(sources={"custom_text_1": "erp"}))
    own_slot(store, line_id, "custom_text_1", "mine")
    state = the_state(store, line_id)
    assert state.values == line_values(**FULL)
    assert state.slots == slots_of(with_values(custom_text_1="mine"))
    assert state.sources == {"custom_text_1": "user"}
    told = with_values(custom_text_1="the ERP says", custom_date_1=None)
    nights.changes(
        known_line(
            line_id,
            values=told,
            slots=slots_of(with_values(custom_text_1="mine", custom_date_1=None)),
            sources={"custom_text_1": "user", "custom_date_1": "erp"},
            snapshot=SnapshotAction.REPLACE,
        )
    )
    row = the_line(store)
    assert (row["custom_text_1"], row["custom_date_1"], row["source_quality"]) == ("mine", None, "mixed")
    assert row["custom_column_sources"] == {"custom_text_1": "user", "custom_date_1": "erp"}
    state = the_state(store, line_id)
    assert (state.values, state.slots[CUSTOM_SLOTS.index("custom_text_1")]) == (told, "mine")
    assert the_snapshot(store, 2) == [(KEY, told)]


def test_every_kind_of_slot_comes_back_as_the_erp_gave_it(store: Store, nights: Nights) -> None:
    given = cast(
        "dict[str, Value]",
        {
            name: {"date": date(2026, 1, 1), "text": '"\\ä', "decimal": Decimal("-0.001")}[name.split("_")[1]]
            for name in CUSTOM_SLOTS
        },
    )
    (line_id,) = nights.changes(new_line(values=line_values()))
    nights.changes(known_line(line_id, values=line_values(**given), slots=slots_of(line_values())))
    state = the_state(store, line_id)
    assert state.values == line_values(**given)
    assert state.slots == slots_of(line_values())


@pytest.mark.parametrize("count", [BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK])
def test_new_lines_are_stored_one_like_the_other_however_many_they_are(
    store: Store, nights: Nights, count: int
) -> None:
    """They are sent in blocks; what only the last of them has, and what only the first, must come along."""
    lines = [new_line(("PO", number), values=line_values(sku=f"S-{number}")) for number in range(count)]
    both: dict[str, Value] = {"promised_date": date(2026, 2, 3), "remaining_quantity": Decimal("7.500")}
    for at in (0, -1):
        number = lines[at].key[1]
        values = line_values(sku=f"S-{number}", **both)
        lines[at] = new_line(("PO", number), values=values, deliveries=(delivery(f"{number + 1}.000"),) * 2)
    ids = nights.changes(*lines)
    with store.read() as view:
        states = view.states(list(ids))
        batches = view.line_batches(list(ids))
    assert [states[line_id].values for line_id in ids] == [line.values for line in lines]
    assert keys(batches, "po_line_id", "sequence", "delivered_quantity") == [
        (line_id, sequence, Decimal(f"{number + 1}.000"))
        for line_id, number in ((ids[0], 0), (ids[-1], count - 1))
        for sequence in (1, 2)
    ]


def test_r10_batches_are_numbered_on_per_line_whatever_run_they_come_in(store: Store, nights: Nights) -> None:
    (one, two) = nights.changes(
        new_line(
            ("PO", 1), deliveries=(delivery("5.000"), delivery("1.500", kind="receipt", reference="R", event="e"))
        ),
        new_line(("PO", 2)),
    )
    nights.night(
        Delta(changes=(known_line(one, ("PO", 1), deliveries=(delivery("-2.000", kind="correction"),)),)),
        Delta(
            changes=(
                known_line(two, ("PO", 2), deliveries=(delivery("3.000"),)),
                known_line(one, ("PO", 1), deliveries=(delivery("1.000"),)),
            )
        ),
    )
    with store.read() as view:
        rows = view.line_batches([two, one])
        kept = view.deliveries([one, two, 99])
    assert keys(rows, "po_line_id", "sequence", "delivered_quantity", "kind", "reference", "run_identifier") == [
        (one, 1, Decimal("5.000"), "delta", None, "erp-1"),
        (one, 2, Decimal("1.500"), "receipt", "R", "erp-1"),
        (one, 3, Decimal("-2.000"), "correction", None, "erp-2"),
        (one, 4, Decimal("1.000"), "delta", None, "erp-2"),
        (two, 1, Decimal("3.000"), "delta", None, "erp-2"),
    ]
    assert list(rows[0]) == [
        "id",
        "po_line_id",
        "erp",
        "po_number",
        "line_number",
        "sequence",
        "delivered_quantity",
        "delivery_date",
        "kind",
        "reference",
        "source",
        "run_id",
        "run_identifier",
    ]
    assert keys(rows[:1], "erp", "po_number", "line_number", "source") == [(ERP, "PO", 1, "ingestion")]
    assert kept[one][1] == Delivery("receipt", Decimal("1.500"), date(2026, 1, 30), "R", "e")
    assert [len(kept[one]), len(kept[two]), len(kept)] == [4, 1, 2]


def test_changes_are_filtered_by_run_time_field_and_supplier(store: Store, nights: Nights) -> None:
    one, two = nights.changes(new_line(("A", 1)), new_line(("B", 1), values=with_values(supplier_code="S-2")))
    nights.changes(
        known_line(one, ("A", 1), fields=(FieldChange("sku", "a", "b", "erp"), FieldChange("item", "c", "d", "erp")))
    )
    nights.changes(
        known_line(
            two,
            ("B", 1),
            values=with_values(supplier_code="S-2"),
            fields=(FieldChange("sku", "e", "f", "erp"),),
        )
    )
    with store.read() as view:
        assert [row["id"] for row in view.changes(ERP)] == [1, 2, 3, 4, 5]
        assert [row["new_value"] for row in view.changes(ERP, run_id=2)] == ["b", "d"]
        assert [row["new_value"] for row in view.changes(ERP, field="sku")] == ["b", "f"]
        assert [row["po_number"] for row in view.changes(ERP, supplier="S-2")] == ["B", "B"]
        assert [row["run_id"] for row in view.changes(ERP, since=NIGHT_3)] == [3]
        assert [row["run_id"] for row in view.changes(ERP, since=NIGHT_2, field="item", supplier="S-1")] == [2]
        assert list(view.changes(ERP, since=NIGHT_3 + timedelta(microseconds=1))) == []


def test_filled_fields_are_counted_over_the_state_of_a_run_also_after_the_next_delta(
    store: Store, nights: Nights
) -> None:
    (one, two) = nights.changes(new_line(("A", 1)), new_line(("B", 1), values=line_values(sku="x")))
    nights.night(
        Delta(
            new_lines([new_line(("C", 1))]),
            changes=(known_line(one, ("A", 1), values=line_values(item="y"), snapshot=SnapshotAction.REPLACE),),
            missing=(MissingLine(("B", 1), two),),
        )
    )
    with store.read() as view:
        before, after = view.filled_counts(ERP, 1), view.filled_counts(ERP, 2)
        nothing = view.filled_counts("unknown", 1)
    assert list(before) == list(INDEX)
    assert (before["sku"], before["item"], before["custom_text_5"]) == (2, 1, 0)
    assert (after["sku"], after["item"]) == (1, 2)
    assert set(nothing.values()) == {0}


def test_r9_gaps_are_those_of_active_lines_with_their_first_line(store: Store, nights: Nights) -> None:
    def coded(code: str) -> tuple[Value, ...]:
        return with_values(item_code=code)

    (gone, *_) = nights.changes(
        new_line(("A", 1), values=coded("Z-1"), is_unmapped=True),
        new_line(("B", 10), values=coded("Z-1"), is_unmapped=True),
        new_line(("B", 9), values=coded("Z-1"), is_unmapped=True),
        new_line(("C", 1), values=coded("A-1"), is_unmapped=True),
        new_line(("D", 1), values=coded("known")),
    )
    nights.night(Delta(missing=(MissingLine(("A", 1), gone),)))
    with store.read() as view:
        assert [dict(row) for row in view.gaps(ERP)] == [
            {"erp_item_code": "A-1", "lines": 1, "po_number": "C", "line_number": 1},
            {"erp_item_code": "Z-1", "lines": 2, "po_number": "B", "line_number": 9},
        ]


def test_states_and_deliveries_can_be_asked_for_any_number_of_lines(store: Store, nights: Nights) -> None:
    ids = nights.changes(*(new_line(("PO", number), deliveries=(delivery("1.000"),)) for number in range(2500)))
    with store.read() as view:
        assert view.states([]) == {}
        states = view.states([*ids, 999_999])
        assert set(states) == set(ids)
        assert set(view.deliveries(ids)) == set(ids)
        assert len(view.line_events(ids)) == len(view.line_batches(ids)) == 2500
        assert len(list(view.snapshot(ERP, 1))) == 2500
        known = view.known_lines(ERP)
    assert len(known.index) == len(known.ids) == 2500
    assert known.item_codes[0] is known.item_codes[2499]


def test_an_empty_delta_changes_nothing(store: Store, nights: Nights) -> None:
    (line_id,) = nights.changes(new_line())
    before = the_line(store)
    assert nights.night(Delta()) == ()
    assert the_line(store) == before
    assert len(the_events(store, line_id)) == 1


def test_r8_rejected_rows_do_not_touch_lines(store: Store, nights: Nights) -> None:
    (line_id,) = nights.changes(new_line())
    before = the_line(store)
    row = RejectedRow("po_lines", "x\x00\ud800" * 50, 10**40, None, "bad \udc80", {"a": "\x00\ud800", "b": 1})
    nights.night(Delta(rejected=(row, attrs.evolve(row, po_number=None, line_number=None, field="sku"))))
    assert the_line(store) == before
    assert len(the_events(store, line_id)) == 1
