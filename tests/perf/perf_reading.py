"""What the reading commands take on a store of a thousand runs and 500,000 lines; and `--help` beside bare Python.

Run by `nox -s perf` (or `pytest tests/perf/perf_reading.py`); prints one table. The limits are those that the project
has set itself, in CPU seconds where it means a machine without other work. `PO_INGEST_PERF_STORE` names a folder where
the store stays for the next time.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from support import bench_erp, bench_store
from support.measuring import Figures, measure

LINES = int(os.environ.get("PO_INGEST_PERF_READ_LINES", "500000"))
RUNS, CHANGED_NIGHTS = 1000, 50
REPEATS = 3
COMMANDS = {
    "status": (1.0, 300.0),
    "runs": (1.0, 300.0),
    "history 4500000005 60": (1.0, 300.0),
    "report --html health.html --runs 365": (5.0, 300.0),
}
"""Command -> the most seconds and MB."""
PAGE_BYTES = 1_000_000
HELP_CPU = 0.150
"""The most seconds above the bare interpreter's."""


def po_ingest(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "po_ingest", *arguments]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a configuration and such a store, which is made if it is not there."""
    kept = os.environ.get("PO_INGEST_PERF_STORE")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("reading")
    if not (folder / "aged").exists():
        folder.mkdir(parents=True, exist_ok=True)
        bench_erp.make(folder / "erp.db", LINES)
        bench_erp.config(folder)
        for night in range(2):
            subprocess.run(po_ingest("nightly"), cwd=folder, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - ours
            bench_erp.change(folder / "erp.db", 0.02, night + 1)
        bench_store.age(folder / "po-ingest.db", RUNS, CHANGED_NIGHTS)
        (folder / "aged").touch()
    return folder


def least(command: Sequence[str], folder: Path) -> Figures:
    """Return the median of some tries; of the time the least, which other programs disturbed least."""
    tries = [measure(command, folder) for _ in range(REPEATS)]
    cpu, memory = (statistics.median(getattr(each, name) for each in tries) for name in ("cpu", "memory"))
    return Figures(min(each.wall for each in tries), cpu, memory)


def shown(name: str, figures: Figures) -> str:
    return f"{name:40} {figures.wall:8.2f} {figures.cpu:8.2f} {figures.memory:9.0f}\n"


@pytest.mark.timeout(3000)
def test_reading_commands_on_a_thousand_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = {name: least(po_ingest(*name.split()), folder) for name in COMMANDS}
    with capsys.disabled():
        sys.stdout.write(f"\n{RUNS:,} runs, {LINES:,} lines {'':17} wall s    cpu s   peak MB\n")
        sys.stdout.writelines(shown(name, figures) for name, figures in found.items())
    for name, (seconds, megabytes) in COMMANDS.items():
        assert found[name].cpu <= seconds, name
        assert found[name].memory <= megabytes, name
    assert (folder / "health.html").stat().st_size < PAGE_BYTES


def test_help_beside_the_bare_interpreter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bare, helped = least([sys.executable, "-c", ""], tmp_path), least(po_ingest("--help"), tmp_path)
    with capsys.disabled():
        sys.stdout.write(shown("\nthe bare interpreter", bare) + shown("--help", helped))
    assert helped.cpu - bare.cpu <= HELP_CPU
