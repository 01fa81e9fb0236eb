"""The story of a PO line: events and batches, merged by run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Final, cast

import attrs

from po_ingest.fields import BY_NAME
from po_ingest.model import APPLIED, Run
from po_ingest.ports import Row, StoreView
from po_ingest.queries import BATCH_COLUMNS, EVENT_COLUMNS, pick
from po_ingest.tellings import Storyteller

TAKEN_OVER: Final = "taken over by the baseline, as the ERP had it"
TAKEN_OVER_AGAIN: Final = "taken over by a later baseline: what changed since the run before is not told"


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


def timelines(view: StoreView, erp: str, lines: Sequence[Row], labels: Mapping[str, str]) -> list[Timeline]:
    """Return the timeline of each line: events and batches, and the baselines that took its state over.

    `labels` are names of fields for people.
    """
    ids = [cast("int", line["id"]) for line in lines]
    events, batches = _by_line(view.line_events(ids)), _by_line(view.line_batches(ids))
    runs = {run.id: run for run in view.runs(erp)}
    return [
        Timeline(line, tuple(_entries(line, events[line["id"]], batches[line["id"]], runs, labels))) for line in lines
    ]


def _by_line(rows: Iterable[Row]) -> defaultdict[object, list[Row]]:
    found: defaultdict[object, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["po_line_id"]].append(row)
    return found


def _entries(
    line: Row, events: Sequence[Row], batches: Sequence[Row], runs: Mapping[int, Run], labels: Mapping[str, str]
) -> Iterator[Entry]:
    teller = Storyteller(cast("Decimal | None", line["ordered_quantity"]), labels)
    moments: list[tuple[int, int, Row | None, Callable[[], str]]] = []
    for run in runs.values():
        if run.mode == "baseline" and run.status in APPLIED and run.id >= cast("int", line["first_seen_run_id"] or 0):
            what = TAKEN_OVER if run.id == line["first_seen_run_id"] else TAKEN_OVER_AGAIN
            moments.append((run.id, 0, None, partial(str, what)))
    moments += [(cast("int", event["run_id"]), 1, event, partial(teller.event, event)) for event in events]
    moments += [(cast("int", batch["run_id"]), 2, batch, partial(teller.batch, batch)) for batch in batches]
    for run_id, _, row, tell in sorted(moments, key=lambda moment: moment[:2]):
        run = runs[run_id]
        yield Entry(run_id, run.started_at, run.run_identifier, tell(), row)


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
