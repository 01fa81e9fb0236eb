"""`po-ingest report --html`, without a browser; tests/browser looks at the page as people do."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree.ElementTree import fromstring

import attrs
import pytest

from po_ingest.health import Health, Level
from po_ingest.model import Run, RunStatus
from po_ingest.page.charts import plots
from po_ingest.page.collect import PageData, SupplierMoves
from po_ingest.page.render import calendar, page
from support.command_line import Home

START = datetime(2025, 11, 24, 2, 0, tzinfo=UTC)
MEGABYTE = 2**20


def run(number: int, status: RunStatus = "completed", *, day: int | None = None) -> Run:
    started = START + timedelta(days=number if day is None else day)
    figures = {
        "po_lines_processed": 500_000 + number,
        "lines_changed": number * 37 % 9999,
        "absent_po_lines": number % 50,
    }
    report = {
        "run_id": number,
        "erp": "erp",
        "status": status,
        "duration_seconds": 81.234 + number % 7,
        "rows_rejected": number % 3,
        "xref_gaps_found": 1234,
        "stages": dict.fromkeys(("snapshot", "xref", "diff", "batches", "custom_columns", "report"), 1.25),
        **figures,
    }
    return Run(number, f"run-{number}", "erp", "nightly", status, started, started, 81.2, report, "here", "1")


def year() -> PageData:
    """Return a page's worth of a year: everything as much as the page takes."""
    change = {
        "po_number": "4500001234",
        "line_number": 10,
        "run_id": 12345,
        "detected_at": START,
        "kind": "changed",
        "field_name": "promised_date",
        "previous_value": "2026-01-01",
        "new_value": "2026-01-31",
    }
    return PageData(
        erp="erp",
        made_at=START,
        version="1",
        health=Health(Level.OK, "fine"),
        runs=[run(number) for number in range(365)],
        remarks={},
        gaps=[],
        gaps_in_all=0,
        suppliers=[],
        moved_lines=[],
        rejected=[],
        rejected_in_all=0,
        changes=[change] * 4000,
        are_all_changes=False,
    )


def test_a_year_is_less_than_a_megabyte() -> None:
    assert len(page(year()).encode()) < MEGABYTE


def test_the_page_needs_no_network() -> None:
    text = page(year())
    assert not re.search(r"""(src|href|url)\s*[=(]\s*["']?(https?:|//)""", text)
    assert "default-src 'none'" in text


def test_the_plots_are_svg_with_a_title_a_value() -> None:
    runs = year().runs[:40]
    drawn = plots(runs)
    assert [len(fromstring(plot.svg).findall(".//{*}circle/{*}title")) for plot in drawn] == [40, 40, 80, 80, 0]  # noqa: S314 - ours
    assert len(fromstring(drawn[4].svg).findall(".//{*}rect/{*}title")) == 30 * 6  # noqa: S314 - ours
    assert all("<script" not in plot.svg and "<style" not in plot.svg for plot in drawn)


def test_ten_suppliers_are_seen_at_once_and_the_others_a_click_away() -> None:
    suppliers = [SupplierMoves(f"V{number:02}", 1, 1, 99 - number) for number in range(12)]
    told = page(attrs.evolve(year(), suppliers=suppliers))
    seen, _, more = told.partition("2 more suppliers")
    assert re.findall(r"<td>(V\d\d)</td>", seen) == [each.supplier for each in suppliers[:10]]
    assert re.findall(r"<td>(V\d\d)</td>", more) == ["V10", "V11"]
    assert "more suppliers" not in page(attrs.evolve(year(), suppliers=suppliers[:10]))


def test_no_applied_run_has_no_plot() -> None:
    assert plots([]) == []


def test_a_calendar_has_whole_weeks_and_the_worst_of_each_day() -> None:
    weeks = calendar([run(1, day=0), run(2, "failed", day=0), run(3, "partial", day=8)])
    assert [len(week) for week in weeks] == [7, 7]
    assert weeks[0][0].day.weekday() == 0
    assert [(day.day.day, day.status) for week in weeks for day in week if day.status] == [
        (24, "failed"),
        (2, "partial"),
    ]
    assert weeks[0][0].told == "2025-11-24: run 1 completed, run 2 failed"
    assert weeks[0][1].told == "2025-11-25: no run"
    assert calendar([]) == []


def test_what_is_unusual_is_told() -> None:
    data = attrs.evolve(year(), remarks={"lines_changed": "usually 0 to 9"})
    assert "Unusual: lines_changed is 3,469, usually 0 to 9 in the runs before." in page(data)


def test_the_page_is_written_whole_and_says_so(home: Home) -> None:
    home.insert(("PO-1", 10, "M-1", "V1", 12, 0, "2026-03-01", "open"))
    home.po("nightly")
    file = home.folder / "health.html"
    done = home.po("report", "--html", file, "--runs", "5")
    assert (done.code, done.out) == (0, "")
    assert done.err == f"note: the page over 1 run is in {file}\n"
    text = file.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert text.endswith("</html>\n")
    assert "1 line" in text


def test_a_page_of_an_empty_store_says_that_there_is_no_run(home: Home) -> None:
    file = home.folder / "health.html"
    assert home.po("report", "--html", file).code == 0
    assert "No run yet." in file.read_text(encoding="utf-8")
    assert home.store_content() is None


def test_the_page_judges_as_status_does_the_audit_trail_among_it(home: Home) -> None:
    home.insert(("PO-1", 10))
    home.po("nightly")
    home.in_store("DROP TRIGGER audit_event_no_update")
    home.in_store("UPDATE audit_event SET reason = 'nothing to see' WHERE id = 2")
    file = home.folder / "health.html"
    home.po("report", "--html", file)
    verdict = home.po("status").out.partition(" | ")[0].partition(" - ")
    assert verdict[0] == "CRITICAL"
    assert f"<strong>CRITICAL</strong>: {verdict[2].replace(chr(39), '&#39;')}" in file.read_text(encoding="utf-8")


def test_a_page_covers_as_many_runs_as_wanted(home: Home) -> None:
    home.insert(("PO-1", 10))
    for _ in range(3):
        home.po("nightly")
    file = home.folder / "health.html"
    home.po("report", "--html", file, "--runs", "2")
    assert "2 runs" in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--html", "x.html", "--json"), "--html and --json exclude each other"),
        (("3", "--html", "x.html"), "--html shows the last runs, not one"),
        (("--runs", "3"), "--runs is for --html"),
        (("--html", "no such folder/x.html"), "lies in a folder that does not exist"),
        (("--html", "."), "is a folder"),
    ],
)
def test_a_page_that_cannot_be_is_told(home: Home, arguments: tuple[str, ...], told: str) -> None:
    done = home.po("report", *arguments)
    assert done.code == 2
    assert told in done.error
    assert not Path("x.html").exists()
