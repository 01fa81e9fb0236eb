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
    "Lines and deliveries": (
        "po_lines_processed",
        "new_lines_created",
        "lines_changed",
        "change_events_detected",
        "absent_po_lines",
        "closed_po_lines",
        "reappeared_po_lines",
        "batches_reconstructed",
        "custom_columns_populated",
    ),
    "Data quality": (
        "rows_rejected",
        "values_truncated",
        "xref_gaps_found",
        "unmapped_item_codes",
        "retries",
    ),
}
"""The sections of a report as a text."""


TOLD_ABOVE: Final = ("run_id", "erp", "baseline", "status", "finished_at")
"""What a terminal need not show: the sentence above says it."""
ONLY_IF_ANY: Final = ("dry_run", "values_truncated", "retries")
CODES_SHOWN: Final = 6


def show(report: Mapping[str, object], story: str, remarks: Mapping[str, str] | None = None) -> None:
    """Show a report; on a terminal in short, below the run in one sentence, and with `remarks` on its keys."""
    if output.is_terminal():  # a pipe's lines are for programs
        output.heading(story)
        output.line("")
    output.sections(_sections(report, remarks))


def _sections(report: Mapping[str, object], remarks: Mapping[str, str] | None) -> list[output.Section]:
    """Group a report; keys that it does not have, or that a later release added, do no harm."""
    shown = _short(report) if output.is_terminal() else report
    found: list[output.Section] = [
        (title, [(key, _remarked(shown[key], (remarks or {}).get(key))) for key in keys if key in shown])
        for title, keys in SECTIONS.items()
    ]
    stages = shown.get("stages")
    if isinstance(stages, Mapping) and stages:
        found.append(("Stages, in seconds", [(str(name), seconds) for name, seconds in stages.items()]))
    errors = shown.get("errors_encountered")
    if isinstance(errors, list) and errors:
        found.append(("Errors", [(str(error["stage"]), f"{error['error']}: {error['message']}") for error in errors]))
    return found


def _short(report: Mapping[str, object]) -> dict[str, object]:
    """Leave out what a screen has no room for; a pipe, and `--json`, have all of it."""
    hidden = {*TOLD_ABOVE, *(key for key in ONLY_IF_ANY if not report.get(key))}
    content = {key: value for key, value in report.items() if key not in hidden}
    codes, stages = content.get("unmapped_item_codes"), content.pop("stages", None)
    if isinstance(codes, list) and len(codes) > CODES_SHOWN:
        more = f"and {len(codes) - CODES_SHOWN:,} more, see `po-ingest xref gaps`"
        content["unmapped_item_codes"] = f"{', '.join(codes[:CODES_SHOWN])} {more}"
    if isinstance(stages, Mapping) and stages and "duration_seconds" in content:
        parts = ", ".join(f"{name} {seconds}" for name, seconds in stages.items() if seconds)
        content["duration_seconds"] = f"{content['duration_seconds']} ({parts})"
    return content


def _remarked(value: object, remark: str | None) -> object:
    return value if remark is None else output.Remarked(value, remark)
