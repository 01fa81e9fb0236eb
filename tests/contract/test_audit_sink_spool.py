"""Events wait in the spool while the store is down, and are delivered once each (R14)."""

from __future__ import annotations

import stat
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from po_ingest.audit_verify import verify
from po_ingest.errors import AuditError
from po_ingest.ports import Spool
from po_ingest_adapters.audit import jsonl
from po_ingest_adapters.audit.file import FileAuditSink
from po_ingest_adapters.audit.memory import MemoryAuditSink, MemorySpool
from po_ingest_adapters.audit.spool import FileSpool
from po_ingest_adapters.failing import FailurePlan
from support.trails import bring, chained, event

EVENTS = [event(1), event(2), event(3)]
KEPT = [attrs.evolve(each, run_id=None) for each in EVENTS]


def file_spool(folder: Path) -> FileSpool:
    return FileSpool(folder / "logs" / "audit.jsonl.spool", folder / "logs" / "audit.jsonl")


def memory_spool(_folder: Path) -> MemorySpool:
    return MemorySpool(MemoryAuditSink())


@pytest.fixture(params=[file_spool, memory_spool], ids=["file", "memory"])
def spool(request: pytest.FixtureRequest, tmp_path: Path) -> Spool:
    make: Callable[[Path], Spool] = request.param
    return make(tmp_path)


def test_r14_a_new_spool_is_empty(spool: Spool) -> None:
    assert spool.pending() == []
    spool.clear()
    spool.put([])
    assert spool.pending() == []


def test_r14_events_wait_in_their_order_without_their_runs_id_and_are_in_the_file_at_once(spool: Spool) -> None:
    spool.put(EVENTS[:2])
    spool.put(EVENTS[2:])
    assert spool.pending() == [(each, True) for each in KEPT]
    assert spool.pending() == [(each, True) for each in KEPT]


def test_r14_delivered_events_are_forgotten(spool: Spool) -> None:
    spool.put(EVENTS)
    spool.pending()
    spool.clear()
    assert spool.pending() == []
    spool.put(EVENTS[:1])
    assert spool.pending() == [(KEPT[0], True)]


def test_r14_events_that_came_after_the_look_stay(spool: Spool) -> None:
    spool.put(EVENTS[:1])
    spool.pending()
    spool.put(EVENTS[1:])
    spool.clear()
    assert [each for each, _ in spool.pending()] == KEPT[1:]
    spool.clear()
    assert spool.pending() == []


def test_r14_clearing_without_a_look_forgets_nothing(spool: Spool) -> None:
    spool.put(EVENTS)
    spool.clear()
    assert [each for each, _ in spool.pending()] == KEPT


def test_r14_an_event_put_twice_waits_once(spool: Spool) -> None:
    spool.put(EVENTS[:2])
    spool.put(EVENTS[1:])
    assert [each for each, _ in spool.pending()] == KEPT


# -- in memory


def test_a_spool_in_memory_knows_when_the_sink_could_not_be_told() -> None:
    plan = FailurePlan()
    spool = MemorySpool(MemoryAuditSink(plan))
    plan.fail_next(AuditError("disk full"), "tell")
    spool.put(EVENTS)
    assert spool.pending() == [(each, False) for each in KEPT]
    assert MemorySpool().pending() == []


def test_a_spool_in_memory_goes_on_knowing_that_events_were_told_which_are_put_again() -> None:
    plan = FailurePlan()
    spool = MemorySpool(MemoryAuditSink(plan))
    spool.put(EVENTS)
    plan.fail_next(AuditError("disk full"), "tell")
    spool.put(EVENTS)
    assert spool.pending() == [(each, True) for each in KEPT]


def test_a_spool_in_memory_without_a_sink_has_told_nobody() -> None:
    spool = MemorySpool()
    spool.put(EVENTS)
    assert spool.pending() == [(each, False) for each in KEPT]


# -- in a file


def test_r14_the_spool_survives_its_process(tmp_path: Path) -> None:
    file_spool(tmp_path).put(EVENTS)
    again = file_spool(tmp_path)
    assert again.pending() == [(each, True) for each in KEPT]
    again.clear()
    assert sorted(each.name for each in (tmp_path / "logs").iterdir() if each.suffix != ".lock") == ["audit.jsonl"]


def test_the_spool_is_its_owners_alone(tmp_path: Path) -> None:
    spool = file_spool(tmp_path)
    spool.put(EVENTS[:1])
    spool.pending()
    spool.put(EVENTS[1:])
    spool.clear()  # writes it anew
    path = tmp_path / "logs" / "audit.jsonl.spool"
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes() == b"".join(map(jsonl.line_of, EVENTS[1:]))


SPOOLED = b"".join(map(jsonl.line_of, EVENTS))


@settings(max_examples=40)  # each with several fsyncs
@given(st.integers(0, len(SPOOLED)))
def test_r14_a_torn_last_line_of_the_spool_costs_no_other_event(left: int) -> None:
    with TemporaryDirectory() as folder:
        spool = file_spool(Path(folder))
        spool.put(EVENTS)
        path = Path(folder) / "logs" / "audit.jsonl.spool"
        path.write_bytes(SPOOLED[:left])
        whole = SPOOLED[:left].count(b"\n")
        assert [each for each, _ in spool.pending()] == KEPT[:whole]
        spool.put([event(9)])
        assert [each.event_id for each, _ in spool.pending()] == [
            *(each.event_id for each in KEPT[:whole]),
            event(9).event_id,
        ]


@settings(max_examples=40)  # each with several fsyncs
@given(st.integers(0, len(SPOOLED)))
def test_r14_a_crash_while_the_file_is_told_neither_loses_nor_doubles_an_event(left: int) -> None:
    with TemporaryDirectory() as folder:
        spool = file_spool(Path(folder))
        spool.put(EVENTS)
        path = Path(folder) / "logs" / "audit.jsonl"
        path.write_bytes(SPOOLED[:left])
        pending = spool.pending()
        trail = chained([each for each, _ in pending], told=[each.event_id for each, told in pending if told])
        bring(FileAuditSink(path), trail)
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        assert len(lines) == len(EVENTS)
        assert not verify(trail, [], lines).faults


def test_r14_an_audit_file_that_cannot_be_written_keeps_no_event_from_the_spool(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "logs" / "audit.jsonl").mkdir(parents=True)
    spool = file_spool(tmp_path)
    spool.put(EVENTS)
    assert "audit.jsonl could not be written" in caplog.text
    # Whether the file has them cannot be known: the file sink looks itself before it skips an event.
    assert spool.pending() == [(each, True) for each in KEPT]
    (tmp_path / "logs" / "audit.jsonl").rmdir()
    assert spool.pending() == [(each, False) for each in KEPT]


def test_r14_events_of_which_nobody_knows_whether_the_file_has_them_are_written(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "audit.jsonl"
    path.mkdir(parents=True)
    spool = file_spool(tmp_path)
    spool.put(EVENTS)
    trail = chained([each for each, _ in spool.pending()], told=[each.event_id for each in EVENTS])
    path.rmdir()
    bring(FileAuditSink(path), trail)
    assert not verify(trail, [], path.read_text(encoding="utf-8").splitlines(keepends=True)).faults


@pytest.mark.parametrize("content", [b"nonsense\n", b"\xff\n", jsonl.line_of(event(1)).replace(b"Z", b"")])
def test_a_spool_of_something_else_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    spool = file_spool(tmp_path)
    path = tmp_path / "logs" / "audit.jsonl.spool"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(AuditError, match=r"audit\.jsonl\.spool holds something that is no audit event"):
        spool.pending()
    assert path.read_bytes() == content


def test_a_spool_that_cannot_be_read_written_or_cleared_is_named(tmp_path: Path) -> None:
    spool = file_spool(tmp_path)
    path = tmp_path / "logs" / "audit.jsonl.spool"
    spool.put(EVENTS)
    spool.pending()
    path.unlink()
    path.mkdir()
    for attempt in (spool.pending, spool.clear, lambda: spool.put(EVENTS)):
        with pytest.raises(AuditError, match=r"audit\.jsonl\.spool could not be"):
            attempt()


def test_a_spool_whose_folder_is_gone_cannot_be_cleared(tmp_path: Path) -> None:
    spool = file_spool(tmp_path)
    spool.put(EVENTS)
    spool.pending()
    logs = tmp_path / "logs"
    logs.rename(tmp_path / "elsewhere")
    logs.write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(AuditError, match=r"audit\.jsonl\.spool could not be cleared"):
        spool.clear()


def test_r14_a_failed_put_keeps_nothing_and_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "logs" / "audit.jsonl.spool").mkdir(parents=True)
    with pytest.raises(AuditError):
        file_spool(tmp_path).put(EVENTS)
    assert not (tmp_path / "logs" / "audit.jsonl").exists()


def test_r14_a_spool_in_memory_can_be_told_to_fail() -> None:
    plan = FailurePlan()
    spool = MemorySpool(failures=plan)
    for name in ("put", "pending", "clear"):
        plan.fail_next(AuditError(name), name)
    attempts: list[Callable[[], object]] = [lambda: spool.put(EVENTS), spool.pending, spool.clear]
    for attempt in attempts:
        with pytest.raises(AuditError):
            attempt()
    assert spool.pending() == []
