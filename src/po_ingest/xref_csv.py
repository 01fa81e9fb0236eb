"""The item cross-reference as CSV (contract, last section): all faults of a file at once, with their line numbers."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from po_ingest.errors import ConfigError
from po_ingest.fields import BY_NAME
from po_ingest.model import XrefRow
from po_ingest.stages.xref import parse_is_active

COLUMNS: Final = ("erp_item_code", "supplier_code", "mapped_sku", "mapped_item", "is_active")
"""The columns of `item_xref` that a file can set."""

IGNORED: Final = frozenset({"updated_at"})
"""A column of the table that the import itself sets."""

_FIELDS: Final = {
    "erp_item_code": "item_code",
    "supplier_code": "supplier_code",
    "mapped_sku": "sku",
    "mapped_item": "item",
}
_WIDTHS: Final = {column: BY_NAME[field].width or 0 for column, field in _FIELDS.items()}
_FAULTS_TOLD: Final = 100

Line = tuple[int, list[str]]
"""The number of a record's first line, and its cells."""


def parse(content: bytes, name: str) -> list[XrefRow]:
    """Read a file's content; equal rows of one code count once. Raises ConfigError with a detail per fault."""
    faults: list[tuple[int, str]] = []
    rows: list[XrefRow] = []
    lines = _lines(_decode(content, name), faults)
    header = _header(next(lines, (1, [])), faults)
    if not faults:
        rows = _rows(lines, header, faults)
    if faults:
        told = [f"line {number}: {fault}" for number, fault in sorted(faults)]
        more = [f"... and {len(told) - _FAULTS_TOLD} more"] if len(told) > _FAULTS_TOLD else []
        raise ConfigError(
            f"{name} has {len(told)} fault{'s' if len(told) > 1 else ''}, nothing was imported",
            hint="mend the lines told below" if len(told) > 1 else told[0],
            details=(*told[:_FAULTS_TOLD], *more) if len(told) > 1 else (),
        )
    return rows


def _decode(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(
            f"{name} is not UTF-8: line {line} has the byte 0x{error.object[error.start]:02x}, nothing was imported",
            hint="save it as 'CSV UTF-8'",
        ) from None


def _lines(text: str, faults: list[tuple[int, str]]) -> Iterator[Line]:
    reader = csv.reader(_with_ends(text), strict=True)
    while True:
        start = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            faults.append((start, f"it is no CSV: {error}"))
            return
        if any(cell.strip() for cell in cells):  # a blank line is none
            yield start, [cell.strip() for cell in cells]


def _with_ends(text: str) -> list[str]:
    """Split at line ends only; `splitlines` would split at separators within cells, too."""
    return [line + "\n" for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]


def _header(line: Line, faults: list[tuple[int, str]]) -> list[str]:
    number, cells = line
    names = [cell.lower() for cell in cells]
    known = (*COLUMNS, *IGNORED)
    if len(names) == 1 and ";" in names[0]:
        faults.append((number, "the columns are separated by semicolons, commas are needed"))
        return names
    faults += [(number, f"unknown column {cell!r}") for cell in dict.fromkeys(names) if cell not in known]
    faults += [(number, f"the column {name} comes twice") for name in known if names.count(name) > 1]
    if "erp_item_code" not in names:
        faults.append((number, f"the column erp_item_code is missing; the columns are {', '.join(COLUMNS)}"))
    return names


def _rows(lines: Iterable[Line], header: Sequence[str], faults: list[tuple[int, str]]) -> list[XrefRow]:
    found: dict[str, tuple[int, XrefRow]] = {}
    for number, cells in lines:
        row = _row(number, cells, header, faults)
        if row is None:
            continue
        first = found.setdefault(row.erp_item_code, (number, row))
        if first[1] != row:
            faults.append((number, f"the code {row.erp_item_code!r} is on line {first[0]} with other values"))
    return [row for _, row in found.values()]


def _row(number: int, cells: Sequence[str], header: Sequence[str], faults: list[tuple[int, str]]) -> XrefRow | None:
    """Return the row, or None after telling its faults."""
    if len(cells) != len(header):
        faults.append((number, f"it has {len(cells)} cells, the header has {len(header)}"))
        return None
    values = dict(zip(header, cells, strict=True))
    own = [(number, f"{name} is longer than {_WIDTHS[name]} characters") for name in _WIDTHS if _is_long(values, name)]
    own += [(number, f"{name} has a NUL character") for name in _WIDTHS if "\0" in values.get(name, "")]
    if not values["erp_item_code"]:
        own.append((number, "erp_item_code is empty"))
    is_active = True
    try:
        is_active = parse_is_active(values.get("is_active") or None)
    except ValueError as error:
        own.append((number, f"is_active {error}"))
    faults += own
    if own:
        return None
    texts = [values.get(name) or None for name in COLUMNS[1:4]]
    return XrefRow(values["erp_item_code"], texts[0], texts[1], texts[2], is_active)


def _is_long(values: dict[str, str], name: str) -> bool:
    return len(values.get(name, "")) > _WIDTHS[name]
