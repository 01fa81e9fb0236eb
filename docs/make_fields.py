"""Makes docs/fields.md from the table of fields in `po_ingest.fields`, and the text in fields.md.in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from making import filled, table_rows

from po_ingest.fields import DECIMAL_PRECISION, DECIMAL_SCALE, FIELDS, KEY_FIELDS, Field, Kind

TYPES: Final = {
    Kind.INTEGER: "whole number, 32 bits",
    Kind.DECIMAL: f"decimal({DECIMAL_PRECISION},{DECIMAL_SCALE})",
    Kind.DATE: "date",
    Kind.DATETIME: "datetime, UTC",
}
TEXTS: Final = {
    Kind.TEXT: "as it is",
    Kind.INTEGER: "`10`",
    Kind.DECIMAL: "`12.000`",
    Kind.DATE: "`2026-01-31`",
    Kind.DATETIME: "`2026-01-31T08:30:00Z`",
}


def page() -> str:
    """Return the page."""
    parts = {
        "key": KEY_FIELDS,
        "fields": [field for field in FIELDS if not field.is_custom],
        "custom fields": [field for field in FIELDS if field.is_custom],
    }
    return filled("fields.md", "po_ingest.fields", {name: _table(fields) for name, fields in parts.items()})


def _table(fields: Iterable[Field]) -> str:
    return "\n".join(table_rows(("field", "type", "meaning", "as text"), map(_row, fields)))


def _row(field: Field) -> tuple[str, ...]:
    kind = f"text, {field.width} characters" if field.kind is Kind.TEXT else TYPES[field.kind]
    return f"`{field.name}`", kind, field.description, TEXTS[field.kind]
