"""The log: JSON lines in a file, plain lines on stderr, no secret in either (R16)."""

from __future__ import annotations

import errno
import json
import logging
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import structlog

from po_ingest import hiding, logs
from po_ingest.settings import LogSettings

SECRET = "p@ss w}rd\\'\"ü/+%"  # noqa: S105 - the point of the tests


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "log folder" / "po-ingest.log"
    logs.unlogged()


def configure(path: Path, *, level: str = "INFO", verbose: bool = False, quiet: bool = False) -> None:
    logs.configure(LogSettings(file=path, level=level), verbose=verbose, quiet=quiet)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def log() -> structlog.stdlib.BoundLogger:
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("po_ingest.stages")
    return logger


def test_a_line_of_the_file_is_one_json_object(path: Path) -> None:
    configure(path)
    log().info("lines read", rows=3, day=date(2026, 1, 2), codes=("a", {"b"}), other={"ä": None, "ok": True})
    logging.getLogger("po_ingest_adapters.erp").warning("slow: %s s", 5)
    first, second = lines(path)
    assert list(first)[:4] == ["timestamp", "level", "logger", "event"]
    assert str(first.pop("timestamp")).endswith("Z")
    assert first == {
        "level": "info",
        "logger": "po_ingest.stages",
        "event": "lines read",
        "rows": 3,
        "day": "2026-01-02",
        "codes": ["a", ["b"]],
        "other": {"ä": None, "ok": True},
    }
    assert list(second) == ["timestamp", "level", "logger", "event"]
    assert (second["level"], second["logger"], second["event"]) == ("warning", "po_ingest_adapters.erp", "slow: 5 s")


@pytest.mark.parametrize(
    ("verbose", "quiet", "told"),
    [
        (False, False, ["warning: a warning (rows=2)", "error: an error"]),
        (True, False, ["info: some news", "warning: a warning (rows=2)", "error: an error"]),
        (False, True, ["error: an error"]),
    ],
)
def test_stderr_has_short_plain_lines_of_what_matters(
    path: Path, capsys: pytest.CaptureFixture[str], verbose: bool, quiet: bool, told: list[str]
) -> None:
    configure(path, verbose=verbose, quiet=quiet)
    log().debug("a detail")
    log().info("some news")
    log().warning("a\nwarning", rows=2)
    logging.getLogger("po_ingest").error("an error")
    output = capsys.readouterr()
    assert output.err.splitlines() == told
    assert output.out == ""
    assert [line["level"] for line in lines(path)] == ["info", "warning", "error"]


def test_a_command_that_only_reads_makes_no_file(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LogSettings(file=path), verbose=False, quiet=False, to_file=False)
    log().warning("a warning")
    assert capsys.readouterr().err == "warning: a warning\n"
    assert not path.parent.exists()


def test_the_level_of_the_file_is_the_configured_one(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure(path, level="debug")
    log().debug("a detail")
    assert [line["event"] for line in lines(path)] == ["a detail"]
    configure(path, level="ERROR")
    log().warning("a warning")
    assert len(lines(path)) == 1
    assert "a warning" in capsys.readouterr().err


def test_the_chatter_of_libraries_is_left_out_but_not_their_warnings(path: Path) -> None:
    configure(path, level="DEBUG")
    logging.getLogger("sqlalchemy.engine").info("SELECT secrets")
    logging.getLogger("alembic").warning("careful")
    assert [line["event"] for line in lines(path)] == ["careful"]


@pytest.mark.parametrize("through_structlog", [True, False])
def test_r16_a_traceback_goes_to_the_file_only_and_without_secrets(
    path: Path, capsys: pytest.CaptureFixture[str], through_structlog: bool
) -> None:
    configure(path)
    hiding.register(SECRET)
    try:
        fail()
    except ValueError:
        if through_structlog:
            log().exception("the run failed", stack_info=True)
        else:
            logging.getLogger("po_ingest").exception("the run failed", stack_info=True)
    assert capsys.readouterr().err == "error: the run failed\n"
    (line,) = lines(path)
    assert str(line["exception"]).startswith("Traceback (most recent call last)")
    assert str(line["exception"]).endswith("ValueError: login failed with ***")
    assert "test_logs.py" in str(line["stack"])
    assert "exc_info" not in line


def fail() -> None:
    raise ValueError(f"login failed with {SECRET}")


class Speaking:
    """An object that tells a secret when it is shown."""

    def __str__(self) -> str:
        return f"<{SECRET}>"


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        "p%40ss%20w%7Drd%5C%27%22%C3%BC%2F%2B%25",
        "p%40ss+w%7Drd%5C%27%22%C3%BC%2F%2B%25",
        "p%40ss w%7Drd%5C%27%22%C3%BC%2F+%25",
        repr(SECRET)[1:-1],
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        SECRET.replace("}", "}}"),
    ],
)
def test_r16_a_secret_is_masked_wherever_and_however_it_turns_up(
    path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    configure(path)
    hiding.register(SECRET)
    log().warning(f"a {form} b", direct=form, deep={"list": [form, {form: 1}]}, thing=Speaking())
    logging.getLogger("po_ingest").warning("%s of %s", form, Speaking())
    first, second = lines(path)
    assert (first["event"], first["direct"], first["thing"]) == ("a *** b", "***", "<***>")
    assert first["deep"] == {"list": ["***", {"***": 1}]}
    assert second["event"] == "*** of <***>"
    told = capsys.readouterr().err
    assert form not in told
    assert "a *** b" in told
    assert hiding.mask(f"x{form}y") == "x***y"


def test_r16_of_secrets_that_contain_each_other_nothing_is_left() -> None:
    hiding.register("abc")
    hiding.register("abcdef")
    hiding.register("")
    assert hiding.mask("abcdef abc ab") == "*** *** ab"
    logs.unlogged()
    assert hiding.mask("abcdef abc ab") == "abcdef abc ab"


def test_without_secrets_nothing_is_masked() -> None:
    hiding.register("")
    assert hiding.mask("plain") == "plain"


def test_context_variables_are_in_every_line(path: Path) -> None:
    configure(path)
    with structlog.contextvars.bound_contextvars(run="r1"):
        log().info("one")
    log().info("two %s", "more")
    assert [(line.get("run"), line["event"]) for line in lines(path)] == [("r1", "one"), (None, "two more")]


@pytest.mark.skipif(sys.platform == "win32", reason="rights are a POSIX feature")
def test_the_file_is_its_owners_alone_also_when_rotated(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FILE_SIZE", 300)
    configure(path)
    for number in range(50):
        log().info("a line", number=number)
    files = sorted(each for each in path.parent.iterdir() if each.suffix != ".lock")
    assert [each.name for each in files] == ["po-ingest.log", *(f"po-ingest.log.{number}" for number in range(1, 6))]
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
    assert [line["number"] for line in lines(path)][-1] == 49


WRITER = """
import sys
from pathlib import Path
import structlog
from po_ingest import logs
from po_ingest.settings import LogSettings
logs.FILE_SIZE, logs.FILES_KEPT, logs.ROTATION_PATIENCE = 20_000, 50, 60.0
logs.configure(LogSettings(file=Path(sys.argv[1])), verbose=False, quiet=True)
for number in range(400):
    structlog.get_logger("po_ingest").info("a line", writer=sys.argv[2], number=number, filling="x" * number)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="where a file that is open is not moved, the last writer rotates")
def test_r14_rotation_by_several_processes_at_once_neither_tears_nor_loses_a_line(path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(name)])  # noqa: S603 - our own
        for name in range(3)
    ]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0]
    files = [each for each in path.parent.iterdir() if each.suffix != ".lock"]
    assert len(files) > 5
    found = [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]
    assert sorted((line["writer"], line["number"]) for line in found) == [
        (str(name), number) for name in range(3) for number in range(400)
    ]


def rotated(path: Path) -> dict[str, list[int]]:
    files = [each for each in path.parent.iterdir() if each.suffix != ".lock"]
    return {each.name: [json.loads(line)["number"] for line in each.read_text("utf-8").splitlines()] for each in files}


def test_a_file_that_cannot_be_moved_is_gone_on_with_and_no_older_one_gives_way(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "FILE_SIZE", 300)
    configure(path)
    for number in range(6):
        log().info("a line", number=number)
    before = rotated(path)
    assert len(before) > 2
    with monkeypatch.context() as windows:  # where another process has the file open

        def refused(*_: object) -> None:
            raise PermissionError(13, "in use")

        windows.setattr(Path, "replace", refused)
        for number in range(6, 20):
            log().info("a line", number=number)
    newest = before.pop(path.name)
    assert rotated(path) == {**before, path.name: [*newest, *range(6, 20)]}


@pytest.mark.skipif(sys.platform == "win32", reason="flock is a POSIX feature")
def test_a_file_that_cannot_be_locked_for_its_rotation_is_gone_on_with_and_that_is_told_once(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", missing)
    monkeypatch.setattr(logs, "FILE_SIZE", 150)
    configure(path)
    for number in range(5):
        log().info("a line", number=number)
    assert rotated(path) == {path.name: [0, 1, 2, 3, 4]}
    assert capsys.readouterr().err.count("cannot be rotated: [Errno 38] its file system has no locks (flock)") == 1


def test_a_rotation_that_was_killed_midway_is_gone_on_with(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FILE_SIZE", 150)
    configure(path)
    log().info("a line", number=0)
    path.rename(path.with_name("po-ingest.log.0"))
    for number in range(1, 5):
        log().info("a line", number=number)
    assert sorted(number for numbers in rotated(path).values() for number in numbers) == [0, 1, 2, 3, 4]
    assert "po-ingest.log.0" not in rotated(path)


def test_lone_surrogates_do_not_break_a_line(path: Path) -> None:
    configure(path)
    log().info("a \udc80 b\n\u2028")
    assert path.read_text(encoding="utf-8").count("\n") == 1
    assert json.loads(path.read_text(encoding="utf-8"))["event"] == "a \udc80 b\n\u2028"


def test_a_file_that_cannot_be_made_is_told_once_and_hinders_nothing(
    tmp_path: Path, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "log folder").write_text("a file where the folder should be", encoding="utf-8")
    configure(path)
    log().info("some news")
    log().warning("a warning")
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("warning: the log file ")
    assert str(path) in first
    assert second == "warning: a warning"


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are a POSIX feature")
def test_a_file_that_cannot_be_written_any_more_is_told_once_and_hinders_nothing(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import resource  # noqa: PLC0415 - not there on Windows

    configure(path)
    log().info("one")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, hard))
    try:
        log().info("two")
        log().info("three")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert "cannot be written" in told[0]
    log().info("four")
    assert lines(path)[0]["event"] == "one"


def test_a_stderr_that_is_closed_hinders_nothing(path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    configure(path)
    with (tmp_path / "closed").open("w", encoding="utf-8") as closed:
        monkeypatch.setattr(sys, "stderr", closed)
    log().warning("a warning")
    assert [line["event"] for line in lines(path)] == ["a warning"]


def test_configuring_anew_replaces_what_was_there(path: Path, tmp_path: Path) -> None:
    before = list(logging.getLogger().handlers)
    configure(path)
    configure(tmp_path / "other.log")
    log().info("news")
    assert lines(path) == []
    assert len(lines(tmp_path / "other.log")) == 1
    logs.unlogged()
    assert logging.getLogger().handlers == before
    assert logging.getLogger("po_ingest").level == logging.NOTSET
    assert not structlog.is_configured()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_a_full_disk_does_not_hinder_the_end_of_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    configure(Path("/dev/full"))
    log().info("one")
    logs.unlogged()
    (told,) = capsys.readouterr().err.splitlines()
    assert "No space left on device" in told
