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
    """The result column; case does not count. A listed column that the result lacks is exit 2. Such as `"EINDT"`."""
    format: str | None = None
    """How *texts* are read; what the driver gives as a number or a date is taken as it is. Such as `"%Y%m%d"`."""
    null: tuple[str, ...] = ()
    """The values that mean 'none': texts, numbers, dates. Such as `["00000000"]`."""

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
    """Tries in all. Such as `1`."""
    wait_initial: float = 1.0
    """Seconds before the second try; doubles each time, with jitter. Such as `5`."""
    wait_max: float = 60.0
    """Seconds that no wait exceeds. Such as `30`."""
    timeout: float = 600.0
    """Seconds over all tries; with `odbc` it also cuts the try that would last longer. Such as `1800`."""


@attrs.frozen(slots=True, kw_only=True)
class CsvSettings:
    """How the CSV files of the adapter `csv` are read."""

    encoding: str = "utf-8"
    """Encoding of the files. Such as `"cp1252"`."""
    delimiter: str = ","
    """What stands between cells. Such as `";"`."""


@attrs.frozen(slots=True, kw_only=True)
class ErpSettings:
    """The ERP: which one, how it is reached, what is asked of it."""

    connection: str = attrs.field(repr=False)
    """How the ERP is reached: an ODBC connection string; a file for `sqlite`; a folder for `csv`. Such as
    `"${PO_INGEST_ERP}"`."""
    folder: Path  # of the config file: relative paths in `connection` start here
    name: str = "erp"
    """Label of this source, part of every line's identity: changing it starts a new history. Such as `"sap-emea"`."""
    adapter: str = "odbc"
    """`odbc`, `sqlite`, `csv`, or a plug-in's name. Such as `"csv"`."""
    query_timeout: int = 300
    """Seconds that a query may take. Such as `900`."""
    fetch_size: int = 5000
    """Rows per round trip. Such as `20000`."""
    timezone: str = "UTC"
    """Time zone of datetimes that carry none. Such as `"Europe/Berlin"`."""
    isolation: str = "read committed"
    """SQL Server only: what a query sees of others' changes. Such as `"snapshot"`."""
    encoding: str | None = None
    """Encoding of texts that the driver gives as bytes; without it the driver gives Unicode. Such as `"cp1252"`."""
    csv: CsvSettings = attrs.field(factory=CsvSettings)
    po_lines: QuerySettings = attrs.field(factory=lambda: QuerySettings(query=DEFAULT_LINES_QUERY))
    receipts: QuerySettings | None = None
    item_xref: QuerySettings | None = None
    retry: RetrySettings = attrs.field(factory=RetrySettings)


@attrs.frozen(slots=True, kw_only=True)
class LineSettings:
    """How lines are understood."""

    inactive_statuses: tuple[str, ...] = ("closed", "cancelled", "complete", "completed")
    """A line with one of these is closed; case and outer blanks do not count. Such as `["L", "closed"]`."""
    default_supplier: str = "DEFAULT"
    """Supplier of a line for which nobody gives one. Such as `"UNKNOWN"`."""
    ignored_fields: tuple[str, ...] = ("last_update_timestamp",)
    """Kept, but a difference in them alone is no change. Such as `[]`."""


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
    """Active lines that must come. Such as `1000`."""
    max_absent_ratio: float = 0.2
    """Lines newly missing / lines active at the last completed run. Such as `0.05`."""
    max_rejected_ratio: float = 0.05
    """Rejected rows / active rows. Such as `0`."""
    max_emptied_ratio: float = 0.5
    """Of the lines in which a field was filled, those in which it is empty now. Such as `0.3`."""


@attrs.frozen(slots=True, kw_only=True)
class StoreSettings:
    """The store; `url` has its relative path resolved."""

    url: str = attrs.field(repr=False)
    """The database: `sqlite:///` and a path, `mssql+pyodbc://...`, or `postgresql+psycopg://...`. Such as
    `"${PO_INGEST_STORE}"`."""
    schema: str = "po"
    """Schema of the tables; SQLite has none. Such as `"purchasing"`."""
    retry: RetrySettings = attrs.field(factory=RetrySettings)


@attrs.frozen(slots=True, kw_only=True)
class AuditSettings:
    """The audit file (its path resolved) and the sinks that get a copy of the audit trail."""

    file: Path
    """Copy of the audit trail; its spool lies beside it. Such as `"/var/log/po-ingest/audit.jsonl"`."""
    sinks: tuple[str, ...] = ("file",)
    """Who gets a copy of the audit trail: `file`, or plug-ins. Such as `["file", "siem"]`."""

    @property
    def spool(self) -> Path:
        """Return where events wait while the store is down."""
        return self.file.with_name(self.file.name + ".spool")


@attrs.frozen(slots=True, kw_only=True)
class LogSettings:
    """The log file, its path resolved."""

    file: Path
    """The log, JSON lines, rotated; another file than `audit.file`. Such as `"/var/log/po-ingest/po-ingest.log"`."""
    level: str = "INFO"
    """What is worth a line. Such as `"DEBUG"`."""


@attrs.frozen(slots=True, kw_only=True)
class NotifySettings:
    """Who is told of which outcomes of runs."""

    urls: tuple[str, ...] = attrs.field(default=(), repr=False)
    """Who is told of a run's outcome: services as Apprise writes them (extra `notify`). Such as
    `["mailto://host?to=po@example.com"]`."""
    on: tuple[str, ...] = ("failed", "partial", "guard")
    """The outcomes to tell; `failed` includes `guard`, `gaps` is an applied run with unmapped item codes. Such as
    `["failed", "gaps"]`."""


@attrs.frozen(slots=True, kw_only=True)
class LineageSettings:
    """Where OpenLineage events go."""

    url: str = attrs.field(repr=False)
    """Service that takes OpenLineage events: START, COMPLETE, FAIL (extra `lineage`). Such as
    `"https://marquez.example"`."""
    namespace: str = "po-ingest"
    """Namespace of job and data sets. Such as `"plant-7"`."""
    api_key: str | None = attrs.field(default=None, repr=False)
    """Sent as bearer token; a secret. Such as `"a-long-key"`."""


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
    """A dead man's switch: `URL/start` is called when a run begins, `URL` when it was applied, `URL/fail` when it
    failed. Such as `"https://hc.example/ping/uuid"`."""
    metrics_textfile: Path | None = None
    """Figures in Prometheus' text format, replaced whole after every run; those of the last applied run stay when one
    fails. Two configurations need two files. Such as `"/var/lib/node_exporter/po.prom"`."""
    lineage: LineageSettings | None = None
    is_confidential: bool = False  # the file itself holds passwords, not only names of them
