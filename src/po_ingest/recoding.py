"""Texts that differ only by the code page in which they were read."""

from __future__ import annotations

from itertools import permutations
from typing import Final

CODE_PAGES: Final = ("ascii", "utf-8", "cp1252", "latin-1", "cp850", "cp437")
REPLACEMENT: Final = "\ufffd"
"""What decoders put where they cannot go on."""


def is_recoded(previous: str, new: str) -> bool:
    """Say whether a text is what another became, or came from, by being read in a wrong code page."""
    if previous.isascii() and new.isascii():
        return False
    if REPLACEMENT in new and REPLACEMENT not in previous:
        return True
    return any(
        previous.encode(written, "replace").decode(read, "replace") == new
        for written, read in permutations(CODE_PAGES, 2)
    )
