"""Writes the pages of the documentation that are made from the code.

python docs/make.py           write them
python docs/make.py --check   say whether they are what would be written
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import make_commands
import make_configuration
import make_fields
import make_store

HERE: Final = Path(__file__).parent
MAKERS: Final = {
    "commands.md": make_commands.page,
    "configuration.md": make_configuration.page,
    "fields.md": make_fields.page,
    "store.md": make_store.page,
}


def main(arguments: Sequence[str], folder: Path = HERE) -> int:
    """Write the pages, or check them."""
    old = []
    for name, page in MAKERS.items():
        file, text = folder / name, page()
        if "--check" not in arguments:
            file.write_text(text, encoding="utf-8", newline="\n")
        elif not file.is_file() or file.read_text(encoding="utf-8") != text:
            old.append(f"docs/{name}")
    if old:
        sys.stderr.write(f"not what their sources say: {', '.join(old)}; run: python docs/make.py\n")
    return int(bool(old))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
