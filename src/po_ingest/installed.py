"""Which adapters are installed, by entry point; none is imported for it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Final

ERP_SOURCES: Final = "po_ingest.erp_sources"
STORES: Final = "po_ingest.stores"
AUDIT_SINKS: Final = "po_ingest.audit_sinks"
OBSERVERS: Final = "po_ingest.observers"


@cache
def _found() -> dict[str, list[EntryPoint]]:
    found = entry_points()  # reads a file of every package that is installed: once is enough
    return {group: list(found.select(group=group)) for group in (ERP_SOURCES, STORES, AUDIT_SINKS, OBSERVERS)}


def adapters(group: str) -> Sequence[EntryPoint]:
    """Return the entry points of a kind of adapter."""
    return _found()[group]


def names(group: str) -> list[str]:
    """Return the names of a kind of adapter, in order."""
    return sorted({entry.name for entry in adapters(group)})


def scheme(url: str) -> str:
    """Return the name of the adapter that a store's URL is for: its scheme up to a `+`."""
    return url.partition(":")[0].partition("+")[0]
