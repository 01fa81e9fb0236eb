"""What the health page asks for: over many runs, so the database does the work."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Select, String, func, select, type_coerce

from po_ingest_adapters.store.schema import Tables

Query = Select[*tuple[Any, ...]]

REJECTED: Final = ("id", "run_id", "query", "po_number", "line_number", "field", "reason")
PROMISE: Final = "promised_date"


def promise_moves(of: Tables, erp: str, first_run_id: int) -> Query:
    """Return each line whose promise the ERP moved in that run or later, with what it was before and is now."""
    event, first, line = of.event.alias("event"), of.event.alias("first_event"), of.line.alias("line")
    moved = (
        select(event.c.po_line_id, func.min(event.c.id).label("first_id"), func.count().label("moves"))
        .where(
            event.c.run_id >= first_run_id,
            event.c.kind == "changed",
            event.c.field_name == PROMISE,
            event.c.cause == "erp",
            event.c.previous_value.is_not(None),
        )
        .group_by(event.c.po_line_id)
        .subquery("moved")
    )
    return (
        select(
            line.c.po_number,
            line.c.line_number,
            line.c.supplier_code,
            first.c.previous_value,
            type_coerce(line.c.promised_date, String).label("promised_date"),  # as the driver gives it
            moved.c.moves,
        )
        .join_from(moved, line, line.c.id == moved.c.po_line_id)
        .join(first, first.c.id == moved.c.first_id)
        .where(line.c.erp == erp, line.c.promised_date.is_not(None))
    )


def newest_events(of: Tables, erp: str, first_run_id: int, limit: int) -> Query:
    """Return the ids of the ERP's newest change events of that run or later.

    A run's events are of its own ERP: asked so, the index on `run_id` gives the newest at once.
    """
    event, run = of.event.c, of.run.c
    is_of_erp = select(run.id).where(run.id == event.run_id, run.erp == erp).exists()
    return (
        select(event.id)
        .where(event.run_id >= first_run_id, is_of_erp)
        .order_by(event.run_id.desc(), event.id.desc())
        .limit(limit)
    )


def rejected_rows(of: Tables, run_id: int, limit: int) -> Query:
    """Return the rejected rows of a run."""
    rejected = of.rejected.c
    return (
        select(*(rejected[name] for name in REJECTED))
        .where(rejected.run_id == run_id)
        .order_by(rejected.id)
        .limit(limit)
    )
