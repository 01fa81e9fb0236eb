"""What searches for leaks finds them: a search that finds nothing proves nothing."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from support.marker import CORE, is_in, leaks


@pytest.mark.parametrize(
    "content",
    [
        CORE.encode(),
        CORE.upper().encode(),
        f"pwd={{{CORE}}};x".encode(),
        "".join(f"%{byte:02x}" for byte in CORE.encode()).encode(),
        "".join(f"%{byte:02X}" for byte in CORE.encode()).encode(),
        "".join(f"\\u{ord(each):04x}" for each in CORE).encode(),
        "".join(f"\\x{ord(each):02x}" for each in CORE).encode(),
        quote(f"a/{CORE}@").encode(),
        json.dumps({"p": f'"{CORE}"'}).encode(),
        repr(f"'{CORE}").encode(),
        CORE.encode("utf-16"),
        CORE.encode("utf-16-be"),
        CORE.encode().hex().encode(),
        CORE.encode("utf-16-le").hex().upper().encode(),
        *(base64.b64encode(before + CORE.encode() + b"after") for before in (b"", b"u", b"u:")),
        *(base64.b64encode(before + CORE.encode("utf-16-le")) for before in (b"", b"u", b"u:")),
    ],
)
def test_the_marker_is_found_in_every_form(content: bytes) -> None:
    assert is_in(b"before " + content + b" after")


def test_nothing_is_found_where_nothing_is() -> None:
    assert leaks({"a": b"harmless", "b": f"x {CORE}".encode(), "c": CORE[:-3].encode()}) == ["b"]
