"""The audit file under log rotation by other programs, and what is durable when a write has ended (R14)."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from po_ingest.audit_verify import verify
from po_ingest.errors import AuditError, ExitCode
from po_ingest.model import ChainedEvent
from po_ingest_adapters.audit import jsonl
from po_ingest_adapters.audit.file import FileAuditSink
from po_ingest_adapters.audit.spool import FileSpool
from support.trails import bring, chained, event, trail_of

TRAIL = trail_of(6)
TOLD = event(3)
SPOOLED = chained([event(number) for number in range(1, 7)], told=[TOLD.event_id])
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="a file that is open is neither moved nor cut there")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "audit.jsonl"


def rename(path: Path) -> None:
    path.rename(path.with_name("audit.jsonl.1"))


def rename_and_create(path: Path) -> None:
    rename(path)
    path.touch()


def copy_and_truncate(path: Path) -> None:
    shutil.copy(path, path.with_name("audit.jsonl.1"))
    os.truncate(path, 0)


ROTATIONS = [rename, rename_and_create, copy_and_truncate]
rotations = pytest.mark.parametrize("rotate", ROTATIONS, ids=lambda rotate: rotate.__name__)


def assert_whole(path: Path, trail: Sequence[ChainedEvent]) -> None:
    result = verify(trail, [], path.read_text("utf-8").splitlines(keepends=True))
    assert (result.faults, result.lines) == ((), len(trail))


@rotations
@pytest.mark.parametrize("at", range(1, 6))
def test_r14_after_a_rotation_the_next_run_writes_the_whole_trail_anew(
    path: Path, rotate: Callable[[Path], None], at: int
) -> None:
    sink = FileAuditSink(path)
    bring(sink, SPOOLED[:2])
    jsonl.append(path, [TOLD])
    bring(sink, SPOOLED[:at])
    rotate(path)
    bring(sink, SPOOLED)
    assert_whole(path, SPOOLED)


@rotations
def test_r14_a_rotation_between_spool_and_delivery_neither_loses_nor_doubles_an_event(
    path: Path, rotate: Callable[[Path], None]
) -> None:
    spool = FileSpool(path.with_name("audit.jsonl.spool"), path)
    bring(FileAuditSink(path), SPOOLED[:2])
    spool.put([TOLD])
    rotate(path)
    assert [told for _, told in spool.pending()] == [False]
    bring(FileAuditSink(path), SPOOLED)  # as if the rotation had come after the look
    assert_whole(path, SPOOLED)


@rotations
def test_r14_a_rotation_between_the_look_and_the_write_is_told_and_made_good_by_the_next_run(
    path: Path, rotate: Callable[[Path], None]
) -> None:
    sink = FileAuditSink(path)
    bring(sink, TRAIL[:3])
    position = sink.position()
    rotate(path)
    with pytest.raises(AuditError, match=r"moved away before event 4 .*writes it anew.*log rotation") as raised:
        sink.write(each for each in TRAIL if each.id > position)
    assert raised.value.exit_code == ExitCode.RESERVATION
    assert path.read_bytes() == b""
    bring(sink, TRAIL)
    assert_whole(path, TRAIL)


@posix_only
@rotations
@pytest.mark.parametrize("size", [10, 100_000])  # what is written waits in memory, or has reached the file
def test_r14_a_rotation_in_the_middle_of_a_write_is_told_and_never_taken_for_a_whole_file(
    path: Path, rotate: Callable[[Path], None], size: int
) -> None:
    trail = chained([event(number, new_values={"x": "y" * size}) for number in range(1, 7)])
    sink = FileAuditSink(path)
    bring(sink, trail[:2])

    def rotated_at(number: int) -> Iterator[ChainedEvent]:
        for each in trail[2:]:
            if each.id == number:
                rotate(path)
            yield each

    with pytest.raises(AuditError, match=r"moved or cut by another program while it was written") as raised:
        sink.write(rotated_at(5))
    assert raised.value.exit_code == ExitCode.RESERVATION
    if rotate is copy_and_truncate:  # the others leave no file behind that could be gone on with
        with pytest.raises(AuditError, match=r"does not begin with the first event .*move it aside"):
            bring(sink, trail)
        rename(path)
    bring(sink, trail)
    assert_whole(path, trail)


@pytest.mark.parametrize("cut", [1, 100, len(jsonl.line_of(TRAIL[0])), len(jsonl.line_of(TRAIL[0])) + 50])
def test_r14_a_file_that_lost_its_beginning_is_refused_and_left_as_it_is(path: Path, cut: int) -> None:
    sink = FileAuditSink(path)
    bring(sink, TRAIL[:4])
    rest = path.read_bytes()[cut:]
    path.write_bytes(rest)
    with pytest.raises(AuditError, match="does not begin with the first event"):
        sink.position()
    with pytest.raises(AuditError, match="does not begin with the first event"):
        sink.write(iter(TRAIL))
    assert path.read_bytes() == rest


# -- durable


class Synced:
    """Notes what is on the disk for good: for each file or folder what it held when it was last synced."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.content: dict[int, object] = {}
        real = os.fsync

        def fsync(descriptor: int) -> None:
            real(descriptor)
            self.content[os.fstat(descriptor).st_ino] = self._held(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)

    @staticmethod
    def _held(descriptor: int) -> object:
        name = Path(f"/proc/self/fd/{descriptor}")
        return {each.name for each in name.iterdir()} if name.is_dir() else name.read_bytes()

    def of(self, path: Path) -> object:
        return self.content.get(path.stat().st_ino)


linux_only = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to see what a file held")


@linux_only
def test_r14_what_was_written_is_durable_and_so_is_the_name_of_a_new_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Synced(monkeypatch)
    bring(FileAuditSink(path), TRAIL[:3])
    assert disk.of(path) == path.read_bytes()
    assert path.name in disk.of(path.parent)  # type: ignore[operator]  # a folder's names
    assert path.parent.name in disk.of(path.parent.parent)  # type: ignore[operator]  # as above
    bring(FileAuditSink(path), TRAIL)
    assert disk.of(path) == path.read_bytes()


@linux_only
def test_r14_what_was_spooled_is_durable_before_the_audit_file_is_told(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Synced(monkeypatch)
    spool = FileSpool(path.with_name("audit.jsonl.spool"), path)
    at_the_file: list[object] = []
    append = jsonl.append

    def noting(file: Path, events: list[object]) -> None:
        if file == path:
            at_the_file.append(disk.of(path.with_name("audit.jsonl.spool")))
        append(file, events)  # type: ignore[arg-type]  # events, whatever they are

    monkeypatch.setattr(jsonl, "append", noting)
    spool.put([TOLD])
    assert at_the_file == [jsonl.line_of(TOLD)]
    assert {"audit.jsonl", "audit.jsonl.spool"} <= disk.of(path.parent)  # type: ignore[operator]  # as above


@linux_only
def test_r14_what_stays_in_the_spool_is_durable_before_the_old_one_goes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = FileSpool(path.with_name("audit.jsonl.spool"), path)
    spool.put([TOLD])
    spool.pending()
    spool.put([event(4)])
    disk = Synced(monkeypatch)
    spool.clear()
    assert disk.of(path.with_name("audit.jsonl.spool")) == jsonl.line_of(event(4))


def refusing(number: int) -> Callable[[int], None]:
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").is_dir():
            raise OSError(number, os.strerror(number))
        real(descriptor)

    return fsync


@linux_only
def test_a_file_system_that_syncs_no_folders_is_no_hindrance(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", refusing(22))
    bring(FileAuditSink(path), TRAIL)
    assert_whole(path, TRAIL)


@linux_only
def test_r14_a_folder_that_cannot_be_made_durable_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", refusing(5))
    with pytest.raises(AuditError, match="Input/output error"):
        bring(FileAuditSink(path), TRAIL)


def test_on_windows_a_folder_is_left_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = path.parent / "nowhere"
    with monkeypatch.context() as windows:
        windows.setattr(os, "name", "nt")
        jsonl._sync_folder(nowhere)


def test_a_spool_half_written_anew_by_a_process_that_was_killed_does_not_stay(path: Path) -> None:
    spool = FileSpool(path.with_name("audit.jsonl.spool"), path)
    spool.put([TOLD])
    path.with_name("audit.jsonl.spool.new").write_bytes(b"{")
    spool.pending()
    spool.clear()
    assert [each.name for each in path.parent.iterdir() if each.suffix != ".lock"] == ["audit.jsonl"]
