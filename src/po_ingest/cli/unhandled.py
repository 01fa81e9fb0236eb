"""What Python itself would write to stderr: on one line each, and without secrets (R16); the log has the traceback."""

from __future__ import annotations

import sys
import threading
import warnings
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from po_ingest.hiding import mask

if TYPE_CHECKING:
    from sys import UnraisableHookArgs


def hide() -> None:
    """Have it so for the rest of the process, its very end included."""
    sys.excepthook = _uncaught
    sys.unraisablehook = _dropped
    threading.excepthook = _of_thread
    warnings.showwarning = _warning


def _uncaught(kind: type[BaseException], error: BaseException, _traceback: TracebackType | None) -> None:
    """Keep the one line of an error, whatever kept the command line from writing it: a log, say, on a full disk."""
    _write(f"po-ingest: error: internal error ({kind.__name__}): {error}")


def _dropped(unraisable: UnraisableHookArgs) -> None:
    what = f"an error was ignored ({unraisable.exc_type.__name__}): {unraisable.exc_value}, in {unraisable.object!r}"
    _tell(what, unraisable.exc_value)


def _of_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_type is not SystemExit:
        name = args.thread.name if args.thread else "a thread"
        _tell(f"{name} ended by an error ({args.exc_type.__name__}): {args.exc_value}", args.exc_value)


def _warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    del file, line
    _tell(f"{category.__name__} at {filename}:{lineno}: {message}", None)


def _tell(what: str, error: BaseException | None) -> None:
    """Tell it through the log, which masks it, if there is one; Python would show an error here, so there is none."""
    with suppress(Exception):
        logging = sys.modules.get("logging")  # imported with the log, and no more when the process ends
        if logging is not None and logging.getLogger().handlers:
            logging.getLogger("po_ingest").warning(what, exc_info=error)
        else:
            _write(f"warning: {what}")


def _write(text: str) -> None:
    with suppress(Exception):  # nobody reads stderr, or there is none
        sys.stderr.write(f"{mask(' '.join(text.split()))}\n")
