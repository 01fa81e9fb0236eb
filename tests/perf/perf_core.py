"""Figures of the core's hot places, by pytest-benchmark: `nox -s perf -- tests/perf/perf_core.py`."""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from po_ingest.model import KnownLines, Presence
from po_ingest.ports import ResultSet
from po_ingest.reading import LineReading
from po_ingest.settings import ColumnSettings, LineSettings, QuerySettings
from po_ingest.stages import snapshot
from po_ingest_adapters.buffer import MemoryBuffer
from support import bench_erp

LINES = 5000
ROWS = list(bench_erp.rows(LINES))
COLUMNS = tuple(part.split()[0] for part in bench_erp.COLUMNS.split(", "))
SLOTS = {
    f"{prefix}_{number}": ColumnSettings(column=column)
    for prefix, columns in bench_erp.SLOTS.items()
    for number, column in enumerate(columns, 1)
}


@pytest.fixture
def reading() -> LineReading:
    query = QuerySettings(query="SELECT * FROM erp_order_lines")
    return LineReading(COLUMNS, query, SLOTS, LineSettings(), timezone="UTC", delivered_from_receipts=False)


def known_lines(reading: LineReading) -> KnownLines:
    known = KnownLines()
    for number, (row, packed) in enumerate(zip(ROWS, reading.packed(ROWS, are_plain=True)[0], strict=True)):
        known.add(reading.key(row), number, reading.fingerprint(packed), None, None, None, Presence.ACTIVE)
    return known


def test_fingerprints_of_5000_rows(benchmark: BenchmarkFixture, reading: LineReading) -> None:
    assert len(benchmark(lambda: set(map(reading.fingerprint, reading.packed(ROWS, are_plain=True)[0])))) == LINES


def test_keys_of_5000_rows(benchmark: BenchmarkFixture, reading: LineReading) -> None:
    assert len(benchmark(lambda: {reading.key(row) for row in ROWS})) == LINES


def test_columns_of_5000_rows(benchmark: BenchmarkFixture, reading: LineReading) -> None:
    assert benchmark(lambda: reading.columns_of(ROWS)) is not None


def test_an_unchanged_night_of_5000_rows(benchmark: BenchmarkFixture, reading: LineReading) -> None:
    known = known_lines(reading)
    tonight = benchmark(
        lambda: snapshot.take(reading, known, ResultSet(COLUMNS, iter([ROWS]), are_plain=True), MemoryBuffer())
    )
    assert tonight.seen.count(snapshot.UNCHANGED_ACTIVE) == LINES
