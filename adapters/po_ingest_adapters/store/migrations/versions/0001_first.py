"""The first schema. Once released it stays as it is: what follows is a migration of its own."""

from __future__ import annotations

from typing import Any, cast

import sqlalchemy as sa
from alembic import context, op

from po_ingest_adapters.store.column_types import (
    BYTES,
    DATE,
    DECIMAL,
    FLAG,
    ID,
    INTEGER,
    JSON,
    LONG_TEXT,
    MOMENT,
    exact_text,
    text,
)
from po_ingest_adapters.store.database import Database

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create all tables."""
    database = cast("Database", context.config.attributes["database"])
    schema = database.schema
    _create_run(schema)
    _create_line(schema)
    _create_snapshot(schema)
    _create_event(schema)
    _create_batch(schema)
    _create_xref(schema)
    audit = _create_audit(schema)
    for statement in database.append_only(audit):
        op.execute(statement)
    _create_rejected(schema)


def _needed(name: str, kind: Any) -> sa.Column[Any]:  # noqa: ANN401 - any of SQLAlchemy's types
    return sa.Column(name, kind, nullable=False)


def _id() -> sa.Column[Any]:
    return sa.Column("id", ID, nullable=False, autoincrement=False)


def _target(schema: str | None, table: str) -> list[str]:
    return [f"{schema}.{table}.id" if schema else f"{table}.id"]


def _fields(*, without: str = "") -> list[sa.Column[Any]]:
    columns = [
        sa.Column("sku", text(128)),
        sa.Column("item", text(255)),
        sa.Column("item_code", text(128)),
        sa.Column("supplier_code", text(64)),
        sa.Column("ordered_quantity", DECIMAL),
        sa.Column("delivered_quantity", DECIMAL),
        sa.Column("remaining_quantity", DECIMAL),
        sa.Column("in_date", DATE),
        sa.Column("promised_date", DATE),
        sa.Column("current_status", text(64)),
        sa.Column("po_insert_date", DATE),
        sa.Column("final_customer", text(255)),
        sa.Column("last_update_timestamp", MOMENT),
        *(sa.Column(f"custom_date_{number}", DATE) for number in range(1, 6)),
        *(sa.Column(f"custom_text_{number}", text(255)) for number in range(1, 6)),
        *(sa.Column(f"custom_decimal_{number}", DECIMAL) for number in range(1, 6)),
    ]
    return [column for column in columns if column.name != without]


def _create_run(schema: str | None) -> None:
    op.create_table(
        "ingestion_run",
        _id(),
        _needed("run_identifier", exact_text(64)),
        _needed("erp", exact_text(64)),
        _needed("mode", text(16)),
        _needed("status", text(16)),
        _needed("started_at", MOMENT),
        sa.Column("finished_at", MOMENT),
        sa.Column("duration_seconds", sa.Double()),
        sa.Column("report", JSON),
        _needed("host", text(255)),
        _needed("version", text(64)),
        sa.Column("process", INTEGER),
        sa.Column("field_configuration", JSON),
        sa.PrimaryKeyConstraint("id", name="pk_ingestion_run"),
        sa.UniqueConstraint("run_identifier", name="uq_ingestion_run_identifier"),
        schema=schema,
    )
    op.create_index("ix_ingestion_run_erp", "ingestion_run", ["erp", "status"], schema=schema)


def _create_line(schema: str | None) -> None:
    op.create_table(
        "po_line",
        _id(),
        _needed("erp", exact_text(64)),
        _needed("po_number", exact_text(64)),
        _needed("line_number", INTEGER),
        _needed("presence", INTEGER),
        sa.Column("row_fingerprint", BYTES),
        sa.Column("receipts_fingerprint", BYTES),
        sa.Column("xref_fingerprint", BYTES),
        sa.Column("item_code", text(128)),
        *_fields(without="item_code"),
        _needed("is_unmapped", FLAG),
        _needed("is_stale", FLAG),
        sa.Column("absent_since", MOMENT),
        _needed("source_quality", text(16)),
        sa.Column("custom_column_sources", JSON),
        sa.Column("erp_values", JSON),
        sa.Column("snapshot_id", ID),
        sa.Column("first_seen_run_id", ID),
        sa.Column("last_changed_run_id", ID),
        sa.PrimaryKeyConstraint("id", name="pk_po_line"),
        sa.UniqueConstraint("erp", "po_number", "line_number", name="uq_po_line_key"),
        schema=schema,
    )


def _create_snapshot(schema: str | None) -> None:
    op.create_table(
        "erp_snapshot",
        _id(),
        _needed("po_line_id", ID),
        _needed("valid_from_run_id", ID),
        sa.Column("valid_to_run_id", ID),
        *_fields(),
        sa.PrimaryKeyConstraint("id", name="pk_erp_snapshot"),
        sa.ForeignKeyConstraint(["po_line_id"], _target(schema, "po_line"), name="fk_erp_snapshot_po_line_id"),
        sa.UniqueConstraint("po_line_id", "valid_from_run_id", name="uq_erp_snapshot_line_run"),
        schema=schema,
    )


def _create_event(schema: str | None) -> None:
    op.create_table(
        "erp_change_event",
        _id(),
        _needed("run_id", ID),
        _needed("po_line_id", ID),
        _needed("kind", text(16)),
        sa.Column("field_name", text(64)),
        sa.Column("previous_value", text(255)),
        sa.Column("new_value", text(255)),
        _needed("cause", text(16)),
        _needed("detected_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_erp_change_event"),
        sa.ForeignKeyConstraint(["run_id"], _target(schema, "ingestion_run"), name="fk_erp_change_event_run_id"),
        sa.ForeignKeyConstraint(["po_line_id"], _target(schema, "po_line"), name="fk_erp_change_event_po_line_id"),
        schema=schema,
    )
    op.create_index("ix_erp_change_event_run", "erp_change_event", ["run_id"], schema=schema)
    op.create_index("ix_erp_change_event_line", "erp_change_event", ["po_line_id"], schema=schema)


def _create_batch(schema: str | None) -> None:
    op.create_table(
        "batch",
        _id(),
        _needed("po_line_id", ID),
        _needed("sequence", INTEGER),
        _needed("delivered_quantity", DECIMAL),
        _needed("delivery_date", DATE),
        _needed("kind", text(16)),
        sa.Column("reference", text(128)),
        sa.Column("event", text(160)),
        _needed("source", text(16)),
        _needed("run_id", ID),
        sa.PrimaryKeyConstraint("id", name="pk_batch"),
        sa.ForeignKeyConstraint(["po_line_id"], _target(schema, "po_line"), name="fk_batch_po_line_id"),
        sa.ForeignKeyConstraint(["run_id"], _target(schema, "ingestion_run"), name="fk_batch_run_id"),
        sa.UniqueConstraint("po_line_id", "sequence", name="uq_batch_line_sequence"),
        schema=schema,
    )


def _create_xref(schema: str | None) -> None:
    op.create_table(
        "item_xref",
        _needed("erp_item_code", exact_text(128)),
        sa.Column("supplier_code", text(64)),
        sa.Column("mapped_sku", text(128)),
        sa.Column("mapped_item", text(255)),
        _needed("is_active", FLAG),
        _needed("updated_at", MOMENT),
        sa.PrimaryKeyConstraint("erp_item_code", name="pk_item_xref"),
        schema=schema,
    )


def _create_audit(schema: str | None) -> sa.Table:
    table = op.create_table(
        "audit_event",
        _id(),
        _needed("event_id", exact_text(64)),
        _needed("event_type", text(64)),
        _needed("severity", text(16)),
        _needed("source", text(64)),
        sa.Column("run_id", ID),
        sa.Column("po_line_id", ID),
        _needed("timestamp", MOMENT),
        sa.Column("previous_values", JSON),
        sa.Column("new_values", JSON),
        sa.Column("reason", LONG_TEXT),
        _needed("previous_hash", exact_text(64)),
        _needed("hash", exact_text(64)),
        _needed("in_file", FLAG),
        sa.PrimaryKeyConstraint("id", name="pk_audit_event"),
        sa.UniqueConstraint("event_id", name="uq_audit_event_event_id"),
        schema=schema,
    )
    op.create_index("ix_audit_event_run", "audit_event", ["run_id"], schema=schema)
    return table


def _create_rejected(schema: str | None) -> None:
    op.create_table(
        "rejected_row",
        _id(),
        _needed("run_id", ID),
        _needed("query", text(16)),
        sa.Column("po_number", LONG_TEXT),
        sa.Column("line_number", INTEGER),
        sa.Column("field", text(64)),
        _needed("reason", LONG_TEXT),
        _needed("row", JSON),
        sa.PrimaryKeyConstraint("id", name="pk_rejected_row"),
        schema=schema,
    )
    op.create_index("ix_rejected_row_run", "rejected_row", ["run_id"], schema=schema)
