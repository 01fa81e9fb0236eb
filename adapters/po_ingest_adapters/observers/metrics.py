"""Figures of the last run for a collector that reads text files, in Prometheus' format.

The names follow https://prometheus.io/docs/practices/naming/; each figure carries the label `erp`.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from po_ingest.model import RunEnd, RunReport, RunStart
from po_ingest.settings import Settings

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

LAST_RUN: Final = {
    "po_ingest_last_run_timestamp_seconds": "When the last run ended, whatever way",
    "po_ingest_last_run_success": "1 if the last run was applied, else 0",
    "po_ingest_last_run_exit_code": "The exit code of the last run",
}
LAST_APPLIED: Final = {
    "po_ingest_last_applied_timestamp_seconds": ("When the last run that was applied ended", ""),
    "po_ingest_duration_seconds": ("How long it took", "duration_seconds"),
    "po_ingest_lines": ("Active lines taken", "po_lines_processed"),
    "po_ingest_lines_created": ("Lines seen for the first time", "new_lines_created"),
    "po_ingest_lines_changed": ("Lines with at least one change", "lines_changed"),
    "po_ingest_lines_absent": ("Lines newly absent", "absent_po_lines"),
    "po_ingest_lines_reappeared": ("Lines that are back", "reappeared_po_lines"),
    "po_ingest_changes": ("Changed fields", "change_events_detected"),
    "po_ingest_batches": ("Deliveries reconstructed", "batches_reconstructed"),
    "po_ingest_xref_gaps": ("Item codes without cross-reference", "xref_gaps_found"),
    "po_ingest_rows_rejected": ("Rows that could not be taken", "rows_rejected"),
    "po_ingest_values_truncated": ("Texts that were cut", "values_truncated"),
    "po_ingest_retries": ("Retries of ERP and store", "retries"),
}
"""Figure -> help, and the key of the report that it is."""


@attrs.frozen(slots=True)
class MetricsFile:
    """A file that is written anew, atomically, after every run."""

    path: Path

    def started(self, start: RunStart) -> None:
        """Wait for the end."""

    def ended(self, end: RunEnd) -> None:
        """Write the file; after a failure the figures of the last run that was applied stay. Raises OSError."""
        from prometheus_client import CollectorRegistry, write_to_textfile  # noqa: PLC0415 - only where it is asked for

        applied = end.is_applied
        registry = CollectorRegistry()
        last_run = (end.ended_at.timestamp(), float(applied), float(end.exit_code))
        for (name, told), value in zip(LAST_RUN.items(), last_run, strict=True):
            _add(registry, name, told, end.erp, value)
        figures = _of_report(end.report, end.ended_at) if applied and end.report else self._kept(end.erp)
        for name, value in figures.items():
            _add(registry, name, LAST_APPLIED[name][0], end.erp, value)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_to_textfile(str(self.path), registry)

    def _kept(self, erp: str) -> dict[str, float]:
        """Return the figures of the last run that was applied, as the file has them; none if it cannot be read."""
        from prometheus_client.parser import text_string_to_metric_families  # noqa: PLC0415 - as above

        try:
            families = list(text_string_to_metric_families(self.path.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return {}
        samples = [sample for family in families for sample in family.samples]
        return {each.name: each.value for each in samples if each.name in LAST_APPLIED and each.labels == {"erp": erp}}


def _of_report(report: RunReport, ended_at: datetime) -> dict[str, float]:
    counts = {name: float(getattr(report, key) or 0) for name, (_, key) in LAST_APPLIED.items() if key}
    return {"po_ingest_last_applied_timestamp_seconds": ended_at.timestamp(), **counts}


def _add(registry: CollectorRegistry, name: str, told: str, erp: str, value: float) -> None:
    from prometheus_client import Gauge  # noqa: PLC0415 - as above

    Gauge(name, told, ["erp"], registry=registry).labels(erp).set(value)


def create(settings: Settings) -> MetricsFile | None:
    """Return the observer for `[metrics] textfile`."""
    return None if settings.metrics_textfile is None else MetricsFile(settings.metrics_textfile)
