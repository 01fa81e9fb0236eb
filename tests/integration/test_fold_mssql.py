"""The fold over SQL Server's statements: on the emulator, and on a server if one is given."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from hypothesis import HealthCheck, given, settings

from po_ingest_adapters.failing import FailurePlan
from support.failing_store import FailingStore
from support.mssql_emulator import Server
from support.nights import TELLING, Night, histories
from support.obvious_model import Key
from support.places import TABLES
from support.replay import ERP, Replay
from support.store_mssql import REASON, Mssql, is_given

REJECTED: Final = ("query", "po_number", "line_number", "field", "reason")
Sql = Callable[..., list[tuple[Any, ...]]]


@attrs.frozen
class MssqlProbe:
    """Looks into a store with nothing but SQL that SQL Server and SQLite both know."""

    sql: Sql
    has_tables: Callable[[], bool]

    def dump(self) -> object:
        if not self.has_tables():
            return None
        return {name: sorted(map(repr, self.sql(f"SELECT * FROM po.{name}"))) for name in TABLES}  # noqa: S608 - ours

    def rejected(self, run_id: int) -> list[Mapping[str, Any]]:
        look = f"SELECT {', '.join(REJECTED)} FROM po.rejected_row WHERE run_id = ?"  # noqa: S608 - ours
        return [dict(zip(REJECTED, row, strict=True)) for row in self.sql(look, run_id)]

    def edit(self, key: Key, slot: str, value: str | None, source: str | None) -> None:
        where = "WHERE erp = ? AND po_number = ? AND line_number = ?"
        ((marks,),) = self.sql(f"SELECT custom_column_sources FROM po.po_line {where}", ERP, *key)  # noqa: S608 - ours
        sources = json.loads(marks or "{}")
        sources.pop(slot, None)
        if source is not None:
            sources[slot] = source
        quality = "mixed" if "user" in sources.values() else "erp"
        new, values = ("", ()) if source is None else (f", {slot} = ?", (value,))
        statement = f"UPDATE po.po_line SET custom_column_sources = ?, source_quality = ?{new} {where}"  # noqa: S608 - ours
        self.sql(statement, json.dumps(sources), quality, *values, ERP, *key)


def emulated(folder: Path) -> tuple[Server, MssqlProbe]:
    server = Server(folder / "sqlserver.db")

    def has_tables() -> bool:
        return server.path.exists() and bool(server.sql("SELECT 1 FROM po.sqlite_master WHERE name = 'po_line'"))

    return server, MssqlProbe(server.sql, has_tables)


def play_emulated(folder: Path, history: list[Night]) -> None:
    server, probe = emulated(folder)
    plan = FailurePlan()
    Replay(store=FailingStore(server.store(), plan), probe=probe, plan=plan).play(history)


@pytest.mark.timeout(600)  # a failing history is made small first
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=histories)
def test_r1_to_r19_whatever_happens_a_store_with_sql_servers_statements_is_as_the_obvious_model_says(
    history: list[Night], tmp_path_factory: pytest.TempPathFactory
) -> None:
    play_emulated(tmp_path_factory.mktemp("fold"), history)


@pytest.mark.parametrize("name", TELLING)
def test_r1_to_r19_in_a_telling_history_a_store_with_sql_servers_statements_is_as_the_obvious_model_says(
    name: str, tmp_path: Path
) -> None:
    play_emulated(tmp_path, TELLING[name])


@pytest.mark.skipif(not is_given(), reason=REASON)
@pytest.mark.parametrize("name", TELLING if is_given() else ["none"])
def test_r1_to_r19_in_a_telling_history_a_store_on_a_real_mssql_is_as_the_obvious_model_says(
    name: str, mssql: Mssql
) -> None:
    store = mssql.fresh()
    database = mssql.made[-1]

    def sql(statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        return mssql.sql(statement, *parameters, database=database)

    probe = MssqlProbe(sql, lambda: sql("SELECT OBJECT_ID(N'po.po_line')") != [(None,)])
    plan = FailurePlan()
    Replay(store=FailingStore(store, plan), probe=probe, plan=plan).play(TELLING[name])
