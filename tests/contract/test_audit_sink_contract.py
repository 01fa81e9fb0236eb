"""What every audit sink promises, and with it what the audit file promises (R14)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import attrs
import pytest

from po_ingest.audit_chain import GENESIS, event_of, parse_line
from po_ingest.errors import AuditError, StoreError
from po_ingest.model import AuditEvent, ChainedEvent
from po_ingest.ports import AuditSink
from po_ingest_adapters.audit.fanout import FanOut
from po_ingest_adapters.audit.file import FileAuditSink
from po_ingest_adapters.audit.memory import MemoryAuditSink
from po_ingest_adapters.audit.store import StoreAuditSink
from po_ingest_adapters.failing import FailurePlan
from po_ingest_adapters.store.memory import MemoryStore
from support.trails import bring, chained, event, trail_of


@attrs.frozen
class Kind:
    """A sink, what it holds, and a way to have its next write fail."""

    sink: AuditSink
    held: Callable[[], list[AuditEvent]]
    fail_next: Callable[[], None]


class Breaking:
    """Events that end with an error of the operating system, as a disk that is full does."""

    def __init__(self, sink: AuditSink) -> None:
        self._sink = sink
        self.is_broken = False

    def position(self) -> int:
        return self._sink.position()

    def write(self, events: Iterable[ChainedEvent]) -> None:
        self._sink.write(self._some(events) if self.is_broken else events)

    def _some(self, events: Iterable[ChainedEvent]) -> Iterator[ChainedEvent]:
        self.is_broken = False
        for number, each in enumerate(events):
            if number == 1:
                raise OSError(28, os.strerror(28))
            yield each


def file_events(path: Path) -> list[AuditEvent]:
    if not path.exists():
        return []
    return [event_of(parse_line(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def memory(_folder: Path) -> Kind:
    plan = FailurePlan()
    sink = MemoryAuditSink(plan)

    def held() -> list[AuditEvent]:
        return [each.event if isinstance(each, ChainedEvent) else each for each in sink.events]

    return Kind(sink, held, lambda: plan.fail_at(plan.count("write") + 2, AuditError("the sink is full"), "write"))


def file(folder: Path) -> Kind:
    path = folder / "logs" / "audit.jsonl"
    breaking = Breaking(FileAuditSink(path))
    return Kind(breaking, lambda: file_events(path), lambda: setattr(breaking, "is_broken", True))


def store(_folder: Path) -> Kind:
    plan = FailurePlan()
    target = MemoryStore(plan)

    def held() -> list[AuditEvent]:
        with target.read() as view:
            return [each.event for each in view.audit_events()]

    return Kind(StoreAuditSink(target), held, lambda: plan.fail_next(StoreError("the store is full"), "record"))


def fan_out(folder: Path) -> Kind:
    kinds = [memory(folder), file(folder), store(folder)]

    def held() -> list[AuditEvent]:
        first, *others = (kind.held() for kind in kinds)
        assert all(other == first for other in others)
        return first

    return Kind(FanOut([kind.sink for kind in kinds]), held, kinds[1].fail_next)


@pytest.fixture(params=[memory, file, store, fan_out], ids=lambda make: make.__name__)
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Kind:
    made = request.param(tmp_path)
    assert isinstance(made, Kind)
    return made


def plain(trail: Sequence[ChainedEvent]) -> list[AuditEvent]:
    return [each.event for each in trail]


def test_r14_a_new_sink_stands_at_the_beginning(kind: Kind) -> None:
    assert kind.sink.position() == 0


def test_r14_a_sink_has_every_event_in_its_order(kind: Kind) -> None:
    trail = trail_of(5)
    kind.sink.write(iter(trail))
    assert kind.held() == plain(trail)
    assert kind.sink.position() == 5


def test_r14_a_sink_that_is_up_to_date_gets_nothing_more(kind: Kind) -> None:
    trail = trail_of(5)
    for _ in range(3):
        bring(kind.sink, trail)
    assert kind.held() == plain(trail)


def test_r14_events_that_are_offered_again_are_not_doubled(kind: Kind) -> None:
    trail = trail_of(5)
    kind.sink.write(iter(trail[:3]))
    kind.sink.write(iter(trail))
    assert kind.held() == plain(trail)


def test_r14_a_sink_that_fails_is_completed_by_the_next_run(kind: Kind) -> None:
    trail = trail_of(8)
    bring(kind.sink, trail[:2])
    kind.fail_next()
    with pytest.raises(AuditError):
        bring(kind.sink, trail[:5])
    bring(kind.sink, trail)
    assert kind.held() == plain(trail)


def test_r14_ids_with_gaps_lose_nothing(kind: Kind) -> None:
    trail = chained([event(number) for number in range(1, 7)], first_id=4, step=3)
    bring(kind.sink, trail[:2])
    bring(kind.sink, trail)
    assert kind.held() == plain(trail)


def test_nothing_to_write_creates_nothing(kind: Kind, tmp_path: Path) -> None:
    kind.sink.write(iter(()))
    assert not list(tmp_path.iterdir())
    assert kind.sink.position() == 0


def test_r14_a_copy_in_a_store_has_the_hashes_of_the_original() -> None:
    target = MemoryStore()
    trail = chained([event(number) for number in range(1, 7)], first_id=4, step=3)
    bring(StoreAuditSink(target), trail)
    with target.read() as view:
        copies = list(view.audit_events())
    assert copies[0].previous_hash == GENESIS
    assert [each.hash for each in copies] == [each.hash for each in trail]


def test_a_copy_in_a_store_that_cannot_be_read_says_so() -> None:
    plan = FailurePlan()
    sink = StoreAuditSink(MemoryStore(plan))
    sink.write(iter(trail_of(1)))
    plan.fail_next(StoreError("the store is gone", hint="start it"))
    with pytest.raises(AuditError, match=r"copy in a store.*the store is gone; start it"):
        sink.position()


# -- fan-out


class Deaf:
    """A sink that cannot even tell where it stands."""

    def position(self) -> int:
        raise AuditError("deaf", hint="speak up")

    def write(self, events: Iterable[ChainedEvent]) -> None:
        raise NotImplementedError


def test_r14_sinks_at_different_positions_each_get_what_they_lack() -> None:
    trail = trail_of(2_500)
    behind, ahead, new = MemoryAuditSink(), MemoryAuditSink(), MemoryAuditSink()
    bring(behind, trail[:100])
    bring(ahead, trail[:2_000])
    both = FanOut([behind, ahead])
    assert both.position() == 100
    bring(FanOut([behind, ahead, new]), trail)
    assert behind.events == ahead.events == new.events == trail


def test_r14_one_failing_sink_keeps_no_other_from_its_events() -> None:
    trail = trail_of(2_500)
    plan = FailurePlan()
    first, last = MemoryAuditSink(plan), MemoryAuditSink()
    plan.fail_at(1_500, AuditError("disk full"), "write")
    both = FanOut([first, Deaf(), last])
    with pytest.raises(AuditError, match=r"2 of 3 copies .*deaf; disk full") as raised:
        bring(both, trail)
    assert raised.value.details == ("deaf; speak up", "disk full")
    assert last.events == trail
    assert first.events == trail[:1_499]


def test_r14_a_single_failure_is_told_as_it_is() -> None:
    with pytest.raises(AuditError, match=r"^deaf; speak up$"):
        bring(FanOut([MemoryAuditSink(), Deaf()]), trail_of(1))


def test_r14_a_fan_out_of_none_that_works_says_so() -> None:
    with pytest.raises(AuditError, match="2 of 2"):
        FanOut([Deaf(), Deaf()]).position()
    with pytest.raises(AuditError, match="2 of 2"):
        FanOut([Deaf(), Deaf()]).write(iter(trail_of(1)))


def test_a_fan_out_to_nowhere_is_always_up_to_date() -> None:
    sink = FanOut([])
    sink.write(iter(trail_of(1)))
    assert sink.position() == 0


def test_a_strangers_sink_that_lets_an_error_of_the_system_through_is_told_too() -> None:
    plan = FailurePlan()
    plan.fail_next(OSError(28, "No space left on device"), "write")
    with pytest.raises(AuditError, match=r"1 of 1 copies .*No space left"):
        bring(FanOut([MemoryAuditSink(plan)]), trail_of(1))
