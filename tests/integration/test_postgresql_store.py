"""A store on PostgreSQL seen past the store and its types: tables, sessions, rights, locks."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal

import psycopg
import pytest

from po_ingest.errors import StoreError
from po_ingest.fields import FIELDS
from po_ingest_adapters.store.database import Access
from po_ingest_adapters.store.dialects import postgresql_connect
from po_ingest_adapters.store.dialects.postgresql import PostgresqlDatabase
from po_ingest_adapters.store.ids import reserve_ids
from po_ingest_adapters.store.rights import NEEDED
from po_ingest_adapters.store.sql import SqlStore
from support.paths import ROOT
from support.store_builders import ERP, FULL, Nights, audit_event, delivery, known_line, line_values, new_line
from support.store_postgres import ODD, Postgres

DOCUMENTED = re.findall(r"```sql\n(.*?)```", (ROOT / "docs" / "postgresql.md").read_text("utf-8"), re.DOTALL)
NIGHTLY = [
    statement for statement in DOCUMENTED[1].replace("po_ingest", "login_nightly").split(";") if statement.strip()
]
LOGIN = "login_nightly"


@pytest.fixture
def store(postgres: Postgres) -> SqlStore:
    store = postgres.fresh()
    store.upgrade()
    return store


@pytest.fixture
def nightly(store: SqlStore, postgres: Postgres) -> Iterator[SqlStore]:
    """The store as a login has it that may do what docs/postgresql.md says, and no more."""
    assert store.schema().relation == "current"
    with postgres.login(LOGIN, *NIGHTLY):
        yield postgres.store_of(LOGIN)


def database(store: SqlStore) -> PostgresqlDatabase:
    assert isinstance(store.database, PostgresqlDatabase)
    return store.database


# -- values


def test_values_have_the_databases_own_types(store: SqlStore, postgres: Postgres) -> None:
    Nights(store).changes(new_line(deliveries=(delivery("12.000"),)))
    columns = (
        "ordered_quantity, delivered_quantity, promised_date, po_insert_date, last_update_timestamp, final_customer"
    )
    for table in ("po_line", "erp_snapshot"):
        assert postgres.sql(f"SELECT {columns} FROM {table}") == [  # noqa: S608 - ours
            (
                Decimal("99999999999999.999"),
                Decimal("0.001"),
                date(9999, 12, 31),
                date(1, 1, 1),
                datetime(2026, 1, 30, 23, 59, 59, 500000),  # noqa: DTZ001 - in UTC, without its zone
                FULL["final_customer"],
            )
        ]
    assert postgres.sql("SELECT started_at::text FROM ingestion_run") == [("2026-02-01 08:00:00",)]


def test_the_tables_have_the_fields(postgres: Postgres, store: SqlStore) -> None:
    assert store.schema().relation == "current"
    for table in ("po_line", "erp_snapshot"):
        sql = "SELECT column_name FROM information_schema.columns WHERE table_schema = 'po' AND table_name = %s"
        assert {name for (name,) in postgres.sql(sql, table)} >= {field.name for field in FIELDS}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET reason = 'x'",
        "UPDATE audit_event SET hash = hash WHERE id = 1",
        "DELETE FROM audit_event",
        "DELETE FROM audit_event WHERE id = 2",
        "TRUNCATE audit_event",
        "TRUNCATE audit_event, rejected_row RESTART IDENTITY CASCADE",
        "UPDATE audit_event SET in_file = true",
        "INSERT INTO audit_event SELECT * FROM audit_event ON CONFLICT (event_id) DO UPDATE SET reason = 'x'",
        "WITH gone AS (DELETE FROM audit_event RETURNING *) INSERT INTO audit_event SELECT * FROM gone",
        "INSERT INTO audit_event SELECT * FROM audit_event WHERE id = 1 ON CONFLICT (id) DO UPDATE SET reason = 'x'",
        "MERGE INTO audit_event a USING audit_event b ON a.id = b.id WHEN MATCHED THEN DELETE",
        "SET session_replication_role = replica; DELETE FROM audit_event",
    ],
)
def test_r14_the_database_refuses_to_change_or_delete_the_audit_trail(
    store: SqlStore, postgres: Postgres, statement: str
) -> None:
    with store.write() as transaction:
        transaction.record([audit_event(1), audit_event(2)])
    before = postgres.dump()
    with pytest.raises(psycopg.errors.RestrictViolation, match="audit_event is append-only"):
        postgres.sql(statement)
    assert postgres.dump() == before


def test_ids_go_on_after_those_that_users_gave(store: SqlStore, postgres: Postgres) -> None:
    nights = Nights(store)
    (first,) = nights.changes(new_line())
    postgres.sql(
        "INSERT INTO po_line (id, erp, po_number, line_number, presence, is_unmapped, is_stale, source_quality) "
        "SELECT max(id) + 1, 'erp', 'mine', 1, 0, false, false, 'user' FROM po_line"
    )
    assert nights.changes(new_line(("PO-2", 1)), new_line(("PO-3", 1))) == (first + 2, first + 3)


def test_of_a_failed_transaction_no_id_is_lost(store: SqlStore) -> None:
    def fail() -> None:
        with store.database.begin(Access.WRITE) as connection:
            reserve_ids(connection, store.tables.line, 5)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert Nights(store).changes(new_line()) == (1,)


# -- sessions


def test_nothing_depends_on_what_is_set_for_the_database(store: SqlStore) -> None:
    for access in Access:
        with store.database.begin(access) as connection:
            shown = {name: connection.exec_driver_sql(f"SHOW {name}").scalar() for name in ODD}
        assert shown["TimeZone"] == "UTC"
        assert shown["DateStyle"] == "ISO, YMD"
        assert shown["search_path"] == "pg_catalog"
        assert shown["client_encoding"] == "UTF8"
        assert (shown["lock_timeout"], shown["statement_timeout"], shown["idle_session_timeout"]) == ("20s", "0", "0")


@pytest.mark.parametrize(
    ("access", "isolation", "read_only"),
    [(Access.READ, "repeatable read", "on"), (Access.WRITE, "read committed", "off")],
)
def test_r2_transactions_are_isolated_as_they_should_be(
    store: SqlStore, access: Access, isolation: str, read_only: str
) -> None:
    with store.database.begin(access) as connection:
        assert connection.exec_driver_sql("SHOW transaction_isolation").scalar() == isolation
        assert connection.exec_driver_sql("SHOW transaction_read_only").scalar() == read_only
        assert connection.exec_driver_sql("SHOW application_name").scalar() == "po-ingest"


def test_r13_the_server_is_told_to_notice_within_a_minute_that_the_holder_s_machine_is_gone(
    store: SqlStore, postgres: Postgres
) -> None:
    # SHOW says 0 on a socket of the file system
    asked = "SELECT name, reset_val FROM pg_settings WHERE name LIKE 'tcp\\_%'"
    with store.lock("shop"):
        holder = database(store)._held["shop"]
        seconds = {name: int(number) for name, number in holder.execute(asked).fetchall()}
    assert seconds.pop("tcp_user_timeout") == 60_000
    assert seconds == {"tcp_keepalives_idle": 30, "tcp_keepalives_interval": 10, "tcp_keepalives_count": 3}
    with postgres.connection() as plain:
        assert dict(plain.execute(asked).fetchall()) == dict.fromkeys([*seconds, "tcp_user_timeout"], "0")


def test_a_long_result_is_read_bit_by_bit(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    Nights(store).changes(*(new_line(("PO", number)) for number in range(7)))
    monkeypatch.setattr("po_ingest_adapters.store.bulk.FETCH", 3)
    with store.read() as view:
        assert [key for key, _ in view.snapshot(ERP, 1)] == [("PO", number) for number in range(7)]
        lines, others = view.snapshot(ERP, 1), view.snapshot(ERP, 1)
        assert [next(lines), next(lines)] == [next(others), next(others)]  # two at once, both unfinished
        lines.close()  # type: ignore[attr-defined]  # they are generators
        others.close()  # type: ignore[attr-defined]  # as above


# -- rights


def test_the_nightly_login_needs_only_what_the_documentation_grants(nightly: SqlStore) -> None:
    assert [finding.status for finding in nightly.check()] == ["ok"]
    nights = Nights(nightly)
    (line,) = nights.changes(new_line(deliveries=(delivery("1.000"),)))
    nights.changes(known_line(line, values=line_values(sku="x"), event="reappeared"))
    with nightly.lock(ERP), nightly.write() as transaction:
        transaction.record([audit_event(1)])


@pytest.mark.parametrize(("table", "right"), [(table, right) for table, rights in NEEDED.items() for right in rights])
def test_each_right_that_is_missing_is_told(nightly: SqlStore, postgres: Postgres, table: str, right: str) -> None:
    postgres.sql(f"REVOKE {right} ON {table} FROM {LOGIN}")
    (finding,) = nightly.check()
    assert (finding.status, finding.exit_code) == ("failed", 7)
    asked_first = "permission denied for table alembic_version"
    assert (asked_first if table == "alembic_version" else f"the login lacks {right} on {table}") in finding.message
    assert "docs/postgresql.md" in finding.hint


def test_a_login_that_may_only_read_can_read_and_is_told_that_it_cannot_write(
    store: SqlStore, postgres: Postgres
) -> None:
    Nights(store).changes(new_line())
    with postgres.login(LOGIN, *NIGHTLY[:2]):
        reader = postgres.store_of(LOGIN)
        with reader.read() as view:
            assert len(view.lines(ERP, "PO-1")) == 1
        assert "INSERT on ingestion_run, UPDATE on ingestion_run, INSERT on po_line" in reader.check()[0].message
        with pytest.raises(StoreError, match="permission denied for table po_line") as caught, reader.write():
            pytest.fail("must not begin")
    assert not caught.value.transient


def test_a_login_without_the_schema_is_told_so(store: SqlStore, postgres: Postgres) -> None:
    assert store.schema().relation == "current"
    with postgres.login(LOGIN):
        stranger = postgres.store_of(LOGIN)
        with pytest.raises(StoreError, match="permission denied for schema po"):
            stranger.schema()
        assert "permission denied" in stranger.check()[0].message
        with pytest.raises(StoreError, match="lacks USAGE on the schema"):
            stranger.database.check_rights()


def test_a_schema_that_cannot_be_made_is_told_before_and_after(postgres: Postgres) -> None:
    postgres.fresh()
    with postgres.login(LOGIN):
        stranger = postgres.store_of(LOGIN)
        assert "lacks CREATE on the database" in stranger.check()[0].message
        with pytest.raises(StoreError, match="permission denied for database"):
            stranger.upgrade()
        postgres.sql("CREATE SCHEMA po")
        postgres.sql(f"GRANT USAGE ON SCHEMA po TO {LOGIN}")
        assert "lacks CREATE on the schema" in stranger.check()[0].message
        with pytest.raises(StoreError, match="permission denied for schema po"):
            stranger.upgrade()
        postgres.sql(f"GRANT CREATE ON SCHEMA po TO {LOGIN}")
        stranger.upgrade()
        assert stranger.schema().relation == "current"


def test_a_database_that_cannot_hold_every_text_is_refused(postgres: Postgres) -> None:
    postgres.sql("DROP DATABASE IF EXISTS latin")
    postgres.sql("CREATE DATABASE latin ENCODING LATIN1 LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    store = Postgres(postgres.server, "latin").store()
    assert "has the encoding LATIN1" in store.check()[0].message
    with pytest.raises(StoreError, match="encoding LATIN1"):
        store.upgrade()
    assert store.schema().relation == "missing"


def test_a_read_only_login_is_told_so(store: SqlStore, postgres: Postgres) -> None:
    assert store.schema().relation == "current"
    with postgres.login(LOGIN, *NIGHTLY, f"ALTER ROLE {LOGIN} SET default_transaction_read_only = on"):
        assert "can only be read" in postgres.store_of(LOGIN).check()[0].message


# -- locks

HOLD = """
import sys, time
from po_ingest.settings import StoreSettings
from po_ingest_adapters.store.sql import create
with create(StoreSettings(url=sys.argv[1])).lock("erp"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_r13_the_lock_keeps_other_processes_out_and_dies_with_its_process(store: SqlStore, postgres: Postgres) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, postgres.url()], stdout=subprocess.PIPE) as process:  # noqa: S603 - ours
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert store.holder(ERP)
        with store.database.lock(ERP) as is_taken:
            assert not is_taken
        process.kill()
        process.wait()
        with store.lock(ERP):
            assert store.holder(ERP)
    assert not store.holder(ERP)


def test_r13_stores_in_two_schemas_do_not_share_a_lock(store: SqlStore, postgres: Postgres) -> None:
    other = postgres.store(schema="other")
    with store.lock(ERP), other.lock(ERP):
        assert other.holder(ERP)
    assert not other.holder(ERP)


def test_r13_a_run_whose_lock_was_lost_writes_no_more(store: SqlStore, postgres: Postgres) -> None:
    with store.lock(ERP):
        postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        with pytest.raises(StoreError, match=r"the connection that held the lock of ERP 'erp' .* was lost") as caught:
            Nights(store).changes(new_line())
    assert not caught.value.transient
    assert Nights(store).changes(new_line()) == (1,)


def test_r11_users_who_edit_lines_wait_for_a_run_and_readers_do_not(store: SqlStore, postgres: Postgres) -> None:
    Nights(store).changes(new_line())
    edited = threading.Event()

    def edit() -> None:
        postgres.sql("UPDATE po_line SET custom_text_1 = 'mine'")
        edited.set()

    user = threading.Thread(target=edit)
    with store.database.begin(Access.WRITE) as connection:
        connection.execute(store.tables.line.update().values(sku="of the run"))
        user.start()
        assert not edited.wait(0.3)
        assert postgres.sql("SELECT sku FROM po_line") == [("SKU-1",)]
    user.join(10)
    assert postgres.sql("SELECT sku, custom_text_1 FROM po_line") == [("of the run", "mine")]


def test_r12_a_line_that_a_user_keeps_locked_is_a_transient_error(
    store: SqlStore, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = Nights(store).changes(new_line())
    monkeypatch.setitem(postgresql_connect.SESSION, "lock_timeout", "50ms")
    impatient = postgres.store()
    with postgres.connection() as user, user.transaction():
        user.execute("UPDATE po_line SET custom_text_1 = 'mine' WHERE id = %s", (line,))
        with pytest.raises(StoreError, match="55P03") as caught, impatient.write():
            pytest.fail("must not begin")
        with impatient.read() as view:
            assert len(view.lines(ERP, "PO-1")) == 1
    assert caught.value.transient
    with impatient.write():
        pass


def test_writers_of_two_erps_go_one_after_the_other(store: SqlStore) -> None:
    done: list[str] = []

    def other() -> None:
        Nights(store, erp="other").changes(new_line())
        done.append("other")

    thread = threading.Thread(target=other)
    with store.write() as transaction:
        thread.start()
        thread.join(0.3)
        assert not done
        transaction.record([audit_event(1)])
        done.append("first")
    thread.join(10)
    assert done == ["first", "other"]
    with store.read() as view:
        assert list(view.known_lines("other").index) == [("PO-1", 1)]


def test_a_look_at_the_lock_writes_nothing_and_takes_nothing(store: SqlStore, postgres: Postgres) -> None:
    assert not database(store).is_locked(ERP)
    with store.lock(ERP):
        assert database(store).is_locked(ERP)
        assert len(postgres.sql("SELECT FROM pg_locks WHERE locktype = 'advisory'")) == 1
