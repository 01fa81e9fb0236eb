"""`po-ingest report --html`, without a browser; tests/browser looks at the page as people do."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from xml.etree.ElementTree import fromstring

import attrs
import pytest

from po_ingest import queries
from po_ingest.fields import FIELDS, KEY_FIELDS
from po_ingest.health import Health, Level
from po_ingest.model import Run, RunStatus
from po_ingest.page.charts import plots
from po_ingest.page.collect import CHANGES_SEARCHED, LONGEST_LIST, LineMove, PageData, SupplierMoves, collect
from po_ingest.page.render import calendar, months, page
from po_ingest.page.search import BYTES, search
from po_ingest_adapters.store.memory import MemoryStore
from support.command_line import Home

START = datetime(2025, 11, 24, 2, 0, tzinfo=UTC)
MEGABYTE = 1_000_000
HOSTILE = "'"
"""The character that takes most bytes on the page: five in a table, six in the search."""


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
        "errors_encountered": [{"message": HOSTILE * 1000}],
        "stages": dict.fromkeys(("snapshot", "xref", "diff", "batches", "custom_columns", "report"), 1.25),
        **figures,
    }
    return Run(number, f"run-{number}", "erp", "nightly", status, started, started, 81.2, report, "here", "1")


def year() -> PageData:
    """Return a page's worth of a year: everything as much as the page takes, and as long as the fields allow."""
    of_fields = {field.name: HOSTILE * (field.width or 0) for field in (*KEY_FIELDS, *FIELDS)}
    po_number, item_code, supplier = (of_fields[name] for name in ("po_number", "item_code", "supplier_code"))
    change = {
        "po_number": po_number,
        "line_number": 2**63,
        "detected_at": START,
        "kind": "changed",
        "field_name": "custom_text_1",
        "previous_value": of_fields["custom_text_1"],
        "new_value": of_fields["custom_text_1"],
    }
    gap = {"erp_item_code": item_code, "lines": 500_000, "po_number": po_number, "line_number": 2**63}
    rejected = {"query": "custom_columns", "field": "custom_text_1", "reason": HOSTILE * 1000}
    return PageData(
        erp="erp",
        made_at=START + timedelta(days=364),
        version="1",
        health=Health(Level.OK, "fine"),
        runs=[run(number, "partial") for number in range(365)],
        remarks={},
        gaps=[gap] * LONGEST_LIST,
        gaps_in_all=500_000,
        suppliers=[SupplierMoves(supplier, 500_000, 500_000, 99_999_999)] * LONGEST_LIST,
        moved_lines=[LineMove(po_number, 2**63, supplier, date.min, date.max, 364)] * LONGEST_LIST,
        rejected=[{**gap, **rejected}] * LONGEST_LIST,
        rejected_in_all=500_000,
        changes=[{**change, "run_id": number} for number in range(CHANGES_SEARCHED, 0, -1)],
        are_all_changes=False,
        last_applied=run(364),
    )


def test_a_year_is_less_than_a_megabyte_whatever_the_erp_holds() -> None:
    text = page(year())
    assert len(text.encode()) < MEGABYTE
    assert HOSTILE * 2 not in text


def test_the_search_takes_the_newest_changes_that_its_bytes_allow_and_says_what_it_leaves_out() -> None:
    data = year()
    found = search(data.changes, are_all=True)
    parsed = json.loads(found.json)
    assert 0 < found.count < len(data.changes)
    assert [change[2] for change in parsed["changes"]] == [row["run_id"] for row in data.changes[: found.count]]
    assert BYTES * 0.9 < len(found.json) < BYTES * 1.1
    assert not found.are_all
    told = f"the newest {found.count} changes, back to 2025-11-24 02:00; older ones have no room on this page"
    assert told in page(data)
    assert "<code>po-ingest changes --since 2025-11-24</code>" in page(data)


def test_a_search_with_room_for_all_says_so() -> None:
    usual = {"po_number": "4500001234", "line_number": 10, "previous_value": "2026-01-01", "new_value": "2026-01-31"}
    data = attrs.evolve(year(), changes=[{**year().changes[0], **usual}] * 3600, are_all_changes=True)
    assert "Looks through all 3,600 changes of these runs." in page(data)
    assert "Looks through the newest 3,600 changes, back to" in page(attrs.evolve(data, are_all_changes=False))
    assert "Looks through all 0 changes" in page(attrs.evolve(data, changes=[]))


def test_the_page_needs_no_network() -> None:
    text = page(year())
    assert not re.search(r"""(src|href|url)\s*[=(]\s*["']?(https?:|//)""", text)
    assert "default-src 'none'" in text


def test_the_plots_are_svg_with_a_title_a_value_and_have_the_values_as_rows_too() -> None:
    drawn = plots(year().runs[:40])
    assert [len(fromstring(plot.svg).findall(".//{*}circle/{*}title")) for plot in drawn] == [40, 40, 80, 40, 40, 0]  # noqa: S314 - ours
    bars = fromstring(drawn[5].svg).findall(".//{*}rect/{*}title")  # noqa: S314 - ours
    assert len(bars) == 30 * 6
    assert bars[0].text == "2025-12-04: snapshot 1.25"
    assert [(len(plot.rows), len(plot.heads)) for plot in drawn] == [*[(40, 1)] * 2, (40, 2), *[(40, 1)] * 2, (30, 6)]
    started, values = drawn[2].rows[3]
    assert (started, *values) == (START + timedelta(days=3), 111, 3)
    assert all("<script" not in plot.svg and "<style" not in plot.svg for plot in drawn)


def test_the_plots_do_without_the_xml_library_that_pygal_prefers(monkeypatch: pytest.MonkeyPatch) -> None:
    from pygal.etree import etree  # noqa: PLC0415 - the page's plots alone import it

    monkeypatch.setattr(etree, "_etree", None)  # lxml would stand here
    assert len(plots(year().runs[:3])) == 6


@pytest.mark.parametrize(("runs", "is_dense"), [(99, False), (100, True)])
def test_points_are_seen_until_there_are_too_many(runs: int, *, is_dense: bool) -> None:
    assert ('class="pygal-chart dense"' in plots(year().runs[:runs])[0].svg) == is_dense


def test_ten_suppliers_are_seen_at_once_with_what_they_are_ranked_by_and_the_others_a_click_away() -> None:
    suppliers = [SupplierMoves(f"V{number:02}", 2, 1, 1999 - number) for number in range(12)]
    told = page(attrs.evolve(year(), suppliers=suppliers))
    seen, _, more = told.partition("2 more suppliers")
    assert re.findall(r"<td>(V\d\d)</td>", seen) == [each.supplier for each in suppliers[:10]]
    assert re.findall(r"<td>(V\d\d)</td>", more) == ["V10", "V11"]
    assert (
        '<td>V00</td><td class="n">+1,999</td><td class="n">2</td><td class="n">1</td><td class="n">+999.5</td>' in told
    )
    assert "more suppliers" not in page(attrs.evolve(year(), suppliers=suppliers[:10]))


def test_no_applied_run_has_no_plot() -> None:
    assert plots([]) == []


def test_a_calendar_has_whole_weeks_and_the_worst_of_each_day() -> None:
    weeks = calendar([run(1, day=0), run(2, "failed", day=0), run(3, "partial", day=8)], START.date())
    assert [len(week) for week in weeks] == [7, 7]
    assert weeks[0][0].day.weekday() == 0
    assert [(day.day.day, day.status) for week in weeks for day in week if day.status] == [
        (24, "failed"),
        (2, "partial"),
    ]
    assert weeks[0][0].told == "2025-11-24: run 1 completed, run 2 failed"
    assert weeks[0][1].told == "2025-11-25: no run"
    assert calendar([], START.date()) == []


def test_nights_missed_since_the_last_run_are_on_the_calendar_and_days_to_come_are_not() -> None:
    weeks = calendar([run(1, day=1)], START.date() + timedelta(days=8))
    assert [[day.is_within for day in week] for week in weeks] == [[False, *[True] * 6], [True, True, *[False] * 5]]


def test_the_months_over_the_calendar_are_named_as_long_as_their_weeks_have_room() -> None:
    def named(first: int, last: int) -> list[tuple[str, int]]:
        return months(calendar([run(1, day=first), run(2, day=last)], START.date()))

    assert named(0, 99) == [("", 1), ("Dec 2025", 5), ("Jan 2026", 4), ("Feb 2026", 4), ("Mar 2026", 1)]
    assert named(-7, 7) == [("Nov", 2), ("Dec 2025", 1)]
    assert months([]) == []


def test_what_is_unusual_is_told() -> None:
    data = attrs.evolve(year(), remarks={"lines_changed": "usually 0 to 9"})
    assert "Unusual: lines changed 3,469 (usually 0 to 9)" in page(data)


def test_the_page_calls_unusual_what_the_report_does_whichever_runs_it_covers() -> None:
    store = MemoryStore()
    for number in range(1, 41):  # what lies more than thirty runs back would make it usual
        changed = 900 if number == 40 or number < 10 else 5
        store.tables.runs[number] = attrs.evolve(
            run(number), report={"erp": "erp", "status": "completed", "run_id": number, "lines_changed": changed}
        )
    with store.read() as view:
        latest = queries.find_run(view, "erp", "latest", applied_only=True)
        told = queries.remarks_on(view, queries.run_report(latest))
        pages = [collect(view, "erp", count, now=START, version="1", is_locked=store.holder) for count in (2, 40)]
    assert told == {"lines_changed": "usually 5"}
    assert [data.remarks for data in pages] == [told, told]


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
    assert f"<strong>CRITICAL</strong> {verdict[2].replace(chr(39), '&#39;')}" in file.read_text(encoding="utf-8")


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
