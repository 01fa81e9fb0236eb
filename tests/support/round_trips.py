"""How often nights ask SQL Server: messages of Microsoft's driver, counted on the wire."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from support import bench_erp as bench
from support.command_line import inside
from support.tds_server import TdsServer

CHANGED = 0.02


def nights(folder: Path, tds: TdsServer, lines: int) -> dict[str, Counter[str]]:
    """Run a baseline, a night without changes and one with 2 % changed; return what each asked for, and how often."""
    bench.make(folder / "erp.db", lines)
    config = bench.config(folder)
    with config.open("a", encoding="utf-8") as file:
        file.write(f'\n[store]\nurl = "{tds.url}"\n')
    baseline = _asked(config, tds, lines_changed=0)
    unchanged = _asked(config, tds, lines_changed=0)
    bench.change(folder / "erp.db", CHANGED, 1)
    changed = _asked(config, tds, lines_changed=round(lines * CHANGED))
    return {"baseline": baseline, "unchanged": unchanged, "2 % changed": changed}


def _asked(config: Path, tds: TdsServer, **expected: Any) -> Counter[str]:  # noqa: ANN401 - values of a report
    tds.asked.clear()
    done = inside("--config", config, "nightly", "--json")
    assert done.code == 0, done.err
    assert {name: done.json[name] for name in expected} == expected
    asked = Counter(tds.asked)
    asked.pop("sp_unprepare", None)  # nobody waits for the answer: a statement is needed no more
    return asked
