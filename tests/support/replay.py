"""Plays histories of nights against a store, and holds it against the obvious model after every night."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

import attrs
from structlog.testing import capture_logs

from po_ingest import pipeline
from po_ingest.errors import ErpError, PoIngestError, StoreError
from po_ingest.fields import INDEX, Values, to_text
from po_ingest.journal import Parts
from po_ingest.model import RunReport, XrefRow
from po_ingest.ports import Row, Store, StoreView
from po_ingest.settings import (
    AuditSettings,
    ColumnSettings,
    CustomColumnSettings,
    ErpSettings,
    GuardSettings,
    LineSettings,
    LogSettings,
    QuerySettings,
    RetrySettings,
    Settings,
    StoreSettings,
)
from po_ingest.store_verify import verify
from po_ingest.wiring import Silent
from po_ingest_adapters.audit.memory import MemoryAuditSink, MemorySpool
from po_ingest_adapters.buffer import MemoryBuffer
from po_ingest_adapters.erp.memory import MemoryErpSource
from po_ingest_adapters.failing import FailurePlan
from support.nights import Mutation, Night, World
from support.obvious_model import Erp, Key, ObviousModel, Options, Outcome, Setup

ERP: Final = "erp"
LINES: Final = "erp_order_lines"
RECEIPTS: Final = "erp_receipts"
XREF: Final = "erp_item_xref"
READ: Final = "SELECT * FROM "
RECEIPT_COLUMNS: Final = ("po_number", "line_number", "quantity", "in_date", "reference")
XREF_COLUMNS: Final = ("erp_item_code", "mapped_sku", "mapped_item", "supplier_code", "is_active")
ONCE: Final = RetrySettings(attempts=1, wait_initial=0.0, wait_max=0.0)
NOWHERE: Final = Path("nowhere")
OF_THE_RUN: Final = {
    "run_id",
    "run_identifier",
    "dry_run",
    "started_at",
    "finished_at",
    "duration_seconds",
    "stages",
    "retries",
    "errors_encountered",
}
"""What the report of a dry run says otherwise than that of the run itself."""
PRESENCE: Final = {1: "active", 2: "closed", 3: "missing"}
LINE_LEVEL: Final = ("ingestion_change", "po_line_created", "po_line_absent", "po_line_reappeared")
Table: TypeAlias = tuple[tuple[str, ...], list[tuple[object, ...]]]


class Probe(Protocol):
    """Looks into a store, and does to it what users do, past the product."""

    def dump(self) -> object:
        """Return all that the store holds, comparable."""
        ...

    def rejected(self, run_id: int) -> list[Mapping[str, Any]]:
        """Return the run's rows of `rejected_row`."""
        ...

    def edit(self, key: Key, slot: str, value: str | None, source: str | None) -> None:
        """Set a custom slot of a line (unless `source` is None) and its mark, as a user's tool does."""
        ...


def column(described: Mapping[str, Any]) -> ColumnSettings:
    return ColumnSettings(
        column=described["column"], format=described.get("format"), null=tuple(described.get("null", ()))
    )


def settings_of(setup: Setup, erp: Erp) -> Settings:
    """Say to the product what the model's setup says."""
    return Settings(
        file=NOWHERE,
        erp=ErpSettings(
            connection="memory",
            folder=NOWHERE,
            name=ERP,
            po_lines=QuerySettings(
                query=READ + LINES, columns={name: column(of) for name, of in setup.columns.items()}
            ),
            receipts=None if erp.receipts is None else QuerySettings(query=READ + RECEIPTS),
            item_xref=None if erp.xref is None else QuerySettings(query=READ + XREF),
            retry=ONCE,
        ),
        store=StoreSettings(url="memory", retry=ONCE),
        audit=AuditSettings(file=NOWHERE),
        log=LogSettings(file=NOWHERE),
        lines=LineSettings(
            inactive_statuses=tuple(setup.inactive_statuses),
            default_supplier=setup.default_supplier,
            ignored_fields=tuple(setup.ignored_fields),
        ),
        custom_columns={slot: CustomColumnSettings(column=column(of)) for slot, of in setup.slots.items()},
        guards=GuardSettings(
            min_lines=setup.min_lines,
            max_absent_ratio=setup.max_absent_ratio,
            max_rejected_ratio=setup.max_rejected_ratio,
            max_emptied_ratio=setup.max_emptied_ratio,
        ),
    )


def tables_of(erp: Erp) -> dict[str, Table]:
    def table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Table:
        return tuple(columns), [tuple(row.get(name) for name in columns) for row in rows]

    return {
        LINES: table(erp.columns, erp.lines),
        RECEIPTS: table(RECEIPT_COLUMNS, erp.receipts or []),
        XREF: table(XREF_COLUMNS, erp.xref or []),
    }


def plain(rows: Iterable[Row]) -> list[dict[str, Any]]:
    return [dict(row) for row in rows]


def texts(values: Values) -> dict[str, str | None]:
    return {name: to_text(values[at]) for name, at in INDEX.items()}


@attrs.define
class Replay:
    """One history, played."""

    store: Store
    probe: Probe
    plan: FailurePlan  # of the store
    sink: MemoryAuditSink = attrs.Factory(MemoryAuditSink)
    spool: MemorySpool = attrs.Factory(MemorySpool)
    world: World = attrs.Factory(World)
    model: ObviousModel = attrs.Factory(ObviousModel)
    now: datetime = datetime(2026, 7, 1, 2, tzinfo=UTC)

    def play(self, history: Sequence[Night]) -> None:
        with capture_logs():  # to render all the failures would take longer than to have them
            self._play(history)

    def _play(self, history: Sequence[Night]) -> None:
        for mutations, run in history:
            for mutation in mutations:
                self.world.change(mutation)
            for mutation in self.world.of_store:
                self._to_store(mutation)
            self.world.of_store.clear()
            self.now += timedelta(days=1)
            getattr(self, f"_{run}")()
            self.check()

    # -- what users do

    def _to_store(self, mutation: Mutation) -> None:
        name, *arguments = mutation
        if name == "store_map":
            self._store_map(*arguments)
            return
        key, slot = arguments[:2]
        if key not in self.model.lines:
            return
        if name == "edit":
            self.probe.edit(key, slot, arguments[2], "user")
            self.model.user_sets(key, slot, arguments[2])
        elif self.model.lines[key]["sources"].get(slot) == "user":
            self.probe.edit(key, slot, None, None)
            self.model.user_releases(key, slot)

    def _store_map(self, code: str, sku: str | None, item: str | None, supplier: str | None, is_active: int) -> None:
        if self.store.schema().relation == "missing":
            self.store.upgrade()
        with self.store.write() as transaction:
            row = XrefRow(code, supplier, sku, item, bool(is_active))
            transaction.put_item_xref([row], self.now)
        self.model.table[code] = {
            "mapped_sku": sku,
            "mapped_item": item,
            "supplier_code": supplier,
            "is_active": is_active,
        }

    # -- how the run goes

    def _nightly(self) -> None:
        self._applied(Options())

    def _strict(self) -> None:
        self._applied(Options(strict=True))

    def _allow_shrink(self) -> None:
        self._applied(Options(allow_shrink=True))

    def _rebaseline(self) -> None:
        self._applied(Options(rebaseline=True))

    def _baseline(self) -> None:
        self._applied(Options(baseline=True))

    def _misconfigured(self) -> None:
        """A listed column that the result has not is told, and nothing is applied."""
        columns = dict(self.world.setup.columns)
        self.world.setup.columns["item"] = {"column": "no_such_column"}
        _, exit_code = self._applied(Options())
        assert exit_code == 2
        self.world.setup.columns = columns

    def _rehearsed(self) -> None:
        """R19: a dry run leaves no trace, and tells what the run will do."""
        before = self.probe.dump()
        rehearsal, rehearsed_exit = self._run(Options(), dry_run=True)
        assert self.probe.dump() == before
        report, exit_code = self._applied(Options())
        assert rehearsed_exit == exit_code
        assert rehearsal is not None
        assert report is not None
        assert rehearsal.run_id is None
        assert rehearsal.dry_run
        assert _comparable(rehearsal) == _comparable(report)

    def _twice(self) -> None:
        """R17: the second run on the same ERP finds nothing."""
        first, _ = self._applied(Options())
        before = self._told()
        self.now += timedelta(days=1)
        report, exit_code = self._applied(Options())
        if first is None or first.status != "completed":
            return  # refused both times
        assert exit_code == 0
        assert report is not None
        assert report.lines_changed == report.change_events_detected == report.new_lines_created == 0
        assert report.absent_po_lines == report.reappeared_po_lines == report.batches_reconstructed == 0
        assert report.custom_columns_populated == 0
        assert self._told() == before

    def _erp_fails(self) -> None:
        for call in (1, 2, 3):
            self.now += timedelta(hours=1)
            _, exit_code = self._run(Options(), erp_fails_at=call)
            if exit_code != ErpError.exit_code:
                self._expect(Options(), _, exit_code)
                break
            self.check()

    def _store_fails(self) -> None:
        for call in (1, 5, 9, 14, 20):
            self._fail(call)
            self.check()

    def _commit_fails(self) -> None:
        self._fail(None)

    def _fail(self, call: int | None) -> None:
        """A run whose store fails leaves no effect, unless it failed only after the commit."""
        self.now += timedelta(hours=1)
        name = "commit" if call is None else None
        self.plan.fail_at(self.plan.count(name) + (call or 2), StoreError("the store does not answer"), name)
        report, exit_code = self._run(Options())
        self.plan._planned.clear()  # it may not have come to that
        if exit_code != StoreError.exit_code:
            self._expect(Options(), report, exit_code, after_the_commit=exit_code == 3)

    # -- a run, and what must come of it

    def _run(
        self, options: Options, *, dry_run: bool = False, erp_fails_at: int | None = None
    ) -> tuple[RunReport | None, int]:
        erp = self.world.erp()
        plan = FailurePlan()
        if erp_fails_at is not None:
            plan.fail_at(erp_fails_at, ErpError("the ERP does not answer"))
        parts = Parts(
            source=MemoryErpSource(tables_of(erp), chunk_size=2, plan=plan),
            store=self.store,
            sink=self.sink,
            spool=self.spool,
            clock=lambda: self.now,
            buffer=MemoryBuffer,
            progress=Silent(),
            host="here",
            process=1,
            version="test",
        )
        chosen = pipeline.Options(
            baseline=options.baseline,
            rebaseline=options.rebaseline,
            dry_run=dry_run,
            strict=options.strict,
            allow_shrink=options.allow_shrink,
        )
        try:
            report = pipeline.run_nightly(settings_of(self.world.setup, erp), parts, chosen)
        except PoIngestError as error:
            if error.__cause__ is not None and not isinstance(error.__cause__, PoIngestError):
                raise  # an internal error: the traceback says more
            return error.report, int(error.exit_code)
        return report, report.exit_code

    def _applied(self, options: Options) -> tuple[RunReport | None, int]:
        report, exit_code = self._run(options)
        self._expect(options, report, exit_code)
        return report, exit_code

    def _expect(
        self, options: Options, report: RunReport | None, exit_code: int, *, after_the_commit: bool = False
    ) -> None:
        run_id = None if report is None else report.run_id
        expected = self.model.night(self.world.erp(), self.world.setup, options, run_id, self.now)
        if after_the_commit:
            assert expected.status == "completed"
        else:
            assert exit_code == expected.exit_code
        assert (report is not None) == expected.run_row
        if report is not None:
            self._expect_report(report, expected)

    def _expect_report(self, report: RunReport, expected: Outcome) -> None:
        assert report.status == expected.status
        if expected.status == "failed":
            return
        self._take_back(expected)
        found = attrs.asdict(report)
        assert {name: found[name] for name in expected.report} == {
            **expected.report,
            "unmapped_item_codes": tuple(expected.report["unmapped_item_codes"]),
        }
        assert report.baseline == (self.model.told_since == report.run_id)
        self._expect_audit(report)

    def _take_back(self, expected: Outcome) -> None:
        """Slots whose user's mark was taken away follow the ERP at once or when their line changes: learn which."""
        with self.store.read() as view:
            for key, row in _lines(view, self.model.lines).items():
                line = self.model.lines[key]
                for slot in [slot for slot in line["released"] if slot in self.world.setup.slots]:
                    found, own = to_text(row[slot]), line["values"][slot]
                    if found != line["slots"][slot]:
                        assert found == own
                        expected.report["custom_columns_populated"] += own is not None
                        self.model.has_taken_back(key, slot)

    def _expect_audit(self, report: RunReport) -> None:
        with self.store.read() as view:
            told = Counter(each.event.event_type for each in view.audit_events() if each.event.run_id == report.run_id)
        lines = {name: told[name] for name in LINE_LEVEL}
        assert told["ingestion_started"] == told["ingestion_completed"] == 1
        assert told["baseline_initialized"] == report.baseline
        assert told["xref_gap"] == report.xref_gaps_found
        assert bool(told["row_rejected"]) == bool(report.rows_rejected)
        expected = (
            report.lines_changed,
            report.new_lines_created,
            report.absent_po_lines,
            report.reappeared_po_lines,
        )
        if report.baseline:
            expected = (0, 0, 0, 0)
        assert lines == dict(zip(LINE_LEVEL, expected, strict=True))

    # -- what the store must hold

    def check(self) -> None:
        """Compare all of the store with the model."""
        with self.store.read() as view:
            rows = self._check_lines(view)
            ids = {row["id"]: key for key, row in rows.items()}
            self._check_events(view, ids)
            self._check_batches(view, ids, rows)
            self._check_snapshots(view)
            self._check_fold(view, ids)
            self._check_verified(view)
        for run, rejected in self.model.rejected.items():
            self._check_rejected(run, rejected)

    def _check_lines(self, view: StoreView) -> dict[Key, dict[str, Any]]:
        known = view.known_lines(ERP)
        assert {key: PRESENCE[known.presence[at]] for key, at in known.index.items()} == {
            key: line["presence"] for key, line in self.model.lines.items()
        }
        rows = _lines(view, self.model.lines)
        for key, line in self.model.lines.items():
            row = rows[key]
            found: dict[str, Any] = {name: to_text(row[name]) for name in line["values"]}
            assert found == {**line["values"], **line["slots"]}, key
            is_users = "user" in line["sources"].values()
            others = {name: row[name] for name in ("is_unmapped", "is_stale", "absent_since", "source_quality")}
            assert others == {
                "is_unmapped": line["unmapped"],
                "is_stale": line["presence"] != "active",
                "absent_since": line["absent_since"],
                "source_quality": "mixed" if is_users else "erp",
            }, key
            assert (row["first_seen_run_id"], row["last_changed_run_id"]) == (line["first_seen"], line["last_changed"])
            self._check_marks(row["custom_column_sources"], line)
        return rows

    @staticmethod
    def _check_marks(found: Any, line: dict[str, Any]) -> None:  # noqa: ANN401 - parsed JSON
        marks = dict(found or {})
        wanted = line["sources"]
        assert {slot for slot in marks if marks[slot] == "user"} == {slot for slot in wanted if wanted[slot] == "user"}
        assert set(marks) <= set(wanted) | line["released"]
        filled = {slot for slot in wanted if wanted[slot] == "erp" and line["slots"][slot] is not None}
        assert filled - line["released"] <= set(marks)

    def _check_events(self, view: StoreView, ids: Mapping[int, Key]) -> None:
        found = [
            {
                "run": row["run_id"],
                "key": ids[row["po_line_id"]],
                "kind": row["kind"],
                "field": row["field_name"],
                "previous": row["previous_value"],
                "new": row["new_value"],
                "cause": row["cause"] if row["kind"] == "changed" else None,
            }
            for row in plain(view.line_events(list(ids)))
        ]
        assert _sorted(found) == _sorted(self.model.events)
        seen = set()
        for event in found:
            line_tonight = event["run"], event["key"]
            assert event["kind"] != "reappeared" or line_tonight not in seen
            seen.add(line_tonight)

    def _check_batches(self, view: StoreView, ids: Mapping[int, Key], rows: Mapping[Key, dict[str, Any]]) -> None:
        found: dict[Key, list[dict[str, Any]]] = {}
        sequences: dict[Key, list[Any]] = {}
        for row in plain(view.line_batches(list(ids))):
            key = ids[row["po_line_id"]]
            sequences.setdefault(key, []).append(row["sequence"])
            found.setdefault(key, []).append(
                {
                    "run": row["run_id"],
                    "kind": row["kind"],
                    "quantity": row["delivered_quantity"],
                    "date": to_text(row["delivery_date"]),
                    "reference": row["reference"],
                }
            )
        assert {key: _sorted(rows) for key, rows in found.items()} == {
            key: _sorted(rows) for key, rows in self.model.batches.items() if rows
        }
        assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in sequences.values())
        for key, line in rows.items():  # R10, by the store's own figures
            booked = sum((batch["quantity"] for batch in found.get(key, [])), Decimal("0.000"))
            assert booked == (line["delivered_quantity"] or 0), key

    def _check_snapshots(self, view: StoreView) -> None:
        """R4: every completed run can be seen again."""
        for run, expected in self.model.snapshots.items():
            found = {key: texts(values) for key, values in view.snapshot(ERP, run)}
            assert set(found) == set(expected), run
            for key, fields in expected.items():
                assert {name: found[key][name] for name in fields} == fields, (run, key)

    def _check_fold(self, view: StoreView, ids: Mapping[int, Key]) -> None:
        """R3: what was told since the state was last taken over without events leads to where the ERP is."""
        if not self.model.completed:
            return
        since = self.model.told_since
        folded = {key: texts(values) for key, values in view.snapshot(ERP, since)}
        active = set(folded)
        events = [row for row in plain(view.line_events(list(ids))) if row["run_id"] > since]
        for row in sorted(events, key=lambda row: int(row["id"])):
            key, field = ids[row["po_line_id"]], row["field_name"]
            if row["kind"] in {"created", "reappeared"}:
                active.add(key)
            elif row["kind"] == "absent":
                active.discard(key)
            elif key in folded:
                assert folded[key][field] == row["previous_value"]
                folded[key][field] = row["new_value"]
            if key in active and key not in folded and self._is_last(row, events):
                # created, or absent when the state was taken over: it starts from its state of that run
                folded[key] = {other: texts(values) for other, values in view.snapshot(ERP, row["run_id"])}[key]
        assert active == set(self.model.snapshots[self.model.completed[-1]])
        for key, fields in folded.items():  # closed lines, too: their rows may still change
            expected = self.model.lines[key]["values"]
            assert {name: fields[name] for name in self.model.tracked} == {
                name: expected[name] for name in self.model.tracked
            }, key

    @staticmethod
    def _is_last(row: Mapping[str, Any], events: Iterable[Mapping[str, Any]]) -> bool:
        """Say whether the line has no further event in the run."""
        of_line = [
            each["id"] for each in events if (each["run_id"], each["po_line_id"]) == (row["run_id"], row["po_line_id"])
        ]
        return bool(row["id"] == max(of_line))

    @staticmethod
    def _check_verified(view: StoreView) -> None:
        """A history that the product itself wrote breaks no rule, whatever happened in it."""
        found = verify(view.runs(ERP), view.histories(ERP), view.audit_events())
        assert [str(breach) for breach in found.breaches] == []

    def _check_rejected(self, run: int, expected: list[dict[str, Any]]) -> None:
        found = self.probe.rejected(run)

        def key(row: Mapping[str, Any]) -> tuple[Any, ...]:
            return row["query"], row["po_number"], row["line_number"]

        assert Counter(map(key, found)) == Counter(map(key, expected)), run
        fields = {(*key(row), row["field"]) for row in expected}
        assert {(*key(row), row["field"]) for row in found} == fields, run
        assert all(row["reason"] for row in found)

    def _told(self) -> dict[str, int]:
        """Count what R17 forbids to grow."""
        with self.store.read() as view:
            ids = [row["id"] for row in _lines(view, self.model.lines).values()]
            return {
                "events": len(view.line_events(ids)),
                "batches": len(view.line_batches(ids)),
                "audit": sum(each.event.event_type in LINE_LEVEL for each in view.audit_events()),
            }


def _lines(view: StoreView, keys: Iterable[Key]) -> dict[Key, dict[str, Any]]:
    found = [row for po_number in {key[0] for key in keys} for row in plain(view.lines(ERP, po_number))]
    return {(row["po_number"], row["line_number"]): row for row in found}


def _sorted(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(rows, key=lambda row: [str(value) for value in row.values()])


def _comparable(report: RunReport) -> dict[str, Any]:
    return {name: value for name, value in attrs.asdict(report).items() if name not in OF_THE_RUN}
