"""The rules of po-ingest, the slow and obvious way: written from the contract, sharing no code with the product.

Everything is a plain dict, every value is in its text form (`12.000`, `2026-01-31`, `2026-01-31T08:00:00Z`, None), and
every night is worked out from all rows. Nothing is remembered to save work, so nothing can be remembered wrongly.

What a night is given (`Erp`): `lines` (rows: column -> raw value), `columns` of that query, `receipts` (rows or None),
`xref` (rows or None: then the store's own table holds). What it is told by the configuration: see `Setup`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Final, TypeAlias

import attrs

Key: TypeAlias = tuple[str, int]
Row: TypeAlias = Mapping[str, Any]
Line: TypeAlias = dict[str, Any]
Texts: TypeAlias = dict[str, str | None]

SLOTS: Final = tuple(f"custom_{kind}_{number}" for kind in ("date", "text", "decimal") for number in range(1, 6))
KINDS: Final[dict[str, str]] = {
    "sku": "text",
    "item": "text",
    "item_code": "text",
    "supplier_code": "text",
    "ordered_quantity": "decimal",
    "delivered_quantity": "decimal",
    "remaining_quantity": "decimal",
    "in_date": "date",
    "promised_date": "date",
    "current_status": "text",
    "po_insert_date": "date",
    "final_customer": "text",
    "last_update_timestamp": "datetime",
    **{slot: slot.split("_")[1] for slot in SLOTS},
}
WIDTHS: Final[dict[str, int]] = {
    "po_number": 64,
    "sku": 128,
    "item": 255,
    "item_code": 128,
    "supplier_code": 64,
    "current_status": 64,
    "final_customer": 255,
    **{slot: 255 for slot in SLOTS if "_text_" in slot},
}
MAPPED: Final = ("sku", "item", "supplier_code")
NOTHING: Final = Decimal("0.000")


@attrs.define(kw_only=True)
class Setup:
    """What the configuration says; a column is `{"column": ..., "format": ..., "null": [...]}`."""

    columns: dict[str, dict[str, Any]] = attrs.Factory(dict)
    slots: dict[str, dict[str, Any]] = attrs.Factory(dict)  # the active ones
    inactive_statuses: list[str] = attrs.Factory(lambda: ["closed", "cancelled", "complete", "completed"])
    default_supplier: str = "DEFAULT"
    ignored_fields: list[str] = attrs.Factory(lambda: ["last_update_timestamp"])
    min_lines: int = 1
    max_absent_ratio: float = 0.2
    max_rejected_ratio: float = 0.05
    max_emptied_ratio: float = 0.5


@attrs.define(kw_only=True)
class Erp:
    """What the ERP's queries return tonight."""

    columns: list[str]
    lines: list[dict[str, Any]] = attrs.Factory(list)
    receipts: list[dict[str, Any]] | None = None
    xref: list[dict[str, Any]] | None = None


@attrs.define(kw_only=True)
class Options:
    """The options of a run."""

    baseline: bool = False
    rebaseline: bool = False
    strict: bool = False
    allow_shrink: bool = False


@attrs.define(kw_only=True)
class Outcome:
    """What a run must end with; `run_row`: whether it leaves a row in the history."""

    exit_code: int
    status: str = "failed"
    run_row: bool = True
    report: dict[str, Any] = attrs.Factory(dict)


class CannotReadError(Exception):
    """A value cannot be read; carries the field."""


# -- reading values


def read_text(raw: object, column: Row, width: int | None) -> str | None:
    if raw is None:
        return None
    text = str(raw).strip()
    if not text or text in column.get("null", []):
        return None
    return text if width is None else text[:width].rstrip()


def read_decimal(raw: object, column: Row) -> str | None:
    number: Decimal
    if isinstance(raw, (Decimal, int)):
        number = Decimal(raw)
    else:
        text = read_text(raw, column, None)
        if text is None:
            return None
        if column.get("format") == "1.234,56":
            text = text.replace(".", "").replace(",", ".")
        elif column.get("format") == "1,234.56":
            text = text.replace(",", "")
        try:
            number = Decimal(text)
        except InvalidOperation:
            raise CannotReadError from None
    if abs(number) >= Decimal(10) ** 15:
        raise CannotReadError
    return amount(number)


def amount(number: Decimal) -> str:
    """Three places, rounded half up, no negative zero."""
    return str(number.quantize(Decimal("0.001"), ROUND_HALF_UP) + 0)


def read_date(raw: object, column: Row) -> str | None:
    if isinstance(raw, date):
        return raw.isoformat()
    text = read_text(raw, column, None)
    if text is None:
        return None
    pattern = column.get("format") or "%Y-%m-%d"
    try:
        return datetime.strptime(text, pattern).date().isoformat()  # noqa: DTZ007 - only its date is taken
    except ValueError:
        raise CannotReadError from None


def read_datetime(raw: object, column: Row) -> str | None:
    if isinstance(raw, datetime):
        return raw.isoformat() + "Z"
    text = read_text(raw, column, None)
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).isoformat() + "Z"
    except ValueError:
        raise CannotReadError from None


def read(field: str, raw: object, column: Row) -> str | None:
    kind = KINDS[field]
    if kind == "text":
        return read_text(raw, column, WIDTHS[field])
    return {"decimal": read_decimal, "date": read_date, "datetime": read_datetime}[kind](raw, column)


def read_key(row: Row) -> tuple[str | None, int | None, str | None]:
    """PO number, line number, and the field at fault if the key is none."""
    number = read_text(row.get("po_number"), {}, None)
    fault = None
    if number is None or len(number) > WIDTHS["po_number"]:
        number, fault = None, "po_number"
    try:
        text = read_text(row.get("line_number"), {}, None)
        exact = None if text is None else Decimal(text)
    except InvalidOperation:
        exact = None
    if exact is None or exact != int(exact) or not -(2**31) <= exact < 2**31:
        return number, None, fault or "line_number"
    return number, int(exact), fault


class ObviousModel:
    """The store as it must be after every night."""

    def __init__(self) -> None:
        self.lines: dict[Key, Line] = {}
        self.events: list[dict[str, Any]] = []
        self.batches: dict[Key, list[dict[str, Any]]] = {}
        self.deliveries: dict[Key, dict[tuple[str, str], dict[str, Any]]] = {}
        self.snapshots: dict[Any, dict[Key, Texts]] = {}  # run -> active lines' tracked fields
        self.rejected: dict[Any, list[dict[str, Any]]] = {}
        self.table: dict[str, dict[str, Any]] = {}  # the store's own cross-reference
        self.configuration: dict[str, Any] = {}  # of the last completed run
        self.completed: list[Any] = []
        self.tracked: list[str] = []  # at the last completed run
        self.told_since: Any = None  # the last run that took the state over without events

    # -- what users do between the nights

    def user_sets(self, key: Key, slot: str, value: str | None) -> None:
        self.lines[key]["slots"][slot] = value
        self.lines[key]["sources"][slot] = "user"
        self.lines[key]["released"].discard(slot)

    def user_releases(self, key: Key, slot: str) -> None:
        """Take a user's mark away: the slot is the ERP's again, at latest when its line next changes (R11)."""
        if self.lines[key]["sources"].pop(slot, None) == "user":
            self.lines[key]["released"].add(slot)

    def has_taken_back(self, key: Key, slot: str) -> None:
        """Learn that the store gave a released slot to the ERP before it had to."""
        self.lines[key]["released"].discard(slot)
        self.lines[key]["slots"][slot] = self.lines[key]["values"][slot]
        self.lines[key]["sources"][slot] = "erp"

    # -- a night

    def night(self, erp: Erp, setup: Setup, options: Options, run: object, started: datetime) -> Outcome:
        """Work out a run and apply it."""
        first = not self.completed
        if options.baseline and (options.rebaseline or not first):
            return Outcome(exit_code=2, run_row=False)
        if not self._columns_are_there(erp, setup):
            return Outcome(exit_code=2)
        tonight = Tonight(self, erp, setup, run, started, silent=first or options.rebaseline)
        tonight.take_lines()
        tonight.take_xref()
        tonight.take_receipts()
        tonight.work_out_values()
        if tonight.breaks_a_guard(options):
            return Outcome(exit_code=5)
        tonight.apply()
        self._finish(tonight, setup)
        partial = options.strict and bool(tonight.rejected)
        tonight.report["rows_rejected"] = len(tonight.rejected)
        return Outcome(
            exit_code=3 if partial else 0, status="partial" if partial else "completed", report=tonight.report
        )

    @staticmethod
    def _columns_are_there(erp: Erp, setup: Setup) -> bool:
        listed = [column["column"] for column in (*setup.columns.values(), *setup.slots.values())]
        return all(column in erp.columns for column in (*listed, "po_number", "line_number"))

    def _finish(self, tonight: Tonight, setup: Setup) -> None:
        self.completed.append(tonight.run)
        self.configuration = tonight.configuration
        self.tracked = tracked(setup)
        self.rejected[tonight.run] = tonight.rejected
        if tonight.silent:
            self.told_since = tonight.run
        self.snapshots[tonight.run] = {
            key: {field: line["values"][field] for field in tracked(setup)}
            for key, line in self.lines.items()
            if line["presence"] == "active"
        }


def tracked(setup: Setup) -> list[str]:
    """The fields whose differences are changes."""
    return [
        field for field in KINDS if field not in setup.ignored_fields and (field not in SLOTS or field in setup.slots)
    ]


def columns_in_use(erp: Erp, setup: Setup) -> dict[str, dict[str, Any]]:
    """Each field's column: the listed one, else the one of its name if the ERP has it; slots need a mapping."""
    found = {}
    for field in KINDS:
        if field in SLOTS:
            if field in setup.slots:
                found[field] = setup.slots[field]
        elif field in setup.columns:
            found[field] = setup.columns[field]
        elif field in erp.columns:
            found[field] = {"column": field}
    return found


class Tonight:
    """One night's work."""

    def __init__(
        self, model: ObviousModel, erp: Erp, setup: Setup, run: object, started: datetime, *, silent: bool
    ) -> None:
        self.model = model
        self.erp = erp
        self.setup = setup
        self.run = run
        self.started = started
        self.silent = silent
        self.columns = columns_in_use(erp, setup)
        self.rejected: list[dict[str, Any]] = []
        self.active_rows = 0
        self.rejected_lines: set[Key] = set()
        self.active: dict[Key, Texts] = {}  # taken rows, only the fields with a column
        self.inactive: dict[Key, Texts] = {}
        self.new: dict[Key, Line] = {}  # of every taken row: own, values, unmapped
        self.configuration = {field: tuple(map(str, self._described(field))) for field in KINDS}
        self.truncated = 0
        self.report: dict[str, Any] = {}

    def _described(self, field: str) -> list[object]:
        column = self.columns.get(field)
        described: list[object] = [None]
        if column is not None:
            described = [column["column"], column.get("format"), column.get("null", [])]
        elif field == "delivered_quantity" and self.erp.receipts is not None:
            described = ["the sum of the receipts"]
        if field == "supplier_code":
            described.append(self.setup.default_supplier)
        return described

    def reject(self, query: str, key: tuple[str | None, int | None], field: str | None) -> None:
        self.rejected.append({"query": query, "po_number": key[0], "line_number": key[1], "field": field})

    # -- PO lines

    def take_lines(self) -> None:
        rows_of: dict[Key, dict[bool, list[Row]]] = {}
        for row in self.erp.lines:
            is_active = self._is_active(row)
            self.active_rows += is_active
            number, line, fault = read_key(row)
            if number is None or line is None or fault is not None:
                self.reject("po_lines", (number, line), fault)
                continue
            rows_of.setdefault((number, line), {True: [], False: []})[is_active].append(row)
        for key, rows in rows_of.items():
            self._take_rows(key, rows[True], rows[False])

    def _is_active(self, row: Row) -> bool:
        if "current_status" not in self.columns:
            return True
        column = self.columns["current_status"]
        status = read_text(row.get(column["column"]), column, None)
        return status is None or status.lower() not in [other.strip().lower() for other in self.setup.inactive_statuses]

    def _take_rows(self, key: Key, active: list[Row], inactive: list[Row]) -> None:
        is_known = key in self.model.lines
        if not is_known:
            inactive = []
        holding = active or inactive
        if not holding:
            return
        read_rows = []
        fault: str | None = None
        for row in holding:
            values, row_fault = self._read_row(row)
            fault = fault or row_fault
            read_rows.append(values)
        if fault is not None or any(values != read_rows[0] for values in read_rows):
            for _ in (*active, *inactive):
                self.reject("po_lines", key, fault)
            self.rejected_lines.add(key)
            return
        (self.active if active else self.inactive)[key] = read_rows[0]

    def _read_row(self, row: Row) -> tuple[Texts, str | None]:
        values: Texts = {}
        for field, column in self.columns.items():
            try:
                values[field] = read(field, row.get(column["column"]), column)
            except CannotReadError:
                return {}, field
        return values, None

    # -- the cross-reference

    def take_xref(self) -> None:
        self.xref: dict[str, Texts] = {}
        if self.erp.xref is None:
            self.xref = {known: self._mapping(entry) for known, entry in self.model.table.items() if entry["is_active"]}
            return
        entries: dict[str, list[Texts]] = {}
        for row in self.erp.xref:
            code = read_text(row.get("erp_item_code"), {}, None)
            if code is None or len(code) > WIDTHS["item_code"]:
                self.reject("item_xref", (None, None), "erp_item_code")
            elif row.get("is_active", 1):
                entries.setdefault(code, []).append(self._mapping(row))
        for code, mappings in entries.items():
            if all(mapping == mappings[0] for mapping in mappings):
                self.xref[code] = mappings[0]
            else:
                for _ in mappings:
                    self.reject("item_xref", (None, None), None)

    @staticmethod
    def _mapping(row: Row) -> Texts:
        return {
            "sku": read_text(row.get("mapped_sku"), {}, WIDTHS["sku"]),
            "item": read_text(row.get("mapped_item"), {}, WIDTHS["item"]),
            "supplier_code": read_text(row.get("supplier_code"), {}, WIDTHS["supplier_code"]),
        }

    def map(self, item_code: str | None, own: Texts) -> Texts:
        """The mapped fields of a line (R9)."""
        mapping = self.xref.get(item_code, {}) if item_code is not None else {}
        return {
            "sku": mapping.get("sku") or own["sku"] or item_code,
            "item": mapping.get("item") or own["item"] or item_code,
            "supplier_code": mapping.get("supplier_code") or own["supplier_code"] or self.setup.default_supplier,
        }

    # -- receipts

    def take_receipts(self) -> None:
        self.receipts: dict[Key, list[dict[str, Any]]] = {}
        self.frozen: set[Key] = set()
        for row in self.erp.receipts or []:
            number, line, fault = read_key(row)
            if number is None or line is None or fault is not None:
                self.reject("receipts", (number, line), fault)
                continue
            key = (number, line)
            if key not in self.active and key not in self.inactive and key not in self.rejected_lines:
                continue  # its line is not read tonight
            try:
                quantity = self._receipt_field("quantity", read_decimal, row)
                day = self._receipt_field("in_date", read_date, row)
            except CannotReadError as error:
                self.reject("receipts", key, str(error))
                self.frozen.add(key)
                continue
            reference = read_text(row.get("reference"), {}, None)
            self.receipts.setdefault(key, []).append(
                {"quantity": Decimal(quantity or 0), "date": day, "reference": reference}
            )

    @staticmethod
    def _receipt_field(field: str, reader: Any, row: Row) -> str | None:  # noqa: ANN401 - one of two readers
        try:
            text: str | None = reader(row.get(field), {})
        except CannotReadError:
            raise CannotReadError(field) from None
        return text

    # -- values

    def work_out_values(self) -> None:
        for key, row in (*self.active.items(), *self.inactive.items()):
            before = self.model.lines.get(key)
            values: Texts = {}
            for field in KINDS:
                kept = None if before is None else before["values"][field]
                values[field] = row.get(field, kept)
            own: Texts = {}
            for field in MAPPED:
                kept = None if before is None else before["own"][field]
                own[field] = row.get(field, kept)
            values.update(self.map(values["item_code"], own))
            if self.erp.receipts is not None and "delivered_quantity" not in self.columns:
                values["delivered_quantity"] = self._sum_of_receipts(key, before)
            code = values["item_code"]
            self.new[key] = {"values": values, "own": own, "unmapped": code is not None and code not in self.xref}

    def _sum_of_receipts(self, key: Key, before: Line | None) -> str | None:
        if key in self.frozen and before is not None:
            kept: str | None = before["values"]["delivered_quantity"]
            return kept
        return amount(sum((receipt["quantity"] for receipt in self.receipts.get(key, [])), NOTHING))

    # -- guards

    def breaks_a_guard(self, options: Options) -> bool:
        rejected = sum(row["query"] == "po_lines" for row in self.rejected)
        if rejected and (not self.active_rows or rejected / self.active_rows > self.setup.max_rejected_ratio):
            return True
        if options.allow_shrink:
            return False
        if len(self.active) < self.setup.min_lines:
            return True
        if not self.model.completed:
            return False
        were_active = [key for key, line in self.model.lines.items() if line["presence"] == "active"]
        missing = [key for key in were_active if self._is_missing(key)]
        if were_active and len(missing) / len(were_active) > self.setup.max_absent_ratio:
            return True
        return any(self._is_emptied(field, were_active) for field in tracked(self.setup))

    def _is_missing(self, key: Key) -> bool:
        return key not in self.active and key not in self.inactive and key not in self.rejected_lines

    def _is_emptied(self, field: str, were_active: Sequence[Key]) -> bool:
        filled = emptied = 0
        for key in were_active:
            if key not in self.active and key not in self.rejected_lines:
                continue
            if self.model.lines[key]["values"][field] is not None:
                filled += 1
                emptied += key in self.active and self.new[key]["values"][field] is None
        return filled >= 20 and emptied / filled > self.setup.max_emptied_ratio

    # -- effects

    def apply(self) -> None:
        self.report = {
            "po_lines_processed": len(self.active),
            "new_lines_created": 0,
            "lines_changed": 0,
            "change_events_detected": 0,
            "absent_po_lines": 0,
            "closed_po_lines": 0,
            "reappeared_po_lines": 0,
            "batches_reconstructed": 0,
            "custom_columns_populated": 0,
        }
        for key in list(self.new):
            self._apply_line(key, self.new[key])
        for key, line in self.model.lines.items():
            if line["presence"] == "active" and self._is_missing(key):
                self._make_absent(key, "missing")
        gaps = {
            line["values"]["item_code"]
            for line in self.model.lines.values()
            if line["presence"] == "active" and line["values"]["item_code"] not in (None, *self.xref)
        }
        self.report["xref_gaps_found"] = len(gaps)
        self.report["unmapped_item_codes"] = sorted(gaps)

    def _apply_line(self, key: Key, new: Line) -> None:
        before = self.model.lines.get(key)
        if before is None:
            self.report["new_lines_created"] += 1
            self.model.lines[key] = {
                "presence": "active",
                "absent_since": None,
                "first_seen": self.run,
                "last_changed": self.run,
                "slots": dict.fromkeys(SLOTS),
                "sources": {},
                "released": set(),
            }
            self._tell(key, "created")
        else:
            self._tell_differences(key, before, new)
        line = self.model.lines[key]
        line["values"] = new["values"]
        line["own"] = new["own"]
        line["unmapped"] = new["unmapped"]
        self._book_batches(key)
        self._fill_slots(line)

    def _tell_differences(self, key: Key, before: Line, new: Line) -> None:
        if key in self.active and before["presence"] != "active":
            before["presence"] = "active"
            before["absent_since"] = None
            self.report["reappeared_po_lines"] += 1
            self._tell(key, "reappeared")
        if key in self.inactive and before["presence"] == "active":
            self._make_absent(key, "closed")
        differing = [field for field in tracked(self.setup) if before["values"][field] != new["values"][field]]
        for field in differing:
            cause = self._cause(field, before, new)
            self._tell(key, "changed", field, before["values"][field], new["values"][field], cause)
        if differing and not self.silent:
            self.report["lines_changed"] += 1
            self.report["change_events_detected"] += len(differing)

    def _cause(self, field: str, before: Line, new: Line) -> str:
        if self.configuration[field] != self.model.configuration[field]:
            return "config"
        if field in MAPPED:
            as_before = self.map(before["values"]["item_code"], before["own"])
            if as_before[field] == new["values"][field]:
                return "xref"
        return "erp"

    def _make_absent(self, key: Key, reason: str) -> None:
        self.model.lines[key]["presence"] = reason
        self.model.lines[key]["absent_since"] = self.started
        self.report["absent_po_lines"] += 1
        self.report["closed_po_lines"] += reason == "closed"
        self._tell(key, "absent", new=reason)

    def _tell(
        self,
        key: Key,
        kind: str,
        field: str | None = None,
        previous: str | None = None,
        new: str | None = None,
        cause: str | None = None,
    ) -> None:
        if self.silent:
            return
        self.model.lines[key]["last_changed"] = self.run
        self.model.events.append(
            {
                "run": self.run,
                "key": key,
                "kind": kind,
                "field": field,
                "previous": previous,
                "new": new,
                "cause": cause,
            }
        )

    # -- batches

    def _book_batches(self, key: Key) -> None:
        if self.erp.receipts is not None and key not in self.frozen:
            self._book_deliveries(key)
        delivered = Decimal(self.model.lines[key]["values"]["delivered_quantity"] or 0)
        booked = sum((batch["quantity"] for batch in self.model.batches.get(key, [])), NOTHING)
        difference = delivered - booked
        if not difference:
            return
        kind = "delta" if difference > 0 else "correction"
        if self.erp.receipts is not None:
            kind = "reconciliation"
        self._book(key, kind, difference, self._day(key), None)

    def _book_deliveries(self, key: Key) -> None:
        now: dict[tuple[str, str], dict[str, Any]] = {}
        for receipt in self.receipts.get(key, []):
            name = ("date", str(receipt["date"]))
            if receipt["reference"]:
                name = ("reference", receipt["reference"])
            event = now.setdefault(name, {"quantity": NOTHING, "date": None, "reference": receipt["reference"]})
            event["quantity"] += receipt["quantity"]
            event["date"] = min(filter(None, (event["date"], receipt["date"])), default=None)
        known = self.model.deliveries.setdefault(key, {})
        for name, event in now.items():
            self._book_event(key, known, name, event)
        for name, event in known.items():
            if name not in now:
                self._book(key, "correction", -event["quantity"], event["date"], event["reference"])
                event["quantity"] = NOTHING

    def _book_event(
        self, key: Key, known: dict[tuple[str, str], dict[str, Any]], name: tuple[str, str], event: dict[str, Any]
    ) -> None:
        """Bring a delivery event from what was booked of it to what the ERP tells of it now."""
        quantity, day, reference = event["quantity"], event["date"] or self._day(key), event["reference"]
        old = known.get(name)
        if old is None:
            if not quantity:
                return  # nothing was delivered yet
            self._book(key, "receipt", quantity, day, reference)
        elif not old["quantity"]:
            self._book(key, "correction", quantity, day, reference)
        elif event["date"] is None or old["date"] == day:
            day = old["date"]
            self._book(key, "correction", quantity - old["quantity"], day, reference)
        else:
            self._book(key, "correction", -old["quantity"], old["date"], reference)
            self._book(key, "correction", quantity, day, reference)
        known[name] = {"quantity": quantity, "date": day, "reference": reference}

    def _day(self, key: Key) -> str:
        values = self.model.lines[key]["values"]
        return str(
            values["in_date"] or (values["last_update_timestamp"] or self.started.isoformat())[: len("2026-01-31")]
        )

    def _book(self, key: Key, kind: str, quantity: Decimal, day: str, reference: str | None) -> None:
        if not quantity:
            return
        self.report["batches_reconstructed"] += 1
        self.model.batches.setdefault(key, []).append(
            {"run": self.run, "kind": kind, "quantity": quantity, "date": day, "reference": reference}
        )

    # -- custom columns

    def _fill_slots(self, line: Line) -> None:
        for slot in self.setup.slots:
            if line["sources"].get(slot) == "user":
                continue
            if slot in line["released"] and line["last_changed"] != self.run:
                continue
            line["released"].discard(slot)
            value = line["values"][slot]
            if value is not None and value != line["slots"][slot]:
                self.report["custom_columns_populated"] += 1
            line["slots"][slot] = value
            line["sources"][slot] = "erp"
