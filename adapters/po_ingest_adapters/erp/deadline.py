"""How long an ERP may take for a query."""

from __future__ import annotations

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

    def is_over(self) -> bool:
        """Say, in the running context, whether no time is left."""
        return time.monotonic() > self._ends

    def is_used_up(self) -> bool:
        """Say, after a running context, whether it took more than was left."""
        return self._left < 0
