"""The ERP in memory: it can be changed, and fail at any call."""

from __future__ import annotations

import pytest

from po_ingest.errors import ErpError
from po_ingest.model import RawRow
from po_ingest_adapters.erp.memory import MemoryErpSource

ROWS: list[RawRow] = [(number,) for number in range(5)]


def read(source: MemoryErpSource, sql: str = "SELECT * FROM t") -> list[RawRow]:
    with source.query(sql) as result:
        return [row for chunk in result.chunks for row in chunk]


@pytest.mark.parametrize("sql", ["select * from T;", '  SELECT\n*\nFROM "t" ', "SELECT * FROM t"])
def test_tables_are_found_without_regard_to_case(sql: str) -> None:
    assert read(MemoryErpSource({"t": (["n"], ROWS)}), sql) == ROWS


def test_tables_can_change_between_nights_but_not_under_a_query() -> None:
    source = MemoryErpSource({"t": (["n"], rows := list(ROWS))}, chunk_size=2)
    with source.query("SELECT * FROM t") as result:
        rows.clear()
        assert sum(len(chunk) for chunk in result.chunks) == 5
    assert read(source) == []


@pytest.mark.parametrize("transient", [True, False])
def test_it_fails_at_a_query_as_planned_and_only_once(transient: bool) -> None:
    source = MemoryErpSource({"t": (["n"], ROWS)})
    source.plan.fail_at(2, ErpError("planned", transient=transient), "query")
    assert read(source) == ROWS
    with pytest.raises(ErpError, match="planned") as caught:
        read(source)
    assert caught.value.transient is transient
    assert read(source) == ROWS


def test_it_fails_midway_as_planned() -> None:
    source = MemoryErpSource({"t": (["n"], ROWS)}, chunk_size=2)
    source.plan.fail_at(2, ErpError("planned", transient=True), "chunk")
    with source.query("SELECT * FROM t") as result:
        assert next(result.chunks) == ROWS[:2]
        with pytest.raises(ErpError, match="planned"):
            next(result.chunks)
    assert source.open_queries == 0
    assert source.plan.calls == ["query", "chunk", "chunk"]
