"""Checks of single values of the configuration: each returns the value as it is used, or raises ExpectedError."""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Callable, Iterable
from datetime import date, time
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

from po_ingest.config_faults import ExpectedError, Fault, FaultsError, attempt
from po_ingest.fields import Kind
from po_ingest.installed import scheme
from po_ingest.readers import check_format

Check: TypeAlias = Callable[[object], Any]
"""Takes a TOML value; what it returns has the type of the attribute that it is for."""

INTEGER_MAX: Final = 2**31 - 1
LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
STORE_URL: Final = re.compile(r"(?P<name>[A-Za-z]\w*(?:\+\w+)?)://(?P<rest>.*)", re.DOTALL)
SQLITE_REST: Final = re.compile(r"(?:/(?P<database>[^?]*))?(?P<query>\?.*)?", re.DOTALL)
ANY_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
SCHEMA: Final = re.compile("[A-Za-z_][A-Za-z0-9_]{0,62}")


def text(expected: str = "a text that is not empty", *, longest: int | None = None) -> Check:
    """Take texts that are not blank, trimmed."""

    def check(raw: object) -> str:
        value = raw.strip() if isinstance(raw, str) else ""
        if not value or not _is_storable(value) or (longest is not None and len(value) > longest):
            raise ExpectedError(expected)
        return value

    return check


def _is_storable(value: str) -> bool:
    return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)


def secret(expected: str) -> Check:
    """Take texts that are not blank as they are: a blank may belong to a password."""
    trimmed = text(expected)

    def check(raw: object) -> object:
        trimmed(raw)
        return raw

    return check


def boolean(raw: object) -> bool:
    """Take true and false."""
    if not isinstance(raw, bool):
        raise ExpectedError("true or false")
    return raw


def integer(smallest: int) -> Check:
    """Take whole numbers; true is none."""

    def check(raw: object) -> int:
        if isinstance(raw, bool) or not isinstance(raw, int) or not smallest <= raw <= INTEGER_MAX:
            raise ExpectedError(f"a whole number from {smallest} to {INTEGER_MAX}")
        return raw

    return check


def number(smallest: int, largest: int = INTEGER_MAX) -> Check:
    """Take numbers, whole ones too; no `inf`, no `nan`."""

    def check(raw: object) -> float:
        if isinstance(raw, bool) or not isinstance(raw, (int, float)) or not smallest <= raw <= largest:
            raise ExpectedError(f"a number from {smallest} to {largest}")
        return float(raw)

    return check


def choice(options: Iterable[str], *, upper: bool = False) -> Check:
    """Take one of several words; `upper`: in any case, told in upper case."""
    words = tuple(options)

    def check(raw: object) -> str:
        value = raw.upper() if upper and isinstance(raw, str) else raw
        if not isinstance(value, str) or value not in words:
            raise ExpectedError(f"one of {', '.join(words)}")
        return value

    return check


def each(check_entry: Check, expected: str, *, at_least: int = 0) -> Check:
    """Take lists; each entry is checked."""

    def check(raw: object) -> tuple[Any, ...]:
        if not isinstance(raw, list) or len(raw) < at_least:
            raise ExpectedError(expected)
        faults: list[Fault] = []
        values = tuple(attempt(check_entry, entry, place, faults) for place, entry in enumerate(raw))
        if faults:
            raise FaultsError(faults)
        return values

    return check


def null_entry(raw: object) -> str:
    """Take a text, number or date of a null list, as text."""
    if isinstance(raw, str):
        return raw
    if isinstance(raw, (date, time)):
        return raw.isoformat()
    if isinstance(raw, (int, float)) and not isinstance(raw, bool) and math.isfinite(raw):
        return str(raw)
    raise ExpectedError('a text, number or date, such as "0000-00-00"')


def format_of(kind: Kind) -> Check:
    """Take a format of the type."""

    def check(raw: object) -> str:
        if not isinstance(raw, str):
            raise ExpectedError("a format, written as a text")
        try:
            check_format(kind, raw)
        except ValueError as error:
            raise ExpectedError(str(error)) from None
        return raw

    return check


def timezone(raw: object) -> str:
    """Take the name of a time zone that this machine knows."""
    expected = "the name of a time zone such as UTC or Europe/Berlin"
    name: str = text(expected)(raw)
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ExpectedError(expected) from None
    return name


def encoding(raw: object) -> str:
    """Take the name of an encoding of texts that Python knows."""
    expected = "the name of an encoding such as utf-8, latin-1 or cp1252"
    name: str = text(expected)(raw)
    try:
        "text".encode(name)
    except (LookupError, ValueError):
        raise ExpectedError(expected) from None
    return name


def byte_encoding(raw: object) -> str:
    """Take the name of an encoding in which ASCII is ASCII: a driver's bytes may be in it."""
    name = encoding(raw)
    if "SELECT 'x'".encode(name) != b"SELECT 'x'":
        raise ExpectedError("the name of an encoding that keeps ASCII, such as utf-8, latin-1 or cp1252")
    return name


def delimiter(raw: object) -> str:
    """Take one character that can stand between CSV cells."""
    if not isinstance(raw, str) or len(raw) != 1 or raw in '"\r\n\0 ':
        raise ExpectedError(r'one character such as "," or ";" or "\t"')
    return raw


def url(raw: object) -> str:
    """Take any URL."""
    value: str = text("a URL such as https://host/path")(raw)
    if not ANY_URL.fullmatch(value):
        raise ExpectedError("a URL such as https://host/path")
    return value


HTTP_URL: Final = "an http or https URL such as https://host/path"


def http_url(raw: object) -> str:
    """Take the URL of a web service."""
    value: str = text(HTTP_URL)(raw)
    if not ANY_URL.fullmatch(value) or scheme(value).lower() not in {"http", "https"}:
        raise ExpectedError(HTTP_URL)
    return value


def schema(raw: object) -> str:
    """Take a name that needs no quotes in any database."""
    if not isinstance(raw, str) or not SCHEMA.fullmatch(raw):
        raise ExpectedError("a schema's name: up to 63 letters, digits and underscores, no digit first")
    return raw


def path(folder: Path) -> Check:
    """Take a file's path, relative to the folder."""
    name = text("a file's path")

    def check(raw: object) -> Path:
        return folder / str(name(raw))

    return check


def text_file(folder: Path) -> Check:
    """Take a file's path, relative to the folder, for what is in the file."""
    locate = path(folder)

    def check(raw: object) -> str:
        try:
            content = _decoded(locate(raw).read_bytes())
        except UnicodeDecodeError:
            raise ExpectedError("a file in UTF-8, and it is in another encoding") from None
        except OSError as error:
            raise ExpectedError(f"a file that can be read, and it cannot: {error.strerror}") from None
        if not content.strip():
            raise ExpectedError("a file with a query, and it is empty")
        return content

    return check


def _decoded(raw: bytes) -> str:
    """Return a file's text: UTF-8, or UTF-16 where a byte-order mark tells so, as SQL Server's tools write it."""
    return raw.decode("utf-16" if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig")


def adapter(expected: str, known: Callable[[], Iterable[str]], key: Callable[[str], str] = str) -> Check:
    """Take names of adapters that are installed; `key` gives the name in a value."""
    is_text = text(expected)

    def check(raw: object) -> str:
        value: str = is_text(raw)
        names = list(known())
        if key(value) not in names:
            raise ExpectedError(f"{expected}; installed are: {', '.join(names) or 'none'}")
        return value

    return check


def sqlite_file(url: str) -> Path | None:
    """Return the file that a checked store URL names; none if it names another database, or no file."""
    found = STORE_URL.fullmatch(url)
    parts = SQLITE_REST.fullmatch(found["rest"]) if found and _is_sqlite(found) else None
    database = unquote(parts["database"] or "") if parts else ""
    return Path(database) if database and not _is_no_path(database) else None


def _is_sqlite(found: re.Match[str]) -> bool:
    return scheme(found["name"]) == "sqlite"


def _is_no_path(database: str) -> bool:
    return database == ":memory:" or database.startswith("file:")


def store_url(folder: Path, known: Callable[[], Iterable[str]]) -> Check:
    """Take a SQLAlchemy URL of a store that is installed; an SQLite file's relative path starts at the folder."""
    expected = "a SQLAlchemy URL such as sqlite:///po-ingest.db or mssql+pyodbc://server/database?driver=..."
    is_text = text(expected)
    is_installed = adapter("a URL whose scheme names a store", known, scheme)

    def check(raw: object) -> str:
        value: str = is_text(raw)
        found = STORE_URL.fullmatch(value)
        if not found:
            raise ExpectedError(expected)
        is_installed(value)
        if not _is_sqlite(found):
            return value
        parts = SQLITE_REST.fullmatch(found["rest"])
        if not parts:
            raise ExpectedError("sqlite:/// (three slashes) and the file's path")
        database = unquote(parts["database"] or "")
        if not database or _is_no_path(database):
            return value
        # SQLAlchemy reads the path with its %XX: a folder may have any name
        file = quote((folder / database).as_posix(), safe=" +/:")
        return f"{found['name']}:///{file}{parts['query'] or ''}"

    return check
