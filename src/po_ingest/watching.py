"""Telling those who watch how a run ended, whatever way that was."""

from __future__ import annotations

from collections.abc import Callable

from po_ingest.errors import ExitCode, GuardError, Interrupted, LockHeldError, PoIngestError
from po_ingest.event_log import structlog
from po_ingest.journal import Parts
from po_ingest.model import RunEnd, RunOutcome, RunReport

log = structlog.get_logger("po_ingest")


def watched(parts: Parts, erp: str, run: Callable[[], RunReport]) -> RunReport:
    """Do a run and tell the observers of its end; one that another run kept out leaves no trace (exit 6)."""
    try:
        report = run()
    except LockHeldError:
        raise
    except PoIngestError as error:
        parts.observer.ended(_end(parts, erp, error))
        raise
    except BaseException as error:  # before the first step, or while another one was told
        is_signal = isinstance(error, (Interrupted, KeyboardInterrupt))
        cause = str(error) or "ended by SIGINT" if is_signal else type(error).__name__
        told = PoIngestError(f"the run's end could not be recorded: {cause}", hint="see `po-ingest runs`")
        parts.observer.ended(_end(parts, erp, told))
        raise
    try:
        parts.observer.ended(
            RunEnd(erp=erp, outcome="completed", exit_code=int(report.exit_code), ended_at=parts.clock(), report=report)
        )
    except (Interrupted, KeyboardInterrupt) as error:  # before the first of them: the run is over, its outcome stands
        log.warning("observers not told", cause=str(error) or "ended by SIGINT")
    return report


def _end(parts: Parts, erp: str, error: PoIngestError) -> RunEnd:
    return RunEnd(
        erp=erp,
        outcome=_outcome(error),
        exit_code=int(error.exit_code),
        ended_at=parts.clock(),
        message=str(error),
        report=error.report,
    )


def _outcome(error: PoIngestError) -> RunOutcome:
    if isinstance(error, GuardError):
        return "guard"
    # applied with a reservation: rejected rows under --strict, or an audit file that could not be written
    return "partial" if error.exit_code == ExitCode.RESERVATION else "failed"
