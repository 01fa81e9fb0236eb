"""An ERP of sixty lines, in SQLite or CSV, to which anything may happen overnight."""

from __future__ import annotations

import csv
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import attrs

from support.command_line import Done, inside

Row = dict[str, Any]
COLUMNS: Final = (
    "po_number",
    "line_number",
    "sku",
    "item",
    "supplier_code",
    "ordered_quantity",
    "unit_price",
    "in_date",
    "promised_date",
    "final_customer",
    "current_status",
)
CONFIG: Final = """
[erp]
name = "shop"
adapter = "{adapter}"
connection = "{connection}"
[custom_columns.custom_decimal_1]
column = "unit_price"
"""
HISTORY: Final = ("po_line", "erp_snapshot", "erp_change_event", "batch", "rejected_row")


def good_rows() -> list[Row]:
    """Return the lines as they are on a good night: no two fields alike, half of the names beyond ASCII."""
    return [
        {
            "po_number": f"PO-{number}",
            "line_number": 10,
            "sku": f"SKU-{number}",
            "item": f"Schlüssel {number}" if number % 2 else f"Bolt {number}",
            "supplier_code": f"V{number}",
            "ordered_quantity": 100 + number,
            "unit_price": f"{number}.25",
            "in_date": f"2026-02-{number % 28 + 1:02}",
            "promised_date": f"2026-03-{number % 28 + 1:02}",
            "final_customer": f"Müller & Søn {number}" if number % 2 else f"Smith {number}",
            "current_status": "open",
        }
        for number in range(1, 61)
    ]


@attrs.frozen
class HostileErp:
    """A folder with configuration, ERP and store."""

    folder: Path
    adapter: str

    @property
    def csv_file(self) -> Path:
        return self.folder / "erp" / "erp_order_lines.csv"

    def give(self, rows: Sequence[Row], columns: Sequence[str] = COLUMNS, encoding: str = "utf-8") -> None:
        """Have the ERP hold these rows."""
        if self.adapter == "csv":
            with self.csv_file.open("w", encoding=encoding, newline="") as file:
                writer = csv.DictWriter(file, columns, extrasaction="ignore")
                writer.writeheader()
                writer.writerows(rows)
            return
        marks = ", ".join("?" * len(columns))
        with closing(sqlite3.connect(self.folder / "erp.db")) as connection, connection:
            connection.execute("DROP TABLE IF EXISTS erp_order_lines")
            connection.execute(f"CREATE TABLE erp_order_lines ({', '.join(columns)})")
            values = [[row[column] for column in columns] for row in rows]
            connection.executemany(f"INSERT INTO erp_order_lines VALUES ({marks})", values)  # noqa: S608 - question marks

    def po(self, *arguments: str) -> Done:
        return inside("--config", self.folder / "po-ingest.toml", *arguments)

    def history(self) -> dict[str, list[Any]]:
        """Return all rows of the tables that a refused night may not touch."""
        with closing(sqlite3.connect(self.folder / "po-ingest.db")) as store:
            return {table: store.execute(f"SELECT * FROM {table}").fetchall() for table in HISTORY}  # noqa: S608 - ours

    def values(self) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        """Return the fields of the lines as they are now."""
        names = ", ".join("custom_decimal_1" if name == "unit_price" else name for name in COLUMNS)
        with closing(sqlite3.connect(self.folder / "po-ingest.db")) as store:
            return {row[:2]: row for row in store.execute(f"SELECT {names} FROM po_line")}  # noqa: S608 - ours


def make_erp(folder: Path, adapter: str) -> HostileErp:
    """Make the ERP, as it is on a good night."""
    (folder / "erp").mkdir(parents=True)
    config = CONFIG.format(adapter=adapter, connection="erp" if adapter == "csv" else "erp.db")
    (folder / "po-ingest.toml").write_text(config, encoding="utf-8")
    erp = HostileErp(folder, adapter)
    erp.give(good_rows())
    return erp


def with_baseline(erp: HostileErp) -> HostileErp:
    """Let the first night pass."""
    assert erp.po("nightly").code == 0
    return erp


def copied(erp: HostileErp, folder: Path) -> HostileErp:
    """Return a copy to do anything with."""
    shutil.copytree(erp.folder, folder)
    return attrs.evolve(erp, folder=folder)
