"""`po-ingest nightly`: its report on stdout, its exit codes, its options."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from po_ingest import config, wiring
from support.command_line import NO_RETRY, Home, outside


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
    assert "1 rows were rejected" in done.error
    assert home.po("nightly", "--strict", "--json").json["exit_code"] == 3


def test_allow_shrink_lifts_the_guard(home: Home) -> None:
    home.insert(("PO-1", 10))
    assert home.po("nightly").code == 0
    home.erp("DELETE FROM erp_order_lines")
    assert home.po("nightly").code == 5
    assert home.po("nightly", "--allow-shrink").code == 0


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
        assert home.po("check").code == 6
        assert home.po("store", "status").pairs["run_in_progress"] == "yes"
    assert home.po("nightly").code == 0


@contextmanager
def holding(home: Home) -> Iterator[None]:
    """Hold the lock, as a run does."""
    settings = config.load(home.config, {})
    with wiring.open_store(settings).lock(settings.erp.name):
        yield


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
