"""Rows of an ERP with anything in them, through whole nights on a real store: R3, R8, R17, no internal error."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from po_ingest import audit_verify, store_verify
from po_ingest.errors import PoIngestError
from po_ingest.fields import BY_NAME, FIELDS, Kind
from po_ingest.journal import Parts
from po_ingest.model import RunReport
from po_ingest.settings import ColumnSettings, CustomColumnSettings, LineSettings, StoreSettings
from po_ingest_adapters.audit.file import FileAuditSink
from po_ingest_adapters.audit.spool import FileSpool
from po_ingest_adapters.buffer import DiskBuffer
from po_ingest_adapters.store.sql import create
from support.driver_values import EXTREMES, FIELD_STRATEGIES, odd
from support.fuzzing import PATIENT, WRITTEN, empty_store, fuzzed, new_folder
from support.world import World

Row = dict[str, Any]
SLOTS: Final = ("custom_date_1", "custom_text_1", "custom_decimal_1")
COLUMNS: Final = tuple(field.name for field in FIELDS if not field.is_custom or field.name in SLOTS)
INACTIVE: Final = LineSettings().inactive_statuses
UNTOLD: Final = object()
"""Where the obvious reader does not know what becomes of a value."""

keys = st.tuples(st.sampled_from(["po-1", "PO-1", " 007"]), st.integers(1, 3))
mapped = st.dictionaries(st.sampled_from(COLUMNS), st.none(), max_size=8).flatmap(
    lambda names: st.fixed_dictionaries({name: FIELD_STRATEGIES[name] for name in names})
)
rows = st.builds(lambda key, values: {"po_number": key[0], "line_number": key[1], **values}, keys, mapped)
odd_keys = st.builds(
    lambda key, at, raw, values: {"po_number": key[0], "line_number": key[1], **values, at: raw},
    keys,
    st.sampled_from(["po_number", "line_number"]),
    odd,
    mapped,
)
tables = st.lists(st.one_of(rows, rows, rows, odd_keys), max_size=7)
receipts = st.none() | st.lists(
    st.builds(
        lambda key, quantity, day, reference: {
            "po_number": key[0],
            "line_number": key[1],
            "quantity": quantity,
            "in_date": day,
            "reference": reference,
        },
        st.one_of(keys, st.tuples(odd, odd)),
        FIELD_STRATEGIES["delivered_quantity"],
        FIELD_STRATEGIES["in_date"],
        FIELD_STRATEGIES["sku"],
    ),
    max_size=4,
)
mappings = st.none() | st.lists(
    st.builds(
        lambda code, sku, is_active: {"erp_item_code": code, "mapped_sku": sku, "is_active": is_active},
        FIELD_STRATEGIES["item_code"],
        FIELD_STRATEGIES["sku"],
        st.sampled_from([None, 1, 0, True, "yes", "no"]) | odd,
    ),
    max_size=3,
)


@attrs.define
class OnDisk(World):
    """A small world whose store, audit file and row buffer are on disk, as a nightly's are."""

    folder: Path = attrs.field(kw_only=True)

    def parts(self) -> Parts:
        return attrs.evolve(super().parts(), buffer=lambda: DiskBuffer(threshold_rows=2))


@contextmanager
def disk_world() -> Iterator[OnDisk]:
    with new_folder() as folder:
        (folder / "store.db").write_bytes(empty_store())
        audit = folder / "audit.jsonl"
        yield OnDisk(
            folder=folder,
            store=create(StoreSettings(url=f"sqlite:///{folder / 'store.db'}")),
            sink=FileAuditSink(audit),
            spool=FileSpool(folder / "audit.jsonl.spool", audit),
            columns=("po_number", "line_number", *COLUMNS),
            slots={slot: CustomColumnSettings(column=ColumnSettings(column=slot)) for slot in SLOTS},
            chunk_size=3,
        )


def run(world: OnDisk) -> RunReport:
    """Run a night that must be applied whatever the ERP gave: a row that cannot be taken is a rejected row."""
    try:
        return world.night()
    except PoIngestError as error:
        raise (error.__cause__ or error) from None  # its traceback says where


def rejected(world: OnDisk, run_id: int | None) -> set[tuple[str, int]]:
    with closing(sqlite3.connect(world.folder / "store.db")) as store:
        found = store.execute("SELECT po_number, line_number FROM rejected_row WHERE run_id = ?", (run_id,))
        return set(found.fetchall())


def obvious(name: str, raw: Any) -> object:  # noqa: ANN401 - whatever a driver gives
    """Return a value's text form where a child could tell it, else UNTOLD."""
    kind, width = BY_NAME[name].kind, BY_NAME[name].width
    if raw is None:
        return None
    if kind is Kind.TEXT and type(raw) is str and raw.isascii() and raw.isprintable():
        return raw.strip()[:width].strip() or None
    is_number = type(raw) is int or (type(raw) is Decimal and raw.is_finite())
    if kind is Kind.DECIMAL and is_number and abs(raw) < 10**12:
        return str(Decimal(raw).quantize(Decimal("0.001"), ROUND_HALF_UP) + 0)
    if kind is Kind.DATE and type(raw) is date:
        return raw.isoformat()
    if kind is Kind.DATETIME and type(raw) is datetime and raw.tzinfo is None:
        return raw.isoformat() + "Z"
    return UNTOLD


def is_plain_key(number: object, line: object) -> bool:
    if not isinstance(number, str) or type(line) is not int:
        return False
    return number.isascii() and number.isprintable() and 0 < len(number.strip()) <= 64 and 0 < line < 10


def accounted_for(world: OnDisk, report: RunReport) -> None:
    """R3, R4, R8: each row whose key is plain is a line with its values, or told as rejected, or inactive."""
    active = world.snapshot(report.run_id or 0)
    refused = rejected(world, report.run_id)
    for row in world.lines:
        number, line = row["po_number"], row["line_number"]
        if not is_plain_key(number, line):
            continue
        key = (str(number).strip(), line)
        status = obvious("current_status", row.get("current_status"))
        if key in refused or status is UNTOLD or (status is not None and str(status).lower() in INACTIVE):
            continue
        assert key in active, (key, row)
        has_values(active[key], row, with_mapping=bool(world.xref))


def has_values(line: Mapping[str, str | None], row: Row, *, with_mapping: bool) -> None:
    for name in (name for name in COLUMNS if name not in LineSettings().ignored_fields):
        expected = obvious(name, row.get(name))
        if name in {"sku", "item", "supplier_code"} and (expected is None or with_mapping):
            continue  # the cross-reference, the item code or the default supplier stands in
        if expected is not UNTOLD:
            assert line.get(name) == expected, (name, row.get(name))


def sound(world: OnDisk) -> None:
    with world.store.read() as view:
        found = store_verify.verify(view.runs("erp"), view.histories("erp"), view.audit_events())
        assert [str(breach) for breach in found.breaches] == []
        with (world.folder / "audit.jsonl").open(encoding="utf-8", newline="") as lines:
            trail = audit_verify.verify(view.audit_events(), view.runs("erp"), lines)
        assert trail.faults == ()


def same_again(world: OnDisk) -> None:
    """R17: a second run on the same ERP writes nothing, and rejects the same rows."""
    before = rejected_count(world)
    report = run(world)
    assert {name: getattr(report, name) for name in WRITTEN} == dict.fromkeys(WRITTEN, 0)
    assert rejected_count(world) == before


def rejected_count(world: OnDisk) -> int:
    with closing(sqlite3.connect(world.folder / "store.db")) as store:
        (last,) = store.execute("SELECT max(id) FROM ingestion_run").fetchone()
        (count,) = store.execute("SELECT count(*) FROM rejected_row WHERE run_id = ?", (last,)).fetchone()
        return int(count)


@pytest.mark.parametrize(
    "name",
    [
        "po_number",
        "line_number",
        "sku",
        "current_status",
        "ordered_quantity",
        "in_date",
        "last_update_timestamp",
        "custom_text_1",
    ],
)
def test_r8_no_value_a_driver_could_give_ends_a_night(name: str) -> None:
    """Each extreme value in each column, beside a row that is in order."""
    fine = {"po_number": "fine", "line_number": 1, "sku": "S"}
    with disk_world() as world:
        world.lines = [
            fine,
            *({"po_number": f"PO-{at}", "line_number": 1, name: raw} for at, raw in enumerate(EXTREMES)),
        ]
        accounted_for(world, run(world))
        assert ("fine", 1) in world.snapshot(1)
        same_again(world)
        sound(world)


@given(
    first=tables,
    second=tables,
    receipts_then=receipts,
    mapping=mappings,
    changes=st.lists(st.tuples(st.integers(0, 9), st.sampled_from(COLUMNS), odd), max_size=3),
)
@fuzzed(20)
@PATIENT
def test_r3_r8_r17_whatever_a_driver_gives_is_taken_or_told_as_rejected(
    first: list[Row],
    second: list[Row],
    receipts_then: list[Row] | None,
    mapping: list[Row] | None,
    changes: Sequence[tuple[int, str, Any]],
) -> None:
    with disk_world() as world:
        world.lines, world.receipts, world.xref = first, receipts_then, mapping
        accounted_for(world, run(world))
        changed = [dict(row) for row in first]
        for at, name, raw in changes:
            if changed:
                changed[at % len(changed)][name] = raw
        world.lines = changed
        accounted_for(world, run(world))
        world.lines = second
        accounted_for(world, run(world))
        same_again(world)
        sound(world)
