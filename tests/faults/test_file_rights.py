"""What holds data is for its owner alone from the moment it is there, whatever the umask; what is there is left so."""

from __future__ import annotations

import os
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from po_ingest import checks, config, private_files, wiring
from support.command_line import CONFIG, Home, inside, make_home

pytestmark = pytest.mark.skipif(os.name != "posix", reason="on Windows the folder's rights hold for new files")

STORE = '[store]\nurl = "sqlite:///made/deep/po-ingest.db"\n[audit]\nfile = "kept/audit.jsonl"\n'


@contextmanager
def umask(bits: int) -> Iterator[None]:
    before = os.umask(bits)
    try:
        yield
    finally:
        os.umask(before)


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=["umask 000", "umask 022", "umask 077"])
def open_to_all(request: pytest.FixtureRequest) -> Iterator[None]:
    with umask(request.param):
        yield


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def modes(folder: Path, *without: Path) -> dict[str, int]:
    """Return what is in a folder, and its rights."""
    return {str(each.relative_to(folder)): rights(each) for each in folder.rglob("*") if each not in without}


def assert_private(found: dict[str, int], folder: Path) -> None:
    assert {
        name: oct(mode) for name, mode in found.items() if mode != (0o700 if (folder / name).is_dir() else 0o600)
    } == {}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = make_home(tmp_path / "home")
    home.configure(STORE)
    home.insert(("PO-1", 10), ("PO-1", 20))
    return home


def ours(home: Home) -> dict[str, int]:
    return modes(home.folder, home.config, home.folder / "erp.db")


@pytest.mark.usefixtures("open_to_all")
def test_r16_what_a_night_and_a_failure_make_is_private(home: Home) -> None:
    assert home.po("nightly").code == 0
    seen = ours(home)
    with wiring.open_store(config.load(home.config, {})).write():  # what is there only while it is written
        seen |= ours(home)
    for output in ("a.csv", "a.jsonl"):
        assert home.po("snapshot", "--run", "latest", "--output", home.folder / output).code == 0
    assert_private(seen | ours(home), home.folder)
    assert {"made", "made/deep", "made/deep/po-ingest.db-wal", "made/deep/po-ingest.db-shm", "kept", "logs"} <= set(
        seen
    )
    assert "kept/audit.jsonl" in seen
    assert [name for name in seen if name.endswith(".lock")]


@pytest.mark.usefixtures("open_to_all")
def test_r16_what_waits_for_a_store_that_is_down_is_private(home: Home) -> None:
    home.configure(
        '[store]\nurl = "sqlite:///erp.db/no.db"\n[store.retry]\nattempts = 1\n[audit]\nfile = "a/b/audit.jsonl"\n'
    )
    assert home.po("nightly").code == 7
    found = ours(home)
    assert "a/b/audit.jsonl.spool" in found
    assert_private(found, home.folder)


@pytest.mark.usefixtures("open_to_all")
def test_r16_what_init_and_demo_make_is_private(tmp_path: Path) -> None:
    assert inside("init", tmp_path / "new" / "one").code == 0
    assert inside("--quiet", "demo", tmp_path / "demo", "--lines", "10", "--days", "1").code == 0
    found = modes(tmp_path)
    assert {"new/one/po-ingest.toml", "demo/erp.db", "demo/po-ingest.toml", "demo/logs/audit.jsonl"} <= set(found)
    assert_private(found, tmp_path)


@pytest.mark.usefixtures("open_to_all")
def test_r16_the_file_of_an_internal_error_is_private_and_nobody_can_have_put_it_there(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: object) -> object:
        raise RuntimeError("a bug")

    target = tmp_path / "of somebody else"
    target.write_text("x", encoding="utf-8")
    folder = tmp_path / "temporary"
    folder.mkdir(mode=0o700)
    (folder / f"po-ingest-{os.getpid()}.log").symlink_to(target)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(config, "load", broken)
    file = Path(home.po("runs").error.rpartition(" the log ")[2])
    assert rights(file) == 0o600
    assert not file.is_symlink()
    assert target.read_text("utf-8") == "x"


def test_what_is_there_keeps_its_rights(home: Home) -> None:
    assert home.po("nightly").code == 0
    output = home.folder / "a.csv"
    output.write_text("old", encoding="utf-8")
    shared = [
        home.folder / name for name in ("made/deep/po-ingest.db", "kept/audit.jsonl", "logs/po-ingest.log", "a.csv")
    ]
    for file in shared:
        file.chmod(0o640)
    (home.folder / "kept").chmod(0o750)
    home.erp("UPDATE erp_order_lines SET item_code = 'X'")
    assert home.po("nightly").code == 0
    assert home.po("snapshot", "--run", "latest", "--output", output).code == 0
    assert [oct(rights(file)) for file in shared] == ["0o640"] * len(shared)
    assert rights(home.folder / "kept") == 0o750
    assert output.read_text("utf-8") != "old"


def test_r16_a_snapshot_is_never_open_to_more_than_what_it_replaces(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert home.po("nightly").code == 0
    seen: list[int] = []
    chmod = Path.chmod

    def watched(path: Path, mode: int) -> None:
        seen.append(rights(path))
        chmod(path, mode)

    monkeypatch.setattr(Path, "chmod", watched)
    output = home.folder / "a.csv"
    with umask(0):
        output.touch(mode=0o644)
        assert home.po("snapshot", "--run", "latest", "--output", output).code == 0
    assert seen == [0o600]
    assert rights(output) == 0o644


@pytest.mark.usefixtures("open_to_all")
def test_folders_are_made_one_by_one(tmp_path: Path) -> None:
    private_files.make_folder(tmp_path / "a" / "b")
    private_files.make_folder(tmp_path / "a" / "b")
    assert_private(modes(tmp_path), tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"File exists|Not a directory"):
        private_files.make_folder(tmp_path / "file" / "b")


# -- check
@pytest.fixture
def public() -> Iterator[Home]:
    """A folder that every account may enter; pytest's own are private."""
    with tempfile.TemporaryDirectory(prefix="po-ingest-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        if not all(rights(each) & stat.S_IXOTH for each in folder.parents):
            pytest.skip("the temporary folder is a private one")
        yield make_home(folder)


def told(home: Home) -> list[tuple[str, str]]:
    rows = home.po("check", "--json").json
    return [(each["status"], each["message"]) for each in rows if each["name"] == "file rights"]


def test_check_warns_of_files_that_are_open_to_all(public: Home) -> None:
    public.insert(("PO-1", 10))
    assert public.po("nightly").code == 0
    assert [status for status, _ in told(public)] == ["ok"]
    names = ("po-ingest.db", "logs/audit.jsonl", "logs/po-ingest.log")
    for name in names:
        (public.folder / name).chmod(0o646)
    assert [status for status, _ in told(public)] == ["warning"]  # of the store; the folder logs is private
    (public.folder / "logs").chmod(0o711)
    found = told(public)
    assert [status for status, _ in found] == ["warning"] * 3
    assert all(str(public.folder / name) in message for name, (_, message) in zip(names, found, strict=True))
    assert "every account here may read or change it" in found[0][1]
    shown = public.po("check")
    assert shown.code == 0
    assert f"chmod o-rwx {public.folder / names[0]}" in shown.out


def test_check_warns_of_a_configuration_with_a_password_that_is_open_to_all(public: Home) -> None:
    public.config.write_text(f'{CONFIG}[notify]\nurls = ["mailto://u:Geheim-4711@h"]\n', encoding="utf-8")
    public.config.chmod(0o600)
    assert [status for status, _ in told(public)] == ["ok"]
    public.config.chmod(0o644)
    ((status, message),) = told(public)
    assert status == "warning"
    assert "it holds a password" in message
    public.configure()
    public.config.chmod(0o644)
    assert [status for status, _ in told(public)] == ["ok"]


def test_on_windows_the_rights_are_the_folders(public: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = config.load(public.config, {})
    monkeypatch.setattr("po_ingest.check_rights.os", type("Windows", (), {"name": "nt"}))
    outcome = checks.check(settings, wiring.open_source, wiring.open_store, wiring.open_observers)
    assert "file rights" not in {finding.name for finding in outcome.findings}


def test_a_store_that_is_copied_is_private(home: Home) -> None:
    assert home.po("nightly").code == 0
    with umask(0):
        target = home.folder / "copies" / "copy.db"
        assert home.po("store", "copy", "--to", f"sqlite:///{target}").code == 0
    assert rights(target) == 0o600
    assert rights(target.parent) == 0o700
    with closing(sqlite3.connect(target)) as copied:
        assert copied.execute("SELECT count(*) FROM po_line").fetchone() == (2,)
