"""A sample ERP that lives: purchase orders in SQLite that change from day to day, the same way each time.

Its data has what real ones have: receipts and reversals, promises that move, lines that are cancelled, lost and found
again, item codes that nobody mapped, rows that cannot be read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import date, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Final

import attrs

from po_ingest.private_files import make_file

SEED: Final = 20_260_131
LINES_PER_ORDER: Final = 5
OPEN: Final = ("open", "confirmed")
STATUSES: Final = ("open", "open", "confirmed", "confirmed", "confirmed", "partly received")
BUYERS: Final = ("A. Ito", "B. Okafor", "C. Lindqvist", "D. Moreau")
CUSTOMERS: Final = ("Harbour Cranes", "North Mill", "Orchard Foods", "Station Works")
PARTS: Final = ("bearing", "gasket", "flange", "valve", "hose", "bracket", "sensor", "gear", "seal", "motor")
SIZES: Final = ("10 mm", "12 mm", "16 mm", "25 mm", "40 mm", "DN 50", "DN 80", "M8", "M12", "24 V")
NO_DATE: Final = "00000000"
GAP_EVERY: Final = 19
"""Of so many item codes two are not in the item map; one of them comes in later."""

SCHEMA: Final = """
CREATE TABLE purchase_order (po_no TEXT, supplier_no TEXT, buyer TEXT, entered TEXT);
CREATE TABLE purchase_order_line (
    po_no TEXT, line_no TEXT, item_code TEXT, description TEXT, qty_ordered, qty_received, qty_open,
    last_receipt TEXT, promised TEXT, status TEXT, customer TEXT, changed_at TEXT, ship_date TEXT, unit_price TEXT
);
CREATE TABLE goods_receipt (po_no TEXT, line_no TEXT, receipt_no TEXT, posted TEXT, qty);
CREATE TABLE item_map (item_code TEXT, sku TEXT, item_name TEXT, supplier TEXT, active INTEGER);
"""


@attrs.define(slots=True)
class SampleLine:
    """A PO line of the sample."""

    po_no: str
    line_no: int
    item: int
    ordered: int
    received: int
    last_receipt: date | None
    promised: date
    status: str
    customer: str
    changed_at: datetime
    ship_date: date | None
    price: int  # cents

    @property
    def is_active(self) -> bool:
        """Say whether the line is neither closed nor cancelled."""
        return self.status not in {"closed", "cancelled"}

    def row(self) -> tuple[object, ...]:
        """Return the row as the ERP keeps it."""
        return (
            self.po_no,
            f"{self.line_no:05}",
            item_code(self.item),
            item_name(self.item),
            self.ordered,
            self.received,
            self.ordered - self.received,
            _day(self.last_receipt),
            _day(self.promised),
            self.status,
            self.customer,
            self.changed_at.isoformat(sep=" "),
            _day(self.ship_date),
            f"{self.price // 100:,}.{self.price % 100:02}",
        )


def item_code(item: int) -> str:
    """Return the code of an item."""
    return f"MAT-{item:05}"


def item_name(item: int) -> str:
    """Return the name of an item."""
    return f"{PARTS[item % len(PARTS)]} {SIZES[item // len(PARTS) % len(SIZES)]}"


def _day(day: date | None) -> str:
    return NO_DATE if day is None else f"{day:%Y%m%d}"


class SampleErp:
    """The ERP's database, and what happens in it; each change is written at once, a day at a time."""

    def __init__(self, path: Path, lines: int, today: date) -> None:
        """Create the database with so many active lines, as of a day; closed ones come on top."""
        self._path = path
        self._rng = Random(SEED)  # noqa: S311 - sample data, the same each time
        self._orders = 0
        self._receipts = 0
        self._items = max(20, lines // 8)
        self._lines: list[SampleLine] = []
        self._lost: list[tuple[date, SampleLine]] = []
        make_file(path)
        with closing(sqlite3.connect(path)) as erp, erp:
            erp.executescript(SCHEMA)
            self._map_items(erp)
            self._add_orders(erp, lines, today, _Age.ANY)
            self._add_orders(erp, lines // 10, today, _Age.CLOSED)
            self._add_unreadable(erp, min(3, lines // 100), today)

    # -- what there is at first

    def _map_items(self, erp: sqlite3.Connection) -> None:
        rows = [
            (item_code(item), f"SKU-{item:05}", item_name(item).capitalize(), None, 1)
            for item in range(self._items)
            if item % GAP_EVERY not in {GAP_EVERY // 2, GAP_EVERY - 1}
        ]
        erp.executemany("INSERT INTO item_map VALUES (?, ?, ?, ?, ?)", rows)

    def _add_orders(self, erp: sqlite3.Connection, lines: int, today: date, age: str) -> None:
        """Add orders with so many lines in all."""
        rng, left = self._rng, lines
        while left > 0:
            self._orders += 1
            po_no = f"45{self._orders:08}"
            entered = today if age == _Age.NEW else today - timedelta(days=rng.randint(1, 90))
            supplier = f"V{rng.randint(1, 60):04}"
            erp.execute(
                "INSERT INTO purchase_order VALUES (?, ?, ?, ?)", (po_no, supplier, rng.choice(BUYERS), _day(entered))
            )
            count = min(left, rng.randint(1, 2 * LINES_PER_ORDER - 1))
            made = [self._line(po_no, 10 * number, entered, today, age) for number in range(1, count + 1)]
            for line in made:
                if line.received:
                    self._receive(erp, line, line.received, today - timedelta(days=rng.randint(1, 20)))
            self._lines += made
            self._insert(erp, made)
            left -= count

    def _line(self, po_no: str, number: int, entered: date, today: date, age: str) -> SampleLine:
        rng = self._rng
        ordered = rng.choice((1, 2, 5, 10, 25, 50, 100, 250, 1000))
        status = {_Age.NEW: "open", _Age.CLOSED: "closed"}.get(age) or rng.choice(STATUSES)
        if status == "partly received" and ordered == 1:
            status = "confirmed"
        received = {"closed": ordered, "partly received": max(1, ordered // 3)}.get(status, 0)
        changed_on = entered if age == _Age.NEW else today - timedelta(days=1)
        return SampleLine(
            po_no=po_no,
            line_no=number,
            item=rng.randrange(self._items),
            ordered=ordered,
            received=received,
            last_receipt=None,
            promised=today + timedelta(days=rng.randint(2, 60)),
            status=status,
            customer=rng.choice(CUSTOMERS),
            changed_at=self._at(changed_on),
            ship_date=today + timedelta(days=rng.randint(1, 30)) if status == "confirmed" else None,
            price=rng.randint(50, 400_000),
        )

    def _add_unreadable(self, erp: sqlite3.Connection, count: int, today: date) -> None:
        """Add rows that no one can take: a day that does not exist, a quantity in words."""
        rows = []
        for number in range(count):
            line = self._line(f"46{number:08}", 10, today, today, _Age.NEW)
            erp.execute("INSERT INTO purchase_order VALUES (?, 'V0001', ?, ?)", (line.po_no, BUYERS[0], _day(today)))
            row = list(line.row())
            row[8 if number % 2 == 0 else 4] = f"{today:%Y}1399" if number % 2 == 0 else "a pallet"
            rows.append(row)
        erp.executemany(_INSERT_LINE, rows)

    # -- what happens in a day

    def next_day(self, today: date) -> None:
        """Let a day pass: what happens in it is in the database, dated that day."""
        with closing(sqlite3.connect(self._path)) as erp, erp:
            self._find_lost(erp, today)
            touched = [
                *self._some(0.02, lambda line: line.received < line.ordered, self._move_promise, today),
                *self._some(0.02, lambda line: line.status == "open", self._confirm, today),
                *self._some(0.003, lambda line: line.received == 0, self._order_more, today),
                *self._some(0.5, lambda line: line.status == "received", self._close, today),
                *self._some(0.002, lambda line: line.status in OPEN, self._cancel, today),
            ]
            touched += self._deliver(erp, today)
            touched += self._reverse(erp, today)
            self._rewrite(erp, touched)
            self._lose(erp, touched, today)
            self._add_orders(erp, max(1, len(self._lines) // 70), today, _Age.NEW)
            self._mend_map(erp, today)

    def _some(
        self,
        share: float,
        which: Callable[[SampleLine], bool],
        what: Callable[[SampleLine, date], None],
        today: date,
    ) -> list[SampleLine]:
        """Let something happen to a share of the active lines for which it can; at least to one."""
        able = [line for line in self._lines if line.is_active and which(line)]
        chosen = self._rng.sample(able, min(len(able), max(1, round(share * len(able)))))
        for line in chosen:
            what(line, today)
            line.changed_at = self._at(today)
        return chosen

    def _move_promise(self, line: SampleLine, today: date) -> None:
        line.promised = max(line.promised, today) + timedelta(days=self._rng.choice((-2, 3, 7, 7, 14, 21)))

    def _confirm(self, line: SampleLine, today: date) -> None:
        line.status = "confirmed"
        line.ship_date = max(today, line.promised - timedelta(days=self._rng.randint(2, 10)))

    def _order_more(self, line: SampleLine, today: date) -> None:  # noqa: ARG002 - one shape for all that happens
        line.ordered += self._rng.choice((1, 5, 10))

    @staticmethod
    def _close(line: SampleLine, today: date) -> None:  # noqa: ARG004 - as above
        line.status = "closed"

    @staticmethod
    def _cancel(line: SampleLine, today: date) -> None:  # noqa: ARG004 - as above
        line.status = "cancelled"

    def _deliver(self, erp: sqlite3.Connection, today: date) -> list[SampleLine]:
        def arrive(line: SampleLine, day: date) -> None:
            rest = line.ordered - line.received
            quantity = rest if self._rng.random() < 0.6 else self._rng.randint(1, rest)  # noqa: PLR2004 - most in full
            line.received += quantity
            self._receive(erp, line, quantity, day)
            line.status = "received" if line.received == line.ordered else "partly received"

        return self._some(0.03, lambda line: line.status != "open" and line.received < line.ordered, arrive, today)

    def _reverse(self, erp: sqlite3.Connection, today: date) -> list[SampleLine]:
        """Take a receipt back: the ERP books it with the same number and a minus."""

        def undo(line: SampleLine, day: date) -> None:
            number, quantity = erp.execute(
                "SELECT receipt_no, sum(qty) FROM goods_receipt WHERE po_no = ? AND line_no = ? "
                "GROUP BY receipt_no HAVING sum(qty) > 0 ORDER BY receipt_no DESC",
                (line.po_no, f"{line.line_no:05}"),
            ).fetchone()
            row = (line.po_no, f"{line.line_no:05}", number, _day(day), -quantity)
            erp.execute("INSERT INTO goods_receipt VALUES (?, ?, ?, ?, ?)", row)
            line.received -= quantity
            line.status = "partly received" if line.received else "confirmed"

        return self._some(0.0, lambda line: line.status == "partly received", undo, today)

    def _lose(self, erp: sqlite3.Connection, touched: Sequence[SampleLine], today: date) -> None:
        """Delete a few lines, as an archiving job would; each comes back later."""
        busy = {id(line) for line in touched}
        able = [line for line in self._lines if line.is_active and id(line) not in busy]
        for line in self._rng.sample(able, min(len(able) // 10, max(1, len(able) // 1000))):
            self._lines.remove(line)
            self._lost.append((today, line))
            erp.execute(_DELETE_LINE, (line.po_no, f"{line.line_no:05}"))

    def _find_lost(self, erp: sqlite3.Connection, today: date) -> None:
        """Bring back what was lost two days ago or earlier, with another promise."""
        due = [line for day, line in self._lost if day <= today - timedelta(days=2)]
        self._lost = [(day, line) for day, line in self._lost if day > today - timedelta(days=2)]
        for line in due:
            self._move_promise(line, today)
            line.changed_at = self._at(today)
        self._insert(erp, due)
        self._lines += due

    def _mend_map(self, erp: sqlite3.Connection, today: date) -> None:
        """Map one more item code, and give a known one another SKU."""
        gap = GAP_EVERY - 1 + GAP_EVERY * (today.toordinal() % max(1, self._items // GAP_EVERY))
        if not erp.execute("SELECT 1 FROM item_map WHERE item_code = ?", (item_code(gap),)).fetchone():
            row = (item_code(gap), f"SKU-{gap:05}", item_name(gap).capitalize(), None, 1)
            erp.execute("INSERT INTO item_map VALUES (?, ?, ?, ?, ?)", row)
        renamed = self._rng.randrange(GAP_EVERY // 2)
        erp.execute(
            "UPDATE item_map SET sku = ? || '-B' WHERE item_code = ?", (f"SKU-{renamed:05}", item_code(renamed))
        )

    # -- writing

    def _at(self, day: date) -> datetime:
        return datetime.combine(day, time(self._rng.randint(6, 17), self._rng.randint(0, 59)))

    def _receive(self, erp: sqlite3.Connection, line: SampleLine, quantity: int, day: date) -> None:
        self._receipts += 1
        line.last_receipt = day
        row = (line.po_no, f"{line.line_no:05}", f"GR{self._receipts:07}", _day(day), quantity)
        erp.execute("INSERT INTO goods_receipt VALUES (?, ?, ?, ?, ?)", row)

    @staticmethod
    def _insert(erp: sqlite3.Connection, lines: Iterable[SampleLine]) -> None:
        erp.executemany(_INSERT_LINE, [line.row() for line in lines])

    def _rewrite(self, erp: sqlite3.Connection, lines: Iterable[SampleLine]) -> None:
        changed = {(line.po_no, line.line_no): line for line in lines}
        erp.executemany(_DELETE_LINE, [(po_no, f"{line_no:05}") for po_no, line_no in changed])
        self._insert(erp, changed.values())


class _Age:
    """When orders come from."""

    ANY = "any"
    NEW = "new"
    CLOSED = "closed"


_INSERT_LINE: Final = "INSERT INTO purchase_order_line VALUES (" + ", ".join("?" * 14) + ")"  # noqa: S608 - question marks
_DELETE_LINE: Final = "DELETE FROM purchase_order_line WHERE po_no = ? AND line_no = ?"
