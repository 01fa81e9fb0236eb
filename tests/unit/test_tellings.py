"""The story of a line, in words."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest

from po_ingest.tellings import Storyteller, plain


def changed(field: str, previous: str | None, new: str | None, cause: str = "erp") -> dict[str, object]:
    return {"kind": "changed", "field_name": field, "previous_value": previous, "new_value": new, "cause": cause}


def delivery(kind: str, quantity: str, reference: str | None = None) -> dict[str, object]:
    day = date(2026, 1, 2)
    return {"kind": kind, "delivered_quantity": Decimal(quantity), "delivery_date": day, "reference": reference}


def test_a_promise_that_moves_again_is_told_with_how_often_and_how_far_in_all() -> None:
    teller = Storyteller()
    dates = ["2026-03-01", "2026-03-02", "2026-03-15", "2026-03-22", "2026-03-21"]
    told = [teller.event(changed("promised_date", *pair)) for pair in pairwise(dates)]
    assert told == [
        "promised date moved from 2026-03-01 to 2026-03-02 (+1 day)",
        "promised date moved from 2026-03-02 to 2026-03-15 (+13 days, second time, +14 days in all)",
        "promised date moved from 2026-03-15 to 2026-03-22 (+7 days, third time, +21 days in all)",
        "promised date moved from 2026-03-22 to 2026-03-21 (-1 day, fourth time, +20 days in all)",
    ]


def test_a_promise_that_moves_very_often_is_counted_in_figures() -> None:
    teller = Storyteller()
    told = [teller.event(changed("promised_date", "2026-03-01", "2026-03-02")) for _ in range(112)]
    for times, words in (
        (11, "11th"),
        (13, "13th"),
        (21, "21st"),
        (22, "22nd"),
        (23, "23rd"),
        (24, "24th"),
        (112, "112th"),
    ):
        assert f", {words} time, " in told[times - 1]


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (changed("ordered_quantity", "12.000", "10.500"), "ordered quantity changed from 12 to 10.5"),
        (changed("item", None, "Bolt"), "item set to Bolt"),
        (changed("item", "Bolt", None), "item emptied, it was Bolt"),
        (changed("in_date", None, "2026-01-01"), "in date set to 2026-01-01"),
        (changed("sku", "A", "B", "xref"), "sku changed from A to B (by the cross-reference)"),
        (
            changed("in_date", "2026-01-01", "2026-01-03", "config"),
            "in date moved from 2026-01-01 to 2026-01-03 (+2 days, by the configuration)",
        ),
        ({"kind": "created", "new_value": None}, "created"),
        ({"kind": "absent", "new_value": "closed"}, "closed"),
        ({"kind": "absent", "new_value": "missing"}, "missing: the ERP has no row of it any more"),
        ({"kind": "reappeared", "new_value": None}, "back again"),
    ],
)
def test_events_in_words(event: dict[str, object], told: str) -> None:
    assert Storyteller().event(event) == told


def test_a_custom_column_is_told_by_its_label() -> None:
    teller = Storyteller(labels={"custom_date_1": "Ship date"})
    assert teller.event(changed("custom_date_1", None, "2026-01-01")) == "Ship date set to 2026-01-01"


def test_deliveries_are_added_up_against_the_order() -> None:
    teller = Storyteller(Decimal("100.000"))
    assert [teller.batch(each) for each in (
        delivery("receipt", "40.000", "R-1"),
        delivery("correction", "-5.000"),
        delivery("delta", "65.000"),
        delivery("reconciliation", "0.500"),
    )] == [
        "40 delivered on 2026-01-02 (40 of 100), reference R-1",
        "correction -5 on 2026-01-02 (35 of 100)",
        "65 delivered on 2026-01-02 (100 of 100)",
        "reconciliation +0.5 on 2026-01-02 (100.5 of 100)",
    ]  # fmt: skip


def test_deliveries_of_a_line_without_an_ordered_quantity_are_added_up_all_the_same() -> None:
    assert Storyteller().batch(delivery("receipt", "40.000")) == "40 delivered on 2026-01-02 (40 in all)"


def test_numbers_lose_the_zeros_behind_their_point_only() -> None:
    assert [plain(Decimal(text)) for text in ("100", "100.000", "0.500", "0.000", "-10.000")] == [
        "100",
        "100",
        "0.5",
        "0",
        "-10",
    ]
