"""Values and texts through real drivers, and SQL Server's own types from the bytes that it sends."""

from __future__ import annotations

import codecs
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from po_ingest.errors import ErpError
from po_ingest.fields import BY_NAME
from po_ingest.readers import Unreadable, make_reader
from po_ingest.settings import ColumnSettings
from support.erp_postgres import Server, postgres_server
from support.skips import POSTGRESQL_ANSI_DRIVER, POSTGRESQL_DRIVER, SQLITE_DRIVER, skip_without_driver

pyodbc = pytest.importorskip("pyodbc", reason="pyodbc finds no ODBC: apt-get install unixodbc", exc_type=ImportError)

from po_ingest_adapters.erp import odbc_session, odbc_values  # noqa: E402 - only where pyodbc can be imported
from support.erp_odbc import error_of, odbc_source, rows_of  # noqa: E402 - as above

EMOJI = "\N{GRINNING FACE}"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    skip_without_driver(POSTGRESQL_DRIVER)
    with postgres_server() as running:
        with closing(pyodbc.connect(running.odbc(POSTGRESQL_DRIVER), autocommit=True)) as connection:
            connection.execute(
                "CREATE DATABASE bytes ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
            )
        yield running


def as_core_reads(field: str, value: object) -> object:
    return make_reader(BY_NAME[field], ColumnSettings(column=field), ZoneInfo("UTC"))(value)


# -- types that other drivers have too
def test_each_value_is_read_as_the_core_expects(server: Server) -> None:
    """The types of SQL Server that PostgreSQL has as well: char, real, float, decimal, guid, binary, time."""
    ((char, real, double, exact, guid, raw, clock, nothing),) = rows_of(
        odbc_source(server.odbc(POSTGRESQL_DRIVER)),
        "SELECT 'PO-1'::char(10), 1.1::float4, 0.1::float8 + 0.2, 12.3450::numeric(18,4),"
        " '11111111-1111-1111-1111-111111111111'::uuid, '\\x4142'::bytea, '12:30:15.5'::time, NULL::int",
    )
    assert char == "PO-1      "
    assert as_core_reads("po_number", char) == "PO-1"
    assert as_core_reads("ordered_quantity", real) == Decimal("1.100")
    assert as_core_reads("ordered_quantity", double) == Decimal("0.300")  # 0.30000000000000004, as its text says
    assert as_core_reads("ordered_quantity", exact) == Decimal("12.345")
    assert as_core_reads("item", guid) == "11111111-1111-1111-1111-111111111111"
    assert as_core_reads("item", raw) == "AB"
    assert (clock, as_core_reads("item", clock)) == (time(12, 30, 15, 500_000), "12:30:15.500000")
    assert nothing is None
    assert as_core_reads("ordered_quantity", nothing) is None


def test_a_bit_is_one_or_zero_as_text_and_number(tmp_path: Path) -> None:
    skip_without_driver(SQLITE_DRIVER)
    path = tmp_path / "erp.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE flags (done BIT, amount FLOAT, at TIMESTAMP)")
        connection.execute("INSERT INTO flags VALUES (1, 2.675, '2026-01-31 10:11:12.997'), (NULL, NULL, NULL)")
    rows = rows_of(odbc_source(f"Driver={SQLITE_DRIVER};Database={path};NoCreat=1"), "SELECT * FROM flags")
    assert rows == [(True, 2.675, datetime(2026, 1, 31, 10, 11, 12, 997_000)), (None, None, None)]  # noqa: DTZ001 - as the ERP gives it
    assert as_core_reads("item", rows[0][0]) == "1"
    assert as_core_reads("ordered_quantity", rows[0][1]) == Decimal("2.675")
    assert as_core_reads("last_update_timestamp", rows[0][2]) == datetime(2026, 1, 31, 10, 11, 12, 997_000, UTC)


def test_bytes_that_are_no_text_reject_their_row() -> None:
    with pytest.raises(Unreadable, match="is binary and not UTF-8 text"):
        as_core_reads("item", b"\x00\xff\xfe")


# -- types that only SQL Server has
def test_sql_servers_datetimeoffset_keeps_its_zone() -> None:
    """The layout is SQL_SS_TIMESTAMPOFFSET_STRUCT: six 16-bit numbers, nanoseconds in 32 bits, two 16-bit numbers."""
    raw = struct.pack("<6hI2h", 2026, 1, 31, 10, 11, 12, 123_456_700, -5, -30)
    taken = odbc_values.datetime_with_offset(raw)
    assert taken == datetime(2026, 1, 31, 10, 11, 12, 123456, timezone(-timedelta(hours=5, minutes=30)))
    assert as_core_reads("last_update_timestamp", taken) == datetime(2026, 1, 31, 15, 41, 12, 123456, UTC)


def test_half_a_surrogate_pair_of_sql_server_rejects_its_row_and_a_whole_one_is_a_character() -> None:
    assert odbc_values.wide_text((f"ü{EMOJI}").encode("utf-16-le")) == f"ü{EMOJI}"
    half = odbc_values.wide_text("A".encode("utf-16-le") + b"\x3d\xd8")
    assert half == "A\ud83d"
    with pytest.raises(Unreadable, match="lone surrogate"):
        as_core_reads("item", half)


@pytest.mark.parametrize(
    ("driver", "kinds"),
    [
        ("libmsodbcsql-18.3.so.2.1", {-155, -8, -9, -10}),
        ("MSODBCSQL18.DLL", {-155, -8, -9, -10}),
        ("libtdsodbc.so", {-155}),
    ],
)
def test_only_of_microsofts_drivers_is_known_what_wide_text_is_as_bytes(driver: str, kinds: set[int]) -> None:
    skip_without_driver(SQLITE_DRIVER)
    with closing(pyodbc.connect(f"Driver={SQLITE_DRIVER};Database=:memory:")) as connection:
        odbc_values.convert(connection, driver)
        assert {kind for kind in (-8, -9, -10, -155, 12) if connection.get_output_converter(kind)} == kinds


def test_pyodbc_itself_reads_sql_variant_and_xml() -> None:
    """No converter could: it gets bytes without their type (pyodbc issue 307); pyodbc asks the driver, since 5.2."""
    assert (pyodbc.SQL_SS_VARIANT, pyodbc.SQL_SS_XML) == (-150, -152)


@pytest.mark.parametrize(
    ("kind", "at", "words"),
    [
        (-151, 1, ["the column place", "geography", "place.ToString()"]),
        (-98, 0, ["the column po_number", "ODBC type -98", "cast it to text"]),
        (-151, 7, ["number 8"]),
    ],
)
def test_a_column_of_a_type_that_cannot_be_read_is_named(kind: int, at: int, words: list[str]) -> None:
    """The text is pyodbc's own (getdata.cpp)."""
    text = f"ODBC SQL type {kind} is not yet supported.  column-index={at}  type={kind}"
    with pytest.raises(ErpError) as caught, odbc_session.told("", columns=("po_number", "place")):
        raise pyodbc.ProgrammingError("HY106", f"[HY106] {text}")
    assert not caught.value.transient
    for word in words:
        assert word in f"{caught.value.message} {caught.value.hint}"


# -- encodings
def test_characters_beyond_the_first_plane_come_through(server: Server) -> None:
    source = odbc_source(server.odbc(POSTGRESQL_DRIVER))
    assert rows_of(source, f"SELECT '{EMOJI}', repeat(chr(128512), 3000)") == [(EMOJI, EMOJI * 3000)]


@pytest.fixture
def ansi(server: Server) -> Server:
    skip_without_driver(POSTGRESQL_ANSI_DRIVER)
    return server


def test_a_driver_that_gives_bytes_needs_an_encoding_and_the_error_says_so(ansi: Server) -> None:
    error = error_of(odbc_source(ansi.odbc(POSTGRESQL_ANSI_DRIVER)), "SELECT 'a'")
    assert "erp.encoding" in error.hint
    assert not error.transient


@pytest.mark.parametrize(("client", "encoding"), [("UTF8", "utf-8"), ("WIN1252", "cp1252"), ("LATIN9", "iso8859-15")])
def test_a_driver_that_gives_bytes_is_read_in_the_encoding(ansi: Server, client: str, encoding: str) -> None:
    connection = f"{ansi.odbc(POSTGRESQL_ANSI_DRIVER)};ConnSettings={{SET client_encoding TO '{client}'}}"
    with odbc_source(connection, encoding=encoding).query("SELECT 'ä€' AS t, chr(228), NULL AS \"größe\"") as result:
        assert (result.columns, list(result.chunks)) == (("t", "chr", "größe"), [[("ä€", "ä", None)]])


def test_a_text_that_cannot_be_decoded_rejects_its_row_alone(ansi: Server) -> None:
    connection = (
        f"{ansi.odbc(POSTGRESQL_ANSI_DRIVER, database='bytes')};ConnSettings={{SET client_encoding TO 'SQL_ASCII'}}"
    )
    sql = "SELECT convert_from(b, 'SQL_ASCII') FROM (VALUES ('\\x41e4'::bytea), ('\\x4142')) v (b)"
    ((broken,), (whole,)) = rows_of(odbc_source(connection, encoding="utf-8"), sql)
    assert whole == "AB"
    with pytest.raises(Unreadable, match="lone surrogate"):
        as_core_reads("item", broken)
    assert rows_of(odbc_source(connection, encoding="cp1252"), sql) == [("Aä",), ("AB",)]


def test_bytes_that_the_unicode_driver_refuses_have_a_hint(ansi: Server) -> None:
    source = odbc_source(ansi.odbc(POSTGRESQL_DRIVER, database="bytes"))
    error = error_of(source, "SELECT convert_from('\\x41e4'::bytea, 'SQL_ASCII')")
    assert "ANSI variant" in error.hint


def test_without_an_encoding_a_text_that_cannot_be_decoded_says_what_to_do(tmp_path: Path) -> None:
    skip_without_driver(SQLITE_DRIVER)
    connection = f"Driver={SQLITE_DRIVER};Database={tmp_path / 'erp.db'}"
    surrogate = "SELECT CAST(x'eda080' AS text) AS t"
    error = error_of(odbc_source(connection), surrogate)
    assert "cannot be decoded" in error.message
    assert "erp.encoding" in error.hint
    assert rows_of(odbc_source(connection, encoding="utf-8"), surrogate) == [("\udced\udca0\udc80",)]


def test_a_query_that_the_encoding_cannot_hold_is_told(ansi: Server) -> None:
    error = error_of(odbc_source(ansi.odbc(POSTGRESQL_ANSI_DRIVER), encoding="cp1252"), f"SELECT '{EMOJI}'")
    assert "cannot hold" in error.message


def test_no_other_encoding_is_touched() -> None:
    with pytest.raises(LookupError):
        codecs.lookup("po-ingest-of-another-kind")
    assert codecs.lookup("po_ingest_cp1252").decode(b"\x80\x81") == ("€\udc81", 2)
