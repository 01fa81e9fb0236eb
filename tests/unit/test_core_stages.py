"""The stages of a night, each by itself: what they say of a line, and how counts of partitions add up."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import attrs
import pytest

from po_ingest.audit_chain import canonical
from po_ingest.errors import ExitCode
from po_ingest.events import Teller
from po_ingest.fields import CUSTOM_SLOTS, FIELDS, INDEX, Value, Values
from po_ingest.model import (
    Deliveries,
    Delivery,
    Delta,
    FieldChange,
    LineChange,
    LineState,
    MappedLine,
    MissingLine,
    NewLines,
    Presence,
    ReadLine,
    RejectedRow,
    RunReport,
    RunStatus,
    SnapshotAction,
    StageError,
    XrefRow,
)
from po_ingest.receipts import DeliveryEvent, Receipts
from po_ingest.settings import LineSettings
from po_ingest.stages import batches, custom_columns, diff, report, xref
from po_ingest.stages.custom_columns import Slots
from po_ingest.stages.snapshot import ReadResult
from support.store_builders import START

KEY = ("PO-1", 1)
DAY = date(2026, 1, 31)
NO_SLOTS: Values = (None,) * len(CUSTOM_SLOTS)


def values(**fields: Value) -> Values:
    return tuple(fields.get(field.name) for field in FIELDS)


def slots(**filled: Value) -> Values:
    return tuple(filled.get(slot) for slot in CUSTOM_SLOTS)


def state(presence: Presence = Presence.ACTIVE, **fields: Value) -> LineState:
    own = (None, None, None)
    return LineState(7, values(**fields), own, NO_SLOTS, {}, presence)


def line(before: LineState, is_active: bool = True, /, **fields: Any) -> MappedLine:  # noqa: ANN401 - values
    return MappedLine(ReadLine(KEY, before, values(**fields), is_active, b"f"), values(**fields), False, None)


def new_line(**fields: Value) -> NewLines:
    return NewLines(
        keys=[KEY],
        fingerprints=[b"f"],
        values=[[value] for value in values(**fields)],
        own=[(None, None, None)],
        is_unmapped=[False],
        mappings=[None],
        receipts=[None],
    )


def change(**others: Any) -> LineChange:  # noqa: ANN401 - any attribute
    plain: dict[str, Any] = {
        "key": KEY,
        "line_id": 7,
        "values": values(sku="S"),
        "own": (None, None, None),
        "slots": NO_SLOTS,
        "sources": {},
        "is_unmapped": False,
        "presence": Presence.ACTIVE,
        "fingerprint": b"f",
        "receipts": b"r",
        "mapping": b"m",
        "snapshot": SnapshotAction.KEEP,
        "previous": Presence.ACTIVE,
    }
    return LineChange(**{**plain, **others})


# -- diff


def rules(last: dict[str, str] | None = None, rows: tuple[XrefRow, ...] = ()) -> diff.Rules:
    return diff.rules(LineSettings(), (), {"sku": "a"}, last, xref.from_store(rows).entries)


@pytest.mark.parametrize(
    ("before", "is_active", "expected"),
    [
        (Presence.NEVER, True, diff.Difference(Presence.ACTIVE, "created", (), SnapshotAction.OPEN)),
        (Presence.ACTIVE, True, diff.Difference(Presence.ACTIVE, None, (), SnapshotAction.KEEP)),
        (Presence.ACTIVE, False, diff.Difference(Presence.CLOSED, "absent", (), SnapshotAction.CLOSE)),
        (Presence.CLOSED, True, diff.Difference(Presence.ACTIVE, "reappeared", (), SnapshotAction.OPEN)),
        (Presence.MISSING, True, diff.Difference(Presence.ACTIVE, "reappeared", (), SnapshotAction.OPEN)),
        (Presence.CLOSED, False, diff.Difference(Presence.CLOSED, None, (), SnapshotAction.KEEP)),
        (Presence.MISSING, False, diff.Difference(Presence.MISSING, None, (), SnapshotAction.KEEP)),
    ],
)
def test_r6_what_becomes_of_a_line_depends_on_where_it_was_and_is(
    before: Presence, is_active: bool, expected: diff.Difference
) -> None:
    known = state(before, item="I")
    assert diff.compare_lines([line(known, is_active, item="I")], rules()) == [expected]
    if before != Presence.NEVER:
        (changed,) = diff.compare_lines([line(known, is_active, item="J")], rules())
        assert changed.fields == (FieldChange("item", "I", "J", "erp"),)
        keeps = before == Presence.ACTIVE and is_active
        assert changed.snapshot is (SnapshotAction.REPLACE if keeps else expected.snapshot)


def test_r9_the_cause_is_the_configuration_the_mapping_or_the_erp() -> None:
    mapped = rules(rows=(XrefRow("A", None, "NEW", None),))
    before = state(sku="OLD", item_code="A", item="A", supplier_code="DEFAULT")

    def causes(by: diff.Rules, **after: str) -> dict[str, str]:
        (found,) = diff.compare_lines([line(before, **after)], by)
        return {each.field: each.cause for each in found.fields}

    assert causes(mapped, sku="NEW", item_code="A", item="A", supplier_code="DEFAULT") == {"sku": "xref"}
    assert causes(mapped, sku="OTHER", item_code="A", item="A", supplier_code="V") == {
        "sku": "erp",
        "supplier_code": "erp",
    }
    assert causes(rules({"sku": "b"}), sku="NEW", item_code="A", item="A", supplier_code="DEFAULT") == {"sku": "config"}
    assert rules({"item": "b"}).reconfigured == {"sku", "item"}
    assert rules({"sku": "a"}).reconfigured == frozenset()
    gone = state(sku="NEW", item_code="A", item="I", supplier_code="V")
    (found,) = diff.compare_lines([line(gone, sku="A", item_code="A", item="A", supplier_code="DEFAULT")], rules())
    assert [(each.field, each.cause) for each in found.fields] == [
        ("sku", "xref"),
        ("item", "xref"),
        ("supplier_code", "xref"),
    ]


def test_ignored_fields_are_no_change() -> None:
    (found,) = diff.compare_lines([line(state(), last_update_timestamp=START)], rules())
    assert found.fields == ()


# -- custom columns


def test_r11_values_written_are_counted_once_each_and_emptied_ones_are_not() -> None:
    before = attrs.evolve(
        state(),
        slots=slots(custom_text_1="same", custom_text_2="old", custom_text_3="gone", custom_text_4="mine"),
        sources={"custom_text_4": "user"},
    )
    active = [f"custom_text_{number}" for number in range(1, 6)]
    new = {"custom_text_1": "same", "custom_text_2": "new", "custom_text_4": "theirs", "custom_text_5": "first"}
    (found,) = custom_columns.populate_lines([line(before, **new)], active)
    assert found.populated == 2
    assert found.values == slots(custom_text_1="same", custom_text_2="new", custom_text_4="mine", custom_text_5="first")
    assert found.sources == {**dict.fromkeys(active, "erp"), "custom_text_4": "user"}
    assert custom_columns.populate_lines([line(before, **new)], [])[0] == Slots(before.slots, before.sources, 0)
    fresh = custom_columns.populate_new(new_line(**new), active[:2])
    assert fresh.sources == dict.fromkeys(active[:2], "erp")
    assert custom_columns.populated_of_new(fresh) == 2


# -- batches


def test_r10_a_new_line_gets_the_batches_of_one_that_a_user_had_entered() -> None:
    quantities = (None, "0.000", "3.000", "-3.000", "999999999999999.999", "-999999999999999.999")
    dated: tuple[dict[str, Value], ...] = (
        {},
        {"in_date": date(2026, 1, 1)},
        {"last_update_timestamp": START - timedelta(days=3)},
    )
    for quantity, dates in product(quantities, dated):
        delivered = None if quantity is None else Decimal(quantity)
        new = batches.reconstruct_new(new_line(delivered_quantity=delivered, **dates), None, DAY)
        entered = line(state(Presence.NEVER), delivered_quantity=delivered, **dates)
        (expected,) = batches.reconstruct_lines([entered], None, {}, DAY)
        assert new.deliveries.by_line(1) == [list(expected)]


def test_r10_without_receipts_growth_is_a_delta_and_a_decrease_a_correction() -> None:
    def booked(before: LineState, now: str, **more: date) -> list[Delivery]:
        read = line(before, delivered_quantity=Decimal(now), **more)
        (found,) = batches.reconstruct_lines([read], None, {}, DAY)
        return list(found)

    fresh = batches.reconstruct_new(new_line(delivered_quantity=Decimal("3.000")), None, DAY)
    assert fresh.deliveries.by_line(1) == [[Delivery("delta", Decimal("3.000"), DAY)]]
    known = state(delivered_quantity=Decimal("3.000"))
    assert booked(known, "1.000", in_date=date(2026, 1, 1)) == [
        Delivery("correction", Decimal("-2.000"), date(2026, 1, 1))
    ]
    assert booked(known, "3.000") == []
    updated = START - timedelta(days=3)
    assert booked(attrs.evolve(known, presence=Presence.NEVER), "3.000", last_update_timestamp=updated) == [
        Delivery("delta", Decimal("3.000"), updated.date())
    ]
    largest = Decimal("999999999999999.999")
    assert booked(state(delivered_quantity=-largest), str(largest)) == [Delivery("delta", largest, DAY)] * 2


@pytest.mark.parametrize(
    "dates", [{}, {"in_date": date(2026, 1, 1)}, {"last_update_timestamp": START - timedelta(days=3)}]
)
def test_r10_receipts_of_a_new_line_are_those_of_one_that_a_user_had_entered(dates: dict[str, Value]) -> None:
    event = DeliveryEvent("reference R1", "R1", None, Decimal("2.000"))
    receipts = Receipts({KEY: (event,)}, frozenset(), (), 0)
    fields: dict[str, Value] = {"delivered_quantity": Decimal("3.000"), **dates}
    new = batches.reconstruct_new(new_line(**fields), receipts, DAY)
    (expected,) = batches.reconstruct_lines([line(state(Presence.NEVER), **fields)], receipts, {}, DAY)
    assert [each.kind for each in expected] == ["receipt", "reconciliation"]
    assert new.deliveries.by_line(1) == [list(expected)]


def test_r10_an_event_that_vanished_and_comes_back_is_corrected_under_its_own_name() -> None:
    back = DeliveryEvent("reference R1", "R1", DAY, Decimal("2.000"))
    receipts = Receipts({KEY: (back,)}, frozenset(), (), 0)
    read = line(state(), delivered_quantity=Decimal("2.000"))

    def booked(*before: Delivery) -> list[Delivery]:
        (found,) = batches.reconstruct_lines([read], receipts, {7: before} if before else {}, DAY)
        return list(found)

    receipt = Delivery("receipt", Decimal("2.000"), DAY, "R1", "reference R1")
    taken_back = Delivery("correction", Decimal("-2.000"), DAY, "R1", "reference R1")
    again = Delivery("correction", Decimal("2.000"), DAY, "R1", "reference R1")
    assert booked() == [receipt]  # a known line of which nothing was delivered so far
    assert booked(receipt) == []
    assert booked(receipt, taken_back) == [again]
    assert booked(receipt, taken_back, again) == []


def test_r10_a_correction_too_large_for_one_batch_is_two_of_the_same_event() -> None:
    largest = Decimal("999999999999999.999")
    event = DeliveryEvent("reference R1", "R1", DAY, largest)
    before = Delivery("receipt", -largest, DAY, "R1", "reference R1")
    read = line(state(), delivered_quantity=largest)
    (found,) = batches.reconstruct_lines([read], Receipts({KEY: (event,)}, frozenset(), (), 0), {7: (before,)}, DAY)
    assert list(found) == [Delivery("correction", largest, DAY, "R1", "reference R1")] * 2


# -- report


def known_as(before: LineState) -> tuple[bytes | None, ...]:
    assert before.values == values(sku="S")
    return b"f", b"r", b"m"


@pytest.mark.parametrize(
    "what",
    [
        {"event": "reappeared"},
        {"deliveries": (Delivery("delta", Decimal(1), DAY),)},
        {"snapshot": SnapshotAction.OPEN},
        {"fingerprint": b"other"},
        {"receipts": None},
        {"mapping": b"other"},
        {"values": values(sku="T")},
        {"slots": slots(custom_text_1="x")},
    ],
)
def test_r17_a_line_of_which_nothing_changed_has_no_effect_and_each_change_has_one(what: dict[str, Any]) -> None:
    before = state(sku="S")
    assert not report.has_effect(change(), before, known_as(before))
    assert report.has_effect(change(**what), before, known_as(before))


def run_report(status: RunStatus, **others: Any) -> RunReport:  # noqa: ANN401 - any attribute
    return RunReport(
        run_id=1,
        run_identifier="x",
        erp="erp",
        mode="nightly",
        baseline=False,
        dry_run=False,
        status=status,
        started_at=START,
        **others,
    )


def test_counts_of_partitions_add_up() -> None:
    emptied = FieldChange("sku", "S", None, "erp")
    renamed = FieldChange("item", "I", "J", "erp")
    two = (Delivery("delta", Decimal(1), DAY),) * 2
    tally = report.Tally()
    for rejected_reason in ("odd", "odd"):
        delta = Delta(
            attrs.evolve(new_line(), deliveries=Deliveries.of([two])),
            (
                change(fields=(emptied, renamed)),
                change(event="absent", presence=Presence.CLOSED, fields=(emptied,)),
                change(event="reappeared", previous=Presence.MISSING, fields=(emptied,)),
            ),
            (MissingLine(("PO-2", 1), 8),),
            (RejectedRow("po_lines", None, None, "sku", rejected_reason, {}),),
        )
        tally.add(delta, [Slots(NO_SLOTS, {}, 3)], {7: state(sku="S", item="I")})
        tally.note(ReadResult(NewLines(), [], [], [5], 2, 1), {"A", "B"})
    assert (tally.lines, tally.created, tally.changed, tally.change_events) == (6, 2, 6, 8)
    assert (tally.closed, tally.missing, tally.reappeared, tally.batches) == (2, 2, 2, 4)
    assert (tally.populated, tally.truncated, tally.unchanged_looked_at) == (6, 4, 2)
    assert (tally.gaps, tally.rejected_known) == ({"A", "B"}, [5, 5])
    assert tally.emptied == {"sku": 2}
    assert tally.left == {"sku": 2, "item": 2}
    assert (tally.rejected_rows(), tally.rejected_rows("po_lines"), tally.rejected_rows("receipts")) == (2, 2, 0)
    told = tally.onto(run_report("completed"))
    assert (told.absent_po_lines, told.closed_po_lines, told.unmapped_item_codes) == (4, 2, ("A", "B"))
    assert (told.xref_gaps_found, told.rows_rejected, told.values_truncated) == (2, 2, 4)


def test_texts_that_look_recoded_are_counted_over_all_lines() -> None:
    recoded = change(fields=(FieldChange("item", "K\u00f6ln", "K\u00c3\u00b6ln", "erp"),))
    tally = report.Tally()
    tally.add(Delta(changes=(recoded, recoded)), [], {7: state(item="K\u00f6ln")})
    assert (tally.moved, tally.recoded) == ({"item": 2}, {"item": 2})


def test_a_report_is_told_as_the_contracts_object() -> None:
    told = report.report_dict(
        run_report(
            "failed",
            finished_at=START,
            unmapped_item_codes=("A", "B"),
            errors_encountered=(StageError("snapshot", "ErpError", "it is away"),),
            exit_code=ExitCode.ERP,
        )
    )
    assert list(told) == [field.name for field in attrs.fields(RunReport)]
    assert json.loads(json.dumps(told)) == told
    assert type(told["exit_code"]) is int
    assert {name: told[name] for name in ("started_at", "finished_at", "exit_code", "unmapped_item_codes")} == {
        "started_at": "2026-01-31T08:00:00Z",
        "finished_at": "2026-01-31T08:00:00Z",
        "exit_code": 4,
        "unmapped_item_codes": ["A", "B"],
    }
    assert told["errors_encountered"] == [{"stage": "snapshot", "error": "ErpError", "message": "it is away"}]


def test_r5_a_state_taken_over_without_events_counts_no_change() -> None:
    tally = report.Tally()
    tally.add(Delta(changes=(change(fields=(FieldChange("sku", "S", "T", "erp"),)),), with_events=False), [], {})
    assert (tally.lines, tally.changed, tally.change_events) == (1, 0, 0)


def test_what_the_stages_found_of_a_line_is_put_together() -> None:
    found = line(state(sku="S"), sku="T")
    difference = diff.Difference(Presence.ACTIVE, None, (FieldChange("sku", "S", "T", "erp"),), SnapshotAction.REPLACE)
    delivery = Delivery("delta", Decimal(1), DAY)
    filled = Slots(slots(custom_text_1="x"), {"custom_text_1": "erp"}, 1)
    delta = report.assemble(NewLines(), [(found, difference, (delivery,), filled, b"digest")], [], with_events=True)
    assert delta.changes == (
        LineChange(
            key=KEY,
            line_id=7,
            values=values(sku="T"),
            own=("T", None, None),
            slots=filled.values,
            sources=filled.sources,
            is_unmapped=False,
            presence=Presence.ACTIVE,
            fingerprint=b"f",
            receipts=b"digest",
            mapping=None,
            snapshot=SnapshotAction.REPLACE,
            previous=Presence.ACTIVE,
            event=None,
            fields=difference.fields,
            deliveries=(delivery,),
        ),
    )


# -- the audit events


def test_the_audit_tells_each_line_by_its_key_and_what_is_filled() -> None:
    assert INDEX["sku"] == 0
    changes = (
        change(
            line_id=11,
            event="reappeared",
            fields=(FieldChange("sku", "S", None, "xref"), FieldChange("item", None, "I", "config")),
        ),
        change(line_id=12, event="absent", presence=Presence.CLOSED),
        change(line_id=13, event="created", previous=Presence.NEVER),
    )
    new = new_line(sku="S", ordered_quantity=Decimal("1.000"), in_date=DAY)
    delta = Delta(new, changes, (MissingLine(("PO-2", 3), 9),))
    told = [
        (event.event_type, event.po_line_id, event.previous_values, event.new_values, event.reason, event.severity)
        for event in Teller(4, START).lines(delta, (10,))
    ]
    key = {"po_number": "PO-1", "line_number": 1}
    assert told == [
        (
            "po_line_created",
            10,
            None,
            {**key, "sku": "S", "ordered_quantity": "1.000", "in_date": "2026-01-31"},
            None,
            "info",
        ),
        ("po_line_reappeared", 11, None, key, None, "info"),
        ("ingestion_change", 11, {"sku": "S", "item": None}, {**key, "sku": None, "item": "I"}, "config, xref", "info"),
        ("po_line_absent", 12, None, key, "closed", "info"),
        ("po_line_created", 13, None, {**key, "sku": "S"}, None, "info"),
        ("po_line_absent", 9, None, {"po_number": "PO-2", "line_number": 3}, "missing", "info"),
    ]


def test_the_audit_tells_gaps_and_rejected_rows_in_order() -> None:
    tally = report.Tally(gaps={"B", "A"})
    tally.add_rejected([RejectedRow("receipts", None, None, None, "clash", {})] * 2)
    tally.add_rejected([RejectedRow("po_lines", None, None, field, "odd", {}) for field in (None, "sku")])
    teller = Teller(4, START)
    told = [
        (event.event_type, event.severity, event.new_values, event.reason, event.run_id, event.timestamp)
        for event in (*teller.gaps(tally), *teller.rejected(tally))
    ]
    assert told == [
        ("xref_gap", "warning", {"erp_item_code": "A"}, "unknown item code", 4, START),
        ("xref_gap", "warning", {"erp_item_code": "B"}, "unknown item code", 4, START),
        ("row_rejected", "warning", {"query": "po_lines", "field": "sku", "rows": 1}, "odd", 4, START),
        ("row_rejected", "warning", {"query": "po_lines", "field": None, "rows": 1}, "odd", 4, START),
        ("row_rejected", "warning", {"query": "receipts", "field": None, "rows": 2}, "clash", 4, START),
    ]
    assert len({event.event_id for event in teller.gaps(tally)}) == 2


def test_the_audit_tells_how_a_state_was_taken_over() -> None:
    tally = report.Tally(lines=3, batches=2)
    told = [Teller(4, START).baseline(tally, is_repeated=again) for again in (False, True)]
    assert [(event.event_type, event.new_values, event.reason) for event in told] == [
        ("baseline_initialized", {"lines": 3, "batches": 2, "rebaseline": False}, "first run"),
        ("baseline_initialized", {"lines": 3, "batches": 2, "rebaseline": True}, "rebaseline"),
    ]


def test_the_audit_tells_how_a_run_began_and_ended() -> None:
    teller = Teller(4, START)
    ended = run_report("completed")
    told = [
        (event.event_type, event.severity, event.new_values, event.reason, event.run_id, event.timestamp)
        for event in (
            teller.started({"mode": "nightly"}),
            teller.completed(ended),
            teller.completed(ended, ["few lines", "no receipts"]),
            teller.completed(run_report("partial")),
            teller.failed(run_report("failed"), "it is away"),
        )
    ]
    assert told == [
        ("ingestion_started", "info", {"mode": "nightly"}, None, 4, START),
        ("ingestion_completed", "info", report.report_dict(ended), None, 4, START),
        ("ingestion_completed", "warning", report.report_dict(ended), "few lines; no receipts", 4, START),
        ("ingestion_completed", "warning", report.report_dict(run_report("partial")), None, 4, START),
        ("ingestion_failed", "error", report.report_dict(run_report("failed")), "it is away", 4, START),
    ]


def test_what_json_lacks_cannot_be_audited() -> None:
    with pytest.raises(TypeError, match=r"^an audit event holds Decimal, which JSON cannot$"):
        canonical({"a": Decimal(1)})
