"""How long an ERP may take for a query."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Deadline:
    """The time an ERP may take for a query and its rows; what po-ingest does between two chunks does not count."""

    def __init__(self, seconds: float) -> None:
        """Start with all of the seconds left."""
        self.seconds = seconds
        self._left = seconds
        self._ends = time.monotonic() + seconds

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the time that passes in this context."""
        self._ends = time.monotonic() + self._left
        try:
            yield
        finally:
            self._left = self._ends - time.monotonic()

    def left(self) -> float:
        """Return, in the running context, the seconds that are left."""
        return self._ends - time.monotonic()

    def is_over(self) -> bool:
        """Say, in the running context, whether no time is left."""
        return time.monotonic() > self._ends

    def is_used_up(self) -> bool:
        """Say, after a running context, whether it took more than was left."""
        return self._left < 0


class Patience:
    """The time for all tries of a query (`erp.retry.timeout`): from its first try to the one that succeeds."""

    def __init__(self, seconds: float = math.inf) -> None:
        """Allow these seconds; 0, which allows no second try, does not limit the first."""
        self._seconds = seconds or math.inf
        self._began: float | None = None

    @contextmanager
    def trying(self) -> Iterator[None]:
        """Try once; an error leaves the time running for the next try."""
        if self._began is None:
            self._began = time.monotonic()
        yield
        self._began = None

    def limited(self, seconds: int) -> int:
        """Return, in the trying context, these seconds or as many as are left; one at least."""
        spent = 0.0 if self._began is None else time.monotonic() - self._began
        return max(1, math.ceil(min(seconds, self._seconds - spent)))
