"""The fold over PostgreSQL; what users do, and rejected rows, by SQL that shares nothing with the product."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings

from po_ingest_adapters.failing import FailurePlan
from support.failing_store import FailingStore
from support.nights import TELLING, Night, histories
from support.obvious_model import Key
from support.replay import ERP, ONCE, Replay
from support.store_postgres import Postgres


@attrs.frozen
class PostgresProbe:
    """Looks into a store on PostgreSQL with nothing but SQL."""

    postgres: Postgres

    def dump(self) -> object:
        return self.postgres.dump()

    def rejected(self, run_id: int) -> list[Mapping[str, Any]]:
        return list(self.postgres.rows("SELECT * FROM po.rejected_row WHERE run_id = %s", run_id))

    def edit(self, key: Key, slot: str, value: str | None, source: str | None) -> None:
        where = (ERP, *key)
        with self.postgres.connection() as connection, connection.transaction():
            ((marks,),) = connection.execute(
                "SELECT custom_column_sources FROM po.po_line WHERE erp = %s AND po_number = %s AND line_number = %s",
                where,
            ).fetchall()
            sources = json.loads(marks or "{}")
            sources.pop(slot, None)
            if source is not None:
                sources[slot] = source
            quality = "mixed" if "user" in sources.values() else "erp"
            new = "" if source is None else f", {slot} = %(value)s"
            statement = (
                f"UPDATE po.po_line SET custom_column_sources = %(sources)s, source_quality = %(quality)s{new} "  # noqa: S608 - a slot
                "WHERE erp = %(erp)s AND po_number = %(po_number)s AND line_number = %(line_number)s"
            )
            connection.execute(
                statement.encode(),
                {
                    "sources": json.dumps(sources),
                    "quality": quality,
                    "value": value,
                    **dict(zip(("erp", "po_number", "line_number"), where, strict=True)),
                },
            )


def play(postgres: Postgres, history: list[Night]) -> None:
    plan = FailurePlan()
    store = FailingStore(postgres.fresh(retry=ONCE), plan)
    Replay(store=store, probe=PostgresProbe(postgres), plan=plan).play(history)


@pytest.mark.timeout(600)  # a failing history is made small first
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=histories)
def test_r1_to_r19_whatever_happens_a_store_on_postgresql_is_as_the_obvious_model_says(
    history: list[Night], postgres: Postgres
) -> None:
    play(postgres, history)


@pytest.mark.parametrize("name", TELLING)
def test_r1_to_r19_in_a_telling_history_a_store_on_postgresql_is_as_the_obvious_model_says(
    name: str, postgres: Postgres
) -> None:
    play(postgres, TELLING[name])
