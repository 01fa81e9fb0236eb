"""The audit file: whatever a crash left of it, the next run completes it (R14)."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from po_ingest.audit_chain import event_line
from po_ingest.errors import AuditError, ExitCode
from po_ingest.model import ChainedEvent
from po_ingest.settings import AuditSettings
from po_ingest_adapters.audit import jsonl
from po_ingest_adapters.audit.file import FileAuditSink, create
from support.trails import bring, chained, event, trail_of

TRAIL = trail_of(4)
WHOLE = b"".join(jsonl.line_of(each) for each in TRAIL)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


@given(st.integers(0, len(WHOLE)), st.sampled_from([b"", b"\0", b"\0" * 5_000]))
def test_r14_a_file_cut_at_any_byte_is_completed_with_every_event_once_and_in_order(left: int, zeros: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "audit.jsonl"
        at_line_end = left == 0 or WHOLE[left - 1 : left] == b"\n"
        path.write_bytes(WHOLE[:left] + (b"" if at_line_end else zeros))
        bring(FileAuditSink(path), TRAIL)
        assert path.read_bytes() == WHOLE


@settings(max_examples=40)  # each with several fsyncs
@given(st.lists(st.integers(0, 4), max_size=4), st.data())
def test_r14_crash_upon_crash_loses_and_doubles_nothing(stops: list[int], data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "audit.jsonl"
        sink = FileAuditSink(path)
        for stop in stops:
            bring(sink, TRAIL[:stop])
            if path.exists():
                size = path.stat().st_size
                path.write_bytes(path.read_bytes()[: data.draw(st.integers(0, size))])
        bring(sink, TRAIL)
        assert path.read_bytes() == WHOLE


@pytest.mark.parametrize("size", [1, 100, 65_536 - 700, 65_536, 200_000])
def test_r14_long_lines_are_found_from_the_files_end(path: Path, size: int) -> None:
    trail = chained([event(number, new_values={"x": "y" * size}) for number in range(1, 6)])
    sink = FileAuditSink(path)
    for end in range(6):
        bring(sink, trail[:end])
        assert sink.position() == end
    path.write_bytes(path.read_bytes()[:-1])
    assert sink.position() == 4
    bring(sink, trail)
    assert path.read_bytes() == b"".join(jsonl.line_of(each) for each in trail)


def test_lines_are_read_backwards_over_block_borders(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for block in range(1, 12):
        monkeypatch.setattr(jsonl, "_BLOCK", block)
        path.write_bytes(b"one\n\ntwo\nthree four\ntorn")
        with path.open("rb") as handle:
            end, torn = jsonl.complete_end(handle)
            assert (end, torn) == (20, b"torn")
            assert list(jsonl.lines_backwards(handle, end)) == [b"three four", b"two", b"", b"one"]


def test_the_folder_is_made_and_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "a b" / "logs" / "audit.jsonl"
    create(AuditSettings(file=path)).write(iter(TRAIL))
    assert path.read_bytes() == WHOLE
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content",
    [
        b"hello\n",
        b"hello",
        WHOLE + b"hello\n",
        WHOLE + b"hello",
        WHOLE + b"\n",
        WHOLE + b'{"id":5}\n',
        WHOLE + b"\xff\xfe\n",
        WHOLE + b'{"id":\xff}\n',
    ],
)
def test_r14_a_file_that_ends_with_something_else_is_refused_and_left_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    trail = trail_of(6)
    with pytest.raises(AuditError, match=r"audit\.jsonl .*nothing was overwritten") as raised:
        FileAuditSink(path).write(iter(trail))
    assert raised.value.exit_code == ExitCode.RESERVATION
    assert path.read_bytes() == content


def test_r14_the_position_in_a_file_of_something_else_is_refused(path: Path) -> None:
    path.write_bytes(b"hello\n")
    with pytest.raises(AuditError, match="no audit event"):
        FileAuditSink(path).position()


def test_r14_the_file_of_another_store_is_refused_and_left_as_it_is(path: Path) -> None:
    path.write_bytes(WHOLE)
    others = chained([event(number, reason="other") for number in range(1, 7)])
    with pytest.raises(AuditError, match=r"ends with event 4, on which event 5 .*audit verify"):
        bring(FileAuditSink(path), others)
    assert path.read_bytes() == WHOLE


def test_r14_a_file_that_cannot_be_written_is_named_with_the_cause_and_what_to_do(path: Path) -> None:
    path.mkdir()
    sink = FileAuditSink(path)
    for attempt in (sink.position, lambda: sink.write(iter(TRAIL))):
        with pytest.raises(
            AuditError, match=r"audit\.jsonl could not be (read|written): Is a directory; check"
        ) as raised:
            attempt()
        assert raised.value.exit_code == ExitCode.RESERVATION


def test_r14_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(AuditError, match=r"audit\.jsonl could not be written"):
        FileAuditSink(tmp_path / "logs" / "audit.jsonl").write(iter(TRAIL))


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are a POSIX feature")
def test_r14_a_disk_that_fills_up_in_the_middle_of_a_line_is_made_good_by_the_next_run(path: Path) -> None:
    import resource  # noqa: PLC0415 - not there on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    sink = FileAuditSink(path)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(WHOLE) - 100, hard))
    try:
        with pytest.raises(AuditError, match="File too large"):
            bring(sink, TRAIL)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == WHOLE[:-100]
    assert sink.position() == 3
    bring(sink, TRAIL)
    assert path.read_bytes() == WHOLE


def test_r14_a_store_that_breaks_off_leaves_whole_lines(path: Path) -> None:
    def breaking() -> Iterator[ChainedEvent]:
        yield from TRAIL[:2]
        raise RuntimeError("the store is gone")

    with pytest.raises(RuntimeError):
        FileAuditSink(path).write(breaking())
    assert path.read_bytes() == b"".join(jsonl.line_of(each) for each in TRAIL[:2])


def test_r14_two_runs_that_copy_at_once_write_every_event_once(path: Path) -> None:
    one, other = FileAuditSink(path), FileAuditSink(path)
    seen = one.position(), other.position()
    one.write(each for each in TRAIL if each.id > seen[0])
    other.write(each for each in TRAIL if each.id > seen[1])
    assert path.read_bytes() == WHOLE


def test_r14_a_file_that_another_process_keeps_locked_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "_LOCK_TIMEOUT", 0.05)
    with jsonl.locked(path), pytest.raises(AuditError, match="in use by another run"):
        FileAuditSink(path).write(iter(TRAIL))


# -- events that the file got while the store was down

TOLD = [event(3), event(4)]
SPOOLED = chained([event(number) for number in range(1, 7)], told=[each.event_id for each in TOLD])


def ids(path: Path) -> list[int | None]:
    return [json.loads(line)["id"] for line in path.read_text(encoding="utf-8").splitlines()]


def test_r14_events_that_the_file_has_from_the_spool_are_not_doubled(path: Path) -> None:
    sink = FileAuditSink(path)
    bring(sink, SPOOLED[:2])
    jsonl.append(path, TOLD)
    assert sink.position() == 2
    bring(sink, SPOOLED[:4])
    assert ids(path) == [1, 2, None, None]
    bring(sink, SPOOLED)
    assert ids(path) == [1, 2, None, None, 5, 6]


def test_r14_a_first_run_without_a_store_comes_first_in_the_file(path: Path) -> None:
    jsonl.append(path, TOLD)
    sink = FileAuditSink(path)
    assert sink.position() == 0
    bring(sink, SPOOLED)
    assert ids(path) == [None, None, 1, 2, 5, 6]


def test_r14_a_file_that_was_moved_away_is_written_anew_in_full(path: Path) -> None:
    bring(FileAuditSink(path), SPOOLED)
    assert ids(path) == [1, 2, 3, 4, 5, 6]
    assert path.read_text(encoding="utf-8").splitlines() == [event_line(each) for each in SPOOLED]


def test_r14_a_spooled_line_that_a_crash_tore_comes_again_with_its_delivery(path: Path) -> None:
    sink = FileAuditSink(path)
    bring(sink, SPOOLED[:2])
    jsonl.append(path, TOLD)
    path.write_bytes(path.read_bytes()[:-5])
    bring(sink, SPOOLED)
    assert ids(path) == [1, 2, None, 4, 5, 6]


def test_r14_an_altered_spooled_line_does_not_count_as_the_event(path: Path) -> None:
    path.write_bytes(WHOLE[:0] + b'{"id":null,"event_id":"x"}\n' + jsonl.line_of(SPOOLED[0]))
    bring(FileAuditSink(path), SPOOLED)
    assert [line.get("id") for line in map(json.loads, path.read_text(encoding="utf-8").splitlines())] == [
        None,
        *range(1, 7),
    ]
