"""What the reading commands ask for: dates, names that are nearly right."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from po_ingest.errors import ConfigError
from po_ingest.model import AuditEvent
from po_ingest.queries import _is_of, near_numbers, parse_date, typed

NOW = datetime(2026, 2, 10, 0, 30, tzinfo=UTC)


@pytest.fixture
def in_new_york() -> Iterator[None]:
    """Have this machine be five hours behind UTC."""
    if not hasattr(time, "tzset"):
        pytest.skip("the zone cannot be set on Windows")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "EST5")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("in_new_york")
@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-02-01", "2026-02-01T05:00:00+00:00"),
        (" 2026-02-01T08:30 ", "2026-02-01T13:30:00+00:00"),
        ("2026-02-01 08:30:15", "2026-02-01T13:30:15+00:00"),
        ("2026-02-01T08:30z", "2026-02-01T08:30:00+00:00"),
        ("2026-02-01T08:30+02:00", "2026-02-01T06:30:00+00:00"),
        ("Yesterday", "2026-02-08T05:00:00+00:00"),  # it is the evening of the 9th there
        ("7d", "2026-02-03T00:30:00+00:00"),
        ("0D", "2026-02-10T00:30:00+00:00"),
    ],
)
def test_a_date_is_a_day_or_time_in_the_machines_zone(text: str, moment: str) -> None:
    assert parse_date(text, NOW).isoformat() == moment
    assert parse_date(text, NOW).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "today",
        "d",
        "-7d",
        "7",
        "\u0667d",
        "999999d",
        "2026-13-01",
        "20260131",
        "2026-W05-1",
        "01.02.2026",
        "0000-01-01",
    ],
)
def test_anything_else_is_no_date(text: str) -> None:
    with pytest.raises(ConfigError, match="is no date"):
        parse_date(text, NOW)


@pytest.mark.parametrize(
    ("number", "near"),
    [
        ("4500001235", ["4500001234"]),
        ("4500001", ["0004500001"]),
        ("po-7", ["PO-7"]),
        ("nothing like it", []),
    ],
)
def test_numbers_nearly_right_are_found(number: str, near: list[str]) -> None:
    assert near_numbers(number, ["PO-7", "0004500001", "4500001234", "X"]) == near


def test_a_number_in_many_forms_is_suggested_three_times_at_most() -> None:
    assert len(near_numbers("7", ["07", "007", "0007", "00007"])) == 3


def test_what_is_typed_is_trimmed_and_utf8() -> None:
    assert typed(" \udcff ") == "\\udcff"


def test_an_event_that_waited_in_the_spool_belongs_to_the_erp_that_it_names() -> None:
    event = AuditEvent("id", "ingestion_failed", "error", NOW, new_values={"erp": "a"})
    assert _is_of(event, "a", {})
    assert not _is_of(event, "b", {})
