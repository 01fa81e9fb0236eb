"""Calls of `po-ingest`, in this process for speed and as a process of its own for truth, and an ERP to call it on."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext, redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import attrs

from po_ingest import logs
from po_ingest.cli.main import main
from support.places import Place

PYTHON = (sys.executable, "-m", "po_ingest.cli")
COLUMNS = (
    "po_number",
    "line_number",
    "item_code",
    "supplier_code",
    "ordered_quantity",
    "delivered_quantity",
    "promised_date",
    "current_status",
)
CONFIG = """
[erp]
name = "shop"
adapter = "sqlite"
connection = "erp.db"
[guards]
max_absent_ratio = 1.0
max_rejected_ratio = 0.5
"""
NO_RETRY = """
[store.retry]
attempts = 1
"""


@attrs.frozen
class Done:
    """What a call left."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """Return the one line that tells the error."""
        (line,) = [line for line in self.err.splitlines() if line.startswith("po-ingest: error:")]
        return line

    @property
    def rows(self) -> list[list[str]]:
        """Return the cells of plain lines."""
        return [line.split("\t") for line in self.out.splitlines()]

    @property
    def pairs(self) -> dict[str, str]:
        """Return names and values of plain lines."""
        return {row[0]: row[1] for row in self.rows if len(row) > 1}

    @property
    def json(self) -> Any:  # noqa: ANN401 - as the command says
        """Return the JSON document that stdout is."""
        return json.loads(self.out)


def inside(*arguments: str | Path) -> Done:
    """Run a command line in this process."""
    streams = [TextIOWrapper(BytesIO(), encoding="ascii", newline="\n") for _ in range(2)]
    try:
        with redirect_stdout(streams[0]), redirect_stderr(streams[1]):
            code = main([str(argument) for argument in arguments])
    finally:
        logs.unlogged()
    texts = []
    for stream in streams:
        stream.flush()
        buffer = stream.buffer
        assert isinstance(buffer, BytesIO)
        texts.append(buffer.getvalue().decode("utf-8"))
    return Done(code, *texts)


def environment(changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return a poor environment: the C locale, nothing that tells Python of UTF-8, and no terminal's size."""
    dropped = {"PYTHONIOENCODING", "PYTHONUTF8", "LANG", "LINES", "COLUMNS"}  # pytest's workers have got the last two
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**kept, "LC_ALL": "C", **(changes or {})}


def outside(*arguments: str | Path, cwd: Path, environ: Mapping[str, str] | None = None) -> Done:
    """Run a command line as a process."""
    done = subprocess.run(  # noqa: S603 - the commands are the tests' own
        [*PYTHON, *map(str, arguments)],
        cwd=cwd,
        env=environment(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=120,
    )
    return Done(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8"))


@attrs.frozen
class Home:
    """A folder with a configuration and an ERP; the store is a file in it, or in another place."""

    folder: Path
    place: Place | None = None

    @property
    def config(self) -> Path:
        """Return the configuration."""
        return self.folder / "po-ingest.toml"

    def configure(self, more: str = "") -> None:
        """Write the configuration; a store that `more` names holds instead of the home's own."""
        own = "" if self.place is None or "[store]" in more else self._store_section(self.place)
        self.config.write_text(CONFIG + own + more, encoding="utf-8")

    @staticmethod
    def _store_section(place: Place) -> str:
        return f'[store]\nurl = "{place.url}"\nschema = "{place.schema}"\n'

    def in_store(self, statement: str) -> None:
        """Run a statement in the store, past the product."""
        if self.place is not None:
            self.place.sql(statement)
            return
        with closing(sqlite3.connect(self.folder / "po-ingest.db")) as store, store:
            store.execute(statement)

    def store_content(self) -> object:
        """Return all that is in the store, comparable; None where there is none."""
        if self.place is not None:
            return self.place.content()
        file = self.folder / "po-ingest.db"
        return file.read_bytes() if file.exists() else None

    def erp(self, *statements: str | tuple[str, Sequence[object]]) -> None:
        """Let something happen in the ERP."""
        with closing(sqlite3.connect(self.folder / "erp.db")) as connection, connection:
            for statement in statements:
                sql, values = (statement, ()) if isinstance(statement, str) else statement
                connection.execute(sql, values)

    def insert(self, *rows: Sequence[object]) -> None:
        """Add rows, in the order of COLUMNS; what is left out is none."""
        marks = ", ".join("?" * len(COLUMNS))
        full = [(*row, *(None for _ in range(len(COLUMNS) - len(row)))) for row in rows]
        self.erp(*((f"INSERT INTO erp_order_lines VALUES ({marks})", row) for row in full))  # noqa: S608 - question marks

    def po(self, *arguments: str | Path) -> Done:
        """Run a command with this configuration, in this process."""
        with self.at_hand():
            return inside("--config", self.config, *arguments)

    def at_hand(self) -> AbstractContextManager[object]:
        """Return what it takes to open the store in this process."""
        return nullcontext() if self.place is None else self.place.at_hand()

    def files(self) -> dict[str, bytes]:
        """Return all files and their contents, and that of a store elsewhere."""
        files = [each for each in self.folder.rglob("*") if each.is_file()]
        elsewhere = {} if self.place is None else {"the store": repr(self.store_content()).encode()}
        return {**{str(each.relative_to(self.folder)): each.read_bytes() for each in files}, **elsewhere}


def make_home(folder: Path, place: Place | None = None) -> Home:
    """Make a folder with a configuration and an ERP that has no lines."""
    folder.mkdir(parents=True, exist_ok=True)
    home = Home(folder, place)
    home.configure()
    home.erp(f"CREATE TABLE erp_order_lines ({', '.join(COLUMNS)})")
    return home


def live(home: Home) -> None:
    """Let some nights pass: five runs, of which the fourth fails."""
    home.insert(
        ("PO-1", 10, "M-1", "V1", 12, 0, "2026-03-01", "open"),
        ("PO-1", 20, "M-2", "V1", 5, 5, "2026-03-02", "open"),
        ("0815", 1, "M-3", "V2", 7, 0, "2026-03-03", "open"),
        ("BAD", 1, None, None, "many", 0, None, "open"),
    )
    assert home.po("nightly").code == 0
    home.erp(
        "UPDATE erp_order_lines SET promised_date = '2026-03-09', delivered_quantity = 4 WHERE line_number = 10",
        "UPDATE erp_order_lines SET current_status = 'closed' WHERE line_number = 20",
        "DELETE FROM erp_order_lines WHERE po_number = '0815'",
    )
    home.insert(("PO-2", 10, "M-1", "V\x1b[31m\t1", 3, 0, "2026-04-01", "open"))
    assert home.po("nightly").code == 0
    home.insert(("0815", 1, "M-3", "V2", 8, 0, "2026-03-03", "open"))
    assert home.po("nightly").code == 0
    home.erp("ALTER TABLE erp_order_lines RENAME TO elsewhere")
    assert home.po("nightly").code == 4
    home.erp("ALTER TABLE elsewhere RENAME TO erp_order_lines")
    assert home.po("nightly", "--rebaseline").code == 0
