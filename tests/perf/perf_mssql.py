"""How often nights of 5,000 and of 50,000 lines ask SQL Server. Run by `nox -s perf`; prints one table.

There is no server: a stand-in speaks its protocol to Microsoft's driver. Round trips are counted, no times are taken.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from support import round_trips
from support.tds_server import TdsServer

MOST = {5_000: 160, 50_000: 200}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("lines", MOST)
def test_the_number_of_round_trips_hardly_grows_with_the_lines(
    tmp_path: Path, tds: TdsServer, capsys: pytest.CaptureFixture[str], lines: int
) -> None:
    counted = round_trips.nights(tmp_path, tds, lines)
    with capsys.disabled():
        for night, asked in counted.items():
            sys.stdout.write(f"\n{lines:,} lines, {night}: {asked.total()} round trips ({dict(asked)})")
    assert max(asked.total() for asked in counted.values()) <= MOST[lines]
