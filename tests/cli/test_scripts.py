"""The scripts that schedulers call: `run_ingestion.sh` for real, `run_ingestion.bat` wherever a cmd is at hand."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from support.paths import ROOT

SH = ROOT / "scripts" / "run_ingestion.sh"
BAT = ROOT / "scripts" / "run_ingestion.bat"
ODD_NAME = "nightly run (PO's) & more; 100% $HOME"
TELLTALE = """#!/bin/sh
for argument in "$@"; do echo "argument: $argument"; done
echo "config: ${PO_INGEST_CONFIG:-none}"
echo "venv: $VIRTUAL_ENV"
echo "first on the path: ${PATH%%:*}"
echo "utf8: $PYTHONUTF8"
exit "${TELLTALE_EXIT:-0}"
"""
NO_PATH = re.compile(r'%\*|%ERRORLEVEL%|%PO_CODE%|%CMDCMDLINE:"=\?%')
EXPLORER = 'C:\\Windows\\system32\\cmd.exe /c ""C:\\a & b!\\run_ingestion.bat" "'
AGENT = 'C:\\Windows\\system32\\cmd.exe /c ""C:\\a & b!\\run_ingestion.bat" --config "C:\\a b.toml" nightly"'
SCHEDULER = 'C:\\Windows\\system32\\cmd.exe /c ""C:\\a & b!\\run_ingestion.bat""'
"""How a batch file is called: what `%CMDCMDLINE%` is."""
CONFIG = """
[erp]
adapter = "sqlite"
connection = "erp.db"
"""

posix = pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")


def install_script(script: Path, folder: Path) -> Path:
    """Copy a script as an admin would, and return the copy."""
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(script, folder))


def give_telltale(folder: Path) -> None:
    """Put an environment there whose po-ingest tells how it was called."""
    program = folder / ".venv" / "bin" / "po-ingest"
    program.parent.mkdir(parents=True)
    program.write_text(TELLTALE, encoding="utf-8")
    program.chmod(0o755)


def call(
    command: list[str | Path], cwd: Path, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - the commands are this file's
        command,
        cwd=cwd,
        env={**os.environ, **(environ or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )


@posix
def test_sh_passes_arguments_as_they_are(tmp_path: Path) -> None:
    home = tmp_path / ODD_NAME
    script = install_script(SH, home)
    give_telltale(home)
    done = call([script, "changes", "--since", "7d", "a b", "$(echo no)", "", "*", 'quo"te'], tmp_path)
    assert done.returncode == 0
    assert [line[10:] for line in done.stdout.splitlines() if line.startswith("argument:")] == [
        "changes", "--since", "7d", "a b", "$(echo no)", "", "*", 'quo"te',
    ]  # fmt: skip


@posix
def test_sh_without_arguments_runs_the_nightly(tmp_path: Path) -> None:
    script = install_script(SH, tmp_path)
    give_telltale(tmp_path)
    done = call([script], tmp_path)
    assert done.stdout.splitlines()[0] == "argument: nightly"
    assert done.stdout.count("argument:") == 1


@posix
@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 5, 6, 7])
def test_sh_passes_every_exit_code_through(tmp_path: Path, code: int) -> None:
    script = install_script(SH, tmp_path / ODD_NAME)
    give_telltale(tmp_path / ODD_NAME)
    assert call([script], tmp_path, {"TELLTALE_EXIT": str(code)}).returncode == code


@posix
def test_sh_finds_environment_and_config_in_the_folder_above_whatever_the_current_folder(tmp_path: Path) -> None:
    home = tmp_path / ODD_NAME
    script = install_script(SH, home / "scripts")
    give_telltale(home)
    (home / "po-ingest.toml").touch()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "po-ingest.toml").touch()
    lines = call([script], elsewhere).stdout.splitlines()
    assert f"config: {home / 'po-ingest.toml'}" in lines
    assert f"venv: {home / '.venv'}" in lines
    assert f"first on the path: {home / '.venv' / 'bin'}" in lines
    assert "utf8: 1" in lines


@posix
def test_sh_prefers_what_lies_beside_it(tmp_path: Path) -> None:
    beside = tmp_path / "home" / "scripts"
    script = install_script(SH, beside)
    for folder in (beside, tmp_path / "home"):
        give_telltale(folder)
        (folder / "po-ingest.toml").touch()
    lines = call([script], tmp_path).stdout.splitlines()
    assert f"config: {beside / 'po-ingest.toml'}" in lines
    assert f"venv: {beside / '.venv'}" in lines


@posix
def test_sh_leaves_a_given_config_alone(tmp_path: Path) -> None:
    script = install_script(SH, tmp_path)
    give_telltale(tmp_path)
    (tmp_path / "po-ingest.toml").touch()
    done = call([script], tmp_path, {"PO_INGEST_CONFIG": "/somewhere/other.toml"})
    assert "config: /somewhere/other.toml" in done.stdout.splitlines()


@posix
def test_sh_without_a_config_leaves_the_lookup_to_po_ingest(tmp_path: Path) -> None:
    script = install_script(SH, tmp_path)
    give_telltale(tmp_path)
    assert "config: none" in call([script], tmp_path).stdout.splitlines()


@posix
def test_sh_works_through_links(tmp_path: Path) -> None:
    home = tmp_path / ODD_NAME
    script = install_script(SH, home / "scripts")
    give_telltale(home)
    links = tmp_path / "bin of mine"
    links.mkdir()
    (links / "absolute").symlink_to(script)
    (links / "relative").symlink_to("absolute")
    for link in ("absolute", "relative"):
        done = call([links / link, "runs"], tmp_path)
        assert f"venv: {home / '.venv'}" in done.stdout.splitlines()
        assert done.returncode == 0
    by_path = call(["sh", "-c", "absolute runs"], tmp_path, {"PATH": f"{links}:{os.environ['PATH']}"})
    assert f"venv: {home / '.venv'}" in by_path.stdout.splitlines()


@posix
def test_sh_says_what_to_do_when_there_is_no_environment(tmp_path: Path) -> None:
    script = install_script(SH, tmp_path / "scripts")
    done = call([script], tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("po-ingest: error: ")
    assert "python3 -m venv" in line


@pytest.fixture
def real_home(tmp_path: Path) -> Path:
    """Return a folder with the script in `scripts`, the tests' own environment, and a config with an ERP."""
    program = Path(sys.prefix) / "bin" / "po-ingest"
    if not program.exists():
        pytest.skip("po-ingest is not installed in a virtual environment here")
    home = tmp_path / ODD_NAME
    install_script(SH, home / "scripts")
    (home / ".venv").symlink_to(sys.prefix)
    (home / "po-ingest.toml").write_text(CONFIG, encoding="utf-8")
    with sqlite3.connect(home / "erp.db") as erp:
        erp.execute("CREATE TABLE erp_order_lines (po_number TEXT, line_number INTEGER, ordered_quantity TEXT)")
    erp.close()
    return home


@posix
def test_sh_runs_the_real_nightly_and_passes_its_exit_codes(real_home: Path, tmp_path: Path) -> None:
    script = real_home / "scripts" / "run_ingestion.sh"
    empty = call([script], tmp_path)
    assert empty.returncode == 5, empty.stderr  # the guard min_lines
    assert empty.stderr.count("po-ingest: error: ") == 1
    with sqlite3.connect(real_home / "erp.db") as erp:
        erp.execute("INSERT INTO erp_order_lines VALUES ('4500000001', 10, '12')")
    erp.close()
    good = call([script], tmp_path)
    assert good.returncode == 0, good.stderr
    assert call([script, "nightly", "--baseline"], tmp_path).returncode == 2
    listed = call([script, "snapshot", "--run", "latest"], tmp_path)
    assert "4500000001" in listed.stdout


# -- Windows


def test_bat_is_made_for_cmd() -> None:
    content = BAT.read_bytes()
    assert content.count(b"\r\n") == content.count(b"\n") > 0, "cmd loses its place in files with bare line feeds"
    assert content.isascii(), "cmd reads a batch file in the server's code page"
    lines = [line for line in content.decode("ascii").splitlines() if not line.lower().startswith("rem ")]
    assert lines[0] == "@echo off"
    code = "\n".join(lines)
    assert "setlocal EnableExtensions DisableDelayedExpansion" in code, "an exclamation mark in a path would be lost"
    assert "chcp 65001" in code
    assert 'set "PYTHONUTF8=1"' in code
    assert 'po-ingest.exe" %*' in code
    assert 'po-ingest.exe" nightly' in code
    assert code.count("exit /b %ERRORLEVEL%") + code.count('set "PO_CODE=%ERRORLEVEL%"') == 2
    assert "pause" not in code, "a job would wait for a key until somebody comes"
    assert not any(line.lower().startswith("call ") or line.endswith("(") for line in lines)


def test_bat_quotes_every_path() -> None:
    for line in BAT.read_text(encoding="ascii").splitlines():
        if line.startswith("rem") or "%" not in NO_PATH.sub("", line):
            continue
        outside = "".join(NO_PATH.sub("", line).split('"')[::2])
        assert "%" not in outside, line


@pytest.fixture(scope="session")
def cmd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[str], Path]]:
    """Return what starts a cmd here, and the path of its program."""
    if os.name == "nt":
        yield ["cmd", "/c"], Path(os.environ["COMSPEC"])
        return
    wine = shutil.which("wine")
    if wine is None:
        pytest.skip("neither Windows nor wine is here to run a batch file")
    with pytest.MonkeyPatch.context() as environment:
        prefix = tmp_path_factory.mktemp("wine")
        environment.setenv("WINEPREFIX", str(prefix))
        environment.setenv("WINEDEBUG", "-all")
        call([wine, "cmd", "/c", "exit 0"], prefix)
        program = prefix / "drive_c" / "windows" / "system32" / "cmd.exe"
        if not program.exists():
            pytest.skip("wine is here, but cannot set up its folders")
        yield [wine, "cmd", "/c"], program
        call(["wineserver", "-k"], prefix)


@pytest.fixture
def windows_home(tmp_path: Path, cmd: tuple[list[str], Path]) -> Path:
    """Return a folder with the script, and an environment whose po-ingest.exe is a copy of cmd itself."""
    home = tmp_path / ("a & b (c) d!" if os.name != "nt" else "a & b (c) d! 100%")  # wine expands % twice
    install_script(BAT, home / "scripts")
    programs = home / ".venv" / "Scripts"
    programs.mkdir(parents=True)
    shutil.copy(cmd[1], programs / "po-ingest.exe")
    (home / "po-ingest.toml").touch()
    return home


def run_bat(
    home: Path, cmd: tuple[list[str], Path], arguments: str, called: str = SCHEDULER
) -> subprocess.CompletedProcess[str]:
    """Run the script from another folder, as a job step would."""
    elsewhere = home.parent / "else where"
    elsewhere.mkdir(exist_ok=True)
    script = f"..\\{home.name}\\scripts\\run_ingestion.bat".replace("%", "%%")
    (elsewhere / "step.bat").write_bytes(f'@"{script}" {arguments}\r\n'.encode("ascii"))
    return call([*cmd[0], "step.bat"], elsewhere, {"CMDCMDLINE": called})


@pytest.mark.parametrize("code", [0, 2, 5])
def test_bat_passes_exit_codes_through(windows_home: Path, cmd: tuple[list[str], Path], code: int) -> None:
    assert run_bat(windows_home, cmd, f"/c exit {code}").returncode == code


def test_bat_passes_arguments_and_sets_the_environment(windows_home: Path, cmd: tuple[list[str], Path]) -> None:
    telltale = windows_home.parent / "else where" / "telltale.bat"
    telltale.parent.mkdir()
    telltale.write_bytes(b"@echo %*\r\n@set\r\n")
    done = run_bat(windows_home, cmd, '/c telltale.bat --since 7d "two words" "a&b"')
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    assert lines[0] == '--since 7d "two words" "a&b"'
    environment = dict(line.split("=", 1) for line in lines[1:] if "=" in line)
    folder = f"{windows_home.name}\\scripts\\.."
    assert environment["PO_INGEST_CONFIG"].endswith(f"{folder}\\po-ingest.toml")
    assert environment["VIRTUAL_ENV"].endswith(f"{folder}\\.venv")
    assert environment["PATH"].partition(";")[0].endswith(f"{folder}\\.venv\\Scripts")
    assert environment["PYTHONUTF8"] == "1"


@pytest.mark.parametrize("called", [SCHEDULER, EXPLORER])
def test_bat_says_what_to_do_when_there_is_no_environment(
    windows_home: Path, cmd: tuple[list[str], Path], called: str
) -> None:
    shutil.rmtree(windows_home / ".venv")
    done = run_bat(windows_home, cmd, "", called)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("po-ingest: error: ")
    assert "py -m venv" in line
    assert ("This window closes in a minute" in done.stdout) == (called == EXPLORER)


@pytest.mark.parametrize(
    ("arguments", "called", "stays"),
    [("", EXPLORER, True), ("", SCHEDULER, False), ("/c exit 0", AGENT, False), ("/c exit 0", EXPLORER, False)],
)
def test_the_window_of_a_bat_stays_when_it_was_double_clicked_only(
    windows_home: Path, cmd: tuple[list[str], Path], arguments: str, called: str, stays: bool
) -> None:
    done = run_bat(windows_home, cmd, arguments, called)
    assert done.returncode == 0
    assert ("This window closes in a minute" in done.stdout) == stays
