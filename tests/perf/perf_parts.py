"""What a first night costs a line, part by part, in microseconds: `nox -s perf -- tests/perf/perf_parts.py`.

Nights run in this process, so that imports do not count; of several the least is taken of each part. A part's time is
its own: what it calls that is a part too counts there.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from support import bench_erp as bench
from support.command_line import inside

LINES: Final = 20_000
REPEATS: Final = 5
WHOLE: Final = "all else"
PARTS: Final = {
    "fetching, hashing, sorting": "po_ingest.stages.snapshot:take",
    "reading what waited": "po_ingest.stages.snapshot:read",
    "cross-reference": "po_ingest.stages.xref:map_new",
    "batches": "po_ingest.stages.batches:reconstruct_new",
    "custom columns": "po_ingest.stages.custom_columns:populate_new",
    "counting": "po_ingest.stages.report:Tally.add",
    "lines, encoded and written": "po_ingest_adapters.store.bulk:BulkWriter.insert_columns",
    "first states, copied": "sqlalchemy:Connection.execute",
    "writer, the rest": "po_ingest_adapters.store.writer:DeltaWriter.apply",
    "commit": "sqlalchemy:RootTransaction.commit",
}


class Clock:
    """Counts the seconds of parts, each without those of the parts within it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._within: list[str] = []
        self._since = 0.0

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        self._switch()
        self._within.append(name)
        try:
            yield
        finally:
            self._switch()
            self._within.pop()

    def _switch(self) -> None:
        now = time.perf_counter()
        if self._within:
            self.seconds[self._within[-1]] += now - self._since
        self._since = now

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the function takes
            with self.part(name):
                return function(*arguments, **named)

        return call


def watch(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the clock count what each of the parts takes."""
    for name, place in PARTS.items():
        module, _, path = place.partition(":")
        *holders, last = path.split(".")
        holder: Any = importlib.import_module(module)
        for each in holders:
            holder = getattr(holder, each)
        monkeypatch.setattr(holder, last, clock.timed(name, getattr(holder, last)))


def first_night(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Return the seconds of a first night, part by part."""
    for path in folder.glob("po-ingest.db*"):
        path.unlink()
    clock = Clock()
    with monkeypatch.context() as patched:
        patched.chdir(folder)
        watch(clock, patched)
        with clock.part(WHOLE):
            assert inside("nightly").code == 0
    return clock.seconds


def test_what_a_first_night_costs_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.make(tmp_path / "erp.db", LINES)
    bench.config(tmp_path)
    nights = [first_night(tmp_path, monkeypatch) for _ in range(REPEATS)]
    least = {name: min(night[name] for night in nights) * 1e6 / LINES for name in (*PARTS, WHOLE)}
    with capsys.disabled():
        sys.stdout.write(f"\nmicroseconds a line, a first night of {LINES:,} lines\n")
        sys.stdout.writelines(f"{name:28}{microseconds:7.1f}\n" for name, microseconds in least.items())
        sys.stdout.write(f"{'sum':28}{sum(least.values()):7.1f}\n")
    assert all(least.values())  # a part that took no time was not called: it has another name by now
