"""SQL Server 2017 and later, and Azure SQL, through pyodbc: application locks, snapshots, rows by OPENJSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from hashlib import blake2b
from types import ModuleType
from typing import Any, Final

import attrs
from sqlalchemy import Connection, Engine, Table, create_engine
from sqlalchemy.engine import URL, Dialect
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from po_ingest.errors import ConfigError, StoreError
from po_ingest.settings import StoreSettings
from po_ingest_adapters.store.database import COMMIT_MARK, Access, BulkChange, BulkInsert, Rows
from po_ingest_adapters.store.dialects import mssql_bulk, mssql_connect, mssql_errors, mssql_rights
from po_ingest_adapters.store.dialects.server import ServerDatabase

DRIVERS: Final = frozenset({"mssql", "mssql+pyodbc"})
SCHEMA_NAME: Final = re.compile(r"[^\W\d]\w{0,63}")
LOCK_PATIENCE: Final = 500
"""Milliseconds: the server needs a moment to notice that the holder of a lock was killed."""
GRANTED: Final = frozenset({0, 1})
WAITED_FOR: Final = frozenset({-1, -2, -3})
"""Answers of sp_getapplock: at once, or after waiting; timed out, cancelled, victim of a deadlock."""
ROLLBACK: Final = "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION"


def open_database(url: URL, settings: StoreSettings) -> MssqlDatabase:
    """Return the database of a URL such as `mssql+pyodbc://user:...@server/database`. Raises ConfigError."""
    if url.drivername not in DRIVERS:
        raise ConfigError("store.url names an unknown driver", hint="write mssql+pyodbc://")
    if not SCHEMA_NAME.fullmatch(settings.schema):
        raise ConfigError("store.schema is not a plain name", hint="write letters, digits and _ only, such as po")
    return MssqlDatabase(mssql_connect.target(url), settings.schema, mssql_connect.driver())


@attrs.frozen(slots=True)
class MssqlDatabase(ServerDatabase):
    """A schema of a SQL Server database."""

    target: mssql_connect.Target
    schema: str
    _driver: ModuleType = attrs.field(repr=False, eq=False)
    _engine: Engine = attrs.field(init=False, repr=False, eq=False)
    _held: dict[str, Any] = attrs.field(factory=dict, init=False, repr=False, eq=False)
    _unsettled: list[str | None] = attrs.field(factory=list, init=False, repr=False, eq=False)
    _set_based: dict[str, str] = attrs.field(factory=dict, init=False, repr=False, eq=False)

    @_engine.default
    def _make_engine(self) -> Engine:
        engine = create_engine(
            "mssql+pyodbc://",
            creator=self._connect,
            poolclass=NullPool,
            hide_parameters=True,
            module=self._driver,
            deprecate_large_types=True,  # NVARCHAR(max), not NTEXT, also before a server was seen
            supports_comments=False,  # saves a look
        )
        engine.dialect.supports_sane_rowcount = False  # NOCOUNT is on; Alembic would miss the row that it updates
        return engine

    @property
    def dialect(self) -> Dialect:
        """Return SQLAlchemy's dialect."""
        return self._engine.dialect

    def _connect(self) -> Any:  # noqa: ANN401 - pyodbc has no types
        return mssql_connect.connect(self.target, self._driver)

    def label(self) -> str:
        """Return how the store is called in messages."""
        return f"the store {self.target.where} (schema {self.schema})"

    def prepare(self) -> None:
        """Make the schema if it is missing; the right to make one is needed only then."""
        with self._told(), self.begin(Access.WRITE) as connection:
            self._require_usable(connection)
            for statement in self.schema_ddl():
                connection.exec_driver_sql(statement)

    def schema_ddl(self) -> Sequence[str]:
        """Return what DDL needs of a session, and the DDL that makes the schema, if it is not there."""
        return [
            "; ".join(f"SET {option} ON" for option in mssql_connect.ON),
            f"IF SCHEMA_ID(N'{self.schema}') IS NULL EXEC (N'CREATE SCHEMA [{self.schema}]')",
        ]

    # -- transactions

    @contextmanager
    def begin(self, access: Access) -> Iterator[Connection]:
        """Connect and begin a transaction; see `Database.begin`."""
        if access is Access.WRITE:
            self._settle()
        with self._engine.connect() as connection:
            try:
                self._begin(connection, access)
                yield connection
                self._end(connection, access)
            except BaseException:
                if not connection.invalidated:
                    with suppress(SQLAlchemyError, self._driver.Error):  # closing ends the transaction too, if later
                        connection.exec_driver_sql(ROLLBACK)
                raise

    def _begin(self, connection: Connection, access: Access) -> None:
        batch = self._begin_reading() if access is Access.READ else self._begin_writing()
        self._require_granted(connection.exec_driver_sql(batch).scalar())
        if access is Access.WRITE:
            for erp, holder in self._held.items():
                self._require_lock(erp, holder)

    def _begin_reading(self) -> str:
        """Return the batch that begins a transaction which sees one moment.

        With snapshots this is the moment of its first look, and nobody waits for anybody. Without them
        (ALLOW_SNAPSHOT_ISOLATION is off) locks must do: range locks on all that was read keep it as it was, and a share
        of the writers' lock lets a reader wait for a run's transaction instead of meeting it in a deadlock. Neither way
        depends on READ_COMMITTED_SNAPSHOT.
        """
        state = "SELECT snapshot_isolation_state FROM sys.databases WHERE database_id = DB_ID()"
        return (
            f"DECLARE @result int = 0, @snapshots int = COALESCE(({state}), 0); "
            "IF @snapshots = 1 SET TRANSACTION ISOLATION LEVEL SNAPSHOT "
            "ELSE SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; "
            "BEGIN TRANSACTION; "
            f"IF @snapshots <> 1 {self._take_write_lock('Shared')}; "
            "SELECT @result"
        )

    def _begin_writing(self) -> str:
        """Return the batch that begins a transaction for writing, and keeps other writers out.

        The application lock is for other runs, the shared lock on po_line for users who edit lines: a run writes lines
        as it read them before, in this transaction. Readers are not kept out.
        """
        line = f"{self._quoted}.[po_line]"
        look = f"DECLARE @any bigint; SELECT TOP (1) @any = id FROM {line} WITH (TABLOCK, HOLDLOCK)"  # noqa: S608 - a checked name
        return self._begin_alone(f"IF @result >= 0 AND OBJECT_ID(N'{line}', N'U') IS NOT NULL EXEC (N'{look}'); ")

    def _begin_alone(self, more: str = "") -> str:
        """Return the batch that begins a transaction when no other one writes any more."""
        return (
            "DECLARE @result int = 0; "
            "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; "
            "BEGIN TRANSACTION; "
            f"{self._take_write_lock('Exclusive')}; "
            f"{more}SELECT @result"
        )

    @property
    def _quoted(self) -> str:
        return f"[{self.schema}]"

    def _take_write_lock(self, mode: str) -> str:
        milliseconds = self.target.seconds["lock_timeout"] * 1000
        return (
            f"EXEC @result = sys.sp_getapplock @Resource = N'{self._resource('', 'write')}', @LockMode = '{mode}', "
            f"@LockOwner = 'Transaction', @LockTimeout = {milliseconds}"
        )

    def _require_granted(self, answer: int | None) -> None:
        if answer not in GRANTED:
            raise StoreError(
                f"{self.label()} is in use by another program (sp_getapplock: {answer})",
                hint=mssql_errors.BUSY,
                transient=answer in WAITED_FOR,
            )

    def _require_lock(self, erp: str, holder: Any) -> None:  # noqa: ANN401 - pyodbc has no types
        """Raise StoreError if the session that holds a lock has ended: another run may have begun since."""
        mode = None
        with suppress(self._driver.Error):
            mode = _scalar(holder, f"SELECT APPLOCK_MODE(N'public', N'{self._resource(erp)}', N'Session')")
        if mode != "Exclusive":
            raise self._lock_lost(erp)

    def _end(self, connection: Connection, access: Access) -> None:
        """Commit; if the connection is lost meanwhile, learn from the server whether it did."""
        mark = connection.info.get(COMMIT_MARK)
        try:
            connection.exec_driver_sql("COMMIT TRANSACTION")
        except DBAPIError as error:
            if access is Access.READ or mssql_errors.said_by_server(error):
                raise
            connection.invalidate()  # a commit that timed out is still under way, and would not end before its session
            if not self._was_committed(mark):
                raise

    def _outcome(self, mark: str) -> bool | None:
        """Say whether a transaction was committed: it has ended when its lock can be had, and its mark is there or not.

        SQL Server has no word on a transaction that has ended, at least none for an ordinary login.
        """
        with closing(self._connect()) as connection:
            self._require_granted(_scalar(connection, self._begin_alone()))
            look = f"SELECT COUNT(*) FROM {self._quoted}.[audit_event] WHERE hash = ?"  # noqa: S608 - a checked name
            return bool(_scalar(connection, look, mark))

    # -- rights

    def check_rights(self) -> None:
        """Raise StoreError if this login may not do what a nightly does, or create what is missing."""
        with self._told(), self.begin(Access.READ) as connection:
            self._require_usable(connection)
            lacks = mssql_rights.lacking(connection, self.schema)
            if lacks:
                raise StoreError(f"{self.label()}: the login lacks {lacks}", hint=mssql_errors.RIGHTS)

    def _require_usable(self, connection: Connection) -> None:
        level, is_writable = connection.exec_driver_sql(mssql_rights.state_sql()).one()
        if level < mssql_rights.OPENJSON_LEVEL:
            raise StoreError(f"{self.label()} has the compatibility level {level}", hint=mssql_errors.OPENJSON)
        if not is_writable:
            raise StoreError(f"{self.label()} can only be read", hint=mssql_errors.READ_ONLY)

    # -- rows

    def insert_rows(self, connection: Connection, insert: BulkInsert, rows: Iterable[tuple[Any, ...]]) -> None:
        """Insert rows with one statement for thousands."""
        if insert.sql not in self._set_based:
            self._set_based[insert.sql] = mssql_bulk.insert_sql(insert, self.dialect)
        mssql_bulk.send(connection, self._driver, self._set_based[insert.sql], rows)

    def run_rows(self, connection: Connection, change: BulkChange, rows: Rows) -> None:
        """Run a statement for many rows as one for thousands."""
        if change.sql not in self._set_based:
            self._set_based[change.sql] = mssql_bulk.change_sql(change, self.dialect)
        mssql_bulk.send(connection, self._driver, self._set_based[change.sql], rows)

    def append_only(self, table: Table) -> Sequence[str]:
        """Return a trigger that refuses UPDATE and DELETE, MERGE's too; TRUNCATE takes a right that no login needs."""
        name = f"{self._quoted}.[{table.name}"
        refuse = f"BEGIN SET NOCOUNT ON; THROW 51000, N'{table.name} is append-only', 1; END"
        return [f"CREATE TRIGGER {name}_no_change] ON {name}] INSTEAD OF UPDATE, DELETE AS {refuse}"]

    # -- errors

    def explain(self, error: Exception) -> StoreError:
        """Tell an error of SQL Server or of the connection to the user."""
        return mssql_errors.explain(self.label(), error, self.target.scrub)

    # -- the lock

    def _resource(self, erp: str, what: str = "run") -> str:
        """Return the name of an application lock of this database, which stands for the schema and the ERP."""
        digest = blake2b(erp.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        return f"po-ingest {what} {self.schema} {digest}"

    def _try_lock(self, holder: Any, erp: str) -> bool:  # noqa: ANN401 - pyodbc has no types
        take = (
            "DECLARE @result int; "
            f"EXEC @result = sys.sp_getapplock @Resource = N'{self._resource(erp)}', @LockMode = 'Exclusive', "
            f"@LockOwner = 'Session', @LockTimeout = {LOCK_PATIENCE}; "
            "SELECT @result"
        )
        return _scalar(holder, take) in GRANTED

    def _unlock(self, holder: Any, erp: str) -> None:  # noqa: ANN401 - pyodbc has no types
        release = f"EXEC sys.sp_releaseapplock @Resource = N'{self._resource(erp)}', @LockOwner = 'Session'"
        holder.execute(release).close()

    def is_locked(self, erp: str) -> bool:
        """Say whether the lock is taken, without taking it."""
        look = f"SELECT APPLOCK_TEST(N'public', N'{self._resource(erp)}', N'Exclusive', N'Session')"
        with self._told(), closing(self._connect()) as connection:
            return bool(_scalar(connection, look) == 0)


def _scalar(connection: Any, sql: str, *parameters: object) -> Any:  # noqa: ANN401 - pyodbc has no types
    with closing(connection.execute(sql, *parameters)) as cursor:
        return cursor.fetchval()
