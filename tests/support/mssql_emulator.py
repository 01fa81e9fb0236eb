"""A stand-in for pyodbc and SQL Server: takes the T-SQL that the store sends, and answers from a SQLite file.

No proof of what a server does, but of what the store asks of it: a statement that is not of a known form is refused,
values are converted as their declared types say, a transaction begun in a batch lasts until it is ended in one, and a
connection answers one question at a time (there is no MARS). A statement of the product that is not in the golden file
is refused too, whatever test made it.
"""

from __future__ import annotations

import functools
import json
import re
import sqlite3
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import attrs
from sqlalchemy.engine import make_url

from po_ingest_adapters.store.dialects import mssql, mssql_connect
from po_ingest_adapters.store.sql import SqlStore

URL: Final = "mssql+pyodbc://ingest:Geheim-4711@server.example/history"
MOST_PARAMETERS: Final = 2100
TYPES: Final = {"DECIMAL": "DECIMALTEXT", "DATETIME2": "DATETIMETEXT", "DATE": "DATETEXT", "BIT": "BITINT"}


class Error(Exception):
    """Of the driver: SQLSTATE and text."""


class DatabaseError(Error):
    """As above."""


class OperationalError(DatabaseError):
    """As above."""


class ProgrammingError(DatabaseError):
    """As above."""


class IntegrityError(DatabaseError):
    """As above."""


def server_error(state: str, number: int, text: str, kind: type[Error] = ProgrammingError) -> Error:
    """Return an error as pyodbc tells SQL Server's."""
    frame = f"[{state}] [Microsoft][ODBC Driver 18 for SQL Server][SQL Server]"
    return kind(state, f"{frame}{text} ({number}) (SQLExecDirectW)")


def lost() -> Error:
    """Return the error of a connection that was cut."""
    text = "[08S01] [Microsoft][ODBC Driver 18 for SQL Server]TCP Provider: Error code 0x68 (104) (SQLExecDirectW)"
    return OperationalError("08S01", text)


class Row:
    """A row that is no tuple, as pyodbc's."""

    def __init__(self, values: Sequence[Any]) -> None:
        self._values = tuple(values)

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401 - as a tuple's
        return self._values[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _golden() -> frozenset[str]:
    return golden_statements()


@attrs.define
class Server:
    """A database of SQL Server, as far as the store knows one."""

    path: Path
    log: list[tuple[str, tuple[Any, ...]]] = attrs.field(factory=list)
    locks: list[tuple[str, str, str, Connection]] = attrs.field(factory=list)  # resource, owner, mode, connection
    connections: list[Connection] = attrs.field(factory=list)
    answers: dict[str, list[tuple[Any, ...]]] = attrs.field(factory=dict)  # to statements that begin so
    failures: dict[str, Error] = attrs.field(factory=dict)  # of statements that begin so
    lost_answers: dict[str, Error] = attrs.field(factory=dict)  # the same, after they were carried out
    has_schema: bool = False
    golden: frozenset[str] | None = attrs.field(factory=_golden, repr=False)

    def module(self) -> ModuleType:
        """Return what stands for pyodbc."""
        module = ModuleType("pyodbc")
        for kind in (Error, DatabaseError, OperationalError, ProgrammingError, IntegrityError):
            setattr(module, kind.__name__, kind)
        constants = (
            "WVARCHAR",
            "VARCHAR",
            "DECIMAL",
            "FLOAT",
            "DOUBLE",
            "TYPE_TIMESTAMP",
            "TYPE_DATE",
            "BIGINT",
            "INTEGER",
        )
        module.__dict__.update({f"SQL_{name}": number for number, name in enumerate(constants, 1)})
        module.__dict__.update(
            paramstyle="qmark",
            version="5.5.0",
            Binary=bytes,
            Cursor=Cursor,
            pooling=False,
            connect=self.connect,
            NUMBER=float,
            DATETIME=datetime,
            STRING=str,
            BINARY=bytearray,
            ROWID=int,
        )
        return module

    def connect(self, connection_string: str, *, autocommit: bool, timeout: int) -> Connection:
        assert autocommit
        assert timeout > 0
        self.log.append((f"-- connect {connection_string.partition(';')[0]}", ()))
        if "connect" in self.failures:
            raise self.failures["connect"]
        self.connections.append(Connection(self))
        return self.connections[-1]

    def store(self, url: str = URL) -> SqlStore:
        """Return a store on this server."""
        return SqlStore(mssql.MssqlDatabase(mssql_connect.target(make_url(url)), "po", self.module()))

    def sql(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Run SQL in the file, past the store and its types."""
        with closing(_opened(self.path)) as file:
            return file.execute(statement, parameters).fetchall()

    def statements(self) -> list[str]:
        """Return the different statements that were sent, in the order of their first appearance."""
        return list(dict.fromkeys(sql for sql, _ in self.log))

    def take(self, resource: str, owner: str, mode: str, by: Connection) -> int:
        """Take an application lock if nobody else has one that forbids it."""
        if any(
            other is not by and "Exclusive" in {mode, held} for name, _, held, other in self.locks if name == resource
        ):
            return -1
        self.locks.append((resource, owner, mode, by))
        return 0

    def free(self, by: Connection, owner: str | None = None, resource: str | None = None) -> None:
        """Give locks back."""
        self.locks = [
            lock
            for lock in self.locks
            if lock[3] is not by or owner not in {None, lock[1]} or resource not in {None, lock[0]}
        ]


def _opened(path: Path, detect_types: int = 0) -> sqlite3.Connection:
    file = sqlite3.connect(":memory:", isolation_level=None, detect_types=detect_types, timeout=0.2)
    file.execute("ATTACH ? AS po", (str(path),))
    file.create_collation("Latin1_General_100_BIN2", _binary)
    file.create_function("utf16_units", 1, _units, deterministic=True)
    return file


@attrs.define(eq=False)
class Connection:
    """A session."""

    server: Server
    timeout: int = 0
    maxwrite: int = 0
    is_set_up: bool = False
    in_transaction: bool = False
    busy: Cursor | None = None
    is_closed: bool = False
    is_lost: bool = False
    file: sqlite3.Connection = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.file = _opened(self.server.path, sqlite3.PARSE_DECLTYPES)
        self.file.execute("PRAGMA po.journal_mode=WAL").fetchone()
        self.file.execute("PRAGMA foreign_keys=ON")
        self.file.execute("PRAGMA case_sensitive_like=ON")

    def add_output_converter(self, *_: object) -> None:
        """Take SQLAlchemy's."""

    def cursor(self) -> Cursor:
        return Cursor(self)

    def execute(self, sql: str, *parameters: Any) -> Cursor:  # noqa: ANN401 - of any type
        return self.cursor().execute(sql, *parameters)

    def commit(self) -> None:
        """Do nothing, as ODBC in autocommit mode."""

    rollback = commit

    def close(self) -> None:
        self.end("ROLLBACK")
        self.server.free(self)
        self.file.close()
        self.is_closed = True

    def end(self, how: str) -> None:
        if self.in_transaction:
            self.in_transaction = False
            self.file.execute(how)
        self.server.free(self, "Transaction")


@attrs.define(eq=False)
class Cursor:
    """A statement."""

    connection: Connection
    description: list[tuple[Any, ...]] | None = None
    rowcount: int = -1
    messages: tuple[()] = ()
    sizes: list[tuple[int, int, int]] | None = None
    _rows: Iterator[Sequence[Any]] = attrs.field(factory=lambda: iter(()))

    def setinputsizes(self, sizes: list[tuple[int, int, int]] | None) -> None:
        self.sizes = sizes

    def execute(self, sql: str, *parameters: Any) -> Cursor:  # noqa: ANN401 - of any type
        given = (
            tuple(parameters[0]) if len(parameters) == 1 and isinstance(parameters[0], (tuple, list)) else parameters
        )
        server = self.connection.server
        if self.connection.busy not in {None, self}:
            text = (
                "[HY000] [Microsoft][ODBC Driver 18 for SQL Server]Connection is busy with results for another command"
            )
            raise Error("HY000", f"{text} (0) (SQLExecDirectW)")
        assert sql.count("?") == len(given) <= MOST_PARAMETERS, sql
        assert self.connection.is_set_up or sql.startswith("SET "), "the session comes first"
        server.log.append((sql, given))
        if server.golden is not None and _is_ours():
            assert normalized(sql) in server.golden, f"not in the golden file (see docs/testing.md): {normalized(sql)}"
        _fail(server.failures, sql)
        try:
            self._answer(sql, given)
        except sqlite3.Error as error:
            raise _told(error) from error
        _fail(server.lost_answers, sql)
        return self

    def _answer(self, sql: str, given: tuple[Any, ...]) -> None:
        for form, answer in FORMS:
            found = form.match(sql)
            if found:
                self._take(answer(self, found, given))
                return
        raise server_error("42000", 102, f"the emulator does not know: {sql}")

    def _take(self, rows: sqlite3.Cursor | list[tuple[Any, ...]] | None) -> None:
        self.description = None
        if isinstance(rows, list):
            self.description = [
                (f"c{at}", str, None, None, None, None, True) for at in range(len(rows[0]) if rows else 1)
            ]
            self._rows, self.connection.busy = iter(rows), self
        elif rows is not None and rows.description:
            self.description = [(name, str, None, None, None, None, True) for name, *_ in rows.description]
            self._rows, self.connection.busy = rows, self

    def fetchmany(self, size: int = 1) -> list[Row]:
        rows = [Row(row) for _, row in zip(range(size), self._rows, strict=False)]
        if len(rows) < size:
            self._done()
        return rows

    def fetchall(self) -> list[Row]:
        rows = [Row(row) for row in self._rows]
        self._done()
        return rows

    def fetchone(self) -> Row | None:
        return next(iter(self.fetchmany(1)), None)

    def fetchval(self) -> Any:  # noqa: ANN401 - of any type
        row = self.fetchone()
        return None if row is None else row[0]

    def _done(self) -> None:
        if self.connection.busy is self:
            self.connection.busy = None

    def close(self) -> None:
        self._rows = iter(())
        self._done()

    def nextset(self) -> bool:
        return False


def _fail(failures: dict[str, Error], sql: str) -> None:
    for start, error in failures.items():
        if sql.startswith(start):
            raise error


# -- the golden file

GOLDEN: Final = Path(__file__).parents[1] / "unit" / "mssql_statements.sql"


@functools.cache
def golden_statements() -> frozenset[str]:
    """Return the statements that were reviewed."""
    return frozenset(split_batches(GOLDEN.read_text("utf-8")))


def split_batches(script: str) -> list[str]:
    """Return the batches of a script, without the comments in front of them."""
    batches = re.split(r"^GO$", script, flags=re.MULTILINE)
    return [text for batch in batches if (text := re.sub(r"^--.*$", "", batch, flags=re.MULTILINE).strip())]


def normalized(sql: str) -> str:
    """Return a statement without what differs from call to call: how many values, how many rows, which ERP."""
    sql = re.sub(r" IN \(\?(?:, \?)*\)", " IN (?...)", sql)
    sql = re.sub(r"TOP \d+", "TOP 1", re.sub(r"\b[0-9a-f]{16}\b", "0123456789abcdef", sql))
    lines = (line.rstrip() for line in sql.expandtabs(4).strip().splitlines())
    return "\n".join(textwrap.fill(line, 118, break_long_words=False, break_on_hyphens=False) for line in lines)


def _is_ours() -> bool:
    """Say whether the product sends this statement, not a test that helps itself."""
    frame = sys._getframe(2)
    while frame.f_back is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("po_ingest_adapters."):
            return True
        if module.startswith(("support.", "test_")) and module != __name__:
            return False
        frame = frame.f_back
    return False


# -- values


def _units(text: object) -> int:
    return len(str(text).encode("utf-16-le", "surrogatepass")) // 2


def _binary(one: str, other: str) -> int:
    """Compare as BIN2 does: by UTF-16 units; blanks at the end do not count."""
    left, right = (text.rstrip(" ").encode("utf-16-be", "surrogatepass") for text in (one, other))
    return (left > right) - (left < right)


def _written(value: Any) -> Any:  # noqa: ANN401 - of any type
    """Return a value as the file keeps it."""
    if isinstance(value, datetime):
        assert value.tzinfo is None
        return value.isoformat(timespec="microseconds")
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, str):
        value.encode("utf-16-le")  # as pyodbc does
    return value.isoformat() if isinstance(value, date) else value


CASTS: Final[dict[str, Callable[[Any], Any]]] = {
    "DECIMAL": lambda value: format(Decimal(value).quantize(Decimal("0.001"), ROUND_HALF_UP), "f"),
    "DATE": lambda value: date.fromisoformat(value).isoformat(),
    "DATETIME2": lambda value: datetime.fromisoformat(value).isoformat(timespec="microseconds"),
    "FLOAT": float,
}


def _cast(kind: str, value: Any) -> Any:  # noqa: ANN401 - of any type
    """Convert a value of JSON as OPENJSON's WITH does."""
    name, _, rest = kind.partition("(")
    if value is None:
        return None
    if name in {"NVARCHAR", "VARCHAR"}:
        assert isinstance(value, str)
        assert rest == "max)" or _units(value) <= int(rest[:-1])
        return value
    if name in CASTS:
        return CASTS[name](value)
    bits = {"BIT": 1, "INTEGER": 31, "BIGINT": 63}[name]
    assert isinstance(value, int)
    assert -(2**bits) <= int(value) < 2**bits
    return int(value)


sqlite3.register_converter("DECIMALTEXT", lambda raw: Decimal(raw.decode()))
sqlite3.register_converter("DATETEXT", lambda raw: date.fromisoformat(raw.decode()))
sqlite3.register_converter("DATETIMETEXT", lambda raw: datetime.fromisoformat(raw.decode()))
sqlite3.register_converter("BITINT", lambda raw: raw != b"0")


def _told(error: sqlite3.Error) -> Error:
    text = str(error)
    if "UNIQUE" in text:
        return server_error("23000", 2627, "Violation of a UNIQUE KEY constraint.", IntegrityError)
    if "append-only" in text:
        return server_error("42000", 51000, text)
    if "locked" in text:
        return server_error("42000", 1222, "Lock request time out period exceeded.")
    if "no such table" in text:
        return server_error("42S02", 208, f"Invalid object name '{text.rpartition(' ')[2]}'.")
    if "CHECK" in text:
        return server_error("22001", 2628, "String or binary data would be truncated in table.")
    return server_error("42000", 50000, text)


# -- statements

Answer = sqlite3.Cursor | list[tuple[Any, ...]] | None
Handler = Callable[[Cursor, re.Match[str], tuple[Any, ...]], Answer]


def _set_up(cursor: Cursor, found: re.Match[str], given: tuple[Any, ...]) -> Answer:
    assert not given
    cursor.connection.is_set_up |= "SET LOCK_TIMEOUT" in found.string
    return None


def _begin(cursor: Cursor, found: re.Match[str], given: tuple[Any, ...]) -> Answer:
    """Run a batch that begins a transaction; one with parameters would be refused for it (error 266)."""
    assert not given
    connection, batch = cursor.connection, found[0]
    assert not connection.in_transaction
    is_read = "SNAPSHOT" in batch
    connection.in_transaction = True
    snapshots = connection.server.answers.get("snapshots", [(1,)])[0][0]
    answer = 0
    if not is_read or snapshots != 1:
        answer = _get_lock(cursor, re.search(GET_LOCK, batch), ())[0][0]  # type: ignore[index,arg-type]  # a list of one
    connection.file.execute("BEGIN" if is_read or answer < 0 else "BEGIN IMMEDIATE")
    return [(answer,)]


def _get_lock(cursor: Cursor, found: re.Match[str], given: tuple[Any, ...]) -> Answer:
    assert not given
    return [(cursor.connection.server.take(found["name"], found["owner"], found["mode"], cursor.connection),)]


def _release(cursor: Cursor, found: re.Match[str], given: tuple[Any, ...]) -> Answer:
    assert not given
    cursor.connection.server.free(cursor.connection, "Session", found["name"])
    return None


def _end(cursor: Cursor, found: re.Match[str], given: tuple[Any, ...]) -> Answer:
    assert not given
    cursor.connection.end("COMMIT" if found[0].startswith("COMMIT") else "ROLLBACK")
    return None


def _held(cursor: Cursor, found: re.Match[str], given: tuple[Any, ...]) -> Answer:
    assert not given
    server, name = cursor.connection.server, found["name"]
    if found["what"] == "MODE":
        return [(next((m for n, _, m, by in server.locks if n == name and by is cursor.connection), "NoLock"),)]
    return [(int(not any(n == name and by is not cursor.connection for n, _, _, by in server.locks)),)]


def _canned(key: str, *row: Any) -> Handler:  # noqa: ANN401 - of any type
    return lambda cursor, *_: cursor.connection.server.answers.get(key, [row])


def _creating(cursor: Cursor, found: re.Match[str], given: tuple[Any, ...]) -> Answer:
    del found, given
    has_tables = _exists(cursor, "alembic_version")
    absent = int(not cursor.connection.server.has_schema)
    return cursor.connection.server.answers.get("creating", [(absent, 1, 1, 1, 1, 1, 99 if has_tables else None)])


def _exists(cursor: Cursor, name: str) -> bool:
    look = "SELECT 1 FROM po.sqlite_master WHERE type = 'table' AND name = ?"
    return cursor.connection.file.execute(look, (name,)).fetchone() is not None


def _has_table(cursor: Cursor, found: re.Match[str], given: tuple[Any, ...]) -> Answer:
    del found
    return [(name,) for name in given if isinstance(name, str) and _exists(cursor, name)]


def _make_schema(cursor: Cursor, found: re.Match[str], given: tuple[Any, ...]) -> Answer:
    assert not given
    cursor.connection.server.has_schema = True
    del found
    return None


def _create(cursor: Cursor, found: re.Match[str], given: tuple[Any, ...]) -> Answer:
    assert cursor.connection.server.has_schema
    sql = found.string.replace("REFERENCES po.", "REFERENCES ").replace("DOUBLE PRECISION", "REAL")
    sql = re.sub(r"(\w+) NVARCHAR\((\d+)\)( COLLATE \w+)", r"\1 NVARCHAR(\2)\3 CHECK (utf16_units(\1) <= \2)", sql)
    sql = re.sub(r"\b(DECIMAL|DATETIME2|DATE|BIT)\b(\([\d, ]+\))?(?= )", lambda kind: TYPES[kind[1]], sql)
    sql = sql.replace("NVARCHAR(max)", "NVARCHAR").replace("CREATE INDEX ", "CREATE INDEX po.")
    if "CREATE INDEX" in sql:
        sql = sql.replace(" ON po.", " ON ")
    return cursor.connection.file.execute(sql, given)


def _trigger(cursor: Cursor, found: re.Match[str], given: tuple[Any, ...]) -> Answer:
    assert not given
    for event in ("UPDATE", "DELETE"):
        refuse = f"BEGIN SELECT RAISE(ABORT, '{found['word']}'); END"
        cursor.connection.file.execute(
            f"CREATE TRIGGER po.{found['name']}_{event} BEFORE {event} ON {found['on']} {refuse}"
        )
    return None


def _from_json(cursor: Cursor, found: re.Match[str], given: tuple[Any, ...]) -> Answer:
    assert cursor.sizes == [(1, 0, 0)], "a long text must not go as NTEXT"
    columns = re.findall(r"\[(\w+)\] (\w+(?:\([^)]*\))?) '\$\[(\d+)\]'(?:, |$)", found["read"])
    picked = re.findall(r"(?:CONVERT\((VARBINARY)\(\d+\), )?\[(\w+)\](?:, 2\) AS \[\2\])?(?:, |$)", found["pick"])
    assert [name for _, name in picked] == [name for name, _, _ in columns]
    (text,) = given
    rows = []
    for raw in json.loads(text):
        assert len(raw) == len(columns)
        values = [_cast(kind, raw[int(at)]) for _, kind, at in columns]
        rows.append(
            [
                bytes.fromhex(value) if is_hex and value is not None else value
                for (is_hex, _), value in zip(picked, values, strict=True)
            ]
        )
    names = ", ".join(f"[{name}]" for name, _, _ in columns)
    file = cursor.connection.file
    file.execute("DROP TABLE IF EXISTS temp.given")
    file.execute(f"CREATE TEMP TABLE given ({names})")
    file.executemany(f"INSERT INTO temp.given VALUES ({', '.join('?' * len(columns))})", rows)  # noqa: S608 - our names
    target = re.sub(r" FROM po\.\w+, given WHERE ", " FROM given WHERE ", found["rest"])
    return file.execute(target)


def _plain(cursor: Cursor, found: re.Match[str], given: tuple[Any, ...]) -> Answer:
    sql = found.string
    top = re.match(r"SELECT (TOP (\d+) )", sql)
    if top:
        sql = sql.replace(top[1], "", 1) + f" LIMIT {top[2]}"
    sql = re.sub(r" OUTPUT inserted\.(\w+) (VALUES .*)$", r" \2 RETURNING \1", sql)
    return cursor.connection.file.execute(re.sub(r"NVARCHAR\(max\)", "TEXT", sql), [_written(each) for each in given])


GET_LOCK: Final = (
    r"EXEC @result = sys\.sp_getapplock @Resource = N'(?P<name>[^']+)', @LockMode = '(?P<mode>\w+)', "
    r"@LockOwner = '(?P<owner>\w+)', @LockTimeout = \d+"
)
TRIGGER: Final = r"CREATE TRIGGER \[po\]\.\[(?P<name>\w+)\] ON \[po\]\.\[(?P<on>\w+)\] INSTEAD OF UPDATE, DELETE AS "
BY_ROWS: Final = r"WITH given AS \(SELECT (?P<pick>.*) FROM OPENJSON\(\?\) WITH \((?P<read>.*?)\)\)"
REFUSE: Final = r"BEGIN SET NOCOUNT ON; THROW 51000, N'(?P<word>[^']+)', 1; END$"
FORMS: Final[list[tuple[re.Pattern[str], Handler]]] = [
    (re.compile(pattern, re.DOTALL), handler)
    for pattern, handler in (
        (r"SET ANSI_NULLS ON; ", _set_up),
        (r"DECLARE @result int = 0.*BEGIN TRANSACTION.*SELECT @result$", _begin),
        (rf"DECLARE @result int; {GET_LOCK}; SELECT @result$", _get_lock),
        (r"EXEC sys\.sp_releaseapplock @Resource = N'(?P<name>[^']+)', @LockOwner = 'Session'$", _release),
        (r"(COMMIT TRANSACTION|IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION)$", _end),
        (r"SELECT APPLOCK_(?P<what>MODE|TEST)\(N'public', N'(?P<name>[^']+)',", _held),
        (r"SELECT CAST\(SERVERPROPERTY", _canned("version", "16.0.4165.4")),
        (r"SELECT schema_name\(\)", _canned("schema", "dbo")),
        (r"SELECT CAST\('test max support'", _canned("max", "test max support")),
        (r"SELECT name FROM sys\.system_views", _canned("views", "dm_exec_sessions")),
        (r"\s*SELECT CASE transaction_isolation_level", _canned("isolation", "READ COMMITTED")),
        (r"SELECT compatibility_level", _canned("state", 160, 1)),
        (r"SELECT CASE WHEN SCHEMA_ID", _creating),
        (r"SELECT needed\.permission", lambda cursor, *_: cursor.connection.server.answers.get("using", [])),
        (r"IF SCHEMA_ID\(N'\w+'\) IS NULL EXEC \(N'CREATE SCHEMA \[\w+\]'\)$", _make_schema),
        (r"\s*CREATE (TABLE|INDEX) ", _create),
        (r"CREATE VIEW po\.|\s*DROP VIEW IF EXISTS po\.", lambda *_: None),  # for people: the store itself asks none
        (TRIGGER + REFUSE, _trigger),
        (BY_ROWS + r" (?P<rest>(INSERT|UPDATE) .*)", _from_json),
        (r"SELECT .*INFORMATION_SCHEMA|SELECT .*sys\.", _has_table),
        (r"SELECT |INSERT INTO po\.|UPDATE po\.|DELETE FROM po\.|ALTER TABLE po\.", _plain),
    )
]
