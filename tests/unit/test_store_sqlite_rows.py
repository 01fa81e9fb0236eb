"""What stands in the tables of a SQLite store, seen past the store and its types."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import attrs
import pytest

from po_ingest.fields import FIELDS
from po_ingest.model import Delta, FieldChange, MissingLine, Presence, RejectedRow, SnapshotAction, XrefRow
from po_ingest_adapters.store.sql import SqlStore
from support.store_builders import (
    FULL,
    KEY,
    START,
    Nights,
    audit_event,
    delivery,
    known_line,
    line_values,
    new_line,
    sqlite_store,
)
from support.store_files import raw

CONTRACT = {
    "ingestion_run": "id run_identifier erp mode status started_at finished_at duration_seconds report host version",
    "po_line": "id erp po_number line_number is_unmapped is_stale absent_since source_quality custom_column_sources "
    "first_seen_run_id last_changed_run_id",
    "erp_snapshot": "id po_line_id valid_from_run_id valid_to_run_id",
    "erp_change_event": "id run_id po_line_id kind field_name previous_value new_value cause detected_at",
    "batch": "id po_line_id sequence delivered_quantity delivery_date kind reference source run_id",
    "item_xref": "erp_item_code supplier_code mapped_sku mapped_item is_active updated_at",
    "audit_event": "id event_id event_type severity source run_id po_line_id timestamp previous_values new_values "
    "reason previous_hash hash",
    "rejected_row": "run_id query po_number line_number field reason row",
}
"""The tables of the contract, section 5, and the columns that others rely on, the fields apart."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def store(path: Path) -> SqlStore:
    store = sqlite_store(path)
    store.upgrade()
    return store


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("table", CONTRACT)
def test_the_tables_have_the_columns_of_the_contract(path: Path, table: str) -> None:
    columns = {name for (name,) in raw(path, f"SELECT name FROM pragma_table_info('{table}')")}  # noqa: S608 - ours
    fields = {field.name for field in FIELDS} if table in {"po_line", "erp_snapshot"} else set()
    assert columns >= {*CONTRACT[table].split(), *fields}


def test_decimals_dates_and_datetimes_are_exact_text(store: SqlStore, path: Path) -> None:
    Nights(store).changes(new_line(deliveries=(delivery("12.000"),)))
    for table in ("po_line", "erp_snapshot"):
        columns = "ordered_quantity, delivered_quantity, remaining_quantity, promised_date, po_insert_date"
        query = f"SELECT {columns}, last_update_timestamp, custom_decimal_2 FROM {table}"  # noqa: S608 - ours
        assert raw(path, query) == [
            (
                "99999999999999.999",
                "0.001",
                "-12.000",
                "9999-12-31",
                "0001-01-01",
                "2026-01-30T23:59:59.500000Z",
                None,
            )
        ]
    assert raw(path, "SELECT delivered_quantity, delivery_date, source FROM batch") == [
        ("12.000", "2026-01-30", "ingestion")
    ]
    assert raw(path, "SELECT started_at, finished_at FROM ingestion_run") == [
        ("2026-02-01T08:00:00Z", "2026-02-01T08:01:30Z")
    ]


def test_a_moment_of_another_zone_is_kept_in_utc(store: SqlStore, path: Path) -> None:
    moment = datetime(2026, 1, 31, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    with store.write() as transaction:
        transaction.put_item_xref([XrefRow("A")], moment)
    assert raw(path, "SELECT updated_at, is_active FROM item_xref") == [("2026-01-30T23:30:00Z", 1)]
    assert moment.astimezone(UTC).isoformat() == "2026-01-30T23:30:00+00:00"


def test_what_the_erp_itself_gave_is_kept_as_json_in_text_form(store: SqlStore, path: Path) -> None:
    values = line_values(
        sku="mapped",
        custom_text_1='"a"\\\x01ä',
        custom_date_2=date(2026, 1, 2),
        custom_decimal_3=Decimal("12.000"),
    )
    nights = Nights(store)
    (line,) = nights.changes(new_line(values=values, own=('"', None, "S"), sources={"custom_text_1": "erp"}))
    ((erp_values, sources),) = raw(path, "SELECT erp_values, custom_column_sources FROM po_line")
    assert json.loads(erp_values) == {"sku": '"', "supplier_code": "S"}
    nights.changes(
        known_line(
            line,
            values=values,
            own=('"', None, "S"),
            sources={"custom_text_1": "erp"},
            presence=Presence.CLOSED,
            event="absent",
            snapshot=SnapshotAction.CLOSE,
        )
    )
    ((erp_values,),) = raw(path, "SELECT erp_values FROM po_line")
    assert json.loads(erp_values)["slots"] == {
        "custom_text_1": '"a"\\\x01ä',
        "custom_date_2": "2026-01-02",
        "custom_decimal_3": "12.000",
    }
    assert json.loads(sources) == {"custom_text_1": "erp"}


def test_a_state_ends_with_the_last_run_that_was_applied(store: SqlStore, path: Path) -> None:
    nights = Nights(store)
    one, two = nights.changes(new_line(), new_line(("PO-2", 1)))
    nights.night(status="failed")
    nights.night(
        Delta(
            changes=(known_line(one, values=line_values(sku="x"), snapshot=SnapshotAction.REPLACE),),
            missing=(MissingLine(("PO-2", 1), two),),
        )
    )
    assert raw(path, "SELECT po_line_id, valid_from_run_id, valid_to_run_id, sku FROM erp_snapshot ORDER BY id") == [
        (one, 1, 1, "SKU-1"),
        (two, 1, 1, "SKU-1"),
        (one, 3, None, "x"),
    ]


def test_r8_rejected_rows_are_kept_with_what_a_database_would_refuse_written_as_escapes(
    store: SqlStore, path: Path
) -> None:
    content = {"MATNR": "a\x00\ud800", "n": 1.5, "none": None}
    row = RejectedRow("receipts", "P\x00\ud800" + "x" * 100, 10**40, "in_date", "no date: '\udc80'", content)
    Nights(store).night(Delta(rejected=(row, attrs.evolve(row, po_number=None, line_number=7, field=None))))
    ids, *rows = zip(
        *raw(path, 'SELECT id, run_id, "query", po_number, line_number, field, reason FROM rejected_row'), strict=True
    )
    assert ids == (1, 2)
    assert rows == [
        (1, 1),
        ("receipts", "receipts"),
        ("P\\x00\\ud800" + "x" * 100, None),
        (None, 7),
        ("in_date", None),
        ("no date: '\\udc80'", "no date: '\\udc80'"),
    ]
    assert [json.loads(text) for (text,) in raw(path, 'SELECT "row" FROM rejected_row')] == [content, content]


def test_a_partition_takes_a_handful_of_statements(store: SqlStore) -> None:
    nights = Nights(store)
    ids = nights.changes(*(new_line(("PO", number)) for number in range(100)))
    changes = tuple(
        known_line(
            line_id,
            ("PO", number),
            values=line_values(sku="x"),
            fields=(FieldChange("sku", "a", "x", "erp"),),
            snapshot=SnapshotAction.REPLACE,
            deliveries=(delivery("1.000"),),
        )
        for number, line_id in enumerate(ids)
    )
    engine = store.database._engine("write")  # type: ignore[attr-defined]  # of SQLite
    from sqlalchemy import event  # noqa: PLC0415 - for this test alone

    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    nights.night(Delta(changes=changes, missing=(MissingLine(KEY, 1),)))
    assert len(statements) <= 20


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET reason = 'x'",
        "UPDATE audit_event SET hash = hash WHERE id = 1",
        "DELETE FROM audit_event",
        "DELETE FROM audit_event WHERE id = 2",
        "INSERT OR REPLACE INTO audit_event SELECT * FROM audit_event WHERE id = 1",
        "REPLACE INTO audit_event SELECT * FROM audit_event",
        "INSERT OR IGNORE INTO audit_event SELECT * FROM audit_event WHERE id = 1",
        "UPDATE OR REPLACE audit_event SET id = 2 WHERE id = 1",
        "UPDATE audit_event SET in_file = 1",
        pytest.param(
            "INSERT INTO audit_event SELECT * FROM audit_event WHERE id = 1 "
            "ON CONFLICT (id) DO UPDATE SET reason = 'x'",
            id="upsert by id",
        ),
        pytest.param(
            "INSERT INTO audit_event SELECT * FROM audit_event WHERE true "
            "ON CONFLICT (event_id) DO UPDATE SET reason = 'x'",
            id="upsert by event_id",
        ),
        pytest.param(
            "INSERT OR REPLACE INTO audit_event (rowid, event_id, event_type, severity, source, timestamp, "
            "previous_hash, hash, in_file) SELECT 1, 'other', '', '', '', '', '', '', 0",
            id="replace by rowid",
        ),
        pytest.param(
            "INSERT OR REPLACE INTO audit_event (id, event_id, event_type, severity, source, timestamp, previous_hash, "
            "hash, in_file) SELECT 99, event_id, '', '', '', '', '', '', 0 FROM audit_event WHERE id = 1",
            id="replace by event_id",
        ),
    ],
)
def test_r14_the_database_refuses_to_change_or_delete_the_audit_trail(
    store: SqlStore, path: Path, statement: str
) -> None:
    with store.write() as transaction:
        transaction.record([audit_event(1), audit_event(2)])
    before = raw(path, "SELECT * FROM audit_event")
    with pytest.raises(sqlite3.IntegrityError, match="audit_event is append-only"):
        raw(path, statement)
    assert raw(path, "SELECT * FROM audit_event") == before
    assert len(before) == 2


def test_lines_are_found_by_key_without_looking_at_all_of_them(path: Path, store: SqlStore) -> None:
    Nights(store).changes(new_line())
    for query in (
        "SELECT * FROM po_line WHERE erp = 'erp' AND po_number = 'PO-1' AND line_number = 1",
        "SELECT * FROM erp_change_event WHERE po_line_id = 1",
        "SELECT * FROM erp_change_event WHERE run_id = 1",
        "SELECT * FROM batch WHERE po_line_id = 1",
        "SELECT * FROM erp_snapshot WHERE po_line_id = 1 AND valid_to_run_id IS NULL",
        "SELECT * FROM audit_event WHERE event_id = 'x'",
        "SELECT * FROM rejected_row WHERE run_id = 1",
    ):
        ((_, _, _, plan),) = raw(path, f"EXPLAIN QUERY PLAN {query}")
        assert "USING INDEX" in plan or "USING COVERING INDEX" in plan


def test_start_of_a_run_is_compared_by_time_not_by_text(store: SqlStore, path: Path) -> None:
    nights = Nights(store)
    nights.night(at=START)
    nights.night(at=START + timedelta(microseconds=1))
    texts = [text for (text,) in raw(path, "SELECT started_at FROM ingestion_run ORDER BY id")]
    assert texts != sorted(texts)
    with store.read() as view:
        assert [run.id for run in view.runs("erp", since=START + timedelta(microseconds=1))] == [2]


def test_full_values_use_every_kind_of_field() -> None:
    kinds = {field.kind for field in FIELDS if field.name in FULL}
    assert kinds == {field.kind for field in FIELDS}


@pytest.mark.parametrize(
    "erp", ["O'Brien", "''; DROP TABLE po_line; --", "?1", ":erp %s %", "\u5de5\u5382", "a\tb", "\\"]
)
def test_what_all_new_lines_share_is_stored_as_it_is_though_it_stands_in_the_statement(
    store: SqlStore, path: Path, erp: str
) -> None:
    Nights(store, erp).changes(new_line(), new_line(("4500000001", 20)), with_events=False)
    shared = "erp, presence, is_stale, source_quality, custom_column_sources, first_seen_run_id, last_changed_run_id"
    assert raw(path, f"SELECT {shared} FROM po_line") == [(erp, 1, 0, "erp", "{}", 1, 1)] * 2  # noqa: S608 - names of columns
