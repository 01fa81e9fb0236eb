"""A statement that is meant for each of many rows, as one for all of them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BindParameter
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.visitors import replacement_traverse
from sqlalchemy.types import TypeEngine

from po_ingest_adapters.store.column_types import ID
from po_ingest_adapters.store.database import BulkChange


def parameter_types(change: BulkChange) -> dict[str, TypeEngine[Any]]:
    """Return the types of a change's parameters: those of the columns they are named after, else ids and numbers."""
    columns = change.statement.table.c
    return {name: columns[name].type if name in columns else ID for name in change.names}


def taking_from(change: BulkChange, given: Any) -> ClauseElement:  # noqa: ANN401 - whatever has columns: a table, a set
    """Return the change's statement with columns of `given`, named as its parameters, in their place."""

    def replace(element: object, **_: object) -> Any:  # noqa: ANN401 - SQLAlchemy's signature
        is_given = isinstance(element, BindParameter) and element.key in change.names
        return given.c[element.key] if is_given else None  # type: ignore[attr-defined]  # a parameter then

    changed: ClauseElement = replacement_traverse(change.statement, {}, replace)  # type: ignore[assignment]  # an Update
    return changed
