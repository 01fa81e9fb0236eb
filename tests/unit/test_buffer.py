"""Row buffers."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from po_ingest.errors import PoIngestError
from po_ingest.ports import RowBuffer
from po_ingest_adapters.buffer import Chunk, DiskBuffer, MemoryBuffer
from support.driver_values import Silent

CHUNKS: list[Chunk] = [
    [("PO-1", 1, Decimal("1.500")), ("PO-1", 2, None)],
    [("\U0001f4e6", date(2026, 1, 31), datetime(2026, 1, 31, tzinfo=UTC))],
    [(b"\x00", 1.5, True)] * 3,
]
BUFFERS: dict[str, Callable[[], RowBuffer]] = {
    "memory": MemoryBuffer,
    "disk-not-needed": DiskBuffer,
    "disk-from-the-start": lambda: DiskBuffer(threshold_rows=0),
    "disk-midway": lambda: DiskBuffer(threshold_rows=2),
}


@pytest.fixture(params=list(BUFFERS))
def buffer(request: pytest.FixtureRequest) -> RowBuffer:
    return BUFFERS[request.param]()


def test_chunks_come_as_they_were_added_any_number_of_times(buffer: RowBuffer) -> None:
    assert list(buffer) == []
    for chunk in CHUNKS:
        buffer.append(list(chunk))
    assert list(buffer) == CHUNKS
    assert list(buffer) == CHUNKS
    buffer.close()


def test_readers_do_not_disturb_each_other_nor_what_is_added(buffer: RowBuffer) -> None:
    buffer.append(CHUNKS[0])
    first = iter(buffer)
    assert next(first) == CHUNKS[0]
    buffer.append(CHUNKS[1])
    second = iter(buffer)
    assert next(second) == CHUNKS[0]
    assert next(first) == CHUNKS[1]
    buffer.append(CHUNKS[2])
    assert list(second) == CHUNKS[1:]
    assert list(first) == CHUNKS[2:]
    buffer.close()


def test_a_closed_buffer_is_empty_and_can_be_closed_again(buffer: RowBuffer) -> None:
    buffer.append(CHUNKS[0])
    buffer.close()
    buffer.close()
    assert list(buffer) == []


@pytest.mark.parametrize(("threshold", "on_disk"), [(5, True), (6, False)])
def test_rows_above_the_threshold_go_to_the_disk(threshold: int, on_disk: bool) -> None:
    buffer = DiskBuffer(threshold_rows=threshold)
    for chunk in CHUNKS:
        buffer.append(chunk)
    assert buffer.is_on_disk is on_disk
    assert bool(buffer._chunks) is not on_disk  # what is on disk is not in memory too
    buffer.close()
    assert not buffer.is_on_disk


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps the file's name until it is closed")
def test_r16_the_file_has_no_name_and_only_its_owner_may_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    buffer = DiskBuffer(threshold_rows=0)
    buffer.append(CHUNKS[0])
    assert list(tmp_path.iterdir()) == []
    assert buffer._file is not None
    status = os.fstat(buffer._file.fileno())
    assert stat.S_IMODE(status.st_mode) == 0o600
    assert status.st_size > 0
    buffer.close()


def test_a_temporary_folder_that_is_gone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(PoIngestError, match="gone") as caught:
        DiskBuffer(threshold_rows=0).append(CHUNKS[0])
    assert "TMPDIR" in caught.value.hint


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full on this platform")
def test_a_full_disk_is_told_when_rows_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("/dev/full").open("w+b", buffering=0) as full:
        monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: full)
        buffer = DiskBuffer(threshold_rows=0)
        with pytest.raises(PoIngestError, match="No space left") as caught:
            buffer.append(CHUNKS[0])
        assert (caught.value.exit_code, caught.value.transient) == (1, False)
        buffer.close()


def test_rows_that_no_file_can_hold_stay_in_memory_in_their_order() -> None:
    buffer = DiskBuffer(threshold_rows=0)
    unkept: Chunk = [(memoryview(b"1"), Silent())]
    for chunk in (CHUNKS[0], unkept, CHUNKS[1]):
        buffer.append(chunk)
    for _ in range(2):
        first, second, third = buffer
        assert (first, third) == (CHUNKS[0], CHUNKS[1])
        assert second is unkept
    buffer.close()
    assert list(buffer) == []
