"""What the ERP source `csv` does beyond the contract suite: forms of CSV, and faults named by file and line."""

from __future__ import annotations

import gc
import sqlite3
from pathlib import Path

import psutil
import pytest

from po_ingest.errors import ConfigError, ErpError
from po_ingest.model import RawRow
from po_ingest.settings import CsvSettings, ErpSettings
from po_ingest_adapters.erp.csv import CsvErpSource, create
from po_ingest_adapters.erp.sqlite_reading import unreadable

UTF_8 = CsvSettings()


def read(
    folder: Path, sql: str = "SELECT * FROM lines", settings: CsvSettings = UTF_8
) -> tuple[tuple[str, ...], list[RawRow]]:
    with CsvErpSource(folder=folder, format=settings).query(sql) as result:
        return result.columns, [row for chunk in result.chunks for row in chunk]


def failure(folder: Path, sql: str = "SELECT * FROM lines", settings: CsvSettings = UTF_8) -> str:
    with pytest.raises(ErpError) as caught:
        read(folder, sql, settings)
    assert not caught.value.transient
    return str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"po,text\nPO-1,a\nPO-2,\n",
        b"po,text\r\nPO-1,a\r\nPO-2,\r\n",
        b"po,text\rPO-1,a\rPO-2,\r",
        b"\xef\xbb\xbfpo,text\nPO-1,a\nPO-2,",
        b'\xef\xbb\xbf"po","text"\r\n"PO-1","a"\r\n"PO-2",""\r\n',
        b"\n po , text \n\nPO-1,a\n\nPO-2,\n\n",
    ],
    ids=["unix", "windows", "old-mac", "mark", "mark-and-quotes", "empty-lines-and-blanks-around-names"],
)
def test_the_forms_of_a_file_give_the_same_table(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "lines.csv").write_bytes(content)
    assert read(tmp_path) == (("po", "text"), [("PO-1", "a"), ("PO-2", None)])


def test_quoted_cells_keep_line_breaks_quotes_and_delimiters(tmp_path: Path) -> None:
    (tmp_path / "lines.csv").write_bytes(b'po;text\r\nPO-1;"a\r\n""b"";c"\r\n')
    assert read(tmp_path, settings=CsvSettings(delimiter=";"))[1] == [("PO-1", 'a\r\n"b";c')]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16", "utf-16-le", "utf-8-sig"])
def test_other_encodings_are_read_as_told(tmp_path: Path, encoding: str) -> None:
    mark = "\ufeff" if encoding == "utf-16-le" else ""
    (tmp_path / "lines.csv").write_bytes(f"{mark}po\tort\nPO-1\tK\u00f6ln\n".encode(encoding))
    assert read(tmp_path, settings=CsvSettings(encoding=encoding, delimiter="\t")) == (
        ("po", "ort"),
        [("PO-1", "K\u00f6ln")],
    )


def test_a_huge_cell_is_read(tmp_path: Path) -> None:
    (tmp_path / "lines.csv").write_text("po,text\nPO-1," + "x" * 1_000_000)
    assert read(tmp_path, "SELECT length(text) FROM lines")[1] == [(1_000_000,)]


def test_all_values_are_text(tmp_path: Path) -> None:
    (tmp_path / "lines.csv").write_text("a,b,c\n00010,1.50,NULL\n")
    assert read(tmp_path)[1] == [("00010", "1.50", "NULL")]


@pytest.mark.parametrize(
    ("content", "where", "what"),
    [
        (b"po,ort\nPO-1,a\nPO-2,K\xf6ln\nPO-3,b\n", "lines.csv, line 3", "byte 0xf6 is not utf-8"),
        (b"po,ort\r\n" + b"PO-1,a\r\n" * 99_998 + b"PO-2,K\xf6ln\r\n", "lines.csv, line 100000", "not utf-8"),
        (b"po,ort\nPO-1,\xc3", "lines.csv, line 2", "byte 0xc3 is not utf-8"),
        (b"po,ort\nPO-1\n", "lines.csv, line 2", "the row has 1 cells and the first row 2"),
        (b'po,ort\nPO-1,"a\nb"\nPO-2,"a\n\nb",c\n', "lines.csv, line 4", "the row has 3 cells and the first row 2"),
        (b'po,ort\nPO-1,"a"b\n', "lines.csv, line 2", "the row is no CSV"),
        (b'po,ort\nPO-1,a\nPO-2,"b\nPO-3,c\n', "lines.csv, line 3", "the row is no CSV"),
        ("po,ort\nPO-1,a\n".encode("utf-16-be"), "lines.csv, line 1", "there is a NUL character"),
        (b"po,ort,PO\nPO-1,a,b\n", "lines.csv, line 1", "two columns are named PO"),
        (b"po,,c\nPO-1,a,b\n", "lines.csv, line 1", "column 2 has no name"),
        (b"", "lines.csv", "is empty"),
        (b"\r\n\r\n", "lines.csv", "is empty"),
    ],
)
def test_a_fault_is_told_with_file_and_line(tmp_path: Path, content: bytes, where: str, what: str) -> None:
    (tmp_path / "lines.csv").write_bytes(content)
    told = failure(tmp_path)
    assert told.startswith(where)
    assert what in told


def test_r8_a_nul_in_a_cell_is_passed_on_so_that_its_row_alone_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "lines.csv").write_bytes(b"po,ort\nPO-1,a\0b\nPO-2,c\n")
    assert read(tmp_path)[1] == [("PO-1", "a\0b"), ("PO-2", "c")]


def test_a_header_alone_is_an_empty_table(tmp_path: Path) -> None:
    (tmp_path / "lines.csv").write_text("po,text\n")
    assert read(tmp_path) == (("po", "text"), [])


def test_files_that_a_query_does_not_name_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "lines.csv").write_text("po\nPO-1\n")
    (tmp_path / "broken.csv").write_bytes(b"\xff")
    (tmp_path / "notes.txt").write_text("no table")
    (tmp_path / "folder.csv").mkdir()
    assert read(tmp_path, "SELECT * FROM LINES")[1] == [("PO-1",)]
    assert failure(tmp_path, "SELECT * FROM nope") == "the ERP has no table nope; there are: broken, lines"


def test_names_of_tables_and_columns_may_be_any(tmp_path: Path) -> None:
    (tmp_path / 'my "lines" 2026.CSV').write_text('"a ""b""",select\n1,2\n')
    assert read(tmp_path, 'SELECT "a ""b""", "select" FROM "my ""lines"" 2026"') == (('a "b"', "select"), [("1", "2")])


def test_a_missing_column_is_told_with_those_of_the_tables_in_question(tmp_path: Path) -> None:
    (tmp_path / "lines.csv").write_text("po,text\n")
    assert failure(tmp_path, "SELECT nope FROM lines").endswith("lines has: po, text")


def test_two_files_of_one_table_are_told(tmp_path: Path) -> None:
    (tmp_path / "lines.csv").write_text("po\n")
    (tmp_path / "Lines.csv").write_text("po\n")
    if len(list(tmp_path.iterdir())) == 1:
        pytest.skip("file names have no case here, so that two such files cannot be")
    assert failure(tmp_path).startswith("Lines.csv and lines.csv would be one table")


def test_a_table_that_sqlite_cannot_have_is_told(tmp_path: Path) -> None:
    (tmp_path / "sqlite_lines.csv").write_text("po\n")
    assert "reserved" in failure(tmp_path, "SELECT * FROM sqlite_lines")


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    assert "correct erp.connection" in failure(tmp_path / "nowhere")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lines.csv").write_text("po\n")

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    assert failure(tmp_path).startswith("lines.csv could not be read: Permission denied")


def test_a_full_temporary_folder_is_told() -> None:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    told = unreadable("lines.csv", error)
    assert (told.transient, "TMPDIR" in told.hint) == (False, True)


def test_nothing_remains_of_a_query(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough rows for SQLite to need its temporary file."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("SQLITE_TMPDIR", str(temporary))
    (tmp_path / "lines.csv").write_text("po,text\n" + f"PO,{'x' * 1000}\n" * 20_000)
    process = psutil.Process()
    gc.collect()  # of what other tests left
    open_before = process.num_fds() if psutil.POSIX else process.num_handles()
    with CsvErpSource(folder=tmp_path, format=UTF_8).query("SELECT * FROM lines") as result:
        assert sum(len(chunk) for chunk in result.chunks) == 20_000
    assert list(temporary.iterdir()) == []
    assert (process.num_fds() if psutil.POSIX else process.num_handles()) == open_before


def test_create_reads_the_settings(tmp_path: Path) -> None:
    settings = ErpSettings(
        connection="export", folder=tmp_path, fetch_size=7, query_timeout=9, csv=CsvSettings(delimiter=";")
    )
    source = create(settings)
    assert (source.folder, source.fetch_size, source.query_timeout) == (tmp_path / "export", 7, 9)
    assert source.format.delimiter == ";"


@pytest.mark.parametrize("settings", [CsvSettings(encoding="utf-99"), CsvSettings(encoding="rot13")])
def test_an_unknown_encoding_is_a_fault_of_the_configuration(tmp_path: Path, settings: CsvSettings) -> None:
    with pytest.raises(ConfigError, match=r"erp\.csv\.encoding"):
        create(ErpSettings(connection=".", folder=tmp_path, csv=settings))


@pytest.mark.parametrize(("delimiter", "shown"), [(";", ";"), ("\t", r"\t"), ("|", "|")])
def test_a_file_with_another_delimiter_is_told(tmp_path: Path, delimiter: str, shown: str) -> None:
    (tmp_path / "lines.csv").write_text(f"po{delimiter}line\nPO-1{delimiter}10\n", encoding="utf-8")
    told = failure(tmp_path)
    assert "lines.csv, line 1: the first row is one cell" in told
    assert told.endswith(f'; set erp.csv.delimiter to "{shown}"')


@pytest.mark.parametrize("rows", ["", "A-1\n", "A-1\nA;2\n", "A;2\nA-1\n", 'A;1\n""\n'])
def test_a_file_of_one_column_may_have_a_delimiter_in_its_name(tmp_path: Path, rows: str) -> None:
    (tmp_path / "lines.csv").write_text(f"item; code\n{rows}", encoding="utf-8")
    columns, found = read(tmp_path)
    assert columns == ("item; code",)
    assert len(found) == rows.count("\n")


def test_a_file_with_another_delimiter_and_no_rows_lacks_the_columns_that_a_query_names(tmp_path: Path) -> None:
    (tmp_path / "lines.csv").write_text("po;line\n", encoding="utf-8")
    told = failure(tmp_path, "SELECT po FROM lines")
    assert "po;line" in told


@pytest.mark.parametrize("delimiter", ["", ";;", "\n", '"'])
def test_a_delimiter_that_separates_nothing_is_a_fault_of_the_configuration(tmp_path: Path, delimiter: str) -> None:
    with pytest.raises(ConfigError, match=r"erp\.csv\.delimiter"):
        create(ErpSettings(connection=".", folder=tmp_path, csv=CsvSettings(delimiter=delimiter)))


def test_check_counts_the_tables(tmp_path: Path) -> None:
    (tmp_path / "lines.csv").write_text("po\n")
    findings = CsvErpSource(folder=tmp_path, format=UTF_8).check()
    assert [(finding.name, finding.status) for finding in findings] == [
        ("erp connection", "ok"),
        ("erp privileges", "ok"),
    ]
    assert "tables: 1" in findings[0].message


@pytest.mark.parametrize("name", [".", "nowhere"])
def test_check_fails_where_there_is_no_table(tmp_path: Path, name: str) -> None:
    (finding,) = CsvErpSource(folder=tmp_path / name, format=UTF_8).check()
    assert (finding.status, finding.exit_code) == ("failed", 4)


def test_a_file_in_utf_16_that_does_not_say_so_is_told(tmp_path: Path) -> None:
    (tmp_path / "lines.csv").write_bytes("po,ort\nPO-1,a\n".encode("utf-16-be"))
    message = failure(tmp_path, settings=CsvSettings(encoding="utf-16"))
    assert message.startswith("lines.csv is not utf-16: ")
    assert "set erp.csv.encoding" in message
