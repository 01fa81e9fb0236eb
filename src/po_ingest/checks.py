"""What `po-ingest check` looks at, in the order of a nightly; nothing is written anywhere."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeAlias

import attrs

from po_ingest import check_rights
from po_ingest.errors import ConfigError, ErpError, ExitCode, PoIngestError, StoreError
from po_ingest.model import RawRow, Run, lock_is_held
from po_ingest.ports import ErpSource, Finding, ResultSet, SchemaStatus, Store
from po_ingest.reading import LineReading, Rejection
from po_ingest.receipts import ReceiptReading
from po_ingest.settings import QuerySettings, Settings
from po_ingest.stages.xref import XrefReading

_Reading: TypeAlias = Callable[[RawRow], object]
"""Reads a row of a query. Raises Rejection."""

ADAPTER: Final = " adapter"
"""Ends the name of a finding about what is wired before anything else in a nightly."""


@attrs.frozen(slots=True)
class Outcome:
    """All findings, and the one that a nightly would end with; None if it would run."""

    findings: tuple[Finding, ...]
    first_failure: Finding | None


def of_fault(error: PoIngestError) -> Outcome:
    """Return the outcome of a configuration that cannot be loaded: a finding per fault."""
    faults = error.details or (error.message,)
    findings = tuple(Finding("config", "failed", fault, error.hint, error.exit_code) for fault in faults)
    return Outcome(findings, Finding("config", "failed", error.message, error.hint, error.exit_code))


def check(
    settings: Settings,
    open_source: Callable[[Settings], ErpSource],
    open_store: Callable[[Settings], Store],
    open_observers: Callable[[Settings], Mapping[str, object]],
) -> Outcome:
    """Look at everything that a nightly needs."""
    config = [Finding("config", "ok", f"{settings.file} can be read")]
    store = list(_guarded("store", lambda: _store(settings, open_store(settings))))
    erp = list(_guarded("erp", lambda: _erp(settings, open_source(settings))))
    watching = list(_guarded("observers", lambda: _observers(open_observers(settings))))
    files = [_folder("log", settings.log.file, "warning", ExitCode.DONE)]
    files.append(_folder("audit file", settings.audit.file, "failed", ExitCode.RESERVATION))
    files.extend(check_rights.findings(settings))
    ranked = sorted([*store, *erp, *watching, *files], key=lambda each: not each.name.endswith(ADAPTER))
    failures = [finding for finding in ranked if finding.status == "failed"]
    return Outcome((*config, *store, *erp, *watching, *files), failures[0] if failures else None)


def _guarded(name: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Pass findings on; an adapter that cannot be had is one."""
    try:
        yield from look()
    except PoIngestError as error:
        told = f"{name}{ADAPTER}" if isinstance(error, ConfigError) else name
        yield Finding(told, "failed", error.message, error.hint, error.exit_code)


# -- the store


def _store(settings: Settings, store: Store) -> Iterator[Finding]:
    findings = list(store.check())
    yield from findings
    if any(finding.status == "failed" for finding in findings):
        return  # the rest could only tell the same again
    yield _schema(store.schema())
    erp = settings.erp.name
    if store.holder(erp):
        yield Finding(
            "lock",
            "failed",
            lock_is_held(erp, _running(store, erp)),
            "wait until it has ended",
            ExitCode.LOCKED,
        )
    else:
        yield Finding("lock", "ok", f"no run of ERP {erp!r} is in progress")


def _running(store: Store, erp: str) -> list[Run]:
    with suppress(StoreError), store.read() as view:
        return view.runs(erp, limit=1, statuses=["running"])
    return []


def _schema(schema: SchemaStatus) -> Finding:
    if schema.relation == "missing":
        return Finding("store schema", "ok", "there is none yet; the first nightly creates it")
    if schema.relation == "current":
        return Finding("store schema", "ok", f"it has version {schema.current}, as needed")
    hint = "run `po-ingest store upgrade`" if schema.relation == "older" else "upgrade po-ingest"
    message = f"it has version {schema.current}, which is {schema.relation} than {schema.needed}, as needed"
    return Finding("store schema", "failed", message, hint, ExitCode.STORE)


# -- the ERP


def _erp(settings: Settings, source: ErpSource) -> Iterator[Finding]:
    findings = list(source.check())
    yield from findings
    if any(finding.status == "failed" for finding in findings):
        return  # as for the store
    erp = settings.erp
    slots = {name: slot.column for name, slot in settings.custom_columns.items() if slot.active}

    def lines(columns: tuple[str, ...]) -> _Reading:
        reading = LineReading(
            columns,
            erp.po_lines,
            slots,
            settings.lines,
            timezone=erp.timezone,
            delivered_from_receipts=erp.receipts is not None,
        )
        return lambda row: reading.values(row, reading.key(row)) if reading.is_active(row) else None

    def receipts(columns: tuple[str, ...]) -> _Reading:
        return ReceiptReading(columns, _required(erp.receipts), timezone=erp.timezone).key

    def xref(columns: tuple[str, ...]) -> _Reading:
        return XrefReading(columns, _required(erp.item_xref)).row

    yield _query(source, "po_lines", erp.po_lines, lines)
    if erp.receipts is not None:
        yield _query(source, "receipts", erp.receipts, receipts)
    if erp.item_xref is not None:
        yield _query(source, "item_xref", erp.item_xref, xref)


def _required(query: QuerySettings | None) -> QuerySettings:
    if query is None:
        raise AssertionError("it is asked for where it is configured only")
    return query


def _query(
    source: ErpSource, name: str, query: QuerySettings, reading: Callable[[tuple[str, ...]], _Reading]
) -> Finding:
    """Run a query, find its columns, read its first rows."""
    try:
        with source.query(query.query) as result:
            return _first_rows(f"query {name}", result, reading(result.columns))
    except (ErpError, ConfigError) as error:
        return Finding(f"query {name}", "failed", error.message, error.hint, error.exit_code)


def _first_rows(name: str, result: ResultSet, read: _Reading) -> Finding:
    rows = next(result.chunks, [])
    rejected: Counter[str] = Counter()
    for row in rows:
        try:
            read(row)
        except Rejection as rejection:
            rejected[str(rejection)] += 1
    if not rejected:
        return Finding(name, "ok", f"it runs, and its first {len(rows)} rows can be read")
    (reason, _), *_others = rejected.most_common(1)
    return Finding(
        name,
        "warning",
        f"{rejected.total()} of its first {len(rows)} rows would be rejected, most because: {reason}",
        "mend the formats in the configuration, or the ERP's data",
    )


# -- who watches


def _observers(observers: Mapping[str, object]) -> Iterator[Finding]:
    """Tell who is told of runs; nobody is told anything here, since a ping would be taken for a night."""
    if observers:
        yield Finding("observers", "ok", f"told of every run: {', '.join(observers)}")


# -- files

_WRITABLE: Final = os.W_OK | os.X_OK


def _folder(name: str, file: Path, status: str, code: ExitCode) -> Finding:
    """Look whether a file can be written, or made with its folders; one that cannot be looked at cannot."""
    # os.path, since Path would raise for what lies in another account's private folder
    if os.access(file, os.W_OK) and os.path.isfile(file):  # noqa: PTH113 - see above
        return Finding(name, "ok", f"{file} can be written")
    folder = next(each for each in file.parents if os.path.exists(each))  # noqa: PTH110 - see above
    is_there = os.path.exists(file)  # noqa: PTH110 - see above
    if not is_there and folder.is_dir() and os.access(folder, _WRITABLE):
        return Finding(name, "ok", f"{file} can be made")
    return Finding(
        name,
        "warning" if status == "warning" else "failed",
        f"{file} cannot be written",
        "give this account the right to write to the file and its folder",
        code,
    )


def rows(findings: Sequence[Finding]) -> list[dict[str, object]]:
    """Return findings as the contract's objects."""
    return [{"name": each.name, "status": each.status, "message": each.message, "hint": each.hint} for each in findings]
