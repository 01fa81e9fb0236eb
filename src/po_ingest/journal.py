"""What a run leaves besides its effects: its row, its report, its audit events, also when it fails (R2, R13, R14)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from traceback import clear_frames
from typing import TypeVar
from uuid import uuid4

import attrs

from po_ingest.audit_copy import catch_up
from po_ingest.errors import (
    AuditError,
    ExitCode,
    PoIngestError,
    ReservationError,
    StoreError,
    interruption,
)
from po_ingest.event_log import structlog
from po_ingest.events import Teller
from po_ingest.model import (
    APPLIED,
    IGNORED_FIELDS,
    AuditEvent,
    Delta,
    Mode,
    NewRun,
    Run,
    RunContext,
    RunReport,
    RunStart,
    RunStatus,
    StageError,
)
from po_ingest.ports import (
    AuditSink,
    Clock,
    ErpSource,
    Observer,
    Progress,
    RowBuffer,
    Spool,
    Store,
    StoreTransaction,
    StoreView,
)
from po_ingest.retrying import Retries
from po_ingest.settings import RetrySettings, Settings
from po_ingest.stages.report import STAGES, Tally, report_dict
from po_ingest.stories import many
from po_ingest.watch import Watch

T = TypeVar("T")
log = structlog.get_logger("po_ingest")


@attrs.frozen(slots=True, kw_only=True)
class Parts:
    """What a run works with: the adapters behind the ports, and who runs it."""

    source: ErpSource
    store: Store
    sink: AuditSink
    spool: Spool
    clock: Clock
    buffer: Callable[[], RowBuffer]
    progress: Progress
    host: str
    process: int
    version: str
    observer: Observer = attrs.field(factory=Watch)

    def tell_retry(self, attempt: int, wait: float, cause: str) -> None:
        """Log a retry, and show it."""
        log.warning("retry", attempt=attempt, wait=round(wait, 1), cause=cause)
        self.progress.retrying(attempt, wait, cause)


def require_schema(store: Store, *, create: bool) -> None:
    """Create a missing schema if asked to, and refuse one of another version. Raises StoreError."""
    status = store.schema()
    if status.relation == "missing" and create:
        store.upgrade()
    elif status.relation == "older":
        raise StoreError(
            f"the store has schema version {status.current}, this release needs {status.needed}",
            hint="run `po-ingest store upgrade`",
        )
    elif status.relation == "newer":
        raise StoreError(
            f"the store has schema version {status.current}, newer than {status.needed} of this release",
            hint="upgrade po-ingest; nothing was changed",
        )


def last_applied(view: StoreView, settings: Settings) -> Run | None:
    """Return the run that tonight's compares with."""
    return view.last_applied(settings.erp.name)


def _without_lists(report: RunReport) -> dict[str, object]:
    """Return the report for the log, which needs no thousands of item codes."""
    return {name: value for name, value in report_dict(report).items() if not isinstance(value, list)}


def _told(error: BaseException) -> str:
    """Return what an error says, or else what it is."""
    return str(error) or ("ended by SIGINT" if isinstance(error, KeyboardInterrupt) else type(error).__name__)


@attrs.define(slots=True)
class Written:
    """An open write transaction of a run: what is applied and recorded in it."""

    journal: Journal
    transaction: StoreTransaction

    def apply(self, delta: Delta) -> None:
        """Apply a delta and record its lines' audit events."""
        journal = self.journal
        new_ids = self.transaction.apply(journal.context, delta)
        if delta.with_events:
            self.transaction.record(journal.teller().lines(delta, new_ids))

    def complete(self, tally: Tally, configuration: Mapping[str, str]) -> RunReport:
        """Write the run's outcome; it is there once the transaction has committed."""
        journal, tell = self.journal, self.journal.teller()
        report = journal.completed(tally)
        events = [tell.baseline(tally, is_repeated=journal.previous is not None)] if journal.is_baseline else []
        self.transaction.record(
            [*events, *tell.gaps(tally), *tell.rejected(tally), tell.completed(report, journal.doubts)]
        )
        ignored = " ".join(sorted(journal.settings.lines.ignored_fields))
        self.transaction.finish_run(journal.context.run_id, report, {**configuration, IGNORED_FIELDS: ignored})
        journal.in_doubt = report
        return report

    def applied_before(self) -> RunReport | None:
        """Return the run's report if an earlier try was applied, though its commit seemed to fail (R12)."""
        journal = self.journal
        if journal.in_doubt is None or not journal.is_applied(self.transaction):
            return None
        report = attrs.evolve(journal.in_doubt, retries=journal.retries.count)
        self.transaction.finish_run(journal.context.run_id, report)
        return report


@attrs.define(slots=True)
class Journal:
    """Keeps the book of one run."""

    settings: Settings
    parts: Parts
    retries: Retries
    strict: bool
    previous: Run | None = None  # the last run of this ERP that was applied
    run_id: int | None = None
    run_identifier: str = ""
    is_baseline: bool = False
    is_rehearsal: bool = False
    doubts: list[str] = attrs.Factory(list)  # what looks wrong about tonight's snapshot, though no guard is broken
    in_doubt: RunReport | None = None  # once a transaction has come to its commit; until then nothing can be applied
    started_at: datetime = attrs.field(init=False)
    _ending: tuple[PoIngestError, RunReport] | None = None  # the run's end, once it is being recorded
    _told: PoIngestError | None = None  # what was raised of it, once it has been recorded
    _for_spool: list[AuditEvent] = attrs.field(init=False, factory=list)
    _clock_start: float = attrs.field(init=False, factory=time.perf_counter)
    _stage: str = "start"
    _seconds: dict[str, float] = attrs.field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        """Start the clock."""
        self.started_at = self.parts.clock()
        self.run_identifier = f"{self.started_at:%Y%m%dT%H%M%SZ}-{uuid4().hex[:6]}"

    # -- what the run is
    @property
    def mode(self) -> Mode:
        """Return the run's mode."""
        return "baseline" if self.is_baseline else "nightly"

    @property
    def with_events(self) -> bool:
        """Say whether differences are told as change events."""
        return not self.is_baseline

    @property
    def context(self) -> RunContext:
        """Return the run for the store. Only for runs that have begun."""
        if self.run_id is None:
            raise AssertionError("a rehearsal has no run row")
        return RunContext(self.run_id, self.previous.id if self.previous else None, self.started_at)

    def teller(self) -> Teller:
        """Return what makes this run's audit events, now."""
        return Teller(self.run_id, self.parts.clock())

    # -- the stages
    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Enter a stage; its seconds add up."""
        self._stage = name
        self.parts.progress.stage(name)
        start = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[name] = self._seconds.get(name, 0.0) + time.perf_counter() - start

    def _stage_seconds(self, *, all_passed: bool = False) -> dict[str, float]:
        """Return the seconds of the stages that were passed; a baseline compares nothing and skips diff (R1)."""
        skipped = {"diff"} if self.is_baseline else set()
        passed = [name for name in STAGES if name not in skipped and (all_passed or name in self._seconds)]
        return {name: round(self._seconds.get(name, 0.0), 3) for name in passed}

    # -- beginning
    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock of the store and ERP. Raises LockHeldError at once if it is taken."""
        store = self.parts.store
        with ExitStack() as stack:
            self._before_the_run(lambda: stack.enter_context(store.lock(self.settings.erp.name)))
            yield

    def prepare_store(self) -> None:
        """Create a missing schema, and refuse one of another version."""
        self._before_the_run(lambda: require_schema(self.parts.store, create=True))

    def begin(self, check: Callable[[Run | None], None], *, rebaseline: bool) -> None:
        """Insert the run's row and tell of it; `check` may refuse before. Clears up after runs that were cut off."""
        self._before_the_run(lambda: self._begin(check, rebaseline=rebaseline))
        log.info("run started", run_id=self.run_id, run_identifier=self.run_identifier, mode=self.mode)

    def _before_the_run(self, step: Callable[[], object]) -> None:
        """Take a step without which the run cannot begin; a store that fails in it is told through the spool."""
        try:
            self.retries(self.settings.store.retry, step)
        except StoreError as error:
            self._ending = error, self._failed(error)
            self._spool_failure(error, with_start=True)
            self._told = error
            raise

    def _begin(self, check: Callable[[Run | None], None], *, rebaseline: bool) -> None:
        waiting = self._waiting()
        with self.parts.store.write() as transaction:
            self.previous = last_applied(transaction, self.settings)
            check(self.previous)
            self.is_baseline = rebaseline or self.previous is None
            for event, in_file in waiting:
                transaction.record([event], in_file=in_file)
            if self.run_id is None or self._row(transaction) is None:  # else an earlier try's commit but seemed to fail
                for run in transaction.runs(self.settings.erp.name, statuses=["running"]):
                    self._abandon(transaction, run)
                self.run_id = transaction.start_run(self._new_run())
                transaction.record([self.teller().started(self._start())])
        if waiting:
            self._forget_delivered()

    def _row(self, view: StoreView) -> Run | None:
        """Return this run as the store has it; None if it has not begun there."""
        return view.find_run(self.settings.erp.name, self.run_identifier)

    def is_applied(self, view: StoreView) -> bool:
        """Say whether this run was applied."""
        row = self._row(view)
        return row is not None and row.status in APPLIED

    def _forget_delivered(self) -> None:
        """Clear the spool; events that stay in it are known to the store, and are not recorded again."""
        try:
            self.parts.spool.clear()
        except AuditError as error:
            log.warning("spool not cleared", error=str(error))

    def _waiting(self) -> list[tuple[AuditEvent, bool]]:
        try:
            return self.parts.spool.pending()
        except AuditError as error:
            log.warning("spool not readable", error=str(error))
            return []

    def _new_run(self) -> NewRun:
        return NewRun(
            run_identifier=self.run_identifier,
            erp=self.settings.erp.name,
            mode=self.mode,
            started_at=self.started_at,
            host=self.parts.host,
            version=self.parts.version,
            process=self.parts.process,
        )

    def announce(self) -> None:
        """Tell those who watch that the run has begun."""
        self.parts.observer.started(
            RunStart(
                run_id=self.context.run_id,
                run_identifier=self.run_identifier,
                erp=self.settings.erp.name,
                mode=self.mode,
                started_at=self.started_at,
            )
        )

    def _start(self) -> dict[str, object]:
        return {"run_identifier": self.run_identifier, "erp": self.settings.erp.name, "mode": self.mode}

    def _abandon(self, transaction: StoreTransaction, run: Run) -> None:
        """Close the books of a run whose process has died (R13): the lock is ours, so it cannot be alive."""
        report = RunReport(
            run_id=run.id,
            run_identifier=run.run_identifier,
            erp=run.erp,
            mode=run.mode,
            baseline=run.mode == "baseline",
            dry_run=False,
            status="abandoned",
            started_at=run.started_at,
            finished_at=self._end_of(run.started_at),
            exit_code=ExitCode.FAILED,
        )
        transaction.finish_run(run.id, report)
        transaction.record([Teller(run.id, self.parts.clock()).failed(report, "abandoned")])
        log.warning("run abandoned", run_id=run.id, run_identifier=run.run_identifier)

    def rehearse(self, previous: Run | None, *, rebaseline: bool) -> None:
        """Begin a dry run: nothing is written."""
        self.previous = previous
        self.is_baseline = rebaseline or previous is None
        self.is_rehearsal = True

    # -- the store
    def from_store(self, look: Callable[[StoreView], T], view: StoreView | None) -> T:
        """Look something up: in the view of a dry run, else in one of its own."""
        if view is not None:
            return look(view)

        def attempt() -> T:
            with self.parts.store.read() as fresh:
                return look(fresh)

        return self.retries(self.settings.store.retry, attempt)

    def from_erp(self, read: Callable[[], T]) -> T:
        """Read from the ERP, whole, with retries."""
        retry: RetrySettings = self.settings.erp.retry
        return self.retries(retry, read)

    @contextmanager
    def transaction(self) -> Iterator[Written]:
        """Open the run's one write transaction."""
        with self.parts.store.write() as transaction:
            yield Written(self, transaction)

    # -- the outcome
    def completed(self, tally: Tally) -> RunReport:
        """Return the report of a run that is, or would be, applied."""
        report = attrs.evolve(tally.onto(self._report()), stages=self._stage_seconds(all_passed=True))
        if self.strict and report.rows_rejected:
            return attrs.evolve(report, status="partial", exit_code=ExitCode.RESERVATION)
        return attrs.evolve(report, status="completed", exit_code=ExitCode.DONE)

    def _report(self) -> RunReport:
        return RunReport(
            run_id=self.run_id,
            run_identifier=self.run_identifier,
            erp=self.settings.erp.name,
            mode=self.mode,
            baseline=self.is_baseline,
            dry_run=self.is_rehearsal,
            status="failed",
            started_at=self.started_at,
            finished_at=self._end_of(self.started_at),
            duration_seconds=round(time.perf_counter() - self._clock_start, 3),
            retries=self.retries.count,
            stages=self._stage_seconds(),
        )

    def _end_of(self, started_at: datetime) -> datetime:
        """Return now, as the end of a run; a clock that was set back meanwhile makes no run end before it began."""
        return max(self.parts.clock(), started_at)

    def _failed(self, failure: PoIngestError) -> RunReport:
        return attrs.evolve(
            self._report(),
            exit_code=failure.exit_code,
            errors_encountered=(StageError(self._stage, type(failure).__name__, str(failure)),),
        )

    def conclude(self, work: Callable[[], RunReport]) -> RunReport:
        """Do the work, then tell of its outcome. Raises PoIngestError with the report if it failed, or for exit 3."""
        report = self._guarded(work)
        log.info("run applied", **_without_lists(report))
        self._tell_doubts()
        try:
            catch_up(self.parts.store, self.parts.sink)
        except BaseException as error:
            report = attrs.evolve(report, exit_code=ExitCode.RESERVATION)
            self._correct(report)
            cause, hint = (error.message, error.hint) if isinstance(error, PoIngestError) else (_told(error), "")
            unwritten = ReservationError(
                f"the run was applied, but the audit trail could not be copied: {cause}",
                hint=hint or "the next run completes the file",
            )
            raise self._with_report(unwritten, report) from error
        return self._unless_partial(report)

    def _correct(self, report: RunReport) -> None:
        """Have the store's report say what the process says; if the store cannot, the run is applied all the same."""
        try:
            with self.parts.store.write() as transaction:
                transaction.finish_run(self.context.run_id, report)
        except BaseException as error:  # noqa: BLE001 - as it says
            log.warning("report not corrected", error=_told(error))

    def conclude_rehearsal(self, work: Callable[[], RunReport]) -> RunReport:
        """Do the work of a dry run; nothing is recorded."""
        report = self._guarded(work)
        self._tell_doubts()
        return self._unless_partial(report)

    def _tell_doubts(self) -> None:
        for doubt in self.doubts:
            log.warning(doubt)

    def _unless_partial(self, report: RunReport) -> RunReport:
        if report.status == "partial":
            applied, hint = "was applied", "see the table rejected_row, or the audit events row_rejected"
            if report.dry_run:
                applied, hint = "would be applied", "`po-ingest check` says why, of the first rows"
            rows = many(report.rows_rejected, "row was", "rows were")
            failure = ReservationError(f"the run {applied}, but {rows} rejected (--strict)", hint=hint)
            raise self._with_report(failure, report)
        return report

    def _guarded(self, work: Callable[[], RunReport]) -> RunReport:
        """Do the work; whatever goes wrong is recorded and raised as a PoIngestError with the report."""
        try:
            return work()
        except BaseException as error:  # noqa: BLE001 - the run must be recorded as failed, whatever a plug-in raises
            failure = self._failure(error)
        raise self._outcome(failure)

    @staticmethod
    def _failure(error: BaseException) -> PoIngestError:
        """Return what to tell of an error; one that a library made of a signal's exception is that signal."""
        signal = interruption(error)
        if signal is not None:
            failure = PoIngestError(str(signal) or "ended by SIGINT", hint="nothing of this run was applied")
        elif isinstance(error, PoIngestError):
            return error
        else:
            kind = type(error).__name__
            failure = PoIngestError(f"internal error ({kind})", hint="nothing of this run was applied; see the log")
        failure.__cause__ = error
        return failure

    def ended(self, error: BaseException) -> PoIngestError:
        """Return the error of a run that ends by something unforeseen outside its own work; it is recorded by then.

        What comes while a failure is being recorded, or later, such as a signal, changes nothing of it.
        """
        if self._ending is not None:
            clear_frames(error.__traceback__)  # they may hold the spool's lock: a `with` can be broken off at its end
        return self._told or self._outcome(self._failure(error))

    def _outcome(self, failure: PoIngestError) -> PoIngestError:
        """Record that the run failed, unless it is being told that it failed otherwise; return what is to be raised."""
        self._ending = self._ending or (failure, self._failed(failure))
        self._told = self._recorded(*self._ending)
        return self._told

    def _recorded(self, failure: PoIngestError, report: RunReport) -> PoIngestError:
        """Record a failure, and return the error with its report; another one if the run was applied after all."""
        found = "running" if self.is_rehearsal else self._record_failure(report, failure)
        if found in APPLIED and self.in_doubt is not None:
            return self._applied_after_all(self.in_doubt, failure)
        if found is None:
            return failure  # whoever called is told all of it by that
        log.error("run failed", exc_info=failure, stage=self._stage, run_id=self.run_id, told=True)
        return self._with_report(failure, report)

    def _applied_after_all(self, applied: RunReport, failure: PoIngestError) -> PoIngestError:
        """Tell of what went wrong in the moment of the commit, or right after it."""
        report = attrs.evolve(applied, exit_code=ExitCode.RESERVATION)
        self._correct(report)
        log.info("run applied", **_without_lists(report))
        told = ReservationError(
            f"the run was applied, but then: {failure.message}", hint=f"`po-ingest report {report.run_id}` shows it"
        )
        told.__cause__ = failure
        return self._with_report(told, report)

    @staticmethod
    def _with_report(error: PoIngestError, report: RunReport) -> PoIngestError:
        error.report = report
        return error

    def _record_failure(self, report: RunReport, failure: PoIngestError) -> RunStatus | None:
        """Record a failure in store and file; return what the run was before, None if it had not begun."""
        if self.run_id is None:
            self._spool_failure(failure, with_start=True)
            return None
        try:
            found = self._marked_as_failed(report, failure)
        except BaseException:  # noqa: BLE001 - the store is down, or keeps a signal waiting
            if self.in_doubt is not None:
                failure.hint = "see `po-ingest runs`: the run is there as completed, or nothing of it was applied"
            self._spool_failure(failure, report)
            return "running"
        if found is None:
            self._spool_failure(failure, with_start=True)
        try:
            catch_up(self.parts.store, self.parts.sink)
        except BaseException as error:  # noqa: BLE001 - the next run makes it good
            log.warning("audit file not written", error=_told(error))
        return found

    def _marked_as_failed(self, report: RunReport, failure: PoIngestError) -> RunStatus | None:
        """Write the failure to the store, once more if a signal breaks that off.

        Not if one has ended the run already: this is the reminder then, since the store does not answer.
        """

        def write() -> RunStatus | None:
            return self.retries(self.settings.store.retry, lambda: self._write_failure(report, failure))

        try:
            return write()
        except BaseException as error:
            has_ended = failure.__cause__ is not None and interruption(failure.__cause__) is not None
            if interruption(error) is None or has_ended:
                raise
            clear_frames(error.__traceback__)  # they may hold the transaction that was broken off
        return write()

    def _write_failure(self, report: RunReport, failure: PoIngestError) -> RunStatus | None:
        """Mark the run as failed and return what it was before: a commit told as failed may have applied it."""
        with self.parts.store.write() as transaction:
            row = self._row(transaction)
            if row is not None and row.status == "running":
                transaction.finish_run(row.id, report)
                transaction.record([self.teller().failed(report, str(failure))])
            return None if row is None else row.status

    def _spool_failure(
        self, failure: PoIngestError, report: RunReport | None = None, *, with_start: bool = False
    ) -> None:
        """Keep what is to be told of a failure while the store is down (R14); the same events, if a signal broke in."""
        if not self._for_spool:
            told = report or attrs.evolve(self._failed(failure), run_id=None)
            tell = Teller(None, self.parts.clock())
            starts = [tell.started(self._start())] if with_start else []
            self._for_spool = [*starts, tell.failed(told, str(failure))]
        try:
            self.parts.spool.put(self._for_spool)
        except AuditError as error:
            log.warning("spool not written", error=str(error))
