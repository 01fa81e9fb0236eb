"""R9-R11: cross-reference, batches, custom columns."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from po_ingest.model import XrefRow
from po_ingest.settings import ColumnSettings, CustomColumnSettings, LineSettings
from support.world import World, line

pytestmark = pytest.mark.usefixtures("everywhere")


def entry(code: object, **values: object) -> dict[str, object]:
    return {"erp_item_code": code, **values}


def three(world: World) -> tuple[str | None, ...]:
    return tuple(world.text(field) for field in ("sku", "item", "supplier_code"))


# -- R9
def test_r9_a_known_code_gives_sku_item_and_supplier() -> None:
    world = World(
        [line(item_code="I", sku="own", item="own", supplier_code="own")],
        xref=[entry("I", mapped_sku="S", mapped_item="T", supplier_code="U")],
    )
    world.night()
    assert three(world) == ("S", "T", "U")
    assert not world.row()["is_unmapped"]


def test_r9_what_the_mapping_leaves_empty_falls_back_to_the_erp_then_to_code_and_default() -> None:
    world = World(
        [line(item_code="I", item="own")],
        xref=[entry("I", mapped_sku=" ")],
        line_settings=LineSettings(default_supplier="NOBODY"),
    )
    world.night()
    assert three(world) == ("I", "own", "NOBODY")


def test_r9_an_unknown_code_is_a_gap_and_never_fails_the_run() -> None:
    world = World([line(item_code="I"), line("PO-2", item_code="I"), line("PO-3", item_code="J")])
    report = world.night()
    assert (report.xref_gaps_found, report.unmapped_item_codes) == (2, ("I", "J"))
    assert world.row()["is_unmapped"]
    assert [kind for kind, _ in world.audit()].count("xref_gap") == 2
    assert world.night().unmapped_item_codes == ("I", "J")


def test_r9_a_line_without_an_item_code_is_no_gap() -> None:
    world = World([line(sku="own")])
    assert world.night().xref_gaps_found == 0
    assert three(world) == ("own", None, "DEFAULT")
    assert not world.row()["is_unmapped"]


def test_r9_gaps_are_those_of_active_lines() -> None:
    world = World([line(item_code="I", current_status="open"), line("PO-2", item_code="J", ordered_quantity=1)])
    world.night()
    world.lines[0]["current_status"] = "closed"
    assert world.night().unmapped_item_codes == ("J",)
    world.lines[1]["ordered_quantity"] = "rejected"
    assert world.night().unmapped_item_codes == ("J",)


def test_r9_a_difference_from_the_mapping_alone_has_the_cause_xref() -> None:
    world = World([line(item_code="I", ordered_quantity=1)], xref=[entry("I", mapped_sku="S")])
    world.night()
    world.xref = [entry("I", mapped_sku="S2")]
    report = world.night()
    assert (report.lines_changed, report.po_lines_processed) == (1, 1)
    assert world.events() == [("changed", "sku", "S", "S2", "xref")]
    world.lines = [line(item_code="I", ordered_quantity=2)]
    world.xref = [entry("I", mapped_sku="S3")]
    world.night()
    assert world.events()[1:] == [
        ("changed", "sku", "S2", "S3", "xref"),
        ("changed", "ordered_quantity", "1.000", "2.000", "erp"),
    ]


def test_r9_a_difference_from_another_item_code_has_the_cause_erp() -> None:
    world = World([line(item_code="I")], xref=[entry("I", mapped_sku="S"), entry("J", mapped_sku="T")])
    world.night()
    world.lines = [line(item_code="J")]
    world.night()
    assert ("changed", "sku", "S", "T", "erp") in world.events()


def test_r9_a_mapping_that_changed_while_the_row_was_rejected_is_told_when_it_is_read() -> None:
    world = World([line(item_code="I", ordered_quantity=1)], xref=[entry("I", mapped_sku="S")])
    world.night()
    world.lines = [line(item_code="I", ordered_quantity="x")]
    world.xref = [entry("I", mapped_sku="S2")]
    world.night()
    assert world.events() == []
    world.lines = [line(item_code="I", ordered_quantity=1)]
    world.night()
    assert world.events() == [("changed", "sku", "S", "S2", "xref")]


def test_r9_a_code_that_becomes_known_without_other_values_only_ceases_to_be_unmapped() -> None:
    world = World([line(item_code="I", sku="S", item="T", supplier_code="U")])
    world.night()
    world.put_xref(XrefRow("I", "U", "S", "T"))
    report = world.night()
    assert (report.lines_changed, report.xref_gaps_found) == (0, 0)
    assert not world.row()["is_unmapped"]


def test_r9_equal_rows_count_once_and_an_active_row_beats_an_inactive_one() -> None:
    rows = [entry("I", mapped_sku="S"), entry(" I ", mapped_sku="S"), entry("I", mapped_sku="X", is_active="0")]
    world = World([line(item_code="I")], xref=rows)
    assert world.night().rows_rejected == 0
    assert world.text("sku") == "S"


def test_r9_different_active_rows_of_one_code_are_all_rejected_and_the_code_is_unknown() -> None:
    world = World([line(item_code="I")], xref=[entry("I", mapped_sku="S"), entry("I", mapped_sku="T")])
    report = world.night()
    assert (report.rows_rejected, report.unmapped_item_codes) == (2, ("I",))
    assert {row.query for row in world.dump()["rejected_row"]} == {"item_xref"}


@pytest.mark.parametrize(
    "bad", [entry(None), entry("I" * 129), entry("I", is_active="maybe"), entry("I", mapped_sku="\0")]
)
def test_r9_a_bad_row_of_the_cross_reference_is_rejected_and_breaks_no_guard(bad: dict[str, object]) -> None:
    world = World([line()], xref=[bad])
    assert world.night().rows_rejected == 1


def test_r9_the_store_has_the_cross_reference_when_the_erp_has_none() -> None:
    world = World([line(item_code="I"), line("PO-2", item_code="J")])
    world.put_xref(XrefRow("I", mapped_sku="S"), XrefRow("J", mapped_sku="T", is_active=False))
    assert world.night().unmapped_item_codes == ("J",)
    assert world.text("sku") == "S"


def test_r9_a_field_that_is_configured_otherwise_has_the_cause_config_whatever_else_moved() -> None:
    world = World(
        [line(d="01.02.2026", ordered_quantity=1)],
        mapping={"promised_date": ColumnSettings(column="d", format="%d.%m.%Y")},
    )
    world.night()
    world.mapping = {"promised_date": ColumnSettings(column="d", format="%m.%d.%Y")}
    world.lines = [line(d="01.03.2026", ordered_quantity=2)]
    world.night()
    assert world.events() == [
        ("changed", "ordered_quantity", "1.000", "2.000", "erp"),
        ("changed", "promised_date", "2026-02-01", "2026-01-03", "config"),
    ]


def test_r9_another_default_supplier_has_the_cause_config() -> None:
    world = World([line()])
    world.night()
    world.line_settings = LineSettings(default_supplier="X")
    world.night()
    assert world.events() == [("changed", "supplier_code", "DEFAULT", "X", "config")]


# -- R10
def kinds(world: World, po_number: str = "PO-1") -> list[tuple[str, str]]:
    return [(kind, quantity) for kind, quantity, _, _ in world.batches(po_number)]


def receipt(quantity: object, day: object = None, reference: object = None, **values: object) -> dict[str, object]:
    return line(quantity=quantity, in_date=day, reference=reference, **values)


def test_r10_without_receipts_growth_is_a_delta_and_a_decrease_a_negative_correction() -> None:
    world = World([line(delivered_quantity=0)])
    world.night()
    for quantity in (40, 40, 100, 90):
        world.lines = [line(delivered_quantity=quantity)]
        world.night()
    assert kinds(world) == [("delta", "40.000"), ("delta", "60.000"), ("correction", "-10.000")]


def test_r10_a_delta_is_dated_by_the_receipt_date_else_the_last_update_else_the_run() -> None:
    stamp = datetime(2026, 2, 2, 23, tzinfo=UTC)
    world = World(
        [
            line("A", delivered_quantity=1, in_date=date(2026, 1, 1), last_update_timestamp=stamp),
            line("B", delivered_quantity=1, last_update_timestamp=stamp),
            line("C", delivered_quantity=1),
        ]
    )
    world.night()
    assert [world.batches(po)[0][2] for po in "ABC"] == ["2026-01-01", "2026-02-02", "2026-03-01"]


def test_r10_with_receipts_there_is_one_batch_per_delivery_event() -> None:
    receipts = [
        receipt(40, "2026-01-01", "R1"),
        receipt(10, "2026-01-03", "R2"),
        receipt(-5, "2026-01-02", "R2"),
        receipt(3, "2026-01-04"),
        receipt(4, "2026-01-04"),
        receipt(9, "2026-01-01", "R1", po_number="PO-unknown"),
    ]
    world = World([line(delivered_quantity=52)], receipts=receipts)
    report = world.night()
    assert world.batches() == [
        ("receipt", "7.000", "2026-01-04", None),
        ("receipt", "40.000", "2026-01-01", "R1"),
        ("receipt", "5.000", "2026-01-02", "R2"),
    ]
    assert report.batches_reconstructed == 3
    assert world.night().batches_reconstructed == 0


def test_r10_a_changed_event_gives_a_correction_a_vanished_one_too_and_a_returned_one_again() -> None:
    world = World([line()], receipts=[receipt(40, "2026-01-01", "R1"), receipt(1, "2026-01-02", "R2")])
    world.night()
    assert world.text("delivered_quantity") == "41.000"
    world.receipts = [receipt(50, "2026-01-01", "R1")]
    world.night()
    world.receipts = [receipt(50, "2026-01-01", "R1"), receipt(1, "2026-01-05", "R2")]
    world.night()
    assert world.batches()[2:] == [
        ("correction", "-1.000", "2026-01-02", "R2"),
        ("correction", "10.000", "2026-01-01", "R1"),
        ("correction", "1.000", "2026-01-05", "R2"),
    ]
    assert world.events()[0] == ("changed", "delivered_quantity", "41.000", "50.000", "erp")


def test_r10_a_changed_date_gives_two_corrections_out_and_in() -> None:
    world = World([line(delivered_quantity=40)], receipts=[receipt(40, "2026-01-01", "R1")])
    world.night()
    world.receipts = [receipt(40, "2026-01-09", "R1")]
    world.night()
    assert world.batches()[1:] == [
        ("correction", "-40.000", "2026-01-01", "R1"),
        ("correction", "40.000", "2026-01-09", "R1"),
    ]
    assert world.events() == []


def test_r10_an_event_without_a_date_is_dated_by_the_line_and_does_not_move() -> None:
    world = World([line(delivered_quantity=4, in_date="2026-01-05")], receipts=[receipt(4, None, "R1")])
    world.night()
    world.lines = [line(delivered_quantity=4, in_date="2026-01-06")]
    world.night()
    assert world.batches() == [("receipt", "4.000", "2026-01-05", "R1")]


def test_r10_a_remaining_difference_is_a_reconciliation() -> None:
    world = World([line(delivered_quantity=45, in_date="2026-01-07")], receipts=[receipt(40, "2026-01-01", "R1")])
    world.night()
    assert world.batches()[1:] == [("reconciliation", "5.000", "2026-01-07", None)]
    world.receipts = [receipt(45, "2026-01-01", "R1")]
    world.night()
    assert kinds(world)[2:] == [("correction", "5.000"), ("reconciliation", "-5.000")]


def test_r10_batches_made_without_receipts_are_reconciled_when_receipts_come() -> None:
    world = World([line(delivered_quantity=40)])
    world.night()
    world.receipts = [receipt(40, "2026-01-01", "R1")]
    world.night()
    assert kinds(world) == [("delta", "40.000"), ("receipt", "40.000"), ("reconciliation", "-40.000")]


def test_r10_the_sum_of_receipts_is_told_as_if_the_erp_had_given_it() -> None:
    world = World([line()], receipts=[receipt(40, "2026-01-01", "R1")])
    world.night()
    world.receipts = [receipt(40, "2026-01-01", "R1"), receipt(2, "2026-01-02", "R2")]
    report = world.night()
    assert report.lines_changed == 1
    assert world.events() == [("changed", "delivered_quantity", "40.000", "42.000", "erp")]


def test_r10_a_rejected_receipt_leaves_its_lines_events_as_they_were() -> None:
    world = World([line()], receipts=[receipt(40, "2026-01-01", "R1")])
    world.night()
    world.receipts = [receipt(40, "2026-01-01", "R1"), receipt("x", "2026-01-02", "R2"), receipt(1, line_number=None)]
    report = world.night()
    assert (report.rows_rejected, report.batches_reconstructed) == (2, 0)
    assert world.text("delivered_quantity") == "40.000"
    world.receipts[1]["quantity"] = 2
    world.night()
    assert kinds(world) == [("receipt", "40.000"), ("receipt", "2.000")]


def test_r10_receipts_too_large_to_add_up_are_rejected() -> None:
    world = World([line()], receipts=[receipt("900000000000000", None, "A"), receipt("900000000000000", None, "B")])
    assert world.night().rows_rejected == 1


def test_r10_a_jump_too_large_for_one_batch_is_two() -> None:
    world = World([line(delivered_quantity="999999999999999")])
    world.night()
    world.lines = [line(delivered_quantity="-999999999999999")]
    world.night()
    assert kinds(world)[1:] == [("correction", "-999999999999999.999"), ("correction", "-999999999999998.001")]


def test_r10_batches_of_a_line_that_is_not_read_do_not_change() -> None:
    world = World([line(delivered_quantity=1), line("PO-2")], receipts=[receipt(1, "2026-01-01", "R1")])
    world.night()
    world.lines = [line("PO-2")]
    world.receipts = []
    world.night()
    assert kinds(world) == [("receipt", "1.000")]


# -- R11
def slot(column: str, *, active: bool = True) -> CustomColumnSettings:
    return CustomColumnSettings(column=ColumnSettings(column=column), active=active)


def mark_as_users(world: World, **values: str) -> None:
    world.edit_slots(values, dict.fromkeys(values, "user"))


def test_r11_erp_values_fill_the_mapped_slots_and_mark_them() -> None:
    world = World([line(ship="2026-05-01", note="n")])
    world.slots = {"custom_date_1": slot("ship"), "custom_text_1": slot("note", active=False)}
    report = world.night()
    assert (report.custom_columns_populated, world.text("custom_date_1"), world.text("custom_text_1")) == (
        1,
        "2026-05-01",
        None,
    )
    assert world.row()["custom_column_sources"] == {"custom_date_1": "erp"}
    assert world.row()["source_quality"] == "erp"


def test_r11_a_slot_follows_the_erp_also_back_to_empty() -> None:
    world = World([line(note="a")], slots={"custom_text_1": slot("note")})
    world.night()
    world.lines = [line(note=None)]
    report = world.night()
    assert (report.custom_columns_populated, world.text("custom_text_1")) == (0, None)
    assert world.events() == [("changed", "custom_text_1", "a", None, "erp")]


def test_r11_a_users_slot_is_never_touched_but_events_and_snapshots_tell_what_the_erp_said() -> None:
    world = World([line(note="a")], slots={"custom_text_1": slot("note")})
    world.night()
    mark_as_users(world, custom_text_1="mine")
    world.lines = [line(note="b")]
    report = world.night()
    assert report.run_id is not None
    assert world.text("custom_text_1") == "mine"
    assert report.custom_columns_populated == 0
    assert world.events() == [("changed", "custom_text_1", "a", "b", "erp")]
    assert world.snapshot(report.run_id)["PO-1", 1]["custom_text_1"] == "b"
    assert world.row()["source_quality"] == "mixed"


def test_r11_a_slot_without_a_mark_is_the_erps_when_its_line_next_changes() -> None:
    world = World([line(note="a", ordered_quantity=1)], slots={"custom_text_1": slot("note")})
    world.night()
    world.edit_slots({"custom_text_1": "typed"}, {})
    world.lines = [line(note="a", ordered_quantity=2)]
    world.night()
    assert world.text("custom_text_1") == "a"
    assert world.row()["custom_column_sources"] == {"custom_text_1": "erp"}


def test_r11_a_slot_without_an_active_mapping_is_left_alone() -> None:
    world = World([line(note="a", ordered_quantity=1)], slots={"custom_text_1": slot("note")})
    world.night()
    world.slots = {"custom_text_1": slot("note", active=False)}
    world.lines = [line(note="b", ordered_quantity=2)]
    world.night()
    assert world.text("custom_text_1") == "a"
    assert [event[1] for event in world.events()] == ["ordered_quantity"]


def test_r11_a_slot_that_becomes_mapped_is_a_change_of_the_configuration() -> None:
    world = World([line(note="a")])
    world.night()
    world.slots = {"custom_text_1": slot("note")}
    world.night()
    assert world.events() == [("changed", "custom_text_1", None, "a", "config")]


def test_a_line_that_a_user_entered_is_taken_over_when_the_erp_gives_it() -> None:
    world = World([line(note="erp", delivered_quantity=3)], slots={"custom_text_1": slot("note")})
    world.lines, rows = [line("PO-9", note=None)], world.lines
    world.night()
    world.enter_line({"custom_text_1": "mine"})
    assert world.night().absent_po_lines == 0
    assert world.row()["source_quality"] == "user"
    world.lines += rows
    report = world.night()
    assert report.new_lines_created == 1
    assert world.events() == [("created", None, None, None, "erp")]
    assert world.text("custom_text_1") == "mine"
    assert kinds(world) == [("delta", "3.000")]
