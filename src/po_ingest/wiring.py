"""The composition root: from settings to the parts of a run. The only importer of adapters, and lazily."""

from __future__ import annotations

import os
import socket

from po_ingest import __version__, plugins
from po_ingest.journal import Parts
from po_ingest.ports import AuditSink, ErpSource, Observer, Progress, Spool, Store
from po_ingest.settings import Settings
from po_ingest.watch import Watch


class Silent:
    """Progress that nobody watches."""

    def stage(self, name: str) -> None:
        """Ignore a stage."""

    def advance(self, rows: int) -> None:
        """Ignore rows."""

    def retrying(self, attempt: int, wait: float, cause: str) -> None:
        """Ignore a retry."""


def open_source(settings: Settings) -> ErpSource:
    """Return the ERP to read from."""
    return plugins.erp_source(settings.erp)


def open_store(settings: Settings) -> Store:
    """Return the store."""
    return plugins.store(settings.store)


def open_sink(settings: Settings) -> AuditSink:
    """Return where copies of the audit trail go."""
    from po_ingest_adapters.audit.fanout import FanOut  # noqa: PLC0415 - adapters are imported when they are wired

    sinks = plugins.audit_sinks(settings.audit)
    return sinks[0] if len(sinks) == 1 else FanOut(sinks)


def open_spool(settings: Settings) -> Spool:
    """Return where audit events wait while the store is down."""
    from po_ingest_adapters.audit.spool import FileSpool  # noqa: PLC0415 - as above

    return FileSpool(settings.audit.spool, settings.audit.file)


def open_observers(settings: Settings) -> dict[str, Observer]:
    """Return by name those who are told how runs go."""
    return plugins.observers(settings)


def build(settings: Settings, progress: Progress | None = None) -> Parts:
    """Wire a run."""
    from po_ingest_adapters.buffer import DiskBuffer  # noqa: PLC0415 - as above
    from po_ingest_adapters.clock import system_clock  # noqa: PLC0415 - as above

    return Parts(
        source=open_source(settings),
        store=open_store(settings),
        sink=open_sink(settings),
        spool=open_spool(settings),
        clock=system_clock,
        buffer=DiskBuffer,
        progress=progress or Silent(),
        host=socket.gethostname(),
        process=os.getpid(),
        version=__version__,
        observer=Watch(open_observers(settings)),
    )
