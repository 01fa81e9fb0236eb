"""What is wrong with a store on a server: told in one line, with exit 7, and nothing half-written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy.engine import make_url

from po_ingest_adapters.store.dialects import postgresql_connect
from po_ingest_adapters.store.rights import PAIRS
from support.command_line import Done, Home, make_home
from support.mssql_emulator import URL, Error, Server, lost, server_error
from support.paths import ROOT
from support.places import OnEmulator, OnMssql, OnPostgres
from support.store_mssql import REASON, Mssql, is_given
from support.store_postgres import SCHEMA, Postgres

EFFECTS: Final = ("po_line", "erp_snapshot", "erp_change_event", "batch", "rejected_row")


def documented(page: str) -> list[str]:
    """Return the grants of a nightly login that a page of the documentation lists."""
    blocks = re.findall(r"```sql\n(.*?)```", (ROOT / "docs" / page).read_text("utf-8"), re.DOTALL)
    return [statement.strip() for statement in blocks[1].split(";") if statement.strip()]


LOGIN: Final = "login_bad_input"
IMPATIENT: Final = "[store.retry]\nattempts = 2\nwait_initial = 0.01\n"


def first_night(home: Home) -> None:
    home.insert(
        ("PO-1", 10, "M-1", "V1", 12, 0, "2026-03-01", "open"),
        ("PO-1", 20, "M-2", "V1", 5, 0, "2026-03-02", "open"),
        ("PO-3", 1, "M-3", "V2", 7, 0, "2026-03-03", "open"),
    )
    assert home.po("nightly").code == 0


def then_much_happens(home: Home) -> None:
    """Change, deliver, add, remove and spoil a line: the next night writes to every table."""
    home.erp(
        "UPDATE erp_order_lines SET promised_date = '2026-03-09', delivered_quantity = 4 WHERE line_number = 10",
        "DELETE FROM erp_order_lines WHERE po_number = 'PO-3'",
    )
    home.insert(("PO-2", 10, "M-1", "V1", 3, 0, "2026-04-01", "open"), ("BAD", 1, None, None, "many", 0, None, "open"))


def effects(home: Home) -> dict[str, list[str]]:
    assert home.place is not None
    return {name: sorted(map(repr, home.place.sql(f"SELECT * FROM {name}"))) for name in EFFECTS}  # noqa: S608 - ours


def failing_night(home: Home) -> Done:
    """Run a night that must fail with 7 and leave no effect."""
    before = effects(home)
    done = home.po("nightly")
    assert (done.code, done.out) == (7, ""), done.err
    assert "Traceback" not in done.err
    assert "4711" not in done.err
    assert effects(home) == before
    return done


def good_night(home: Home) -> None:
    """Run the night that was kept off till now."""
    assert home.po("nightly").code == 0
    changed = [row for row in home.po("changes", "--format", "json").json if row["kind"] == "changed"]
    assert sorted(row["field_name"] for row in changed) == ["delivered_quantity", "promised_date"]
    assert home.po("store", "verify").code == 0
    assert home.po("audit", "verify").code == 0


# -- PostgreSQL, for real


def postgres_home(folder: Path, postgres: Postgres) -> Home:
    postgres.fresh()
    home = make_home(folder, OnPostgres(postgres, SCHEMA))
    home.configure(IMPATIENT)
    first_night(home)
    then_much_happens(home)
    return home


@pytest.fixture
def home(tmp_path: Path, postgres: Postgres) -> Home:
    return postgres_home(tmp_path / "home", postgres)


@pytest.fixture(scope="module")
def least(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[Home]:
    """Return a home whose login may do what docs/postgresql.md says, and no more."""
    home = postgres_home(tmp_path_factory.mktemp("least") / "home", postgres)
    with postgres.login(LOGIN, *(grant.replace("po_ingest", LOGIN) for grant in documented("postgresql.md"))):
        url = postgres.url(user=LOGIN, password=f"Geheim-{LOGIN}-4711")
        home.configure(f'[store]\nurl = "{url}"\n{IMPATIENT}')
        yield home


@pytest.mark.parametrize(("table", "right"), PAIRS)
def test_r2_each_right_that_is_missing_ends_a_night_as_check_says(
    least: Home, postgres: Postgres, table: str, right: str
) -> None:
    postgres.sql(f"REVOKE {right} ON {table} FROM {LOGIN}")
    try:
        assert least.po("check").code == 7
        done = failing_night(least)
    finally:
        postgres.sql(f"GRANT {right} ON {table} TO {LOGIN}")
    assert f"permission denied for table {table}" in done.error
    assert "docs/postgresql.md" in done.error


def test_r2_when_all_rights_are_there_again_the_night_is_made_up_for(least: Home) -> None:
    good_night(least)


def raising(state: str) -> str:
    """Return what makes the server itself say an error, when the deliveries are written."""
    body = f"BEGIN RAISE 'of the server' USING ERRCODE = '{state}'; END"
    return (
        f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $${body}$$;"
        "CREATE TRIGGER refuse BEFORE INSERT ON batch FOR EACH STATEMENT EXECUTE FUNCTION refuse()"
    )


@pytest.mark.parametrize(
    ("state", "words", "tries"),
    [
        ("53100", "disk is full; make room", 1),
        ("25006", "may only read", 1),
        ("40P01", "another program is writing", 2),
        ("57P01", "stopped or restarted", 2),
        ("22001", "the schema was changed by another program", 1),
        ("23505", "the schema was changed by another program", 1),
    ],
)
def test_r2_r12_what_the_server_cannot_do_is_told_and_leaves_nothing(
    home: Home, postgres: Postgres, state: str, words: str, tries: int
) -> None:
    postgres.sql(raising(state))
    done = failing_night(home)
    assert f"of the server (SQLSTATE {state})" in done.error
    assert words in done.error
    assert done.err.count("attempt=") == tries - 1
    postgres.sql("DROP TRIGGER refuse ON batch; DROP FUNCTION refuse()")
    good_night(home)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE batch RENAME TO elsewhere",
        "ALTER TABLE po_line RENAME custom_text_5 TO mine",
        "ALTER TABLE rejected_row ALTER reason TYPE integer USING 0",
        "ALTER TABLE batch ADD mine text NOT NULL DEFAULT 'x'; ALTER TABLE batch ALTER mine DROP DEFAULT",
    ],
)
def test_r2_a_schema_that_was_changed_by_hand_is_told(home: Home, postgres: Postgres, statement: str) -> None:
    before = home.po("snapshot", "--run", "1").out
    assert home.place is not None
    name = "elsewhere" if "elsewhere" in statement else "batch"
    postgres.sql(statement)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(globals(), "EFFECTS", tuple(name if each == "batch" else each for each in EFFECTS))
        done = failing_night(home)
    assert "the schema was changed by another program; compare it with `po-ingest store upgrade --sql`" in done.error
    assert home.po("snapshot", "--run", "1").out == before


def test_r12_a_session_that_blocks_the_store_is_waited_for_then_told(
    home: Home, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(postgresql_connect.SESSION, "lock_timeout", "50ms")
    with postgres.connection() as user, user.transaction():
        user.execute("LOCK TABLE po_line IN ACCESS EXCLUSIVE MODE")
        done = home.po("nightly")
        assert (done.code, done.out) == (7, "")
        assert done.err.count("attempt=") == 1
        assert "another program keeps the store locked" in done.error
    good_night(home)


def test_a_database_that_is_set_to_be_read_only_is_told_as_check_tells_it(home: Home, postgres: Postgres) -> None:
    postgres.sql("CREATE ROLE reader LOGIN SUPERUSER; ALTER ROLE reader SET default_transaction_read_only = on")
    home.configure(f'[store]\nurl = "{postgres.url(user="reader")}"\n{IMPATIENT}')
    assert home.po("check").code == 7
    done = failing_night(home)
    assert "may only read" in done.error


def test_r12_a_password_that_is_missing_is_told_and_not_tried_again(home: Home, postgres: Postgres) -> None:
    with postgres.login("login_forgotten", "GRANT CREATE ON DATABASE ingest TO login_forgotten"):
        home.configure(f'[store]\nurl = "{postgres.url(user="login_forgotten")}"\n{IMPATIENT}')
        done = failing_night(home)
    assert "asks for a password, and none was given; check user and password in store.url" in done.error
    assert "attempt=" not in done.err


# -- SQL Server, by the numbers of its errors

ROWS: Final = "WITH given AS"


@pytest.fixture
def emulated(tmp_path: Path) -> tuple[Home, Server]:
    server = Server(tmp_path / "sqlserver.db")
    home = make_home(tmp_path / "home", OnEmulator(server))
    home.configure(IMPATIENT)
    first_night(home)
    then_much_happens(home)
    return home, server


@pytest.mark.parametrize(
    ("where", "error", "words", "tries"),
    [
        ("connect", server_error("28000", 18456, "Login failed for user 'ingest'."), "check user, password", 1),
        ("connect", server_error("42000", 4060, 'Cannot open database "history".'), "database in store.url", 1),
        (ROWS, server_error("42000", 229, "The INSERT permission was denied on 'batch'."), "docs/sqlserver.md", 1),
        (ROWS, server_error("42000", 1105, "Could not allocate space: filegroup full."), "make room on the server", 1),
        (ROWS, server_error("42000", 9002, "The transaction log is full."), "make room on the server", 1),
        (ROWS, server_error("25000", 3906, "Failed to update: database is read-only."), "may be written", 1),
        (ROWS, server_error("42S02", 208, "Invalid object name 'po.batch'."), "changed by another program", 1),
        (ROWS, server_error("42S22", 207, "Invalid column name 'mine'."), "changed by another program", 1),
        (ROWS, server_error("42000", 2628, "String or binary data would be truncated."), "changed by another", 1),
        (ROWS, server_error("42000", 319, "Incorrect syntax near the keyword 'with'."), "COMPATIBILITY_LEVEL", 1),
        (ROWS, server_error("42000", 102, "Incorrect syntax near '$[0]'."), "COMPATIBILITY_LEVEL", 1),
        (ROWS, server_error("40001", 1205, "Transaction was deadlocked."), "another program is writing", 2),
        (ROWS, server_error("42000", 1222, "Lock request time out period exceeded."), "another program is writing", 2),
        (ROWS, lost(), "server runs and can be reached", 2),
    ],
)
def test_r2_r12_an_error_of_sql_server_is_told_and_leaves_nothing(
    emulated: tuple[Home, Server], where: str, error: Error, words: str, tries: int
) -> None:
    home, server = emulated
    server.failures[where] = error
    done = failing_night(home)
    assert words in done.error
    assert done.err.count("attempt=") == tries - 1
    server.failures.clear()
    good_night(home)


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"state": [(120, 1)]}, "has the compatibility level 120; set the database's compatibility level to 130"),
        ({"state": [(160, 0)]}, "can only be read; connect to the primary replica"),
        ({"using": [("INSERT on batch",)]}, "the login lacks INSERT on batch; grant the login the rights"),
    ],
)
def test_check_tells_what_would_end_a_night_on_sql_server(
    emulated: tuple[Home, Server], answers: dict[str, list[tuple[object, ...]]], words: str
) -> None:
    home, server = emulated
    server.answers.update(answers)
    done = home.po("check")
    assert done.code == 7
    assert words in done.error


def test_r12_a_session_that_blocks_the_writers_lock_is_waited_for_then_told(emulated: tuple[Home, Server]) -> None:
    home, server = emulated
    other = server.connect(URL, autocommit=True, timeout=1)
    (resource,) = {name for sql, _ in server.log for name in re.findall(r"N'(po-ingest write \w+ \w+)'", sql)}
    assert server.take(resource, "Transaction", "Exclusive", other) == 0
    done = failing_night(home)
    assert done.err.count("attempt=") == 1
    assert "is in use by another program (sp_getapplock: -1); another program is writing to the store" in done.error
    other.close()
    good_night(home)


# -- SQL Server, for real: a login that may do what docs/sqlserver.md says, and no more


@pytest.fixture(scope="module")
def least_on_mssql(tmp_path_factory: pytest.TempPathFactory, mssql: Mssql) -> Iterator[Home]:
    place = OnMssql(mssql, mssql.fresh_url())
    home = make_home(tmp_path_factory.mktemp("least") / "home", place)
    home.configure(IMPATIENT)
    first_night(home)
    then_much_happens(home)
    url, password = make_url(place.url), "Geheim-4711-Pq"
    mssql.sql(f"CREATE LOGIN {LOGIN} WITH PASSWORD = N'{password}', CHECK_POLICY = OFF, DEFAULT_LANGUAGE = German")
    for statement in (f"CREATE USER po_ingest FOR LOGIN {LOGIN}", *documented("sqlserver.md")):
        mssql.sql(statement, database=url.database or "")
    store = url.set(username=LOGIN, password=password).render_as_string(hide_password=False)
    home.configure(f'[store]\nurl = "{store}"\n{IMPATIENT}')
    yield home
    mssql.sql(f"DROP LOGIN {LOGIN}")


@pytest.mark.skipif(not is_given(), reason=REASON)
@pytest.mark.parametrize(("table", "right"), PAIRS if is_given() else [("no table", "no right")])
def test_r2_each_right_that_is_missing_on_a_real_mssql_ends_a_night_as_check_says(
    least_on_mssql: Home, table: str, right: str
) -> None:
    place = least_on_mssql.place
    assert isinstance(place, OnMssql)
    database = make_url(place.url).database or ""
    place.server.sql(f"DENY {right} ON po.{table} TO po_ingest", database=database)
    try:
        check, done = least_on_mssql.po("check"), failing_night(least_on_mssql)
    finally:
        place.server.sql(f"GRANT {right} ON po.{table} TO po_ingest", database=database)
    assert check.code == 7
    assert "docs/sqlserver.md" in check.error
    assert "permission" in done.error  # on the table, or to make it: one that cannot be seen is taken for missing
    assert "docs/sqlserver.md" in done.error


@pytest.mark.skipif(not is_given(), reason=REASON)
def test_the_login_that_docs_describe_is_enough_on_a_real_mssql(least_on_mssql: Home) -> None:
    assert least_on_mssql.po("check").code == 0
    good_night(least_on_mssql)
