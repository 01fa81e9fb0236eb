"""A disk that is full, at every page and every write (R2, R14): one clear line, and the next run makes it good."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

import attrs
import pytest

from support.command_line import Done
from support.fault_hooks import STORE
from support.fault_points import Fault
from support.fault_world import DOWN, Stage
from support.fork_server import NIGHTLY, Fork
from support.matrix import IS_FULL, LIMIT, Book, Judge, assert_one_line, attempt, sides_of

pytestmark = LIMIT
Scenes = Callable[[str, str], tuple[Stage, Judge]]
PAGE: Final = 8192
ROOM: Final = 2 * 1024 * 1024
"""Bytes of the small disk: a night's store, its WAL and its files need less than half of it."""
FILES: Final = ("audit", "spool")


@pytest.mark.parametrize("kind", ["baseline", "nightly"])
def test_r2_a_store_that_finds_no_room_for_a_page_changes_nothing(
    fork: Fork, scenes: Scenes, kind: str, request: pytest.FixtureRequest
) -> None:
    stage, judge = scenes("sqlite", kind)
    book = Book(f"no room for another page, sqlite, {kind}")
    pages = 1 if kind == "baseline" else stage.template.folder.joinpath(STORE).stat().st_size // PAGE
    codes: list[int] = []

    def trial(limit: int) -> str:
        world = stage.fresh()
        (done,) = fork.run(world.folder, NIGHTLY, faults=[Fault("pages", limit)]).done
        codes.append(done.code)
        assert_one_line(done)
        assert done.code == 0 or "the disk is full; make room, then run again" in done.error
        assert done.code in {0, 7}
        judge.mended(world, is_applied=done.code == 0)
        return f"exit {done.code}"

    while 0 not in codes:
        attempt(book, f"{pages} pages", "page", partial(trial, pages))
        pages += 1 if IS_FULL else 7 if kind == "baseline" else 2
        assert len(codes) < 500
    book.close(request)


@pytest.mark.parametrize("is_down", [False, True], ids=["store up", "store down"])
def test_r14_a_file_that_finds_no_room_is_told_and_completed_by_the_next_run(
    fork: Fork, scenes: Scenes, is_down: bool, request: pytest.FixtureRequest
) -> None:
    stage, judge = scenes("sqlite", "nightly")
    others = DOWN if is_down else ()
    operations = fork.run(stage.fresh().folder, NIGHTLY, faults=others).operations
    book = Book(f"no room for a file, store {'down' if is_down else 'up'}")

    def trial(fault: Fault) -> str:
        world = stage.fresh()
        (done,) = fork.run(world.folder, NIGHTLY, faults=[*others, fault]).done
        assert_one_line(done)
        assert done.code in ({7} if is_down else {0, 3}), done.err
        assert "No space left on device" in done.err  # in the error, or in the warning that a run goes on
        judge.mended(world, is_applied=not is_down)
        return f"exit {done.code}"

    for at, name in enumerate(operations):
        for side in sides_of(name) if name.startswith(FILES) else ():
            if side != "after":
                attempt(book, f"{side} {at}", name, partial(trial, Fault("full", at, side)))
    book.close(request)


# -- a real disk, and a small one


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a disk of our own, of two megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(folder)]
    made = mount and subprocess.run([mount, *options], capture_output=True, check=False).returncode == 0  # noqa: S603 - ours
    if not made:
        pytest.skip("no disk can be mounted here: that needs Linux and the right to do so")
    yield folder
    subprocess.run([str(shutil.which("umount")), str(folder)], check=True)  # noqa: S603 - as above


def fill(disk: Path, room: int) -> Path:
    """Fill a disk but for so many bytes; return what is to be taken away again."""
    ballast = disk / "ballast"
    ballast.write_bytes(b"\0" * (shutil.disk_usage(disk).free - room))
    return ballast


@pytest.mark.parametrize("kind", ["baseline", "nightly"])
def test_r2_a_disk_that_fills_up_under_a_run_is_told_and_made_good(
    fork: Fork, scenes: Scenes, small_disk: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    elsewhere, judge = scenes("sqlite", kind)
    stage = attrs.evolve(elsewhere, work=small_disk / "work")
    book = Book(f"disk full, sqlite, {kind}")
    codes: list[int] = []

    def trial(room: int) -> str:
        world = stage.fresh()
        ballast = fill(small_disk, room)
        (done,) = fork.run(world.folder, NIGHTLY).done
        codes.append(done.code)
        ballast.unlink()
        assert_one_line(done)
        assert done.code in {0, 3, 7}, done.err
        assert done.code == 0 or _tells_of_disk(done)
        judge.mended(world, is_applied=done.code in {0, 3})
        return f"exit {done.code}"

    room = 0
    while codes[-2:] != [0, 0]:
        attempt(book, f"room for {room} bytes", "room", partial(trial, room))
        room += 4096 * (1 if IS_FULL else 24)
        assert room < ROOM
    book.close(request)


def _tells_of_disk(done: Done) -> bool:
    return any(text in done.err for text in ("disk is full", "No space left on device", "disk I/O error"))
