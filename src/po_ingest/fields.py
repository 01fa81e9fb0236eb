"""The one table of fields of a PO line: schema, parsing, comparison and documentation derive from it.

To add a field, add a row to `FIELDS` (and a migration): nothing else in the code names the fields one by one, but for
the few that a rule speaks of (see `docs/architecture.md`).
"""

from __future__ import annotations

import enum
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, TypeAlias

import attrs

Value: TypeAlias = str | int | Decimal | date | datetime | None
"""A value of a field: text, decimal with three places, date, datetime in UTC, or none."""

Values: TypeAlias = tuple[Value, ...]
"""The values of a line, one per entry of `FIELDS` and in their order (the key is apart)."""


class Kind(enum.Enum):
    """The type of a field's values."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    DATE = "date"
    DATETIME = "datetime"


@attrs.frozen(slots=True)
class Field:
    """A field of a PO line: its name, type, width in characters (texts only) and meaning."""

    name: str
    kind: Kind
    description: str
    width: int | None = None
    is_custom: bool = False


DECIMAL_PRECISION: Final = 18
DECIMAL_SCALE: Final = 3
DECIMAL_STEP: Final = Decimal("0.001")
DECIMAL_LIMIT: Final = Decimal(10) ** (DECIMAL_PRECISION - DECIMAL_SCALE)
"""The magnitude that a decimal(18,3) stays below."""
INTEGER_MIN: Final = -(2**31)
INTEGER_MAX: Final = 2**31 - 1
CUSTOM_SLOTS_PER_KIND: Final = 5

KEY_FIELDS: Final[tuple[Field, ...]] = (
    Field("po_number", Kind.TEXT, "Number of the purchase order; compared exactly, leading zeros kept", 64),
    Field("line_number", Kind.INTEGER, "Number of the line within the purchase order"),
)


def _custom(kind: Kind, description: str, width: int | None = None) -> tuple[Field, ...]:
    return tuple(
        Field(f"custom_{kind.value}_{number}", kind, f"{description}, slot {number}", width, is_custom=True)
        for number in range(1, CUSTOM_SLOTS_PER_KIND + 1)
    )


FIELDS: Final[tuple[Field, ...]] = (
    Field("sku", Kind.TEXT, "Stock-keeping unit, from the cross-reference where it has one", 128),
    Field("item", Kind.TEXT, "Item, from the cross-reference where it has one", 255),
    Field("item_code", Kind.TEXT, "The ERP's item code, looked up in the cross-reference", 128),
    Field("supplier_code", Kind.TEXT, "Supplier, from the cross-reference where it has one", 64),
    Field("ordered_quantity", Kind.DECIMAL, "Quantity ordered"),
    Field("delivered_quantity", Kind.DECIMAL, "Quantity delivered so far"),
    Field("remaining_quantity", Kind.DECIMAL, "Quantity still to come"),
    Field("in_date", Kind.DATE, "Date of the (last) receipt"),
    Field("promised_date", Kind.DATE, "Date the supplier promised"),
    Field("current_status", Kind.TEXT, "Status of the line in the ERP", 64),
    Field("po_insert_date", Kind.DATE, "Date the purchase order was entered"),
    Field("final_customer", Kind.TEXT, "Customer the goods are for", 255),
    Field("last_update_timestamp", Kind.DATETIME, "When the ERP last touched the line (UTC)"),
    *_custom(Kind.DATE, "Custom date"),
    *_custom(Kind.TEXT, "Custom text", 255),
    *_custom(Kind.DECIMAL, "Custom decimal"),
)

INDEX: Final[dict[str, int]] = {field.name: position for position, field in enumerate(FIELDS)}
"""Field name -> position in `Values`."""

CUSTOM_SLOTS: Final[tuple[str, ...]] = tuple(field.name for field in FIELDS if field.is_custom)
MAPPED_BY_XREF: Final[tuple[str, ...]] = ("sku", "item", "supplier_code")
"""The fields that the cross-reference gives (R9)."""
BY_NAME: Final[dict[str, Field]] = {field.name: field for field in (*KEY_FIELDS, *FIELDS)}


def tracked_fields(ignored: frozenset[str], active_slots: frozenset[str]) -> tuple[int, ...]:
    """Return the positions in `FIELDS` of the fields whose differences are changes (contract, section 4)."""
    return tuple(
        position
        for position, field in enumerate(FIELDS)
        if field.name not in ignored and (not field.is_custom or field.name in active_slots)
    )


def quantize(number: Decimal) -> Decimal:
    """Round half up to three places; zero has no sign. `number` must be below `DECIMAL_LIMIT` in magnitude."""
    return number.quantize(DECIMAL_STEP, ROUND_HALF_UP) + 0


def to_text(value: Value) -> str | None:
    """Return a value's text form (contract, section 5): `12.000`, `2026-01-31`, `2026-01-31T08:00:00Z`.

    A datetime carries its fraction, six digits, only where it has one.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def from_text(kind: Kind, text: str | None) -> Value:
    """Read back what `to_text` wrote. Raises ValueError for anything else."""
    if text is None or kind is Kind.TEXT:
        return text
    if kind is Kind.DECIMAL:
        return Decimal(text)
    if kind is Kind.INTEGER:
        return int(text)
    if kind is Kind.DATE:
        return date.fromisoformat(text)
    return datetime.fromisoformat(text)
