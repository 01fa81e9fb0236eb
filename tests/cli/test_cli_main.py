"""The edge of the program: exit codes, one line an error, streams, signals, and what is imported when."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click
import pytest

from po_ingest import errors, hiding, wiring
from po_ingest.cli import main as edge
from po_ingest.cli import output
from po_ingest.cli.lazy import LazyGroup
from po_ingest.cli.signals import interruptible
from po_ingest.cli.start import SIGNALS
from po_ingest.fields import FIELDS
from po_ingest_adapters.erp.deadline import Deadline
from support.command_line import NO_RETRY, PYTHON, Done, Home, environment, inside, make_home, outside

HEAVY = ("sqlalchemy", "pyodbc", "rich", "alembic", "structlog", "stamina", "cattrs", "pyarrow")
NOT_FOR_A_NIGHT = (
    "alembic",
    "keyring",
    "po_ingest_adapters.store.memory",
    "pyarrow",
    "pyodbc",
    "rich",
    "sqlalchemy.orm",
    "stamina",
    "tenacity",
    "urllib.request",
)


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield all commands, groups among them, with what is typed for them."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


ALL = {" ".join(path): command for path, command in commands(edge.group)}


@pytest.mark.parametrize(
    ("begun", "offered"),
    [
        ("pro", ["promised_date"]),
        ("custom_date_", [f"custom_date_{slot}" for slot in range(1, 6)]),
        ("", [field.name for field in FIELDS]),
        ("no_such", []),
    ],
)
def test_the_shell_completes_the_fields_of_changes(tmp_path: Path, begun: str, offered: list[str]) -> None:
    typed = {"COMP_WORDS": f"po-ingest changes --field {begun}", "COMP_CWORD": "3"}
    done = outside(cwd=tmp_path, environ={"_PO_INGEST_COMPLETE": "bash_complete", **typed})
    assert (done.code, done.err) == (0, "")
    assert done.out.split() == [f"plain,{name}" for name in offered]


def test_all_commands_are_there() -> None:
    assert set(ALL) == {
        "nightly", "init", "demo", "check", "status", "runs", "agent-job", "report", "history", "changes", "snapshot",
        "xref", "xref import", "xref export", "xref gaps", "audit", "audit list", "audit verify",
        "store", "store upgrade", "store status", "store verify", "store copy",
    }  # fmt: skip


@pytest.mark.parametrize("path", ["", *ALL])
def test_every_command_has_help_with_an_example_in_80_columns(path: str) -> None:
    done = inside(*path.split(), "--help")
    assert done.code == 0
    assert done.err == ""
    assert "Example:\n" in done.out
    example = done.out.partition("Example:\n")[2]
    assert f"po-ingest {path}".strip() in example
    assert max(map(len, done.out.splitlines())) <= 80


@pytest.mark.parametrize("path", ALL)
def test_every_option_and_argument_says_what_it_is_for(path: str) -> None:
    for parameter in ALL[path].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name


def test_the_list_of_commands_says_what_each_does() -> None:
    assert isinstance(edge.group, LazyGroup)
    for _, words in edge.group.lazy.values():
        assert words[0].isupper()
        assert words.endswith(".")


def test_version() -> None:
    assert inside("--version").out.startswith("po-ingest 0.")


@pytest.mark.parametrize("arguments", [("--help",), ("nightly", "--help"), ("store", "--help"), ("--version",)])
def test_help_waits_for_no_heavy_import(arguments: tuple[str, ...]) -> None:
    assert imported(arguments, HEAVY) == []


def imported(arguments: Sequence[str], names: Sequence[str]) -> list[str]:
    """Run a command in a process of its own, and return which of the modules it has imported."""
    code = (
        "import sys\n"
        "from po_ingest.cli.main import main\n"
        f"assert main({list(arguments)!r}) == 0\n"
        f"print(*[name for name in {names!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - above
    return done.stderr.split()


def test_a_night_imports_nothing_that_it_does_not_need(home: Home) -> None:
    home.insert(("PO-1", 10))
    home.po("nightly")
    assert imported(["--config", str(home.folder / "po-ingest.toml"), "nightly"], NOT_FOR_A_NIGHT) == []


def test_a_process_that_ends_leaves_its_objects_where_they_are() -> None:
    code = (
        "import atexit, gc, sys\n"
        "from po_ingest.cli.main import run\n"
        "atexit.register(lambda: print(gc.get_freeze_count() > 0, gc.get_threshold()[0], file=sys.stderr))\n"
        "sys.argv[1:] = ['--version']\n"
        "run()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - above
    assert done.stdout.startswith("po-ingest 0.")
    assert done.stderr == f"True {edge.COLLECT_AFTER}\n"


# -- usage


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "Missing command; see `po-ingest --help`"),
        (("xref",), "Missing command; one of: export, gaps, import; see `po-ingest xref --help`"),
        (("audit",), "Missing command; one of: list, verify; see `po-ingest audit --help`"),
        (("store",), "Missing command; one of: copy, status, upgrade, verify; see `po-ingest store --help`"),
        (("nigthly",), "no such command 'nigthly': did you mean nightly"),
        (("zzzzzz",), "no such command 'zzzzzz': there are nightly, init,"),
        (("store", "upgrad"), "No such command 'upgrad'"),
        (("nightly", "--basline"), "--baseline"),
        (("nightly", "extra"), "Got unexpected extra argument (extra); see `po-ingest nightly --help`"),
        (("runs", "--status", "done"), "'done' is not one of 'running', 'completed'"),
        (("runs", "--limit", "0"), "0 is not in the range x>=1"),
        (("snapshot",), "Missing option '--run'"),
        (("history",), "Missing argument 'PO_NUMBER'"),
        (("report", "--config", "x"), "write it before: po-ingest --config ..."),
        (("--verbose", "--quiet", "runs"), "--verbose and --quiet exclude each other"),
        (("--nonsense",), "No such option"),
        (("nightly", "--baseline", "--rebaseline"), "--baseline and --rebaseline exclude each other"),
        (("runs", "--since", "someday"), "'someday' is no date; write 2026-01-31"),
    ],
)
def test_a_usage_error_is_exit_2_and_one_line(arguments: tuple[str, ...], told: str) -> None:
    done = inside(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert done.err.count("\n") == 1
    assert told in done.error


def test_a_missing_configuration_is_exit_2_and_names_it(tmp_path: Path) -> None:
    done = inside("--config", tmp_path / "no.toml", "runs")
    assert (done.code, done.out) == (2, "")
    assert str(tmp_path / "no.toml") in done.error


def test_the_configuration_is_looked_up_as_option_then_variable_then_here(home: Home, tmp_path: Path) -> None:
    variable = make_home(tmp_path / "by variable")
    option = make_home(tmp_path / "by option")
    for each in (variable, option):
        each.insert(("PO", 1))
        assert each.po("nightly").code == 0
    assert option.po("nightly").code == 0
    by_variable = {"PO_INGEST_CONFIG": str(variable.config)}
    assert len(outside("runs", cwd=home.folder).rows) == 1
    assert len(outside("runs", cwd=home.folder, environ=by_variable).rows) == 2
    assert len(outside("--config", option.config, "runs", cwd=home.folder, environ=by_variable).rows) == 3


def test_all_faults_of_a_configuration_are_told_each_on_a_line_of_its_own(home: Home) -> None:
    home.configure("[lines]\nnonsense = 1\ndefault_supplier = 3\n")
    done = home.po("nightly")
    assert done.code == 2
    assert done.err.startswith("po-ingest: error: ")
    assert all(line.startswith("  ") for line in done.err.splitlines()[1:])
    assert "nonsense" in done.err
    assert "default_supplier" in done.err


# -- as a process


def test_python_m_runs_both_packages(tmp_path: Path) -> None:
    for module in ("po_ingest", "po_ingest.cli"):
        command = [sys.executable, "-m", module, "--version"]
        done = subprocess.run(command, capture_output=True, check=True, cwd=tmp_path)  # noqa: S603 - above
        assert done.stdout.startswith(b"po-ingest ")


def test_results_go_to_stdout_all_else_to_stderr_and_utf8_whatever_the_locale(home: Home) -> None:
    home.insert(("Bestellung-Ü-漢-🚢", 1, "\u202ecode", "V\n1"))
    first = outside("nightly", "--json", cwd=home.folder)
    assert first.code == 0
    assert json.loads(first.out)["baseline"] is True
    assert "was the baseline" in first.err
    shown = outside("history", "Bestellung-Ü-漢-🚢", cwd=home.folder)
    assert "PO Bestellung-Ü-漢-🚢 line 1" in shown.out
    assert "supplier_code\tV\\n1" in shown.out
    assert "item_code\t\\u202ecode" in shown.out
    assert "Bestellung-Ü-漢-🚢" in outside("snapshot", "--run", "1", cwd=home.folder).out


def test_lone_surrogates_do_not_break_the_output(home: Home) -> None:
    home.insert(("PO-1", 1))
    assert home.po("nightly").code == 0
    done = outside("history", b"PO-\xff".decode("utf-8", "surrogateescape"), cwd=home.folder)
    assert done.code == 2
    assert "\\udcff" in done.error
    assert json.loads(output.json_text({"a": "\udc80\x9b"})) == {"a": "\udc80\x9b"}


def test_a_reader_that_has_gone_is_no_error(lived: Home) -> None:
    process = subprocess.Popen(  # noqa: S603 - above
        [*PYTHON, "--config", str(lived.config), "snapshot", "--run", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment({"PYTHONUNBUFFERED": "1"}),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    told = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 0
    assert told == b""


def test_a_reader_that_has_gone_does_not_change_the_exit_code_of_a_run(home: Home) -> None:
    process = subprocess.Popen(  # noqa: S603 - above
        [*PYTHON, "--config", str(home.config), "nightly", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(60) == 5  # no lines: the guard min_lines


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_cannot_be_written_is_exit_1(lived: Home, unbuffered: str) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(  # noqa: S603 - above
            [*PYTHON, "--config", str(lived.config), "runs"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment({"PYTHONUNBUFFERED": unbuffered}),
            check=False,
        )
    told = Done(done.returncode, "", done.stderr.decode("utf-8"))
    assert told.code == 1
    assert told.err.count("\n") == 1
    assert "the output could not be written: No space left on device" in told.error


@pytest.mark.skipif(os.name == "nt", reason="streams are closed otherwise on Windows")
def test_a_stdout_that_is_closed_loses_the_results_and_nothing_else(home: Home) -> None:
    home.insert(("PO-1", 1))
    assert home.po("nightly").code == 0
    for command, code in ((("runs",), 0), (("nightly",), 0), (("report", "99"), 2)):
        done = _shell('exec "$@" >&-', "--config", home.config, *command)
        assert done.code == code, command
        assert done.err.count("\n") == (1 if code else 0)
    assert len(home.po("runs", "--json").json) == 2
    assert _shell('exec "$@" 2>&-', "--config", home.config, "report", "99").code == 2
    assert _shell('exec "$@" <&- >&- 2>&-', "--config", home.config, "nightly").code == 0


def test_streams_that_are_closed_are_replaced_by_such_that_go_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert edge.main(["zzz"]) == 2
    assert edge.main(["--version"]) == 0
    for stream in (sys.stdout, sys.stderr):
        assert stream.name == os.devnull
        stream.close()


def _shell(script: str, *arguments: str | Path) -> Done:
    """Run a command line by a shell that does something about its streams first."""
    command = ["/bin/sh", "-c", script, "sh", *PYTHON, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, check=False, env=environment())  # noqa: S603 - above
    return Done(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8"))


def test_a_signal_during_the_last_flush_is_one_line(lived: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(output, "flush", interrupted)
    done = lived.po("runs")
    assert (done.code, done.err) == (1, "po-ingest: error: ended by SIGINT; nothing was left half done, run it again\n")


def test_a_stderr_that_is_closed_does_not_change_the_exit_code(home: Home) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([*PYTHON, "zzz"], stderr=write, check=False, env=environment(), cwd=home.folder)  # noqa: S603 - above
    os.close(write)
    assert done.returncode == 2


# -- what goes wrong


def test_an_internal_error_is_exit_1_and_its_traceback_goes_to_the_log_only(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> object:
        raise RuntimeError("a bug")

    monkeypatch.setattr(wiring, "open_store", broken)
    done = home.po("runs")
    assert (done.code, done.out) == (1, "")
    log = home.folder / "logs" / "po-ingest.log"
    assert done.error == f"po-ingest: error: internal error (RuntimeError); see the log {log}"
    assert done.err == done.error + "\n"
    assert "RuntimeError: a bug" in json.loads(log.read_text("utf-8").splitlines()[-1])["exception"]


def test_an_internal_error_before_the_log_is_known_has_a_file_of_its_own(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: object) -> object:
        raise RuntimeError("a bug")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("po_ingest.config.load", broken)
    done = home.po("runs")
    file = Path(done.error.rpartition(" the log ")[2])
    assert file.parent == tmp_path
    assert "a bug" in file.read_text("utf-8")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.PoIngestError("x"), 1),
        (errors.ConfigError("x"), 2),
        (errors.ReservationError("x"), 3),
        (errors.ErpError("x"), 4),
        (errors.GuardError("x"), 5),
        (errors.LockHeldError("x"), 6),
        (errors.StoreError("x", hint="y", details=("one\ntwo", "po-ingest: error: three")), 7),
        (errors.Interrupted("SIGTERM"), 1),
        (KeyboardInterrupt(), 1),
        (click.Abort(), 1),
        (MemoryError(), 1),
    ],
)
def test_every_error_has_its_exit_code_and_one_line(
    home: Home, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    def broken(_: object) -> object:
        raise error

    monkeypatch.setattr(wiring, "open_store", broken)
    done = home.po("runs")
    assert done.code == code
    assert done.error.startswith("po-ingest: error: ")
    assert done.out == ""


def test_r16_an_error_tells_no_secret(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> object:
        hiding.register("tiger\x1bx")
        raise errors.StoreError("no login with tiger\x1bx", details=("tiger\x1bx again",))

    monkeypatch.setattr(wiring, "open_store", broken)
    done = home.po("runs")
    assert "tiger" not in done.err
    assert "\x1b" not in done.err


# -- signals


def test_signals_interrupt_and_their_handlers_come_back() -> None:
    before = [signal.getsignal(each) for each in SIGNALS]
    with pytest.raises(errors.Interrupted, match="ended by SIGTERM"), interruptible():
        signal.raise_signal(signal.SIGTERM)
    assert [signal.getsignal(each) for each in SIGNALS] == before


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with interruptible():
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_in_another_thread_signals_are_left_alone() -> None:
    ran: list[bool] = []

    def work() -> None:
        with interruptible():
            ran.append(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ran == [True]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_comes_while_sqlite_asks_for_the_time_is_not_lost(
    home: Home, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    home.insert(("PO-1", 1))
    home.configure('[erp.po_lines]\nquery = """' + ENDLESS + '"""\n')
    is_over, once = Deadline.is_over, [number]

    def interrupted(deadline: Deadline) -> bool:
        if once:
            signal.raise_signal(once.pop())
        return is_over(deadline)

    monkeypatch.setattr(Deadline, "is_over", interrupted)
    done = home.po("nightly", "--json")
    assert done.code == 1
    assert f"ended by {number.name}" in done.error
    assert done.json["status"] == "failed"


def _unmeasured() -> dict[str, str]:
    """Return an environment without coverage, whose tracer waits for its own lock when a signal ends it midway."""
    return {name: value for name, value in environment().items() if not name.startswith("COVERAGE_PROCESS_")}


def _await(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise on Windows")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_a_signal_ends_is_exit_1_recorded_as_failed_and_changes_nothing(
    home: Home, number: signal.Signals
) -> None:
    home.insert(("PO-1", 1))
    home.configure(NO_RETRY + '[erp.po_lines]\nquery = """' + ENDLESS + '"""\n')
    process = subprocess.Popen(  # noqa: S603 - above
        [*PYTHON, "--config", str(home.config), "nightly", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_unmeasured(),
    )
    _await(lambda: bool(home.po("runs", "--status", "running", "--json").json))
    process.send_signal(number)
    try:
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()  # else a run that goes on for ever would take the other tests' time
        process.communicate()
    done = Done(process.returncode, out.decode("utf-8"), err.decode("utf-8"))
    assert done.code == 1
    assert f"ended by {number.name}" in done.error
    assert "Traceback" not in done.err
    assert done.json["status"] == "failed"
    assert [run["status"] for run in home.po("runs", "--json").json] == ["failed"]


ENDLESS = """
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
SELECT 'PO-' || (i % 10) AS po_number, 1 AS line_number FROM n
"""


def test_a_command_that_there_is_not_is_none() -> None:
    assert edge.group.get_command(click.Context(edge.group), "zzz") is None
