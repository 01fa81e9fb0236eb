"""Microsoft's sample purchasing data, night after night: the store must agree with the ERP by plain SQL."""

from __future__ import annotations

import csv
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import attrs
import pytest

from po_ingest import config, wiring
from po_ingest.model import RunReport
from po_ingest.pipeline import Options, run_nightly
from support.adventureworks import FIELDS, KEY, Erp, Watch, load_catalogue_script, needs_adventureworks
from support.mirror import Mirror
from support.paths import ADVENTUREWORKS
from support.places import OnMssql, OnPostgres, Place
from support.store_mssql import Mssql, is_given
from support.store_postgres import SCHEMA, Postgres

pytestmark = needs_adventureworks

FIRST = date(2025, 5, 1)
LAST = date(2025, 8, 10)
NIGHTS = [(FIRST + timedelta(days=days)).isoformat() for days in range((LAST - FIRST).days + 1)]
FOREVER = "9999-12-31"
COPIED = ("ingestion_run", "po_line", "erp_snapshot", "erp_change_event", "batch")


def run_night(erp: Erp) -> RunReport:
    """Run the nightly in this process."""
    settings = config.load(erp.config, os.environ)
    return run_nightly(settings, wiring.build(settings), Options())


def po_ingest(erp: Erp, *arguments: str) -> str:
    """Run any command as a process of its own, and return what it printed."""
    command = [sys.executable, "-c", "from po_ingest.cli.main import run; run()", *arguments]
    done = subprocess.run(  # noqa: S603 - the command is this file's
        command, cwd=erp.home, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def query(database: Path, statement: str, *parameters: object) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(database)
    rows = connection.execute(statement, parameters).fetchall()
    connection.close()
    return rows


def catalogue(path: Path, rows: Sequence[tuple[str, str]]) -> str:
    """Write a cross-reference, and return its path."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("erp_item_code", "supplier_code"))
        writer.writerows(rows)
    return str(path)


@pytest.fixture
def erp(tmp_path: Path) -> Erp:
    return Erp(tmp_path / "adventureworks")


@attrs.frozen
class Books:
    """The store as a SQLite file: its own, or a copy of what a server holds."""

    path: Path
    mirror: Mirror | None = None
    every: int = 1
    """Of the nights so many are one."""

    def query(self, statement: str, *parameters: object) -> list[tuple[object, ...]]:
        return query(self.now(), statement, *parameters)

    def counts(self) -> list[list[tuple[object, ...]]]:
        path = self.now()
        return [query(path, f"SELECT COUNT(*) FROM {table}") for table in ("erp_change_event", "batch", "erp_snapshot")]

    def now(self) -> Path:
        if self.mirror is not None:
            self.mirror.refresh()
        return self.path


def on_server(kind: str, request: pytest.FixtureRequest) -> Place:
    if kind == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        postgres.fresh()
        return OnPostgres(postgres, SCHEMA)
    mssql: Mssql = request.getfixturevalue("mssql")
    return OnMssql(mssql, mssql.fresh_url())


@pytest.fixture(params=["sqlite", "postgresql", *(["mssql"] if is_given() else [])])
def books(request: pytest.FixtureRequest, erp: Erp) -> Books:
    if request.param == "sqlite":
        return Books(erp.home / "po-ingest.db")
    place = on_server(request.param, request)
    with erp.config.open("a", encoding="utf-8") as config_file:
        config_file.write(f'\n[store]\nurl = "{place.url}"\n')
    copy = erp.home / "copy.db"
    return Books(copy, Mirror(place, copy, COPIED), every=8)


@pytest.fixture
def known_codes(erp: Erp, books: Books) -> list[tuple[str, str]]:
    """Make the store know the catalogue before the first night, and return it."""
    assert books.every
    rows: list[tuple[str, str]] = load_catalogue_script().cross_reference(ADVENTUREWORKS)
    po_ingest(erp, "xref", "import", catalogue(erp.home / "item_xref.csv", rows))
    return rows


@pytest.fixture
def watch(erp: Erp, books: Books, known_codes: list[tuple[str, str]]) -> Iterator[Watch]:
    assert known_codes
    erp.become(NIGHTS[0])
    watch = Watch(erp.database, books.now())
    yield watch
    watch.close()


def test_the_erp_and_the_store_agree_after_every_night_of_a_hundred(erp: Erp, watch: Watch, books: Books) -> None:
    """R1-R6, R9-R11 on real orders: lines, events, batches, sums, reports, and every earlier night's snapshot."""
    assert len(NIGHTS) == 102
    reports = []
    for night in NIGHTS[:: books.every]:
        erp.become(night)
        report = run_night(erp)
        assert report.status == "completed"
        assert report.run_id is not None
        books.now()
        watch.after(report.run_id)
        reports.append(report)
    watch.every_snapshot()
    assert reports[0].baseline
    assert not any(report.baseline for report in reports[1:])
    assert sum(report.new_lines_created for report in reports[1:]) > 1000, "the replay must be worth the name"
    assert sum(report.closed_po_lines for report in reports) > 1000

    run_id = reports[len(reports) // 2].run_id
    printed = csv.DictReader(po_ingest(erp, "snapshot", "--run", str(run_id)).splitlines())
    told = [tuple(row[name] or None for name in f"{KEY}, {FIELDS}".split(", ")) for row in printed]
    expected = watch.sql.execute(
        f"SELECT po_number, CAST(line_number AS TEXT), {FIELDS} FROM seen WHERE run_id = ?", (run_id,)
    )
    assert sorted(told, key=repr) == sorted(expected, key=repr)

    po_ingest(erp, "audit", "verify")
    before = books.counts()
    again = run_night(erp)
    assert again.change_events_detected == again.batches_reconstructed == again.custom_columns_populated == 0
    after = books.counts()
    assert before == after


@pytest.mark.parametrize(
    ("day", "lines", "active", "received"),
    [(FOREVER, 8845, 534, 2_327_299), ("2023-06-30", 480, 63, None)],
)
def test_the_facts_of_the_sample(
    erp: Erp, books: Books, day: str, lines: int, active: int, received: int | None
) -> None:
    erp.become(day)
    totals = erp.totals()
    assert totals[:2] == (lines, active)
    assert received is None or totals[2] == received
    assert run_night(erp).po_lines_processed == active
    assert books.query("SELECT COUNT(*) FROM po_line") == [(active,)]


def test_every_line_of_the_sample_is_taken_when_all_count_as_active(erp: Erp, books: Books) -> None:
    text = erp.config.read_text(encoding="utf-8")
    changed = text.replace('inactive_statuses = ["complete", "rejected"]', "inactive_statuses = []")
    assert changed != text
    erp.config.write_text(changed, encoding="utf-8")
    erp.become(FOREVER)
    assert run_night(erp).po_lines_processed == 8845
    pieces = books.query("SELECT SUM(CAST(delivered_quantity AS INTEGER)) FROM po_line")
    assert pieces == books.query("SELECT SUM(CAST(delivered_quantity AS INTEGER)) FROM batch") == [(2_327_299,)]


def test_r9_a_product_of_one_vendor_has_its_supplier_from_the_catalogue_and_one_of_several_from_the_order(
    erp: Erp, books: Books, known_codes: list[tuple[str, str]]
) -> None:
    single = {product: supplier for product, supplier in known_codes if supplier}
    assert (len(known_codes), len(single)) == (265, 113)
    erp.become(NIGHTS[0])
    run_night(erp)
    suppliers = books.query("SELECT item_code, supplier_code, is_unmapped FROM po_line")
    assert not any(is_unmapped for _, _, is_unmapped in suppliers)
    assert all(single.get(str(code), supplier) == supplier for code, supplier, _ in suppliers)

    of_one = next(code for code, _, _ in suppliers if code in single)
    lines = books.query("SELECT id FROM po_line WHERE item_code = ?", of_one)
    po_ingest(erp, "xref", "import", catalogue(erp.home / "changed.csv", [(str(of_one), "NEWVENDOR0001")]))
    assert run_night(erp).change_events_detected == len(lines)
    events = books.query("SELECT po_line_id, field_name, new_value, cause FROM erp_change_event ORDER BY po_line_id")
    assert events == [(line_id, "supplier_code", "NEWVENDOR0001", "xref") for (line_id,) in sorted(lines)]


def test_no_order_of_a_single_vendor_product_went_to_another_vendor(erp: Erp) -> None:
    """What the example's README says of the sample."""
    erp.become(FOREVER)
    rows = load_catalogue_script().cross_reference(ADVENTUREWORKS)
    single = {product: supplier for product, supplier in rows if supplier}
    orders = query(
        erp.database,
        "SELECT ProductNumber, AccountNumber FROM PurchaseOrderDetail JOIN PurchaseOrderHeader USING (PurchaseOrderID) "
        "JOIN Product USING (ProductID) JOIN Vendor USING (VendorID)",
    )
    ordered = [(str(product), vendor) for product, vendor in orders]
    assert len(ordered) == 8845
    assert {product for product, _ in ordered} <= {product for product, _ in rows}
    assert sum(product in single for product, _ in ordered) == 1967
    assert all(single.get(product, vendor) == vendor for product, vendor in ordered)
