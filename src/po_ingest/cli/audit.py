"""`po-ingest audit list` and `audit verify`."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import click

from po_ingest import queries
from po_ingest.cli import output
from po_ingest.cli.session import Session, open_store, pass_session, streaming
from po_ingest.errors import AuditError, PoIngestError

if TYPE_CHECKING:
    from po_ingest.audit_verify import Verification
    from po_ingest.model import ChainedEvent
    from po_ingest.settings import Settings

EVENT_TYPES: Final = (
    "ingestion_started",
    "ingestion_completed",
    "ingestion_failed",
    "baseline_initialized",
    "ingestion_change",
    "po_line_created",
    "po_line_absent",
    "po_line_reappeared",
    "xref_gap",
    "row_rejected",
)
"""The contract's event types."""

ABOUT: Final = ("run_identifier", "po_number", "line_number", "erp_item_code", "query", "field", "rows", "lines")
"""What an event is about, of its new values."""

WIDE: Final = ("id", "timestamp", "severity", "event_type", "run_id", "about", "reason")
NARROW: Final = ("id", "timestamp", "event_type", "about")
"""The columns of the listing, and those that a terminal of 80 characters has room for."""


@click.group("audit")
def audit_command() -> None:
    """List the audit trail, or prove that it is complete and unaltered.

    \b
    Example:
      po-ingest audit list --limit 20
      po-ingest audit verify
    """  # noqa: D301 - \b is click's mark for lines to be left as they are


@audit_command.command("list")
@click.option("--run", "run", metavar="RUN", help="Only of one run: number, identifier, latest or previous.")
@click.option("--type", "event_type", type=click.Choice(EVENT_TYPES), metavar="TYPE", help="Only of this type.")
@click.option("--since", metavar="DATE", help="Only of runs that started then or later: 2026-01-31, yesterday, 7d.")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="At most so many, the newest.")
@click.option("--json", "as_json", is_flag=True, help="Print an array of objects.")
@pass_session
def list_command(
    session: Session, run: str | None, event_type: str | None, since: str | None, limit: int | None, *, as_json: bool
) -> None:
    """List the audit events in the order of the trail.

    Types: ingestion_started, ingestion_completed, ingestion_failed,
    baseline_initialized, ingestion_change, po_line_created, po_line_absent,
    po_line_reappeared, xref_gap, row_rejected.

    \b
    Example:
      po-ingest audit list --run latest
      po-ingest audit list --type row_rejected --since 7d --json
    """  # noqa: D301 - \b is click's mark for lines to be left as they are
    start = None if since is None else queries.parse_date(since, datetime.now(UTC))
    with session.reading() as (settings, view):
        erp = settings.erp.name
        of_run = None if run is None else queries.find_run(view, erp, run, applied_only=False)
        with streaming(queries.audit_events(view, erp, run=of_run, event_type=event_type, since=start)) as events:
            _show_events(events if limit is None else deque(events, maxlen=limit), as_json=as_json)


def _show_events(events: Iterable[ChainedEvent], *, as_json: bool) -> None:
    from po_ingest.audit_chain import event_columns  # noqa: PLC0415 - `--help` shall not wait for it

    if as_json:
        output.json_array(map(event_columns, events))
        return
    is_narrow = output.width() < output.WIDE_TERMINAL
    with output.paged():
        output.table(
            NARROW if is_narrow else WIDE, map(_brief if is_narrow else _listed, events), numbers=("id", "run_id")
        )


def _listed(chained: ChainedEvent) -> tuple[object, ...]:
    event = chained.event
    return (chained.id, event.timestamp, event.severity, event.event_type, event.run_id, _about(chained), event.reason)


def _brief(chained: ChainedEvent) -> tuple[object, ...]:
    event = chained.event
    about = _about(chained) | ({"reason": event.reason} if event.reason else {})
    return chained.id, event.timestamp, event.event_type, about


def _about(chained: ChainedEvent) -> dict[str, object]:
    told = chained.event.new_values or {}
    return {name: told[name] for name in ABOUT if told.get(name) is not None}


@audit_command.command("verify")
@pass_session
def verify_command(session: Session) -> None:
    """Prove that the audit trail is complete and unaltered.

    Checks the chain of hashes, that every finished run has its outcome, and
    that the audit file and the store agree. Ends with 1 if there is a fault.

    \b
    Example:
      po-ingest audit verify
    """  # noqa: D301 - \b is click's mark for lines to be left as they are
    settings = session.settings()
    result = _verify(session, settings)
    output.pairs_table(
        [
            ("events", result.events),
            ("runs", result.runs),
            ("lines_of_file", result.lines),
            ("faults", result.fault_count),
        ]
    )
    for warning in result.warnings:
        session.warn(warning)
    if result.faults:
        first, *others = (f"{fault.where}: {fault.what}" for fault in result.faults)
        untold = result.fault_count - len(result.faults)
        raise PoIngestError(
            f"the audit trail has faults, {result.fault_count} in all; the first: {first}",
            hint="compare with a backup of store and file",
            details=(*others, *([f"... and {untold} more"] if untold else [])),
        )
    output.line("the audit trail is complete and unaltered")


def _verify(session: Session, settings: Settings) -> Verification:
    from po_ingest import wiring  # noqa: PLC0415 - as above
    from po_ingest.audit_verify import verify  # noqa: PLC0415 - as above

    store = open_store(settings)
    with _lines(settings.audit.file) as lines:  # first, so that a run meanwhile adds no line that the store had not yet
        try:
            waiting = {event.event_id for event, _ in wiring.open_spool(settings).pending()}
        except AuditError as error:
            raise PoIngestError(error.message, hint=error.hint) from error
        with store.read() as view:
            result = verify(view.audit_events(), view.runs(settings.erp.name), lines, waiting=waiting)
    if result.faults and store.holder(settings.erp.name):
        session.warn("a run is in progress, whose events may not be in the file yet; verify again when it has ended")
    return result


@contextmanager
def _lines(path: Path) -> Iterator[Iterator[str] | None]:
    """Open the audit file, if there is one, as it is at this moment."""
    try:
        with path.open("rb") as file:
            yield _decoded(file, os.fstat(file.fileno()).st_size)
    except FileNotFoundError:
        yield None
    except OSError as error:
        raise PoIngestError(
            f"the audit file {path} cannot be read: {error.strerror}", hint="give this account the right to read it"
        ) from error


def _decoded(file: BinaryIO, size: int) -> Iterator[str]:
    """Yield the lines of the file's first `size` bytes."""
    for line in file:
        if size <= 0:
            return
        yield line[:size].decode("utf-8", "replace")
        size -= len(line)
