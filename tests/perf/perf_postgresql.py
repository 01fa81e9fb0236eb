"""A first night of 50,000 lines into PostgreSQL beside COPYing the same rows into the same tables with psycopg alone.

Run by `nox -s perf`; prints one table. The server is the tests' own, with fsync off for both sides alike. COPY is timed
without an interpreter's start, connecting and making the rows, so what is held against it is the run's own time, as its
report has it: reading the ERP, deciding, writing, commit. The whole process stands beside it.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import bench_erp as bench
from support.store_postgres import Postgres, postgres_stores

LINES = 50_000
REPEATS = 3
LIMIT_RATIO = 2.0
TABLES = ("ingestion_run", "po_line", "erp_snapshot", "batch", "audit_event")


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    with postgres_stores() as running:
        yield running


def nightly(folder: Path) -> tuple[float, float]:
    """Run a night; return how long the process took, and the run in it."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "po_ingest", "nightly", "--json"]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True)  # noqa: S603 - our own program
    return time.perf_counter() - start, float(json.loads(done.stdout)["duration_seconds"])


def copied(postgres: Postgres) -> float:
    """Copy the rows that the store has into an empty schema; return how long that took."""
    rows: dict[str, list[tuple[Any, ...]]] = {name: postgres.sql(f"SELECT * FROM {name}") for name in TABLES}  # noqa: S608 - ours
    postgres.fresh().upgrade()
    with postgres.connection() as connection:
        start = time.perf_counter()
        with connection.transaction(), connection.cursor() as cursor:
            for name in TABLES:
                with cursor.copy(f"COPY {name} FROM STDIN".encode()) as copy:
                    for row in rows[name]:
                        copy.write_row(row)
        return time.perf_counter() - start


@pytest.mark.timeout(600)
def test_a_first_night_takes_at_most_twice_as_long_as_copying_its_rows(
    tmp_path: Path, postgres: Postgres, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.make(tmp_path / "erp.db", LINES)
    with bench.config(tmp_path).open("a", encoding="utf-8") as file:
        file.write(f'\n[store]\nurl = "{postgres.url()}"\n')
    ratios = []
    with capsys.disabled():
        sys.stdout.write(f"\n{LINES:,} lines, baseline   process s   run s   COPY s   ratio\n")
        for _ in range(REPEATS):
            postgres.fresh()
            (whole, run), least = nightly(tmp_path), copied(postgres)
            ratios.append(run / least)
            sys.stdout.write(f"{'':26}{whole:7.2f} {run:7.2f} {least:8.2f} {ratios[-1]:7.2f}\n")
    assert statistics.median(ratios) <= LIMIT_RATIO
