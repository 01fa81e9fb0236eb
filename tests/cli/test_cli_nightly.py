"""`po-ingest nightly`: its report on stdout, its exit codes, its options."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from po_ingest import config, wiring
from po_ingest.cli.output import ReaderGoneError
from po_ingest.errors import Interrupted
from support.command_line import NO_RETRY, PYTHON, Home, environment, outside


@pytest.mark.as_a_process
def test_a_run_prints_its_report_as_plain_lines_and_nothing_else(home: Home) -> None:
    home.insert(("PO-1", 10), ("PO-1", 20))
    home.po("nightly")
    done = outside("nightly", cwd=home.folder)
    assert (done.code, done.err) == (0, "")
    assert done.pairs["po_lines_processed"] == "2"
    assert done.pairs["status"] == "completed"
    assert all(len(row) == 2 for row in done.rows)


def test_r5_a_baseline_by_itself_is_told(home: Home) -> None:
    home.insert(("PO-1", 10))
    dry = home.po("nightly", "--dry-run")
    assert "note: no run of ERP 'shop' had completed before: this one would be the baseline" in dry.err
    assert "this one was the baseline" in home.po("nightly").err
    assert home.po("nightly").err == ""


def test_r5_an_asked_for_baseline_is_not_told_and_refused_the_second_time(home: Home) -> None:
    home.insert(("PO-1", 10))
    assert home.po("nightly", "--baseline").err == ""
    done = home.po("nightly", "--baseline", "--json")
    assert (done.code, done.out) == (2, "")
    assert "run 1 (" in done.error
    assert len(home.po("runs", "--json").json) == 1
    assert home.po("nightly", "--rebaseline").code == 0


def test_json_is_one_object_also_of_a_run_that_failed(home: Home) -> None:
    guard = home.po("nightly", "--json")
    assert (guard.code, guard.json["status"], guard.json["exit_code"]) == (5, "failed", 5)
    assert guard.error.count("min_lines") == 1
    home.erp("DROP TABLE erp_order_lines")
    missing = home.po("nightly", "--json")
    assert (missing.code, missing.json["exit_code"]) == (4, 4)
    assert missing.json["errors_encountered"][0]["stage"] == "snapshot"


def test_a_failed_run_prints_no_report_unless_asked(home: Home) -> None:
    assert home.po("nightly").out == ""


def test_strict_with_rejected_rows_is_exit_3_with_a_report(home: Home) -> None:
    home.insert(("PO-1", 10), ("PO-1", 20), ("PO-2", 1, None, None, "many"))
    assert home.po("nightly").code == 0
    done = home.po("nightly", "--strict")
    assert done.code == 3
    assert done.pairs["status"] == "partial"
    assert "the run was applied, but 1 row was rejected" in done.error
    assert home.po("nightly", "--strict", "--json").json["exit_code"] == 3


def test_allow_shrink_lifts_the_guard(home: Home) -> None:
    home.insert(("PO-1", 10))
    assert home.po("nightly").code == 0
    home.erp("DELETE FROM erp_order_lines")
    assert home.po("nightly").code == 5
    assert home.po("nightly", "--allow-shrink").code == 0


@pytest.mark.of_sqlite
@pytest.mark.parametrize("column", ["po_number", "item_code", "current_status", "promised_date", "ordered_quantity"])
def test_r8_a_text_that_is_not_utf_8_rejects_its_row_and_the_run_goes_on(home: Home, column: str) -> None:
    home.insert(("PO-1", 10), ("PO-2", 20), ("PO-3", 30))
    home.erp(f"UPDATE erp_order_lines SET {column} = CAST(X'edb080' AS TEXT) WHERE po_number = 'PO-2'")  # noqa: S608 - our name
    for new_lines in (2, 0):
        done = home.po("nightly", "--json")
        assert (done.code, done.json["rows_rejected"], done.json["new_lines_created"]) == (0, 1, new_lines)
    assert home.po("check").code == 0


def test_r19_a_dry_run_creates_nothing(home: Home) -> None:
    home.insert(("PO-1", 10))
    before = home.files()
    done = home.po("nightly", "--dry-run", "--json")
    assert done.code == 0
    assert (done.json["run_id"], done.json["dry_run"], done.json["new_lines_created"]) == (None, True, 1)
    assert home.files() == before


def test_r13_a_second_run_is_exit_6_and_says_who(home: Home) -> None:
    home.insert(("PO-1", 10))
    home.po("nightly")
    with holding(home):
        done = home.po("nightly", "--json")
        assert (done.code, done.out) == (6, "")
        assert "another run of ERP 'shop' is in progress" in done.error
        check = home.po("check")
        assert check.code == 6
        assert "is in progress: another process holds the lock" in check.error
        assert home.po("store", "status").pairs["run_in_progress"] == "yes"
    assert home.po("nightly").code == 0


def test_r13_check_says_who_holds_the_lock_and_since_when_as_the_nightly_does(home: Home) -> None:
    home.insert(("PO-1", 10))
    home.po("nightly")
    home.in_store("UPDATE ingestion_run SET status = 'running', report = NULL, finished_at = NULL")
    run = home.po("runs", "--json").json[0]
    with holding(home):
        check, nightly = home.po("check").error, home.po("nightly").error
    holder = f"is in progress: run {run['run_identifier']} (process {os.getpid()} on {run['host']}) since "
    assert holder + run["started_at"] in check
    assert holder + run["started_at"] in nightly


def test_r13_a_run_that_was_refused_is_in_the_log(home: Home) -> None:
    home.insert(("PO-1", 10))
    home.po("nightly")
    with holding(home):
        done = home.po("nightly")
        home.po("nightly", "--dry-run")
    assert done.err.count("\n") == 1
    last = logged(home)[-1]
    assert (last["event"], last["level"], last["exit_code"]) == ("run refused", "warning", 6)
    assert last["error"] in done.error


@pytest.mark.parametrize(
    ("arguments", "more", "code"),
    [
        (["--baseline"], "", 2),
        ([], NO_RETRY + '[store]\nurl = "sqlite:///file/po-ingest.db"\n', 7),
    ],
)
def test_how_a_nightly_failed_before_a_run_began_is_in_the_log(
    home: Home, arguments: list[str], more: str, code: int
) -> None:
    home.insert(("PO-1", 10))
    (home.folder / "file").touch()
    home.po("nightly")
    home.configure(more)
    done = home.po("nightly", *arguments)
    assert (done.code, done.err.count("\n")) == (code, 1)
    last = logged(home)[-1]
    assert (last["event"], last["level"], last["exit_code"]) == ("command failed", "error", code)
    assert last["error"] in done.error
    before = home.files()
    home.po("nightly", "--dry-run", *arguments)  # refused as well, where there is a store
    assert home.files() == before


def test_a_run_that_failed_is_in_the_log_once_and_a_reservation_too(home: Home) -> None:
    home.po("nightly")  # no lines: a guard
    assert [each["level"] for each in logged(home)].count("error") == 1
    home.insert(("PO-1", 10), ("PO-1", 20), ("PO-2", 1, None, None, "many"))
    assert home.po("nightly", "--strict").code == 3
    last = logged(home)[-1]
    assert (last["event"], last["level"], last["exit_code"]) == ("applied with a reservation", "warning", 3)


def logged(home: Home) -> list[dict[str, Any]]:
    """Return the lines of the log."""
    return [json.loads(line) for line in (home.folder / "logs" / "po-ingest.log").read_text("utf-8").splitlines()]


@pytest.mark.of_sqlite
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("arguments", "lines", "code", "told"),
    [
        (["--json"], 1, 3, "the run was applied, but its report could not be printed: the output could not be written"),
        ([], 1, 3, "the run was applied, but its report could not be printed: the output could not be written"),
        (["--dry-run"], 1, 1, "the output could not be written: No space left on device"),
        (["--json"], 0, 5, "min_lines"),
    ],
)
def test_a_report_that_cannot_be_printed_hides_not_how_the_run_ended(
    home: Home, arguments: list[str], lines: int, code: int, told: str, unbuffered: str
) -> None:
    home.insert(*[("PO-1", 10)][:lines])
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(  # noqa: S603 - the command is the test's own
            [*PYTHON, "--quiet", "--config", str(home.config), "nightly", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment({"PYTHONUNBUFFERED": unbuffered}),
            check=False,
        )
    err = done.stderr.decode("utf-8")
    assert done.returncode == code
    assert err.count("\n") == 1
    assert told in err
    applied = [run["status"] for run in home.po("runs", "--json").json]
    assert applied == {3: ["completed"], 1: [], 5: ["failed"]}[code]


@pytest.mark.of_sqlite
@pytest.mark.parametrize("fault", [RuntimeError("a bug"), KeyboardInterrupt(), Interrupted("SIGTERM")])
def test_whatever_goes_wrong_while_the_report_is_printed_is_exit_3(
    home: Home, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    def broken(*_: object) -> None:
        raise fault

    home.insert(("PO-1", 10))
    monkeypatch.setattr("po_ingest.cli.output.plain", broken)
    done = home.po("nightly", "--baseline")
    assert done.code == 3
    assert f"could not be printed: {str(fault) or type(fault).__name__}; `po-ingest report` shows it" in done.error


@pytest.mark.of_sqlite
def test_a_reader_that_has_gone_is_no_reservation(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise ReaderGoneError

    home.insert(("PO-1", 10))
    monkeypatch.setattr("po_ingest.cli.output.plain", gone)
    assert home.po("nightly").code == 0


@contextmanager
def holding(home: Home) -> Iterator[None]:
    """Hold the lock, as a run does."""
    settings = config.load(home.config, {})
    with home.at_hand(), wiring.open_store(settings).lock(settings.erp.name):
        yield


@pytest.mark.of_sqlite
def test_a_store_that_cannot_be_made_is_exit_7(home: Home) -> None:
    home.insert(("PO-1", 10))
    (home.folder / "file").touch()
    home.configure('[store]\nurl = "sqlite:///file/po-ingest.db"\n' + NO_RETRY)
    done = home.po("nightly", "--json")
    assert (done.code, done.out) == (7, "")


def test_an_audit_file_that_cannot_be_written_is_exit_3(home: Home) -> None:
    home.insert(("PO-1", 10))
    (home.folder / "logs" / "audit.jsonl").mkdir(parents=True)
    done = home.po("nightly", "--json")
    assert (done.code, done.json["status"], done.json["exit_code"]) == (3, "completed", 3)
    check = home.po("check")
    assert check.code == 3
    assert "audit.jsonl cannot be written" in check.error


@pytest.mark.of_sqlite
@pytest.mark.parametrize("option", ["--quiet", "--verbose"])
def test_quiet_tells_less_and_verbose_more(home: Home, option: str) -> None:
    home.insert(("PO-1", 10))
    done = outside(option, "nightly", cwd=home.folder)
    assert done.code == 0
    assert ("run started" in done.err) == (option == "--verbose")
    assert ("note:" in done.err) == (option == "--verbose")
    assert done.pairs["status"] == "completed"


def test_the_log_has_the_run(home: Home) -> None:
    home.insert(("PO-1", 10))
    home.po("nightly")
    log = Path(home.folder / "logs" / "po-ingest.log").read_text("utf-8").splitlines()
    assert {json.loads(line)["event"] for line in log} >= {"run started", "run applied"}
