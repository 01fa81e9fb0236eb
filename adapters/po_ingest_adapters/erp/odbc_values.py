"""How values come through ODBC: texts in the driver's encoding, and types that pyodbc leaves to its users.

Sources: the pyodbc wiki, "Using an Output Converter function" and "Unicode"; Microsoft, "Data Type Support for ODBC
Date and Time Improvements" (SQL_SS_TIMESTAMPOFFSET_STRUCT) and "ODBC Driver: sqlncli/msodbcsql.h" (the type numbers).
"""

from __future__ import annotations

import codecs
import re
import struct
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, Final

import pyodbc

from po_ingest.errors import ErpError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

SQL_SS_UDT: Final = -151
"""SQL Server's geography, geometry, hierarchyid and other types of the CLR."""
SQL_SS_TIMESTAMPOFFSET: Final = -155
"""SQL Server's datetimeoffset."""
WIDE_TYPES: Final = (pyodbc.SQL_WCHAR, pyodbc.SQL_WVARCHAR, pyodbc.SQL_WLONGVARCHAR)
MICROSOFTS: Final = re.compile(r"msodbcsql|sqlncli", re.IGNORECASE)
NOT_SUPPORTED: Final = re.compile(r"ODBC SQL type (-?\d+) is not yet supported\.\s+column-index=(\d+)")
TOLERANT: Final = "po_ingest_"
"""Begins the names of encodings that give lone surrogates for bytes that are no text: the core rejects their rows."""


def datetime_with_offset(raw: bytes) -> datetime:
    """Return SQL Server's datetimeoffset (year to second, nanoseconds, hours and minutes of the offset)."""
    year, month, day, hour, minute, second, nanoseconds, hours, minutes = struct.unpack("<6hI2h", raw)
    zone = timezone(timedelta(hours=hours, minutes=minutes))
    return datetime(year, month, day, hour, minute, second, nanoseconds // 1000, zone)


wide_text: Final[Callable[[bytes], str]] = partial(str, encoding="utf-16-le", errors="surrogatepass")
"""Returns SQL Server's nvarchar, which may hold half a surrogate pair: pyodbc itself would end the query there."""


def convert(connection: pyodbc.Connection, driver: str) -> None:
    """Have types converted that pyodbc does not know, or not well enough; `driver` is its own name of itself."""
    connection.add_output_converter(SQL_SS_TIMESTAMPOFFSET, datetime_with_offset)
    if MICROSOFTS.search(driver):  # of other drivers it is not known what a wide text is as bytes
        for kind in WIDE_TYPES:
            connection.add_output_converter(kind, wide_text)


def encode(connection: pyodbc.Connection, encoding: str) -> None:
    """Exchange texts with the driver as bytes in the encoding, instead of UTF-16."""
    name = TOLERANT + encoding
    connection.setdecoding(pyodbc.SQL_CHAR, encoding=name, ctype=pyodbc.SQL_CHAR)
    connection.setencoding(encoding=name, ctype=pyodbc.SQL_CHAR)


def _tolerant(name: str) -> codecs.CodecInfo | None:
    """Find an encoding of ours. pyodbc asks codecs to be strict, and no option of it changes that."""
    if not name.startswith(TOLERANT):
        return None
    strict = codecs.lookup(name.removeprefix(TOLERANT))

    def decode(raw: Buffer, _errors: str = "strict", /) -> tuple[str, int]:
        return strict.decode(bytes(raw), "surrogateescape")

    return codecs.CodecInfo(strict.encode, decode, name=name)


codecs.register(_tolerant)


def unknown_type(text: str, columns: Sequence[str]) -> ErpError | None:
    """Return the error for a column of a type that pyodbc does not know, if this text of pyodbc tells of one."""
    found = NOT_SUPPORTED.search(text)
    if found is None:
        return None
    kind, at = int(found[1]), int(found[2])
    name = columns[at] if at < len(columns) else f"number {at + 1}"
    if kind == SQL_SS_UDT:
        return ErpError(
            f"the column {name} of the query is of a type that cannot be read (geography, geometry, hierarchyid)",
            hint=f"leave it out, or let the query give its text: {name}.ToString() AS {name}",
        )
    return ErpError(
        f"the column {name} of the query is of a type that cannot be read (ODBC type {kind})",
        hint="leave it out, or let the query cast it to text",
    )
