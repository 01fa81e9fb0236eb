"""Results on stdout: tables for people, plain lines for pipes, JSON and CSV for programs; UTF-8 everywhere.

What the ERP wrote is never sent to a terminal as it is: a control character would steer it.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from io import StringIO, TextIOWrapper
from itertools import chain
from typing import TYPE_CHECKING, Final, TextIO, TypeAlias

import attrs
import click

from po_ingest.errors import PoIngestError
from po_ingest.fields import to_text

if TYPE_CHECKING:  # imported on terminals only
    from rich.console import Console

PROGRAM: Final = "po-ingest"

Record: TypeAlias = Mapping[str, object]
"""A row to show: column -> value."""


@attrs.frozen
class Remarked:
    """A value with a remark for people, which only a terminal shows."""

    value: object
    remark: str


Section: TypeAlias = tuple[str, Sequence[tuple[str, object]]]
"""A title, and names with their values."""

# C0, DEL and C1 controls; line and paragraph separators; what turns the direction of writing; lone surrogates.
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_IN_JSON: Final = re.compile("[\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SHORT: Final = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}

WIDE_TERMINAL: Final = 120
"""How many characters a line needs for the tables that have all columns."""

STATUS_STYLES: Final = {
    "ok": "green",
    "completed": "green",
    "warning": "yellow",
    "partial": "yellow",
    "running": "cyan",
    "failed": "bold red",
    "abandoned": "red",
}
"""The colours of statuses on a terminal."""


class ReaderGoneError(Exception):
    """Nobody reads stdout any more (`po-ingest changes | head`)."""


class OutputError(PoIngestError):
    """Stdout is there, but cannot be written."""


def use_utf8() -> None:
    """Write UTF-8 whatever the locale; what it cannot hold (lone surrogates) comes as an escape.

    A stream that is closed (`>&-`) becomes one that goes nowhere; so no file that is opened later takes its place.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - open to the end
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def is_terminal(stream: TextIO | None = None) -> bool:
    """Say whether a stream (stdout unless told) is a terminal that understands control codes."""
    return (stream or sys.stdout).isatty() and os.environ.get("TERM") != "dumb"


def width() -> int:
    """Return how many characters a line of stdout has; a pipe's has no end."""
    return shutil.get_terminal_size().columns if is_terminal() else sys.maxsize


def clean(text: str) -> str:
    """Return a text on one line, without control characters: they come as escapes, as in Python."""
    return _CONTROLS.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    return _SHORT.get(character) or (f"\\x{ord(character):02x}" if character < "\x80" else f"\\u{ord(character):04x}")


def shown(value: object) -> str:
    """Return a value as people read it, without control characters and remarks; none is an empty text."""
    if isinstance(value, Remarked):
        value = value.value
    if isinstance(value, Mapping):
        return ", ".join(f"{clean(str(name))} {shown(each)}" for name, each in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(shown, value))
    if isinstance(value, datetime):
        value = value.replace(microsecond=0)
    return clean(_text(value))


def _brief(value: object) -> str:
    """Return a value as a drawn table shows it: times to the minute."""
    return f"{value:%Y-%m-%d %H:%MZ}" if isinstance(value, datetime) else shown(value)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (str, Decimal, date)):
        return to_text(value) or ""
    return str(value)


def write(text: str) -> None:
    """Write to stdout, or to the page. Raises ReaderGoneError, and OutputError where it cannot be written."""
    _guarded(lambda: (_page or sys.stdout).write(text))


_page: StringIO | None = None


@contextmanager
def paged() -> Iterator[None]:
    """Show what is written meanwhile in the user's pager, if it is longer than the terminal; elsewhere as it comes."""
    global _page  # noqa: PLW0603 - what `write` writes to
    if not (is_terminal() and sys.stdin is not None and sys.stdin.isatty()):
        yield
        return
    _page = page = StringIO()
    try:
        yield
    finally:
        _page = None
    _show_page(page.getvalue())


def _show_page(text: str) -> None:
    if text.count("\n") < shutil.get_terminal_size().lines:
        write(text)
        return
    os.environ.setdefault("LESS", "FRX")  # as git does: quit if it fits, keep colours, leave the text on the screen
    click.echo_via_pager(text, color=True)


def flush() -> None:
    """See that all of it has been written, as `write` does."""
    _guarded(sys.stdout.flush)


def _guarded(step: Callable[[], object]) -> None:
    try:
        step()
    except BrokenPipeError:
        raise ReaderGoneError from None
    except OSError as error:
        raise OutputError(
            f"the output could not be written: {error.strerror or type(error).__name__}",
            hint="check where stdout goes to",
        ) from error


# -- JSON


def _json_value(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (Decimal, date)):
        return to_text(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def json_text(value: object, *, indent: int | None = None) -> str:
    """Return a value as JSON: texts readable, but free of what could steer a terminal or end a line."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=_json_value)
    return _IN_JSON.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def json_object(value: Record) -> None:
    """Write one object: on one line, but for people."""
    write(json_text(value, indent=2 if is_terminal() else None) + "\n")


def json_array(records: Iterable[Record]) -> None:
    """Write an array of objects, one a line, as they come."""
    between = "[\n"
    for record in records:
        write(between + json_text(record))
        between = ",\n"
    write("[]\n" if between == "[\n" else "\n]\n")


# -- CSV


def csv_rows(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield CSV, piece by piece, with a header; none is an empty cell."""
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for row in chain([columns], ([_csv_value(value) for value in row] for row in rows)):
        writer.writerow(row)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def _csv_value(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else _text(value)


def csv_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write CSV; exact in a file or pipe, without control characters on a terminal."""
    if is_terminal():
        rows = ([value if value is None else clean(_csv_value(value)) for value in row] for row in rows)
    for text in csv_rows(columns, rows):
        write(text)


# -- tables and texts


def console(stream: TextIO | None = None) -> Console:
    """Return what draws on a terminal; without colour where `NO_COLOR` is set."""
    from rich.console import Console  # noqa: PLC0415 - 50 ms that pipes need not spend

    plain = bool(os.environ.get("NO_COLOR"))
    return Console(
        file=stream or _page or sys.stdout,
        force_terminal=True,
        color_system=None if plain else "auto",
        no_color=plain,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )


def plain(rows: Iterable[Sequence[object]]) -> None:
    """Write a line a row, with tabs in between."""
    for row in rows:
        write("\t".join(map(shown, row)) + "\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Sequence[str] = ()) -> None:
    """Show a table: drawn on a terminal, else a header and a line a row, with tabs in between."""
    if not is_terminal():
        plain(chain([columns], rows))
        return
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - as above
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    drawn = Table(box=SIMPLE_HEAD, header_style="bold", show_edge=False, padding=(0, 1, 0, 0))
    for name in columns:
        drawn.add_column(Text(name), justify="right" if name in numbers else "left", overflow="fold")
    for row in rows:
        texts = map(_brief, row)
        drawn.add_row(*(Text(text, style=STATUS_STYLES.get(text, "")) for text in texts))
    _guarded(lambda: console().print(drawn))


def sections(parts: Iterable[Section]) -> None:
    """Show titled groups of names and values; without its title, a group is its lines alone."""
    for number, (title, pairs) in enumerate(parts):
        if number:
            write("\n")
        heading(title)
        pairs_table(pairs)


def heading(text: str) -> None:
    """Show a title."""
    if is_terminal():
        _guarded(lambda: console().print(clean(text), style="bold cyan"))
    else:
        write(clean(text) + "\n")


def pairs_table(pairs: Sequence[tuple[str, object]]) -> None:
    """Show names and values: aligned on a terminal, else with a tab in between."""
    if not is_terminal():
        plain(pairs)
        return
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    drawn = Table.grid(padding=(0, 2))
    drawn.add_column()
    drawn.add_column(overflow="fold")
    for name, value in pairs:
        text = shown(value)
        cell = Text(text, style=STATUS_STYLES.get(text, ""))
        if isinstance(value, Remarked):
            cell.stylize("yellow")
            cell.append(f"  <- {clean(value.remark)}", style="yellow")
        drawn.add_row(Text(f"  {name}", style="dim"), cell)
    _guarded(lambda: console().print(drawn))


def counted(number: int, one: str, many: str) -> str:
    """Return a number with its noun."""
    return f"{number} {one if number == 1 else many}"


def line(text: str) -> None:
    """Write a line, without control characters."""
    write(clean(text) + "\n")
