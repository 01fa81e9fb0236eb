"""What `status` says of a history of runs."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from po_ingest.health import Figure, Health, Level, Seen, assess
from po_ingest.model import Run, RunStatus

NOW = datetime(2026, 3, 10, 6, 0, tzinfo=UTC)
DAY = timedelta(hours=26)


def run(number: int, status: RunStatus = "completed", *, hours: float = 3, **counts: Any) -> Run:  # noqa: ANN401 - parts of a report
    """Return a run that ended so many hours ago."""
    end = NOW - timedelta(hours=hours)
    report = {"run_id": number, "erp": "erp", "status": status, "po_lines_processed": 5000, "duration_seconds": 3.2}
    return Run(
        id=number,
        run_identifier=f"run-{number}",
        erp="erp",
        mode="nightly",
        status=status,
        started_at=end,
        finished_at=None if status == "running" else end,
        duration_seconds=None if status == "running" else 3.2,
        report=None if status == "running" else {**report, **counts},
        host="here",
        version="1",
    )


def health(*newest_first: Run, is_locked: bool = False, audit_fault: str | None = None) -> Health:
    applied = [each for each in newest_first if each.status in {"completed", "partial"}]
    seen = Seen(erp="erp", runs=newest_first[:2], applied=applied[:2], is_locked=is_locked, audit_fault=audit_fault)
    return assess(seen, NOW, DAY)


def test_a_night_that_went_well_is_ok_and_tells_its_story() -> None:
    found = health(run(2, lines_changed=98), run(1, hours=27))
    assert found.level is Level.OK
    assert found.text == "run 2 of ERP 'erp' completed: 5,000 lines, 98 changed, in 3.2 s, 3 h ago"


def test_the_line_is_the_one_that_monitors_read() -> None:
    found = health(run(2, lines_changed=98, rows_rejected=1))
    assert found.line() == (
        "OK - run 2 of ERP 'erp' completed: 5,000 lines, 98 changed, 1 rejected row, in 3.2 s, 3 h ago"
        " | lines=5000;;; age=3h;26;26; new=0;;; changed=98;;; absent=0;;; rejected=1;;; gaps=0;;; retries=0;;;"
        " duration=3.2s;;;"
    )


def test_no_run_at_all_is_unknown() -> None:
    assert health().line() == "UNKNOWN - no run of ERP 'erp' yet"


def test_a_night_that_never_ran_is_critical() -> None:
    assert health(run(1, hours=26)).level is Level.OK
    found = health(run(1, hours=27))
    assert (found.level, found.text) == (Level.CRITICAL, "the last applied run, 1, ended 27 h ago (limit 26 h)")


def test_a_run_that_ended_later_than_the_clock_says_now_is_of_no_age() -> None:
    found = health(run(1, hours=-1))
    assert (found.level, found.age) == (Level.OK, timedelta())
    assert " age=0h;" in found.line()


def test_a_long_time_is_told_in_days() -> None:
    assert "ended 5 days ago" in health(run(1, hours=121)).text


@pytest.mark.parametrize("status", ["failed", "abandoned"])
def test_a_last_run_that_failed_is_critical_and_says_why(status: RunStatus) -> None:
    errors = [{"stage": "snapshot", "error": "ErpError", "message": "no such table"}]
    found = health(run(2, status, errors_encountered=errors), run(1, hours=5))
    assert found.level is Level.CRITICAL
    assert found.text.endswith("in stage snapshot: no such table")


def test_no_applied_run_is_critical() -> None:
    found = health(run(1, "failed"))
    assert found.level is Level.CRITICAL
    assert "no run of ERP 'erp' has been applied yet" in found.text
    assert (found.age, found.figures) == (None, ())


def test_a_run_that_was_cut_off_is_critical() -> None:
    assert "run 2 was cut off" in health(run(2, "running"), run(1, hours=5)).text


def test_a_run_under_way_is_no_fault_and_the_one_before_is_judged() -> None:
    fine = health(run(2, "running"), run(1, hours=5), is_locked=True)
    assert fine.level is Level.OK
    assert fine.text.endswith("5 h ago; run 2 is under way")
    assert health(run(3, "running"), run(2, "failed"), run(1), is_locked=True).level is Level.CRITICAL


def test_a_first_run_under_way_has_nothing_applied_yet() -> None:
    assert health(run(1, "running"), is_locked=True).text == "no run of ERP 'erp' has been applied yet"


@pytest.mark.parametrize("key", ["rows_rejected", "xref_gaps_found"])
def test_rejected_rows_or_gaps_that_grow_are_a_warning(key: str) -> None:
    def counted(number: int, count: int, hours: float) -> Run:
        counts: dict[str, Any] = {key: count}
        return run(number, hours=hours, **counts)

    found = health(counted(2, 4, 3), counted(1, 3, 27))
    assert found.level is Level.WARNING
    assert found.text.endswith(": 4, 3 the run before")
    assert health(counted(2, 3, 3), counted(1, 3, 27)).level is Level.OK


@pytest.mark.parametrize("newest", [run(2, "partial"), run(2, exit_code=3)])
def test_a_reservation_is_a_warning(newest: Run) -> None:
    found = health(newest)
    assert (found.level, found.text) == (Level.WARNING, "run 2 was applied with a reservation")


def test_a_broken_audit_trail_is_critical_and_the_worst_comes_first() -> None:
    found = health(run(2, "partial"), audit_fault="event 7: altered")
    assert found.level is Level.CRITICAL
    assert found.text.startswith("the audit trail is broken: event 7: altered; run 2 was applied")


@given(st.text(), st.floats(0, 1e9))
def test_a_line_has_one_bar_whatever_the_text(text: str, value: float) -> None:
    line = Health(Level.OK, text, (Figure("lines", value),)).line()
    assert line.count("|") == 1
    assert re.fullmatch(r"lines=[0-9.e+-]+;;;", line.rpartition(" | ")[2])
