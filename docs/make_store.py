"""Makes docs/store.md from the store's metadata, store_columns.toml, the queries, and the text in store.md.in."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final

import attrs
from making import HERE, IncompleteError, filled, table_rows
from sqlalchemy import ForeignKeyConstraint, Index, Table, UniqueConstraint, create_mock_engine
from sqlalchemy.engine import Dialect

from po_ingest.fields import BY_NAME, CUSTOM_SLOTS_PER_KIND
from po_ingest_adapters.store.schema import tables
from po_ingest_adapters.store.views import views

MEANINGS: Final = HERE / "store_columns.toml"
QUERIES: Final = HERE / "queries"
DATABASES: Final[dict[str, Dialect]] = {
    "SQLite": create_mock_engine("sqlite://", print).dialect,
    "PostgreSQL": create_mock_engine("postgresql+psycopg://", print).dialect,
    "SQL Server": create_mock_engine("mssql+pyodbc://", print, deprecate_large_types=True).dialect,
}
ENDINGS: Final = {"": "sql", "sqlite": "SQLite", "postgresql": "PostgreSQL", "mssql": "SQL Server"}
SLOT: Final = re.compile(r"(custom_\w+_)(\d+)")
QUERY: Final = re.compile(r"\A-- (?P<title>.*)\n-- (?P<about>.*)\n-- (?P<parameters>.*)\n(?P<sql>[\s\S]*)\Z")


@attrs.frozen
class Described:
    """A column as the page shows it."""

    name: str
    meaning: str
    may_be_null: bool | None  # None: of a view
    types: tuple[str, ...]
    is_internal: bool = False
    is_users: bool = False

    def cells(self) -> Iterator[str]:
        """Yield the cells of its row."""
        yield f"*`{self.name}`*" if self.is_internal else f"`{self.name}`{' ✎' if self.is_users else ''}"
        yield self.meaning
        if self.may_be_null is not None:
            yield "" if self.may_be_null else "no"
        yield from (f"`{kind}`" for kind in self.types)


def page() -> str:
    """Return the page."""
    told = tomllib.loads(MEANINGS.read_text(encoding="utf-8"))
    parts = {
        "tables": [_table(table, told) for table in _in_order()],
        "views": [_view(name, told) for name in views()],
        "queries": [_query(name, files) for name, files in _queries().items()],
    }
    joined = {name: "\n\n".join(sections) for name, sections in parts.items()}
    return filled("store.md", "the metadata", joined)


def _in_order() -> list[Table]:
    of = tables()
    return [of.run, of.line, of.snapshot, of.event, of.batch, of.xref, of.audit, of.rejected, of.version]


def _types(kind: Any) -> tuple[str, ...]:  # noqa: ANN401 - any of SQLAlchemy's types
    return tuple(kind.compile(dialect=dialect).partition(" COLLATE ")[0] for dialect in DATABASES.values())


def _described(
    name: str, columns: Iterable[tuple[str, Any, bool | None]], told: Mapping[str, Any]
) -> Iterator[Described]:
    """Yield the columns of a table or view; the slots of one kind as one row."""
    meanings: dict[str, str] = dict(told[name])
    for column, kind, may_be_null in columns:
        meaning = meanings.pop(column, None) or (BY_NAME[column].description if column in BY_NAME else None)
        if meaning is None:
            raise IncompleteError(f"{MEANINGS.name} does not tell what {name}.{column} means")
        full, shown = f"{name}.{column}", column
        if slot := SLOT.fullmatch(column):
            if slot[2] != "1":
                continue
            shown, meaning = f"{slot[1]}1` … `{CUSTOM_SLOTS_PER_KIND}", f"{meaning.partition(',')[0]}, five slots"
        marks = (any(fnmatch(full, mark) for mark in told["marks"][of]) for of in ("internal", "user"))
        yield Described(shown, meaning, may_be_null, _types(kind), *marks)
    if meanings:
        raise IncompleteError(f"{MEANINGS.name} tells of {name}.{next(iter(meanings))}, which is not there")


def _table(table: Table, told: Mapping[str, Any]) -> str:
    columns = ((column.name, column.type, bool(column.nullable)) for column in table.columns)
    described = _described(table.name, columns, told)
    rows = table_rows(("column", "meaning", "null", *DATABASES), (each.cells() for each in described))
    return "\n".join([f"### `{table.name}`", "", told["about"][table.name], "", *rows, "", _keys(table)])


def _keys(table: Table) -> str:
    """Tell a table's keys and indexes on one line."""

    def names(columns: Iterable[Any]) -> str:
        return ", ".join(f"`{column.name}`" for column in columns)

    unique = sorted(names(each.columns) for each in table.constraints if isinstance(each, UniqueConstraint))
    foreign = sorted(
        f"{names(each.columns)} → `{each.elements[0].target_fullname}`"
        for each in table.constraints
        if isinstance(each, ForeignKeyConstraint)
    )
    parts = [f"Key: {names(table.primary_key.columns)}."]
    parts += [f"Unique: {columns}." for columns in unique]
    parts += [f"Refers: {', '.join(foreign)}."] if foreign else []
    indexes: list[Index] = sorted(table.indexes, key=lambda index: str(index.name))
    parts += [f"Index: {names(index.columns)}." for index in indexes]
    return " ".join(parts)


def _view(name: str, told: Mapping[str, Any]) -> str:
    columns = ((str(column.key), column.type, None) for column in views()[name].selected_columns)
    rows = table_rows(("column", "meaning", *DATABASES), (each.cells() for each in _described(name, columns, told)))
    return "\n".join([f"### `{name}`", "", told["about"][name], "", *rows])


def _queries() -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for file in sorted(QUERIES.glob("*.sql"), key=lambda file: list(ENDINGS).index(_database(file))):
        found.setdefault(file.name.partition(".")[0], []).append(file)
    return dict(sorted(found.items()))


def _database(file: Path) -> str:
    """Return the database that a query is for, of its name; empty: for all."""
    return file.stem.partition(".")[2]


def _query(name: str, files: Sequence[Path]) -> str:
    parts: list[str] = []
    for file in files:
        text = QUERY.match(file.read_text(encoding="utf-8"))
        if text is None:
            raise IncompleteError(f"{file.name} must begin with three comments: title, what it says, parameters")
        if not parts:
            number = int(name.partition("_")[0])
            parts = [f"### {number}. {text['title']}", "", f"{text['about']} For example: `{text['parameters']}`.", ""]
        if len(files) > 1:
            parts += [f"On {ENDINGS[_database(file)]}:", ""]
        parts += ["```sql", text["sql"].strip(), "```", ""]
    return "\n".join(parts).strip()
