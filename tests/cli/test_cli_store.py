"""`po-ingest store verify` and `store copy`."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from po_ingest import wiring
from po_ingest.cli.store import OPEN_PASSWORD, counted
from po_ingest.wiring import Silent
from support.command_line import Done, Home, live, make_home
from support.places import Place
from support.store_builders import sqlite_store

MARKER = "Geheim-4711"


def spoil(home: Home, *statements: str) -> None:
    with closing(sqlite3.connect(home.folder / "po-ingest.db")) as connection, connection:
        for statement in statements:
            connection.execute(statement)


# -- store verify


def test_store_verify_says_that_a_history_is_sound(lived: Home) -> None:
    before = lived.files()
    done = lived.po("store", "verify")
    assert (done.code, done.err) == (0, "")
    assert (done.pairs["runs"], done.pairs["lines"], done.pairs["breaches"]) == ("4", "4", "0")
    assert done.out.splitlines()[-1] == "the history is sound"
    assert lived.po("store", "verify", "--json").out == "[]\n"
    assert lived.files() == before


def test_store_verify_of_no_store_finds_nothing(home: Home) -> None:
    done = home.po("store", "verify")
    assert (done.code, done.pairs["lines"]) == (0, "0")
    assert not (home.folder / "po-ingest.db").exists()


def test_store_verify_names_the_first_line_that_breaks_a_rule(home: Home) -> None:
    live(home)
    spoil(
        home,
        "UPDATE po_line SET ordered_quantity = '13.000' WHERE line_number = 10 AND po_number = 'PO-1'",
        "DELETE FROM batch WHERE po_line_id = (SELECT id FROM po_line WHERE line_number = 20)",
    )
    done = home.po("store", "verify")
    assert done.code == 1
    assert "the store breaks its rules, 3 breaches in all" in done.error
    assert "the first: R3: PO PO-1 line 10, ordered_quantity: po_line is not what the events lead to" in done.error
    assert done.err.splitlines()[1].startswith("  R10: PO PO-1 line 20, run 1, delivered_quantity")
    assert done.pairs["breaches"] == "3"
    as_json = home.po("store", "verify", "--json")
    assert as_json.code == 1
    assert as_json.json[0] == {
        "rule": "R3",
        "erp": "shop",
        "po_number": "PO-1",
        "line_number": 10,
        "field": "ordered_quantity",
        "run_id": None,
        "run_identifier": None,
        "expected": "'12.000'",
        "found": "'13.000'",
        "message": "po_line is not what the events lead to",
    }
    assert as_json.json[1]["run_identifier"] == home.po("runs", "--json").json[-1]["run_identifier"]


def test_store_verify_tells_a_hundred_breaches_and_counts_them_all(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    live(home)
    spoil(home, "UPDATE po_line SET item = 'nothing'")
    monkeypatch.setattr("po_ingest.store_verify.BREACHES_KEPT", 2)
    done = home.po("store", "verify")
    # Of the four lines, one was absent when a later baseline took its state over: what it had then is told nowhere.
    assert "3 breaches in all" in done.error
    assert done.err.splitlines()[-1] == "  ... and 1 more"


def test_progress_is_told_while_lines_are_verified() -> None:
    class Watching(Silent):
        rows = 0

        def advance(self, rows: int) -> None:
            self.rows += rows

    progress = Watching()
    assert sum(counted(iter(range(2500)), "verify", progress)) == sum(range(2500))
    assert progress.rows == 2000


# -- store copy


def tell_nothing(home: Home, done: Done, secret: str) -> None:
    """See that a secret is in no output, log or file."""
    assert secret not in f"{done.out}{done.err}"
    for content in home.files().values():
        assert secret not in repr(content)


def test_store_copy_copies_a_history_that_the_next_nightly_continues(home: Home) -> None:
    live(home)
    (home.folder / "elsewhere").mkdir()
    copy = home.folder / "elsewhere" / "copy.db"
    done = home.po("store", "copy", "--to", f"sqlite:///{copy}")
    assert done.code == 0
    assert done.rows[0] == ["table", "rows", "digest"]
    rows = {row[0]: row[1] for row in done.rows if len(row) == 3}
    assert (rows["ingestion_run"], rows["po_line"]) == ("5", "4")
    assert done.out.splitlines()[-1].startswith("the copy is equal")
    assert done.err == "note: the configuration still names the old store; to go on with the copy, change store.url\n"
    other = make_home(home.folder / "elsewhere")
    shutil.copyfile(home.folder / "erp.db", other.folder / "erp.db")
    other.configure('[store]\nurl = "sqlite:///copy.db"\n')
    changes = []
    for each in (home, other):
        each.erp("UPDATE erp_order_lines SET promised_date = '2026-04-09' WHERE po_number = 'PO-2'")
        assert each.po("nightly").code == 0
        found = each.po("changes", "--format", "json").json
        assert len(found) == 1
        changes.append([{**row, "run_identifier": None, "detected_at": None} for row in found])
        assert each.po("store", "verify").code == 0
        assert each.po("audit", "verify").code == 0
    assert changes[0] == changes[1]


def test_store_copy_to_a_server_continues_there_and_tells_no_password(
    home: Home, elsewhere: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(home)
    secret = make_url(elsewhere.url).password
    assert secret
    monkeypatch.setenv("PO_COPY", elsewhere.url)
    home.configure(f'[store]\nschema = "{elsewhere.schema}"\n')
    with elsewhere.at_hand():
        done = home.po("store", "copy", "--to", "${PO_COPY}")
        assert done.code == 0, done.err
        tell_nothing(home, done, secret)
        again = home.po("store", "copy", "--to", "${PO_COPY}")
        assert again.code == 2
        assert "is not empty: " in again.error
        tell_nothing(home, again, secret)
        home.configure(f'[store]\nurl = "${{PO_COPY}}"\nschema = "{elsewhere.schema}"\n')
        back = home.po("store", "copy", "--to", f"sqlite:///{home.folder / 'back.db'}")
        assert (back.code, back.rows) == (0, done.rows)
        goes_on(home)


def goes_on(home: Home) -> None:
    home.erp("UPDATE erp_order_lines SET promised_date = '2026-04-09' WHERE po_number = 'PO-2'")
    assert home.po("nightly").code == 0
    assert [row["run_id"] for row in home.po("changes", "--format", "json").json] == [6]
    assert home.po("store", "verify").code == 0
    assert home.po("audit", "verify").code == 0


def test_store_copy_as_json_tells_each_table(lived: Home, tmp_path: Path) -> None:
    done = lived.po("--quiet", "store", "copy", "--to", f"sqlite:///{tmp_path / 'copy.db'}", "--json")
    assert (done.code, done.err) == (0, "")
    assert {row["table"] for row in done.json} > {"ingestion_run", "po_line", "audit_event"}
    assert list(done.json[0]) == ["table", "rows", "digest"]


def test_store_copy_takes_a_relative_file_from_here_and_a_variable(
    lived: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COPY_NAME", "copy")
    assert lived.po("store", "copy", "--to", "sqlite:///${COPY_NAME}.db").code == 0
    assert (tmp_path / "copy.db").exists()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite:///${NO_SUCH_NAME}.db", "--to cannot be used: expected environment variable NO_SUCH_NAME to be set"),
        ("nowhere", "--to cannot be used: expected a SQLAlchemy URL such as"),
        ("oracle://me:Geheim-4711@there/x", "--to cannot be used: expected a URL whose scheme names a store"),
        ("sqlite:///", "--to names no file"),
    ],
)
def test_store_copy_to_a_url_that_cannot_be_used_is_exit_2(lived: Home, url: str, message: str) -> None:
    done = lived.po("store", "copy", "--to", url)
    assert done.code == 2
    assert message in done.error
    tell_nothing(lived, done, MARKER)


def test_store_copy_to_a_store_that_is_not_empty_is_exit_2(home: Home) -> None:
    live(home)
    done = home.po("store", "copy", "--to", f"sqlite:///{home.folder / 'po-ingest.db'}")
    assert done.code == 2
    assert "is not empty" in done.error


def test_store_copy_while_a_run_is_in_progress_is_exit_6(home: Home, tmp_path: Path) -> None:
    live(home)
    with sqlite_store(home.folder / "po-ingest.db").lock("shop"):
        done = home.po("store", "copy", "--to", f"sqlite:///{tmp_path / 'copy.db'}")
    assert done.code == 6
    assert not (tmp_path / "copy.db").exists()


def test_store_copy_of_no_store_is_exit_7(home: Home) -> None:
    done = home.po("store", "copy", "--to", f"sqlite:///{home.folder / 'copy.db'}")
    assert done.code == 7
    assert "has no schema yet" in done.error
    assert not (home.folder / "copy.db").exists()


def test_store_copy_to_where_nothing_can_be_written_is_exit_7(lived: Home, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = lived.po("store", "copy", "--to", f"sqlite:///{tmp_path / 'file' / 'copy.db'}")
    assert done.code == 7


def test_a_store_that_cannot_be_copied_says_so(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "open_store", lambda _: object())
    done = home.po("store", "copy", "--to", f"sqlite:///{home.folder / 'copy.db'}")
    assert done.code == 2
    assert "cannot be copied" in done.error


@pytest.mark.parametrize(
    ("url", "is_open"),
    [
        ("postgresql+psycopg://po:Geheim-4711@db/ingest", True),
        ("postgresql+psycopg://po:${PO_PASSWORD}@db/ingest", False),
        ("postgresql+psycopg://po:${A}4711@db/ingest", True),
        ("postgresql+psycopg://po@db/ingest", False),
        ("mssql+pyodbc:///?odbc_connect=Server%3Ddb%3BPWD%3DGeheim-4711", True),
        ("mssql+pyodbc:///?odbc_connect=Server%3Ddb%3BPWD%3D${PO_PASSWORD}", False),
        ("${PO_STORE}", False),
        ("sqlite:///C:/folder/store.db", False),
    ],
)
def test_a_password_on_the_command_line_is_warned_of(url: str, is_open: bool) -> None:
    assert bool(OPEN_PASSWORD.search(url)) == is_open


def test_store_copy_warns_of_a_password_that_others_can_see(lived: Home) -> None:
    done = lived.po("store", "copy", "--to", "oracle://me:Geheim-4711@there/x")
    assert "warning: the password stands on the command line" in done.err
    assert "Geheim" not in done.err
