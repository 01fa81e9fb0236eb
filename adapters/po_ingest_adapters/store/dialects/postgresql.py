"""PostgreSQL 14 and later through psycopg: COPY, one UPDATE for many rows, advisory locks."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from hashlib import blake2b
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import attrs
from sqlalchemy import Connection, Engine, Table, create_engine
from sqlalchemy.engine import URL, Dialect
from sqlalchemy.engine.base import RootTransaction
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateSchema

from po_ingest.errors import ConfigError, StoreError
from po_ingest.settings import StoreSettings
from po_ingest_adapters.store.database import Access, BulkChange, BulkInsert, Rows
from po_ingest_adapters.store.dialects import postgresql_bulk, postgresql_connect, postgresql_errors, postgresql_rights
from po_ingest_adapters.store.dialects.server import ServerDatabase

if TYPE_CHECKING:
    import psycopg

DRIVERS: Final = frozenset({"postgresql", "postgresql+psycopg"})
LOCK_LOOKS: Final = 5
LOCK_PAUSE: Final = 0.05
"""A lock that is taken is looked at again: the server needs a moment to notice that its holder was killed."""

OTHERS_OUT: Final = """
SELECT pg_current_xact_id()::text, to_regclass(%s) IS NOT NULL, pg_advisory_xact_lock(%s),
    CASE WHEN current_setting('transaction_timeout', true) <> '' THEN set_config('transaction_timeout', '0', true) END,
    CASE WHEN version() LIKE '%%linux%%' THEN set_config('client_connection_check_interval', '3s', true) END
"""
"""Begins to write. A run takes its time, whatever limit the role has (there is one from PostgreSQL 17 on).

A server that can (on other systems than Linux it may refuse the setting) looks every few seconds whether the run is
still there: the locks of one that was killed while it waited for a statement are free soon, and not only after that.
"""


def open_database(url: URL, settings: StoreSettings) -> PostgresqlDatabase:
    """Return the database of a URL such as `postgresql+psycopg://user:...@host/database`. Raises ConfigError."""
    if url.drivername not in DRIVERS:
        raise ConfigError("store.url names an unknown driver", hint="write postgresql+psycopg://")
    if "%" in settings.schema:  # psycopg would take it for the place of a parameter
        raise ConfigError("store.schema has a % in it", hint="write letters, digits and _ only, such as po")
    return PostgresqlDatabase(url.set(drivername="postgresql+psycopg"), settings.schema, _driver())


def _driver() -> ModuleType:
    try:
        import psycopg  # noqa: PLC0415 - only who uses PostgreSQL has it
    except ImportError as error:
        raise ConfigError(
            f"store.url needs psycopg, which cannot be imported: {error}",
            hint="install it where po-ingest is: pip install 'psycopg[binary]'",
        ) from error
    return psycopg


@attrs.frozen(slots=True)
class PostgresqlDatabase(ServerDatabase):
    """A schema of a PostgreSQL database."""

    url: URL = attrs.field(repr=False)
    schema: str
    _driver: ModuleType = attrs.field(repr=False, eq=False)
    _engine: Engine = attrs.field(init=False, repr=False, eq=False)
    _options: postgresql_connect.Options = attrs.field(init=False, repr=False, eq=False)
    _held: dict[str, psycopg.Connection] = attrs.field(factory=dict, init=False, repr=False, eq=False)
    _unsettled: list[str | None] = attrs.field(factory=list, init=False, repr=False, eq=False)
    _set_based: dict[str, str] = attrs.field(factory=dict, init=False, repr=False, eq=False)

    @_engine.default
    def _make_engine(self) -> Engine:
        return create_engine(
            "postgresql+psycopg://",
            creator=self._connect,  # in autocommit: what SQLAlchemy asks a new server needs no transaction
            poolclass=NullPool,
            paramstyle="format",  # positional, which the bulk statements need
            hide_parameters=True,
            use_native_hstore=False,
        )

    @_options.default
    def _read_options(self) -> postgresql_connect.Options:
        _, options = self._engine.dialect.create_connect_args(self.url)
        return postgresql_connect.connection_options(self.url, dict(options))

    @property
    def dialect(self) -> Dialect:
        """Return SQLAlchemy's dialect."""
        return self._engine.dialect

    def _connect(self) -> psycopg.Connection:
        # Statements are not prepared on the server: a connection is one transaction, and a pooler may stand between.
        connection: psycopg.Connection = self._driver.connect(**self._options, autocommit=True, prepare_threshold=None)
        return connection

    def label(self) -> str:
        """Return how the store is called in messages."""
        return postgresql_connect.label(self.url, self.schema)

    def prepare(self) -> None:
        """Make the schema if it is missing; the right to make one is needed only then."""
        with self._told(), self.begin(Access.WRITE) as connection:
            encoding, is_there = self._ask(
                connection,
                "SELECT getdatabaseencoding(), EXISTS (SELECT FROM pg_namespace WHERE nspname = %s)",
                self.schema,
            )
            self._require_utf8(encoding)
            if not is_there:
                for statement in self.schema_ddl():
                    connection.exec_driver_sql(statement)

    def schema_ddl(self) -> Sequence[str]:
        """Return the DDL that makes the schema, if it is not there."""
        return [str(CreateSchema(self.schema, if_not_exists=True).compile(dialect=self.dialect))]

    @staticmethod
    def _ask(connection: Connection, sql: str, *parameters: object) -> tuple[Any, ...]:
        """Return the one row of a query."""
        return tuple(connection.exec_driver_sql(sql, parameters).one())

    # -- transactions

    @contextmanager
    def begin(self, access: Access) -> Iterator[Connection]:
        """Connect and begin a transaction; see `Database.begin`."""
        with self._engine.connect() as connection:
            driver = _raw(connection)
            driver.autocommit = False
            driver.read_only = True if access is Access.READ else None  # a database set to be read-only stays so
            level = self._driver.IsolationLevel
            driver.isolation_level = level.REPEATABLE_READ if access is Access.READ else level.READ_COMMITTED
            with connection.begin() as transaction, _interruptible(connection):
                number = self._keep_others_out(connection) if access is Access.WRITE else None
                yield connection
                if number is not None:
                    self._commit(transaction, number)

    def _keep_others_out(self, connection: Connection) -> str:
        """Wait for other writers to end, and keep them out; return the transaction's number.

        The advisory lock is for other runs, the table's for users who edit lines: a run writes lines as it read them
        before, in this transaction. Readers are not kept out.
        """
        number, is_there, *_ = self._ask(connection, OTHERS_OUT, f"{self._quoted}.po_line", self._lock_key("", "write"))
        if is_there:
            connection.exec_driver_sql(f"LOCK TABLE {self._quoted}.po_line IN SHARE ROW EXCLUSIVE MODE")
        self._settle()
        for erp, holder in self._held.items():
            self._require_lock(erp, holder)
        return str(number)

    @property
    def _quoted(self) -> str:
        return self.dialect.identifier_preparer.quote(self.schema)

    def _require_lock(self, erp: str, holder: psycopg.Connection) -> None:
        """Raise StoreError if the session that holds a lock has ended: another run may have begun since."""
        try:
            holder.execute("SELECT 1").close()
        except self._driver.Error as error:
            raise self._lock_lost(erp) from error

    def _commit(self, transaction: RootTransaction, number: str) -> None:
        """Commit; if the connection is lost meanwhile, learn from the server whether it did."""
        driver = _raw(transaction.connection)
        try:
            transaction.commit()
        except DBAPIError:
            if not driver.broken:
                raise
            if not self._was_committed(number):
                raise

    def _outcome(self, mark: str) -> bool | None:
        """Say whether the transaction of this number was committed; None while it is in progress, or forgotten."""
        with closing(self._connect()) as connection:
            row = connection.execute("SELECT pg_xact_status(%s::text::xid8)", (mark,)).fetchone()
        return {"committed": True, "aborted": False}.get(row[0]) if row else None

    # -- rights

    def check_rights(self) -> None:
        """Raise StoreError if this login may not do what a nightly does, or create what is missing."""
        with self._told(), self.begin(Access.READ) as connection:
            encoding, is_standby, is_read_only = self._ask(
                connection,
                "SELECT getdatabaseencoding(), pg_is_in_recovery(), "
                "current_setting('default_transaction_read_only')::boolean",
            )
            self._require_utf8(encoding)
            if is_standby or is_read_only:
                raise StoreError(f"{self.label()} can only be read", hint=postgresql_errors.HINTS["25006"])
            lacks = postgresql_rights.lacking(connection, self.schema)
            if lacks:
                raise StoreError(f"{self.label()}: the login lacks {lacks}", hint=postgresql_errors.RIGHTS)

    def _require_utf8(self, encoding: str) -> None:
        if encoding != "UTF8":
            raise StoreError(
                f"{self.label()} has the encoding {encoding}, which cannot hold every text",
                hint="create the database with ENCODING 'UTF8'",
            )

    # -- rows

    def insert_rows(self, connection: Connection, insert: BulkInsert, rows: Iterable[tuple[Any, ...]]) -> None:
        """Insert rows by COPY."""
        postgresql_bulk.copy_rows(_raw(connection), insert, self.dialect, rows)

    def run_rows(self, connection: Connection, change: BulkChange, rows: Rows) -> None:
        """Run a statement for many rows as one, that takes the parameters from arrays."""
        if change.sql not in self._set_based:
            self._set_based[change.sql] = postgresql_bulk.from_arrays(change, self.dialect)
        columns = [list(column) for column in zip(*rows, strict=True)]
        connection.exec_driver_sql(self._set_based[change.sql], tuple(columns))

    def append_only(self, table: Table) -> Sequence[str]:
        """Return a trigger that refuses UPDATE, DELETE and TRUNCATE, for replicating sessions too."""
        preparer = self.dialect.identifier_preparer
        name, target = table.name, preparer.format_table(table)
        function = f"{self._quoted}.{name}_append_only"
        refuse = f"BEGIN RAISE EXCEPTION '{name} is append-only' USING ERRCODE = 'restrict_violation'; END"
        when = f"BEFORE UPDATE OR DELETE OR TRUNCATE ON {target} FOR EACH STATEMENT"
        return [
            f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $${refuse}$$",
            f"CREATE TRIGGER {name}_no_change {when} EXECUTE FUNCTION {function}()",
            f"ALTER TABLE {target} ENABLE ALWAYS TRIGGER {name}_no_change",
        ]

    # -- errors

    def explain(self, error: Exception) -> StoreError:
        """Tell an error of PostgreSQL or of the connection to the user."""
        return postgresql_errors.explain(self.label(), error)

    # -- the lock

    def _lock_key(self, erp: str, what: str = "run") -> int:
        """Return the number of an advisory lock of this database, which stands for the schema and the ERP."""
        text = f"po-ingest\0{what}\0{self.schema}\0{erp}"
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest, "big", signed=True)

    def _try_lock(self, holder: psycopg.Connection, erp: str) -> bool:
        for look in range(LOCK_LOOKS):
            if look:
                time.sleep(LOCK_PAUSE)
            row = holder.execute("SELECT pg_try_advisory_lock(%s)", (self._lock_key(erp),)).fetchone()
            if row and row[0]:
                return True
        return False

    def _unlock(self, holder: psycopg.Connection, erp: str) -> None:
        holder.execute("SELECT pg_advisory_unlock(%s)", (self._lock_key(erp),))

    def is_locked(self, erp: str) -> bool:
        """Say whether the lock is taken, by a look at the server's list of locks."""
        key = self._lock_key(erp) % 2**64
        with self._told(), self.begin(Access.READ) as connection:
            (is_locked,) = self._ask(
                connection,
                "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database "
                "WHERE datname = current_database() AND locktype = 'advisory' AND granted "
                "AND classid = %s::bigint AND objid = %s::bigint AND objsubid = 1)",
                key >> 32,
                key & 0xFFFFFFFF,
            )
            return bool(is_locked)


def _raw(connection: Connection) -> psycopg.Connection:
    """Return psycopg's connection."""
    driver: psycopg.Connection = connection.connection.driver_connection  # type: ignore[assignment]  # any driver's
    return driver


@contextmanager
def _interruptible(connection: Connection) -> Iterator[None]:
    """Let a signal's exception out, whatever the driver says of a connection left in the midst of an answer."""
    handled = sys.exc_info()[1]
    driver = _raw(connection)  # now: SQLAlchemy gives a connection up by itself when an exit comes out of a statement
    try:
        yield
    except BaseException as error:
        signal: BaseException | None = error
        while isinstance(signal, Exception) and signal is not handled:
            signal = signal.__context__
        if signal is None or signal is handled:
            raise
        postgresql_connect.cancel(driver)
        connection.invalidate()
        if signal is error:
            raise
        raise signal from None
