"""While a run waits or writes, nothing of it is open in the ERP: no session, no transaction, no lock (R15)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from po_ingest import pipeline
from po_ingest.errors import ErpError
from po_ingest.journal import Parts
from po_ingest.ports import ResultSet
from support.command_line import Home, make_home
from support.skips import POSTGRESQL_DRIVER, skip_without_driver
from support.store_postgres import Postgres

READER = "lets_go"
RETRY = "[erp.retry]\nattempts = 3\nwait_initial = 0.01\nwait_max = 0.01\n"

Look = Callable[[], list[tuple[object, ...]]]
"""Returns what a reader has open in the ERP."""


@pytest.fixture(params=["odbc", "sqlite"])
def erp(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Home, Look]]:
    """A home with an ERP that knows who is there."""
    home = make_home(tmp_path / "home")
    if request.param == "sqlite":
        home.config.write_text(f'[erp]\nadapter = "sqlite"\nconnection = "erp.db"\n{RETRY}', encoding="utf-8")
        home.insert(("PO-1", 10))
        yield home, lambda: _locked(home.folder / "erp.db")
        return
    skip_without_driver(POSTGRESQL_DRIVER)
    pytest.importorskip("pyodbc", reason="pyodbc finds no ODBC: apt-get install unixodbc", exc_type=ImportError)
    postgres: Postgres = request.getfixturevalue("postgres")
    connection = json.dumps(postgres.server.odbc(POSTGRESQL_DRIVER, user=READER) + ";UseDeclareFetch=1;Fetch=1")
    query = "SELECT 'PO-' || n AS po_number, n AS line_number FROM generate_series(1, 50) n"
    home.config.write_text(
        f'[erp]\nconnection = {connection}\nfetch_size = 1\n{RETRY}[erp.po_lines]\nquery = "{query}"\n',
        encoding="utf-8",
    )
    postgres.sql(f"CREATE ROLE {READER} LOGIN")
    try:
        yield home, lambda: postgres.sql("SELECT state FROM pg_stat_activity WHERE usename = %s", READER)
    finally:
        postgres.sql(f"DROP ROLE {READER}")


def _locked(path: Path) -> list[tuple[object, ...]]:
    """Take the lock that nobody else may have a part of."""
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other:
        try:
            other.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            return [(str(error),)]
        return []


def eventually_nothing(look: Look) -> list[tuple[object, ...]]:
    """Look some times: a server needs a moment to end a session."""
    for _ in range(1000):
        if not look():
            return []
    return look()


def test_r15_nothing_is_open_in_the_erp_while_the_store_is_written(
    erp: tuple[Home, Look], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, look = erp
    seen: list[list[tuple[object, ...]]] = []
    decide = pipeline._decide

    def watched(*arguments: object) -> object:
        seen.append(eventually_nothing(look))
        return decide(*arguments)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(pipeline, "_decide", watched)
    assert home.po("nightly").code == 0
    assert seen == [[]]


def test_r15_nothing_is_open_in_the_erp_while_a_try_is_waited_for(
    erp: tuple[Home, Look], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each try breaks midway, with rows read and more to come."""
    home, look = erp
    seen: list[list[tuple[object, ...]]] = []

    def told(*_: object) -> None:
        seen.append(eventually_nothing(look))

    monkeypatch.setattr(Parts, "tell_retry", told)
    monkeypatch.setattr("po_ingest.stages.snapshot.take", _broken)
    assert home.po("nightly").code == 4
    assert seen == [[], []]
    assert eventually_nothing(look) == []


def _broken(_reading: object, _known: object, result: ResultSet, _buffer: object) -> object:
    assert next(iter(result.chunks))
    raise ErpError("the network broke", transient=True)
