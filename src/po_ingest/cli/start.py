"""Where the process begins: signals are heeded from here on, while the rest of the command line is being imported."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Final, NoReturn

SIGNALS: Final = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name))
"""Ctrl-C, a scheduler's request to stop, and Ctrl-Break on Windows."""


def end_at_once(number: int, _frame: FrameType | None) -> NoReturn:
    """End the process: nothing has begun yet. An exception might be lost in the midst of an import."""
    told = f"po-ingest: error: ended by {signal.Signals(number).name}; nothing had begun, run it again\n"
    os.write(2, told.encode())
    os._exit(1)


def run() -> NoReturn:
    """Run the command line of this process."""
    for each in SIGNALS:
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, end_at_once)
    from po_ingest.cli import main  # noqa: PLC0415 - it takes its time, in which a signal may come

    main.run()
