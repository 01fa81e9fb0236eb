"""One suite for every clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from po_ingest.ports import Clock
from po_ingest_adapters.clock import FixedClock, system_clock
from po_ingest_adapters.failing import FailurePlan

CLOCKS: dict[str, Clock] = {
    "system": system_clock,
    "fixed": FixedClock(datetime(2026, 1, 31, 2, tzinfo=timezone(timedelta(hours=2))), timedelta(microseconds=1)),
    "still": FixedClock(datetime(2026, 1, 31, tzinfo=UTC)),
}


@pytest.fixture(params=list(CLOCKS))
def clock(request: pytest.FixtureRequest) -> Clock:
    return CLOCKS[request.param]


def test_a_clock_shows_a_moment_in_utc(clock: Clock) -> None:
    assert clock().tzinfo is UTC


def test_a_clock_does_not_go_back(clock: Clock) -> None:
    shown = [clock() for _ in range(100)]
    assert shown == sorted(shown)


def test_the_in_memory_clock_fails_as_planned_and_then_goes_on() -> None:
    plan = FailurePlan()
    clock = FixedClock(datetime(2026, 1, 31, tzinfo=UTC), timedelta(minutes=1), plan)
    plan.fail_at(2, OSError("no clock"), "now")
    first = clock()
    with pytest.raises(OSError, match="no clock"):
        clock()
    assert clock() - first == timedelta(minutes=1)
