"""The commands that show what the store holds: runs, report, history, changes, snapshot."""

from __future__ import annotations

import csv
import json
import sys
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest

from po_ingest import snapshot_files
from po_ingest.queries import EVENT_COLUMNS, RUN_COLUMNS, SNAPSHOT_COLUMNS
from support.command_line import NO_RETRY, Home

REPORT_KEYS = [
    "run_id", "run_identifier", "erp", "mode", "baseline", "dry_run", "status", "started_at", "finished_at",
    "duration_seconds", "po_lines_processed", "new_lines_created", "lines_changed", "change_events_detected",
    "absent_po_lines", "closed_po_lines", "reappeared_po_lines", "batches_reconstructed", "custom_columns_populated",
    "xref_gaps_found", "unmapped_item_codes", "rows_rejected", "values_truncated", "retries", "errors_encountered",
    "stages", "exit_code",
]  # fmt: skip


# -- runs and report


def test_runs_are_listed_newest_first(lived: Home) -> None:
    done = lived.po("runs")
    assert done.code == 0
    assert done.err == ""
    assert [row[0] for row in done.rows] == ["id", "5", "4", "3", "2", "1"]
    assert [row[2] for row in done.rows[1:]] == ["completed", "failed", "completed", "completed", "completed"]
    assert [row[3] for row in done.rows[1:]] == ["baseline", "nightly", "nightly", "nightly", "baseline"]


def test_runs_as_json_have_the_contracts_columns_and_reports(lived: Home) -> None:
    runs = lived.po("runs", "--json", "--limit", "2").json
    assert [run["id"] for run in runs] == [5, 4]
    assert list(runs[0]) == list(RUN_COLUMNS)
    assert list(runs[0]["report"]) == REPORT_KEYS
    assert runs[0]["started_at"].endswith("Z")
    assert isinstance(runs[0]["duration_seconds"], float)


def test_runs_can_be_chosen_by_status_and_date(lived: Home) -> None:
    assert [run["id"] for run in lived.po("runs", "--status", "failed", "--json").json] == [4]
    assert [run["id"] for run in lived.po("runs", "--since", "1d", "--json").json] == [5, 4, 3, 2, 1]
    assert lived.po("runs", "--since", "2999-01-01", "--json").json == []
    assert lived.po("runs", "--status", "abandoned").rows == [lived.po("runs").rows[0]]


def test_report_shows_the_newest_run_of_any_status_by_default(lived: Home, home: Home) -> None:
    assert lived.po("report").pairs["run_id"] == "5"
    home.po("nightly")  # no lines: a guard
    assert home.po("report").pairs["status"] == "failed"


def test_report_as_json_is_one_object_with_the_contracts_keys(lived: Home) -> None:
    report = lived.po("report", "2", "--json").json
    assert list(report) == REPORT_KEYS
    assert report["run_id"] == 2
    assert (report["absent_po_lines"], report["closed_po_lines"], report["new_lines_created"]) == (2, 1, 1)


def test_report_as_text_has_sections_and_tells_errors(lived: Home) -> None:
    text = lived.po("report", "previous").out
    assert "Data quality\n" in text
    assert "\nErrors\nsnapshot\tErpError: " in text
    stages = lived.po("report").out
    assert "\nStages, in seconds\nsnapshot\t" in stages


def test_a_run_is_named_by_number_identifier_latest_or_previous(lived: Home) -> None:
    identifier = lived.po("report", "3", "--json").json["run_identifier"]
    for name, run_id in ((identifier, 3), ("latest", 5), ("PREVIOUS", 4), ("1", 1)):
        assert lived.po("report", name, "--json").json["run_id"] == run_id
    for name, run_id in (("latest", 5), ("previous", 3)):  # completed ones only
        rows = lived.po("changes", "--run", name, "--format", "json").json
        assert {row["run_id"] for row in rows} <= {run_id}
    assert lived.po("changes", "--run", "previous", "--format", "json").json


def test_a_run_whose_name_was_mistyped_is_suggested(lived: Home) -> None:
    identifier = lived.po("report", "3", "--json").json["run_identifier"]
    assert "did you mean latest?" in lived.po("report", "lastest").err
    assert f"did you mean {identifier}" in lived.po("report", f"{identifier[:-1]}x").err


@pytest.mark.parametrize("name", ["99", "nonsense", "0", "-1"])
@pytest.mark.parametrize(
    "command", [("report",), ("snapshot", "--run"), ("changes", "--run"), ("audit", "list", "--run")]
)
def test_a_run_that_does_not_exist_is_exit_2_and_names_the_newest(
    lived: Home, command: tuple[str, ...], name: str
) -> None:
    done = lived.po(*command, *(["--"] if command == ("report",) else []), name)
    assert done.code == 2
    assert done.out == ""
    assert "the newest is 5" in done.error


def test_of_a_run_that_has_not_ended_the_report_tells_what_is_known(home: Home) -> None:
    home.insert(("PO-1", 1))
    home.po("nightly")
    done = home.po("report", "1", "--json")
    from_report = done.json
    home.in_store("UPDATE ingestion_run SET status = 'running', report = NULL, finished_at = NULL")
    report = home.po("report", "--json").json
    assert list(report) == list(from_report)
    assert report["status"] == "running"
    assert report["po_lines_processed"] is None
    assert report["exit_code"] is None
    assert home.po("report").code == 0
    assert home.po("runs").rows[1][2] == "running"


def test_before_the_first_run_listings_are_empty_and_nothing_is_created(home: Home) -> None:
    before = home.files()
    assert home.po("runs", "--json").json == []
    assert home.po("changes", "--format", "json").json == []
    assert home.po("xref", "gaps", "--json").json == []
    assert home.po("audit", "list", "--json").json == []
    assert "no run of ERP 'shop' has completed yet" in home.po("changes").err
    for command in (("report",), ("report", "previous"), ("report", "7"), ("snapshot", "--run", "latest")):
        done = home.po(*command)
        assert done.code == 2, command
        assert "run `po-ingest nightly`" in done.error
    assert "run `po-ingest nightly`" in home.po("history", "PO-1").error
    assert home.files() == before


def test_previous_needs_two_runs(home: Home) -> None:
    home.insert(("PO-1", 1))
    home.po("nightly")
    assert "has only one completed run" in home.po("snapshot", "--run", "previous").error


def test_reading_writes_nothing_not_even_a_log(lived: Home) -> None:
    before = lived.files()
    for command in ("runs", "report", "changes", "check"):
        assert lived.po(command).code == 0
    assert lived.po("history", "PO-1").code == 0
    assert lived.po("audit", "verify").code == 0
    assert lived.files() == before


# -- history


def test_history_tells_changes_deliveries_and_absences_in_order(lived: Home) -> None:
    done = lived.po("history", "PO-1", "10")
    assert done.code == 0
    assert done.out.startswith("PO PO-1 line 10\nstate\tactive\n")
    told = [(row[0], row[2]) for row in done.rows if len(row) == 3]
    assert told == [
        ("run", "what"),
        ("1", "taken over by the baseline, as the ERP had it"),
        ("2", "delivered quantity changed from 0 to 4"),
        ("2", "promised date moved from 2026-03-01 to 2026-03-09 (+8 days)"),
        ("2", f"4 delivered on {datetime.now(UTC):%Y-%m-%d} (4 of 12)"),
        ("5", "taken over by a later baseline: what changed since the run before is not told"),
    ]


def test_history_of_a_whole_po_has_all_its_lines(lived: Home) -> None:
    done = lived.po("history", " PO-1 ")
    assert "PO PO-1 line 10\n" in done.out
    assert "\n\nPO PO-1 line 20\nstate\tabsent since " in done.out
    assert "\tclosed\n" in done.out


def test_history_tells_missing_and_found_lines(lived: Home) -> None:
    told = [row[2] for row in lived.po("history", "0815").rows if len(row) == 3]
    assert told[:3] == [
        "what",
        "taken over by the baseline, as the ERP had it",
        "missing: the ERP has no row of it any more",
    ]
    assert told[3] == "back again"
    assert "ordered quantity changed from 7 to 8" in told
    created = [row[2] for row in lived.po("history", "PO-2").rows if len(row) == 3]
    assert created[:2] == ["what", "created"]


def test_history_as_json_has_events_and_batches(lived: Home) -> None:
    rows = lived.po("history", "PO-1", "10", "--json").json
    assert [row["kind"] for row in rows] == ["changed", "changed", "delta"]
    assert list(rows[0]) == list(EVENT_COLUMNS)
    batch = rows[2]
    assert batch["delivered_quantity"] == "4.000"
    assert {"erp": "shop", "po_number": "PO-1", "line_number": 10, "sequence": 1}.items() <= batch.items()
    assert batch["run_identifier"] == rows[0]["run_identifier"]


@pytest.mark.parametrize(
    ("number", "hint"),
    [("po-1", "did you mean PO-1?"), ("815", "did you mean 0815?"), ("PO-3", "did you mean PO-"), ("zzzzzzz", "exact")],
)
def test_history_of_an_unknown_po_is_exit_2_and_suggests_the_nearest(lived: Home, number: str, hint: str) -> None:
    done = lived.po("history", number)
    assert done.code == 2
    assert hint in done.error


def test_history_reads_a_line_number_as_the_erps_are_read(lived: Home) -> None:
    for line in ("00010", "10.0", " 10 "):
        assert lived.po("history", "PO-1", line).out == lived.po("history", "PO-1", "10").out
    for line in ("ten", "10.5", " ", "99999999999"):
        done = lived.po("history", "PO-1", line)
        assert (done.code, done.out) == (2, "")
        assert f"{line!r} is no line number" in done.error
        assert done.error.endswith("; write a whole number such as 10")


def test_history_of_an_unknown_line_is_exit_2_and_names_those_there_are(lived: Home) -> None:
    done = lived.po("history", "PO-1", "30")
    assert done.code == 2
    assert done.error.endswith("its lines are 10, 20")


# -- changes


def test_changes_are_of_the_latest_completed_run_by_default(lived: Home) -> None:
    assert lived.po("changes").rows == [
        [
            "run_id",
            "detected_at",
            "po_number",
            "line_number",
            "kind",
            "field_name",
            "previous_value",
            "new_value",
            "cause",
        ]
    ]  # a rebaseline has none
    assert {row["run_id"] for row in lived.po("changes", "--run", "3", "--format", "json").json} == {3}


def test_changes_of_a_failed_run_are_refused(lived: Home) -> None:
    done = lived.po("changes", "--run", "4")
    assert (done.code, done.out) == (2, "")
    assert "is failed: nothing of it was applied" in done.error


def test_changes_since_a_date_are_of_all_runs(lived: Home) -> None:
    rows = lived.po("changes", "--since", "1d", "--format", "json").json
    assert {row["run_id"] for row in rows} == {2, 3}
    assert {row["kind"] for row in rows} == {"created", "changed", "absent", "reappeared"}
    assert all(row["erp"] == "shop" and row["run_identifier"] for row in rows)


def test_changes_can_be_chosen_by_field_and_supplier(lived: Home) -> None:
    rows = lived.po("changes", "--since", "1d", "--field", "promised_date", "--format", "json").json
    assert [(row["previous_value"], row["new_value"]) for row in rows] == [("2026-03-01", "2026-03-09")]
    rows = lived.po("changes", "--since", "1d", "--supplier", "V2", "--format", "json").json
    assert {row["po_number"] for row in rows} == {"0815"}


def test_changes_as_csv_have_a_header_and_empty_cells_for_null(lived: Home) -> None:
    rows = list(csv.DictReader(StringIO(lived.po("changes", "--run", "2", "--format", "csv").out)))
    assert list(rows[0]) == list(EVENT_COLUMNS)
    absent = next(row for row in rows if row["kind"] == "absent")
    assert (absent["field_name"], absent["new_value"]) in {("", "closed"), ("", "missing")}


def test_a_field_that_does_not_exist_is_exit_2(lived: Home) -> None:
    assert "did you mean promised_date?" in lived.po("changes", "--field", "promised").error
    done = lived.po("changes", "--field", "zzz")
    assert done.code == 2
    assert "there are sku, item" in done.error


# -- snapshot


def test_r4_a_snapshot_has_the_key_and_the_fields_in_the_contracts_order_by_key(lived: Home) -> None:
    rows = list(csv.reader(StringIO(lived.po("snapshot", "--run", "1").out)))
    assert rows[0] == list(SNAPSHOT_COLUMNS)
    assert [row[:3] for row in rows[1:]] == [["shop", "0815", "1"], ["shop", "PO-1", "10"], ["shop", "PO-1", "20"]]
    line = dict(zip(rows[0], rows[2], strict=True))
    assert (line["ordered_quantity"], line["promised_date"], line["in_date"]) == ("12.000", "2026-03-01", "")


def test_r4_a_snapshot_is_that_of_its_run(lived: Home) -> None:
    def keys(run: str) -> list[tuple[str, int]]:
        lines = lived.po("snapshot", "--run", run, "--format", "jsonl").out.splitlines()
        return [(row["po_number"], row["line_number"]) for row in map(json.loads, lines)]

    assert keys("2") == [("PO-1", 10), ("PO-2", 10)]
    assert keys("latest") == [("0815", 1), ("PO-1", 10), ("PO-2", 10)]


def test_a_snapshot_of_a_failed_run_is_refused(lived: Home) -> None:
    done = lived.po("snapshot", "--run", "4")
    assert done.code == 2
    assert "is failed: nothing of it was applied" in done.error


def test_a_snapshot_file_has_what_stdout_would_have(lived: Home, tmp_path: Path) -> None:
    for form in ("csv", "jsonl"):
        file = tmp_path / f"lines.{form}"
        done = lived.po("snapshot", "--run", "1", "--format", form, "--output", file)
        assert (done.code, done.out) == (0, "")
        assert str(file) in done.err
        assert file.read_text(encoding="utf-8") == lived.po("snapshot", "--run", "1", "--format", form).out
    assert {each.name for each in tmp_path.iterdir()} == {"lines.csv", "lines.jsonl"}


def test_a_snapshot_to_a_dash_goes_to_stdout(lived: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert lived.po("snapshot", "--run", "1", "--output", "-") == lived.po("snapshot", "--run", "1")
    assert list(tmp_path.iterdir()) == []
    assert "needs --output" in lived.po("snapshot", "--run", "1", "--format", "parquet", "--output", "-").error


def test_a_snapshot_as_parquet_has_types(lived: Home, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "lines.parquet"
    assert lived.po("snapshot", "--run", "1", "--format", "parquet", "--output", file).code == 0
    table = parquet.read_table(file)
    assert table.column_names == list(SNAPSHOT_COLUMNS)
    line = table.to_pylist()[1]
    assert (line["po_number"], line["line_number"], line["ordered_quantity"]) == ("PO-1", 10, Decimal("12.000"))
    assert line["promised_date"].isoformat() == "2026-03-01"
    assert line["in_date"] is None


def test_parquet_needs_a_file_and_the_extra(lived: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    done = lived.po("snapshot", "--run", "1", "--format", "parquet")
    assert done.code == 2
    assert "needs --output" in done.error
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = lived.po("snapshot", "--run", "1", "--format", "parquet", "--output", "x.parquet")
    assert done.code == 2
    assert "pip install pyarrow" in done.error


def test_a_snapshot_file_that_fails_midway_leaves_the_old_one(
    lived: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "lines.csv"
    file.write_text("old", encoding="utf-8")

    def broken(*_: object) -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("po_ingest.cli.output.csv_rows", broken)
    done = lived.po("snapshot", "--run", "1", "--output", file)
    assert done.code == 1
    assert "could not be written: No space left on device" in done.error
    assert [(each.name, each.read_text("utf-8")) for each in tmp_path.iterdir()] == [("lines.csv", "old")]


@pytest.mark.of_sqlite
def test_a_snapshot_goes_nowhere_odd(lived: Home, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "no such" / "lines.csv"):
        done = lived.po("snapshot", "--run", "1", "--output", path)
        assert done.code == 2
        assert "name a file in a folder that exists" in done.error
    link = tmp_path / "link.csv"
    link.symlink_to(tmp_path / "real.csv")
    assert lived.po("snapshot", "--run", "1", "--output", link).code == 0
    assert link.is_symlink()
    assert (tmp_path / "real.csv").is_file()


@pytest.mark.of_sqlite
def test_a_snapshot_can_go_to_a_device(lived: Home) -> None:
    assert lived.po("snapshot", "--run", "1", "--output", "/dev/null").code == 0
    assert Path("/dev/null").is_char_device()


def test_texts_that_utf8_cannot_hold_come_as_escapes_in_parquet() -> None:
    assert snapshot_files._encodable("a\udc80") == "a\\udc80"
    assert snapshot_files._encodable(3) == 3


@pytest.mark.of_sqlite
def test_a_store_that_is_no_database_is_exit_7(home: Home) -> None:
    home.configure(NO_RETRY)
    (home.folder / "po-ingest.db").write_text("this is no database, whatever its name says" * 100, encoding="utf-8")
    done = home.po("runs")
    assert done.code == 7
    assert "po-ingest.db" in done.error
