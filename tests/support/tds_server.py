"""As much of a TDS server as Microsoft's ODBC driver needs to log in, and to be answered by the emulator.

What the driver declares and sends is thereby seen as a server would see it: types of parameters, batches, transactions.
Protocol: [MS-TDS]; version 7.4, no encryption.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

import attrs

from po_ingest.settings import StoreSettings
from po_ingest_adapters.store.sql import SqlStore, create
from support.mssql_emulator import Connection, Error, Server
from support.odbc_driver_18 import driver_18

BATCH, RPC, ATTENTION, LOGIN, PRELOGIN, TRANSACTION = 1, 3, 6, 16, 18, 14
COLLATION: Final = bytes.fromhex("0904d00034")
DONE_FINAL, DONE_ERROR = 0x00, 0x02
DAY_ONE: Final = date(1, 1, 1)
FIRST_MOMENT: Final = datetime(1, 1, 1)  # noqa: DTZ001 - kept without a zone
UNLIMITED: Final = 0xFFFF
TEXTUAL: Final = {0xE7: ("nvarchar", "utf-16-le"), 0xA7: ("varchar", "cp1252"), 0xA5: ("varbinary", "")}
TYPE_INFO: Final = [("nvarchar", -9, 4000), ("varchar", 12, 8000), ("varbinary", -3, 8000), ("datetime2", 93, 27)]
PROCEDURES: Final = {10: "sp_executesql", 11: "sp_prepare", 12: "sp_execute", 13: "sp_prepexec", 15: "sp_unprepare"}
STATES: Final = re.compile(r"\[SQL Server\](.*) \((\d+)\) \(SQL")


def text(value: str) -> bytes:
    return value.encode("utf-16-le", "surrogatepass")


def b_varchar(value: str) -> bytes:
    return bytes([len(value)]) + text(value)


def done(status: int = DONE_FINAL, token: int = 0xFD) -> bytes:
    return struct.pack("<BHHQ", token, status, 0, 0)


def error(number: int, message: str) -> bytes:
    body = struct.pack("<iBB", number, 1, 16) + struct.pack("<H", len(message)) + text(message)
    body += b_varchar("emulator") + b_varchar("") + struct.pack("<i", 1)
    return b"\xaa" + struct.pack("<H", len(body)) + body


@attrs.define
class Reader:
    """Reads a message from its start."""

    data: bytes
    at: int = 0

    def take(self, size: int) -> bytes:
        self.at += size
        assert self.at <= len(self.data)
        return self.data[self.at - size : self.at]

    def number(self, form: str) -> int:
        (value,) = struct.unpack(f"<{form}", self.take(struct.calcsize(form)))
        return int(value)

    def plp(self) -> bytes | None:
        if self.number("Q") == 2**64 - 1:
            return None
        parts = []
        while size := self.number("I"):
            parts.append(self.take(size))
        return b"".join(parts)

    def parameter(self) -> tuple[str, Any]:
        """Return a parameter's declared type and value."""
        kind = self.number("B")
        read = {0x26: self._number, 0x68: self._number, 0x6D: self._number, 0x28: self._date, 0x2A: self._moment}
        read |= dict.fromkeys(TEXTUAL, self._text) | dict.fromkeys((0x6A, 0x6C), self._decimal)
        assert kind in read, f"a parameter of the type {kind:#x}"
        return read[kind](kind)

    def _text(self, kind: int) -> tuple[str, Any]:
        name, encoding = TEXTUAL[kind]
        longest = self.number("H")
        if encoding:
            self.take(5)  # the collation
        size = None if longest == UNLIMITED else self.number("H")
        raw = self.plp() if size is None else None if size == UNLIMITED else self.take(size)
        limit = "max" if longest == UNLIMITED else str(longest // (2 if name == "nvarchar" else 1))
        return f"{name}({limit})", raw.decode(encoding) if raw is not None and encoding else raw

    def _number(self, kind: int) -> tuple[str, Any]:
        width, size = self.number("B"), self.number("B")
        form = {4: "f", 8: "d"} if kind == 0x6D else {1: "B", 2: "h", 4: "i", 8: "q"}
        value = struct.unpack(f"<{form[size]}", self.take(size))[0] if size else None
        return {0x26: f"int{width}", 0x68: "bit", 0x6D: "float"}[kind], value

    def _decimal(self, _: int) -> tuple[str, Any]:
        _, precision, scale = self.take(3)
        raw = self.take(self.number("B"))
        sign = 1 if raw[:1] == b"\x01" else -1
        value = Decimal(sign * int.from_bytes(raw[1:], "little")).scaleb(-scale) if raw else None
        return f"decimal({precision},{scale})", value

    def _date(self, _: int) -> tuple[str, Any]:
        raw = self.take(self.number("B"))
        return "date", DAY_ONE + timedelta(days=int.from_bytes(raw, "little")) if raw else None

    def _moment(self, _: int) -> tuple[str, Any]:
        scale = self.number("B")
        raw = self.take(self.number("B"))
        if not raw:
            return f"datetime2({scale})", None
        since = timedelta(microseconds=int(Decimal(int.from_bytes(raw[:-3], "little")).scaleb(6 - scale)))
        midnight = FIRST_MOMENT + timedelta(days=int.from_bytes(raw[-3:], "little"))
        return f"datetime2({scale})", midnight + since


def columns_and_rows(rows: Sequence[Sequence[Any]], names: Sequence[str]) -> bytes:
    """Return a result; a column has the type of its first value."""
    kinds = [next((type(row[at]) for row in rows if row[at] is not None), str) for at in range(len(names))]
    out = b"\x81" + struct.pack("<H", len(names))
    for name, kind in zip(names, kinds, strict=True):
        out += struct.pack("<IH", 0, 9) + TYPES[kind] + b_varchar(name)
    return out + b"".join(
        b"\xd1" + b"".join(cell(kind, value) for kind, value in zip(kinds, row, strict=True)) for row in rows
    )


TYPES: Final[dict[type, bytes]] = {
    str: b"\xe7\xff\xff" + COLLATION,
    int: b"\x26\x08",
    bool: b"\x68\x01",
    float: b"\x6d\x08",
    bytes: b"\xa5\x40\x1f",
    Decimal: b"\x6a\x09\x12\x03",
    date: b"\x28",
    datetime: b"\x2a\x06",
}


def cell(kind: type, value: Any) -> bytes:  # noqa: ANN401 - of any type
    """Return a value as a row has it."""
    if kind is str:
        raw = b"" if value is None else text(value)
        whole = struct.pack("<I", len(raw)) + raw if raw else b""
        return b"\xff" * 8 if value is None else struct.pack("<Q", len(raw)) + whole + bytes(4)
    if kind is bytes:
        return b"\xff\xff" if value is None else struct.pack("<H", len(value)) + value
    raw = b"" if value is None else PACKED[kind](value)
    return bytes([len(raw)]) + raw


def _packed_moment(value: datetime) -> bytes:
    since = value - value.replace(hour=0, minute=0, second=0, microsecond=0)
    return (since // timedelta(microseconds=1)).to_bytes(5, "little") + _packed_date(value.date())


def _packed_date(value: date) -> bytes:
    return (value - DAY_ONE).days.to_bytes(3, "little")


def _packed_decimal(value: Decimal) -> bytes:
    whole = int(value.scaleb(3))
    return (b"\x01" if whole >= 0 else b"\x00") + abs(whole).to_bytes(8, "little")


PACKED: Final[dict[type, Callable[[Any], bytes]]] = {
    int: lambda value: struct.pack("<q", value),
    bool: lambda value: struct.pack("<B", value),
    float: lambda value: struct.pack("<d", value),
    Decimal: _packed_decimal,
    date: _packed_date,
    datetime: _packed_moment,
}


@attrs.define
class TdsServer:
    """Listens on a loopback port, and answers from the emulator."""

    server: Server
    port: int = 0
    packet: int = 4096
    batches: list[str] = attrs.field(factory=list)
    declared: list[tuple[str, tuple[tuple[str, Any], ...]]] = attrs.field(factory=list)
    login_error: tuple[int, str] | None = None
    failures: list[BaseException] = attrs.field(factory=list)
    asked: list[str] = attrs.field(factory=list)
    """What came in messages, one each: logins, batches, calls; a round trip is one that is answered."""

    @property
    def url(self) -> str:
        """Return the URL of a store on this server, through pyodbc and Microsoft's driver."""
        driver = quote(driver_18(), safe="")
        return f"mssql+pyodbc://ingest:Geheim-4711@127.0.0.1:{self.port}/history?Encrypt=no&driver={driver}"

    def store(self, **options: str) -> SqlStore:
        """Return a store on this server."""
        query = "".join(f"&{name}={quote(value, safe='')}" for name, value in options.items())
        return create(StoreSettings(url=self.url + query))

    @contextmanager
    def running(self) -> Iterator[TdsServer]:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.port = listening.getsockname()[1]
            thread = threading.Thread(target=self._accept, args=(listening,), daemon=True)
            thread.start()
            yield self
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        assert self.failures == []

    def _accept(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, suppress(ConnectionError):
                Session(self, connection).talk()
        except BaseException as failure:  # noqa: BLE001 - told when the server ends
            self.failures.append(failure)


@attrs.define
class Session:
    """One connection."""

    tds: TdsServer
    connection: socket.socket
    emulated: Connection | None = None
    prepared: dict[int, tuple[str, str]] = attrs.field(factory=dict)

    def talk(self) -> None:
        try:
            while (message := self._receive()) is not None:
                kind, body = message
                self.tds.asked.append(self._name(kind, body))
                answer = {PRELOGIN: self._prelogin, LOGIN: self._login, BATCH: self._batch, RPC: self._rpc}[kind](body)
                self._send(answer)
        finally:
            if self.emulated is not None and not self.emulated.is_closed:
                self.emulated.close()

    def _name(self, kind: int, body: bytes) -> str:
        if kind == RPC:
            reader = self._without_headers(body)
            size = reader.number("H")
            return (
                PROCEDURES.get(reader.number("H"), "?")
                if size == UNLIMITED
                else reader.take(2 * size).decode("utf-16-le")
            )
        return {PRELOGIN: "prelogin", LOGIN: "login", BATCH: "batch"}[kind]

    def _receive(self) -> tuple[int, bytes] | None:
        body = b""
        while True:
            header = self._exactly(8)
            if header is None:
                return None
            kind, status, size = struct.unpack(">BBH", header[:4])
            part = self._exactly(size - 8)
            assert part is not None
            body += part
            if status & 1:
                return kind, body

    def _exactly(self, size: int) -> bytes | None:
        data = b""
        while len(data) < size:
            more = self.connection.recv(size - len(data))
            if not more:
                return None
            data += more
        return data

    def _send(self, body: bytes) -> None:
        room = self.tds.packet - 8
        parts = [body[start : start + room] for start in range(0, len(body), room)] or [b""]
        for number, part in enumerate(parts, 1):
            last = number == len(parts)
            self.connection.sendall(struct.pack(">BBHHBB", 4, int(last), len(part) + 8, 0, number % 256, 0) + part)

    @staticmethod
    def _prelogin(_: bytes) -> bytes:
        options = b"\x00\x00\x10\x00\x06" + b"\x01\x00\x16\x00\x01" + b"\x04\x00\x17\x00\x01" + b"\xff"
        return options + bytes([16, 0, 0x10, 0x45, 0, 0]) + b"\x02" + b"\x00"

    def _login(self, _: bytes) -> bytes:
        if self.tds.login_error is not None:
            return error(*self.tds.login_error) + done(DONE_ERROR)
        self.emulated = self.tds.server.connect("TDS", autocommit=True, timeout=1)
        size = b_varchar(str(self.tds.packet))
        change = b"\x04" + size + size
        database = b"\x01" + b_varchar("history") + b_varchar("master")
        collation = b"\x07\x05" + COLLATION + b"\x00"
        ack = b"\x01" + struct.pack(">I", 0x74000004) + b_varchar("Microsoft SQL Server") + bytes([16, 0, 0x10, 0x45])
        changes = b"".join(b"\xe3" + struct.pack("<H", len(each)) + each for each in (database, collation, change))
        return changes + b"\xad" + struct.pack("<H", len(ack)) + ack + done()

    @staticmethod
    def _without_headers(body: bytes) -> Reader:
        return Reader(body, struct.unpack("<I", body[:4])[0])

    def _batch(self, body: bytes) -> bytes:
        reader = self._without_headers(body)
        sql = reader.data[reader.at :].decode("utf-16-le")
        self.tds.batches.append(sql)
        if sql.startswith(("SET ", "set ")) and "ANSI_NULLS" not in sql:
            return done()  # the driver's own
        out, status = self._run(sql, ())
        return out + done(status)

    def _rpc(self, body: bytes) -> bytes:
        reader = self._without_headers(body)
        size = reader.number("H")
        name = (
            PROCEDURES.get(reader.number("H"), "?") if size == UNLIMITED else reader.take(2 * size).decode("utf-16-le")
        )
        reader.take(2)
        given: list[tuple[str, Any]] = []
        while reader.at < len(reader.data):
            reader.take(2 * reader.number("B"))
            reader.take(1)
            given.append(reader.parameter())
        return self._procedure(name, given)

    def _procedure(self, name: str, given: list[tuple[str, Any]]) -> bytes:
        returned = b"\x79" + bytes(4)
        if name in {"sp_prepexec", "sp_prepare", "sp_executesql"}:
            handle = len(self.prepared) + 1
            at = 0 if name == "sp_executesql" else 1
            sql, types = (given[2][1], given[1][1]) if at else (given[0][1], given[1][1] if len(given) > 1 else "")
            values = given[3:] if name == "sp_prepexec" else given[2:] if not at else []
            self.prepared[handle] = sql, types
            out, status = (b"", DONE_FINAL) if name == "sp_prepare" else self._declared(sql, types, values)
            value = (
                b"\xac" + struct.pack("<H", 0) + b_varchar("") + b"\x01" + struct.pack("<IH", 0, 0) + b"\x26\x04\x04"
            )
            return out + returned + (value + struct.pack("<i", handle) if at else b"") + done(status, 0xFE)
        if name == "sp_execute":
            out, status = self._declared(*self.prepared[given[0][1]], given[1:])
            return out + returned + done(status, 0xFE)
        if "sp_datatype_info" in name:  # a driver asks for it when it is connected
            known = [row for row in TYPE_INFO if row[1] == given[0][1]]
            return columns_and_rows(known, ("TYPE_NAME", "DATA_TYPE", "PRECISION")) + returned + done(token=0xFE)
        return returned + done(token=0xFE)  # sp_unprepare; questions for the catalogue, which has nothing to tell

    def _declared(self, sql: str, types: str, values: list[tuple[str, Any]]) -> tuple[bytes, int]:
        self.tds.declared.append((types, tuple(values)))
        plain = re.sub(r"@P\d+", "?", sql)
        return self._run(plain, tuple(value for _, value in values))

    def _run(self, sql: str, values: tuple[Any, ...]) -> tuple[bytes, int]:
        assert self.emulated is not None
        cursor = self.emulated.cursor()
        cursor.sizes = [(1, 0, 0)]
        try:
            cursor.execute(sql, values)
        except Error as failure:
            found = STATES.search(str(failure.args[-1]))
            if found is None:
                self.connection.close()
                raise ConnectionError from failure
            return error(int(found[2]), found[1]), DONE_ERROR
        if cursor.description is None:
            return b"", DONE_FINAL
        rows = [tuple(row) for row in cursor.fetchall()]
        return columns_and_rows(rows, [each[0] for each in cursor.description]), DONE_FINAL
