"""Column types of the store: exact and readable on SQLite, the database's own elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    DECIMAL as DECIMAL_TYPE,
)
from sqlalchemy import (
    VARBINARY,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    Numeric,
    Text,
    Unicode,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

from po_ingest.fields import DECIMAL_PRECISION, DECIMAL_SCALE, Field, Kind
from po_ingest.raw_values import Memory

Processor: TypeAlias = Callable[[Any], Any]

encode_json = json.JSONEncoder(separators=(",", ":")).encode
"""ASCII only: NUL and lone surrogates, which databases refuse in a text, survive as escapes."""


class AsText(UserDefinedType[Any]):
    """A type that SQLite has not, kept as text."""

    cache_ok = True
    write: Processor
    read: Processor

    def get_col_spec(self, **_: object) -> str:
        """Return the column's type in DDL."""
        return "TEXT"

    def bind_processor(self, dialect: Dialect) -> Processor:  # noqa: ARG002 - SQLAlchemy's signature
        """Return what turns a value into text."""
        write = self.write
        return lambda value: None if value is None else write(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor:  # noqa: ARG002 - SQLAlchemy's signature
        """Return what turns text into a value."""
        read = self.read
        return lambda value: None if value is None else read(value)


class DecimalText(AsText):
    """A decimal as exact text; its places are those of the value (`12.000`)."""

    write = staticmethod(str)
    read = staticmethod(Decimal)


class PlainDate(UserDefinedType[Any]):
    """A date that goes to the driver and comes from it as it is; SQLAlchemy's own for SQL Server makes datetimes."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Return the column's type in DDL."""
        return "DATE"


class PlainMoment(UserDefinedType[Any]):
    """A datetime on SQL Server; the driver is told its digits, and need not ask the server for them."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Return the column's type in DDL."""
        return "DATETIME2(6)"

    def get_dbapi_type(self, dbapi: Any) -> tuple[int, int, int]:  # noqa: ANN401 - SQLAlchemy's signature
        """Return type, size and digits as pyodbc's `setinputsizes` takes them."""
        return (dbapi.SQL_TYPE_TIMESTAMP, 26, 6)


class DateText(AsText):
    """A date as ISO text."""

    write = staticmethod(date.isoformat)
    read = staticmethod(date.fromisoformat)


def _moment_text(moment: datetime) -> str:
    """Return what `fields.to_text` does; this is done for every line written, and nearly all moments are in UTC."""
    in_utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return in_utc.isoformat()[: -len("+00:00")] + "Z"


class MomentText(AsText):
    """A datetime as ISO text in UTC, `2026-01-31T08:00:00Z`; compare it through `sortable`."""

    write = staticmethod(_moment_text)
    read = staticmethod(datetime.fromisoformat)


class UtcDateTime(TypeDecorator[datetime]):
    """A datetime in UTC, kept without its zone."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type with all six digits: SQL Server's DATETIME has three, in steps of 1/300 second."""
        return dialect.type_descriptor(PlainMoment()) if dialect.name == "mssql" else super().load_dialect_impl(dialect)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Take the zone away."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Give the zone back."""
        return None if value is None else value.replace(tzinfo=UTC)


class JsonText(TypeDecorator[Any]):
    """A JSON value as text; None is SQL NULL."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type of a long text."""
        return dialect.type_descriptor(_mssql_text(None) if dialect.name == "mssql" else Text())

    def process_bind_param(self, value: object, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Write JSON."""
        return None if value is None else encode_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> object:  # noqa: ARG002 - SQLAlchemy's signature
        """Read JSON."""
        return None if value is None else json.loads(value)


MSSQL_COLLATION: Final = "Latin1_General_100_BIN2"
"""Of all texts on SQL Server: equal means equal, whatever the database's collation."""
UNITS: Final = 2
"""SQL Server counts a text's length in UTF-16 units, of which a character takes up to two."""


def _mssql_text(width: int | None) -> Unicode:
    """Return NVARCHAR for a text of at most `width` characters; without a width, for one of any length."""
    return Unicode(None if width is None else UNITS * width, collation=MSSQL_COLLATION)


ID: Final[TypeEngine[int]] = BigInteger().with_variant(Integer(), "sqlite")  # SQLite's row ids are of type INTEGER
INTEGER: Final[TypeEngine[int]] = Integer()
DECIMAL: Final[TypeEngine[Any]] = (
    Numeric(DECIMAL_PRECISION, DECIMAL_SCALE)
    .with_variant(DecimalText(), "sqlite")
    .with_variant(DECIMAL_TYPE(DECIMAL_PRECISION, DECIMAL_SCALE), "mssql")
)
DATE: Final[TypeEngine[Any]] = Date().with_variant(DateText(), "sqlite").with_variant(PlainDate(), "mssql")
MOMENT: Final[TypeEngine[Any]] = UtcDateTime().with_variant(MomentText(), "sqlite")
JSON: Final[TypeEngine[Any]] = JsonText()
FLAG: Final[TypeEngine[bool]] = Boolean()
BYTES: Final[TypeEngine[bytes]] = LargeBinary().with_variant(VARBINARY(64), "mssql")  # digests
LONG_TEXT: Final[TypeEngine[str]] = Text().with_variant(_mssql_text(None), "mssql")


def text(width: int) -> TypeEngine[str]:
    """Return the type of a text of at most `width` characters."""
    return Unicode(width).with_variant(_mssql_text(width), "mssql")


def exact_text(width: int) -> TypeEngine[str]:
    """Return the type of a text that is compared and sorted by its code points (R18)."""
    return (
        Unicode(width)
        .with_variant(Unicode(width, collation="C"), "postgresql")
        .with_variant(_mssql_text(width), "mssql")
    )


def field_type(field: Field) -> TypeEngine[Any]:
    """Return the column type of a field."""
    if field.kind is Kind.TEXT:
        return text(field.width or 0)
    return {Kind.INTEGER: INTEGER, Kind.DECIMAL: DECIMAL, Kind.DATE: DATE, Kind.DATETIME: MOMENT}[field.kind]


class sortable(FunctionElement[Any]):  # noqa: N801 - reads as the SQL function it stands for
    """A datetime in a form whose order is that of time.

    As text, `08:00:00.5Z` would come before `08:00:00Z`; without the Z the shorter one comes first, as it should.
    """

    name = "sortable"
    inherit_cache = True

    def __init__(self, moment: ColumnElement[Any]) -> None:
        """Take the column, or the value, to compare."""
        super().__init__(moment)


@compiles(sortable)
def _as_it_is(element: sortable, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    return compiler.process(element.clauses, **kw)


@compiles(sortable, "sqlite")
def _without_zone(element: sortable, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    return f"rtrim({compiler.process(element.clauses, **kw)}, 'Z')"


def column_writer(column: Column[Any], dialect: Dialect) -> Processor | None:
    """Return what turns values of a column, none of them None, into what the driver takes; None if they are it.

    Dates and times are remembered: they repeat from line to line, and what a batch job of the ERP touched has one.
    """
    write = _writer(column.type, dialect)
    if write is None or not isinstance(column.type, (Date, UtcDateTime)):
        return write
    return Memory(write).__getitem__


def _writer(kind: TypeEngine[Any], dialect: Dialect) -> Processor | None:
    """Return what converts a value; psycopg's own way from dates and times to their texts takes four times as long."""
    used = kind.dialect_impl(dialect)
    if isinstance(used, AsText):
        return used.write
    write = used.bind_processor(dialect)
    if dialect.name != "postgresql" or not isinstance(kind, (Date, UtcDateTime)):
        return write
    return date.isoformat if write is None else lambda moment: write(moment).isoformat()
