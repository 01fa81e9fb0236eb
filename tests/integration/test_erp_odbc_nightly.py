"""Whole nightlies on an ERP behind ODBC: a text that is none costs its row, a signal costs seconds."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from support.command_line import PYTHON, environment, inside
from support.erp_postgres import Server, postgres_server
from support.skips import POSTGRESQL_ANSI_DRIVER, POSTGRESQL_DRIVER, skip_without_driver

pyodbc = pytest.importorskip("pyodbc", reason="pyodbc finds no ODBC: apt-get install unixodbc", exc_type=ImportError)

CONFIG = """
[erp]
connection = "{connection};ConnSettings={{SET client_encoding TO 'SQL_ASCII'}}"
encoding = "utf-8"
[erp.po_lines]
query = '''{query}'''
[guards]
max_rejected_ratio = 0.5
"""
LINES = """
SET datestyle = 'ISO';  -- a batch?
SELECT 'PO-1' AS po_number, n AS line_number, convert_from(b, 'SQL_ASCII') AS item
FROM (VALUES (1, '\\x41e4'::bytea), (2, '\\x41c3a4'), (3, '\\x41')) v (n, b);
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    skip_without_driver(POSTGRESQL_ANSI_DRIVER)
    skip_without_driver(POSTGRESQL_DRIVER)
    with postgres_server() as running:
        ask(running, "CREATE DATABASE bytes ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
        yield running


def ask(server: Server, sql: str) -> list[tuple[object, ...]]:
    with closing(pyodbc.connect(server.odbc(POSTGRESQL_DRIVER), autocommit=True)) as connection:
        cursor = connection.execute(sql)
        return [tuple(row) for row in cursor.fetchall()] if cursor.description else []


def configure(folder: Path, server: Server, query: str) -> Path:
    file = folder / "po-ingest.toml"
    connection = server.odbc(POSTGRESQL_ANSI_DRIVER, database="bytes")
    file.write_text(CONFIG.format(connection=connection, query=query), encoding="utf-8")
    return file


def test_r8_a_text_that_cannot_be_decoded_is_a_rejected_row_and_the_night_goes_on(
    tmp_path: Path, server: Server
) -> None:
    config = configure(tmp_path, server, LINES)
    for _ in range(2):
        done = inside("--config", config, "nightly", "--json")
        assert done.code == 0
        report = done.json
        assert (report["po_lines_processed"], report["rows_rejected"], report["retries"]) == (2, 1, 0)
    shown = inside("--config", config, "snapshot", "--run", "latest")
    assert [line.split(",")[:5] for line in shown.out.splitlines()[1:]] == [
        ["erp", "PO-1", "2", "", "A\u00e4"],
        ["erp", "PO-1", "3", "", "A"],
    ]


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise on Windows")
def test_r15_a_signal_ends_a_nightly_that_waits_for_its_erp(tmp_path: Path, server: Server) -> None:
    config = configure(tmp_path, server, "SELECT 'PO-1' AS po_number, 1 AS line_number FROM pg_sleep(60)")
    sleeping = "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND datname = 'bytes'"
    # Without coverage: its tracer waits for its own lock when a signal ends it midway.
    environ = {name: text for name, text in environment().items() if not name.startswith("COVERAGE_PROCESS_")}
    command = [*PYTHON, "--config", str(config), "nightly"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:  # noqa: S603 - as above
        end = time.monotonic() + 60
        while not ask(server, sleeping):
            assert time.monotonic() < end
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        _, err = process.communicate(timeout=60)
    assert time.monotonic() - began < 5
    assert process.returncode == 1
    assert b"ended by SIGTERM" in err
    assert ask(server, sleeping) == []
    (run,) = inside("--config", config, "runs", "--json").json
    assert run["status"] == "failed"
