"""The error tree: each error knows its exit code (contract, section 2) and whether trying again may help.

Exceptions become exit codes in one place, `po_ingest.cli.main`.
"""

from __future__ import annotations

import enum
from typing import ClassVar

from po_ingest.hiding import mask
from po_ingest.model import RunReport


class ExitCode(enum.IntEnum):
    """The exit codes of every command but `status`."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    RESERVATION = 3
    ERP = 4
    GUARD = 5
    LOCKED = 6
    STORE = 7


class PoIngestError(Exception):
    """An error that is told to the user: what happened to what, and what to do.

    `message` and `hint` are single lines, `details` are further lines; whoever wrote them, they hold none of the
    secrets that are known (R16), since they also go to reports, audit events and the store. `report` is that of the
    run that ended so, if one began.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED
    report: RunReport | None = None

    def __init__(self, message: str, *, hint: str = "", details: tuple[str, ...] = (), transient: bool = False) -> None:
        """Keep the parts apart, so that each reader shows what it has room for."""
        self.message = mask(message)
        self.hint = mask(hint)
        self.details = tuple(map(mask, details))
        super().__init__(self.message)
        self.transient = transient

    def __str__(self) -> str:
        """Return message and hint as one line."""
        return f"{self.message}; {self.hint}" if self.hint else self.message


class ConfigError(PoIngestError):
    """The configuration, or something named on the command line, is wrong; `details` has one line per fault."""

    exit_code = ExitCode.USAGE


class ErpError(PoIngestError):
    """The ERP could not be read."""

    exit_code = ExitCode.ERP


class GuardError(PoIngestError):
    """A guard refused the snapshot (R7)."""

    exit_code = ExitCode.GUARD


class LockHeldError(PoIngestError):
    """Another run of this ERP is in progress (R13)."""

    exit_code = ExitCode.LOCKED


class StoreError(PoIngestError):
    """The store could not be reached, read, written or locked, or has another schema version."""

    exit_code = ExitCode.STORE


class ReservationError(PoIngestError):
    """The run was applied, with a reservation."""

    exit_code = ExitCode.RESERVATION


class AuditError(ReservationError):
    """An audit sink or the spool could not be read or written."""


class Interrupted(BaseException):
    """A signal asked the process to end (SIGTERM, SIGINT, Ctrl-Break); like KeyboardInterrupt, no Exception."""

    latest: ClassVar[str] = "SIGINT"
    """The signal that came last, should a driver swallow it; before any came here, it can but be SIGINT."""

    def __init__(self, signal_name: str) -> None:
        """Remember which signal it was."""
        super().__init__(f"ended by {signal_name}")
        self.signal_name = Interrupted.latest = signal_name


def interruption(error: BaseException) -> BaseException | None:
    """Return the signal's exception that an error is, or that it took the place of while a library cleaned up."""
    known: BaseException | None = error
    while known is not None and not isinstance(known, (Interrupted, KeyboardInterrupt)):
        known = known.__context__
    return known
