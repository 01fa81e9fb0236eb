"""A shop with an ERP, and the nights that the faults are tried on: one of every kind of thing that can happen."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import attrs
from psycopg.rows import dict_row

from support.canonical import TABLES
from support.fault_hooks import STORE
from support.fault_points import Fault
from support.fork_server import NIGHTLY, Fork
from support.store_postgres import Postgres

CONFIG: Final = """
[erp]
name = "shop"
adapter = "sqlite"
connection = "erp.db"
fetch_size = 10
[erp.receipts]
query = "SELECT * FROM erp_receipts"
[erp.item_xref]
query = "SELECT * FROM erp_item_xref"
[custom_columns.custom_text_1]
column = "ship_to"
[guards]
max_absent_ratio = 1.0
max_rejected_ratio = 0.9
[store.retry]
attempts = 3
wait_initial = 0.001
wait_max = 0.001
[erp.retry]
attempts = 3
wait_initial = 0.001
wait_max = 0.001
[store]
"""
PROOFS: Final = (("audit", "verify"), ("store", "verify"))
COLUMNS: Final = """
    po_number, line_number, item_code, supplier_code, ordered_quantity, delivered_quantity, promised_date,
    current_status, ship_to
"""
FIRST: Final = (
    f"CREATE TABLE erp_order_lines ({COLUMNS})",
    "CREATE TABLE erp_receipts (po_number, line_number, quantity, in_date, reference)",
    "CREATE TABLE erp_item_xref (erp_item_code, mapped_sku, mapped_item, supplier_code, is_active)",
    "INSERT INTO erp_item_xref VALUES ('K-1', 'SKU-1', 'Bolt', 'V-1', 1), ('K-2', 'SKU-2', 'Nut', 'V-2', 1)",
)
LINES: Final = (
    "changed",
    "closed",
    "missing",
    "returning",
    "elsewhere",
    "the user's",
    "received",
    "corrected",
    "mapped",
    "unmapped",
    "rejected",
    *(f"plain-{number:03}" for number in range(40)),
)
"""The PO numbers of the first night, named after what becomes of them."""
SECOND: Final = ("DELETE FROM erp_order_lines WHERE po_number = 'returning'",)
THIRD: Final = (
    "UPDATE erp_order_lines SET ordered_quantity = 12.5, promised_date = '2026-07-01' WHERE po_number = 'changed'",
    "UPDATE erp_order_lines SET current_status = 'closed' WHERE po_number = 'closed'",
    "DELETE FROM erp_order_lines WHERE po_number = 'missing'",
    "INSERT INTO erp_order_lines VALUES ('returning', 1, 'K-1', 'V-9', 11, 0, '2026-05-01', 'open', NULL)",
    "UPDATE erp_order_lines SET ship_to = 'Hamburg' WHERE po_number IN ('elsewhere', 'the user''s')",
    "UPDATE erp_order_lines SET delivered_quantity = 7 WHERE po_number = 'received'",
    "INSERT INTO erp_receipts VALUES ('received', 1, 4, '2026-03-03', 'R-9')",
    "UPDATE erp_receipts SET in_date = '2026-03-02', quantity = 2 WHERE po_number = 'corrected'",
    "UPDATE erp_item_xref SET mapped_sku = 'SKU-22' WHERE erp_item_code = 'K-2'",
    "UPDATE erp_order_lines SET item_code = 'X-9' WHERE po_number = 'unmapped'",
    "UPDATE erp_order_lines SET promised_date = 'soon' WHERE po_number = 'rejected'",
    "INSERT INTO erp_order_lines VALUES ('new', 1, 'K-1', 'V-1', 5, 0, '2026-08-01', 'open', 'Bremen')",
    "INSERT INTO erp_order_lines VALUES ('new', 2, 'K-9', 'V-1', 6, 2, '2026-08-01', 'open', NULL)",
    "INSERT INTO erp_order_lines VALUES ('twice', 1, NULL, NULL, 1, 0, NULL, 'open', NULL)",
    "INSERT INTO erp_order_lines VALUES ('twice', 1, NULL, NULL, 2, 0, NULL, 'open', NULL)",
)
"""What happens in the ERP before the second and the third night."""
OF_THE_USER: Final = (
    "UPDATE {}po_line SET custom_text_1 = 'by hand', custom_column_sources = '{{\"custom_text_1\": \"user\"}}', "
    "source_quality = 'mixed' WHERE po_number = 'the user''s'"
)
DOWN: Final = (Fault("permanent", only="sql ", is_lasting=True), Fault("permanent", only="pg ", is_lasting=True))
"""A store that is down for a whole run."""


@attrs.frozen
class FaultWorld:
    """A folder with a configuration and an ERP; the store is a file in it, or a database on the tests' server."""

    folder: Path
    postgres: Postgres | None = None

    @classmethod
    def make(cls, folder: Path, url: str = f"sqlite:///{STORE}", postgres: Postgres | None = None) -> FaultWorld:
        """Make the shop, on its first day."""
        world = cls(folder, postgres)
        world.config.write_text(f'{CONFIG}url = "{url}"\n', encoding="utf-8")
        first = [
            (name, 1, "K-2" if name == "mapped" else "K-1", "V-9", 10, 3, "2026-05-01", "open", "Kiel")
            for name in LINES
        ]
        world.erp(*FIRST)
        with closing(sqlite3.connect(folder / "erp.db")) as erp, erp:
            erp.executemany("INSERT INTO erp_order_lines VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", first)
            received = [(name, 1, 3, "2026-03-01", f"R-{number}") for number, name in enumerate(LINES)]
            erp.executemany("INSERT INTO erp_receipts VALUES (?, ?, ?, ?, ?)", received)
        return world

    @property
    def config(self) -> Path:
        return self.folder / "po-ingest.toml"

    def erp(self, *statements: str) -> None:
        """Let something happen in the ERP."""
        with closing(sqlite3.connect(self.folder / "erp.db")) as erp, erp:
            for statement in statements:
                erp.execute(statement)

    def live(self, fork: Fork) -> None:
        """Let two nights pass, and a run that finds the store down; then comes the night of every kind of thing."""
        assert fork.run(self.folder, NIGHTLY).done[0].code == 0
        self.erp(*SECOND)
        self.in_store(OF_THE_USER)
        assert fork.run(self.folder, NIGHTLY).done[0].code == 0
        assert fork.run(self.folder, NIGHTLY, faults=DOWN).done[0].code == 7
        assert (self.folder / "logs" / "audit.jsonl.spool").exists()
        self.erp(*THIRD)

    def in_store(self, statement: str) -> None:
        """Run a statement past the product."""
        if self.postgres is not None:
            self.postgres.sql(statement.format("po."))
            return
        with closing(sqlite3.connect(self.folder / STORE)) as store, store:
            store.execute(statement.format(""))

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """Return all rows of all tables, in the order of their ids."""
        prefix = "po." if self.postgres is not None else ""
        queries = {
            table: f"SELECT * FROM {prefix}{table} ORDER BY {'erp_item_code' if table == 'item_xref' else 'id'}"  # noqa: S608 - ours
            for table in TABLES
        }
        if self.postgres is not None:
            with self.postgres.connection() as server, server.cursor(row_factory=dict_row) as cursor:
                return {table: cursor.execute(query.encode()).fetchall() for table, query in queries.items()}
        with closing(sqlite3.connect(self.folder / STORE)) as store:
            store.row_factory = sqlite3.Row
            return {table: [dict(row) for row in store.execute(query)] for table, query in queries.items()}


@attrs.define
class Stage:
    """A world as it stands before a night, to be put up again as often as wanted."""

    template: FaultWorld
    work: Path
    database: str = ""

    @property
    def postgres(self) -> Postgres | None:
        return self.template.postgres

    def fresh(self) -> FaultWorld:
        """Return the world as it was."""
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(self.template.folder, self.work)
        if self.postgres is None:
            return FaultWorld(self.work)
        restore(self.postgres, NIGHT, self.database)
        return FaultWorld(self.work, attrs.evolve(self.postgres, database=NIGHT))

    def again(self, copy: Path) -> FaultWorld:
        """Return the world of a copy of its folder, in its place."""
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(copy, self.work)
        return FaultWorld(self.work)


NIGHT: Final = "night"
"""The name of the database that the runs of the faults work on."""


def restore(postgres: Postgres, database: str, template: str) -> None:
    """Make a database anew, as a copy of another one."""
    with postgres.connection(database="postgres") as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)".encode())
        connection.execute(f"CREATE DATABASE {database} TEMPLATE {template} STRATEGY FILE_COPY".encode())


def make_stage(
    fork: Fork, folder: Path, kind: str, postgres: Postgres | None = None, url: str = f"sqlite:///{STORE}"
) -> Stage:
    """Return the stage before a night: `baseline` or `nightly`. On PostgreSQL, `url` leads to the database `night`."""
    home = folder / "template"
    home.mkdir(parents=True)
    own = None if postgres is None else attrs.evolve(postgres, database=NIGHT)
    if postgres is not None:
        restore(postgres, NIGHT, "template1")
    world = FaultWorld.make(home, url, own)
    if kind == "nightly":
        world.live(fork)
    database = ""
    if postgres is not None:
        database = f"stage_{kind}"
        restore(postgres, database, NIGHT)
    return Stage(attrs.evolve(world, postgres=postgres), folder / "work", database)
