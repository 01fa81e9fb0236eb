"""Rows as bytes: by which they are told apart, and in which they wait until they are read."""

from __future__ import annotations

import marshal
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias, cast

from po_ingest.model import RawRow
from po_ingest.raw_values import distinct_text

WITHOUT_REFERENCES: Final = 2
"""Version of the marshal format. Later ones write an object's second occurrence as a reference: they look each
object up, which takes longer, and equal rows could differ. Its bytes are the same in all Pythons that have it."""
AS_THEY_ARE: Final = frozenset({str, int, float, bool, bytes, type(None)})
"""Not their subclasses: marshal would write a number of numpy, which is a float, as mere bytes."""

WaitingRow: TypeAlias = RawRow | bytes
"""A row that waits to be read, as the driver gave it or packed."""


def pack(rows: Sequence[Sequence[object]], *, are_plain: bool) -> tuple[Sequence[bytes], bool]:
    """Return for each row bytes that no other row has, and whether all the rows can be had again by `unpack`.

    Rows of numbers, texts and bytes are packed as they are, any other one as its text in Python; no text is like a
    packed row, in which the length has NULs. Where rows `are_plain`, only the first of them is looked at.
    """
    tuples: list[Any] = list(map(tuple, rows))  # marshal writes no named tuples, and lists otherwise
    if are_plain and all(map(_is_plain, tuples[:1])):
        with suppress(ValueError):  # what was said of them is not true
            return [marshal.dumps(row, WITHOUT_REFERENCES) for row in tuples], True
    plain = list(map(_is_plain, tuples))
    packed = [
        marshal.dumps(row, WITHOUT_REFERENCES) if is_plain else distinct_text(row).encode("ascii")
        for row, is_plain in zip(tuples, plain, strict=True)
    ]
    return packed, all(plain)


def _is_plain(row: RawRow) -> bool:
    return AS_THEY_ARE.issuperset(map(type, row))


def unpack(row: WaitingRow) -> RawRow:
    """Return a row as the driver gave it."""
    return cast("RawRow", marshal.loads(row)) if type(row) is bytes else row  # type: ignore[return-value]  # noqa: S302 - bytes of our own
