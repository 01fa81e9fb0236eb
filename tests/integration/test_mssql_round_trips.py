"""How often a night asks SQL Server: messages of Microsoft's driver, counted on the wire (issue 4's figures)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from support import bench_erp as bench
from support.command_line import Done, inside
from support.tds_server import TdsServer

LINES = 5_000


def nightly(config: Path) -> Done:
    done = inside("--config", config, "nightly", "--json")
    assert done.code == 0, done.err
    return done


def asked(tds: TdsServer) -> Counter[str]:
    """Return what was asked, but for what is only told: that a statement is needed no more."""
    counted = Counter(tds.asked)
    tds.asked.clear()
    counted.pop("sp_unprepare", None)
    return counted


def test_a_night_asks_a_few_dozen_times(tmp_path: Path, tds: TdsServer) -> None:
    bench.make(tmp_path / "erp.db", LINES)
    config = bench.config(tmp_path)
    with config.open("a", encoding="utf-8") as file:
        file.write(f'\n[store]\nurl = "{tds.url}"\n')
    nightly(config)
    baseline = asked(tds)
    bench.change(tmp_path / "erp.db", 0.02, 1)
    assert nightly(config).json["lines_changed"] == LINES // 50
    changed = asked(tds)
    assert 10 < baseline.total() <= 160, baseline
    assert 10 < changed.total() <= 120, changed
    assert {"sp_prepare", "sp_execute"}.isdisjoint({*baseline, *changed}), "a long text goes with its statement"
