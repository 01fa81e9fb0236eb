"""The fold over SQLite; what users do, and rejected rows, by SQL that shares nothing with the product."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings

from po_ingest.settings import StoreSettings
from po_ingest_adapters.failing import FailurePlan
from po_ingest_adapters.store.sql import create
from support.failing_store import FailingStore
from support.nights import TELLING, Night, histories
from support.obvious_model import Key
from support.replay import ERP, ONCE, Replay


@attrs.frozen
class SqliteProbe:
    """Looks into a store on SQLite with nothing but SQL."""

    path: Path

    def dump(self) -> object:
        if not self.path.exists():
            return None
        with closing(sqlite3.connect(self.path)) as connection:
            return list(connection.iterdump())

    def rejected(self, run_id: int) -> list[Mapping[str, Any]]:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.row_factory = sqlite3.Row
            found = connection.execute("SELECT * FROM rejected_row WHERE run_id = ?", (run_id,))
            return [dict(row) for row in found]

    def edit(self, key: Key, slot: str, value: str | None, source: str | None) -> None:
        where = (ERP, *key)
        with closing(sqlite3.connect(self.path)) as connection, connection:
            (marks,) = connection.execute(
                "SELECT custom_column_sources FROM po_line WHERE erp = ? AND po_number = ? AND line_number = ?", where
            ).fetchone()
            sources = json.loads(marks or "{}")
            sources.pop(slot, None)
            if source is not None:
                sources[slot] = source
            quality = "mixed" if "user" in sources.values() else "erp"
            new = "" if source is None else f", {slot} = :value"
            connection.execute(
                "UPDATE po_line SET custom_column_sources = :sources, source_quality = :quality"  # noqa: S608 - a slot
                f"{new} WHERE erp = :erp AND po_number = :po_number AND line_number = :line_number",
                {
                    "sources": json.dumps(sources),
                    "quality": quality,
                    "value": value,
                    **dict(zip(("erp", "po_number", "line_number"), where, strict=True)),
                },
            )


def play(path: Path, history: list[Night]) -> None:
    plan = FailurePlan()
    store = FailingStore(create(StoreSettings(url=f"sqlite:///{path}", retry=ONCE)), plan)
    Replay(store=store, probe=SqliteProbe(path), plan=plan).play(history)


@pytest.mark.timeout(600)  # a failing history is made small first
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=histories)
def test_r1_to_r19_whatever_happens_a_store_on_sqlite_is_as_the_obvious_model_says(
    history: list[Night], tmp_path_factory: pytest.TempPathFactory
) -> None:
    play(tmp_path_factory.mktemp("fold") / "po-ingest.db", history)


@pytest.mark.parametrize("name", TELLING)
def test_r1_to_r19_in_a_telling_history_a_store_on_sqlite_is_as_the_obvious_model_says(
    name: str, tmp_path: Path
) -> None:
    play(tmp_path / "po-ingest.db", TELLING[name])
