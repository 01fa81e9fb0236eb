"""What the makers of pages share: templates with marks, and tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
MARK: Final = re.compile(r"^@(.+)@$", re.MULTILINE)


class IncompleteError(Exception):
    """A part of the code is told nowhere, or what is told is not there."""


def filled(name: str, sources: str, parts: Mapping[str, str]) -> str:
    """Return a page: its template, with a part for each mark `@NAME@`. Raises IncompleteError if one has no other."""
    template = (HERE / f"{name}.in").read_text(encoding="utf-8")
    marks = MARK.findall(template)
    if differing := set(marks) ^ set(parts):
        raise IncompleteError(f"{name}.in and {sources} differ in {', '.join(sorted(differing))}")
    note = f"<!-- made by docs/make.py from {name}.in and {sources}: change those -->\n\n"
    return note + MARK.sub(lambda mark: parts[mark[1]], template)


def table_rows(header: Sequence[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield the lines of a table."""
    yield f"| {' | '.join(header)} |"
    yield f"|{' --- |' * len(header)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
