"""The views, and the queries of the documentation, say what happened: on every database, on nights of the pipeline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
import sqlglot
from sqlalchemy import create_mock_engine
from sqlalchemy.engine import Dialect

from po_ingest.settings import ColumnSettings
from po_ingest_adapters.store.sql import SqlStore
from po_ingest_adapters.store.views import create_views, views
from support import queries
from support.queries import SQL_KINDS
from support.world import World, line

Rows = list[dict[str, Any]]

FIRST, SECOND, THIRD, FAILED, LAST = (f"2026-03-0{day}T02:00:00Z" for day in range(1, 6))
EXPECTED: Final[dict[str, tuple[str, list[tuple[object, ...]]]]] = {
    "01_changed_last_night": (
        "po_number line_number kind field_name previous_value new_value cause",
        [
            ("PO-1", 1, "changed", "ordered_quantity", "10.000", "9.000", "erp"),
            ("PO-1", 1, "changed", "custom_text_1", "from the ERP", "another", "erp"),
            ("PO-4", 1, "created", None, None, None, "erp"),
        ],
    ),
    "02_slipped_promises": (
        "po_number line_number supplier_code first_promised_date current_promised_date moves days_moved",
        [("PO-1", 1, "V1", "2026-03-10", "2026-03-25", 2, 15)],
    ),
    "03_lines_gone": (
        "po_number line_number detected_at reason state_now",
        [("PO-3", 1, SECOND, "missing", "active"), ("PO-1", 2, THIRD, "closed", "closed")],
    ),
    "04_state_at_a_date": (
        "po_number line_number supplier_code promised_date current_status",
        [
            ("PO-1", 1, "V1", "2026-03-15", "open"),
            ("PO-1", 2, "V1", "2026-03-12", "open"),
            ("PO-2", 1, "V2", "2026-03-20", "open"),
        ],
    ),
    "05_deliveries_by_month": (
        "delivery_month supplier_code delivered",
        [("2026-02", "V1", 2.0), ("2026-03", "V1", 7.5)],
    ),
    "06_custom_columns_of_users": ("po_number line_number custom_text_1", [("PO-1", 1, "mine")]),
    "07_unmapped_codes": ("item_code open_lines open_quantity", [("M-3", 2, 20.0), ("M-1", 2, 13.5)]),
    "08_suppliers_by_slip": (
        "supplier_code promised_lines moved_lines average_days",
        [("V1", 3, 1, 5.0), ("V2", 2, 2, -0.5)],
    ),
    "09_lines_reopened": (
        "po_number line_number reappeared_at absent_since reason",
        [("PO-3", 1, THIRD, SECOND, "missing")],
    ),
    "10_overdue_lines": (
        "po_number line_number supplier_code promised_date remaining_quantity",
        [
            ("PO-3", 1, "V2", "2026-03-06", 10.0),
            ("PO-2", 1, "V2", "2026-03-18", 7.5),
            ("PO-1", 1, "V1", "2026-03-25", 6.0),
        ],
    ),
    "11_run_durations": (
        "run_id status started_at hours_since_previous lines changes rejected_rows exit_code",
        [
            (5, "completed", LAST, 48.0, 4, 3, 1, 0),
            (4, "failed", FAILED, 24.0, None, None, None, 4),
            (3, "completed", THIRD, 24.0, 3, 5, 0, 0),
            (2, "completed", SECOND, 24.0, 3, 5, 0, 0),
            (1, "completed", FIRST, None, 4, 0, 0, 0),
        ],
    ),
    "12_rejected_last_night": (
        "query po_number line_number field",
        [("po_lines", "PO-9", 1, "ordered_quantity")],
    ),
}
"""Query -> columns and rows, worked out by hand from the nights of `support.queries.History`."""
DIALECTS: Final[dict[str, tuple[Dialect, str]]] = {
    "sqlite": (create_mock_engine("sqlite://", print).dialect, "sqlite"),
    "postgresql": (create_mock_engine("postgresql+psycopg://", print).dialect, "postgres"),
    "mssql": (create_mock_engine("mssql+pyodbc://", print, deprecate_large_types=True).dialect, "tsql"),
}
"""Database -> SQLAlchemy's dialect, and sqlglot's name of it."""


@pytest.fixture(scope="module", params=SQL_KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def store(kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SqlStore:
    """Return a store that has seen the nights."""
    store = queries.absent(kind, tmp_path_factory.mktemp("queries"), request)
    queries.play(store)
    return store


def pick(rows: Rows, columns: str) -> list[tuple[object, ...]]:
    return [tuple(row[name] for name in columns.split()) for row in rows]


# -- the queries of the documentation


def test_there_are_twelve_queries_and_all_are_tested() -> None:
    assert queries.names() == sorted(EXPECTED)
    assert len(EXPECTED) == 12


@pytest.mark.parametrize("name", EXPECTED)
def test_a_query_of_the_documentation_finds_what_happened(name: str, kind: str, store: SqlStore) -> None:
    columns, expected = EXPECTED[name]
    assert pick(queries.run(store, queries.query(name, kind).sql), columns) == expected


def test_the_queries_say_more_where_it_is_no_plain_value(kind: str, store: SqlStore) -> None:
    (edited,) = queries.run(store, queries.query("06_custom_columns_of_users", kind).sql)
    assert json.loads(edited["custom_column_sources"]) == {"custom_text_1": "user"}
    failures = [row["failure"] for row in queries.run(store, queries.query("11_run_durations", kind).sql)]
    assert failures == [None, "the ERP does not answer", None, None, None]
    (rejected,) = queries.run(store, queries.query("12_rejected_last_night", kind).sql)
    assert "is not a number" in rejected["reason"]


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("database", DIALECTS)
def test_a_query_of_the_documentation_is_sql_of_each_database(name: str, database: str) -> None:
    sqlglot.parse_one(queries.query(name, database).sql, dialect=DIALECTS[database][1])


# -- the views


@pytest.mark.parametrize("database", DIALECTS)
def test_the_views_are_sql_of_each_database(database: str) -> None:
    dialect, name = DIALECTS[database]
    statements = [str(view.compile(dialect=dialect)) for view in create_views("po")]
    assert len(statements) == 4
    for statement in statements:
        parsed = sqlglot.parse_one(statement, dialect=name)
        assert isinstance(parsed, sqlglot.exp.Create)
        assert not list(parsed.find_all(sqlglot.exp.Placeholder, sqlglot.exp.Parameter))
        assert "IS 1" not in statement  # T-SQL has no such test


def test_the_views_have_the_columns_that_they_are_defined_with(store: SqlStore) -> None:
    for name, query in views(store.database.schema).items():
        rows = queries.run(store, f"SELECT * FROM {name}")  # noqa: S608 - a view's name
        assert rows
        assert list(rows[0]) == list(query.selected_columns.keys())


def test_no_internal_column_is_in_a_view() -> None:
    internal = {"presence", "row_fingerprint", "receipts_fingerprint", "xref_fingerprint", "erp_values", "snapshot_id"}
    internal |= {"process", "field_configuration", "event", "in_file"}
    for query in views().values():
        assert not internal & set(query.selected_columns.keys())


def test_v_po_line_shows_each_line_with_numbers_and_words(store: SqlStore) -> None:
    rows = queries.run(store, "SELECT * FROM v_po_line ORDER BY po_number, line_number")
    shown = "po_number line_number ordered_quantity line_state is_unmapped absent_since first_seen_at last_changed_at"
    assert pick(rows, shown) == [
        ("PO-1", 1, 9.0, "active", 1, None, FIRST, LAST),
        ("PO-1", 2, 10.0, "closed", 0, THIRD, FIRST, THIRD),
        ("PO-2", 1, 7.5, "active", 1, None, FIRST, LAST),
        ("PO-3", 1, 10.0, "active", 1, None, FIRST, THIRD),
        ("PO-4", 1, 10.0, "active", 1, None, LAST, LAST),
    ]
    assert rows[1]["sku"] == "SKU-2"
    assert rows[0]["custom_text_1"] == "mine"


def test_v_change_names_line_and_run_of_each_event(store: SqlStore) -> None:
    rows = queries.run(store, "SELECT * FROM v_change WHERE kind <> 'changed' ORDER BY change_id")
    assert pick(rows, "run_id po_number kind new_value detected_at supplier_code") == [
        (2, "PO-3", "absent", "missing", SECOND, "V2"),
        (3, "PO-1", "absent", "closed", THIRD, "V1"),
        (3, "PO-3", "reappeared", None, THIRD, "V2"),
        (5, "PO-4", "created", None, LAST, "V1"),
    ]
    assert all(row["run_identifier"] for row in rows)


def test_v_promised_date_counts_what_came_after_the_first_promise(store: SqlStore) -> None:
    rows = queries.run(store, "SELECT * FROM v_promised_date ORDER BY po_number, line_number")
    assert pick(rows, "po_number line_number first_promised_date current_promised_date moves days_moved") == [
        ("PO-1", 1, "2026-03-10", "2026-03-25", 2, 15),
        ("PO-1", 2, "2026-03-12", "2026-03-12", 0, 0),
        ("PO-2", 1, "2026-03-20", "2026-03-18", 1, -2),  # it had none at first
        ("PO-3", 1, "2026-03-05", "2026-03-06", 1, 1),
        ("PO-4", 1, "2026-05-01", "2026-05-01", 0, 0),
    ]


@pytest.mark.parametrize("kind", SQL_KINDS)
def test_v_promised_date_forgets_what_another_configuration_reads_otherwise(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    store = queries.absent(kind, tmp_path, request)
    mapping = {"promised_date": ColumnSettings(column="due", format="%m/%d/%Y")}
    world = World(lines=[line(due="05/04/2026"), line(line_number=2, due=None)], mapping=mapping, store=store)
    world.night()
    world.lines[0]["due"] = "06/04/2026"
    world.night()
    world.mapping = {"promised_date": ColumnSettings(column="due", format="%d/%m/%Y")}
    world.night()
    look = "SELECT * FROM v_promised_date ORDER BY line_number"
    shown = "first_promised_date current_promised_date moves days_moved"
    assert pick(queries.run(store, look), shown) == [("2026-04-06", "2026-04-06", 0, 0), (None, None, 0, None)]
    for due in (None, "09/04/2026"):  # a promise withdrawn, and given again
        world.lines[0]["due"] = due
        world.night()
    assert pick(queries.run(store, look), shown)[0] == ("2026-04-06", "2026-04-09", 1, 3)
