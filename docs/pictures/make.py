"""Draws the pictures of README and docs from the real thing: what commands print on a terminal, and the health page.

    python docs/pictures/make.py

Each picture comes light and dark: NAME-light and NAME-dark. Needs a POSIX system and Chromium or Chrome; the demo is
built in a temporary folder.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, SVG_EXPORT_THEME
from rich.text import Text

HERE: Final = Path(__file__).parent
COLUMNS, ROWS = 88, 50
FONTS: Final = re.compile(r"\s*@font-face \{.*?\}\n", re.DOTALL)
THEMES: Final = {"light": DEFAULT_TERMINAL_THEME, "dark": SVG_EXPORT_THEME}
EDGE: Final = "rgba(128,128,128,0.5)"
"""The window's edge, on a page of either form; rich's own is for dark ones."""
SCHEMES: Final = {"dark": 0, "light": 1}
"""What Chromium calls a preferred colour scheme."""
PROGRAM: Final = str(Path(sys.executable).with_name("po-ingest"))


def on_terminal(arguments: Sequence[str], folder: Path) -> str:
    """Run po-ingest on a terminal of its own and return all that it prints, colours included."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        os.environ.update(TERM="xterm-256color", PAGER="cat")
        os.environ.pop("NO_COLOR", None)
        os.execv(PROGRAM, [PROGRAM, *arguments])  # noqa: S606 - the program that the picture shows
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    printed = bytearray()
    try:
        while part := os.read(terminal, 65536):
            printed += part
    except OSError:  # the terminal is closed by the program's end
        pass
    os.waitpid(process, 0)
    return printed.decode("utf-8").replace("\r\n", "\n")


def draw(name: str, commands: Sequence[Sequence[str]], folder: Path) -> None:
    """Write the commands and what they print as a picture, light and dark."""
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - nothing is written
    for arguments in commands:
        console.print(Text.assemble(("$ ", "bold green"), "po-ingest " + " ".join(arguments)))
        console.print(Text.from_ansi(on_terminal(arguments, folder)))
    console.file.close()
    for form, theme in THEMES.items():
        drawn = console.export_svg(title="po-ingest", theme=theme, clear=False, unique_id=f"{name}-{form}")
        text = FONTS.sub("\n", drawn).replace("rgba(255,255,255,0.35)", EDGE)  # nothing is fetched from elsewhere
        (HERE / f"{name}-{form}.svg").write_text(text, encoding="utf-8")


def photograph(page: Path, name: str) -> None:
    """Take a picture of a page in the browser, light and dark."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    for form, scheme in SCHEMES.items():
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1040,1560"]
        options += [f"--blink-settings=preferredColorScheme={scheme}", f"--screenshot={HERE / f'{name}-{form}.png'}"]
        subprocess.run([browser, *options, page.as_uri()], check=True, capture_output=True)  # noqa: S603 - ours


def main() -> None:
    """Draw all pictures."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        draw("demo", [["demo"]], folder)
        config = folder / "po-ingest-demo"
        on_terminal(["demo", "--days", "60"], folder)
        draw("history", [["history", "4500000338", "50"]], config)
        draw("report", [["report"], ["status"]], config)
        on_terminal(["report", "--html", "health.html"], config)
        photograph(config / "health.html", "health")


if __name__ == "__main__":
    main()
