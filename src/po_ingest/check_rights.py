"""Which files of po-ingest every account of the machine could look into; on Windows the folder's rights decide."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from po_ingest.config_checks import sqlite_file
from po_ingest.ports import Finding
from po_ingest.settings import Settings

NAME: Final = "file rights"
OTHERS: Final = stat.S_IROTH | stat.S_IWOTH


def findings(settings: Settings) -> Iterator[Finding]:
    """Yield a warning for each file that is open to all, else that there is none."""
    if os.name != "posix":
        return
    is_open = [file for file in _files(settings) if _is_open(file)]
    for file in is_open:
        what = "it holds a password, and every account" if file == settings.file else "every account"
        yield Finding(
            NAME, "warning", f"{file}: {what} here may read or change it", f"chmod o-rwx {shlex.quote(str(file))}"
        )
    if not is_open:
        yield Finding(NAME, "ok", "no file with data or passwords is open to every account here")


def _files(settings: Settings) -> Iterator[Path]:
    """Yield the files with data, and the configuration if passwords stand in it."""
    if settings.is_confidential:
        yield settings.file
    store = sqlite_file(settings.store.url)
    if store is not None:
        yield from (store, *(store.with_name(store.name + end) for end in ("-wal", "-shm")))
    yield from (settings.audit.file, settings.audit.spool, settings.log.file)


def _is_open(file: Path) -> bool:
    """Say whether everybody may reach a file, and read or change it."""
    try:
        folders = [folder.stat().st_mode for folder in file.parents]
        return bool(file.stat().st_mode & OTHERS) and all(mode & stat.S_IXOTH for mode in folders)
    except OSError:  # it is not there, or not even this account may look at it
        return False
