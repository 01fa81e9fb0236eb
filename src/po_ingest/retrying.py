"""Retries of whole steps that return complete results (R12)."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

import attrs

from po_ingest.errors import PoIngestError
from po_ingest.settings import RetrySettings

if TYPE_CHECKING:  # imported by nights on which something fails
    from stamina.instrumentation import RetryDetails

T = TypeVar("T")

PIECE: Final = 0.5
"""Seconds of a wait: on Windows no Ctrl-Break would wake a longer one."""


@attrs.define(slots=True)
class _Waits:
    """The waits of one step: they double, with jitter, and none goes beyond the time of all tries."""

    settings: RetrySettings
    ends: float
    seconds: float = 0.0  # the wait that comes
    _made: int = 0

    def after(self, error: Exception) -> bool | float:
        """Say whether there shall be another try after an error; stamina itself has not to wait for it (0.0)."""
        if not (isinstance(error, PoIngestError) and error.transient):  # adapters mark such errors from allow-lists
            return False
        shortest = self.settings.wait_initial * 2.0 ** min(self._made, 64)
        jitter = random.uniform(0, min(1.0, self.settings.wait_initial))  # noqa: S311 - nobody gains by guessing it
        self.seconds = min(self.settings.wait_max, shortest + jitter)
        self._made += 1
        return 0.0 if time.monotonic() + self.seconds < self.ends else False

    def wait(self) -> None:
        """Wait; a signal ends it at once."""
        ends = time.monotonic() + self.seconds
        while (left := ends - time.monotonic()) > 0:
            time.sleep(min(left, PIECE))


@attrs.define(slots=True)
class Retries:
    """Retries steps and counts it; `tell` gets the number of the coming try, the wait in seconds and the cause."""

    tell: Callable[[int, float, str], None]
    count: int = 0

    def __call__(self, settings: RetrySettings, step: Callable[[], T]) -> T:
        """Return the step's result; transient errors are tried again as the settings say, the last one is raised.

        No try begins later than `timeout`. The step must be complete in itself: nothing of a failed try may remain.
        """
        waits = _Waits(settings, time.monotonic() + settings.timeout)
        try:
            return step()
        except PoIngestError as error:
            if not error.transient:
                raise
            first = error
        return self._again(waits, step, first)

    def _again(self, waits: _Waits, step: Callable[[], T], first: PoIngestError) -> T:
        """Go on after a first try that failed."""
        import stamina  # noqa: PLC0415 - most nights need no retry, and none of the 20 ms that it takes to import

        context = stamina.retry_context(on=waits.after, attempts=waits.settings.attempts, timeout=None)
        with self._told(waits):
            for attempt in context:
                with attempt:
                    if attempt.num == 1:
                        raise first
                    return step()
        raise AssertionError("a retry context ends with a result or an error")

    @contextmanager
    def _told(self, waits: _Waits) -> Iterator[None]:
        """Have stamina tell its retries here, and nowhere else, while the context lasts."""
        from stamina.instrumentation import set_on_retry_hooks  # noqa: PLC0415 - as above

        def on_retry(details: RetryDetails) -> None:
            self.count += 1
            self.tell(details.retry_num + 1, waits.seconds, str(details.caused_by))
            waits.wait()

        set_on_retry_hooks([on_retry])
        try:
            yield
        finally:
            set_on_retry_hooks(None)
