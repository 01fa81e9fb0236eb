"""The sections of the configuration: TOML tables structured by cattrs into the classes of `po_ingest.settings`.

Each attribute has its check; cattrs collects what the checks of a class raise, so all faults are told at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import attrs
from cattrs import ClassValidationError, Converter
from cattrs.errors import ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn, override

from po_ingest import config_checks as checks
from po_ingest import config_files, installed
from po_ingest.config_checks import Check
from po_ingest.config_faults import ExpectedError, Fault, FaultsError, attempt, of_error, unknown
from po_ingest.fields import BY_NAME, CUSTOM_SLOTS, FIELDS, Field, Kind
from po_ingest.receipts import RECEIPT_FIELDS
from po_ingest.settings import (
    DEFAULT_LINES_QUERY,
    AuditSettings,
    ColumnSettings,
    CsvSettings,
    CustomColumnSettings,
    ErpSettings,
    GuardSettings,
    LineageSettings,
    LineSettings,
    LogSettings,
    NotifySettings,
    QuerySettings,
    RetrySettings,
    Settings,
    StoreSettings,
)
from po_ingest.stages.xref import XREF_FIELDS

AUDIT_FILE: Final = "logs/audit.jsonl"
LOG_FILE: Final = "logs/po-ingest.log"
STORE_URL: Final = "sqlite:///po-ingest.db"
OUTCOMES: Final = ("completed", "partial", "failed", "guard", "gaps")
LINE_COLUMNS: Final = {name: field for name, field in BY_NAME.items() if not field.is_custom}
A_TABLE: Final = "a section with keys of its own"
CONNECTION: Final = "the ERP's connection: an ODBC connection string, a file (adapter sqlite) or a folder (adapter csv)"
WITHOUT_DRIVER: Final = frozenset({"sqlite", "csv"})
"""Adapters that have neither a server's sessions nor a driver's encoding."""
ISOLATIONS: Final = ("read committed", "snapshot", "repeatable read", "serializable", "read uncommitted")
COLUMN_NAME: Final = "a result column's name"
REQUIRED: Final = {"connection": CONNECTION, "column": COLUMN_NAME, "url": checks.HTTP_URL}
NAME_LENGTH: Final = 64
KEYS: Final = {"heartbeat_url": "heartbeat", "metrics_textfile": "metrics"}
"""The attributes whose key has another name."""

CONVERTER: Final = Converter()
Installed: TypeAlias = Callable[[str], Iterable[str]]
"""The names of the adapters that are installed, by entry-point group."""

GIVEN: Final = "\0"
"""Before the name of an attribute that is no key: a user's key of the attribute's name is unknown."""


@attrs.frozen(slots=True, kw_only=True)
class QueryTable:
    """A query's section as it is written."""

    query: str | None = None
    """The SQL. Such as `"SELECT * FROM EKPO"`."""
    query_file: str | None = None  # what is in the file
    """File with the SQL, instead of `query`. Such as `"po_lines.sql"`."""
    columns: Mapping[str, ColumnSettings] = attrs.Factory(dict)
    """Field = result column, see [Columns](#columns). Such as `po_number = "EBELN"`."""


@attrs.frozen(slots=True, kw_only=True)
class CustomTable(ColumnSettings):
    """A custom slot's section as it is written."""

    label: str | None = None
    """What people call it. Such as `"Ship date"`."""
    active: bool = True
    """`false`: the slot is left alone. Such as `false`."""


def settings_check(file: Path, names: Installed = installed.names) -> Check:
    """Return what makes Settings of the whole document; it raises FaultsError. `names`: of the adapters there are."""
    folder = file.parent
    optional = {
        "lines": _section(LineSettings, _lines()),
        "custom_columns": _custom_columns,
        "guards": _section(GuardSettings, _guards()),
        "notify": _section(NotifySettings, _notify()),
        "heartbeat_url": _single("url", checks.http_url),
        "metrics_textfile": _single("textfile", checks.path(folder)),
        "lineage": _section(LineageSettings, _lineage()),
    }
    required = {
        "erp": _erp(folder, names),
        "store": _with_default("url", STORE_URL, _section(StoreSettings, _store(folder, names))),
        "audit": _with_default("file", AUDIT_FILE, _section(AuditSettings, _audit(folder, names))),
        "log": _with_default("file", LOG_FILE, _section(LogSettings, _log(folder))),
    }
    check = _section(Settings, {**required, **optional}, file=file)

    def settings(raw: object) -> Settings:
        document = raw if isinstance(raw, dict) else {}
        made: Settings = check({**{name: {} for name in required}, **document})
        if faults := [*_of_odbc_alone(made.erp), *config_files.faults(made)]:
            raise FaultsError(faults)
        return made

    return settings


def _of_odbc_alone(erp: ErpSettings) -> list[Fault]:
    """Return a fault for each setting that would be without effect; what a plug-in takes, it knows itself."""
    if erp.adapter not in WITHOUT_DRIVER:
        return []
    found = []
    if erp.isolation != ISOLATIONS[0]:
        found.append(Fault(("erp", "isolation"), "expected with the adapter odbc only; leave it out", of_value=False))
    if erp.encoding is not None:
        instead = "write erp.csv.encoding" if erp.adapter == "csv" else "leave it out"
        found.append(Fault(("erp", "encoding"), f"expected with the adapter odbc only; {instead}", of_value=False))
    return found


def _section(cls: type[attrs.AttrsInstance], keys: Mapping[str, Check], **given: object) -> Check:
    """Return what structures a table as the class; `given` are attributes that are no keys."""
    names = {name: KEYS.get(name, name) for name in keys}
    structure = cache(lambda: _structure(cls, keys, names, given))  # made when it is first needed

    def check(raw: object) -> object:
        if not isinstance(raw, dict):
            raise ExpectedError(A_TABLE)
        try:
            return structure()({**raw, **{GIVEN + name: value for name, value in given.items()}}, cls)
        except ClassValidationError as error:
            raise FaultsError(_faults_of(error, names)) from None

    return check


def _structure(
    cls: type[attrs.AttrsInstance], keys: Mapping[str, Check], names: Mapping[str, str], given: Mapping[str, object]
) -> Callable[[Mapping[str, object], object], object]:
    overrides: dict[str, Any] = {
        name: override(rename=names[name], struct_hook=_hook(check)) for name, check in keys.items()
    }
    overrides.update({name: override(rename=GIVEN + name, struct_hook=_hook(lambda raw: raw)) for name in given})
    return make_dict_structure_fn(cls, CONVERTER, _cattrs_forbid_extra_keys=True, **overrides)


def _hook(check: Check) -> Callable[[object, object], object]:
    return lambda raw, _: check(raw)


def _faults_of(error: ClassValidationError, names: Mapping[str, str]) -> list[Fault]:
    faults: list[Fault] = []
    of_attributes, others = error.group_exceptions()
    for fault, note in of_attributes:
        key = names[note.name]
        if isinstance(fault, (ExpectedError, FaultsError)):
            faults.extend(of_error(fault, key))
        elif isinstance(fault, KeyError):
            faults.append(Fault((key,), f"expected {REQUIRED[key]}; it has no default", of_value=False))
        else:
            raise fault
    for other in others:
        if not isinstance(other, ForbiddenExtraKeysError):
            raise other
        faults.extend(unknown(key, names.values()) for key in sorted(other.extra_fields))
    return faults


def _with_default(key: str, default: object, check: Check) -> Check:
    return lambda raw: check({key: default, **raw} if isinstance(raw, dict) else raw)


def _single(key: str, check: Check) -> Check:
    """Return what reads a section of one optional key as that key's value."""

    def single(raw: object) -> object:
        if not isinstance(raw, dict):
            raise ExpectedError(A_TABLE)
        faults = [unknown(other, (key,)) for other in raw if other != key]
        value = attempt(check, raw[key], key, faults) if key in raw else None
        if faults:
            raise FaultsError(faults)
        return value

    return single


def _erp(folder: Path, names: Installed) -> Check:
    keys = {
        "connection": checks.secret(CONNECTION),
        "name": checks.text(f"a text of 1 to {NAME_LENGTH} characters", longest=NAME_LENGTH),
        "adapter": checks.adapter(
            "an adapter's name: odbc, sqlite, csv or a plug-in's", lambda: names(installed.ERP_SOURCES)
        ),
        "query_timeout": checks.integer(1),
        "fetch_size": checks.integer(1),
        "timezone": checks.timezone,
        "isolation": checks.choice(ISOLATIONS),
        "encoding": checks.byte_encoding,
        "csv": _section(CsvSettings, {"encoding": checks.encoding, "delimiter": checks.delimiter}),
        "po_lines": _query(LINE_COLUMNS, folder, DEFAULT_LINES_QUERY),
        "receipts": _query(RECEIPT_FIELDS, folder),
        "item_xref": _query(XREF_FIELDS, folder),
        "retry": _section(RetrySettings, _retry()),
    }
    return _section(ErpSettings, keys, folder=folder)


def _retry() -> dict[str, Check]:
    seconds = checks.number(0)
    return {"attempts": checks.integer(1), "wait_initial": seconds, "wait_max": seconds, "timeout": seconds}


def _lines() -> dict[str, Check]:
    names = [field.name for field in FIELDS]
    return {
        "inactive_statuses": checks.each(checks.text(), "a list of statuses"),
        "default_supplier": checks.text(
            "a supplier code of 1 to 64 characters", longest=BY_NAME["supplier_code"].width
        ),
        "ignored_fields": checks.each(checks.choice(names), "a list of names of fields"),
    }


def _guards() -> dict[str, Check]:
    ratio = checks.number(0, 1)
    ratios: dict[str, Check] = dict.fromkeys(("max_absent_ratio", "max_rejected_ratio", "max_emptied_ratio"), ratio)
    return {"min_lines": checks.integer(0), **ratios}


def _store(folder: Path, names: Installed) -> dict[str, Check]:
    return {
        "url": checks.store_url(folder, lambda: names(installed.STORES)),
        "schema": checks.schema,
        "retry": _section(RetrySettings, _retry()),
    }


def _audit(folder: Path, names: Installed) -> dict[str, Check]:
    name = checks.adapter("a sink's name: file or a plug-in's", lambda: names(installed.AUDIT_SINKS))
    return {"file": checks.path(folder), "sinks": checks.each(name, "a list of names of sinks", at_least=1)}


def _log(folder: Path) -> dict[str, Check]:
    return {"file": checks.path(folder), "level": checks.choice(checks.LOG_LEVELS, upper=True)}


def _notify() -> dict[str, Check]:
    return {
        "urls": checks.each(checks.url, "a list of URLs"),
        "on": checks.each(checks.choice(OUTCOMES), f"a list of outcomes, of {', '.join(OUTCOMES)}"),
    }


def _lineage() -> dict[str, Check]:
    return {
        "url": checks.http_url,
        "namespace": checks.text("a namespace of 1 to 255 characters", longest=255),
        "api_key": checks.secret("an API key"),
    }


def _query(fields: Mapping[str, Field], folder: Path, default: str | None = None) -> Check:
    """Return what reads a query's section; without a default one of `query` and `query_file` is needed."""
    keys = {
        "query": checks.text("an SQL query"),
        "query_file": checks.text_file(folder),
        "columns": _columns(fields),
    }
    check = _section(QueryTable, keys)

    def query(raw: object) -> QuerySettings:
        faults: list[Fault] = []
        if isinstance(raw, dict):
            faults.extend(_one_query(raw, is_needed=default is None))
        try:
            table: QueryTable = check(raw)
        except FaultsError as error:
            raise FaultsError((*faults, *error.faults)) from None
        if faults:
            raise FaultsError(faults)
        return QuerySettings(query=table.query or table.query_file or default or "", columns=table.columns)

    return query


def _one_query(raw: Mapping[str, object], *, is_needed: bool) -> list[Fault]:
    if "query" in raw and "query_file" in raw:
        return [Fault(("query_file",), "expected either query or query_file, and there are both", of_value=False)]
    if is_needed and "query" not in raw and "query_file" not in raw:
        return [Fault(("query",), "expected query or query_file, and there is none", of_value=False)]
    return []


def _columns(fields: Mapping[str, Field]) -> Check:
    def columns(raw: object) -> dict[str, ColumnSettings]:
        if not isinstance(raw, dict):
            raise ExpectedError(A_TABLE)
        faults: list[Fault] = []
        listed = {}
        for name, column in raw.items():
            if name in fields:
                listed[name] = attempt(_column(fields[name]), column, name, faults)
            elif name in CUSTOM_SLOTS:
                faults.append(
                    Fault((name,), f"expected in a section of its own: [custom_columns.{name}]", of_value=False)
                )
            else:
                faults.append(unknown(name, fields, "field"))
        if faults:
            raise FaultsError(faults)
        return {name: column for name, column in listed.items() if column is not None}

    return columns


def _column(field: Field) -> Check:
    table = _column_table(field.kind)
    name = checks.text(COLUMN_NAME)

    def column(raw: object) -> object:
        if isinstance(raw, str):
            return ColumnSettings(column=name(raw))
        if not isinstance(raw, dict):
            raise ExpectedError(f'{COLUMN_NAME}, or {{ column = "...", format = "...", null = ["..."] }}')
        return table({"column": field.name, **raw})

    return column


@cache
def _column_table(kind: Kind) -> Check:
    return _section(ColumnSettings, _column_keys(kind))


def _column_keys(kind: Kind) -> dict[str, Check]:
    return {
        "column": checks.text(COLUMN_NAME),
        "format": checks.format_of(kind),
        "null": checks.each(checks.null_entry, "a list of the values that mean none"),
    }


def _custom_columns(raw: object) -> dict[str, CustomColumnSettings]:
    if not isinstance(raw, dict):
        raise ExpectedError(A_TABLE)
    faults = [unknown(slot, CUSTOM_SLOTS, "custom slot") for slot in raw if slot not in CUSTOM_SLOTS]
    slots = {slot: attempt(_custom_column(slot), raw[slot], slot, faults) for slot in CUSTOM_SLOTS if slot in raw}
    if faults:
        raise FaultsError(faults)
    return {slot: settings for slot, settings in slots.items() if settings is not None}


def _custom_column(slot: str) -> Callable[[object], CustomColumnSettings]:
    check = _custom_table(BY_NAME[slot].kind)

    def custom_column(raw: object) -> CustomColumnSettings:
        table: CustomTable = check(raw)
        column = ColumnSettings(column=table.column, format=table.format, null=table.null)
        return CustomColumnSettings(column=column, label=table.label, active=table.active)

    return custom_column


@cache
def _custom_table(kind: Kind) -> Check:
    label = checks.text("a label of 1 to 255 characters", longest=255)
    return _section(CustomTable, {**_column_keys(kind), "label": label, "active": checks.boolean})
