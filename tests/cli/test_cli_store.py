"""`po-ingest store verify` and `store copy`."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from support.command_line import Home, live


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
    assert "4 breaches in all" in done.error
    assert done.err.splitlines()[-1] == "  ... and 2 more"
