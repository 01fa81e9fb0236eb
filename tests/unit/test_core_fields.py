"""The table of fields, and the text forms of values (contract, sections 4 and 5)."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from po_ingest.fields import CUSTOM_SLOTS, FIELDS, Field, Kind, Value, from_text, quantize, to_text, tracked_fields


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (Kind.TEXT, None, None),
        (Kind.TEXT, "2026-01-31", "2026-01-31"),
        (Kind.DECIMAL, None, None),
        (Kind.DECIMAL, Decimal("12.000"), "12.000"),
        (Kind.INTEGER, 10, "10"),
        (Kind.DATE, date(2026, 1, 31), "2026-01-31"),
        (Kind.DATETIME, datetime(2026, 1, 31, 8, tzinfo=UTC), "2026-01-31T08:00:00Z"),
        (Kind.DATETIME, datetime(2026, 1, 31, 8, 0, 0, 5, tzinfo=UTC), "2026-01-31T08:00:00.000005Z"),
    ],
)
def test_a_value_comes_back_from_its_text(kind: Kind, value: Value, text: str | None) -> None:
    assert to_text(value) == text
    back = from_text(kind, text)
    assert back == value
    assert type(back) is type(value)


def test_a_datetime_is_told_in_utc() -> None:
    assert to_text(datetime(2026, 1, 31, 1, tzinfo=timezone(timedelta(hours=2)))) == "2026-01-30T23:00:00Z"


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="only POSIX lets a process change its zone")
def test_a_datetime_is_told_in_utc_wherever_the_machine_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        told = to_text(datetime(2026, 1, 31, 1, tzinfo=UTC))
    time.tzset()
    assert told == "2026-01-31T01:00:00Z"


@pytest.mark.parametrize(
    ("kind", "text"), [(Kind.INTEGER, "x"), (Kind.DATE, "31.01.2026"), (Kind.DATETIME, "soon"), (Kind.DATE, "")]
)
def test_a_text_that_is_none_of_its_kind_is_refused(kind: Kind, text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_text(kind, text)


def test_there_are_five_custom_slots_of_each_of_three_kinds() -> None:
    expected = [f"custom_{kind}_{number}" for kind in ("date", "text", "decimal") for number in range(1, 6)]
    assert list(CUSTOM_SLOTS) == expected
    assert FIELDS[-11] == Field("custom_date_5", Kind.DATE, "Custom date, slot 5", None, is_custom=True)
    assert FIELDS[-10] == Field("custom_text_1", Kind.TEXT, "Custom text, slot 1", 255, is_custom=True)


def test_rounding_is_half_up_and_zero_has_no_sign() -> None:
    assert [str(quantize(Decimal(text))) for text in ("0.0005", "-0.0005", "-0.0004", "1")] == [
        "0.001",
        "-0.001",
        "0.000",
        "1.000",
    ]


def test_tracked_are_all_fields_but_the_ignored_ones_and_the_slots_without_a_mapping() -> None:
    names = [
        FIELDS[at].name for at in tracked_fields(frozenset({"sku", "custom_text_1"}), frozenset({"custom_text_1"}))
    ]
    assert "sku" not in names
    assert not [name for name in names if name.startswith("custom")]
    names = [FIELDS[at].name for at in tracked_fields(frozenset(), frozenset({"custom_text_2"}))]
    assert names == [*[field.name for field in FIELDS if not field.is_custom], "custom_text_2"]
