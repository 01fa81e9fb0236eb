"""Files with anything in them, through the command line: CSV exports of an ERP, xref imports, ERP databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from po_ingest import xref_csv
from support.command_line import COLUMNS, Home, make_home
from support.fuzzing import PATIENT, empty_store, fuzzed, new_folder, sound, told_well, writes_nothing

DONE, USAGE, ERP, GUARD = 0, 2, 4, 5
ENCODINGS: Final = (
    "utf-8",
    "utf-8-sig",
    "latin-1",
    "cp1252",
    "utf-16",
    "utf-16-le",
    "utf-32",
    "utf-7",
    "shift_jis",
    "iso2022_jp",
    "cp037",
    "hz",
    "idna",
    "punycode",
    "unicode_escape",
    "raw_unicode_escape",
    "undefined",
)
CSV_CONFIG: Final = """
[erp]
name = "shop"
adapter = "csv"
connection = "export"
fetch_size = 2
[erp.csv]
encoding = "{encoding}"
delimiter = "{delimiter}"
[guards]
min_lines = 0
max_absent_ratio = 1.0
max_rejected_ratio = 1.0
max_emptied_ratio = 1.0
"""
XREF_HEADER: Final = ("erp_item_code", "supplier_code", "mapped_sku", "mapped_item", "is_active")

cells = st.one_of(
    st.sampled_from(
        (
            *("PO-1", " PO-1", "007", "1", "2", "10", "open", "closed", "2026-01-31", "12.5", "many", "", " ", '"'),
            *(
                "a,b",
                "a\nb",
                "\r",
                "\0",
                "\ud800",
                "'",
                "\u20ac",
                "\U0001f69a",
                "x" * 300,
                "\ufeff",
                "=1+1",
                "0" * 5000,
            ),
        )
    ),
    st.text(max_size=8),
)
codes = st.sampled_from(["M-1", "M-2", " M-3 ", "M-1"])
KEYS: Final = {
    "po_number": st.sampled_from(["PO-1", "po-1", " 007 "]) | cells,
    "line_number": st.sampled_from(["1", "00002", "3.0"]) | cells,
    "erp_item_code": codes | codes | cells,
    "is_active": st.sampled_from(["", "1", "0", "yes", "NO"]) | st.just("") | cells,
    "current_status": st.sampled_from(["open", "closed", ""]) | cells,
}
"""Columns in which not anything would do for a row to be taken."""
wild = st.sampled_from(
    ['"', '"x', ",", ",,,", "\n", "\r", "\r\n", "\0", ";", "\t", "\x1a", "\u2028", "po_number", "\\"]
)


@contextmanager
def a_home() -> Iterator[Home]:
    with new_folder() as folder:
        (folder / "po-ingest.db").write_bytes(empty_store())
        yield make_home(folder)


def as_csv(rows: list[list[str]], delimiter: str, quote_all: bool, line_end: str) -> str:
    def cell(text: str) -> str:
        needs_quotes = quote_all or any(character in text for character in (delimiter, '"', "\n", "\r"))
        return '"' + text.replace('"', '""') + '"' if needs_quotes else text

    return "".join(delimiter.join(map(cell, row)) + line_end for row in rows)


@st.composite
def csv_texts(draw: st.DrawFn, header: tuple[str, ...]) -> str:
    """Return a table as CSV: mostly a proper one, sometimes with a few things put in or left out."""
    names = draw(st.permutations(list(header)).map(list) | st.just([*header]))
    width = len(names) + draw(st.sampled_from([0, 0, 0, 0, 1, -1]))
    columns = [KEYS.get(name, cells) for name in names] + [cells]
    rows = draw(st.lists(st.tuples(*columns[:width]).map(list), max_size=5))
    delimiter = draw(st.sampled_from([",", ",", ",", ";", "\t", "|"]))
    text = as_csv([names, *rows], delimiter, draw(st.booleans()), draw(st.sampled_from(["\n", "\r\n", "\r"])))
    for at, length, new in draw(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 3), wild), max_size=2)):
        text = text[: at % (len(text) + 1)] + new + text[at % (len(text) + 1) + length :]
    return text


def encoded(text: str, encoding: str) -> bytes:
    try:
        return text.encode(encoding)
    except (UnicodeError, LookupError):
        return text.encode("utf-8", "replace")


def contents(header: tuple[str, ...]) -> st.SearchStrategy[bytes]:
    """Return a file's bytes: any, or a text in some encoding, cut anywhere."""
    texts = st.builds(encoded, csv_texts(header), st.sampled_from(ENCODINGS))
    cut = st.builds(lambda content, at: content[: at % (len(content) + 1)], texts, st.integers(0, 500))
    good = st.builds(encoded, csv_texts(header), st.just("utf-8"))
    return st.one_of(good, good, texts, cut, st.binary(max_size=60))


@given(
    nights=st.lists(contents(COLUMNS), min_size=1, max_size=2),
    encoding=st.sampled_from(("utf-8", "utf-8", *ENCODINGS)),
    delimiter=st.sampled_from([",", ",", ";", "\\t", "|", "\u20ac", "a"]),
)
@fuzzed(20)
@PATIENT
@pytest.mark.filterwarnings("ignore:invalid (octal )?escape sequence:DeprecationWarning")  # of `unicode_escape`
def test_whatever_a_csv_file_of_the_erp_holds_is_read_or_told(
    nights: list[bytes], encoding: str, delimiter: str
) -> None:
    with a_home() as home:
        export = home.folder / "export"
        export.mkdir()
        home.config.write_text(CSV_CONFIG.format(encoding=encoding, delimiter=delimiter), encoding="utf-8")
        codes = []
        for content in nights:
            (export / "erp_order_lines.csv").write_bytes(content)
            codes.append(told_well(home.po("nightly"), DONE, USAGE, ERP, GUARD).code)
        if codes[-1] == DONE:
            writes_nothing(home)
        if DONE in codes:
            sound(home)


@given(content=contents(XREF_HEADER), before=contents(XREF_HEADER))
@fuzzed(25)
@PATIENT
def test_whatever_an_xref_file_holds_is_imported_whole_or_not_at_all(content: bytes, before: bytes) -> None:
    with a_home() as home:
        home.insert(("PO-1", 1, "M-1"), ("PO-1", 2, "M-2"), ("PO-2", 1, "open"))
        file = home.folder / "items.csv"
        file.write_bytes(before)
        told_well(home.po("xref", "import", file), DONE, USAGE)
        had = told_well(home.po("xref", "export"), DONE).out
        file.write_bytes(content)
        done = told_well(home.po("xref", "import", file), DONE, USAGE)
        has = told_well(home.po("xref", "export"), DONE).out
        if done.code == USAGE:
            assert has == had
            return
        exported = {row.erp_item_code: row for row in xref_csv.parse(has.encode(), "what was exported")}
        assert exported == {
            **{row.erp_item_code: row for row in xref_csv.parse(had.encode(), "what was there")},
            **{row.erp_item_code: row for row in xref_csv.parse(content, "what was imported")},
        }
        told_well(home.po("nightly"), DONE)
        writes_nothing(home)
        sound(home)


storable = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.binary(max_size=20),
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20),
    st.sampled_from(["2026-01-31", "20260131", "12.5", " 1 ", "open", "a\0b", "x" * 300]),
)
"""What a cell of SQLite can hold, which no declared type restricts."""
BROKEN_TEXT: Final = "UPDATE erp_order_lines SET item_code = CAST(? AS TEXT) WHERE rowid = 1"
INSERT: Final = f"INSERT INTO erp_order_lines VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608 - question marks

sqlite_rows = st.lists(
    st.tuples(
        st.one_of(st.sampled_from(["PO-1", "PO-2"]), storable),
        st.one_of(st.integers(1, 3), storable),
        *(storable for _ in COLUMNS[2:]),
    ),
    max_size=6,
)


@given(nights=st.lists(sqlite_rows, min_size=1, max_size=3), broken=st.none() | st.binary(min_size=1, max_size=4))
@fuzzed(15)
@PATIENT
def test_whatever_a_database_of_the_erp_holds_is_taken_or_told(nights: list[list[Any]], broken: bytes | None) -> None:
    with a_home() as home:
        home.configure('[lines]\ninactive_statuses = []\n[log]\nlevel = "ERROR"\n')
        text = home.config.read_text("utf-8").replace("max_rejected_ratio = 0.5", "max_rejected_ratio = 1.0")
        home.config.write_text(text.replace("[guards]", "[guards]\nmin_lines = 0\nmax_emptied_ratio = 1.0"), "utf-8")
        codes = []
        for rows in nights:
            home.erp("DELETE FROM erp_order_lines")
            home.erp(*((INSERT, row) for row in rows))
            if broken is not None:  # bytes that are no text, as an ERP's own tools can leave them in one
                home.erp((BROKEN_TEXT, (broken,)))
            codes.append(told_well(home.po("nightly"), DONE, ERP, GUARD).code)
        if codes[-1] == DONE:
            writes_nothing(home)
        if DONE in codes:
            sound(home)
