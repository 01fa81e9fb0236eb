"""The store's tables (contract, section 5), derived from the one table of fields.

`docs/store.md` tells what each column means. A change here needs a migration: a test compares the two.
"""

from __future__ import annotations

import functools
from typing import Any, Final

import attrs
from sqlalchemy import (
    Column,
    Double,
    ForeignKeyConstraint,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
)

from po_ingest.fields import BY_NAME, FIELDS, KEY_FIELDS
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
    field_type,
    text,
)

REVISIONS: Final = ("0001", "0002")
"""The schema's versions, oldest first; the last is the one that this release needs."""
HEAD: Final = REVISIONS[-1]


@attrs.frozen(slots=True)
class Tables:
    """The tables of a store."""

    metadata: MetaData
    version: Table
    run: Table
    line: Table
    snapshot: Table
    event: Table
    batch: Table
    xref: Table
    audit: Table
    rejected: Table


@functools.cache
def tables(schema: str | None = None) -> Tables:
    """Return the tables, in the database's schema of that name."""
    metadata = MetaData(schema=schema)
    return Tables(
        metadata=metadata,
        version=Table(
            "alembic_version",  # as Alembic makes it
            metadata,
            Column("version_num", String(32), nullable=False),
            PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
        ),
        run=Table("ingestion_run", metadata, *_run_columns()),
        line=Table("po_line", metadata, *_line_columns()),
        snapshot=Table("erp_snapshot", metadata, *_snapshot_columns(metadata)),
        event=Table("erp_change_event", metadata, *_event_columns(metadata)),
        batch=Table("batch", metadata, *_batch_columns(metadata)),
        xref=Table("item_xref", metadata, *_xref_columns()),
        audit=Table("audit_event", metadata, *_audit_columns()),
        rejected=Table("rejected_row", metadata, *_rejected_columns()),
    )


def _needed(name: str, kind: Any) -> Column[Any]:  # noqa: ANN401 - any of SQLAlchemy's types
    return Column(name, kind, nullable=False)


def _id() -> Column[Any]:
    return Column("id", ID, nullable=False, autoincrement=False)  # the store reserves ids itself, see docs/store.md


def _field_columns() -> list[Column[Any]]:
    return [Column(field.name, field_type(field)) for field in FIELDS]


def _run_columns() -> list[Any]:
    return [
        _id(),
        _needed("run_identifier", exact_text(64)),
        _needed("erp", exact_text(64)),
        _needed("mode", text(16)),
        _needed("status", text(16)),
        _needed("started_at", MOMENT),
        Column("finished_at", MOMENT),
        Column("duration_seconds", Double()),
        Column("report", JSON),
        _needed("host", text(255)),
        _needed("version", text(64)),
        Column("process", INTEGER),
        Column("field_configuration", JSON),
        PrimaryKeyConstraint("id", name="pk_ingestion_run"),
        UniqueConstraint("run_identifier", name="uq_ingestion_run_identifier"),
        Index("ix_ingestion_run_erp", "erp", "status"),
    ]


def _line_columns() -> list[Any]:
    key = [_needed(field.name, exact_text(field.width) if field.width else field_type(field)) for field in KEY_FIELDS]
    return [
        _id(),
        _needed("erp", exact_text(64)),
        *key,
        # What a nightly compares with stands first: SQLite reads a row from its start.
        _needed("presence", INTEGER),
        Column("row_fingerprint", BYTES),
        Column("receipts_fingerprint", BYTES),
        Column("xref_fingerprint", BYTES),
        Column("item_code", field_type(BY_NAME["item_code"])),
        *(column for column in _field_columns() if column.name != "item_code"),
        _needed("is_unmapped", FLAG),
        _needed("is_stale", FLAG),
        Column("absent_since", MOMENT),
        _needed("source_quality", text(16)),
        Column("custom_column_sources", JSON),
        Column("erp_values", JSON),
        Column("snapshot_id", ID),
        Column("first_seen_run_id", ID),
        Column("last_changed_run_id", ID),
        PrimaryKeyConstraint("id", name="pk_po_line"),
        UniqueConstraint("erp", "po_number", "line_number", name="uq_po_line_key"),
    ]


def _snapshot_columns(metadata: MetaData) -> list[Any]:
    return [
        _id(),
        _needed("po_line_id", ID),
        _needed("valid_from_run_id", ID),
        Column("valid_to_run_id", ID),
        *_field_columns(),
        PrimaryKeyConstraint("id", name="pk_erp_snapshot"),
        _foreign_key(metadata, "po_line_id", "po_line", "erp_snapshot"),
        UniqueConstraint("po_line_id", "valid_from_run_id", name="uq_erp_snapshot_line_run"),
    ]


def _event_columns(metadata: MetaData) -> list[Any]:
    return [
        _id(),
        _needed("run_id", ID),
        _needed("po_line_id", ID),
        _needed("kind", text(16)),
        Column("field_name", text(64)),
        Column("previous_value", text(255)),
        Column("new_value", text(255)),
        _needed("cause", text(16)),
        _needed("detected_at", MOMENT),
        PrimaryKeyConstraint("id", name="pk_erp_change_event"),
        _foreign_key(metadata, "run_id", "ingestion_run", "erp_change_event"),
        _foreign_key(metadata, "po_line_id", "po_line", "erp_change_event"),
        Index("ix_erp_change_event_run", "run_id"),
        Index("ix_erp_change_event_line", "po_line_id"),
    ]


def _batch_columns(metadata: MetaData) -> list[Any]:
    return [
        _id(),
        _needed("po_line_id", ID),
        _needed("sequence", INTEGER),
        _needed("delivered_quantity", DECIMAL),
        _needed("delivery_date", DATE),
        _needed("kind", text(16)),
        Column("reference", text(128)),
        Column("event", text(160)),
        _needed("source", text(16)),
        _needed("run_id", ID),
        PrimaryKeyConstraint("id", name="pk_batch"),
        _foreign_key(metadata, "po_line_id", "po_line", "batch"),
        _foreign_key(metadata, "run_id", "ingestion_run", "batch"),
        UniqueConstraint("po_line_id", "sequence", name="uq_batch_line_sequence"),
    ]


def _xref_columns() -> list[Any]:
    return [
        _needed("erp_item_code", exact_text(BY_NAME["item_code"].width or 0)),
        Column("supplier_code", field_type(BY_NAME["supplier_code"])),
        Column("mapped_sku", field_type(BY_NAME["sku"])),
        Column("mapped_item", field_type(BY_NAME["item"])),
        _needed("is_active", FLAG),
        _needed("updated_at", MOMENT),
        PrimaryKeyConstraint("erp_item_code", name="pk_item_xref"),
    ]


def _audit_columns() -> list[Any]:
    return [
        _id(),
        _needed("event_id", exact_text(64)),
        _needed("event_type", text(64)),
        _needed("severity", text(16)),
        _needed("source", text(64)),
        Column("run_id", ID),
        Column("po_line_id", ID),
        _needed("timestamp", MOMENT),
        Column("previous_values", JSON),
        Column("new_values", JSON),
        Column("reason", LONG_TEXT),
        _needed("previous_hash", exact_text(64)),
        _needed("hash", exact_text(64)),
        _needed("in_file", FLAG),
        PrimaryKeyConstraint("id", name="pk_audit_event"),
        UniqueConstraint("event_id", name="uq_audit_event_event_id"),
        Index("ix_audit_event_run", "run_id"),
    ]


def _rejected_columns() -> list[Any]:
    return [
        _id(),
        _needed("run_id", ID),
        _needed("query", text(16)),
        Column("po_number", LONG_TEXT),  # a key may be rejected for its length
        Column("line_number", INTEGER),
        Column("field", text(64)),
        _needed("reason", LONG_TEXT),
        _needed("row", JSON),
        PrimaryKeyConstraint("id", name="pk_rejected_row"),
        Index("ix_rejected_row_run", "run_id"),
    ]


def _foreign_key(metadata: MetaData, column: str, target: str, table: str) -> ForeignKeyConstraint:
    prefix = f"{metadata.schema}." if metadata.schema else ""
    return ForeignKeyConstraint([column], [f"{prefix}{target}.id"], name=f"fk_{table}_{column}")
