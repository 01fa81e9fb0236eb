"""Retries of whole steps that return complete results (R12)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import attrs
import stamina
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from po_ingest.errors import PoIngestError
from po_ingest.settings import RetrySettings

T = TypeVar("T")


def is_transient(error: Exception) -> bool:
    """Say whether trying again may help: adapters mark such errors from allow-lists."""
    return isinstance(error, PoIngestError) and error.transient


@attrs.define(slots=True)
class Retries:
    """Retries steps and counts it; `tell` gets the number of the coming try, the wait in seconds and the cause."""

    tell: Callable[[int, float, str], None]
    count: int = 0

    @contextmanager
    def told(self) -> Iterator[None]:
        """Have stamina tell its retries here, and nowhere else, while the context lasts."""
        set_on_retry_hooks([self._on_retry])
        try:
            yield
        finally:
            set_on_retry_hooks(None)

    def _on_retry(self, details: RetryDetails) -> None:
        self.count += 1
        self.tell(details.retry_num + 1, details.wait_for, str(details.caused_by))

    def __call__(self, settings: RetrySettings, step: Callable[[], T]) -> T:
        """Return the step's result; transient errors are tried again as the settings say, the last one is raised.

        The step must be complete in itself: nothing of a failed try may remain.
        """
        context = stamina.retry_context(
            on=is_transient,
            attempts=settings.attempts,
            timeout=settings.timeout,
            wait_initial=settings.wait_initial,
            wait_max=settings.wait_max,
            wait_jitter=min(1.0, settings.wait_initial),
        )
        for attempt in context:
            with attempt:
                return step()
        raise AssertionError("a retry context ends with a result or an error")
