"""Random histories of nights for hypothesis, as plain data: a failing one can be pasted into a regression test.

A history is a list of nights; a night is a list of mutations of the world (ERP, configuration, users), and how the run
goes. Each mutation is a tuple whose first entry names a method of `World`. There are few keys, so that they collide.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias

import attrs
from hypothesis import strategies as st

from support.obvious_model import Erp, Setup

Mutation: TypeAlias = tuple[Any, ...]
Night: TypeAlias = tuple[list[Mutation], str]

LINE_COLUMNS: Final = [
    "po_number",
    "line_number",
    "sku",
    "item",
    "item_code",
    "supplier_code",
    "ordered_quantity",
    "delivered_quantity",
    "remaining_quantity",
    "in_date",
    "promised_date",
    "promised_2",
    "current_status",
    "po_insert_date",
    "final_customer",
    "last_update_timestamp",
    "ship_date",
    "note",
    "weight",
]
DAYS: Final = ("01/02/2026", "02/01/2026", "03/03/2026", "01/01/1900", None)
RAW: Final[dict[str, tuple[object, ...]]] = {
    "sku": (None, "S1", "S2"),
    "item": (None, "I1"),
    "item_code": (None, "A", " A ", "B", "C"),
    "supplier_code": (None, "V1", "V2"),
    "ordered_quantity": (None, "10", "1.234", 7, Decimal(3)),
    "delivered_quantity": (None, "0", "1", "2.5", "4", Decimal("4.000"), "-1"),
    "remaining_quantity": (None, "2.0005", "2.001", "0.0004"),
    "in_date": (None, date(2026, 1, 5), "2026-01-05", "2026-01-09"),
    "promised_date": DAYS,
    "promised_2": DAYS,
    "current_status": ("open", "Closed ", "COMPLETE", "parked", None),
    "final_customer": (None, "", "Ann", " Ann ", "x" * 300, "x" * 301),
    "last_update_timestamp": (None, datetime(2026, 1, 2, 8), datetime(2026, 1, 3, 8)),  # noqa: DTZ001 - as ERPs give it
    "ship_date": (None, "2026-05-01", "2026-05-02"),
    "note": (None, "n1", "n2", "  "),
    "weight": (None, "1", "1.0", "2"),
}
UNREADABLE: Final = (
    ("ordered_quantity", "many"),
    ("remaining_quantity", "1000000000000000"),
    ("in_date", "soon"),
    ("promised_date", "99/99/2026"),
    ("weight", "heavy"),
)
UNREADABLE_RECEIPT: Final = (("quantity", "some"), ("in_date", "never"))
SLOTS: Final[dict[str, dict[str, Any]]] = {
    "custom_date_1": {"column": "ship_date"},
    "custom_text_1": {"column": "note"},
    "custom_decimal_1": {"column": "weight"},
}
CONFIGURATION: Final[dict[str, tuple[Any, ...]]] = {
    "promised_date": (
        {"column": "promised_date", "format": "%d/%m/%Y"},
        {"column": "promised_date", "format": "%m/%d/%Y"},
        {"column": "promised_date", "format": "%d/%m/%Y", "null": ["01/01/1900"]},
        {"column": "promised_2", "format": "%d/%m/%Y"},
    ),
    "ordered_quantity": (
        {"column": "ordered_quantity"},
        {"column": "ordered_quantity", "format": "1.234,56"},
        {"column": "ordered_quantity", "null": ["10"]},
    ),
    "final_customer": (None, {"column": "note"}, {"column": "final_customer"}),
}
INACTIVE: Final[tuple[list[str], ...]] = (["closed", "cancelled", "complete", "completed"], [" CLOSED", "parked"], [])
GUARDS: Final[dict[str, tuple[float, ...]]] = {
    "min_lines": (0, 0, 3),
    "max_absent_ratio": (1.0, 1.0, 0.3),
    "max_rejected_ratio": (1.0, 1.0, 0.2),
    "max_emptied_ratio": (1.0, 0.5),
}
DROPPABLE: Final = (
    "sku",
    "item_code",
    "supplier_code",
    "delivered_quantity",
    "in_date",
    "current_status",
    "po_insert_date",
)


def _receipt(
    po_number: object, line_number: object, quantity: object, day: object, reference: object
) -> dict[str, Any]:
    return {
        "po_number": po_number,
        "line_number": line_number,
        "quantity": quantity,
        "in_date": day,
        "reference": reference,
    }


def _xref(code: str | None, sku: str | None, item: str | None, supplier: str | None, is_active: int) -> dict[str, Any]:
    return {
        "erp_item_code": code,
        "mapped_sku": sku,
        "mapped_item": item,
        "supplier_code": supplier,
        "is_active": is_active,
    }


@attrs.define
class World:
    """The ERP and the configuration as they change; what concerns the store itself is queued for the test to do."""

    setup: Setup = attrs.Factory(
        lambda: Setup(
            columns={
                "promised_date": {"column": "promised_date", "format": "%d/%m/%Y"},
                "ordered_quantity": {"column": "ordered_quantity"},
            },
            slots=dict(SLOTS),
            min_lines=0,
            max_absent_ratio=1.0,
            max_rejected_ratio=1.0,
            max_emptied_ratio=1.0,
        )
    )
    rows: list[dict[str, Any]] = attrs.Factory(list)
    hidden: list[dict[str, Any]] = attrs.Factory(list)
    odd_rows: list[dict[str, Any]] = attrs.Factory(list)
    dropped: set[str] = attrs.Factory(set)
    receipts: list[dict[str, Any]] = attrs.Factory(list)
    has_receipts: bool = False
    xref: list[dict[str, Any]] = attrs.Factory(list)
    has_xref: bool = True
    of_store: list[Mutation] = attrs.Factory(list)  # user edits and the store's own cross-reference

    def change(self, mutation: Mutation) -> None:
        getattr(self, mutation[0])(*mutation[1:])

    def erp(self) -> Erp:
        """What the queries return tonight."""
        columns = [column for column in LINE_COLUMNS if column not in self.dropped]
        rows = [{column: row.get(column) for column in columns} for row in (*self.rows, *self.odd_rows)]
        return Erp(
            columns=columns,
            lines=rows,
            receipts=[dict(row) for row in self.receipts] if self.has_receipts else None,
            xref=[dict(row) for row in self.xref] if self.has_xref else None,
        )

    def _rows_of(self, key: tuple[str, int]) -> list[dict[str, Any]]:
        return [row for row in self.rows if row["key"] == key]

    # -- PO lines

    def put(self, key: tuple[str, int], column: str, raw: object) -> None:
        """Change a value of a line, which comes into being with it."""
        rows = self._rows_of(key)
        if not rows:
            rows = [{"key": key, "po_number": key[0], "line_number": key[1], "current_status": "open"}]
            self.rows.extend(rows)
        rows[0][column] = raw

    def spoil(self, key: tuple[str, int], column: str, raw: object) -> None:
        """Make a line's value unreadable; it may be the second of two rows."""
        for row in self._rows_of(key)[-1:]:
            row[column] = raw

    def mend(self) -> None:
        """Take unreadable values away, and rows without a key."""
        self.odd_rows.clear()
        for row in self.rows:
            row.update({column: None for column, raw in UNREADABLE if row.get(column) == raw})
        for receipt in self.receipts:
            receipt.update({column: None for column, raw in UNREADABLE_RECEIPT if receipt[column] == raw})
            receipt["line_number"] = receipt["line_number"] or 1

    def fill(self, key: tuple[str, int], record: dict[str, object]) -> None:
        """Have a line with these values."""
        self.remove(key)
        self.rows.append({"key": key, "po_number": key[0], "line_number": key[1], **record})

    def remove(self, key: tuple[str, int]) -> None:
        self.rows = [row for row in self.rows if row["key"] != key]

    def hide(self, key: tuple[str, int]) -> None:
        """Leave a line out of the result, until it is shown again as it was."""
        self.hidden.extend(self._rows_of(key))
        self.remove(key)

    def show(self) -> None:
        self.rows.extend(row for row in self.hidden if not self._rows_of(row["key"]))
        self.hidden.clear()

    def copy(self, key: tuple[str, int], column: str, raw: object, comes_first: bool) -> None:
        """Give a line another row, which may be equal, different, or inactive."""
        for row in self._rows_of(key)[:1]:
            self.rows.insert(0 if comes_first else len(self.rows), {**row, column: raw})

    def double(self, key: tuple[str, int]) -> None:
        """Give a line another, equal row."""
        self.rows.extend(dict(row) for row in self._rows_of(key)[:1])

    def single(self, key: tuple[str, int]) -> None:
        """Take a line's copies away; the last one stays."""
        rows = self._rows_of(key)[-1:]
        self.remove(key)
        self.rows.extend(rows)

    def rekey(self, key: tuple[str, int], other: tuple[str, int]) -> None:
        for row in self._rows_of(key):
            row.update(key=other, po_number=other[0], line_number=other[1])

    def spell(self, key: tuple[str, int], blanks: str, line_number: str) -> None:
        """Write a key otherwise: it is the same line."""
        for row in self._rows_of(key)[:1]:
            row.update(po_number=f"{blanks}{key[0]}{blanks}", line_number=line_number.format(key[1]))

    def turn(self) -> None:
        """Return the rows in another order."""
        self.rows.reverse()

    def odd(self, po_number: object, line_number: object, status: str) -> None:
        """Add a row whose key cannot be taken."""
        self.odd_rows.append({"po_number": po_number, "line_number": line_number, "current_status": status})

    def bulk(self, count: int) -> None:
        """Have so many lines of one PO."""
        self.rows = [row for row in self.rows if row["key"][0] != "bulk"]
        for number in range(1, count + 1):
            self.put(("bulk", number), "promised_date", "01/02/2026")
            self.put(("bulk", number), "final_customer", "Ann")

    def bulk_put(self, count: int, column: str, raw: object) -> None:
        for row in [row for row in self.rows if row["key"][0] == "bulk"][:count]:
            row[column] = raw

    # -- receipts

    def receive(self, key: tuple[str, int], quantity: object, day: object, reference: object) -> None:
        self.receipts.append(_receipt(*key, quantity, day, reference))

    def rewrite_receipt(self, at: int, column: str, raw: object) -> None:
        if self.receipts:
            self.receipts[at % len(self.receipts)][column] = raw

    def forget_receipt(self, at: int) -> None:
        if self.receipts:
            del self.receipts[at % len(self.receipts)]

    def with_receipts(self, wanted: bool) -> None:
        self.has_receipts = wanted

    # -- cross-reference

    def map(self, code: str | None, sku: str | None, item: str | None, supplier: str | None, is_active: int) -> None:
        """Set the entry of a code in the ERP's cross-reference."""
        self.unmap(code)
        self.xref.append(_xref(code, sku, item, supplier, is_active))

    def map_too(
        self, code: str | None, sku: str | None, item: str | None, supplier: str | None, is_active: int
    ) -> None:
        """Add an entry: for a code that has one it is a copy, a rival or an inactive one."""
        self.xref.append(_xref(code, sku, item, supplier, is_active))

    def unmap(self, code: str | None) -> None:
        self.xref = [row for row in self.xref if row["erp_item_code"] != code]

    def with_xref(self, wanted: bool) -> None:
        self.has_xref = wanted

    # -- configuration

    def configure(self, field: str, column: dict[str, Any] | None) -> None:
        self.setup.columns.pop(field, None)
        if column is not None:
            self.setup.columns[field] = column

    def slot(self, slot: str, wanted: bool) -> None:
        self.setup.slots.pop(slot, None)
        if wanted:
            self.setup.slots[slot] = SLOTS[slot]

    def inactive(self, statuses: list[str]) -> None:
        self.setup.inactive_statuses = statuses

    def supplier(self, code: str) -> None:
        self.setup.default_supplier = code

    def guard(self, name: str, limit: float) -> None:
        setattr(self.setup, name, limit)

    def column(self, name: str, wanted: bool) -> None:
        """Have a column in the result of the query, or not."""
        if wanted:
            self.dropped.discard(name)
        else:
            self.dropped.add(name)

    # -- the store

    def edit(self, key: tuple[str, int], slot: str, value: str | None) -> None:
        self.of_store.append(("edit", key, slot, value))

    def release(self, key: tuple[str, int], slot: str) -> None:
        self.of_store.append(("release", key, slot))

    def store_map(self, code: str, sku: str | None, item: str | None, supplier: str | None, is_active: int) -> None:
        self.of_store.append(("store_map", code, sku, item, supplier, is_active))


# -- strategies


def _named(name: str, *parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Mutation]:
    return st.tuples(st.just(name), *parts)


def _pick(options: Iterable[Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from(list(options))


def _often(*weighted: tuple[int, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """Draw from one of the strategies, by weight (`one_of` would weigh each of their own branches)."""
    choices = [strategy for weight, strategy in weighted for _ in range(weight)]
    return st.integers(0, len(choices) - 1).flatmap(choices.__getitem__)


def _with_raw(name: str, columns: Iterable[str]) -> st.SearchStrategy[Mutation]:
    return st.one_of(*[_named(name, keys, st.just(column), _pick(RAW[column])) for column in columns])


keys = st.tuples(_pick(["po-1", "PO-1", "007", "7"]), _pick([1, 2]))
quantities = _pick(["1", "2", "2.5", "-1", "0", None, Decimal("0.125")])
days = _pick(["2026-01-05", "2026-01-06", date(2026, 1, 6), None])
references = _pick([None, "R1", " R1", "R2"])
codes = _pick(["A", "B", " B"])
mapping = (_pick([None, "M1", "M2", "S1"]), _pick([None, "MI"]), _pick([None, "V1", "V9"]), _pick([1, 1, 1, 0]))
slots = _pick(SLOTS)
statuses = _pick(["open", "open", "Closed ", "COMPLETE", "parked"])

copied = ("current_status", "note", "item_code", "final_customer", "in_date")
copies = st.one_of(
    *[_named("copy", keys, st.just(column), _pick(RAW[column]), st.booleans()) for column in copied],
)

line_mutations = _often(
    (5, _with_raw("put", RAW)),
    (3, _with_raw("put", ["delivered_quantity", "item_code", "sku", "supplier_code", "note"])),
    (3, _named("put", keys, st.just("current_status"), statuses)),
    (2, _named("remove", keys)),
    (1, st.tuples(st.just("spoil"), keys, _pick(UNREADABLE)).map(lambda drawn: (*drawn[:2], *drawn[2]))),
    (1, st.just(("mend",))),
    (3, _named("hide", keys)),
    (4, st.just(("show",))),
    (2, copies),
    (1, _named("double", keys)),
    (1, _named("single", keys)),
    (1, _named("rekey", keys, keys)),
    (1, _named("spell", keys, _pick(["", " "]), _pick(["{}", "0{}", " {}.0"]))),
    (1, st.just(("turn",))),
    (1, _named("odd", _pick([None, " ", "p" * 65]), st.just(1), _pick(["open", "closed"]))),
    (1, _named("odd", st.just("po-9"), _pick([None, "one", "1.5"]), _pick(["open", "closed"]))),
)
receipt_mutations = _often(
    (4, _named("receive", keys, quantities, days, references)),
    (2, _named("rewrite_receipt", st.integers(0, 5), st.just("quantity"), quantities)),
    (2, _named("rewrite_receipt", st.integers(0, 5), st.just("in_date"), days)),
    (1, _named("rewrite_receipt", st.integers(0, 5), st.just("reference"), references)),
    (1, _named("rewrite_receipt", st.integers(0, 5), st.just("line_number"), _pick([1, 2, None]))),
    (
        1,
        st.tuples(st.just("rewrite_receipt"), st.integers(0, 5), _pick(UNREADABLE_RECEIPT)).map(
            lambda drawn: (*drawn[:2], *drawn[2])
        ),
    ),
    (2, _named("forget_receipt", st.integers(0, 5))),
    (1, _named("with_receipts", st.booleans())),
)
xref_mutations = _often(
    (4, _named("map", codes, *mapping)),
    (1, _named("map_too", codes, *mapping)),
    (1, _named("map_too", st.none(), *mapping)),
    (2, _named("unmap", codes)),
    (1, _named("with_xref", st.booleans())),
    (1, _named("store_map", _pick(["A", "B"]), *mapping)),
)
configuration_mutations = _often(
    (3, st.one_of(*[_named("configure", st.just(field), _pick(of)) for field, of in CONFIGURATION.items()])),
    (2, _named("slot", slots, st.booleans())),
    (1, _named("inactive", _pick(INACTIVE))),
    (1, _named("supplier", _pick(["DEFAULT", "OTHER"]))),
    (1, st.one_of(*[_named("guard", st.just(name), _pick(limits)) for name, limits in GUARDS.items()])),
    (2, _named("column", _pick(DROPPABLE), st.booleans())),
)
user_mutations = _often(
    (2, _named("edit", keys, st.just("custom_text_1"), _pick([None, "mine", "n1"]))),
    (1, _named("edit", keys, st.just("custom_decimal_1"), _pick([None, "9.000"]))),
    (1, _named("edit", keys, st.just("custom_date_1"), _pick([None, "2030-01-01"]))),
    (2, _named("release", keys, slots)),
)
mutations = _often(
    (9, line_mutations), (5, receipt_mutations), (3, xref_mutations), (2, configuration_mutations), (2, user_mutations)
)
RUNS: Final = (
    *("nightly",) * 12,
    "strict",
    "allow_shrink",
    "rebaseline",
    "baseline",
    "misconfigured",
    "rehearsed",  # a dry run before it
    "rehearsed",
    "twice",  # and again on the unchanged ERP
    "twice",
    "erp_fails",
    "store_fails",
    "commit_fails",
)
records = st.fixed_dictionaries(
    {
        **{column: _pick(raw) for column, raw in RAW.items()},
        "current_status": _pick(["open", "open", "open", "parked", "closed"]),
    }
)
first_nights = st.tuples(
    st.lists(_named("fill", keys, records), min_size=2, max_size=8),
    st.lists(_named("receive", keys, quantities, days, references), max_size=6),
    st.lists(_named("map", codes, *mapping), max_size=3),
    st.tuples(_named("with_receipts", _pick([True, True, False]))),
).map(lambda parts: ([mutation for part in parts for mutation in part], "nightly"))
histories: st.SearchStrategy[list[Night]] = st.builds(
    lambda first, rest: [first, *rest],
    first_nights,
    st.lists(st.tuples(st.lists(mutations, max_size=8), _pick(RUNS)), min_size=2, max_size=8),
)

ratios = st.one_of(_pick([0.1, 0.2, 0.25, 0.3, 0.5]), st.floats(0, 1))
bulk_limits = st.tuples(
    _named("guard", st.just("min_lines"), _pick([0, 10, 20])),
    *[_named("guard", st.just(name), ratios) for name in GUARDS if name != "min_lines"],
).map(list)
bulk_mutations = _often(
    (3, _named("bulk", st.integers(15, 26))),
    (3, _named("bulk_put", st.integers(0, 12), _pick(["final_customer", "promised_date", "sku"]), st.none())),
    (1, _named("bulk_put", st.integers(0, 24), _pick(["final_customer", "sku"]), st.just("Ann"))),
    (2, _named("bulk_put", st.integers(0, 12), st.just("current_status"), _pick(["closed", "open"]))),
    (1, _named("bulk_put", st.integers(0, 8), st.just("ordered_quantity"), _pick(["many", "10"]))),
)
bulk_runs = ("nightly", "nightly", "nightly", "rehearsed", "allow_shrink", "rebaseline")
bulk_histories: st.SearchStrategy[list[Night]] = st.builds(
    lambda limits, rest: [([("bulk", 24), *limits], "allow_shrink"), *rest],
    bulk_limits,
    st.lists(st.tuples(st.lists(bulk_mutations, min_size=1, max_size=3), _pick(bulk_runs)), min_size=2, max_size=6),
)
"""Histories of one large PO, around the limits of the guards."""


A_LINE: Final = ("po-1", 1)
_FILLED: Final = ("fill", A_LINE, {"current_status": "open", "note": "n1", "delivered_quantity": "1"})
TELLING: Final[dict[str, list[Night]]] = {
    "a closed line that has changed when its state is taken over again": [
        ([_FILLED, ("put", A_LINE, "final_customer", "Ann")], "nightly"),
        ([("put", A_LINE, "current_status", "closed")], "nightly"),
        ([("put", A_LINE, "final_customer", None)], "rebaseline"),
        ([("put", A_LINE, "current_status", "open")], "nightly"),
    ],
    "two equal rows and a third that differs": [
        ([_FILLED, ("double", A_LINE)], "nightly"),
        ([("copy", A_LINE, "note", "n2", False)], "twice"),
        ([("single", A_LINE)], "twice"),
    ],
    "a delivery that was frozen by an unreadable one beside it": [
        ([_FILLED, ("with_receipts", True)], "nightly"),
        (
            [
                ("receive", A_LINE, "2", "2026-01-05", "R1"),
                ("receive", A_LINE, "some", "2026-01-05", "R2"),
                ("put", A_LINE, "note", "n2"),
            ],
            "twice",
        ),
        ([("forget_receipt", 1)], "twice"),
    ],
    "receipts that come and go": [
        ([_FILLED, ("with_receipts", True), ("receive", A_LINE, "2", "2026-01-05", "R1")], "nightly"),
        ([("with_receipts", False), ("put", A_LINE, "delivered_quantity", "4")], "twice"),
        ([("with_receipts", True), ("rewrite_receipt", 0, "in_date", "2026-01-06")], "twice"),
        ([("column", "delivered_quantity", False)], "twice"),
        ([("forget_receipt", 0)], "twice"),
    ],
    "a missing line whose closed row comes back, and changes": [
        ([_FILLED], "nightly"),
        ([("hide", A_LINE)], "twice"),
        ([("show",), ("put", A_LINE, "current_status", "closed"), ("put", A_LINE, "note", "n2")], "twice"),
        ([("put", A_LINE, "delivered_quantity", "4")], "twice"),
        ([("put", A_LINE, "current_status", "open")], "twice"),
    ],
    "a state taken over while a line is away": [
        ([_FILLED, ("fill", ("PO-1", 1), {"current_status": "open"})], "nightly"),
        ([("hide", A_LINE)], "rebaseline"),
        ([("show",), ("put", A_LINE, "note", "n2")], "twice"),
    ],
}
"""Histories that chance finds seldom."""
