"""The data-health page in a real browser: drawn, without a fault, and equal to the store."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from po_ingest.stages.report import STAGES
from support.browser import browser, find_browser
from support.command_line import Home, make_home

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

SCRIPT = "<script>document.title = 'taken over'</script>"
NIGHTS = 5
MOVE = "UPDATE erp_order_lines SET promised_date = ? WHERE po_number = ?"


def _history(home: Home) -> None:
    """Let five nights pass: promises move, codes are unknown, one night fails, the last one rejects a row."""
    home.insert(*((f"PO-{number}", 10, f"M-{number}", SCRIPT, 10, 0, "2026-03-01", "open") for number in range(20)))
    for night in range(NIGHTS):
        if night == 3:
            home.erp("ALTER TABLE erp_order_lines RENAME TO elsewhere")
            assert home.po("nightly").code == 4
            home.erp("ALTER TABLE elsewhere RENAME TO erp_order_lines")
            continue
        if night == 4:
            home.insert(("PO-bad", "<b>ten</b>"))
        assert home.po("nightly").code == 0
        home.erp(
            (MOVE, (f"2026-04-{night + 1:02}", f"PO-{night}")),
            "UPDATE erp_order_lines SET promised_date = date(promised_date, '+3 days') WHERE po_number = 'PO-19'",
        )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Path]:
    home = make_home(tmp_path_factory.mktemp("page") / "a home")
    _history(home)
    file = home.folder / "health page.html"
    assert home.po("report", "--html", file).code == 0
    return home, file


@pytest.fixture(scope="module")
def opened(made: tuple[Home, Path]) -> Iterator[Chrome]:
    with browser() as chrome:
        chrome.get(made[1].as_uri())
        yield chrome


def js(chrome: Chrome, script: str) -> Any:  # noqa: ANN401 - as the script says
    return chrome.execute_script(script)


def texts(chrome: Chrome, selector: str) -> list[str]:
    found: list[str] = js(
        chrome, f"return [...document.querySelectorAll({selector!r})].map((each) => each.textContent)"
    )
    return found


@pytest.mark.parametrize(
    ("there", "found"),
    [
        (["chromium", "google-chrome", "chromedriver"], ("chromium", "chromedriver")),
        (["google-chrome", "chromedriver"], ("google-chrome", "chromedriver")),
        (["msedge", "chromedriver", "msedgedriver"], ("msedge", "msedgedriver")),
        (["chromium", "msedgedriver"], None),
        ([], None),
    ],
)
def test_a_browser_is_taken_with_its_own_driver(there: list[str], found: tuple[str, str] | None) -> None:
    assert find_browser(lambda name: name if name in there else None, {}) == found


def test_a_browser_that_the_environment_names_comes_first() -> None:
    there = ["chromium", "google-chrome", "chromedriver"]
    found = find_browser(lambda name: name if name in there else None, {"CHROME_BIN": "google-chrome"})
    assert found == ("google-chrome", "chromedriver")


def test_the_page_is_drawn_without_a_fault_and_asks_for_nothing_elsewhere(opened: Chrome) -> None:
    log = opened.get_log("browser")  # type: ignore[no-untyped-call]  # selenium's
    assert [entry for entry in log if entry["level"] in {"SEVERE", "WARNING"}] == []
    assert js(opened, "return performance.getEntriesByType('resource').length") == 0
    boxes = js(
        opened, "return [...document.querySelectorAll('svg')].map((each) => each.getBoundingClientRect().height)"
    )
    assert len(boxes) == 6
    assert min(boxes) > 100


def test_what_the_erp_wrote_is_shown_and_not_run(opened: Chrome) -> None:
    assert opened.title == "OK - po-ingest shop" or "po-ingest shop" in opened.title
    assert SCRIPT in " ".join(texts(opened, "#promises ~ .scroll td"))
    assert "taken over" not in opened.title


@pytest.mark.parametrize(
    ("plot", "keys"),
    [
        (0, ["duration_seconds"]),
        (1, ["po_lines_processed"]),
        (2, ["lines_changed", "absent_po_lines"]),
        (3, ["xref_gaps_found"]),
        (4, ["rows_rejected"]),
        (5, STAGES),
    ],
)
def test_a_plot_and_its_table_have_the_stores_values(
    opened: Chrome, made: tuple[Home, Path], plot: int, keys: Sequence[str]
) -> None:
    runs = [run for run in reversed(made[0].po("runs", "--json").json) if run["status"] == "completed"]
    figures = [{**dict.fromkeys(STAGES, 0), **run["report"], **run["report"]["stages"]} for run in runs]
    stored = [[report[key] for report in figures] for key in keys]
    titles = js(
        opened,
        f"const figure = document.querySelectorAll('figure')[{plot}];"
        f"return [...Array({len(keys)}).keys()].map((place) => [...figure.querySelectorAll("
        "`.serie-${place} :is(circle, .bars rect) title`)].map((each) => each.textContent))",
    )
    assert [[number(title.split()[-1]) for title in series] for series in titles] == stored
    rows = js(
        opened,
        f"return [...document.querySelectorAll('figure')[{plot}].querySelectorAll('tbody tr')]"
        ".map((row) => [...row.cells].map((cell) => cell.textContent))",
    )
    assert [row[0].strip() for row in rows] == [run["started_at"][:16].replace("T", " ") for run in reversed(runs)]
    assert [[number(row[place]) for row in reversed(rows)] for place in range(1, len(keys) + 1)] == stored


def number(text: str) -> float:
    return float(text.replace(",", ""))


def test_a_plots_table_is_reached_and_opened_by_the_keyboard_and_has_names_for_screen_readers(opened: Chrome) -> None:
    from selenium.webdriver.common.by import By  # noqa: PLC0415 - skipped without a browser
    from selenium.webdriver.common.keys import Keys  # noqa: PLC0415 - as above

    figures = opened.find_elements(By.TAG_NAME, "figure")
    named = [each.find_element(By.TAG_NAME, "summary").accessible_name for each in figures]
    assert named == [f"Values of {each.find_element(By.TAG_NAME, 'h3').text}" for each in figures]
    opened.find_element(By.CSS_SELECTOR, "nav a:last-child").send_keys(Keys.TAB)
    opened.switch_to.active_element.send_keys(Keys.ENTER)
    table = figures[0].find_element(By.TAG_NAME, "table")
    assert table.is_displayed()
    assert table.accessible_name == "Duration, in seconds"
    assert {each.get_attribute("scope") for each in table.find_elements(By.TAG_NAME, "th")} == {"col", "row"}


def test_the_table_has_all_runs_with_the_stores_figures_and_faults(opened: Chrome, made: tuple[Home, Path]) -> None:
    rows = js(
        opened,
        "return [...document.querySelectorAll('#runs tbody tr')]"
        ".map((row) => [...row.cells].map((cell) => cell.textContent))",
    )
    runs = made[0].po("runs", "--json").json
    assert [(int(row[0]), row[2]) for row in rows] == [(run["id"], run["status"]) for run in runs]
    assert [row[6] for row in rows if row[2] == "completed"] == [
        str(run["report"]["lines_changed"]) for run in runs if run["status"] == "completed"
    ]
    assert "elsewhere" in rows[1][-1] or "no table" in rows[1][-1]


def test_promises_gaps_and_rejected_rows_are_the_stores(opened: Chrome, made: tuple[Home, Path]) -> None:
    supplier = texts(opened, "#promises ~ .scroll tbody td")[:5]
    changes = made[0].po("changes", "--since", "1d", "--field", "promised_date", "--format", "json").json
    lines = len({row["po_number"] for row in changes})
    days = sum(
        (date.fromisoformat(row["new_value"]) - date.fromisoformat(row["previous_value"])).days for row in changes
    )
    assert supplier == [SCRIPT, f"{days:+}", str(lines), str(len(changes)), f"{days / lines:+.1f}"]
    gaps = made[0].po("xref", "gaps", "--json").json
    on_page = texts(opened, "#gaps ~ :is(.scroll, details) tbody td:first-child")
    assert [code for code in on_page if code.startswith("M-")] == [gap["erp_item_code"] for gap in gaps]
    assert "PO-bad" in texts(opened, "#rejected ~ .scroll tbody td")


def test_the_calendar_tells_the_day_in_words_and_colour(opened: Chrome) -> None:
    (cell,) = js(
        opened,
        "return [...document.querySelectorAll('.calendar td')].filter((cell) => cell.querySelector('.failed'))"
        ".map((cell) => [cell.firstChild.title, getComputedStyle(cell.firstChild).backgroundColor])",
    )
    assert opened.find_element("css selector", ".calendar .failed").accessible_name == cell[0]
    today = datetime.now(UTC).date()
    heads = texts(opened, ".calendar thead th[scope=col]")
    assert heads == [str((today - timedelta(days=today.weekday())).day)]
    assert texts(opened, ".calendar .month") == [f"{today - timedelta(days=today.weekday()):%b %Y}"]
    assert re.match(r"\d{4}-\d\d-\d\d: run 1 completed, .*run 4 failed", cell[0])
    assert cell[1] != "rgba(0, 0, 0, 0)"


def test_a_po_is_found_by_the_keyboard_alone(opened: Chrome) -> None:
    from selenium.webdriver.common.by import By  # noqa: PLC0415 - skipped without a browser
    from selenium.webdriver.common.keys import Keys  # noqa: PLC0415 - as above

    body = opened.find_element(By.TAG_NAME, "body")
    for _ in range(30):
        body.send_keys(Keys.TAB)
        if js(opened, "return document.activeElement.id") == "po":
            break
    field = opened.switch_to.active_element
    assert field.get_attribute("id") == "po"
    field.send_keys("po-19")
    hits = texts(opened, "#hits tbody tr")
    assert len(hits) == 3
    assert all(hit.startswith("PO-19") and "promised_date" in hit for hit in hits)
    assert texts(opened, "#found") == ["3 changes"]
    field.send_keys("x")
    assert js(opened, "return document.getElementById('hits').hidden")
    field.clear()


def test_every_control_and_picture_has_a_name_for_screen_readers(opened: Chrome) -> None:
    assert js(opened, "return document.documentElement.lang") == "en"
    assert js(opened, "return [...document.querySelectorAll('svg')].every((each) => each.getAttribute('aria-label'))")
    assert js(opened, "return [...document.querySelectorAll('input')].every((each) => each.labels.length === 1)")
    assert js(opened, "return [...document.querySelectorAll('th')].every((each) => each.scope)")
    levels = js(opened, "return [...document.querySelectorAll('h1,h2,h3')].map((each) => +each.tagName[1])")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_can_be_read_in_light_and_dark(made: tuple[Home, Path], *, dark: bool) -> None:
    with browser(dark=dark) as chrome:
        chrome.get(made[1].as_uri())
        for selector in ("body", ".soft", "th", ".pygal-chart text", "summary"):
            assert _contrast(chrome, selector) >= 4.5, selector


def _contrast(chrome: Chrome, selector: str) -> float:
    """Return the contrast of a text with the page, by WCAG 2.2 (relative luminance)."""
    colours = js(
        chrome,
        f"const style = getComputedStyle(document.querySelector({selector!r}));"
        "const ink = document.querySelector('svg text') && style.fill !== 'rgb(0, 0, 0)' ? style.fill : style.color;"
        "return [ink, getComputedStyle(document.body).backgroundColor]",
    )
    light = sorted(
        (_luminance([int(part) for part in re.findall(r"\d+", colour)[:3]]) for colour in colours), reverse=True
    )
    return (light[0] + 0.05) / (light[1] + 0.05)


def _luminance(rgb: list[int]) -> float:
    parts = [part / 255 for part in rgb]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_the_calendar_tells_outcomes_without_colour_and_on_paper(opened: Chrome) -> None:
    marks = js(
        opened,
        "return [...document.querySelectorAll('.calendar td span:first-child')].map((each) =>"
        " [each.className, getComputedStyle(each, '::before').content, getComputedStyle(each).printColorAdjust])",
    )
    assert {(name, mark) for name, mark, _ in marks if name == "failed"} == {("failed", '"\u00d7"')}
    assert {adjust for *_, adjust in marks} == {"exact"}


def test_the_page_prints_without_what_is_for_the_screen(opened: Chrome) -> None:
    printed = opened.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    assert len(printed["data"]) > 10_000
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    shown = js(
        opened,
        "return Object.fromEntries(['nav', '.search', '#runs', '.verdict', '.calendar', 'svg', '#rejected']"
        ".map((each) => [each, document.querySelector(each).getBoundingClientRect().height > 0]))",
    )
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert [name for name, is_shown in shown.items() if not is_shown] == ["#runs", ".search", "nav"]


def test_the_page_fits_a_narrow_window(made: tuple[Home, Path]) -> None:
    with browser(width=390) as chrome:
        chrome.get(made[1].as_uri())
        assert js(chrome, "return [innerWidth, document.documentElement.scrollWidth <= innerWidth]") == [390, True]
