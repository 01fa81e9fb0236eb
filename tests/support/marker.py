"""A password that is easily found, whatever became of it, and where it was found."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import unquote_to_bytes

CORE: Final = "xQ7GeheimKern9x"
"""Must turn up nowhere, alone or as part of a password."""

ESCAPE: Final = re.compile(rb"\\u00([0-9a-f]{2})|\\x([0-9a-f]{2})|&#x?0*([0-9a-f]{2,3});", re.IGNORECASE)


def forms() -> list[bytes]:
    """Return the core in lower case, and its bytes in hexadecimal, in each encoding."""
    encodings = ("utf-8", "utf-16-le", "utf-16-be")
    raw = [CORE.lower().encode(encoding) for encoding in encodings]
    return [*raw, *(CORE.encode(encoding).hex().encode() for encoding in encodings)]


def base64_forms() -> Iterator[bytes]:
    """Yield what Base64 makes of the core, wherever in a text it begins."""
    for encoding in ("utf-8", "utf-16-le"):
        raw = CORE.encode(encoding)
        for before in range(3):
            start = -(-before * 8 // 6)
            yield base64.b64encode(b"\0" * before + raw)[start : (before + len(raw)) * 8 // 6]


def is_in(content: bytes) -> bool:
    """Say whether the core is in a content, as it is or encoded."""
    if any(form in content for form in base64_forms()):
        return True
    plain = [content, unquote_to_bytes(content), ESCAPE.sub(_unescaped, content)]
    return any(form in each.lower() for each in plain for form in forms())


def _unescaped(match: re.Match[bytes]) -> bytes:
    return bytes([int(next(filter(None, match.groups())), 16) & 0xFF])


def leaks(contents: Mapping[str, bytes]) -> list[str]:
    """Return the names of the contents that tell it."""
    return [name for name, content in contents.items() if is_in(content)]
