"""Which adapters are installed, by entry point; none is imported for it."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Final

ERP_SOURCES: Final = "po_ingest.erp_sources"
STORES: Final = "po_ingest.stores"
AUDIT_SINKS: Final = "po_ingest.audit_sinks"


def names(group: str) -> list[str]:
    """Return the names of a kind of adapter, in order."""
    return sorted(entry_points(group=group).names)


def scheme(url: str) -> str:
    """Return the name of the adapter that a store's URL is for: its scheme up to a `+`."""
    return url.partition(":")[0].partition("+")[0]
