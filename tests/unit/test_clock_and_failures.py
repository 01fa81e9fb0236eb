"""The clock, and the plan of failures that the in-memory adapters share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from po_ingest_adapters.clock import FixedClock, system_clock
from po_ingest_adapters.failing import FailurePlan


def test_the_system_clock_shows_now_in_utc() -> None:
    before = datetime.now(UTC)
    shown = system_clock()
    assert before <= shown <= datetime.now(UTC)
    assert shown.tzinfo is UTC


def test_a_fixed_clock_moves_by_its_step() -> None:
    clock = FixedClock(datetime(2026, 1, 31, 2, tzinfo=timezone(timedelta(hours=2))), timedelta(minutes=1))
    assert [clock(), clock()] == [datetime(2026, 1, 31, 0, minute, tzinfo=UTC) for minute in (0, 1)]
    still = FixedClock(datetime(2026, 1, 31, tzinfo=UTC))
    assert still() == still()


def test_a_clock_needs_a_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        FixedClock(datetime(2026, 1, 31))  # noqa: DTZ001 - that is what is refused


def test_a_plan_fails_at_its_call_and_only_once() -> None:
    plan = FailurePlan()
    plan.fail_at(2, KeyError("second"))
    plan.step("a")
    with pytest.raises(KeyError, match="second"):
        plan.step("b")
    plan.step("b")
    assert plan.calls == ["a", "b", "b"]


def test_a_plan_counts_calls_by_name() -> None:
    plan = FailurePlan()
    plan.fail_at(2, KeyError("second b"), "b")
    for name in "aba":
        plan.step(name)
    with pytest.raises(KeyError):
        plan.step("b")
    assert (plan.count(), plan.count("b")) == (4, 2)


def test_a_plan_fails_at_the_next_call() -> None:
    plan = FailurePlan()
    plan.step("a")
    plan.fail_next(KeyError("next"))
    with pytest.raises(KeyError):
        plan.step("b")
    plan.fail_next(ValueError("next a"), "a")
    plan.step("b")
    with pytest.raises(ValueError, match="next a"):
        plan.step("a")


def test_there_is_no_call_0() -> None:
    with pytest.raises(ValueError, match="from 1"):
        FailurePlan().fail_at(0, KeyError())
