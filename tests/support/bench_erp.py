"""Makes the ERP that the benchmarks read: N lines of 30 columns in SQLite, deterministic; and changes a share of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

COLUMNS = (
    "po_number TEXT, line_number INTEGER, sku TEXT, item TEXT, item_code TEXT, supplier_code TEXT, "
    "ordered_quantity REAL, delivered_quantity REAL, remaining_quantity REAL, in_date TEXT, promised_date TEXT, "
    "current_status TEXT, po_insert_date TEXT, final_customer TEXT, last_update_timestamp TEXT, "
    "ship_date TEXT, factory_date TEXT, booking_date TEXT, etd TEXT, eta TEXT, incoterm TEXT, port TEXT, vessel TEXT, "
    "container TEXT, remark TEXT, unit_price REAL, weight REAL, volume REAL, cartons INTEGER, duty REAL"
)
SLOTS = {
    "custom_date": ("ship_date", "factory_date", "booking_date", "etd", "eta"),
    "custom_text": ("incoterm", "port", "vessel", "container", "remark"),
    "custom_decimal": ("unit_price", "weight", "volume", "cartons", "duty"),
}
DAY = date(2026, 1, 1)
ITEMS = 2000


def rows(count: int) -> Iterator[tuple[object, ...]]:
    for number in range(count):
        po, line = divmod(number, 10)
        days = [(DAY + timedelta(days=(number * step) % 300)).isoformat() for step in range(1, 9)]
        ordered, delivered = float(100 + number % 900), float(number % 100)
        item = number % ITEMS
        yield (
            f"45{po:08d}", line * 10 + 10, f"SKU-{item:05d}", f"Item {item} of the catalogue", f"IC{item:06d}",
            f"V{number % 150:04d}", ordered, delivered, ordered - delivered, days[0], days[1],
            ("open", "confirmed", "partially delivered")[number % 3], days[2], f"Customer {number % 400}",
            f"{days[3]}T08:30:00Z", *days[3:8], "FOB", ("Shanghai", "Ningbo", "Yantian")[number % 3],
            f"Vessel {number % 60}", f"MSKU{number % 5000:07d}", f"remark {number}", 1.25 + number % 70,
            0.5 * (number % 90), 0.001 * (number % 1000), number % 40, 2.7,
        )  # fmt: skip


def make(path: Path, count: int) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("BEGIN")
    connection.execute(f"CREATE TABLE erp_order_lines ({COLUMNS})")
    connection.executemany(f"INSERT INTO erp_order_lines VALUES ({', '.join('?' * 30)})", rows(count))  # noqa: S608 - marks
    connection.execute("CREATE TABLE erp_item_xref (erp_item_code TEXT, mapped_sku TEXT, mapped_item TEXT)")
    codes = ((f"IC{item:06d}", f"MAPPED-{item}", f"Mapped item {item}") for item in range(min(count, ITEMS)))
    connection.executemany("INSERT INTO erp_item_xref VALUES (?, ?, ?)", codes)
    connection.execute("COMMIT")
    connection.close()


def change(path: Path, share: float, night: int) -> None:
    """Move the promised date and raise the delivered quantity of a share of the lines."""
    every = round(1 / share)
    connection = sqlite3.connect(path)
    connection.execute(
        "UPDATE erp_order_lines SET promised_date = date(promised_date, '+7 day'), "
        "delivered_quantity = delivered_quantity + 5 WHERE rowid % ? = ?",
        (every, night % every),
    )
    connection.commit()
    connection.close()


def config(folder: Path) -> Path:
    slots = [
        f'[custom_columns.{prefix}_{number}]\ncolumn = "{column}"\n'
        for prefix, columns in SLOTS.items()
        for number, column in enumerate(columns, 1)
    ]
    path = folder / "po-ingest.toml"
    erp = '[erp]\nadapter = "sqlite"\nconnection = "erp.db"\n'
    xref = '[erp.item_xref]\nquery = "SELECT * FROM erp_item_xref"\n'
    path.write_text("\n".join([erp, xref, *slots]), encoding="utf-8")
    return path
