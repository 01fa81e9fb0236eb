"""How often a night asks SQL Server (issue 4's figures); `nox -s perf` counts 50,000 lines too."""

from __future__ import annotations

from pathlib import Path

from support import round_trips
from support.tds_server import TdsServer

LINES = 5_000


def test_a_night_asks_a_few_dozen_times(tmp_path: Path, tds: TdsServer) -> None:
    counted = round_trips.nights(tmp_path, tds, LINES)
    assert 10 < counted["baseline"].total() <= 160, counted
    assert 10 < counted["unchanged"].total() <= 100, counted
    assert 10 < counted["2 % changed"].total() <= 120, counted
    everything = {name for asked in counted.values() for name in asked}
    assert {"sp_prepare", "sp_execute"}.isdisjoint(everything), "a long text goes with its statement"
