"""What people see on a terminal: colour, tables, progress; and that the ERP's texts cannot steer it."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
from rich.cells import cell_len

from po_ingest.cli import output
from po_ingest.cli.progress import TerminalProgress, watched
from support.command_line import Home, environment, live, make_home, outside
from support.paths import ROOT
from support.processes import be_impatient, locked_erp

pexpect = pytest.importorskip("pexpect", reason="pseudo-terminals are not there on Windows")

COLOUR = re.compile("\x1b\\[[0-9;]*m")
CONTROL = re.compile("\x1b\\[[0-9;?]*[A-Za-z]")


def on_terminal(
    *arguments: str | Path, cwd: Path, environ: Mapping[str, str] | None = None, columns: int = 80, lines: int = 50
) -> tuple[int, str]:
    """Run a command on a terminal; return its exit code and all that it sent there."""
    size = {"COLUMNS": str(columns), "LINES": str(lines)}  # the terminal's own is set only after the start
    kept = environment({"TERM": "xterm-256color", **size, **(environ or {})})
    child = pexpect.spawn(
        sys.executable,
        ["-m", "po_ingest", *map(str, arguments)],
        cwd=str(cwd),
        env=kept,
        encoding="utf-8",
        dimensions=(lines, columns),
        timeout=60,
    )
    child.expect(pexpect.EOF)
    child.close()
    return child.exitstatus, child.before.replace("\r\n", "\n")


def test_a_table_has_colour_and_fits_in_80_columns(lived: Home) -> None:
    code, text = on_terminal("runs", cwd=lived.folder)
    assert code == 0
    assert "\x1b[32mcompleted" in text
    assert "\x1b[1;31mfailed" in text
    plain = COLOUR.sub("", text)
    assert "───" in plain
    assert max(map(len, plain.splitlines())) <= 80
    assert "\t" not in plain


def test_a_run_of_a_large_store_is_one_line_in_80_columns(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    live(home)
    keys = ("po_lines_processed", "new_lines_created", "lines_changed", "absent_po_lines", "batches_reconstructed")
    with closing(sqlite3.connect(tmp_path / "po-ingest.db")) as store:
        for key in (*keys, "rows_rejected"):
            store.execute("UPDATE ingestion_run SET report = json_set(report, ?, 500000)", (f"$.{key}",))
        store.commit()
    code, text = on_terminal("runs", cwd=tmp_path)
    assert code == 0
    header, _, *rows = COLOUR.sub("", text).splitlines()
    assert [row.split()[0] for row in rows] == ["5", "4", "3", "2", "1"]
    assert header.split() == ["id", "started_at", "status", "lines", "new", "changed", "absent", "rejected"]


def test_a_wide_terminal_shows_more(lived: Home) -> None:
    for command, more in ((("runs",), "run_identifier"), (("changes", "--since", "1d"), "previous_value")):
        assert more not in on_terminal(*command, cwd=lived.folder)[1]
        assert more in on_terminal(*command, cwd=lived.folder, columns=160)[1]


def test_in_80_columns_no_word_of_runs_and_changes_is_broken(lived: Home) -> None:
    runs, changes = (
        COLOUR.sub("", on_terminal(*command, cwd=lived.folder)[1]).splitlines()
        for command in (("runs",), ("changes", "--run", "2"))
    )
    started = lived.po("runs", "--limit", "1", "--json").json[0]["started_at"]
    assert started[:16].replace("T", " ") + "Z" in runs[2]
    assert changes[0].split() == ["run", "po_number", "line", "what"]
    assert any(
        re.fullmatch(r" *2  PO-1 +10  promised date moved from 2026-03-01 to 2026-03-09 \(\+8 *", change)
        for change in changes[2:]
    )


def test_in_80_columns_no_type_of_an_audit_event_is_broken_and_no_reason_is_lost(lived: Home) -> None:
    _, text = on_terminal("audit", "list", cwd=lived.folder, environ={"PAGER": "cat"})
    header, _, *rows = COLOUR.sub("", text).splitlines()
    assert header.split() == ["id", "timestamp", "event_type", "about"]
    assert max(map(len, rows)) <= 80
    types = {event["event_type"] for event in lived.po("audit", "list", "--json").json}
    assert types <= {word for row in rows for word in row.split()}
    assert any("reason" in row for row in rows)


def test_wide_and_long_values_fit_in_80_columns_whole_and_under_their_labels(tmp_path: Path) -> None:
    number, item, status, label = "采购订单" * 15, "物料" * 60, "迟到" * 25, "内部备注 of the buyer " * 5
    home = make_home(tmp_path)
    home.configure(f'[custom_columns.custom_text_1]\ncolumn = "current_status"\nlabel = "{label}"\n')
    home.insert((number, 2**31 - 1, item, "供应商" * 20, 10**14, 0, "2026-03-01", "打开"))
    assert home.po("nightly").code == 0
    home.erp(("UPDATE erp_order_lines SET delivered_quantity = 1, current_status = ?", (status,)))
    assert home.po("nightly").code == 0
    counts = {("history", number): (15, 180, 100, 5), ("report",): (0, 60, 0, 0), ("changes",): (45, 0, 50, 5)}
    for command, times in counts.items():
        code, text = on_terminal(*command, cwd=tmp_path, lines=400)
        assert code == 0
        assert max(map(cell_len, COLOUR.sub("", text).splitlines())) <= 80, command
        assert tuple(text.count(character) for character in ("采", "物", "迟", "备")) == times, command


@pytest.mark.parametrize(
    "command", [("runs",), ("report",), ("changes", "--since", "1d"), ("history", "PO-2"), ("check",)]
)
def test_no_color_is_honoured(lived: Home, command: tuple[str, ...]) -> None:
    code, text = on_terminal(*command, cwd=lived.folder, environ={"NO_COLOR": "1"})
    assert code == 0
    assert "\x1b" not in text


def test_what_the_erp_wrote_cannot_steer_the_terminal(lived: Home) -> None:
    for command in (
        ("history", "PO-2"),
        ("snapshot", "--run", "2"),
        ("snapshot", "--run", "2", "--format", "jsonl"),
    ):
        _, text = on_terminal(*command, cwd=lived.folder)
        assert "\x1b[31m" not in text
        assert re.search(r"V\\(x1b|u001b)\[31m\\t1", text), command


def test_a_dumb_terminal_gets_plain_lines(lived: Home) -> None:
    _, text = on_terminal("runs", cwd=lived.folder, environ={"TERM": "dumb"})
    assert "\x1b" not in text
    assert text.splitlines()[0].startswith("id")
    assert "───" not in text


def test_a_run_shows_its_progress_and_a_report_in_sections(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    home.insert(*((f"PO-{number}", 1) for number in range(50)))
    code, text = on_terminal("nightly", cwd=home.folder)
    assert code == 0
    assert "rows" in text
    shown = CONTROL.sub("", text)
    assert "Data quality" in shown
    assert "this one was the baseline" in shown
    assert "\x1b[?25h" in text  # the cursor is back
    assert "rows" not in CONTROL.sub("", on_terminal("--quiet", "nightly", cwd=home.folder)[1]).partition("Run")[0]


def test_a_report_marks_what_is_unusual_compared_with_the_nights_before(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    home.insert(*((f"PO-{number}", 1, "M-1", "V1", 1) for number in range(100)))
    for _ in range(6):
        assert home.po("nightly").code == 0
    home.erp("UPDATE erp_order_lines SET ordered_quantity = 2")
    for command in ("nightly", "report"):
        shown = CONTROL.sub("", on_terminal(command, cwd=home.folder)[1])
        assert re.search(r"lines_changed +100 +<- usually 0", shown), command
        assert not re.search(r"po_lines_processed.*<-", shown)
    assert shown.startswith("run 7 of ERP 'shop' completed: 100 lines, 100 changed, ")
    assert "usually" not in home.po("report").out


def test_a_report_fits_on_a_screen_however_many_codes_are_not_mapped_and_a_pipe_has_all_of_it(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    home.configure("[erp.item_xref]\nquery = \"SELECT 'X' AS erp_item_code\"\n")
    home.insert(*((f"PO-{number}", 1, f"MATERIAL-{number:05}", "V1", 1) for number in range(100)))
    assert home.po("nightly").code == 0
    _, text = on_terminal("report", cwd=home.folder, lines=30)
    shown = " ".join(CONTROL.sub("", text).split())
    assert text.count("\n") < 30
    assert "MATERIAL-00005 and 94 more, see `po-ingest xref gaps`" in shown
    assert re.search(r"duration_seconds [0-9.]+ \(snapshot [0-9.]+, ", shown)
    piped = home.po("report").out
    assert "MATERIAL-00099" in piped
    assert {"run_id", "dry_run", "finished_at"} <= {line.partition("\t")[0] for line in piped.splitlines()}


def test_what_is_longer_than_the_terminal_goes_to_the_pager(lived: Home, tmp_path: Path) -> None:
    pager = tmp_path / "pager"
    pager.write_text("#!/bin/sh\necho PAGED; cat\n", encoding="ascii")
    pager.chmod(0o755)
    environ = {"PAGER": str(pager)}
    _, text = on_terminal("report", cwd=lived.folder, environ=environ, lines=10)
    assert text.startswith("PAGED")
    assert "Data quality" in text
    assert "\x1b[1;36mRun" in text
    assert "PAGED" not in on_terminal("report", cwd=lived.folder, environ=environ, lines=60)[1]


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
@pytest.mark.parametrize(
    ("typed", "completed"),
    [("po-ingest hist", ["history"]), ("po-ingest audit v", ["verify"]), ("po-ingest changes --su", ["--supplier"])],
)
def test_bash_completes_commands_and_options_once_told_as_documented(
    tmp_path: Path, typed: str, completed: list[str]
) -> None:
    page = (ROOT / "docs" / "commands.md").read_text("utf-8")
    (line,) = re.findall(r"^\| bash \| `(.+)` \|$", page, re.MULTILINE)
    program = tmp_path / "po-ingest"
    start = "import sys; from po_ingest.cli.main import run; sys.argv[0] = 'po-ingest'; run()"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{start}" "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    words = typed.split()
    script = f"{line}\nCOMP_WORDS=({typed}) COMP_CWORD={len(words) - 1}\n_po_ingest_completion po-ingest\n"
    script += 'printf "%s\\n" "${COMPREPLY[@]}"'
    kept = environment({"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"})
    done = subprocess.run(["bash", "-c", script], env=kept, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603, S607 - ours
    assert done.stdout.split() == completed


def test_r12_a_retry_is_shown_with_number_wait_and_cause(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    home.insert(("PO-1", 1))
    be_impatient(home, "[erp.retry]\nattempts = 2\nwait_initial = 1\n")
    with locked_erp(home):
        code, text = on_terminal("nightly", cwd=home.folder, columns=160)
        plain = outside("nightly", "--json", cwd=home.folder)
    assert code == 4
    shown = " ".join(CONTROL.sub("", text).split())
    assert re.search(r"waiting [12] s for try 2", shown)
    assert re.search(r"warning: retry \(attempt=2, wait=[12]\.\d, cause=.* be read: database is locked", shown)
    assert plain.code == 4
    assert re.search(r"^warning: retry \(attempt=2, wait=[12]\.\d, cause=.*database is locked", plain.err, re.MULTILINE)
    assert "\x1b" not in plain.err
    assert plain.json["retries"] == 1
    log = (home.folder / "logs" / "po-ingest.log").read_text("utf-8")
    assert log.count('"event": "retry"') == 2


def test_json_on_a_terminal_is_for_reading(lived: Home) -> None:
    _, text = on_terminal("report", "--json", cwd=lived.folder)
    assert text.startswith('{\n  "run_id": 5,\n')


def test_an_error_on_a_terminal_is_one_plain_line(lived: Home) -> None:
    code, text = on_terminal("history", "nothing\x1b[31m", cwd=lived.folder)
    assert code == 2
    assert text.startswith("po-ingest: error: ")
    assert "\x1b" not in text


# -- in this process


def test_nobody_watches_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    with watched(quiet=False) as progress:
        assert progress is None
    assert capsys.readouterr().err == ""


def test_a_watched_run_shows_stages_rows_and_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with watched(quiet=False) as progress:
        assert isinstance(progress, TerminalProgress)
        task = progress.bar.tasks[0]
        progress.stage("snapshot")
        progress.stage("snapshot")
        progress.advance(40)
        assert (task.description, task.completed) == ("snapshot", 40)
        assert task.total is None
        progress.retrying(2, 1.4, "down")
        assert task.description == "waiting 1 s for try 2"
        progress.stage("snapshot")
        assert task.description == "snapshot"
    with watched(quiet=True) as progress:
        assert progress is None


def test_rows_that_are_expected_give_the_time_left_until_there_are_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with watched(quiet=False, expected=100) as progress:
        assert isinstance(progress, TerminalProgress)
        task = progress.bar.tasks[0]
        progress.advance(60)
        assert (task.completed, task.total) == (60, 100)
        progress.advance(60)
        assert (task.completed, task.total) == (120, 120)


def test_values_are_shown_on_one_line_without_control_characters() -> None:
    assert output.shown("a\tb\nc\r\x1b\x9b\u2028\ud800\u202e") == r"a\tb\nc\r\x1b\u009b\u2028\ud800\u202e"
    assert output.shown([None, True, False, 3, 0.5]) == ", yes, no, 3, 0.5"
    assert output.shown({"a\n": [1, 2]}) == r"a\n 1, 2"


def test_what_has_no_json_form_is_no_json() -> None:
    with pytest.raises(TypeError, match="object has no JSON form"):
        output.json_text(object())
