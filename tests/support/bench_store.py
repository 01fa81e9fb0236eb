"""Ages the benchmarks' store (SQLite): from a baseline and one changed night to a thousand runs.

What is multiplied is what the reading commands look at: runs with reports, change events, batches, and an audit trail
whose chain holds. The older states in `erp_snapshot` are not.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from po_ingest.audit_chain import chain_hash
from po_ingest.fields import to_text
from po_ingest.model import AuditEvent

STAGES = {"snapshot": 6.1, "xref": 0.5, "diff": 0.3, "batches": 0.1, "custom_columns": 0.2, "report": 4.8}
LINES_A_NIGHT = 10_000
LAST = 2
"""The run that is there already and changed something."""


def age(path: Path, runs: int, changed_nights: int) -> None:
    """Add runs up to so many, a night apart, the last of them today; the last `changed_nights` with changed lines."""
    store = sqlite3.connect(path, isolation_level=None)
    store.execute("PRAGMA synchronous = OFF")
    store.execute("BEGIN")
    now = datetime.now(UTC).replace(microsecond=0)
    _add_runs(store, runs, now)
    for run in range(runs - changed_nights + 1, runs + 1):
        for statement in (MORE_EVENTS, MORE_BATCHES):  # as in the changed night, on lines further on
            store.execute(statement, {"run": run, "shift": runs - run + 1, "last": LAST})
    _add_audit(store, runs, changed_nights, now)
    store.execute("COMMIT")
    store.close()


def _night(run: int, runs: int, now: datetime) -> datetime:
    return now - timedelta(days=runs - run, minutes=1)


def _add_runs(store: sqlite3.Connection, runs: int, now: datetime) -> None:
    (text,) = store.execute("SELECT report FROM ingestion_run WHERE id = ?", (LAST,)).fetchone()
    for run in range(1, runs + 1):
        at = _night(run, runs, now)
        times = (to_text(at), to_text(at + timedelta(seconds=12)))
        if run <= LAST:
            store.execute("UPDATE ingestion_run SET started_at = ?, finished_at = ? WHERE id = ?", (*times, run))
            continue
        report = json.dumps(_report(json.loads(text), run, times))
        status = "failed" if run % 50 == 0 and run != runs else "completed"
        store.execute(
            "INSERT INTO ingestion_run SELECT ?, ?, erp, mode, ?, ?, ?, 12.0, ?, host, version, process, "
            "field_configuration FROM ingestion_run WHERE id = ?",
            (run, f"night-{run}", status, *times, report, LAST),
        )


def _report(report: dict[str, Any], run: int, times: Sequence[str | None]) -> dict[str, Any]:
    stages = {name: seconds * (1 + run % 7 / 10) for name, seconds in STAGES.items()}
    counts = {"lines_changed": 9000 + run % 97 * 20, "absent_po_lines": run % 13, "xref_gaps_found": run % 5}
    identity = {"run_id": run, "run_identifier": f"night-{run}", "started_at": times[0], "finished_at": times[1]}
    return report | identity | counts | {"duration_seconds": 12.0, "stages": stages}


MORE_EVENTS = """
    INSERT INTO erp_change_event
    SELECT (SELECT MAX(id) FROM erp_change_event) + ROW_NUMBER() OVER (ORDER BY id), :run,
           1 + (po_line_id + :shift) % (SELECT MAX(id) FROM po_line),
           kind, field_name, previous_value, new_value, cause, detected_at
    FROM erp_change_event WHERE run_id = :last
"""
MORE_BATCHES = """
    INSERT INTO batch
    SELECT (SELECT MAX(id) FROM batch) + ROW_NUMBER() OVER (ORDER BY id),
           1 + (po_line_id + :shift) % (SELECT MAX(id) FROM po_line), sequence + :shift,
           delivered_quantity, delivery_date, kind, reference, event, source, :run
    FROM batch WHERE run_id = :last
"""


def _add_audit(store: sqlite3.Connection, runs: int, changed_nights: int, now: datetime) -> None:
    last, previous = store.execute("SELECT id, hash FROM audit_event ORDER BY id DESC LIMIT 1").fetchone()
    rows = _chained(last, previous, _told(runs, changed_nights, now))
    store.executemany(f"INSERT INTO audit_event VALUES ({', '.join('?' * 14)})", rows)  # noqa: S608 - marks


def _chained(last: int, previous: str, events: Iterable[AuditEvent]) -> Iterator[tuple[object, ...]]:
    for number, event in enumerate(events, last + 1):
        following = chain_hash(previous, event)
        values = None if event.new_values is None else json.dumps(event.new_values)
        about = (event.event_type, event.severity, event.source, event.run_id, event.po_line_id)
        moment = to_text(event.timestamp)
        yield (number, event.event_id, *about, moment, None, values, event.reason, previous, following, 1)
        previous = following


def _told(runs: int, changed_nights: int, now: datetime) -> Iterator[AuditEvent]:
    for run in range(LAST + 1, runs + 1):
        at = _night(run, runs, now)
        yield AuditEvent(f"{run}-started", "ingestion_started", "info", at, run, new_values={"erp": "erp"})
        for line in range(LINES_A_NIGHT) if run > runs - changed_nights else ():
            new = {"po_number": f"45{line:08d}", "line_number": 10, "promised_date": "2026-02-01"}
            yield AuditEvent(f"{run}-{line}", "ingestion_change", "info", at, run, line + 1, None, new, "erp")
        yield AuditEvent(f"{run}-ended", "ingestion_completed", "info", at, run, new_values={"run_id": run})
