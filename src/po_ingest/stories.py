"""A run in one sentence, for notifications, monitors and the health page; over the run report's JSON form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from po_ingest.model import APPLIED, Run

_COUNTS: Final = (
    ("lines_changed", "changed"),
    ("new_lines_created", "new"),
    ("absent_po_lines", "absent"),
    ("reappeared_po_lines", "reappeared"),
)
_CONCERNS: Final = (
    ("rows_rejected", "rejected row", "rejected rows"),
    ("values_truncated", "text cut", "texts cut"),
    ("xref_gaps_found", "item code without cross-reference", "item codes without cross-reference"),
    ("retries", "retry", "retries"),
)


def of_run(run: Run) -> str:
    """Return the story of a run, whether it has a report or not."""
    return of_report(run.report) if run.report else f"run {run.id} {run.status}"


def of_report(report: Mapping[str, object], told: str = "") -> str:
    """Return what a run did, or why it failed, as one sentence without a full stop.

    `told` is what the process says of a failure, where that is known: it takes the place of what the report says.
    """
    status = str(report["status"])
    begin = f"{_name(report)} {_STATUSES.get(status, status)}"
    if status in APPLIED:
        return f"{begin}: {_counts(report)}{_time(report)}"
    return f"{begin}{_fault(report, told)}"


_STATUSES: Final = {
    "partial": "was applied with a reservation",
    "running": "is under way",
    "abandoned": "was cut off",
}


def _name(report: Mapping[str, object]) -> str:
    number = f"run {report['run_id']}" if report.get("run_id") is not None else "a run"
    kind = "baseline " if report.get("baseline") else ""
    return f"{kind}{number} of ERP {report['erp']!r}"


def _counts(report: Mapping[str, object]) -> str:
    parts = [many(_count(report, "po_lines_processed"), "line", "lines")]
    parts += [f"{count:,} {word}" for key, word in _COUNTS if (count := _count(report, key))]
    if len(parts) == 1:
        parts.append("no change")
    parts += [many(count, one, more) for key, one, more in _CONCERNS if (count := _count(report, key))]
    return ", ".join(parts)


def _count(report: Mapping[str, object], key: str) -> int:
    return cast("int", report.get(key) or 0)


def many(count: int, one: str, more: str) -> str:
    """Return a count with its noun."""
    return f"{count:,} {one if count == 1 else more}"


def _time(report: Mapping[str, object]) -> str:
    seconds = report.get("duration_seconds")
    return "" if seconds is None else f", in {cast('float', seconds):.1f} s"


def _fault(report: Mapping[str, object], told: str) -> str:
    errors = cast("list[Mapping[str, object]]", report.get("errors_encountered") or [])
    if not errors:
        return f": {told}" if told else ""
    return f" in stage {errors[0]['stage']}: {told or errors[0]['message']}"
