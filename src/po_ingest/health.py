"""How healthy the data is, for monitors: pure, over the run history (contract, section 2, `status`).

The line and its codes are those of the Monitoring Plugins Development Guidelines:
https://www.monitoring-plugins.org/doc/guidelines.html.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import attrs

from po_ingest.fields import to_text
from po_ingest.model import Run
from po_ingest.stories import of_run


class Level(enum.IntEnum):
    """The verdicts, with the exit codes of monitoring plug-ins."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


FIGURES: Final = {
    "lines": "po_lines_processed",
    "new": "new_lines_created",
    "changed": "lines_changed",
    "absent": "absent_po_lines",
    "rejected": "rows_rejected",
    "gaps": "xref_gaps_found",
    "retries": "retries",
}
"""Figure -> key of the report of the last run that was applied."""

GROWING: Final = {"rows_rejected": "rejected rows", "xref_gaps_found": "item codes without cross-reference"}


@attrs.frozen(slots=True)
class Figure:
    """A figure of a status line; warning and critical are the limits above which there is one."""

    name: str
    value: float
    unit: str = ""
    warning: float | None = None
    critical: float | None = None

    def __str__(self) -> str:
        """Return 'label'=value[unit];[warn];[crit];[min]."""
        limits = ("" if limit is None else f"{limit:g}" for limit in (self.warning, self.critical))
        return f"{self.name}={self.value:.10g}{self.unit};{';'.join(limits)};"


@attrs.frozen(slots=True)
class Health:
    """A verdict, why, and the figures behind it."""

    level: Level
    text: str
    figures: tuple[Figure, ...] = ()
    age: timedelta | None = None  # of the last run that was applied

    def line(self) -> str:
        """Return the one line that monitors read."""
        told = f"{self.level.name} - {self.text.replace('|', '/')}"
        return f"{told} | {' '.join(map(str, self.figures))}" if self.figures else told


@attrs.frozen(slots=True, kw_only=True)
class Seen:
    """What is known of an ERP's runs: `runs` the newest two of any status, `applied` the newest two applied ones."""

    erp: str
    runs: Sequence[Run]
    applied: Sequence[Run]
    is_locked: bool = False  # a run is under way
    audit_fault: str | None = None


def assess(seen: Seen, now: datetime, max_age: timedelta) -> Health:
    """Judge. Critical: the last run failed or was cut off, none was applied for too long, the audit trail is broken."""
    if not seen.runs:
        return Health(Level.UNKNOWN, f"no run of ERP {seen.erp!r} yet")
    problems = [*_of_last_run(seen), *_of_age(seen, now, max_age), *_growing(seen)]
    if seen.audit_fault is not None:
        problems.append((Level.CRITICAL, f"the audit trail is broken: {seen.audit_fault}"))
    level = max((level for level, _ in problems), default=Level.OK)
    worst_first = [text for _, text in sorted(problems, key=lambda problem: -problem[0])]
    # Not below zero: the clock may have been set back since.
    age = max(now - _end(seen.applied[0]), timedelta()) if seen.applied else None
    return Health(level, "; ".join(worst_first) or _fine(seen, age), _figures(seen, age, max_age), age)


def _of_last_run(seen: Seen) -> list[tuple[Level, str]]:
    newest = seen.runs[0]
    if newest.status == "running" and seen.is_locked:
        finished = [run for run in seen.runs[1:] if run.status != "running"]
        if not finished:
            return []
        newest = finished[0]
    if newest.status == "running":
        return [(Level.CRITICAL, f"run {newest.id} was cut off, it began {to_text(newest.started_at)}")]
    if newest.status in {"failed", "abandoned"}:
        return [(Level.CRITICAL, of_run(newest))]
    if newest.status == "partial" or newest.figure("exit_code"):
        return [(Level.WARNING, f"run {newest.id} was applied with a reservation")]
    return []


def _of_age(seen: Seen, now: datetime, max_age: timedelta) -> list[tuple[Level, str]]:
    if not seen.applied:
        return [(Level.CRITICAL, f"no run of ERP {seen.erp!r} has been applied yet")]
    last = seen.applied[0]
    if now - _end(last) <= max_age:
        return []
    limit = f"{max_age / timedelta(hours=1):g} h"
    return [(Level.CRITICAL, f"the last applied run, {last.id}, ended {_ago(now - _end(last))} ago (limit {limit})")]


def _growing(seen: Seen) -> list[tuple[Level, str]]:
    if len(seen.applied) < 2:  # noqa: PLR2004 - it takes two to grow
        return []
    last, before = seen.applied[:2]
    return [
        (Level.WARNING, f"{told}: {last.figure(key):,}, {before.figure(key):,} the run before")
        for key, told in GROWING.items()
        if last.figure(key) > before.figure(key)
    ]


def _fine(seen: Seen, age: timedelta | None) -> str:
    running = f"; run {seen.runs[0].id} is under way" if seen.runs[0].status == "running" else ""
    return f"{of_run(seen.applied[0])}, {_ago(age or timedelta())} ago{running}"


def _figures(seen: Seen, age: timedelta | None, max_age: timedelta) -> tuple[Figure, ...]:
    if age is None:
        return ()
    last, limit = seen.applied[0], max_age / timedelta(hours=1)
    hours = round(age / timedelta(hours=1), 2)
    counts = [Figure(name, last.figure(key)) for name, key in FIGURES.items()]
    lines, *others = counts
    duration = Figure("duration", last.duration_seconds or 0.0, "s")
    return (lines, Figure("age", hours, "h", limit, limit), *others, duration)


def _end(run: Run) -> datetime:
    return run.finished_at or run.started_at


def _ago(age: timedelta) -> str:
    minutes = max(int(age / timedelta(minutes=1)), 0)
    if minutes < 60:  # noqa: PLR2004 - minutes of an hour
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h" if hours < 72 else f"{hours // 24} days"  # noqa: PLR2004 - three days are still told in hours
