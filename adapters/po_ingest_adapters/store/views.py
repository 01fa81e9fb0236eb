"""Views for people with a query tool: lines, changes, promises, runs, in words and without internal columns.

Each is one SELECT, from which SQLAlchemy makes the SQL of each database; `sql_forms` has what they say differently.
`docs/store.md` tells what each column means.
"""

from __future__ import annotations

import functools
from typing import Any, Final

from sqlalchemy import ColumnElement, FromClause, Integer, Select, and_, case, func, literal, or_, select, true
from sqlalchemy.schema import CreateView, DropView

from po_ingest.fields import FIELDS, KEY_FIELDS, Kind
from po_ingest.model import APPLIED, Presence
from po_ingest_adapters.store.column_types import text
from po_ingest_adapters.store.schema import Tables, tables
from po_ingest_adapters.store.sql_forms import days_between, hours_between, iso_date, json_number, number

Query = Select[*tuple[Any, ...]]

MADE_IN: Final = "0002"
"""The version of the schema whose migration makes the views as they are here."""

KEY: Final = ("erp", *(field.name for field in KEY_FIELDS))
PROMISE: Final = "promised_date"
COUNTS: Final = {
    "lines": "po_lines_processed",
    "new_lines": "new_lines_created",
    "changed_lines": "lines_changed",
    "changes": "change_events_detected",
    "absent_lines": "absent_po_lines",
    "closed_lines": "closed_po_lines",
    "reappeared_lines": "reappeared_po_lines",
    "deliveries": "batches_reconstructed",
    "unmapped_codes": "xref_gaps_found",
    "rejected_rows": "rows_rejected",
    "truncated_values": "values_truncated",
}
"""Column of `v_run_health` -> key of the run's report."""


@functools.cache
def views(schema: str | None = None) -> dict[str, Query]:
    """Return the views of a store, by name, over the tables in the database's schema of that name."""
    of = tables(schema)
    return {
        "v_po_line": _po_line(of),
        "v_change": _change(of),
        "v_promised_date": _promised_date(of),
        "v_run_health": _run_health(of),
    }


def create_views(schema: str | None) -> list[CreateView]:
    """Return the statements that create all views."""
    return [CreateView(query, name, schema=schema) for name, query in views(schema).items()]


def views_of(version: str, schema: str | None) -> list[CreateView | DropView]:
    """Return the statements that make all views anew, for the migration of a version; none where a later one does it.

    So a migration stays as it was released, though the views are others by now.
    """
    if version != MADE_IN:
        return []
    views = create_views(schema)
    return [*(DropView(view.table, if_exists=True) for view in views), *views]


def _state(presence: ColumnElement[int]) -> ColumnElement[str]:
    """Return where a line stands, in a word."""
    words = {
        int(Presence.ACTIVE): "active",
        int(Presence.CLOSED): "closed",
        int(Presence.MISSING): "missing",
        int(Presence.NEVER): "entered",
    }
    return case(*((presence == value, literal(word, text(16))) for value, word in words.items()), else_=None).label(
        "line_state"
    )


def _flag(column: ColumnElement[bool]) -> ColumnElement[int]:
    """Return yes or no as 1 or 0: the one form that compares alike everywhere."""
    return case((column == true(), literal(1, Integer())), else_=literal(0, Integer())).label(column.key)


def _po_line(of: Tables) -> Query:
    line, first, last = of.line.alias("line"), of.run.alias("first_run"), of.run.alias("last_run")
    fields = [
        number(line.c[field.name]).label(field.name) if field.kind is Kind.DECIMAL else line.c[field.name]
        for field in FIELDS
    ]
    return (
        select(
            line.c.id.label("po_line_id"),
            *(line.c[name] for name in KEY),
            *fields,
            _state(line.c.presence),
            line.c.absent_since,
            _flag(line.c.is_unmapped),
            line.c.source_quality,
            line.c.first_seen_run_id,
            first.c.started_at.label("first_seen_at"),
            line.c.last_changed_run_id,
            last.c.started_at.label("last_changed_at"),
        )
        .join_from(line, first, first.c.id == line.c.first_seen_run_id, isouter=True)
        .join(last, last.c.id == line.c.last_changed_run_id, isouter=True)
    )


def _change(of: Tables) -> Query:
    event, line, run = of.event.alias("event"), of.line.alias("line"), of.run.alias("run")
    return (
        select(
            event.c.id.label("change_id"),
            event.c.run_id,
            run.c.run_identifier,
            event.c.po_line_id,
            *(line.c[name] for name in KEY),
            *(line.c[name] for name in ("sku", "item", "supplier_code")),
            event.c.kind,
            event.c.field_name,
            event.c.previous_value,
            event.c.new_value,
            event.c.cause,
            event.c.detected_at,
        )
        .join_from(event, line, event.c.po_line_id == line.c.id)
        .join(run, event.c.run_id == run.c.id)
    )


def _promised_date(of: Tables) -> Query:
    """Return first and current promise of each line.

    A date that only another configuration reads differently is no other promise: what counts begins after the last
    such change (cause `config`). The first promise is what stood before the first change, or came with it.
    """
    line, first = of.line.alias("line"), of.event.alias("first_event")
    event, again = of.event.alias("event"), of.event.alias("again")

    def is_promise(of_event: FromClause) -> ColumnElement[bool]:
        return and_(of_event.c.kind == "changed", of_event.c.field_name == PROMISE)

    reread = (
        select(again.c.po_line_id, func.max(again.c.id).label("last_id"))
        .where(is_promise(again), again.c.cause == "config")
        .group_by(again.c.po_line_id)
        .subquery("reread")
    )
    moved = (
        select(
            event.c.po_line_id,
            func.min(event.c.id).label("first_id"),
            func.count(event.c.new_value).label("given"),
        )
        .join_from(event, reread, reread.c.po_line_id == event.c.po_line_id, isouter=True)
        .where(is_promise(event), or_(reread.c.last_id.is_(None), event.c.id > reread.c.last_id))
        .group_by(event.c.po_line_id)
        .subquery("moved")
    )

    def date_of(value: ColumnElement[Any]) -> ColumnElement[Any]:
        # Only the values of promises are dates, and a database may convert before it filters.
        return case((first.c.field_name == PROMISE, iso_date(value)))

    current = line.c.promised_date
    first_date = func.coalesce(date_of(first.c.previous_value), date_of(first.c.new_value), current)
    began_unknown = case((and_(first.c.id.is_not(None), first.c.previous_value.is_(None)), 1), else_=0)
    return (
        select(
            line.c.id.label("po_line_id"),
            *(line.c[name] for name in KEY),
            *(line.c[name] for name in ("sku", "item", "supplier_code")),
            _state(line.c.presence),
            first_date.label("first_promised_date"),
            current.label("current_promised_date"),
            (func.coalesce(moved.c.given, 0) - began_unknown).label("moves"),
            days_between(first_date, current).label("days_moved"),
        )
        .join_from(line, moved, moved.c.po_line_id == line.c.id, isouter=True)
        .join(first, first.c.id == moved.c.first_id, isouter=True)
    )


def _run_health(of: Tables) -> Query:
    run, earlier, audit = of.run.alias("run"), of.run.alias("earlier"), of.audit.alias("audit")
    is_applied = run.c.status.in_(APPLIED)
    previous = (
        select(func.max(earlier.c.started_at, type_=earlier.c.started_at.type).label("latest"))
        .where(earlier.c.erp == run.c.erp, earlier.c.status.in_(APPLIED), earlier.c.id < run.c.id)
        .scalar_subquery()
    )
    reason = (
        select(func.max(audit.c.reason, type_=audit.c.reason.type).label("reason"))
        .where(audit.c.run_id == run.c.id, audit.c.event_type == "ingestion_failed")
        .scalar_subquery()
    )
    counts = (case((is_applied, json_number(run.c.report, key))).label(name) for name, key in COUNTS.items())
    return select(
        run.c.id.label("run_id"),
        run.c.run_identifier,
        run.c.erp,
        run.c.mode,
        run.c.status,
        run.c.started_at,
        run.c.finished_at,
        run.c.duration_seconds,
        hours_between(previous, run.c.started_at).label("hours_since_previous"),
        *counts,
        json_number(run.c.report, "retries").label("retries"),
        json_number(run.c.report, "exit_code").label("exit_code"),
        reason.label("failure"),
        run.c.host,
        run.c.version,
    )
