"""Loads CSV files into a SQLite connection: all columns text, the first row names, an empty cell is NULL."""

from __future__ import annotations

import codecs
import csv
import io
import sqlite3
import sys
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from po_ingest.errors import ErpError
from po_ingest.settings import CsvSettings
from po_ingest_adapters.erp.sqlite_reading import unreadable

BYTE_ORDER_MARK: Final = "\ufeff"
LONGEST_CELL: Final = min(sys.maxsize, 2**31 - 1)
"""What the csv module takes on every platform."""
BLOCK: Final = 65_536
DELIMITERS: Final = (";", "\t", "|", ",")
SET_ENCODING: Final = "set erp.csv.encoding to the file's encoding (often cp1252 or latin-1)"


def tables(folder: Path) -> dict[str, Path]:
    """Return the CSV files of a folder by their tables' names. Raises ErpError."""
    found: dict[str, Path] = {}
    try:
        files = sorted(file for file in folder.iterdir() if file.suffix.lower() == ".csv" and file.is_file())
    except OSError as error:
        raise ErpError(
            f"the folder {folder} could not be read: {error.strerror}", hint="correct erp.connection"
        ) from error
    for file in files:
        other = next((name for name in found if name.casefold() == file.stem.casefold()), None)
        if other is not None:
            raise ErpError(
                f"{found[other].name} and {file.name} would be one table, whose name has no case",
                hint="rename one of them",
            )
        found[file.stem] = file
    return found


def load(connection: sqlite3.Connection, name: str, path: Path, settings: CsvSettings) -> None:
    """Create and fill the table of a file. Raises ErpError, naming the file and, where there is one, the line."""
    with closing(_lines(path, settings.encoding)) as lines:
        records = _records(path, lines, settings.delimiter)
        _, header = next(records, (1, None))
        if header is None:
            raise ErpError(f"{path.name} is empty", hint="its first row must name the columns")
        columns = _columns(path, header)
        cells = _cells(path, len(columns), records)
        if len(columns) == 1:
            cells = _unless_another_delimiter(path, columns[0], cells)
        declared = ", ".join(f"{quoted(column)} TEXT" for column in columns)
        places = ", ".join("?" * len(columns))
        insert = f"INSERT INTO {quoted(name)} VALUES ({places})"  # noqa: S608 - the name is quoted
        try:
            connection.execute("BEGIN")
            connection.execute(f"CREATE TABLE {quoted(name)} ({declared})")
            connection.executemany(insert, cells)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise unreadable(path.name, error) from error


def quoted(name: str) -> str:
    """Return a name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def _columns(path: Path, header: list[str]) -> list[str]:
    columns = [cell.strip() for cell in header]
    seen: set[str] = set()
    for at, column in enumerate(columns, 1):
        if not column:
            raise _fault(path, 1, f"column {at} has no name", "name each column in the first row")
        if column.casefold() in seen:
            raise _fault(path, 1, f"two columns are named {column}", "give each column a name of its own")
        seen.add(column.casefold())
    return columns


def _unless_another_delimiter(path: Path, column: str, cells: Iterator[list[str | None]]) -> Iterator[list[str | None]]:
    """Pass on the cells of an only column; refuse them in the end if all are split by what splits its name.

    Else the query tells of missing columns, at best. In a file of one column the name alone may have the character.
    """
    other = next((each for each in DELIMITERS if each in column), None)
    splits = None
    for row in cells:
        if other is not None and splits is not False:
            splits = (row[0] or "").count(other) >= column.count(other)
        yield row
    if splits:
        shown = "\\t" if other == "\t" else other
        what = f'the first row is one cell, with "{shown}" in it as in all others'
        raise _fault(path, 1, what, f'set erp.csv.delimiter to "{shown}"')


def _cells(path: Path, width: int, records: Iterator[tuple[int, list[str]]]) -> Iterator[list[str | None]]:
    for line, record in records:
        if len(record) != width:
            raise _fault(
                path,
                line,
                f"the row has {len(record)} cells and the first row {width}",
                "look for a missing quote, or for another delimiter than that of erp.csv.delimiter",
            )
        yield [cell or None for cell in record]


def _records(path: Path, lines: Iterator[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with the line it begins in; empty lines are no rows."""
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        begins = reader.line_num + 1
        try:
            record = next(reader, None)
        except csv.Error as error:
            raise _fault(path, begins, f"the row is no CSV: {error}", "look for a quote too many or too few") from error
        if record is None:
            return
        if record:
            yield begins, record


def _lines(path: Path, encoding: str) -> Generator[str, None, None]:
    try:
        with path.open(encoding=encoding, newline="") as stream:
            for number, text in enumerate(stream, 1):
                line = text.removeprefix(BYTE_ORDER_MARK) if number == 1 else text
                if number == 1 and "\0" in line:  # the file of another encoding; elsewhere it is for the core to judge
                    raise _fault(path, number, "there is a NUL character", f"is the file's encoding {encoding}?")
                yield line
    except UnicodeDecodeError as error:
        what = f"byte 0x{error.object[error.start]:02x} is not {encoding}"
        raise _fault(path, _line_of_fault(path, encoding), what, SET_ENCODING) from error
    except UnicodeError as error:  # UTF-16 without its byte-order mark, for one
        raise ErpError(f"{path.name} is not {encoding}: {error}", hint=SET_ENCODING) from error
    except OSError as error:
        raise ErpError(
            f"{path.name} could not be read: {error.strerror}",
            hint="the user that runs po-ingest needs the right to read it",
        ) from error


def _line_of_fault(path: Path, encoding: str) -> int:
    """Return the line of the first bytes that cannot be decoded; the stream itself only knows its own block."""
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(), translate=True)
    line = 1
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            state = decoder.getstate()
            try:
                line += decoder.decode(block).count("\n")
            except UnicodeError:
                decoder.setstate(state)
                return line + _lines_before_fault(decoder, block)
    return line  # the file ends within a character


def _lines_before_fault(decoder: io.IncrementalNewlineDecoder, block: bytes) -> int:
    lines = 0
    with suppress(UnicodeError):
        for at in range(len(block)):
            lines += decoder.decode(block[at : at + 1]).count("\n")
    return lines


def _fault(path: Path, line: int, what: str, hint: str) -> ErpError:
    return ErpError(f"{path.name}, line {line}: {what}", hint=hint)
