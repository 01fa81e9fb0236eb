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

    def find(self) -> None:
        """Make the call."""
        try:
            self._results.append(self._call())
        except BaseException as error:  # noqa: BLE001 - it is raised where the outcome is asked for
            self._error = error
        finally:
            self.is_there.set()

    def get(self) -> T:
        """Return the result, or raise what the call raised."""
        if self._error is not None:
            raise self._error
        return self._results[0]


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
            threading.Thread(target=outcome.find, daemon=True).start()
            while not outcome.is_there.wait(TICK):
                if time.monotonic() > ends:
                    raise TimeoutError  # noqa: TRY301 - it ends the call as a signal does
        except BaseException:
            if cancel is not None:
                cancel()
            self.is_stuck = not outcome.is_there.wait(self._grace if cancel is not None else 0)
            raise
        return outcome.get()
