"""The fold: random histories of nights against the obvious model, over the in-memory store (R1-R11, R17-R19)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from unittest.mock import patch

import attrs
import pytest
from hypothesis import HealthCheck, given, settings

from po_ingest.fields import BY_NAME, from_text
from po_ingest.stages import snapshot
from po_ingest_adapters.failing import FailurePlan
from po_ingest_adapters.store.memory import MemoryStore
from support.nights import TELLING, Night, bulk_histories, histories
from support.obvious_model import SLOTS, Key
from support.replay import Replay

OFTEN = settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SELDOM = settings(OFTEN, max_examples=60)


@attrs.frozen
class MemoryProbe:
    """Looks into the in-memory store."""

    store: MemoryStore

    def dump(self) -> object:
        return self.store.version, self.store.tables.copy()

    def rejected(self, run_id: int) -> list[Mapping[str, Any]]:
        return [attrs.asdict(row) for run, row in self.store.tables.rejected if run == run_id]

    def edit(self, key: Key, slot: str, value: str | None, source: str | None) -> None:
        (line,) = [line for line in self.store.tables.lines.values() if line.key == key]
        slots, sources = list(line.slots), dict(line.sources)
        sources.pop(slot, None)
        if source is not None:
            slots[SLOTS.index(slot)] = from_text(BY_NAME[slot].kind, value)
            sources[slot] = source
        self.store.tables.lines[line.id] = attrs.evolve(
            line,
            slots=tuple(slots),
            sources=sources,
            source_quality="mixed" if "user" in sources.values() else "erp",
        )


def play(history: Sequence[Night]) -> None:
    plan = FailurePlan()
    store = MemoryStore(plan=plan)
    with patch.object(snapshot, "PARTITION", 3):  # even these few lines go over the border of a partition
        Replay(store=store, probe=MemoryProbe(store), plan=plan).play(history)


@pytest.mark.timeout(600)  # a failing history is made small first
@OFTEN
@given(histories)
def test_r1_to_r19_whatever_happens_the_store_is_as_the_obvious_model_says(history: list[Night]) -> None:
    play(history)


@pytest.mark.timeout(600)  # as above
@SELDOM
@given(bulk_histories)
def test_r7_around_their_limits_the_guards_do_as_the_obvious_model_says(history: list[Night]) -> None:
    play(history)


@pytest.mark.parametrize("name", TELLING)
def test_r1_to_r19_in_a_telling_history_the_store_is_as_the_obvious_model_says(name: str) -> None:
    play(TELLING[name])
