"""The configuration as values (contract, section 3): attrs classes whose defaults are the contract's.

`po_ingest.config` reads them from TOML. Whatever may hold a secret has no place in a repr.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import attrs

DEFAULT_LINES_QUERY: Final = "SELECT * FROM erp_order_lines"


@attrs.frozen(slots=True, kw_only=True)
class ColumnSettings:
    """Where a field comes from, and how its texts are read."""

    column: str
    format: str | None = None
    null: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Say whether the driver's values are taken as they are."""
        return self.format is None and not self.null


@attrs.frozen(slots=True, kw_only=True)
class QuerySettings:
    """A query of the ERP and the columns listed for it; `query_file` has been read into `query`."""

    query: str
    columns: Mapping[str, ColumnSettings] = attrs.Factory(dict)


@attrs.frozen(slots=True, kw_only=True)
class RetrySettings:
    """How transient errors are retried (R12); seconds."""

    attempts: int = 5
    wait_initial: float = 1.0
    wait_max: float = 60.0
    timeout: float = 600.0


@attrs.frozen(slots=True, kw_only=True)
class CsvSettings:
    """How the CSV files of the adapter `csv` are read."""

    encoding: str = "utf-8"
    delimiter: str = ","


@attrs.frozen(slots=True, kw_only=True)
class ErpSettings:
    """The ERP: which one, how it is reached, what is asked of it."""

    connection: str = attrs.field(repr=False)
    folder: Path  # of the config file: relative paths in `connection` start here
    name: str = "erp"
    adapter: str = "odbc"
    query_timeout: int = 300
    fetch_size: int = 5000
    timezone: str = "UTC"
    isolation: str = "read committed"
    encoding: str | None = None  # of texts, where an ODBC driver gives bytes
    csv: CsvSettings = attrs.field(factory=CsvSettings)
    po_lines: QuerySettings = attrs.field(factory=lambda: QuerySettings(query=DEFAULT_LINES_QUERY))
    receipts: QuerySettings | None = None
    item_xref: QuerySettings | None = None
    retry: RetrySettings = attrs.field(factory=RetrySettings)


@attrs.frozen(slots=True, kw_only=True)
class LineSettings:
    """How lines are understood."""

    inactive_statuses: tuple[str, ...] = ("closed", "cancelled", "complete", "completed")
    default_supplier: str = "DEFAULT"
    ignored_fields: tuple[str, ...] = ("last_update_timestamp",)


@attrs.frozen(slots=True, kw_only=True)
class CustomColumnSettings:
    """The mapping of a custom slot."""

    column: ColumnSettings
    label: str | None = None
    active: bool = True


@attrs.frozen(slots=True, kw_only=True)
class GuardSettings:
    """The limits beyond which a snapshot changes nothing (R7)."""

    min_lines: int = 1
    max_absent_ratio: float = 0.2
    max_rejected_ratio: float = 0.05
    max_emptied_ratio: float = 0.5


@attrs.frozen(slots=True, kw_only=True)
class StoreSettings:
    """The store; `url` has its relative path resolved."""

    url: str = attrs.field(repr=False)
    schema: str = "po"
    retry: RetrySettings = attrs.field(factory=RetrySettings)


@attrs.frozen(slots=True, kw_only=True)
class AuditSettings:
    """The audit file (its path resolved) and the sinks that get a copy of the audit trail."""

    file: Path
    sinks: tuple[str, ...] = ("file",)

    @property
    def spool(self) -> Path:
        """Return where events wait while the store is down."""
        return self.file.with_name(self.file.name + ".spool")


@attrs.frozen(slots=True, kw_only=True)
class LogSettings:
    """The log file, its path resolved."""

    file: Path
    level: str = "INFO"


@attrs.frozen(slots=True, kw_only=True)
class NotifySettings:
    """Who is told of which outcomes of runs."""

    urls: tuple[str, ...] = attrs.field(default=(), repr=False)
    on: tuple[str, ...] = ("failed", "partial", "guard")


@attrs.frozen(slots=True, kw_only=True)
class LineageSettings:
    """Where OpenLineage events go."""

    url: str = attrs.field(repr=False)
    namespace: str = "po-ingest"
    api_key: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(slots=True, kw_only=True)
class Settings:
    """All of the configuration."""

    file: Path
    erp: ErpSettings
    store: StoreSettings
    audit: AuditSettings
    log: LogSettings
    lines: LineSettings = attrs.field(factory=LineSettings)
    custom_columns: Mapping[str, CustomColumnSettings] = attrs.Factory(dict)
    guards: GuardSettings = attrs.field(factory=GuardSettings)
    notify: NotifySettings = attrs.field(factory=NotifySettings)
    heartbeat_url: str | None = attrs.field(default=None, repr=False)
    metrics_textfile: Path | None = None
    lineage: LineageSettings | None = None
    is_confidential: bool = False  # the file itself holds passwords, not only names of them
