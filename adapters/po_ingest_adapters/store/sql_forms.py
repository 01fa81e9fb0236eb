"""What the databases say differently in a view: numbers and dates kept as text, time between two moments, JSON."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Double, Integer, Numeric
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from po_ingest.fields import DECIMAL_PRECISION, DECIMAL_SCALE
from po_ingest_adapters.store.column_types import DATE


class number(FunctionElement[Any]):  # noqa: N801 - reads as the SQL function it stands for
    """A decimal as a number to calculate and compare with; on SQLite, which has none that is exact, a near one."""

    name = "number"
    inherit_cache = True
    type = Numeric(DECIMAL_PRECISION, DECIMAL_SCALE).with_variant(Double(), "sqlite")


@compiles(number)
def _number_as_it_is(element: number, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    return compiler.process(element.clauses, **kw)


@compiles(number, "sqlite")
def _number_of_text(element: number, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    return f"CAST({compiler.process(element.clauses, **kw)} AS REAL)"


class iso_date(FunctionElement[Any]):  # noqa: N801 - as above
    """A date of its text `2026-01-31`."""

    name = "iso_date"
    inherit_cache = True
    type = DATE


@compiles(iso_date)
def _date_of_text(element: iso_date, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    return f"CAST({compiler.process(element.clauses, **kw)} AS DATE)"


@compiles(iso_date, "mssql")
def _date_of_iso_text(element: iso_date, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    return (
        f"TRY_CONVERT(DATE, {compiler.process(element.clauses, **kw)}, 23)"  # 23: ISO, whatever the session's language
    )


@compiles(iso_date, "sqlite")
def _date_as_it_is(element: iso_date, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    return compiler.process(element.clauses, **kw)


class days_between(FunctionElement[int]):  # noqa: N801 - as above
    """Whole days from one date to another."""

    name = "days_between"
    inherit_cache = True
    type = Integer()


@compiles(days_between)
def _days(element: days_between, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    start, end = _both(element, compiler, kw)
    return f"({end} - {start})"


@compiles(days_between, "mssql")
def _datediff(element: days_between, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    start, end = _both(element, compiler, kw)
    return f"DATEDIFF(DAY, {start}, {end})"


@compiles(days_between, "sqlite")
def _julian_days(element: days_between, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    start, end = _both(element, compiler, kw)
    return f"CAST(ROUND(julianday({end}) - julianday({start})) AS INTEGER)"


class hours_between(FunctionElement[Any]):  # noqa: N801 - as above
    """Hours from one moment to another, with two places."""

    name = "hours_between"
    inherit_cache = True
    type = Numeric(18, 2).with_variant(Double(), "sqlite")


@compiles(hours_between)
def _hours(element: hours_between, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    start, end = _both(element, compiler, kw)
    return f"CAST(EXTRACT(EPOCH FROM {end} - {start}) / 3600.0 AS NUMERIC(18, 2))"


@compiles(hours_between, "mssql")
def _hours_of_seconds(element: hours_between, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - as above
    start, end = _both(element, compiler, kw)
    return f"CAST(DATEDIFF_BIG(SECOND, {start}, {end}) / 3600.0 AS NUMERIC(18, 2))"


@compiles(hours_between, "sqlite")
def _julian_hours(element: hours_between, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - as above
    start, end = _both(element, compiler, kw)
    return f"ROUND((julianday({end}) - julianday({start})) * 24, 2)"


def _both(element: FunctionElement[Any], compiler: SQLCompiler, kw: dict[str, Any]) -> tuple[str, str]:
    start, end = (compiler.process(clause, **kw) for clause in element.clauses)
    return start, end


class json_number(FunctionElement[int]):  # noqa: N801 - as above
    """A whole number of a JSON object, by its key; null where there is none."""

    name = "json_number"
    inherit_cache = False  # the key is no clause
    type = BigInteger().with_variant(Integer(), "sqlite")

    def __init__(self, column: ColumnElement[Any], key: str) -> None:
        """Take the column, and a key of letters and `_`."""
        super().__init__(column)
        self.key_in_json = key


@compiles(json_number)
def _from_json(element: json_number, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    # `->`, not `->>`: that would decode all texts of the object, and refuse some that JSON allows.
    found = f"CAST({compiler.process(element.clauses, **kw)} AS JSON) -> '{element.key_in_json}'"
    return f"CAST(NULLIF(CAST({found} AS TEXT), 'null') AS BIGINT)"


@compiles(json_number, "mssql")
def _json_value(element: json_number, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    return f"CAST(JSON_VALUE({compiler.process(element.clauses, **kw)}, '$.{element.key_in_json}') AS BIGINT)"


@compiles(json_number, "sqlite")
def _json_extract(element: json_number, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    return f"json_extract({compiler.process(element.clauses, **kw)}, '$.{element.key_in_json}')"
