"""Retries of whole steps that return complete results (R12)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import attrs

from po_ingest.errors import PoIngestError
from po_ingest.settings import RetrySettings

if TYPE_CHECKING:  # imported by nights on which something fails
    from stamina.instrumentation import RetryDetails

T = TypeVar("T")


def is_transient(error: Exception) -> bool:
    """Say whether trying again may help: adapters mark such errors from allow-lists."""
    return isinstance(error, PoIngestError) and error.transient


@attrs.define(slots=True)
class Retries:
    """Retries steps and counts it; `tell` gets the number of the coming try, the wait in seconds and the cause."""

    tell: Callable[[int, float, str], None]
    count: int = 0

    def __call__(self, settings: RetrySettings, step: Callable[[], T]) -> T:
        """Return the step's result; transient errors are tried again as the settings say, the last one is raised.

        The step must be complete in itself: nothing of a failed try may remain.
        """
        start = time.monotonic()
        try:
            return step()
        except PoIngestError as error:
            left = settings.timeout - (time.monotonic() - start)
            if not error.transient or left <= 0:
                raise
            first = error
        return self._again(settings, step, first, left)

    def _again(self, settings: RetrySettings, step: Callable[[], T], first: PoIngestError, seconds: float) -> T:
        """Go on after a first try that failed, for so many seconds."""
        import stamina  # noqa: PLC0415 - most nights need no retry, and none of the 20 ms that it takes to import

        context = stamina.retry_context(
            on=is_transient,
            attempts=settings.attempts,
            timeout=seconds,
            wait_initial=settings.wait_initial,
            wait_max=settings.wait_max,
            wait_jitter=min(1.0, settings.wait_initial),
        )
        with self._told():
            for attempt in context:
                with attempt:
                    if attempt.num == 1:
                        raise first
                    return step()
        raise AssertionError("a retry context ends with a result or an error")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Have stamina tell its retries here, and nowhere else, while the context lasts."""
        from stamina.instrumentation import set_on_retry_hooks  # noqa: PLC0415 - as above

        set_on_retry_hooks([self._on_retry])
        try:
            yield
        finally:
            set_on_retry_hooks(None)

    def _on_retry(self, details: RetryDetails) -> None:
        self.count += 1
        self.tell(details.retry_num + 1, details.wait_for, str(details.caused_by))
