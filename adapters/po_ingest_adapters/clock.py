"""Clocks: the system's, and one that goes by steps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from po_ingest_adapters.failing import FailurePlan


def system_clock() -> datetime:
    """Return now, in UTC."""
    return datetime.now(UTC)


class FixedClock:
    """A clock that shows `now`, and moves on by `step` each time it is looked at; it fails as planned."""

    def __init__(self, start: datetime, step: timedelta = timedelta(), plan: FailurePlan | None = None) -> None:
        """Begin at an aware moment."""
        if start.tzinfo is None:
            raise ValueError("a clock starts at a moment with a time zone")
        self.now = start.astimezone(UTC)
        self.step = step
        self._plan = plan or FailurePlan()

    def __call__(self) -> datetime:
        """Return the moment shown, in UTC."""
        self._plan.step("now")
        shown = self.now
        self.now += self.step
        return shown
