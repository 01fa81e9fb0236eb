"""What a store tells, in a form that two histories can be compared in: without ids, times, hashes and lost runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import attrs

from po_ingest.model import APPLIED

Row: TypeAlias = Mapping[str, Any]
VARIES: Final = frozenset(
    {"run_id", "run_identifier", "started_at", "finished_at", "duration_seconds", "stages", "retries"}
)
"""What a report says otherwise every night."""


TABLES: Final = (
    "ingestion_run",
    "po_line",
    "erp_snapshot",
    "erp_change_event",
    "batch",
    "item_xref",
    "audit_event",
    "rejected_row",
)


@attrs.frozen
class History:
    """What a store tells."""

    applied: tuple[Any, ...] = ()
    lines: tuple[Any, ...] = ()
    snapshots: tuple[Any, ...] = ()
    events: tuple[Any, ...] = ()
    batches: tuple[Any, ...] = ()
    xref: tuple[Any, ...] = ()
    rejected: tuple[Any, ...] = ()
    audit: tuple[Any, ...] = ()
    spooled: tuple[Any, ...] = ()
    """Audit events of runs that found the store down."""


@attrs.frozen
class Lost:
    """A run that was not applied: its row, and its audit events as (type, reason)."""

    row: Row
    audit: tuple[tuple[str, str | None], ...]


def history(tables: Mapping[str, Sequence[Row]]) -> tuple[History, tuple[Lost, ...]]:
    """Return what the rows of a store's tables tell, and the runs that are no part of it."""
    runs, lines, audit = tables["ingestion_run"], tables["po_line"], tables["audit_event"]
    names = _Names(runs, lines, tables["erp_snapshot"])

    def clean(table: str) -> tuple[dict[str, Any], ...]:
        return tuple(map(names.clean, tables[table]))

    told = History(
        applied=tuple(_of_run(run) for run in runs if run["status"] in APPLIED),
        lines=tuple(sorted(clean("po_line"), key=str)),
        snapshots=clean("erp_snapshot"),
        events=clean("erp_change_event"),
        batches=clean("batch"),
        xref=clean("item_xref"),
        rejected=clean("rejected_row"),
        audit=tuple(_of_event(names.clean(row)) for row in audit if row["run_id"] in names.runs),
        spooled=tuple(_of_event(names.clean(row)) for row in audit if row["run_id"] is None),
    )
    lost = tuple(
        Lost(run, tuple((row["event_type"], row["reason"]) for row in audit if row["run_id"] == run["id"]))
        for run in runs
        if run["status"] not in APPLIED
    )
    return told, lost


class _Names:
    """Gives names to what has ids: the n-th applied run, the line of a key, the state of a line from a run on."""

    def __init__(self, runs: Sequence[Row], lines: Sequence[Row], states: Sequence[Row]) -> None:
        applied = [run for run in runs if run["status"] in APPLIED]
        self.runs = {run["id"]: number for number, run in enumerate(applied, 1)}
        self.starts = {str(run["started_at"]): number for number, run in enumerate(applied, 1)}
        self.lines = {line["id"]: (line["po_number"], line["line_number"]) for line in lines}
        self.states = {row["id"]: (row["po_line_id"], self.runs.get(row["valid_from_run_id"])) for row in states}

    def clean(self, row: Row) -> dict[str, Any]:
        """Return a row with names for ids, and without what is never the same."""
        dropped = {"id", "detected_at", "updated_at", "timestamp", "event_id", "previous_hash", "hash", "in_file"}
        return {name: self._value(name, value) for name, value in row.items() if name not in dropped}

    def _value(self, name: str, value: Any) -> Any:  # noqa: ANN401 - any column's value
        if value is None:
            return None
        if name.endswith("run_id"):
            return self.runs.get(value, f"lost run {value}")
        if name == "po_line_id":
            return self.lines[value]
        if name == "snapshot_id":
            return self.states[value]
        if name == "absent_since":
            return self.starts.get(str(value), f"another time {value}")
        return str(value) if not isinstance(value, str | bytes | bool | int) else value


def _decoded(value: Any) -> Any:  # noqa: ANN401 - JSON, as the driver gives it
    return json.loads(value) if isinstance(value, str) else value


def _of_run(run: Row) -> tuple[Any, ...]:
    report = _decoded(run["report"])
    told = {name: value for name, value in report.items() if name not in VARIES}
    assert told.pop("exit_code") in {0, 3}  # 3: applied, but its audit events came into the file with the next run
    return run["mode"], run["status"], _decoded(run["field_configuration"]), told, list(report["stages"])


def _of_event(row: Row) -> tuple[Any, ...]:
    told = {
        name: {k: v for k, v in value.items() if k not in VARIES} if isinstance(value, dict) else value
        for name, value in ((name, _decoded(row[name])) for name in ("previous_values", "new_values"))
    }
    about = ("event_type", "severity", "source", "run_id", "po_line_id", "reason")
    return (*(row[name] for name in about), told)
