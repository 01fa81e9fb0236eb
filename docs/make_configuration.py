"""Makes the tables of docs/configuration.md from the classes of settings, and the rest from configuration.md.in.

Names, defaults and meanings are those of the attributes. What a key takes is what the check of the configuration says
that it expected, when it is given something that no key takes.
"""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import attrs
from making import IncompleteError, filled, table_rows

from po_ingest import config_sections as sections
from po_ingest import settings
from po_ingest.config_faults import FaultsError

SLOT: Final = "custom_date_1"
INNER: Final = {"folder", "csv", "po_lines", "receipts", "item_xref", "retry"}
"""Attributes of the section `erp` that are no keys, or sections of their own."""
DEFAULTS: Final = {
    "COLUMN.column": "the field's name",
    "store.url": f'`"{sections.STORE_URL}"`',
    "audit.file": f'`"{sections.AUDIT_FILE}"`',
    "log.file": f'`"{sections.LOG_FILE}"`',
}
"""What the configuration gives where the class has no default, as the page shows it."""
TABLES: Final[Mapping[str, Mapping[str, type[attrs.AttrsInstance]]]] = {
    "erp": {"erp": settings.ErpSettings},
    "erp.csv": {"erp.csv": settings.CsvSettings},
    "queries": {"erp.QUERY": sections.QueryTable},
    "retry": {"erp.retry": settings.RetrySettings},
    "lines": {"lines": settings.LineSettings},
    "custom columns": {"custom_columns.SLOT": sections.CustomTable},
    "guards": {"guards": settings.GuardSettings},
    "store": {"store": settings.StoreSettings},
    "files": {"audit": settings.AuditSettings, "log": settings.LogSettings},
    "observers": {"notify": settings.NotifySettings, "": settings.Settings, "lineage": settings.LineageSettings},
    "columns": {"COLUMN": settings.ColumnSettings},
}
"""Mark in the template -> the sections of its table."""
PLACES: Final = {"QUERY": "receipts", "SLOT": SLOT, "COLUMN": f"custom_columns.{SLOT}"}
"""What a word in the path of a section stands for."""


def page() -> str:
    """Return the page."""
    return filled("configuration.md", "po_ingest.settings", {mark: _table(mark) for mark in TABLES})


def _table(mark: str) -> str:
    rows = (row for prefix, cls in TABLES[mark].items() for row in _rows(prefix, cls))
    return "\n".join(table_rows(("key", "takes", "default", "meaning"), rows))


def _rows(prefix: str, cls: type[attrs.AttrsInstance]) -> Iterator[tuple[str, str, str, str]]:
    meanings = _docstrings(cls)
    for attribute in attrs.fields(cls):
        name = attribute.name
        if (cls is settings.Settings and name not in sections.KEYS) or name in INNER:
            continue
        path = name.replace("_", ".", 1) if cls is settings.Settings else f"{prefix}.{name}"
        if name not in meanings:
            raise IncompleteError(f"{cls.__name__}.{name} has no docstring that tells what it means")
        default = DEFAULTS.get(path) or _shown(attribute.default)
        yield f"`{path.removeprefix('COLUMN.')}`", expected(path), default, meanings[name]


def _docstrings(cls: type) -> dict[str, str]:
    """Return what stands below the attributes of a class and of those it inherits from."""
    found: dict[str, str] = {}
    for each in (each for each in reversed(cls.__mro__) if attrs.has(each)):
        (tree,) = ast.parse(inspect.getsource(each)).body
        statements = getattr(tree, "body", [])
        for statement, below in pairwise(statements):
            if isinstance(statement, ast.AnnAssign) and isinstance(below, ast.Expr):
                found[ast.unparse(statement.target)] = " ".join(str(ast.literal_eval(below.value)).split())
    return found


def _shown(default: Any) -> str:  # noqa: ANN401 - of any attribute
    if default is attrs.NOTHING:
        return "must be set"
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # a class at run time
        return "empty"
    return "none" if default is None else f"`{json.dumps(default)}`"


def expected(path: str) -> str:
    """Return what a key takes, as the fault says that is told of a value which no key takes."""
    keys = ".".join(PLACES.get(key, key) for key in path.split(".")).split(".")
    document: object = object()
    for key in reversed(keys):
        document = {key: document}
    try:
        sections.settings_check(Path("/po-ingest.toml"))(document)
    except FaultsError as error:
        for fault in error.faults:
            if list(fault.path) == keys:
                return fault.text.removeprefix("expected ")
    raise IncompleteError(f"{path} takes anything, or is no key")
