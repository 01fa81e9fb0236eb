"""`po-ingest demo`: a sample ERP with everything in it, nights that make sense, commands that work."""

from __future__ import annotations

import shlex
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from po_ingest import config, demo, logs, wiring
from po_ingest.errors import PoIngestError
from po_ingest.model import RunReport
from po_ingest.sample_erp import SampleErp
from support.command_line import Home, inside, outside

NOW = datetime(2026, 2, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, demo.Demo]:
    """Return a demo of a thousand lines and seven nights."""
    folder = tmp_path_factory.mktemp("demo") / "a demo"
    reports: list[RunReport] = []
    try:
        made = demo.run(demo.prepare(folder, {}), lines=1000, days=7, now=NOW, tell=reports.append)
    finally:
        logs.unlogged()
    assert tuple(reports) == made.reports
    return folder, made


def test_the_nights_have_dates_that_make_sense(made: tuple[Path, demo.Demo]) -> None:
    _, result = made
    starts = [report.started_at.replace(microsecond=0) for report in result.reports]
    assert starts == [datetime(2026, 1, 25, 2, tzinfo=UTC) + timedelta(days=day) for day in range(8)]


def test_every_feature_is_in_it(made: tuple[Path, demo.Demo]) -> None:
    _, result = made
    baseline, *nights = result.reports
    assert baseline.baseline
    assert baseline.po_lines_processed == 1000
    for name in (
        "new_lines_created", "lines_changed", "change_events_detected", "absent_po_lines", "batches_reconstructed",
        "custom_columns_populated", "xref_gaps_found", "rows_rejected",
    ):  # fmt: skip
        assert all(getattr(night, name) for night in nights), name
    assert sum(night.closed_po_lines for night in nights)
    assert sum(night.absent_po_lines - night.closed_po_lines for night in nights)
    assert sum(night.reappeared_po_lines for night in nights)
    assert nights[-1].xref_gaps_found < baseline.xref_gaps_found


def test_events_have_all_kinds_and_causes(made: tuple[Path, demo.Demo]) -> None:
    folder, _ = made
    with closing(sqlite3.connect(folder / "po-ingest.db")) as store:
        kinds = {kind for (kind,) in store.execute("SELECT DISTINCT kind FROM erp_change_event")}
        causes = {cause for (cause,) in store.execute("SELECT DISTINCT cause FROM erp_change_event")}
        batches = {kind for (kind,) in store.execute("SELECT DISTINCT kind FROM batch")}
        moved = store.execute("SELECT count(*) FROM erp_change_event WHERE field_name = 'promised_date'").fetchone()
    assert kinds == {"created", "changed", "absent", "reappeared"}
    assert causes == {"erp", "xref"}
    assert {"receipt", "correction"} <= batches
    assert moved[0] > 0


def test_the_same_day_gives_the_same_demo(made: tuple[Path, demo.Demo], tmp_path: Path) -> None:
    def dump(path: Path) -> list[str]:
        with closing(sqlite3.connect(path)) as erp:
            return list(erp.iterdump())

    again = SampleErp(tmp_path / "erp.db", 1000, datetime(2026, 1, 24, tzinfo=UTC).date())
    for day in range(7):
        again.next_day(datetime(2026, 1, 25, tzinfo=UTC).date() + timedelta(days=day))
    assert dump(tmp_path / "erp.db") == dump(made[0] / "erp.db")


def test_a_small_demo_breaks_no_guard(tmp_path: Path) -> None:
    done = inside("demo", tmp_path / "tiny", "--lines", "10", "--days", "9")
    assert done.code == 0, done.err
    assert len([row for row in done.rows if len(row) > 3]) == 11


def test_the_commands_to_try_next_work(tmp_path: Path) -> None:
    folder = tmp_path / "a demo"
    named = {"PATH": str(Path(sys.executable).parent)}
    done = outside("demo", folder, "--lines", "200", "--days", "2", cwd=tmp_path, environ=named)
    assert done.code == 0
    assert "run 3, night of" in done.err
    commands = [shlex.split(line) for line in done.out.splitlines() if line.startswith("  po-ingest ")]
    assert len(commands) == 8
    for _, *arguments in commands:
        tried = inside(*arguments)
        assert tried.code == 0, (arguments, tried.err)
        assert tried.out
    assert Home(folder).po("check").code == 0


def test_run_again_it_starts_anew_and_leaves_what_is_not_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    assert inside("--quiet", "demo", folder, "--lines", "20", "--days", "1").err == ""
    (folder / "mine.txt").write_text("mine", encoding="utf-8")
    again = inside("demo", folder, "--lines", "30", "--days", "0")
    assert again.code == 0
    assert (folder / "mine.txt").read_text("utf-8") == "mine"
    home = Home(folder)
    assert [run["id"] for run in home.po("runs", "--json").json] == [1]
    assert home.po("audit", "verify").code == 0
    home.config.unlink()
    assert inside("demo", folder, "--lines", "20", "--days", "0").code == 0


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    assert inside("demo", tmp_path, "--lines", "20", "--days", "0").code == 0


def test_a_folder_that_it_did_not_make_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "po-ingest.db").write_text("mine", encoding="utf-8")
    done = inside("demo", tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "was not made by the demo; nothing was touched" in done.error
    assert [each.name for each in tmp_path.iterdir()] == ["po-ingest.db"]
    done = inside("demo", tmp_path / "po-ingest.db")
    assert done.code == 2
    assert "is a file" in done.error


def test_a_demo_that_is_running_is_not_cleared(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    inside("demo", folder, "--lines", "20", "--days", "0")
    settings = config.load(folder / "po-ingest.toml", {})
    with wiring.open_store(settings).lock("demo"):
        done = inside("demo", folder, "--lines", "20", "--days", "0")
    assert done.code == 6
    assert len(Home(folder).po("runs", "--json").json) == 1


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PoIngestError, match="cannot be used"):
        demo.prepare(tmp_path / "file" / "demo", {})


def test_before_two_in_the_morning_the_last_night_is_yesterdays(tmp_path: Path) -> None:
    try:
        settings = demo.prepare(tmp_path / "demo", {})
        made = demo.run(settings, lines=10, days=0, now=NOW.replace(hour=1), tell=lambda _: None)
    finally:
        logs.unlogged()
    assert made.reports[0].started_at.date() == (NOW - timedelta(days=1)).date()
    assert made.line is None


def test_a_single_run_is_told_as_one(tmp_path: Path) -> None:
    done = inside("demo", tmp_path / "demo", "--lines", "10", "--days", "0")
    assert done.code == 0
    assert "\n1 run took " in done.out
