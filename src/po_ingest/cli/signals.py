"""Signals that ask the process to end: the first becomes `Interrupted`, so that a run can tell of its end in time."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Final

from po_ingest.cli.start import SIGNALS, end_at_once
from po_ingest.errors import ExitCode, Interrupted

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

PATIENCE: Final = 3.0
"""Seconds in which a run may tell of its end; then it is interrupted once more: the store may not answer."""
LIMIT: Final = 4.5
"""Seconds after which the process ends, whatever it waits for."""
MOMENT: Final = 0.01
"""Seconds until a signal whose exception was lost is sent again."""


class Ending:
    """A process that is asked to end: once, however many signals come."""

    def __init__(self, code: Callable[[], int]) -> None:
        """Take what gives the exit code, should the process have to end in the midst of a call."""
        self._code = code
        self._hook = sys.unraisablehook
        self._asked: signal.Signals | None = None
        self._is_again = False
        self._is_over = threading.Event()

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        """Raise Interrupted for the first signal; those after it change nothing, its end is on its way."""
        if self._is_over.is_set() or (self._asked is not None and not self._is_again):
            return
        self._is_again = False
        if self._asked is None:
            self._asked = signal.Signals(number)
            _thread.start_new_thread(self._watch, ())
        raise Interrupted(self._asked.name)

    def on_unraisable(self, unraisable: UnraisableHookArgs) -> None:
        """Notice that Python dropped the exception, as it does in `__del__` and in callbacks; pass others on."""
        if isinstance(unraisable.exc_value, Interrupted):
            # Not Thread.start, which takes a lock: what was interrupted may hold it.
            _thread.start_new_thread(self._repeat, (MOMENT,))
        else:
            self._hook(unraisable)

    def _repeat(self, seconds: float) -> None:
        """Send the signal again, from another thread: the main one must have left the callback by then."""
        time.sleep(seconds)
        if self._asked is not None and not self._is_over.is_set():
            self._is_again = True
            if hasattr(signal, "pthread_kill"):
                signal.pthread_kill(threading.main_thread().ident or 0, self._asked)  # it ends a wait of the system too
            else:  # pragma: no cover - on Windows
                _thread.interrupt_main(self._asked)

    def _watch(self) -> None:
        if not self._is_over.wait(PATIENCE):
            self._repeat(0)
        if not self._is_over.wait(LIMIT - PATIENCE):
            self._end()

    def _end(self) -> None:
        told = (
            f"po-ingest: error: ended by {self._asked.name if self._asked else 'a signal'} in the midst of a call that "
            "did not return; `po-ingest runs` shows the run, and the next one clears up after it\n"
        )
        os.write(2, told.encode())
        os._exit(self._code())

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """Have signals come here while the context lasts; one that is ignored (`nohup`) stays so."""
        before = {each: signal.getsignal(each) for each in SIGNALS}
        try:
            sys.unraisablehook = self.on_unraisable
            for each, handler in before.items():
                if handler is not signal.SIG_IGN:
                    signal.signal(each, self.on_signal)
            yield
        finally:
            self._is_over.set()
            sys.unraisablehook = self._hook
            for each, handler in before.items():
                # At the end of the process there is nothing left to interrupt: its exit code is the command's.
                signal.signal(each, signal.SIG_IGN if handler is end_at_once else handler)


@contextmanager
def interruptible(code: Callable[[], int] = lambda: ExitCode.FAILED) -> Iterator[None]:
    """Have a signal raise Interrupted while the context lasts, and the process end within seconds of it.

    `code` gives the exit code for a process that cannot leave the call it is in.
    """
    if threading.current_thread() is not threading.main_thread():  # only that one may set handlers
        yield
        return
    with Ending(code).heeded():
        yield
