"""A machine that loses its power: whatever of the files had reached the disk, one more run makes it good (R2, R14)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Final

import attrs
import pytest

from support.fault_hooks import STORE
from support.fault_points import Fault
from support.fault_world import DOWN, Stage
from support.fork_server import NIGHTLY, Fork
from support.matrix import IS_FULL, LIMIT, SIDES, Book, Judge, attempt

pytestmark = LIMIT
Scenes = Callable[[str, str], tuple[Stage, Judge]]
PAGE: Final = 8192
WAL_HEADER: Final = 32
FRAME: Final = 24 + PAGE
AUDIT: Final = "logs/audit.jsonl"
Change = Callable[[Path], object]


@attrs.frozen
class Film:
    """A night, and its files as they were whenever one of them had changed."""

    operations: tuple[str, ...]
    copies: list[Path]

    def after_last(self, operation: str) -> Path:
        """Return the files as they were after the last operation of this name."""
        at = max(at for at, name in enumerate(self.operations) if name == operation)
        return next(copy for copy in self.copies if copy.name == f"{at:04}-after")

    def operation(self, copy: Path) -> str:
        return self.operations[int(copy.name[:4])]


def filmed(fork: Fork, stage: Stage, folder: Path) -> Film:
    """Run a night, and copy its files before and after each thing it does, whenever they have changed."""
    faults = [Fault("copy", 0, side, is_lasting=True, to=str(folder)) for side in SIDES]
    outcome = fork.run(stage.fresh().folder, NIGHTLY, faults=faults)
    assert outcome.done[0].code == 0
    return Film(outcome.operations, sorted(folder.iterdir()))


def some(values: list[int], count: int) -> list[int]:
    """Return all values, or about so many of them, first and last too."""
    if IS_FULL or len(values) <= count:
        return values
    return sorted({*values[:: -(-len(values) // (count - 1))], values[-1]})


def mended(stage: Stage, judge: Judge, copy: Path, change: Change, *, is_applied: bool | None) -> str:
    """Put up a copy, changed as the loss of power may have left it, and require that one more run makes it good."""
    world = stage.again(copy)
    change(world.folder)
    was_applied, lost = judge.mended(world, is_applied=is_applied)
    return "applied" if was_applied else "abandoned" if lost else "not begun"


@pytest.mark.parametrize("kind", ["baseline", "nightly"])
def test_r2_a_run_goes_on_from_the_files_of_any_moment(
    fork: Fork, scenes: Scenes, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    stage, judge = scenes("sqlite", kind)
    film = filmed(fork, stage, tmp_path / "copies")
    sides = 2 * len(film.operations)
    book = Book(f"power lost at any of {sides} moments, which leave different files {len(film.copies)} times, {kind}")
    for at in some(list(range(len(film.copies))), 5):
        copy = film.copies[at]
        trial = partial(mended, stage, judge, copy, lambda _: None, is_applied=None)
        attempt(book, copy.name, film.operation(copy), trial)
    book.close(request)


@pytest.mark.parametrize("faults", [(), DOWN], ids=["store up", "store down"])
def test_r14_what_is_written_is_synced_before_anything_else_is_done(
    fork: Fork, scenes: Scenes, faults: tuple[Fault, ...]
) -> None:
    stage, _ = scenes("sqlite", "nightly")
    operations = fork.run(stage.fresh().folder, NIGHTLY, faults=faults).operations
    followed = list(pairwise(operations))
    for file in ("audit", "spool") if faults else ("audit",):
        after_a_write = {after for before, after in followed if before == f"{file} write"}
        assert after_a_write - {f"{file} write"} == {f"{file} fsync"}
    if not faults:
        begun = [before for before, after in followed if after.startswith("sql BEGIN IMMEDIATE")]
        assert set(begun) <= {"sql PRAGMA synchronous=FULL", "sql PRAGMA read_uncommitted"}
        assert operations.count("sql PRAGMA synchronous=FULL") == operations.count("sql BEGIN IMMEDIATE")


def cut(file: str, size: int, tail: bytes, folder: Path) -> None:
    path = folder / file
    path.write_bytes(path.read_bytes()[:size] + tail)


@pytest.mark.parametrize("kind", ["baseline", "nightly"])
def test_r2_a_commit_of_which_only_a_part_reached_the_disk_has_not_happened(
    fork: Fork, scenes: Scenes, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    stage, judge = scenes("sqlite", kind)
    copy = filmed(fork, stage, tmp_path / "copies").after_last("sql COMMIT")
    wal = f"{STORE}-wal"
    whole = (copy / wal).stat().st_size
    frames = (whole - WAL_HEADER) // FRAME
    assert whole == WAL_HEADER + frames * FRAME
    assert frames > 3
    book = Book(f"power lost in the commit, its WAL of {frames} frames cut off, {kind}")
    sizes = {
        "at a frame": [0, *(WAL_HEADER + number * FRAME for number in range(frames))],
        "in a frame": [7, *(WAL_HEADER + number * FRAME + FRAME // 2 for number in range(frames)), whole - 1],
    }
    for how, ends in sizes.items():
        for size in some(ends, 3):
            trial = partial(mended, stage, judge, copy, partial(cut, wal, size, b""), is_applied=False)
            attempt(book, f"{size} bytes", how, trial)
            if size:
                rest = partial(cut, wal, size, b"\0" * (whole - size))
                trial = partial(mended, stage, judge, copy, rest, is_applied=False)
                attempt(book, f"{size} bytes, then zeros", f"{how}, then zeros", trial)
    attempt(book, "all", "whole", partial(mended, stage, judge, copy, lambda _: None, is_applied=True))
    book.close(request)


@pytest.mark.parametrize("kind", ["baseline", "nightly"])
def test_r2_a_store_into_which_only_a_part_of_the_wal_was_brought_is_whole(
    fork: Fork, scenes: Scenes, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    stage, judge = scenes("sqlite", kind)
    film = filmed(fork, stage, tmp_path / "copies")
    committed = film.after_last("sql COMMIT")
    old = (committed / STORE).read_bytes()
    later = [copy for copy in film.copies if copy.name > committed.name]
    new = next(content for content in ((copy / STORE).read_bytes() for copy in later) if content != old)
    book = Book(f"power lost while the WAL is brought into the store of {len(new) // PAGE} pages, {kind}")

    def torn(size: int, folder: Path) -> None:
        (folder / STORE).write_bytes(new[:size] + old[size:])

    for size in some([*range(0, len(new), PAGE), *range(PAGE // 2, len(new), PAGE)], 3):
        trial = partial(mended, stage, judge, committed, partial(torn, size), is_applied=True)
        attempt(book, f"{size} bytes", "in a page" if size % PAGE else "at a page", trial)
    book.close(request)


def test_r14_an_audit_file_that_lost_its_end_is_completed(
    fork: Fork, scenes: Scenes, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    stage, judge = scenes("sqlite", "nightly")
    before = (stage.template.folder / AUDIT).stat().st_size
    world = stage.fresh()
    assert fork.run(world.folder, NIGHTLY).done[0].code == 0
    copy = shutil.copytree(world.folder, tmp_path / "whole")
    content = (copy / AUDIT).read_bytes()
    ends = [at + 1 for at in range(before, len(content)) if content[at : at + 1] == b"\n"]
    book = Book(f"power lost while {len(ends)} lines are written to the audit file")
    sizes = {
        "at a line": [before, *ends],
        "before a line's end": [end - 1 for end in ends],
        "in a line": [end - 60 for end in ends],
        "in a line's start": [end + 3 for end in ends[:-1]],
    }
    for how, cuts in sizes.items():
        for size in some(cuts, 2):
            tails = {how: b"", f"{how}, then zeros": b"\0" * (len(content) - size)}
            for name, tail in tails.items() if how.startswith("in") else [(how, b"")]:
                trial = partial(mended, stage, judge, copy, partial(cut, AUDIT, size, tail), is_applied=True)
                attempt(book, f"{size} bytes", name, trial)
    spool = f"{AUDIT}.spool"
    back = partial(_put_back, stage.template.folder / spool, spool)
    attempt(book, "spool", "spool back", partial(mended, stage, judge, copy, back, is_applied=True))
    book.close(request)


def _put_back(source: Path, name: str, folder: Path) -> None:
    """Have a file back that was deleted: the deletion had not reached the disk."""
    shutil.copy(source, folder / name)
