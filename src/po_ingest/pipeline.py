"""One run, stage by stage: what `po-ingest nightly` does.

Gather what ERP and store know; let pure functions decide, partition by partition; apply all of it in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack

import attrs

from po_ingest import doubts, guards
from po_ingest.errors import ConfigError, PoIngestError, StoreError
from po_ingest.gather import Night, gather
from po_ingest.journal import Journal, Parts, last_applied, require_schema
from po_ingest.model import Delivery, Delta, LineState, MappedLine, MissingLine, Presence, Run, RunReport
from po_ingest.ports import Store, StoreView
from po_ingest.retrying import Retries
from po_ingest.settings import Settings
from po_ingest.stages import batches, custom_columns, diff, report, snapshot, xref
from po_ingest.watching import watched

Apply = Callable[[Delta], None]


@attrs.frozen(slots=True, kw_only=True)
class Options:
    """The options of `po-ingest nightly` that decide what a run does."""

    baseline: bool = False
    rebaseline: bool = False
    dry_run: bool = False
    strict: bool = False
    allow_shrink: bool = False

    def __attrs_post_init__(self) -> None:
        """Refuse what contradicts itself. Raises ConfigError."""
        if self.baseline and self.rebaseline:
            raise ConfigError("--baseline and --rebaseline exclude each other", hint="give one of them")


def run_nightly(settings: Settings, parts: Parts, options: Options) -> RunReport:
    """Run the whole pipeline once and return its report.

    A run that fails, or is applied with a reservation, raises a PoIngestError that carries its report; it is in the
    store's run history and in the audit trail by then.
    """
    if options.dry_run:
        return _nightly(settings, parts, options)
    return watched(parts, settings.erp.name, lambda: _nightly(settings, parts, options))


def _nightly(settings: Settings, parts: Parts, options: Options) -> RunReport:
    journal = Journal(settings, parts, Retries(parts.tell_retry), strict=options.strict)
    if options.dry_run:
        return _rehearse(journal, options)
    try:
        journal.prepare_store()
        with journal.locked():
            journal.begin(lambda last: _refuse_second_baseline(last, options), rebaseline=options.rebaseline)
            return journal.conclude(lambda: _run(journal, options))
    except PoIngestError:
        raise
    except BaseException as error:  # before the run's own work, or around it
        raise journal.ended(error) from error


def _refuse_second_baseline(last: Run | None, options: Options) -> None:
    """Refuse a job that was left on --baseline: it would hide changes for ever (R5)."""
    if options.baseline and last is not None:
        raise ConfigError(
            f"--baseline was refused: run {last.id} ({last.run_identifier}) has completed already",
            hint="leave the option out, or take the state over without change events by --rebaseline",
        )


def _run(journal: Journal, options: Options) -> RunReport:
    journal.announce()
    night = gather(journal)
    try:
        return journal.retries(journal.settings.store.retry, lambda: _apply(journal, night, options))
    finally:
        night.tonight.buffer.close()


def _apply(journal: Journal, night: Night, options: Options) -> RunReport:
    """Decide and apply everything in one transaction (R2); may be tried again from its start."""
    with journal.transaction() as written:
        before = written.applied_before()
        if before is not None:
            return before
        tally = _decide(journal, night, options, written.transaction, written.apply)
        return written.complete(tally, night.tonight.reading.configuration)


def _rehearse(journal: Journal, options: Options) -> RunReport:
    """Do all that a run would do, but write nothing (R19)."""
    store, patience = journal.parts.store, journal.settings.store.retry
    journal.retries(patience, lambda: require_schema(store, create=False))
    _require_rights(store)
    with ExitStack() as stack:
        view = journal.retries(patience, lambda: stack.enter_context(store.read()))
        last = last_applied(view, journal.settings)
        _refuse_second_baseline(last, options)
        journal.rehearse(last, rebaseline=options.rebaseline)
        return journal.conclude_rehearsal(lambda: _rehearsed(journal, options, view))


def _require_rights(store: Store) -> None:
    """Refuse a store that a run could not write, or create (R19). Raises StoreError."""
    for finding in store.check():
        if finding.status == "failed":
            raise StoreError(finding.message, hint=finding.hint)


def _rehearsed(journal: Journal, options: Options, view: StoreView) -> RunReport:
    night = gather(journal, view)
    try:
        return journal.completed(_decide(journal, night, options, view, lambda _: None))
    finally:
        night.tonight.buffer.close()


def _decide(journal: Journal, night: Night, options: Options, view: StoreView, apply: Apply) -> report.Tally:
    """Go through the lines that may differ, in partitions; check the guards last. Raises GuardError."""
    tonight, tally = night.tonight, report.Tally()
    for pending in snapshot.pending(tonight, night.again):
        with journal.stage("snapshot"):
            states = view.states([tonight.known.ids[line.at] for line in pending.lines if line.at is not None])
            read = snapshot.read(tonight, pending, states, night.receipts)
        with journal.stage("xref"):
            new = xref.map_new(read.new, night.xref.entries, night.rules.default_supplier)
            mapped = xref.map_lines(read.lines, night.xref.entries, night.rules.default_supplier)
        with journal.stage("diff"):
            differences = diff.compare_lines(mapped, night.rules)
        with journal.stage("batches"):
            new = batches.reconstruct_new(new, night.receipts, journal.started_at.date())
            deliveries = _reconstruct(journal, night, view, mapped)
        with journal.stage("custom_columns"):
            new = custom_columns.populate_new(new, night.slots)
            slots = custom_columns.populate_lines(mapped, night.slots)
        with journal.stage("report"):
            digests = night.receipts_digests([line.read.key for line in mapped])
            results = zip(mapped, differences, deliveries, slots, digests, strict=True)
            new = attrs.evolve(new, receipts=night.receipts_digests(new.keys))
            delta = report.assemble(new, results, read.rejected, with_events=journal.with_events)
            tally.add(delta, slots, states)
            tally.note(read, xref.gaps_of_read(new, mapped))
            apply(_without_idle(delta, night, states))
    with journal.stage("report"):
        _conclude(journal, night, options, view, apply, tally)
    return tally


def _reconstruct(
    journal: Journal, night: Night, view: StoreView, mapped: Sequence[MappedLine]
) -> list[tuple[Delivery, ...]]:
    so_far: dict[int, list[Delivery]] = {}
    if night.receipts is not None:
        so_far = view.deliveries([line.read.state.line_id for line in mapped])
    return batches.reconstruct_lines(mapped, night.receipts, so_far, journal.started_at.date())


def _without_idle(delta: Delta, night: Night, states: dict[int, LineState]) -> Delta:
    """Leave out the lines of which nothing is to be written (R17)."""
    changes = tuple(
        change
        for change in delta.changes
        if report.has_effect(change, states[change.line_id], night.in_store(change.key))
    )
    return attrs.evolve(delta, changes=changes)


def _conclude(
    journal: Journal, night: Night, options: Options, view: StoreView, apply: Apply, tally: report.Tally
) -> None:
    """Do what needs a look at all lines: those that are missing, gaps, guards."""
    tonight, known = night.tonight, night.tonight.known
    gone = tuple(MissingLine(key, known.ids[at]) for key, at in snapshot.missing(tonight))
    rejected = (*tonight.rejected, *night.xref.rejected, *(night.receipts.rejected if night.receipts else ()))
    delta = Delta(missing=gone, rejected=rejected, with_events=journal.with_events)
    tally.add(delta, (), {})
    tally.lines += tonight.seen.count(snapshot.UNCHANGED_ACTIVE) - tally.unchanged_looked_at
    tally.gaps |= xref.gaps_of_unchanged(tonight, night.xref.entries)
    tally.gaps |= xref.gaps_of_rejected(tonight, night.xref.entries, tally.rejected_known)
    tally.truncated += night.xref.truncated + (night.receipts.truncated if night.receipts else 0)
    seen = guards.Snapshot(
        active_rows=tonight.active_rows,
        active_before=known.presence.count(Presence.ACTIVE),
        has_previous=journal.previous is not None,
        filled_before=_filled_before(journal, view, gone, tally),
    )
    guards.check(tally, seen, journal.settings.guards, allow_shrink=options.allow_shrink)
    last = journal.previous.field_configuration if journal.previous else None
    journal.doubts = doubts.found(tally, seen, last, tonight.reading.configuration)
    apply(delta)


def _filled_before(
    journal: Journal, view: StoreView, gone: Sequence[MissingLine], tally: report.Tally
) -> dict[str, int]:
    """Return for each field in how many lines active then and now it was filled; nothing if none was emptied."""
    previous = journal.previous
    if not tally.emptied or previous is None:
        return {}
    tally.add_left(view.states([line.line_id for line in gone]).values())
    filled = view.filled_counts(journal.settings.erp.name, previous.id)
    return {field: filled.get(field, 0) - tally.left[field] for field in tally.emptied}
