"""The queries of `docs/queries`, and stores to run them on: a history of nights in each database."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from structlog.testing import capture_logs

from po_ingest.errors import ErpError
from po_ingest.fields import to_text
from po_ingest.model import RunReport
from po_ingest.settings import ColumnSettings, CustomColumnSettings
from po_ingest_adapters.store.database import Access
from po_ingest_adapters.store.sql import SqlStore
from support.hands import SqlHand
from support.paths import ROOT
from support.store_builders import sqlite_store
from support.store_mssql import Mssql, emulated_store, is_given
from support.store_postgres import Postgres
from support.world import Erp, World, line

FOLDER: Final = ROOT / "docs" / "queries"
PARAMETERS: Final = re.compile(r"(:\w+) = ('[^']*'|\d+)")
SQL_KINDS: Final = ("sqlite", "postgresql", *(["mssql"] if is_given() else []))
"""The databases that can answer any query; one more is a line here and one in `absent`."""
_numbers = count(1)


def absent(kind: str, folder: Path, request: pytest.FixtureRequest) -> SqlStore:
    """Return a store of this kind that nobody has made yet, and that no other test takes away."""
    if kind == "sqlite":
        return sqlite_store(folder / "store.db")
    if kind == "mssql-emulated":
        return emulated_store(folder)
    if kind == "mssql":
        server: Mssql = request.getfixturevalue("mssql")
        return server.fresh()
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.fresh(schema=f"queries_{next(_numbers)}")


@attrs.frozen
class Query:
    """A query of the documentation, ready to run: its parameters have their values."""

    name: str
    sql: str


def query(name: str, kind: str) -> Query:
    """Return a query in the form for a database."""
    own, common = FOLDER / f"{name}.{kind}.sql", FOLDER / f"{name}.sql"
    text = (own if own.exists() else common).read_text(encoding="utf-8")
    sql = "\n".join(row for row in text.splitlines() if not row.startswith("--"))
    (parameters,) = (dict(PARAMETERS.findall(row)) for row in text.splitlines() if row.startswith("-- :"))
    for parameter, value in parameters.items():
        sql, count = re.subn(rf"{parameter}\b", value, sql)
        assert count, f"{name}: {parameter} has no use"
    assert ":" not in re.sub("'[^']*'", "", sql), f"{name}: a parameter has no value"
    return Query(name, sql)


def names() -> list[str]:
    return sorted({file.name.partition(".")[0] for file in FOLDER.glob("*.sql")})


def run(store: SqlStore, sql: str) -> list[dict[str, Any]]:
    """Run SQL as a user does, in the store's schema; values in their text forms, numbers as numbers."""
    if store.database.schema is not None:
        sql = re.sub(r"\b(FROM|JOIN) (?=\w)", rf"\1 {store.database.schema}.", sql)
    with store.database.begin(Access.READ) as connection:
        rows = connection.exec_driver_sql(sql).mappings()
        return [{name: plain(value) for name, value in row.items()} for row in rows]


def plain(value: object) -> object:
    """Return a value as it is on SQLite: the databases differ in types, not in what they say."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return value.isoformat() + "Z"
    return to_text(value) if isinstance(value, date) else value


# -- the history

A: Final = ("PO-1", 1)
B: Final = ("PO-1", 2)
C: Final = ("PO-2", 1)
D: Final = ("PO-3", 1)
E: Final = ("PO-4", 1)


def _erp_line(key: tuple[str, int], supplier: str, code: str, promised: str | None, **values: object) -> Erp:
    given: dict[str, object] = {
        "supplier_code": supplier,
        "item_code": code,
        "promised_date": None if promised is None else date.fromisoformat(promised),
        "ordered_quantity": "10",
        "delivered_quantity": "0",
        "remaining_quantity": "10",
        "in_date": None,
        "current_status": "open",
        "note": "from the ERP",
        **values,
    }
    return line(*key, **given)


@attrs.define
class History:
    """Four nights that were applied, and one that failed, in March 2026, at two in the morning."""

    world: World
    lines: dict[tuple[str, int], Erp] = attrs.Factory(dict)

    def put(self, key: tuple[str, int], **values: object) -> None:
        for name, value in values.items():
            is_date = name in {"promised_date", "in_date"} and isinstance(value, str)
            self.lines[key][name] = date.fromisoformat(str(value)) if is_date else value

    def night(self, *more: Erp) -> RunReport:
        self.world.lines = [*self.lines.values(), *more]
        return self.world.night()

    def play(self) -> None:
        self.lines = {
            A: _erp_line(A, "V1", "M-1", "2026-03-10"),
            B: _erp_line(B, "V1", "M-2", "2026-03-12", delivered_quantity="2", in_date=date(2026, 2, 27)),
            C: _erp_line(C, "V2", "M-1", None, ordered_quantity="7.5", remaining_quantity="7.5"),
            D: _erp_line(D, "V2", "M-3", "2026-03-05"),
        }
        self.night()
        self.put(A, promised_date="2026-03-15", delivered_quantity="4", remaining_quantity="6", in_date="2026-03-01")
        self.put(C, promised_date="2026-03-20")
        gone = self.lines.pop(D)
        self.night()
        self.put(A, promised_date="2026-03-25")
        self.put(B, current_status="Closed", delivered_quantity="5.5", in_date="2026-03-02")
        self.lines[D] = gone
        self.put(D, promised_date="2026-03-06")
        self.night()
        self.world.erp_plan.fail_next(ErpError("the ERP does not answer"))
        self.world.failing_night()
        SqlHand(self.world.store).edit_slots({"custom_text_1": "mine"}, {"custom_text_1": "user"})
        self.put(A, note="another", ordered_quantity="9")
        self.put(C, promised_date="2026-03-18")
        self.lines[E] = _erp_line(E, "V1", "M-3", "2026-05-01")
        self.night(_erp_line(("PO-9", 1), "V1", "M-1", None, ordered_quantity="many"))


def play(store: SqlStore) -> None:
    slots = {"custom_text_1": CustomColumnSettings(column=ColumnSettings(column="note"))}
    xref: list[Erp] = [{"erp_item_code": "M-2", "mapped_sku": "SKU-2", "is_active": 1}]
    with capture_logs():
        History(World(store=store, slots=slots, xref=xref)).play()
