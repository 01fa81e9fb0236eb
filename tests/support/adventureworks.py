"""Microsoft's sample purchasing database as an ERP: built for any day, and watched by plain SQL.

Nothing of the product is used here but its two public inputs, the example's folder and a call that runs a night.
"""

from __future__ import annotations

import functools
import importlib.util
import shutil
import sqlite3
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

from support.paths import ADVENTUREWORKS, ADVENTUREWORKS_EXAMPLE, ADVENTUREWORKS_TOOL

needs_adventureworks = pytest.mark.skipif(
    not (ADVENTUREWORKS.is_dir() and ADVENTUREWORKS_TOOL.is_file()),
    reason="the AdventureWorks tables are not in ../shared (or $PO_INGEST_SHARED)",
)

TRACKED: Final = (
    "sku", "item", "item_code", "supplier_code", "ordered_quantity", "delivered_quantity", "remaining_quantity",
    "in_date", "promised_date", "current_status", "po_insert_date",
    "custom_date_1", "custom_text_1", "custom_decimal_1", "custom_decimal_2",
)  # fmt: skip
KEY: Final = "po_number, line_number"
FIELDS: Final = ", ".join(TRACKED)
THOUSANDTHS: Final = "CAST(REPLACE({}, '.', '') AS INTEGER)"
"""A decimal's text with three places, as a whole number that SQLite adds exactly."""

ERP_LINES: Final = """
CREATE TEMP VIEW erp_line AS
SELECT
    CAST(h.PurchaseOrderID AS TEXT) AS po_number,
    d.PurchaseOrderDetailID AS line_number,
    (SELECT p.ProductNumber FROM erp.Product p WHERE p.ProductID = d.ProductID) AS sku,
    (SELECT p.Name FROM erp.Product p WHERE p.ProductID = d.ProductID) AS item,
    (SELECT p.ProductNumber FROM erp.Product p WHERE p.ProductID = d.ProductID) AS item_code,
    (SELECT v.AccountNumber FROM erp.Vendor v WHERE v.VendorID = h.VendorID) AS supplier_code,
    d.OrderQty || '.000' AS ordered_quantity,
    IIF(d.ReceivedQty LIKE '.%', '0', '') || d.ReceivedQty || '0' AS delivered_quantity,
    PRINTF('%d.000', IIF(h.Status IN (1, 2), MAX(d.OrderQty - CAST(d.ReceivedQty AS INTEGER), 0), 0))
        AS remaining_quantity,
    IIF(CAST(d.ReceivedQty AS INTEGER) > 0, SUBSTR(d.ModifiedDate, 1, 10), NULL) AS in_date,
    SUBSTR(d.DueDate, 1, 10) AS promised_date,
    SUBSTR('pending approvedrejectedcomplete', 8 * h.Status - 7, 8) AS status,
    SUBSTR(h.OrderDate, 1, 10) AS po_insert_date,
    REPLACE(REPLACE(SUBSTR(d.ModifiedDate, 1, 23) || '000Z', ' ', 'T'), '.000000Z', 'Z') AS last_update_timestamp,
    SUBSTR(h.ShipDate, 1, 10) AS custom_date_1,
    (SELECT v.Name FROM erp.Vendor v WHERE v.VendorID = h.VendorID) AS custom_text_1,
    (CAST(REPLACE(d.UnitPrice, '.', '') AS INTEGER) + 5) / 10 AS price, -- ten-thousandths, rounded half up
    IIF(d.RejectedQty LIKE '.%', '0', '') || d.RejectedQty || '0' AS custom_decimal_2,
    h.Status IN (1, 2) AS is_active
FROM erp.PurchaseOrderHeader h, erp.PurchaseOrderDetail d
WHERE d.PurchaseOrderID = h.PurchaseOrderID
"""
TONIGHT: Final = f"""
SELECT erp_tonight.*, TRIM(status) AS current_status, PRINTF('%d.%03d', price / 1000, price % 1000) AS custom_decimal_1
FROM erp_tonight JOIN known USING ({KEY})
"""


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_tool() -> ModuleType:
    """Import the tool that rebuilds the ERP, from its file."""
    return _load(ADVENTUREWORKS_TOOL)


def load_catalogue_script() -> ModuleType:
    """Import the example's script that makes the cross-reference."""
    return _load(ADVENTUREWORKS_EXAMPLE / "item_xref.py")


class Erp:
    """The example's folder, with its ERP as of a day."""

    def __init__(self, home: Path) -> None:
        """Copy the example to `home`."""
        shutil.copytree(ADVENTUREWORKS_EXAMPLE, home, ignore=shutil.ignore_patterns("__pycache__"))
        self.home = home
        self.config = home / "po-ingest.toml"
        self.database = home / "erp.db"
        self._tool = load_tool()
        vars(self._tool)["rows"] = functools.cache(self._tool.rows)  # the sample is the same every night

    def become(self, day: str) -> None:
        """Rebuild the ERP as it stood on a day."""
        self._tool.build(ADVENTUREWORKS, self.database, day)

    def totals(self) -> tuple[int, int, int]:
        """Return how many lines there are, how many are pending or approved, and how many pieces were received."""
        with sqlite3.connect(self.database) as connection:
            row = connection.execute(
                "SELECT COUNT(*), SUM(Status IN (1, 2)), SUM(CAST(ReceivedQty AS INTEGER)) "
                "FROM PurchaseOrderDetail JOIN PurchaseOrderHeader USING (PurchaseOrderID)"
            ).fetchone()
        connection.close()
        return row[0], row[1], row[2]


class Watch:
    """Compares the store with the ERP after each night, by SQL over both files.

    It remembers by itself which lines were ever active, how they stood last night, and what was active in each run.
    """

    def __init__(self, erp: Path, store: Path) -> None:
        """Open both files, neither for writing."""
        self.sql = sqlite3.connect(":memory:", uri=True, isolation_level=None)
        self.sql.execute("ATTACH ? AS erp", (f"{erp.as_uri()}?mode=ro",))
        self.sql.execute("ATTACH ? AS store", (f"{store.as_uri()}?mode=ro",))
        self.sql.execute(ERP_LINES)
        self.sql.execute(f"CREATE TABLE known (po_number TEXT, line_number INTEGER, PRIMARY KEY ({KEY}))")
        self.sql.execute(f"CREATE TABLE seen (run_id INTEGER, {KEY}, {FIELDS})")
        self.sql.execute("CREATE TABLE before AS SELECT *, 0 AS is_active FROM seen")
        self.sql.execute("CREATE TABLE tonight AS SELECT *, 0 AS is_active FROM seen")

    def close(self) -> None:
        """Close the files."""
        self.sql.close()

    def one(self, statement: str, *parameters: object) -> int:
        """Return the single number that a query gives."""
        number: int = self.sql.execute(statement, parameters).fetchone()[0]
        return number

    def same(self, what: str, expected: str, found: str) -> None:
        """Fail unless two queries give the same rows, as often."""
        rows = self.sql.execute(expected).fetchall(), self.sql.execute(found).fetchall()
        if Counter(rows[0]) != Counter(rows[1]):
            lost = list(set(rows[0]) - set(rows[1]))[:3]
            added = list(set(rows[1]) - set(rows[0]))[:3]
            pytest.fail(f"{what}: the ERP gives {len(rows[0])} rows, the store {len(rows[1])}; {lost=} {added=}")

    def after(self, run_id: int) -> None:
        """Check the night that was run `run_id`."""
        self.sql.execute("DROP TABLE IF EXISTS erp_tonight")
        self.sql.execute("CREATE TABLE erp_tonight AS SELECT * FROM erp_line")
        self.sql.execute(f"INSERT OR IGNORE INTO known SELECT {KEY} FROM erp_tonight WHERE is_active")
        self.sql.execute("DROP TABLE before")
        self.sql.execute("ALTER TABLE tonight RENAME TO before")
        self.sql.execute(f"CREATE TABLE tonight AS {TONIGHT}")
        self.sql.execute(f"CREATE UNIQUE INDEX tonight_{run_id} ON tonight ({KEY})")
        self.sql.execute(
            f"INSERT INTO seen SELECT ?, {KEY}, {FIELDS} FROM tonight WHERE is_active",
            (run_id,),
        )
        self._lines()
        self._events(run_id)
        self._batches()
        self._report(run_id)

    def _lines(self) -> None:
        columns = f"{KEY}, {FIELDS}, last_update_timestamp"
        self.same(
            "po_line",
            f"SELECT {columns}, NOT is_active FROM tonight",
            f"SELECT {columns}, is_stale FROM store.po_line",
        )
        slots = [name for name in TRACKED if name.startswith("custom_")]
        for slot in slots:
            unmarked = self.one(
                f"SELECT COUNT(*) FROM store.po_line WHERE {slot} IS NOT NULL "
                f"AND json_extract(custom_column_sources, '$.{slot}') IS NOT 'erp'"
            )
            assert unmarked == 0, f"{slot} is not marked as the ERP's in {unmarked} lines"

    def _events(self, run_id: int) -> None:
        baseline = run_id == self.one("SELECT MIN(id) FROM store.ingestion_run")
        changed = " UNION ALL ".join(
            f"SELECT {KEY}, '{name}', b.{name}, t.{name}, 'erp' FROM before b JOIN tonight t USING ({KEY}) "
            f"WHERE b.{name} IS NOT t.{name}"
            for name in TRACKED
        )
        events = (
            f"FROM store.erp_change_event e JOIN store.po_line l ON l.id = e.po_line_id WHERE e.run_id = {run_id:d} AND"
        )
        self.same(
            "changed events",
            changed,
            f"SELECT {KEY}, field_name, previous_value, new_value, cause {events} kind = 'changed'",
        )
        self.same(
            "line events",
            f"""SELECT {KEY}, 'created', NULL FROM tonight t LEFT JOIN before b USING ({KEY})
                WHERE b.is_active IS NULL AND NOT {baseline:d}
                UNION ALL SELECT {KEY}, 'absent', 'closed' FROM before b JOIN tonight t USING ({KEY})
                WHERE b.is_active AND NOT t.is_active
                UNION ALL SELECT {KEY}, 'reappeared', NULL FROM before b JOIN tonight t USING ({KEY})
                WHERE t.is_active AND NOT b.is_active""",
            f"SELECT {KEY}, kind, new_value {events} kind <> 'changed'",
        )

    def _batches(self) -> None:
        batch = THOUSANDTHS.format("b.delivered_quantity")
        self.same(
            "sums of batches",
            f"SELECT {KEY}, {THOUSANDTHS.format('delivered_quantity')} FROM tonight",
            f"SELECT {KEY}, COALESCE(SUM({batch}), 0) FROM store.po_line l "
            "LEFT JOIN store.batch b ON b.po_line_id = l.id GROUP BY l.id",
        )
        assert self.one(f"SELECT COALESCE(SUM({batch}), 0) FROM store.batch b") == 1000 * self.one(
            "SELECT SUM(CAST(ReceivedQty AS INTEGER)) FROM erp.PurchaseOrderDetail d "
            "JOIN known k ON k.po_number = d.PurchaseOrderID AND k.line_number = d.PurchaseOrderDetailID"
        )

    def _report(self, run_id: int) -> None:
        kinds = "SELECT COUNT(*) FROM store.erp_change_event WHERE run_id = ? AND kind = "
        counts = {
            "po_lines_processed": self.one("SELECT COUNT(*) FROM tonight WHERE is_active"),
            "change_events_detected": self.one(f"{kinds}'changed'", run_id),
            "absent_po_lines": self.one(f"{kinds}'absent'", run_id),
            "closed_po_lines": self.one(f"{kinds}'absent'", run_id),
            "xref_gaps_found": 0,
            "rows_rejected": 0,
        }
        for name, count in counts.items():
            told = self.one(f"SELECT report ->> '{name}' FROM store.ingestion_run WHERE id = ?", run_id)
            assert told == count, name

    def every_snapshot(self) -> None:
        """Check that each earlier run's active lines can still be told (R4)."""
        self.same(
            "snapshots of all runs",
            f"SELECT run_id, {KEY}, {FIELDS} FROM seen",
            "SELECT r.id, l.po_number, l.line_number, "
            f"{', '.join(f's.{name}' for name in TRACKED)} FROM store.ingestion_run r "
            "JOIN store.erp_snapshot s ON r.id BETWEEN s.valid_from_run_id AND COALESCE(s.valid_to_run_id, r.id) "
            "JOIN store.po_line l ON l.id = s.po_line_id WHERE r.status = 'completed' AND "
            "r.id IN (SELECT run_id FROM seen)",
        )
