"""Retries: how many, how long, and that nothing goes beyond the time of all tries (R12)."""

from __future__ import annotations

import random
import time

import pytest

from po_ingest.errors import ErpError, PoIngestError
from po_ingest.retrying import Retries
from po_ingest.settings import RetrySettings


class Clock:
    """Time that only a wait, or a step, takes."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock.monotonic)
    monkeypatch.setattr(time, "sleep", clock.sleep)
    return clock


class Step:
    """Fails some times, each after some seconds."""

    def __init__(self, clock: Clock, times: int, seconds: float = 0.0) -> None:
        self.clock, self.times, self.seconds = clock, times, seconds
        self.tries = 0

    def __call__(self) -> int:
        self.tries += 1
        self.clock.now += self.seconds
        if self.tries <= self.times:
            raise ErpError(f"lost {self.tries}", transient=True)
        return self.tries


Told = list[tuple[int, float, str]]


def retries() -> tuple[Retries, Told]:
    told: Told = []
    return Retries(lambda number, wait, cause: told.append((number, wait, cause))), told


def settings(
    attempts: int = 5, wait_initial: float = 1.0, wait_max: float = 60.0, timeout: float = 600.0
) -> RetrySettings:
    return RetrySettings(attempts=attempts, wait_initial=wait_initial, wait_max=wait_max, timeout=timeout)


def test_r12_each_retry_is_told_with_its_number_wait_and_cause_and_counted(clock: Clock) -> None:
    again, told = retries()
    assert again(settings(), Step(clock, times=3)) == 4
    assert [(number, cause) for number, _, cause in told] == [(2, "lost 1"), (3, "lost 2"), (4, "lost 3")]
    assert again.count == 3


def test_r12_waits_double_with_jitter_up_to_the_longest_and_are_as_told(clock: Clock) -> None:
    again, told = retries()
    again(settings(attempts=8, wait_max=10.0), Step(clock, times=7))
    waits = [wait for _, wait, _ in told]
    for wait, shortest in zip(waits, (1, 2, 4, 8, 10, 10, 10), strict=True):
        assert shortest <= wait <= min(10, shortest + 1)
    assert sum(clock.slept) == pytest.approx(sum(waits))


def test_a_long_wait_is_waited_in_pieces_that_a_signal_can_end_on_any_system(clock: Clock) -> None:
    retries()[0](settings(wait_initial=40.0), Step(clock, times=1))
    assert max(clock.slept) <= 0.5


def test_r12_the_number_of_tries_is_a_limit_and_the_last_error_is_told(clock: Clock) -> None:
    step = Step(clock, times=99)
    with pytest.raises(ErpError, match="lost 3"):
        retries()[0](settings(attempts=3), step)
    assert step.tries == 3


@pytest.mark.parametrize(
    ("timeout", "seconds", "tries"),
    [
        (10.0, 3.0, 3),  # 3, wait 1, 7, wait 2, 11 or so: too late for another
        (5.0, 4.5, 1),  # the wait would end after it
        (5.0, 9.0, 1),  # the first try took longer by itself
        (0.0, 0.0, 1),
    ],
)
def test_r12_no_try_begins_after_the_time_of_all_tries(
    clock: Clock, timeout: float, seconds: float, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "uniform", lambda *_: 0.0)
    step = Step(clock, times=99, seconds=seconds)
    with pytest.raises(ErpError, match=f"lost {tries}"):
        retries()[0](settings(attempts=99, timeout=timeout), step)
    assert step.tries == tries
    assert clock.now - 100.0 <= timeout + seconds


def test_r12_the_time_is_a_real_limit() -> None:
    began = time.monotonic()
    with pytest.raises(ErpError):
        retries()[0](settings(attempts=99, wait_initial=0.05, timeout=0.4), _fail)
    assert time.monotonic() - began < 30


def _fail() -> None:
    raise ErpError("lost", transient=True)


@pytest.mark.parametrize("error", [ErpError("no such table"), PoIngestError("no"), ZeroDivisionError()])
def test_r12_a_permanent_error_is_raised_at_once(clock: Clock, error: Exception) -> None:
    again, told = retries()

    def step() -> None:
        raise error

    with pytest.raises(type(error)):
        again(settings(), step)
    assert (told, clock.slept) == ([], [])


def test_r12_a_permanent_error_ends_the_retries_of_a_transient_one(clock: Clock) -> None:
    errors = [ErpError("lost", transient=True), ErpError("no such table")]

    def step() -> None:
        raise errors.pop(0)

    with pytest.raises(ErpError, match="no such table"):
        retries()[0](settings(), step)
    assert errors == []
    assert len(clock.slept) > 0
