"""What breaks between a run and its store on PostgreSQL: the server, the network, the login."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from po_ingest.errors import Interrupted, StoreError
from po_ingest.settings import StoreSettings
from po_ingest_adapters.store.dialects import server
from po_ingest_adapters.store.sql import create
from support.command_line import PYTHON, Home, environment, make_home
from support.postgres_proxy import Cut, Proxy, postgres_proxy
from support.store_builders import ERP, Nights, delivery, new_line, new_run
from support.store_postgres import Postgres
from support.world import World, line


@pytest.fixture
def proxy(postgres: Postgres) -> Iterator[Proxy]:
    postgres.fresh()
    with postgres_proxy(postgres.server) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = make_home(tmp_path / "home")
    home.insert(("PO-1", 10))
    return home


def with_store(home: Home, url: str) -> Home:
    home.configure(f'[store]\nurl = "{url}"\n')
    return home


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port: int = listener.getsockname()[1]
        return port


# -- no way in


def test_r12_a_refused_connection_is_transient_and_told(home: Home) -> None:
    store = create(StoreSettings(url=f"postgresql+psycopg://u:Geheim-4711@127.0.0.1:{free_port()}/d"))
    with pytest.raises(StoreError, match="cannot be reached") as caught:
        store.schema()
    assert caught.value.transient
    assert "host and port" in caught.value.hint
    assert "Geheim" not in str(caught.value)
    home.configure('[store.retry]\nattempts = 2\nwait_initial = 0.01\n[store]\nurl = "postgresql://127.0.0.1:1/d"\n')
    done = home.po("nightly", "--json")
    assert (done.code, done.out) == (7, "")
    assert "attempt=2" in done.err
    assert "cannot be reached" in done.error
    assert home.po("check").code == 7


def test_r12_a_silent_server_is_transient(home: Home) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        url = f"postgresql://127.0.0.1:{listener.getsockname()[1]}/d?connect_timeout=1"
        with pytest.raises(StoreError, match="cannot be reached: connection timeout") as caught:
            create(StoreSettings(url=url)).schema()
    assert caught.value.transient
    assert home.po("runs").code == 0


def test_r16_a_wrong_password_fails_at_once_and_is_not_shown(home: Home, postgres: Postgres) -> None:
    postgres.fresh()
    with postgres.login("login_a", "GRANT CREATE ON DATABASE ingest TO login_a"):
        with_store(home, postgres.url(user="login_a", password="Falsch-4711"))  # noqa: S106 - a wrong one
        done = home.po("nightly", "--json")
        assert (done.code, done.out) == (7, "")
        assert 'password authentication failed for user "login_a"' in done.error
        assert "check user and password in store.url" in done.error
        assert "try 2" not in done.err
        assert all(b"4711" not in content for content in _texts(home))
        with_store(home, postgres.url(user="login_a", password="Geheim-login_a-4711"))  # noqa: S106 - of a test's login
        assert home.po("nightly").code == 0
        assert all(b"4711" not in content for content in _texts(home))


def _texts(home: Home) -> list[bytes]:
    return [file.read_bytes() for file in (home.folder / "logs").iterdir()]


def test_a_database_that_is_not_there_is_told(home: Home, postgres: Postgres) -> None:
    done = with_store(home, postgres.url().replace("/ingest?", "/nowhere?")).po("nightly")
    assert done.code == 7
    assert 'database "nowhere" does not exist; create the database' in done.error


def test_an_option_with_a_wrong_value_is_told(postgres: Postgres) -> None:
    store = create(StoreSettings(url=postgres.url(options="&sslmode=perhaps")))
    with pytest.raises(StoreError, match='invalid sslmode value: "perhaps"'):
        store.schema()


def test_encryption_that_the_server_refuses_fails_at_once(proxy: Proxy) -> None:
    store = create(StoreSettings(url=f"{proxy.url()}?sslmode=require"))
    with pytest.raises(StoreError, match="does not support SSL") as caught:
        store.schema()
    assert not caught.value.transient
    assert "sslmode" in caught.value.hint


# -- cut off: see also test_cut_connections.py


def test_r2_a_commit_whose_answer_is_lost_is_not_done_twice(proxy: Proxy) -> None:
    store = create(StoreSettings(url=proxy.url()))
    world = World([line("PO-1", ordered_quantity="1")], store=store)
    world.night()
    world.lines = [line("PO-1", ordered_quantity="2")]

    def cut(statement: str) -> Cut:
        begun = next(each for each in reversed(proxy.statements) if each.startswith("BEGIN"))
        return "after" if statement == "COMMIT" and "READ ONLY" not in begun else None

    proxy.cut = cut
    report = world.night()
    proxy.cut = lambda _: None
    assert (report.status, report.retries) == ("completed", 0)
    assert world.events() == [("changed", "ordered_quantity", "1.000", "2.000", "erp")]


def test_r2_while_the_outcome_of_a_commit_is_unknown_nothing_is_written_over_it(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SETTLE_PAUSES", (0.0, 0.0))
    store = create(StoreSettings(url=proxy.url()))
    store.upgrade()

    def cut(statement: str) -> Cut:
        """Lose the answer to the commit, and the server with it."""
        proxy.is_down = statement == "COMMIT"
        return "after" if proxy.is_down else None

    proxy.cut = cut
    with pytest.raises(StoreError, match="its outcome is unknown") as caught:
        Nights(store).changes(new_line())
    assert not caught.value.transient
    proxy.is_down, proxy.cut = False, lambda _: None
    with pytest.raises(StoreError, match="was committed after all"), store.write():
        pytest.fail("must not begin")
    later = create(StoreSettings(url=proxy.url()))
    with later.read() as view:
        assert [run.status for run in view.runs(ERP)] == ["completed"]
    with later.write():
        pass


def test_r2_a_commit_that_turns_out_not_to_have_happened_leaves_the_store_usable(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SETTLE_PAUSES", (0.0,))
    store = create(StoreSettings(url=proxy.url()))
    store.upgrade()

    def cut(statement: str) -> Cut:
        """Lose the server before it gets the commit."""
        proxy.is_down = statement == "COMMIT"
        return "before" if proxy.is_down else None

    proxy.cut = cut
    with pytest.raises(StoreError, match="its outcome is unknown"):
        Nights(store).changes(new_line())
    proxy.is_down, proxy.cut = False, lambda _: None
    assert Nights(store).changes(new_line()) == (1,)


def test_r2_a_commit_that_the_server_refuses_is_told_as_it_is(postgres: Postgres) -> None:
    store = postgres.fresh()
    store.upgrade()
    postgres.sql(
        "CREATE FUNCTION po.refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'not so'; END$$;"
        "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON po.batch DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION po.refuse()"
    )
    with pytest.raises(StoreError, match="not so"):
        Nights(store).changes(new_line(deliveries=(delivery("1.000"),)))
    with store.read() as view:
        assert view.runs(ERP) == []


def test_r12_a_session_that_the_administrator_ends_is_transient(postgres: Postgres) -> None:
    store = postgres.fresh()
    store.upgrade()

    def ended() -> None:
        with store.write() as transaction:
            postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'po-ingest'")
            transaction.runs(ERP)

    with pytest.raises(StoreError) as caught:
        ended()
    assert caught.value.transient
    Nights(store).changes(new_line())


# -- signals


def test_a_signal_in_the_midst_of_an_answer_comes_out_whatever_the_driver_says(postgres: Postgres) -> None:
    store = postgres.fresh()
    store.upgrade()

    def interrupted() -> None:
        with store.write() as transaction:
            transaction.start_run(new_run("cut off"))
            try:
                raise Interrupted("SIGTERM")
            finally:
                raise psycopg.OperationalError("another command is already in progress")

    with pytest.raises(Interrupted):
        interrupted()
    with store.read() as view:
        assert view.runs(ERP) == []


def test_an_error_after_a_signal_was_handled_is_that_error(postgres: Postgres) -> None:
    store = postgres.fresh()
    store.upgrade()

    def record_failure() -> None:
        with store.write():
            raise psycopg.OperationalError("the connection is closed")

    def interrupted() -> None:
        raise Interrupted("SIGTERM")

    with pytest.raises(Interrupted) as caught:
        interrupted()
    told: StoreError | None = None
    try:
        raise caught.value
    except Interrupted:
        try:
            record_failure()
        except StoreError as error:
            told = error
    assert told is not None
    assert "was lost" in told.message


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise on Windows")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_a_signal_ends_while_it_waits_for_the_server_changes_nothing(
    home: Home, postgres: Postgres, number: signal.Signals
) -> None:
    postgres.fresh()
    with_store(home, postgres.url())
    assert home.po("nightly").code == 0
    home.insert(("PO-2", 10))
    with postgres.connection() as user, user.transaction():
        user.execute("LOCK TABLE erp_change_event IN SHARE MODE")
        process = subprocess.Popen(  # noqa: S603 - ours
            [*PYTHON, "--config", str(home.config), "nightly", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={name: value for name, value in environment().items() if not name.startswith("COVERAGE_PROCESS_")},
        )
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'po.erp_change_event'::regclass"
        end = time.monotonic() + 60
        while not postgres.sql(waiting):
            assert time.monotonic() < end
            time.sleep(0.02)
        process.send_signal(number)
        time.sleep(0.3)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, err
    assert b"ended by" in err
    assert b"Traceback" not in err
    assert b'"status": "failed"' in out
    assert [run["status"] for run in home.po("runs", "--json").json] == ["failed", "completed"]
    assert home.po("changes", "--since", "1d", "--format", "json").json == []
    assert home.po("nightly").code == 0
    assert len(home.po("changes", "--format", "json").json) == 1
