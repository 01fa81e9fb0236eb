"""The time that all tries of a query may take together."""

from __future__ import annotations

import pytest

from po_ingest_adapters.erp.deadline import Patience


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    ticking = Clock()
    monkeypatch.setattr("time.monotonic", ticking)
    return ticking


def failed(patience: Patience, clock: Clock, seconds: float) -> None:
    with pytest.raises(OSError, match="no"), patience.trying():  # noqa: PT012 - the try takes its time, and fails
        clock.now += seconds
        raise OSError("no")


def test_r12_tries_that_fail_use_up_the_time_of_all(clock: Clock) -> None:
    patience = Patience(600)
    failed(patience, clock, 250)
    failed(patience, clock, 200.5)
    with patience.trying():
        assert patience.limited(300) == 150
    failed(patience, clock, 9000)
    with patience.trying():
        assert patience.limited(300) == 1


def test_r12_a_try_that_went_well_is_the_end_of_its_query(clock: Clock) -> None:
    patience = Patience(600)
    failed(patience, clock, 500)
    with patience.trying():
        clock.now += 50
    with patience.trying():
        assert patience.limited(300) == 300


@pytest.mark.parametrize("patience", [Patience(), Patience(0)])
def test_without_a_limit_a_query_has_its_own_time(patience: Patience, clock: Clock) -> None:
    failed(patience, clock, 5000)
    with patience.trying():
        assert patience.limited(300) == 300
