"""An ERP that lives for a year, and what it says itself of each of its days: the soak compares the store with it.

It shares nothing with the product but the names of the fields.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, Final, TypeAlias

import attrs

Key: TypeAlias = tuple[str, int]
Texts: TypeAlias = dict[str, str | None]

SCHEMA: Final = """
CREATE TABLE erp_order_lines (
    po_number TEXT, line_number INTEGER, item_code TEXT, supplier_code TEXT, ordered_quantity TEXT,
    delivered_quantity TEXT, remaining_quantity TEXT, in_date TEXT, promised_date TEXT, current_status TEXT,
    po_insert_date TEXT, final_customer TEXT, ship_date TEXT, weight TEXT, PRIMARY KEY (po_number, line_number)
);
CREATE TABLE receipts (po_number TEXT, line_number INTEGER, quantity TEXT, in_date TEXT, reference TEXT);
CREATE TABLE erp_item_xref (erp_item_code TEXT PRIMARY KEY, mapped_sku TEXT, mapped_item TEXT, supplier_code TEXT);
"""
COLUMNS: Final = (
    "po_number",
    "line_number",
    "item_code",
    "supplier_code",
    "ordered_quantity",
    "delivered_quantity",
    "remaining_quantity",
    "in_date",
    "promised_date",
    "current_status",
    "po_insert_date",
    "final_customer",
    "ship_date",
    "weight",
)
PUT: Final = f"INSERT OR REPLACE INTO erp_order_lines VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608 - question marks
DELETE: Final = "DELETE FROM erp_order_lines WHERE po_number = ? AND line_number = ?"
SLOTS: Final = {"custom_date_1": "ship_date", "custom_decimal_1": "weight"}
ITEMS: Final = 400
DAYS_UNTIL_ARCHIVED: Final = 5
BAD: Final = (("promised_date", "soon"), ("ordered_quantity", "many"), ("weight", "1,2,3"), ("in_date", "31.02.2026"))


@attrs.define
class Line:
    """A PO line."""

    key: Key
    item: int
    supplier: str | None
    ordered: int
    promised: date
    entered: date
    customer: str | None
    status: str = "open"
    delivered: int = 0
    received_on: date | None = None
    ship: date | None = None
    weight: Decimal | None = None
    closed_on: date | None = None

    @property
    def is_active(self) -> bool:
        return self.status != "closed"

    def row(self) -> dict[str, Any]:
        return {
            "po_number": self.key[0],
            "line_number": self.key[1],
            "item_code": f"MAT-{self.item:04}",
            "supplier_code": self.supplier,
            "ordered_quantity": str(self.ordered),
            "delivered_quantity": str(self.delivered),
            "remaining_quantity": str(self.ordered - self.delivered),
            "in_date": None if self.received_on is None else self.received_on.isoformat(),
            "promised_date": self.promised.isoformat(),
            "current_status": self.status,
            "po_insert_date": self.entered.isoformat(),
            "final_customer": self.customer,
            "ship_date": None if self.ship is None else self.ship.isoformat(),
            "weight": None if self.weight is None else str(self.weight),
        }


@attrs.define
class LivingErp:
    """The ERP's database, and what happens in it, the same for the same seed."""

    path: Path
    size: int
    rng: Random
    today: date = date(2026, 1, 1)
    lines: dict[Key, Line] = attrs.Factory(dict)
    lost: list[Line] = attrs.Factory(list)
    xref: dict[int, tuple[str, str | None, str | None]] = attrs.Factory(dict)  # item -> sku, item, supplier
    bad: dict[Key, tuple[str, str]] = attrs.Factory(dict)  # lines with a value that cannot be read, tonight
    _orders: int = 0
    _receipts: int = 0
    _touched: set[Key] = attrs.Factory(set)

    def __attrs_post_init__(self) -> None:
        self.path.unlink(missing_ok=True)
        with closing(sqlite3.connect(self.path)) as erp, erp:
            erp.executescript(SCHEMA)
        for item in range(0, ITEMS, 2):
            self.xref[item] = (f"SKU-{item:04}", f"Item {item}", None)
        self._order(self.size)
        self._write([])

    def next_day(self) -> None:
        """Let a day pass."""
        self.today += timedelta(days=1)
        receipts: list[tuple[object, ...]] = []
        self._some(0.02, lambda line: line.is_active, self._move_promise)
        self._some(0.01, lambda line: line.delivered < line.ordered, lambda line: self._deliver(line, receipts))
        self._some(0.001, lambda line: line.delivered > 0, lambda line: self._reverse(line, receipts))
        self._some(0.002, lambda line: line.is_active, self._change_details)
        self._some(0.3, lambda line: line.status == "received", self._close)
        self._archive()
        self._lose_and_find()
        self._remap()
        self._order(self.size - sum(line.is_active for line in self.lines.values()))
        self._write(receipts)

    def spoil(self, count: int) -> None:
        """Have rows that cannot be read, until they are mended."""
        keys = [key for key, line in self.lines.items() if line.is_active]
        self.bad = {key: self.rng.choice(BAD) for key in self.rng.sample(keys, min(count, len(keys)))}
        self._touched |= set(self.bad)
        self._write([])

    def mend(self) -> None:
        self._touched |= set(self.bad)
        self.bad = {}
        self._write([])

    def expected(self, before: Mapping[Key, Texts]) -> dict[Key, Texts]:
        """Return the tracked fields of the active lines; one that cannot be read tonight keeps what it had before."""
        now = {key: self._texts(line) for key, line in self.lines.items() if line.is_active and key not in self.bad}
        return {**now, **{key: before[key] for key in self.bad if key in before}}

    def _texts(self, line: Line) -> Texts:
        row = line.row()
        code = row["item_code"]
        sku, item, supplier = self.xref.get(line.item, (code, code, None))
        texts = {name: row[name] for name in ("item_code", "in_date", "promised_date", "current_status")}
        texts |= {name: row[name] for name in ("po_insert_date", "final_customer")}
        texts |= {name: f"{row[name]}.000" for name in ("ordered_quantity", "delivered_quantity", "remaining_quantity")}
        weight = None if line.weight is None else f"{line.weight:.3f}"
        return texts | {
            "sku": sku,
            "item": item or code,
            "supplier_code": supplier or line.supplier or "DEFAULT",
            "custom_date_1": row["ship_date"],
            "custom_decimal_1": weight,
        }

    # -- what happens

    def _some(self, share: float, can: Callable[[Line], bool], do: Callable[[Line], None]) -> None:
        able = [line for line in self.lines.values() if line.is_active and can(line)]
        for line in self.rng.sample(able, min(len(able), max(1, round(share * len(able))))):
            do(line)
            self._touched.add(line.key)

    def _move_promise(self, line: Line) -> None:
        line.promised += timedelta(days=self.rng.choice((-2, 1, 7, 14)))

    def _deliver(self, line: Line, receipts: list[tuple[object, ...]]) -> None:
        quantity = self.rng.randint(1, line.ordered - line.delivered)
        self._book(line, quantity, receipts)
        line.status = "received" if line.delivered == line.ordered else "partly received"

    def _reverse(self, line: Line, receipts: list[tuple[object, ...]]) -> None:
        self._book(line, -line.delivered, receipts)
        line.status = "open"

    def _book(self, line: Line, quantity: int, receipts: list[tuple[object, ...]]) -> None:
        self._receipts += 1
        line.delivered += quantity
        line.received_on = self.today
        receipts.append((*line.key, str(quantity), self.today.isoformat(), f"GR-{self._receipts}"))

    def _change_details(self, line: Line) -> None:
        line.customer = self.rng.choice(("North Mill", "S\u00fcd AG", "\u5317\u6771", None))
        line.ship = None if line.ship else line.promised
        line.weight = Decimal(self.rng.randint(1, 10**6)) / 1000

    def _close(self, line: Line) -> None:
        line.status, line.closed_on = "closed", self.today

    def _archive(self) -> None:
        limit = self.today - timedelta(days=DAYS_UNTIL_ARCHIVED)
        for line in [line for line in self.lines.values() if line.closed_on and line.closed_on <= limit]:
            self._remove(line)

    def _lose_and_find(self) -> None:
        for line in self.lost:
            self.lines[line.key] = line
            self._touched.add(line.key)
        active = [line for line in self.lines.values() if line.is_active and line not in self.lost]
        self.lost = self.rng.sample(active, max(1, len(active) // 1000))
        for line in self.lost:
            self._remove(line)

    def _remove(self, line: Line) -> None:
        del self.lines[line.key]
        self._touched.add(line.key)

    def _remap(self) -> None:
        item = self.rng.randrange(ITEMS)
        self.xref[item] = (f"SKU-{item:04}-{self.today:%j}", self.rng.choice((None, f"Item {item}")), None)

    def _order(self, count: int) -> None:
        for _ in range(max(0, count)):
            number = self._orders
            self._orders += 1
            key = (f"45{number // 5:08}", 10 * (number % 5 + 1))
            self.lines[key] = Line(
                key=key,
                item=self.rng.randrange(ITEMS),
                supplier=self.rng.choice((None, "V1", "V2")),
                ordered=self.rng.randint(1, 500),
                promised=self.today + timedelta(days=self.rng.randint(5, 90)),
                entered=self.today,
                customer=self.rng.choice((None, "Orchard Foods")),
            )
            self._touched.add(key)

    def _write(self, receipts: Iterable[tuple[object, ...]]) -> None:
        with closing(sqlite3.connect(self.path)) as erp, erp:
            for key in self._touched:
                line = self.lines.get(key)
                if line is None:
                    erp.execute(DELETE, key)
                    continue
                row = line.row()
                if key in self.bad:
                    name, raw = self.bad[key]
                    row[name] = raw
                erp.execute(PUT, [row[name] for name in COLUMNS])
            erp.executemany("INSERT INTO receipts VALUES (?, ?, ?, ?, ?)", receipts)
            erp.executemany(
                "INSERT OR REPLACE INTO erp_item_xref VALUES (?, ?, ?, ?)",
                [(f"MAT-{item:04}", *mapped) for item, mapped in self.xref.items()],
            )
        self._touched.clear()
