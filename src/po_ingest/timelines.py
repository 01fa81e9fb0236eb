"""The story of a PO line: events and batches, merged by run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, cast

import attrs

from po_ingest.fields import BY_NAME
from po_ingest.model import APPLIED, Run
from po_ingest.ports import Row, StoreView
from po_ingest.queries import BATCH_COLUMNS, EVENT_COLUMNS, pick


@attrs.frozen(slots=True)
class Entry:
    """A moment in a line's timeline: in which run, when, what happened; `row` is the event or batch behind it."""

    run_id: int
    at: datetime
    run_identifier: str
    what: str
    row: Row | None = None


@attrs.frozen(slots=True)
class Timeline:
    """A line as it is, and what became of it, oldest first."""

    line: Row
    entries: tuple[Entry, ...]


def timelines(view: StoreView, erp: str, lines: Sequence[Row]) -> list[Timeline]:
    """Return the timeline of each line: events and batches, and the baselines that took its state over."""
    ids = [cast("int", line["id"]) for line in lines]
    events, batches = view.line_events(ids), view.line_batches(ids)
    runs = {run.id: run for run in view.runs(erp)}
    return [
        Timeline(
            line,
            tuple(
                _entries(
                    line,
                    [event for event in events if event["po_line_id"] == line["id"]],
                    [batch for batch in batches if batch["po_line_id"] == line["id"]],
                    runs,
                )
            ),
        )
        for line in lines
    ]


def _entries(line: Row, events: Sequence[Row], batches: Sequence[Row], runs: Mapping[int, Run]) -> list[Entry]:
    found: list[tuple[int, int, Entry]] = []
    for run in runs.values():
        if run.mode == "baseline" and run.status in APPLIED and run.id >= cast("int", line["first_seen_run_id"] or 0):
            what = "baseline" if run.id == line["first_seen_run_id"] else "baseline: state taken over without events"
            found.append((run.id, 0, Entry(run.id, run.started_at, run.run_identifier, what)))
    found += [_placed(event, 1, told_event(event), runs) for event in events]
    found += [_placed(batch, 2, told_batch(batch), runs) for batch in batches]
    return [entry for _, _, entry in sorted(found, key=lambda each: each[:2])]


def _placed(row: Row, order: int, what: str, runs: Mapping[int, Run]) -> tuple[int, int, Entry]:
    run = runs[cast("int", row["run_id"])]
    return run.id, order, Entry(run.id, run.started_at, run.run_identifier, what, row)


def told_event(event: Row) -> str:
    """Tell a change event in words."""
    if event["kind"] != "changed":
        return f"{event['kind']}: {event['new_value']}" if event["new_value"] else str(event["kind"])
    previous, new = (_quoted(event[name]) for name in ("previous_value", "new_value"))
    why = "" if event["cause"] == "erp" else f" (by {_CAUSES[str(event['cause'])]})"
    return f"{event['field_name']}: {previous} -> {new}{why}"


_CAUSES: Final = {"xref": "the cross-reference", "config": "the configuration"}


def _quoted(value: object) -> str:
    return "(none)" if value is None else str(value)


def told_batch(batch: Row) -> str:
    """Tell a batch in words."""
    reference = f", reference {batch['reference']}" if batch["reference"] else ""
    return f"{batch['kind']} {batch['delivered_quantity']} on {batch['delivery_date']}{reference}"


def history_rows(timeline: Timeline) -> Iterator[dict[str, object]]:
    """Yield a timeline's events and batches as their contract's columns; `kind` tells them apart."""
    for entry in timeline.entries:
        if entry.row is not None:
            yield pick(entry.row, EVENT_COLUMNS if "detected_at" in entry.row else BATCH_COLUMNS)


def line_fields(line: Row) -> list[tuple[str, object]]:
    """Return the fields of a line that are filled, and where it stands."""
    filled = [(name, line[name]) for name in BY_NAME if line.get(name) is not None]
    state = f"absent since {line['absent_since']:%Y-%m-%d}" if line["is_stale"] else "active"
    return [("state", state), *filled, *([("unmapped", True)] if line["is_unmapped"] else [])]
