"""The store over SQLAlchemy Core; what differs between databases is in `dialects`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import attrs
from sqlalchemy import Connection, insert, inspect, select
from sqlalchemy.exc import DBAPIError

from po_ingest.errors import ConfigError, LockHeldError, StoreError
from po_ingest.model import Run, lock_is_held
from po_ingest.ports import CopiedTable, Finding, Progress, SchemaStatus, Store, StoreTransaction, StoreView
from po_ingest.settings import StoreSettings
from po_ingest_adapters.store.database import Access, Database, open_database
from po_ingest_adapters.store.schema import HEAD, REVISIONS, Tables, tables
from po_ingest_adapters.store.transaction import SqlTransaction
from po_ingest_adapters.store.view import SqlView
from po_ingest_adapters.store.views import create_views

if TYPE_CHECKING:  # imported where it is needed
    from po_ingest_adapters.store.copying import Side

UPGRADE: str = "run `po-ingest store upgrade`"
HOLDER_PATIENCE: Final = 3.0
HOLDER_PAUSE: Final = 0.2
"""Seconds in which the holder of a lock has to show who it is, and between two looks for it."""


def create(settings: StoreSettings) -> SqlStore:
    """Return the store that the settings name; nothing is connected to yet. Raises ConfigError."""
    return SqlStore(open_database(settings))


@attrs.frozen(slots=True)
class SqlStore:
    """A store in a SQL database; see `po_ingest.ports.Store`."""

    database: Database
    _seen: list[bool] = attrs.field(factory=list, init=False, repr=False, eq=False)

    @property
    def tables(self) -> Tables:
        """Return the store's tables."""
        return tables(self.database.schema)

    def schema(self) -> SchemaStatus:
        """Compare schema versions."""
        if not self.database.is_there():
            return _status(None)
        with self._begin(Access.READ) as connection:
            return _status(self._version(connection))

    def upgrade(self) -> None:
        """Create the schema, or bring it to the version that this release needs."""
        status = self.schema()
        if status.relation == "newer":
            raise _wrong_version(status)
        if status.relation == "current":
            return
        self.database.prepare()
        with self._begin(Access.WRITE) as connection:
            status = _status(self._version(connection))  # another process may have been faster
            if status.relation == "missing":
                self._create(connection)
            elif status.relation == "older":
                from po_ingest_adapters.store.migrate import upgrade  # noqa: PLC0415 - Alembic takes 250 ms to import

                upgrade(connection, self.database)

    def _create(self, connection: Connection) -> None:
        self.tables.metadata.create_all(connection, checkfirst=False)
        for statement in self.database.append_only(self.tables.audit):
            connection.exec_driver_sql(statement)
        for view in create_views(self.database.schema):
            connection.execute(view)
        connection.execute(insert(self.tables.version), {"version_num": HEAD})

    def upgrade_sql(self) -> str:
        """Return the DDL that `upgrade` would run; empty if there is nothing to do."""
        status = self.schema()
        if status.relation == "newer":
            raise _wrong_version(status)
        if status.relation == "current":
            return ""
        from po_ingest_adapters.store.migrate import upgrade_sql  # noqa: PLC0415 - as in `upgrade`

        return upgrade_sql(self.database, status.current)

    def _version(self, connection: Connection) -> str | None:
        table = self.tables.version
        if not self._seen:
            if not inspect(connection).has_table(table.name, schema=table.schema):
                return None
            self._seen.append(True)  # a schema does not go away again: to look once is enough
        version: str | None = connection.execute(select(table.c.version_num)).scalar()
        return version

    @contextmanager
    def lock(self, erp: str) -> Iterator[None]:
        """Hold the lock of the store and ERP. Raises LockHeldError, which says who holds it."""
        asked = datetime.now(UTC)
        with self.database.lock(erp) as is_taken:
            if not is_taken:
                raise LockHeldError(
                    lock_is_held(erp, self._holder(erp, asked)),
                    hint="wait until it has ended, then run again",
                )
            yield

    def _holder(self, erp: str, asked: datetime) -> list[Run]:
        """Return the run that holds the lock; it enters itself right after it has taken it, so wait for that a while.

        It is looked for twice: what is found first may be a run that was killed, which the holder is about to abandon.
        """
        ends = time.monotonic() + HOLDER_PATIENCE
        found = self._newest(erp, asked)
        while time.monotonic() < ends:
            time.sleep(HOLDER_PAUSE)
            before, found = found, self._newest(erp, asked)
            if found and found == before:
                break
        return found

    def _newest(self, erp: str, asked: datetime) -> list[Run]:
        """Return the run that is under way; or a short one that was, when the lock was asked for, and has ended."""
        with suppress(StoreError), self.read() as view:
            return view.runs(erp, limit=1, statuses=["running"]) or [
                run for run in view.runs(erp, limit=1) if run.finished_at is not None and run.finished_at >= asked
            ]
        return []

    def holder(self, erp: str) -> bool:
        """Say whether the lock is taken at this moment."""
        return self.database.is_locked(erp)

    @contextmanager
    def read(self) -> Iterator[StoreView]:
        """See the store at one moment; an absent store or schema is an empty one."""
        if not self.database.is_there():
            yield _empty_view()
            return
        with self._begin(Access.READ) as connection:
            status = _status(self._version(connection))
            if status.relation == "missing":
                yield _empty_view()
            else:
                _require_current(status)
                yield SqlView(connection, self.tables)

    @contextmanager
    def write(self) -> Iterator[StoreTransaction]:
        """Begin a write transaction: committed when the context ends well, else nothing of it remains."""
        with self._begin(Access.WRITE) as connection:
            _require_current(_status(self._version(connection)))
            yield SqlTransaction(connection, self.tables, self.database)

    def copy_to(self, target: Store, erp: str, progress: Progress) -> list[CopiedTable]:
        """Copy the whole history to an empty store, in one transaction there, and prove that it has the same.

        The locks of all ERPs, and of `erp`, are held meanwhile. Raises ConfigError if the target is not empty.
        """
        from po_ingest_adapters.store.copying import Side, copy_tables, erps  # noqa: PLC0415 - rarely needed

        if not isinstance(target, SqlStore):
            raise ConfigError("a history can be copied between SQL databases only", hint="name another URL")
        if not self.database.is_there():
            _require_current(_status(None))
        with self._begin(Access.READ) as connection:
            _require_current(_status(self._version(connection)))
            locked = sorted({erp, *erps(connection, self.tables)})
        with ExitStack() as locks:
            for each in locked:
                locks.enter_context(self.lock(each))
            source = locks.enter_context(self._begin(Access.READ))
            with target.fill() as filled:
                return copy_tables(Side(source, self.database, self.tables, self._told), filled, progress)

    @contextmanager
    def fill(self) -> Iterator[Side]:
        """Begin a transaction that writes a whole history; a missing schema is created in it. Raises ConfigError."""
        from po_ingest_adapters.store.copying import Side  # noqa: PLC0415 - as above

        status = self.schema()
        if status.relation in {"older", "newer"}:
            raise _wrong_version(status)
        self.database.prepare()
        with self._begin(Access.WRITE) as connection:
            side = Side(connection, self.database, self.tables, self._told)
            if self._version(connection) is None:
                self._create(connection)
            side.require_empty()
            yield side

    def check(self) -> Sequence[Finding]:
        """Say whether the store can be reached and written; writes nothing."""
        try:
            status = self.schema()
            self.database.check_rights()
        except StoreError as error:
            return [Finding("store", "failed", error.message, error.hint, error.exit_code)]
        found = "will be created" if status.relation == "missing" else "can be read and written"
        return [Finding("store", "ok", f"{self.database.label()} {found}")]

    @contextmanager
    def _begin(self, access: Access) -> Iterator[Connection]:
        with self._told(), self.database.begin(access) as connection:
            yield connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, self.database.dialect.loaded_dbapi.Error) as error:
            raise self.database.explain(error) from error


def _empty_view() -> StoreView:
    from po_ingest_adapters.store.memory import empty_view  # noqa: PLC0415 - rarely needed

    return empty_view()


def _status(current: str | None) -> SchemaStatus:
    if current is None:
        return SchemaStatus(None, HEAD, "missing")
    if current == HEAD:
        return SchemaStatus(current, HEAD, "current")
    return SchemaStatus(current, HEAD, "older" if current in REVISIONS else "newer")


def _require_current(status: SchemaStatus) -> None:
    if status.relation == "missing":
        raise StoreError("the store has no schema yet", hint=UPGRADE)
    if status.relation != "current":
        raise _wrong_version(status)


def _wrong_version(status: SchemaStatus) -> StoreError:
    hint = "upgrade po-ingest" if status.relation == "newer" else UPGRADE
    return StoreError(
        f"the store has schema version {status.current}, which is {status.relation} than {status.needed}, "
        "the one that this release needs",
        hint=hint,
    )
