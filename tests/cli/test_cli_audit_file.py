"""The audit file from outside: written by whatever run, told when it cannot be, completed by the next (R14)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from po_ingest import config, wiring
from po_ingest.cli.audit import _decoded
from po_ingest.events import Teller
from po_ingest.model import NewRun
from support.command_line import NO_RETRY, Home


@pytest.fixture
def home(home: Home) -> Home:
    home.insert(*(("PO-1", number) for number in range(1, 11)))
    assert home.po("nightly").code == 0
    return home


def audit_file(home: Home) -> Path:
    return home.folder / "logs" / "audit.jsonl"


def lines(home: Home) -> list[dict[str, Any]]:
    return [json.loads(line) for line in audit_file(home).read_text("utf-8").splitlines()]


def assert_sound(home: Home) -> None:
    done = home.po("audit", "verify")
    assert (done.code, done.err) == (0, "")
    assert [line["event_id"] for line in lines(home)] == [
        event["event_id"] for event in home.po("audit", "list", "--json").json
    ]


def obstruct(home: Home) -> None:
    """Have something lie where the audit file was, so that nobody can write it."""
    audit_file(home).rename(home.folder / "aside")
    audit_file(home).mkdir()


def clear(home: Home) -> None:
    audit_file(home).rmdir()
    (home.folder / "aside").rename(audit_file(home))


def test_r14_every_runs_outcome_is_in_the_file_when_it_has_ended(home: Home) -> None:
    home.configure("[erp.retry]\nattempts = 1\n")
    home.erp("ALTER TABLE erp_order_lines RENAME TO elsewhere")
    assert home.po("nightly").code == 4
    assert (lines(home)[-1]["event_type"], lines(home)[-1]["run_id"]) == ("ingestion_failed", 2)
    home.erp("ALTER TABLE elsewhere RENAME TO erp_order_lines", "UPDATE erp_order_lines SET line_number = 'x'")
    assert home.po("nightly").code == 5
    assert (lines(home)[-1]["event_type"], lines(home)[-1]["run_id"]) == ("ingestion_failed", 3)
    home.erp("UPDATE erp_order_lines SET line_number = rowid")
    home.insert(("PO-2", "bad"))
    assert home.po("nightly", "--strict").code == 3
    assert lines(home)[-1]["new_values"]["status"] == "partial"
    assert_sound(home)


def test_r14_a_run_whose_audit_file_cannot_be_written_is_applied_exit_3_and_the_next_completes_it(home: Home) -> None:
    home.insert(("PO-2", 1))
    obstruct(home)
    done = home.po("nightly", "--json")
    assert (done.code, done.json["status"], done.json["exit_code"]) == (3, "completed", 3)
    assert done.json["new_lines_created"] == 1
    assert "the run was applied, but the audit trail could not be copied: " in done.error
    assert "audit.jsonl could not be read: Is a directory" in done.error
    assert done.error.count("the next run completes") == 1
    assert home.po("report", "--json").json["exit_code"] == 3
    assert home.po("runs", "--limit", "1", "--json").json[0]["status"] == "completed"
    clear(home)
    verified = home.po("audit", "verify")
    assert verified.code == 1  # the outcome of a run that has ended is missing
    assert "if a run told that it could not write the file (exit 3), the next one completes it" in verified.err
    assert home.po("nightly").code == 0
    assert_sound(home)


def test_r14_a_run_that_failed_keeps_its_exit_code_when_the_file_cannot_be_written_and_tells_it(home: Home) -> None:
    home.erp("UPDATE erp_order_lines SET line_number = 'x'")
    obstruct(home)
    done = home.po("nightly")
    assert done.code == 5
    assert "warning: audit file not written" in done.err
    assert "Is a directory" in done.err
    clear(home)
    home.erp("UPDATE erp_order_lines SET line_number = rowid")
    assert home.po("nightly").code == 0
    assert_sound(home)


def test_r14_a_spool_that_cannot_be_written_is_told_and_does_not_hide_why_the_run_failed(home: Home) -> None:
    (home.folder / "nowhere.db").write_text("no folder", encoding="utf-8")
    spool = audit_file(home).with_name("audit.jsonl.spool")
    spool.mkdir()
    home.configure(NO_RETRY + '[store]\nurl = "sqlite:///nowhere.db/po-ingest.db"\n')
    done = home.po("nightly")
    assert done.code == 7
    assert "warning: spool not written" in done.err
    home.configure()
    done = home.po("nightly")  # a spool that cannot be read stops no run either
    assert done.code == 0
    assert "warning: spool not readable" in done.err
    spool.rmdir()
    assert_sound(home)


@pytest.mark.parametrize("left", [1, 20, 300])
def test_r14_a_last_line_that_a_loss_of_power_tore_is_mended_by_the_next_run(home: Home, left: int) -> None:
    whole = audit_file(home).read_bytes()
    audit_file(home).write_bytes(whole[: whole.rindex(b"\n", 0, -1) + 1 + left])
    done = home.po("audit", "verify")
    assert done.code == 1
    assert "warning: line 3 of the audit file is not complete; the next run replaces it" in done.err
    assert home.po("nightly").code == 0
    assert audit_file(home).read_bytes().startswith(whole)
    assert_sound(home)


def test_r14_a_file_that_was_moved_away_is_written_anew_and_what_was_moved_stays_a_true_copy(home: Home) -> None:
    before = audit_file(home).read_bytes()
    moved = audit_file(home).rename(home.folder / "logs" / "audit.jsonl.1")
    done = home.po("audit", "verify")
    assert (done.code, done.err.partition(";")[0]) == (0, "warning: there is no audit file to compare with")
    assert home.po("nightly").code == 0
    assert moved.read_bytes() == before
    assert audit_file(home).read_bytes().startswith(before)
    assert_sound(home)


def test_r14_what_a_run_recorded_when_it_began_is_a_warning_while_it_runs_or_when_it_was_killed(home: Home) -> None:
    store = wiring.open_store(config.load(home.config, {}))
    at = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
    new = NewRun(run_identifier="x", erp="shop", mode="nightly", started_at=at, host="h", version="1", process=7)
    with store.write() as transaction:
        run_id = transaction.start_run(new)
        transaction.record([Teller(run_id, at).started({"run_identifier": "x", "erp": "shop", "mode": "nightly"})])
    done = home.po("audit", "verify")
    assert done.code == 0
    assert "events that the audit file has not yet: 1" in done.err
    assert home.po("nightly").code == 0
    assert_sound(home)


def test_a_verification_sees_no_line_that_came_while_it_looked(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    real = wiring.open_spool

    def appending(settings: Any) -> Any:  # noqa: ANN401 - as the real one
        with audit_file(home).open("a", encoding="utf-8") as file:
            file.write(json.dumps({**lines(home)[-1], "id": 99, "event_id": "of a run meanwhile"}) + "\n")
        return real(settings)

    monkeypatch.setattr(wiring, "open_spool", appending)
    done = home.po("audit", "verify")
    assert (done.code, done.err) == (0, "")
    monkeypatch.undo()
    assert home.po("audit", "verify").code == 1


@pytest.mark.parametrize(
    ("size", "seen"),
    [(0, []), (4, ["one\n"]), (6, ["one\n", "tw"]), (8, ["one\n", "two\n"]), (99, ["one\n", "two\n", "3"])],
)
def test_a_file_is_read_up_to_where_it_ended_at_first(size: int, seen: list[str]) -> None:
    assert list(_decoded(BytesIO(b"one\ntwo\n3"), size)) == seen
