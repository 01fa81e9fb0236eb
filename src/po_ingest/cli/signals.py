"""Signals that ask the process to end: the first becomes `Interrupted`, so that a run can tell of its end in time."""

from __future__ import annotations

import _thread
import os
import signal
import socket
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
        self._asked = self._asked or signal.Signals(number)
        raise Interrupted(self._asked.name)

    def on_unraisable(self, unraisable: UnraisableHookArgs) -> None:
        """Notice that Python dropped the exception, as it does in `__del__` and in callbacks; pass others on."""
        if isinstance(unraisable.exc_value, Interrupted):
            # Not Thread.start, which takes a lock: what was interrupted may hold it.
            _thread.start_new_thread(self._repeat, (signal.Signals[unraisable.exc_value.signal_name], MOMENT))
        else:
            self._hook(unraisable)

    def _repeat(self, number: signal.Signals, seconds: float = 0.0) -> None:
        """Send the signal again, from another thread: the main one must have left the callback by then."""
        time.sleep(seconds)
        if not self._is_over.is_set():
            self._is_again = True
            if hasattr(signal, "pthread_kill"):
                signal.pthread_kill(threading.main_thread().ident or 0, number)  # it ends a wait of the system too
            else:  # pragma: no cover - on Windows
                _thread.interrupt_main(number)

    def _watch(self, bell: socket.socket) -> None:
        """See to it that the process ends in time: signals ring a bell at once, handlers wait for the main thread."""
        with bell:
            number = next((each for each in iter(lambda: bell.recv(1), b"") if each[0] in SIGNALS), None)
            if number is None:  # the other side was closed
                return
            if not self._is_over.wait(PATIENCE):
                self._repeat(signal.Signals(number[0]))
            if not self._is_over.wait(LIMIT - PATIENCE):
                self._end(signal.Signals(number[0]))

    def _end(self, number: signal.Signals) -> None:
        told = (
            f"po-ingest: error: ended by {number.name} in the midst of a call that did not return; `po-ingest runs` "
            "shows the run, and the next one clears up after it\n"
        )
        os.write(2, told.encode())
        os._exit(self._code())

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """Have signals come here while the context lasts; one that is ignored (`nohup`) stays so."""
        before = {each: signal.getsignal(each) for each in SIGNALS}
        bell, rung = socket.socketpair()
        rung.settimeout(0)
        woken = signal.set_wakeup_fd(rung.fileno(), warn_on_full_buffer=False)
        try:
            sys.unraisablehook = self.on_unraisable
            _thread.start_new_thread(self._watch, (bell,))
            for each, handler in before.items():
                if handler is not signal.SIG_IGN:
                    signal.signal(each, self.on_signal)
            yield
        finally:
            self._is_over.set()
            sys.unraisablehook = self._hook
            signal.set_wakeup_fd(woken)
            rung.close()
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
