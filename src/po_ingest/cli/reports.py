"""A run report as people read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from po_ingest.cli import output

SECTIONS: Final = {
    "Run": (
        "run_id",
        "run_identifier",
        "erp",
        "mode",
        "baseline",
        "dry_run",
        "status",
        "started_at",
        "finished_at",
        "duration_seconds",
        "exit_code",
    ),
    "Lines": (
        "po_lines_processed",
        "new_lines_created",
        "lines_changed",
        "change_events_detected",
        "absent_po_lines",
        "closed_po_lines",
        "reappeared_po_lines",
    ),
    "Deliveries and custom columns": ("batches_reconstructed", "custom_columns_populated"),
    "Data quality": (
        "rows_rejected",
        "values_truncated",
        "xref_gaps_found",
        "unmapped_item_codes",
        "retries",
    ),
}
"""The sections of a report as a text."""


def report_sections(report: Mapping[str, object], remarks: Mapping[str, str] | None = None) -> list[output.Section]:
    """Group a report; keys that it does not have, or that a later release added, do no harm.

    `remarks` on keys are shown behind their values, where people read.
    """
    found: list[output.Section] = [
        (title, [(key, _remarked(report[key], (remarks or {}).get(key))) for key in keys if key in report])
        for title, keys in SECTIONS.items()
    ]
    stages = report.get("stages")
    if isinstance(stages, Mapping) and stages:
        found.append(("Stages, in seconds", [(str(name), seconds) for name, seconds in stages.items()]))
    errors = report.get("errors_encountered")
    if isinstance(errors, list) and errors:
        found.append(("Errors", [(str(error["stage"]), f"{error['error']}: {error['message']}") for error in errors]))
    return found


def _remarked(value: object, remark: str | None) -> object:
    return value if remark is None else output.Remarked(value, remark)
