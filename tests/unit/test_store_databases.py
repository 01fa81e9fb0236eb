"""What the store asks of a database, and that nothing of it assumes SQLite."""

from __future__ import annotations

import re
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import bindparam, literal, select
from sqlalchemy.dialects import mssql, postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateTable

from po_ingest.errors import ConfigError, LockHeldError, StoreError
from po_ingest.fields import FIELDS
from po_ingest.settings import StoreSettings
from po_ingest_adapters.store import bulk, sql, writer
from po_ingest_adapters.store.column_types import MOMENT, sortable
from po_ingest_adapters.store.dialects import server
from po_ingest_adapters.store.dialects.server import ServerDatabase
from po_ingest_adapters.store.schema import tables
from po_ingest_adapters.store.sql import create
from support.store_builders import ERP, START, Nights, line_values, sqlite_store

OTHERS: tuple[Dialect, ...] = (
    postgresql.dialect(paramstyle="format"),  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
    mssql.dialect(paramstyle="qmark"),  # type: ignore[no-untyped-call]  # as above
)


def ddl(dialect: Dialect, name: str) -> str:
    return str(CreateTable(getattr(tables("po"), name)).compile(dialect=dialect))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "cannot be read"),
        ("oracle://user:secret@host/db", "unknown database 'oracle'"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///file:secret?mode=memory&uri=true", "names no file"),
        ("sqlite:///secret.db?timeout=1", "options that are not supported"),
        ("sqlite+aiosqlite:///secret.db", "options that are not supported"),
    ],
)
def test_r16_a_url_that_is_of_no_use_is_told_without_being_shown(url: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        create(StoreSettings(url=url))
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_store_is_created_without_touching_the_disk(tmp_path: Path) -> None:
    sqlite_store(tmp_path / "store.db")
    assert list(tmp_path.iterdir()) == []


def test_two_names_of_one_file_are_one_store(tmp_path: Path) -> None:
    one, other = sqlite_store(tmp_path / "store.db"), sqlite_store(tmp_path / "sub" / ".." / "store.db")
    assert one.database == other.database
    with one.lock("erp"):
        assert other.holder("erp")


@pytest.mark.parametrize("dialect", OTHERS, ids=lambda dialect: dialect.name)
def test_elsewhere_columns_have_the_databases_own_types(dialect: Dialect) -> None:
    snapshot, run = ddl(dialect, "snapshot"), ddl(dialect, "run")
    assert re.search(r"ordered_quantity (NUMERIC|DECIMAL)\(18, 3\)", snapshot)
    assert "promised_date DATE" in snapshot
    assert "id BIGINT NOT NULL" in snapshot
    assert "last_update_timestamp TEXT" not in snapshot
    assert "po.ingestion_run" in run


def test_r18_elsewhere_keys_are_compared_by_code_point() -> None:
    line_postgresql, line_mssql = (ddl(dialect, "line") for dialect in OTHERS)
    assert 'po_number VARCHAR(64) COLLATE "C" NOT NULL' in line_postgresql
    assert "po_number NVARCHAR(128) COLLATE Latin1_General_100_BIN2 NOT NULL" in line_mssql  # two units a character
    assert "sku NVARCHAR(256) COLLATE Latin1_General_100_BIN2 NULL" in line_mssql


@pytest.mark.parametrize("dialect", OTHERS, ids=lambda dialect: dialect.name)
def test_elsewhere_values_go_to_the_driver_as_they_are_but_moments_without_zone(dialect: Dialect) -> None:
    told: dict[str, Any] = {"ordered_quantity": Decimal("12.000"), "promised_date": START.date()}
    naive = START.replace(tzinfo=None)
    columns = [tables("po").snapshot.c[field.name] for field in FIELDS]
    (row,) = bulk.encode(dialect, columns, [line_values(**told, last_update_timestamp=START)])
    told["last_update_timestamp"] = naive
    if dialect.name == "postgresql":  # whose driver would make the texts itself, and slowly
        told.update(promised_date=START.date().isoformat(), last_update_timestamp=naive.isoformat())
    assert row == line_values(**told)
    back = MOMENT.dialect_impl(dialect).result_processor(dialect, None)
    assert back is not None
    assert (back(naive), back(None)) == (START, None)


@pytest.mark.parametrize("dialect", OTHERS, ids=lambda dialect: dialect.name)
def test_elsewhere_moments_are_compared_as_they_are(dialect: Dialect) -> None:
    column = tables("po").run.c.started_at
    query = select(column).where(sortable(column) >= sortable(literal(START, MOMENT)))
    assert "rtrim" not in str(query.compile(dialect=dialect))


@pytest.mark.parametrize("dialect", OTHERS, ids=lambda dialect: dialect.name)
def test_bulk_statements_name_their_parameters_by_place(dialect: Dialect) -> None:
    names = (*writer.LINE_COLUMNS, "line_id", "keeps_absence")
    sql, pick = bulk.compile_statement(writer.line_update(tables("po").line), dialect, names)
    assert sql.count("%s" if dialect.name == "postgresql" else "?") == len(names)
    ordered = names if pick is None else pick(names)
    assert set(ordered) == set(names)


def test_a_bulk_statement_with_a_parameter_of_its_own_is_refused() -> None:
    line = tables().line
    statement = line.update().where(line.c.id == bindparam("line_id"), line.c.erp == "x").values(presence=1)
    with pytest.raises(ValueError, match="without a value in each row"):
        bulk.compile_statement(statement, OTHERS[0], ("line_id",))


class _Undecided(ServerDatabase):
    """A server that takes its time to say what became of a transaction."""

    _driver = sqlite3

    def __init__(self, *outcomes: bool | None) -> None:
        self._unsettled: list[str | None] = []
        self._outcomes = list(outcomes)

    def label(self) -> str:
        return "the store x"

    def _outcome(self, mark: str) -> bool | None:
        assert mark == "mark"
        return self._outcomes.pop(0)


def test_r2_a_transaction_that_is_still_under_way_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SETTLE_PAUSES", (0.0, 0.0))
    assert _Undecided(None, True)._was_committed("mark")
    assert not _Undecided(None, False)._was_committed("mark")
    database = _Undecided(None, None, None, False)
    with pytest.raises(StoreError, match="its outcome is unknown"):
        database._was_committed("mark")
    with pytest.raises(StoreError, match="its outcome is unknown"):
        database._settle()
    database._settle()
    assert database._unsettled == []


def test_r13_a_run_that_ends_while_the_holder_is_looked_for_is_told_and_no_older_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = sqlite_store(tmp_path / "store.db")
    store.upgrade()
    nights = Nights(store)
    nights.night()
    left = ["nothing has happened yet", "it ends", "it is looked at again"]

    def pause(_: float) -> None:
        if left.pop(0) == "it ends":
            nights.night(at=datetime.now(UTC))

    monkeypatch.setattr(sql, "HOLDER_PATIENCE", 60.0)
    monkeypatch.setattr(sql, "time", SimpleNamespace(monotonic=time.monotonic, sleep=pause))
    with store.lock(ERP), pytest.raises(LockHeldError, match=f"run {ERP}-2 "), store.lock(ERP):
        pytest.fail("must not be entered")
    assert left == []


@pytest.mark.parametrize(
    "value", [0, -7, True, 2**63 - 1, "", "it's", "''", '{"custom_text_1": "erp"}', "a\x00b", "ä\ud800"]
)
def test_what_sqlite_is_given_as_text_is_the_value_itself(tmp_path: Path, value: object) -> None:
    text = sqlite_store(tmp_path / "store.db").database.literal(value)
    if text is None:
        assert not str(value).isprintable() or not str(value).isascii()
        return
    with closing(sqlite3.connect(":memory:")) as connection:
        assert connection.execute(f"SELECT {text}, typeof({text})").fetchone() == (
            value,
            "text" if isinstance(value, str) else "integer",
        )
