"""What a login must be allowed, on any server; how to grant it is in the docs of each database."""

from __future__ import annotations

from typing import Final

READ: Final = ("SELECT",)
INSERT: Final = ("SELECT", "INSERT")
UPDATE: Final = ("SELECT", "INSERT", "UPDATE")
NEEDED: Final = {
    "alembic_version": READ,
    "ingestion_run": UPDATE,
    "po_line": UPDATE,
    "erp_snapshot": UPDATE,
    "erp_change_event": INSERT,
    "batch": INSERT,
    "item_xref": READ,
    "audit_event": INSERT,
    "rejected_row": INSERT,
}
"""What a nightly does to each table; `xref import` also inserts and deletes in item_xref."""
PAIRS: Final = tuple((table, right) for table, rights in NEEDED.items() for right in rights)
"""Each table with each right."""
