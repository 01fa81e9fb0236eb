"""Files and folders that only their owner may look into, from the moment they are there, whatever the umask.

What is there already keeps its rights. On Windows new files have the rights of their folder.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from filelock import FileLock

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700


def opener(path: str, flags: int) -> int:
    """Open a file, for `open(opener=...)`."""
    return os.open(path, flags, FILE_MODE)


def make_file(path: Path) -> None:
    """Make an empty file if there is none. Raises OSError."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE))


def write_text(path: Path, text: str) -> None:
    """Write a file in UTF-8. Raises OSError."""
    with open(path, "w", encoding="utf-8", opener=opener) as file:
        file.write(text)


def make_folder(path: Path) -> None:
    """Make a folder and those above it, as far as they are not there. Raises OSError."""
    for folder in reversed([path, *path.parents]):  # Path.mkdir would make those above with the umask's rights
        if not folder.is_dir():
            folder.mkdir(mode=FOLDER_MODE, exist_ok=True)


@contextmanager
def file_lock(path: str | Path, patience: float) -> Iterator[bool]:
    """Take a lock that the operating system gives back when its process ends; gives False if another one keeps it.

    Raises OSError, also where the file system has no such locks. filelock would take the file's mere existence instead,
    which outlives a process that was killed, and keeps all others out for ever.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 - 50 ms that few need to spend

    lock = FileLock(
        path, timeout=patience, mode=FILE_MODE, thread_local=False, poll_interval=0.02, fallback_to_soft=False
    )
    try:
        try:
            with suppress(Timeout):
                lock.acquire()
        except OSError as error:
            if error.errno == errno.ENOSYS:
                raise OSError(errno.ENOSYS, "its file system has no locks (flock)", str(path)) from error
            raise
        yield lock.is_locked
    finally:
        _give_back(lock)


def _give_back(lock: FileLock) -> None:
    """Release a lock, also one whose taking or giving back a signal broke off: this process may want it again."""
    try:
        lock.release(force=True)
    except BaseException:
        lock.release(force=True)
        raise
