"""R1-R8, R17, R18: each test is named after what the rule promises."""

from __future__ import annotations

from datetime import UTC, date, datetime

import attrs
import pytest

from po_ingest.errors import ConfigError, ErpError, GuardError, ReservationError, StoreError
from po_ingest.settings import ColumnSettings, GuardSettings, LineSettings
from support.world import OPEN_GUARDS, World, line

pytestmark = pytest.mark.usefixtures("everywhere")


# -- R1
def test_r1_a_night_goes_through_the_stages_in_order() -> None:
    world = World([line()])
    world.night()
    assert list(world.night().stages) == ["snapshot", "xref", "diff", "batches", "custom_columns", "report"]


def test_r1_a_baseline_skips_diff() -> None:
    assert list(World([line()]).night().stages) == ["snapshot", "xref", "batches", "custom_columns", "report"]


# -- R2
@pytest.mark.parametrize("step", ["apply", "finish_run", "record", "commit"])
def test_r2_a_run_that_fails_in_the_store_leaves_its_run_row_and_audit_events_and_nothing_else(step: str) -> None:
    world = World([line(ordered_quantity=1)])
    world.night()
    before = world.dump()
    world.lines = [line(ordered_quantity=2), line("PO-2")]
    at = world.store_plan.count(step) + (2 if step in {"record", "commit"} else 1)
    world.store_plan.fail_at(at, StoreError("the store broke"), step)
    error = world.failing_night()
    assert error.exit_code == 7
    after = world.dump()
    for table in ("po_line", "erp_snapshot", "erp_change_event", "batch", "rejected_row"):
        assert after[table] == before[table]
    assert [run.status for run in after["ingestion_run"]] == ["completed", "failed"]
    assert world.audit()[-1][0] == "ingestion_failed"


def test_r2_a_run_compares_with_the_last_completed_run_not_with_a_failed_one() -> None:
    world = World([line(ordered_quantity=1)])
    world.night()
    world.lines = [line(ordered_quantity=2)]
    world.erp_plan.fail_next(ErpError("the query is wrong"))
    assert world.failing_night().exit_code == 4
    world.lines = [line(ordered_quantity=3)]
    world.night()
    assert world.events() == [("changed", "ordered_quantity", "1.000", "3.000", "erp")]


# -- R4
def test_r4_a_snapshot_shows_the_lines_that_were_active_at_a_run_as_they_were() -> None:
    world = World([line(ordered_quantity=1), line("PO-2", sku="A")])
    first = world.night().run_id
    world.lines = [line(ordered_quantity=2)]
    second = world.night().run_id
    assert first is not None
    assert second is not None
    assert world.snapshot(first)["PO-1", 1]["ordered_quantity"] == "1.000"
    assert world.snapshot(first)["PO-2", 1]["sku"] == "A"
    assert world.snapshot(second) == {("PO-1", 1): {"supplier_code": "DEFAULT", "ordered_quantity": "2.000"}}


def test_r4_a_line_that_was_rejected_shows_the_state_it_kept() -> None:
    world = World([line(ordered_quantity=1)])
    world.night()
    world.lines = [line(ordered_quantity="many")]
    run = world.night().run_id
    assert run is not None
    assert world.snapshot(run)["PO-1", 1]["ordered_quantity"] == "1.000"


# -- R5
def test_r5_a_first_run_is_a_baseline_without_change_events() -> None:
    world = World([line(ordered_quantity=1)])
    report = world.night()
    assert (report.mode, report.baseline, report.new_lines_created) == ("baseline", True, 1)
    assert world.events() == []
    assert [kind for kind, _ in world.audit()] == ["ingestion_started", "baseline_initialized", "ingestion_completed"]


def test_r5_a_nightly_after_failed_runs_only_is_still_a_baseline() -> None:
    world = World([line()])
    world.erp_plan.fail_next(ErpError("no"))
    world.failing_night()
    assert world.night().baseline


def test_r5_a_second_baseline_is_refused_names_the_first_and_leaves_no_run_row() -> None:
    world = World([line()])
    first = world.night(baseline=True)
    error = world.failing_night(baseline=True)
    assert isinstance(error, ConfigError)
    assert first.run_identifier in str(error)
    assert error.report is None
    assert len(world.dump()["ingestion_run"]) == 1


def test_r5_baseline_and_rebaseline_exclude_each_other() -> None:
    assert World([line()]).failing_night(baseline=True, rebaseline=True).exit_code == 2


def test_r5_a_rebaseline_takes_the_state_over_without_change_events_and_is_audited_once() -> None:
    world = World([line(ordered_quantity=1), line("PO-2")])
    world.night()
    world.lines = [line(ordered_quantity=2), line("PO-3")]
    report = world.night(rebaseline=True)
    assert (report.mode, report.change_events_detected, report.lines_changed) == ("baseline", 0, 0)
    assert world.dump()["erp_change_event"] == []
    assert world.text("ordered_quantity") == "2.000"
    assert world.row("PO-2")["is_stale"]
    assert report.run_id is not None
    assert set(world.snapshot(report.run_id)) == {("PO-1", 1), ("PO-3", 1)}
    assert world.audit()[-3:-1] == [("ingestion_started", None), ("baseline_initialized", "rebaseline")]
    world.lines[0]["ordered_quantity"] = 3
    world.night()
    assert world.events() == [("changed", "ordered_quantity", "2.000", "3.000", "erp")]


# -- R6
def test_r6_a_line_that_is_gone_is_kept_marked_stale_and_told_once() -> None:
    world = World([line(), line("PO-2")])
    world.night()
    world.lines = [line()]
    gone_since = world.now
    report = world.night()
    world.night()
    assert (report.absent_po_lines, report.closed_po_lines) == (1, 0)
    assert world.events("PO-2") == [("absent", None, None, "missing", "erp")]
    row = world.row("PO-2")
    assert (row["is_stale"], row["absent_since"]) == (True, gone_since)


def test_r6_a_line_with_an_inactive_status_is_closed_and_its_last_delivery_is_not_lost() -> None:
    world = World([line(delivered_quantity=4, current_status="open")])
    world.night()
    world.lines = [line(delivered_quantity=10, current_status=" CLOSED ")]
    report = world.night()
    assert (report.absent_po_lines, report.closed_po_lines, report.po_lines_processed) == (1, 1, 0)
    assert world.events()[-1] == ("absent", None, None, "closed", "erp")
    assert ("changed", "delivered_quantity", "4.000", "10.000", "erp") in world.events()
    assert [(kind, quantity) for kind, quantity, _, _ in world.batches()] == [("delta", "4.000"), ("delta", "6.000")]


def test_r6_a_closed_line_is_followed_while_the_erp_gives_its_row() -> None:
    world = World([line(current_status="open", final_customer="A")])
    world.night()
    world.lines = [line(current_status="closed", final_customer="A")]
    world.night()
    world.lines = [line(current_status="closed", final_customer="B")]
    report = world.night()
    assert (report.absent_po_lines, report.lines_changed) == (0, 1)
    assert world.events()[-1] == ("changed", "final_customer", "A", "B", "erp")


def test_r6_a_line_that_stays_absent_keeps_its_first_reason() -> None:
    world = World([line(current_status="open")])
    world.night()
    world.lines = []
    world.night()
    world.lines = [line(current_status="closed")]
    world.night()
    absences = [event for event in world.events() if event[0] == "absent"]
    assert absences == [("absent", None, None, "missing", "erp")]
    assert world.text("current_status") == "closed"


def test_r6_a_line_that_is_back_has_reappeared_with_events_for_what_differs() -> None:
    world = World([line(ordered_quantity=1), line("PO-2", ordered_quantity=1)])
    world.night()
    world.lines = []
    world.night()
    world.lines = [line(ordered_quantity=1), line("PO-2", ordered_quantity=2)]
    report = world.night()
    assert (report.reappeared_po_lines, report.new_lines_created, report.po_lines_processed) == (2, 0, 2)
    assert world.events()[1:] == [("reappeared", None, None, None, "erp")]
    assert world.events("PO-2")[1:] == [
        ("reappeared", None, None, None, "erp"),
        ("changed", "ordered_quantity", "1.000", "2.000", "erp"),
    ]
    row = world.row()
    assert (row["is_stale"], row["absent_since"]) == (False, None)


def test_r6_of_an_active_and_an_inactive_row_the_active_one_holds() -> None:
    world = World([line(current_status="closed", sku="old"), line(current_status="open", sku="new")])
    world.night()
    world.lines.reverse()
    report = world.night()
    assert world.text("sku") == "new"
    assert (report.po_lines_processed, report.change_events_detected) == (1, 0)


def test_r6_an_inactive_row_of_a_line_that_was_never_active_is_skipped_unread() -> None:
    world = World([line(), line("PO-9", current_status="closed", ordered_quantity="rubbish")])
    report = world.night()
    assert (report.po_lines_processed, report.new_lines_created, report.rows_rejected) == (1, 1, 0)


# -- R7
def filled(count: int, **values: object) -> list[dict[str, object]]:
    return [line("PO-1", number, **values) for number in range(1, count + 1)]


def test_r7_too_few_lines_change_nothing_also_at_the_first_run() -> None:
    world = World([], guards=GuardSettings())
    error = world.failing_night()
    assert isinstance(error, GuardError)
    assert "0 active lines" in str(error)
    assert world.audit()[-1][0] == "ingestion_failed"
    assert world.night(allow_shrink=True).po_lines_processed == 0


def test_r7_too_many_missing_lines_change_nothing_and_the_message_gives_the_counts() -> None:
    world = World(filled(10), guards=GuardSettings())
    world.night()
    world.lines = filled(7)
    before = world.dump()["po_line"]
    error = world.failing_night()
    assert error.exit_code == 5
    assert "3 of 10 active lines are missing" in str(error)
    assert world.dump()["po_line"] == before
    assert error.report is not None
    assert error.report.status == "failed"
    assert world.night(allow_shrink=True).absent_po_lines == 3


def test_r7_a_ratio_that_is_just_reached_is_not_broken() -> None:
    world = World(filled(10), guards=GuardSettings())
    world.night()
    world.lines = filled(8)
    assert world.night().absent_po_lines == 2


def test_r7_closed_lines_are_no_missing_ones() -> None:
    world = World(filled(10, current_status="open"), guards=GuardSettings(min_lines=0))
    world.night()
    world.lines = filled(10, current_status="closed")
    assert world.night().closed_po_lines == 10


def test_r7_too_many_rejected_rows_change_nothing_and_are_not_lifted_by_allow_shrink() -> None:
    world = World([*filled(10), line("PO-2", ordered_quantity="x")], guards=GuardSettings())
    error = world.failing_night(allow_shrink=True)
    assert error.exit_code == 5
    assert "1 row was rejected, 11 rows are active" in str(error)
    assert any("ordered_quantity" in detail for detail in error.details)
    assert world.dump()["rejected_row"] == []


def test_r7_a_column_that_was_emptied_changes_nothing_until_it_is_allowed() -> None:
    world = World(filled(30, final_customer="A"), guards=GuardSettings())
    world.night()
    world.lines = filled(14, final_customer="A") + filled(30)[14:]
    error = world.failing_night()
    assert error.exit_code == 5
    assert "final_customer was emptied in 16 of 30 lines" in str(error)
    assert world.night(allow_shrink=True).lines_changed == 16


def test_r7_a_field_filled_in_fewer_than_20_lines_breaks_no_guard() -> None:
    world = World(filled(19, final_customer="A"), guards=GuardSettings())
    world.night()
    world.lines = filled(19)
    assert world.night().lines_changed == 19


def test_r7_emptied_fields_are_counted_over_the_lines_active_then_and_now() -> None:
    world = World(filled(40, final_customer="A"), guards=attrs.evolve(GuardSettings(), max_absent_ratio=1.0))
    world.night()
    world.lines = filled(21)[:11] + filled(21, final_customer="A")[11:]
    assert "11 of 21" in str(world.failing_night())


def test_r7_ratios_hold_under_rebaseline_too() -> None:
    world = World(filled(10), guards=GuardSettings())
    world.night()
    world.lines = filled(2)
    assert world.failing_night(rebaseline=True).exit_code == 5
    assert world.night(rebaseline=True, allow_shrink=True).absent_po_lines == 8


def test_r7_all_broken_guards_are_told() -> None:
    world = World(filled(10), guards=GuardSettings(min_lines=5))
    world.night()
    world.lines = []
    error = world.failing_night()
    assert len([text for text in (error.message, *error.details) if "lines" in text]) == 2


# -- R8
BAD_ROWS = {
    "without a PO number": (line(None), "po_number"),
    "with a blank PO number": (line("  "), "po_number"),
    "without a line number": (line("PO-2", None), "line_number"),
    "with a PO number too long": (line("P" * 65), "po_number"),
    "with a line number that is no number": (line("PO-2", "ten"), "line_number"),
    "with a line number out of range": (line("PO-2", 2**31), "line_number"),
    "with a fraction of a line number": (line("PO-2", "10.5"), "line_number"),
    "with an unreadable date": (line("PO-2", promised_date="2100-02-29"), "promised_date"),
    "with an unreadable number": (line("PO-2", ordered_quantity="a lot"), "ordered_quantity"),
    "with a number of 40 digits": (line("PO-2", ordered_quantity="1" * 40), "ordered_quantity"),
    "with infinity": (line("PO-2", ordered_quantity=float("inf")), "ordered_quantity"),
    "with NaN": (line("PO-2", ordered_quantity=float("nan")), "ordered_quantity"),
    "with NUL in a text": (line("PO-2", sku="a\0b"), "sku"),
    "with a lone surrogate in a text": (line("PO-2", sku="\udc80"), "sku"),
}


@pytest.mark.parametrize("case", BAD_ROWS)
def test_r8_a_row_is_rejected_with_its_reason_and_the_run_goes_on(case: str) -> None:
    row, field = BAD_ROWS[case]
    world = World([line(ordered_quantity=1), row])
    report = world.night()
    assert (report.status, report.po_lines_processed, report.rows_rejected) == ("completed", 1, 1)
    (rejected,) = world.dump()["rejected_row"]
    assert (rejected.query, rejected.field) == ("po_lines", field)
    assert rejected.reason
    assert ("row_rejected", rejected.reason) in world.audit()


def test_r8_a_rejected_row_tells_what_of_its_key_is_known() -> None:
    world = World([line("PO-2", "ten"), line(None, 7)])
    world.night()
    keys = [(row.po_number, row.line_number) for row in world.dump()["rejected_row"]]
    assert keys == [("PO-2", None), (None, 7)]


def test_r8_the_line_of_a_rejected_row_keeps_its_state_and_is_not_absent() -> None:
    world = World([line(ordered_quantity=1)])
    world.night()
    world.lines = [line(ordered_quantity="x")]
    report = world.night()
    assert (report.absent_po_lines, report.rows_rejected) == (0, 1)
    assert world.text("ordered_quantity") == "1.000"
    world.lines = [line(ordered_quantity=1)]
    assert world.night().change_events_detected == 0


def test_r8_an_absent_line_stays_absent_when_its_row_is_rejected() -> None:
    world = World([line(ordered_quantity=1)])
    world.night()
    world.lines = []
    world.night()
    world.lines = [line(ordered_quantity="x")]
    assert world.night().reappeared_po_lines == 0
    assert world.row()["is_stale"]


def test_r8_different_rows_of_one_key_are_all_rejected() -> None:
    world = World([line(sku="a"), line(sku="b"), line("PO-2")])
    report = world.night()
    assert (report.po_lines_processed, report.rows_rejected) == (1, 2)
    rejected = world.dump()["rejected_row"]
    assert [(row.field, row.row["sku"]) for row in rejected] == [(None, "a"), (None, "b")]


def test_r8_a_clash_with_a_row_that_is_unchanged_rejects_both_and_keeps_the_state() -> None:
    world = World([line(ordered_quantity=1)])
    world.night()
    for order in (1, -1):
        world.lines = [line(ordered_quantity=1), line(ordered_quantity=2), line(ordered_quantity=1)][::order]
        report = world.night()
        assert (report.rows_rejected, report.absent_po_lines, report.change_events_detected) == (3, 0, 0)
    quantities = sorted(str(row.row["ordered_quantity"]) for row in world.dump()["rejected_row"])
    assert len(quantities) == 6
    assert quantities[-1] == "2"


def test_r8_rows_are_compared_after_parsing_and_equal_ones_count_as_one_line() -> None:
    world = World(
        [line(ordered_quantity="1"), line(ordered_quantity="1.000"), line(" PO-1 ", "01", ordered_quantity=1)]
    )
    report = world.night()
    assert (report.po_lines_processed, report.rows_rejected) == (1, 0)
    world.lines.append(line(ordered_quantity=1.0))
    assert world.night().change_events_detected == 0


def test_r8_if_one_row_of_a_key_is_rejected_all_are() -> None:
    world = World([line(ordered_quantity=1)])
    world.night()
    world.lines = [
        line(ordered_quantity=1),
        line(ordered_quantity="x"),
        line(ordered_quantity=1, current_status="closed"),
    ]
    report = world.night()
    assert (report.rows_rejected, report.closed_po_lines) == (3, 0)


def test_r8_active_rows_are_compared_with_active_inactive_with_inactive() -> None:
    world = World([line(current_status="open", sku="a")])
    world.night()
    world.lines = [line("PO-2"), line(current_status="closed", sku="a"), line(current_status="closed", sku="b")]
    assert world.night().rows_rejected == 2
    world.lines.append(line(current_status="open", sku="c"))
    report = world.night()
    assert (report.rows_rejected, report.lines_changed) == (0, 1)


def test_r8_a_text_longer_than_its_field_is_cut_and_counted() -> None:
    world = World([line(sku="s" * 127 + "  s", final_customer="c" * 255)])
    assert world.night().values_truncated == 1
    assert world.text("sku") == "s" * 127


def test_r8_rejected_rows_make_a_strict_run_partial_and_it_is_applied() -> None:
    world = World([line(), line(None)])
    error = world.failing_night(strict=True)
    assert isinstance(error, ReservationError)
    assert error.report is not None
    assert (error.report.status, error.report.exit_code) == ("partial", 3)
    assert world.row()
    assert world.night(strict=False).mode == "nightly"


# -- R17, R18
def test_r17_an_unchanged_erp_writes_nothing_but_the_run() -> None:
    rows = [line(ordered_quantity=1, delivered_quantity=1, item_code="I", in_date=date(2026, 1, 1))]
    world = World([*rows, line("PO-2", current_status="closed"), line(None)])
    world.night()
    before = world.dump()
    events = len(world.audit())
    report = world.night()
    after = world.dump()
    for table in ("po_line", "erp_snapshot", "erp_change_event", "batch"):
        assert after[table] == before[table]
    assert report.custom_columns_populated == 0
    kinds = [kind for kind, _ in world.audit()[events:]]
    assert kinds == ["ingestion_started", "xref_gap", "row_rejected", "ingestion_completed"]


def test_r17_a_difference_in_ignored_fields_alone_is_kept_but_no_change() -> None:
    world = World([line(last_update_timestamp=datetime(2026, 1, 1, tzinfo=UTC))])
    world.night()
    world.lines = [line(last_update_timestamp=datetime(2026, 1, 2, tzinfo=UTC))]
    assert world.night().lines_changed == 0
    assert world.events() == []
    assert world.text("last_update_timestamp") == "2026-01-02T00:00:00Z"


def test_r17_a_field_is_a_change_again_when_it_is_no_longer_ignored() -> None:
    world = World([line(final_customer="A")], line_settings=LineSettings(ignored_fields=("final_customer",)))
    world.night()
    world.lines = [line(final_customer="B")]
    world.night()
    world.line_settings = LineSettings()
    world.lines = [line(final_customer="C")]
    world.night()
    assert world.events() == [("changed", "final_customer", "B", "C", "erp")]


def test_r18_keys_are_exact() -> None:
    world = World([line("po-1"), line("PO-1"), line(" 007 ", "00010"), line("7", "10.0")])
    report = world.night()
    assert (report.po_lines_processed, report.rows_rejected) == (4, 0)
    assert report.run_id is not None
    assert set(world.snapshot(report.run_id)) == {("po-1", 1), ("PO-1", 1), ("007", 10), ("7", 10)}


# -- columns
def test_a_listed_column_that_the_result_lacks_is_named_with_those_there_are() -> None:
    world = World([line()], mapping={"sku": ColumnSettings(column="MATNR")})
    error = world.failing_night()
    assert error.exit_code == 2
    assert "'MATNR'" in str(error)
    assert "po_number, line_number" in str(error)
    assert [run.status for run in world.dump()["ingestion_run"]] == ["failed"]


def test_a_result_without_a_key_column_is_refused() -> None:
    world = World([{"line_number": 1}], columns=("line_number",))
    error = world.failing_night()
    assert error.exit_code == 2
    assert "po_number" in str(error)


def test_column_names_match_without_regard_to_case() -> None:
    world = World([{"PO_Number": "A", "LINE_NUMBER": 1, "Sku": "x"}], columns=())
    world.night()
    assert world.text("sku", "A") == "x"


def test_a_field_no_longer_mapped_keeps_its_last_value() -> None:
    world = World([line(final_customer="A", ordered_quantity=1)])
    world.night()
    world.lines, world.columns = [line(ordered_quantity=2)], ()
    world.night()
    assert world.text("final_customer") == "A"
    assert [event[1] for event in world.events()] == ["ordered_quantity"]


def test_open_guards_let_everything_through() -> None:
    assert OPEN_GUARDS.min_lines == 0
