"""The points at which a run can be cut off: what it sends to its store, what it does to its audit file and spool.

Operations are counted from 0 (`fault_hooks` says which there are); at some of them something happens.
"""

from __future__ import annotations

import builtins
import errno
import os
import signal
import sqlite3
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal, TypeVar, get_args

import attrs
import psycopg

from po_ingest.errors import ErpError

T = TypeVar("T")
Side = Literal["before", "midst", "after"]
Mistake = Literal["RuntimeError", "KeyError", "MemoryError", "SystemExit"]
Shift = Literal["back", "forth"]
Deed = Literal["kill", "transient", "permanent", "full", "broken", "copy", "pages", Mistake, Shift]
SHIFTS: Final = {"back": timedelta(hours=-1), "forth": timedelta(hours=1)}


@attrs.frozen
class Fault:
    """What happens, at which operation and on which side of it; lasting: from then on.

    Only operations whose name begins so are meant.

    kill: SIGKILL. transient, permanent: the driver's error for a lock, and for damage. full: no room on the disk.
    broken: the disk cannot be read or written. The name of an exception: that one, as by a mistake in the code.
    back, forth: the clock is set by an hour. copy: the folder is copied to `to`. pages: the store's file may grow to
    `at` pages.
    """

    do: Deed
    at: int = 0
    where: Side = "before"
    only: str = ""
    is_lasting: bool = False
    to: str = ""

    def is_due(self, at: int, name: str) -> bool:
        """Say whether it happens at an operation."""
        return name.startswith(self.only) and (at >= self.at if self.is_lasting else at == self.at)


class Points:
    """Counts operations, and lets the faults happen."""

    def __init__(self, faults: Iterable[Fault], folder: Path) -> None:
        self.faults = list(faults)
        self.folder = folder
        self.seen: list[str] = []
        self.happened = 0
        self.is_active = True
        self.shift = timedelta()
        """By how much the clock is wrong by now."""
        self._copied: list[tuple[Path, bytes]] = []

    def do(self, name: str, deed: Callable[[], T], half: Callable[[], T] | None = None) -> T:
        """Carry an operation out, or not; `half` is what of it may be done when it is cut off in its midst."""
        if not self.is_active:
            return deed()
        at = len(self.seen)
        self.seen.append(name)
        due = [each for each in self.faults if each.is_due(at, name)]
        self._happen([each for each in due if each.where == "before"], at, name)
        torn = [each for each in due if each.where == "midst"]
        if torn and half is not None:
            return self._tear(torn, at, name, half())
        result = deed()
        self._happen([each for each in due if each.where == "after"], at, name)
        return result

    def _tear(self, torn: list[Fault], at: int, name: str, result: T) -> T:
        """Let what happens in the midst happen; a full disk takes a part of a write, and refuses the next."""
        self.faults += [attrs.evolve(each, at=at, only=name, where="before", is_lasting=True) for each in torn]
        self._happen([each for each in torn if each.do == "kill"], at, name)
        self.happened += 1
        return result

    def _happen(self, faults: Iterable[Fault], at: int, name: str) -> None:
        for fault in faults:
            self.happened += 1
            if fault.do == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            elif fault.do == "copy":
                self._copy(Path(fault.to) / f"{at:04}-{fault.where}")
            elif fault.do in SHIFTS:
                self.shift += SHIFTS[fault.do]
            elif fault.do != "pages":
                raise _error(fault.do, name)

    def _copy(self, target: Path) -> None:
        """Copy the folder, but for the shared memory and the locks, which no loss of power lets live; once as it is."""
        files = sorted(each for each in self.folder.rglob("*") if each.is_file() and each.suffix != ".log")
        contents = [(each, each.read_bytes()) for each in files if not each.name.endswith(("-shm", ".lock"))]
        if contents == self._copied:
            return
        self._copied = contents
        for file, content in contents:
            copy = target / file.relative_to(self.folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)

    @property
    def pages(self) -> int:
        """Return how many pages the store's file may have; 0 for any number."""
        return next((each.at for each in self.faults if each.do == "pages" and self.is_active), 0)


def _error(do: Deed, name: str) -> BaseException:
    if do in get_args(Mistake):
        mistake: BaseException = getattr(builtins, do)(0 if do == "SystemExit" else f"a mistake in {name}")
        return mistake
    if name.startswith("erp "):
        return ErpError("the ERP hung up", hint="call again", transient=do == "transient")
    if name.startswith("pg "):
        return _postgresql_error(do)
    if name.startswith("sql "):
        return _sqlite_error(do)
    code = errno.EIO if do == "broken" else errno.ENOSPC
    return OSError(code, os.strerror(code))


def _sqlite_error(do: Deed) -> Exception:
    text, code = {
        "transient": ("database is locked", sqlite3.SQLITE_BUSY),
        "permanent": ("disk I/O error", sqlite3.SQLITE_IOERR),
        "full": ("database or disk is full", sqlite3.SQLITE_FULL),
    }[do]
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


def _postgresql_error(do: Deed) -> Exception:
    return {
        "transient": psycopg.errors.LockNotAvailable("canceling statement due to lock timeout"),
        "permanent": psycopg.errors.InternalError_("invalid page in block 0"),
        "full": psycopg.errors.DiskFull("could not extend file: No space left on device"),
    }[do]
