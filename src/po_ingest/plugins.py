"""Adapters by name, found through entry points, so that a stranger's package can add one."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint
from typing import cast

from po_ingest.errors import ConfigError
from po_ingest.installed import AUDIT_SINKS, ERP_SOURCES, OBSERVERS, STORES, adapters, names, scheme
from po_ingest.ports import AuditSink, ErpSource, Observer, Store
from po_ingest.settings import AuditSettings, ErpSettings, Settings, StoreSettings


def _find(group: str, name: str, key: str) -> EntryPoint:
    for entry in adapters(group):
        if entry.name == name:
            return entry
    known = ", ".join(names(group)) or "none"
    raise ConfigError(f"{key}: no adapter named {name!r} is installed", hint=f"installed ones are: {known}")


def _load(group: str, name: str, key: str) -> object:
    entry = _find(group, name, key)
    try:
        return entry.load()
    except ImportError as error:
        raise ConfigError(
            f"{key}: the adapter {name!r} could not be loaded: {error}", hint="install what it needs"
        ) from error


def erp_source(settings: ErpSettings) -> ErpSource:
    """Return the ERP source of the configuration. Raises ConfigError."""
    create = cast("Callable[[ErpSettings], ErpSource]", _load(ERP_SOURCES, settings.adapter, "erp.adapter"))
    return create(settings)


def store(settings: StoreSettings) -> Store:
    """Return the store of the configuration, by its URL's scheme up to a `+`. Raises ConfigError."""
    create = cast("Callable[[StoreSettings], Store]", _load(STORES, scheme(settings.url), "store.url"))
    return create(settings)


def audit_sinks(settings: AuditSettings) -> list[AuditSink]:
    """Return the audit sinks of the configuration. Raises ConfigError."""
    sinks = []
    for name in settings.sinks:
        create = cast("Callable[[AuditSettings], AuditSink]", _load(AUDIT_SINKS, name, "audit.sinks"))
        sinks.append(create(settings))
    return sinks


def observers(settings: Settings) -> dict[str, Observer]:
    """Return by name all installed observers that the configuration asks for. Raises ConfigError."""
    found = {}
    for name in names(OBSERVERS):
        create = cast("Callable[[Settings], Observer | None]", _load(OBSERVERS, name, f"observer {name}"))
        observer = create(settings)
        if observer is not None:
            found[name] = observer
    return found
