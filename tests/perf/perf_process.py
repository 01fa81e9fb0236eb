"""Whole-process figures of a night beside the row floor, at 5,000 and 500,000 lines of 30 columns.

Run by `nox -s perf` (or `pytest tests/perf/perf_process.py`); prints one table. Ratios are of medians in one run, since
machines differ; the limits are those that the project has set itself.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from support import bench_erp as bench
from support.measuring import Figures, measure

SIZES = [int(size) for size in os.environ.get("PO_INGEST_PERF_LINES", "5000,500000").split(",")]
FLOOR = Path(__file__).with_name("floor.py")
LARGE = 100_000
LIMIT_RATIO, LIMIT_MEGABYTES, LIMIT_CPU_5000 = 2.5, 500, 0.8


def median(figures: Sequence[Figures]) -> Figures:
    return Figures(*(statistics.median(getattr(each, name) for each in figures) for name in ("wall", "cpu", "memory")))


def nightly(folder: Path) -> Figures:
    return measure([sys.executable, "-m", "po_ingest", "nightly"], folder)


def floor(folder: Path) -> Figures:
    return measure([sys.executable, str(FLOOR), "erp.db", "floor.db"], folder)


def first_night(folder: Path) -> tuple[Figures, Figures]:
    """Measure (po-ingest, floor) of a baseline: each begins a store of its own."""
    for path in (*folder.glob("po-ingest.db*"), *folder.glob("floor.db*")):
        path.unlink()
    shutil.rmtree(folder / "logs", ignore_errors=True)
    return nightly(folder), floor(folder)


def night(folder: Path, repeats: int) -> dict[str, tuple[Figures, Figures]]:
    """Measure (po-ingest, floor) of baselines, unchanged nights and nights with 2 % of the lines changed."""
    first = [first_night(folder) for _ in range(repeats)]
    results = {}
    unchanged = [(nightly(folder), floor(folder)) for _ in range(repeats)]
    changed = []
    for number in range(repeats):
        bench.change(folder / "erp.db", 0.02, number)
        changed.append((nightly(folder), floor(folder)))
    for name, pairs in (("baseline", first), ("unchanged", unchanged), ("2 % changed", changed)):
        results[name] = (median([ours for ours, _ in pairs]), median([theirs for _, theirs in pairs]))
    return results


def shown(lines: int, results: dict[str, tuple[Figures, Figures]], sizes: dict[str, float]) -> str:
    """Return the figures as a table."""
    text = [f"\n{lines:,} lines      wall s    cpu s   peak MB   | floor: wall s   cpu s   peak MB | cpu ratio"]
    text += [
        f"{name:12} {ours.wall:10.2f} {ours.cpu:8.2f} {ours.memory:9.0f}   |"
        f" {least.wall:13.2f} {least.cpu:7.2f} {least.memory:9.0f} | {ours.cpu / least.cpu:9.2f}"
        for name, (ours, least) in results.items()
    ]
    return "\n".join([*text, "  ".join(f"{name} {size:.0f} MB" for name, size in sizes.items()), ""])


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("lines", SIZES)
def test_a_night_beside_the_row_floor(lines: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench.make(tmp_path / "erp.db", lines)
    bench.config(tmp_path)
    results = night(tmp_path, repeats=3 if lines >= LARGE else 5)
    sizes = {name: (tmp_path / name).stat().st_size / 2**20 for name in ("erp.db", "po-ingest.db", "floor.db")}
    with capsys.disabled():
        sys.stdout.write(shown(lines, results, sizes))
    for name, (ours, least) in results.items():
        if lines >= LARGE:
            assert ours.cpu <= LIMIT_RATIO * least.cpu, name
            assert ours.memory <= LIMIT_MEGABYTES, name
        else:
            assert ours.cpu <= LIMIT_CPU_5000, name
