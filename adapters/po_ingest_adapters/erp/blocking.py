"""Lets a signal, or the end of its time, end a driver's call that waits for a server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

TICK: Final = 0.1
"""Seconds between two looks: on Windows a wait without an end lets no signal through."""
GRACE: Final = 2.0
"""Seconds in which a call must end that was told to."""


class _Outcome(Generic[T]):
    """What a call in another thread came to."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._results: list[T] = []
        self._error: BaseException | None = None
        self.is_there = threading.Event()

    def find_elsewhere(self) -> None:
        """Make the call in a thread that does not keep the process alive."""
        threading.Thread(target=self._find, daemon=True).start()

    def _find(self) -> None:
        try:
            self._results.append(self._call())
        except BaseException as error:  # noqa: BLE001 - it is raised where the outcome is asked for
            self._error = error
        finally:
            self.is_there.set()

    def get(self) -> T:
        """Return the result, or raise what the call raised."""
        error, self._error = self._error, None
        if error is None:
            return self._results[0]
        try:
            raise error
        finally:
            del error  # it knows this frame: no circle of the two is left for the garbage collector


class Calls:
    """Makes calls that block; `is_stuck` once one of them did not end when it was told to."""

    def __init__(self, grace: float = GRACE) -> None:
        """Wait for `grace` seconds, at most, for a call that was told to end."""
        self._grace = grace
        self.is_stuck = False

    def make(self, call: Callable[[], T], seconds: float, cancel: Callable[[], None] | None = None) -> T:
        """Return the call's result, or raise TimeoutError; what a signal's handler raises meanwhile ends it too.

        The call runs in a thread of its own, since no signal gets through to one that waits in a driver. `cancel` ends
        the call from here; without it, or if it does not help, the call is left behind.
        """
        outcome = _Outcome(call)
        ends = time.monotonic() + seconds
        try:
            outcome.find_elsewhere()
            while not outcome.is_there.wait(TICK):
                if time.monotonic() > ends:
                    raise TimeoutError  # noqa: TRY301 - it ends the call as a signal does
        except BaseException:
            self.is_stuck = not self._has_ended(outcome, cancel)
            raise
        return outcome.get()

    def _has_ended(self, outcome: _Outcome[T], cancel: Callable[[], None] | None) -> bool:
        """Cancel a call; say whether both are over, so that nothing of theirs is in use any more."""
        if cancel is None:
            return outcome.is_there.is_set()
        cancellation = _Outcome(cancel)
        cancellation.find_elsewhere()  # it may want to ask a server that does not answer
        ends = time.monotonic() + self._grace
        return all(each.is_there.wait(max(0.0, ends - time.monotonic())) for each in (outcome, cancellation))
