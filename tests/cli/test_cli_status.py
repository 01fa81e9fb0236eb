"""`po-ingest status`, as a monitor calls it."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from po_ingest.errors import Interrupted
from support.command_line import Home

LINE = ("PO-1", 10, "M-1", "V1", 12, 0, "2026-03-01", "open")


def test_status_of_a_good_night_is_one_line_and_0(home: Home) -> None:
    home.insert(LINE)
    home.po("nightly")
    done = home.po("status")
    assert (done.code, done.err) == (0, "")
    (line,) = done.out.splitlines()
    assert line.startswith("OK - baseline run 1 of ERP 'shop' completed: 1 line, ")
    assert " | lines=1;;; age=0h;26;26; " in line


def test_status_as_json_is_one_object(home: Home) -> None:
    home.insert(LINE)
    home.po("nightly")
    told = home.po("status", "--json", "--max-age", "5").json
    assert (told["status"], told["exit_code"], told["lines"], told["max_age_hours"]) == ("OK", 0, 1, 5)


def test_status_without_a_run_is_unknown_and_3(home: Home) -> None:
    before = home.files()
    done = home.po("status")
    assert (done.code, done.out) == (3, "UNKNOWN - no run of ERP 'shop' yet\n")
    assert done.error.startswith("po-ingest: error: UNKNOWN: no run of ERP 'shop' yet")
    assert home.files() == before


def test_status_after_a_failed_night_is_critical_and_2(home: Home) -> None:
    home.insert(LINE)
    home.po("nightly")
    home.erp("DROP TABLE erp_order_lines")
    home.po("nightly")
    done = home.po("status")
    assert done.code == 2
    assert done.out.startswith("CRITICAL - run 2 of ERP 'shop' failed in stage snapshot: ")
    assert " | lines=1;;;" in done.out


def test_status_is_critical_when_no_run_was_applied_for_too_long(home: Home) -> None:
    home.insert(LINE)
    home.po("nightly")
    done = home.po("status", "--max-age", "0.0000001")
    assert done.code == 2
    assert "CRITICAL - the last applied run, 1, ended 0 min ago" in done.out


def test_status_warns_when_more_rows_are_rejected_than_before(home: Home) -> None:
    home.insert(LINE, *((f"PO-{number}", 10) for number in range(2, 20)))
    home.po("nightly")
    home.insert(("PO-20", "ten"))
    home.po("nightly")
    done = home.po("status")
    assert (done.code, done.out.split(" | ")[0]) == (1, "WARNING - rejected rows: 1, 0 the run before")


@pytest.mark.of_sqlite
def test_status_finds_an_altered_event_near_the_end_of_the_trail(home: Home) -> None:
    home.insert(LINE)
    home.po("nightly")
    home.in_store("DROP TRIGGER audit_event_no_update")
    home.in_store("UPDATE audit_event SET reason = 'nothing to see' WHERE id = 2")
    done = home.po("status")
    assert done.code == 2
    assert "the audit trail is broken: event 2" in done.out


@pytest.mark.parametrize("arguments", [("--max-age", "x"), ("--max-age", "0"), ("--nonsense",), ("--max-age", "1e300")])
def test_status_with_wrong_arguments_is_unknown_to_a_monitor(home: Home, arguments: tuple[str, ...]) -> None:
    done = home.po("status", *arguments)
    assert done.code == 3
    assert done.out.startswith("UNKNOWN - ")
    assert done.error


@pytest.mark.parametrize("before", [("--nonsense",), ("--verbose", "--quiet")])
def test_wrong_arguments_before_status_are_unknown_too(home: Home, before: tuple[str, ...]) -> None:
    done = home.po(*before, "status")
    assert (done.code, done.out[:10]) == (3, "UNKNOWN - ")
    assert (home.po(*before, "runs").code, home.po("runs", "--nonsense", "status").code) == (2, 2)


@pytest.mark.of_sqlite
@pytest.mark.parametrize(
    ("error", "told"),
    [(Interrupted("SIGTERM"), "ended by SIGTERM"), (RuntimeError("odd"), "internal error (RuntimeError): odd")],
)
def test_status_that_breaks_or_is_ended_is_unknown_to_a_monitor(
    home: Home, monkeypatch: pytest.MonkeyPatch, error: BaseException, told: str
) -> None:
    monkeypatch.setattr("po_ingest.health.assess", Mock(side_effect=error))
    done = home.po("status")
    assert (done.code, done.out) == (3, f"UNKNOWN - {told}\n")


def test_status_with_a_faulty_configuration_is_unknown_to_a_monitor(home: Home) -> None:
    home.configure('[nonsense]\nkey = "a|b"\n')
    done = home.po("status")
    assert done.code == 3
    assert done.out.count("|") == 0
    assert "nonsense" in done.out
