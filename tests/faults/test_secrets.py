"""No failure tells a secret, wherever that was configured, at any log level (R16)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle, product
from pathlib import Path
from typing import Final

import attrs
import pytest

from po_ingest import config, pipeline, wiring
from po_ingest.errors import Interrupted, PoIngestError
from po_ingest.settings import Settings
from support.command_line import COLUMNS, PYTHON, Done, Home, environment, inside, make_home
from support.marker import CORE, leaks
from support.secret_places import BRACED, CONNECTIONS, FAULTS, HARD, STORES
from support.skips import POSTGRESQL_DRIVER, skip_without_driver
from support.store_postgres import Postgres

pytest.importorskip("pyodbc", reason="pyodbc finds no ODBC: apt-get install unixodbc", exc_type=ImportError)

LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
FLAGS: Final = ((), ("--verbose",), ("--quiet",))
TELLING: Final = f"""
[notify]
urls = ["json://user:{CORE}-a@127.0.0.1:9/a", "json://127.0.0.1:9/T1/{CORE}-b", "tgram://{CORE}-c/1?x={CORE}-d"]
[heartbeat]
url = "http://127.0.0.1:9/{CORE}-e"
[lineage]
url = "http://user:{CORE}-f@127.0.0.1:9/"
api_key = "{CORE}-g"
"""
"""Sections that hold secrets too, each another: one that is known does not hide the others."""
SETTINGS: Final = tuple(product(LEVELS, FLAGS))
OTHERS: Final = cycle(SETTINGS)
SCHEMA: Final = "secrets"
LOGIN: Final = "login_secrets"
ERP_TABLE: Final = f"""
CREATE SCHEMA erp;
CREATE TABLE erp.erp_order_lines ({", ".join(f"{name} text" for name in COLUMNS)});
INSERT INTO erp.erp_order_lines (po_number, line_number) SELECT 'PO-1', n FROM generate_series(1, 3) n;
GRANT USAGE ON SCHEMA erp TO {LOGIN};
GRANT SELECT ON erp.erp_order_lines TO {LOGIN};
"""  # noqa: S608 - our names
QUICK: Final = "attempts = 2\nwait_initial = 0.01\n"


@attrs.frozen
class Place:
    """A folder to run in, and all that may be left there and elsewhere."""

    home: Home
    temporary: Path
    postgres: Postgres | None = None

    def configure(self, text: str, level: str = "DEBUG") -> None:
        more = "" if "[log]" in text else f'\n[log]\nlevel = "{level}"\n'
        self.home.config.write_text(text + more, encoding="utf-8")

    def remains(self) -> dict[str, bytes]:
        """Return all that was written but the configuration itself, the server's tables as texts."""
        files = [each for folder in (self.home.folder, self.temporary) for each in folder.rglob("*") if each.is_file()]
        found = {str(each): each.read_bytes() for each in files if each != self.home.config}
        if self.postgres is not None:
            found["the store's tables"] = repr(self.postgres.dump(SCHEMA)).encode()
            found["the server's sessions"] = repr(self.postgres.sql("SELECT * FROM pg_stat_activity")).encode()
        return found

    def assert_silent(self, *done: Done) -> None:
        told = {f"{name} {number}": text.encode() for number, each in enumerate(done) for name, text in _texts(each)}
        assert leaks(told | self.remains()) == []

    def fail(self, text: str, code: int | None = None) -> Done:
        """Run nightly and check, telling all they can, and once more in another way; nothing may be told."""
        self.configure(text)
        first = inside("--config", self.home.config, "--verbose", "nightly", "--json")
        assert "internal error" not in first.err
        assert first.code != 0
        if code is not None:
            assert first.code == code, first.err
        checked = inside("--config", self.home.config, "--verbose", "check", "--json")
        level, flags = next(OTHERS)
        self.configure(text, level)
        second = inside("--config", self.home.config, *flags, "nightly")
        shown = inside("--config", self.home.config, *flags, "check")
        self.assert_silent(first, checked, second, shown)
        return first


def _texts(done: Done) -> list[tuple[str, str]]:
    return [("stdout", done.out), ("stderr", done.err)]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    for name in ("TMPDIR", "SQLITE_TMPDIR"):
        monkeypatch.setenv(name, str(temporary))
    monkeypatch.setattr("tempfile.tempdir", None)
    home = make_home(tmp_path / "home")
    home.insert(("PO-1", 10))
    return Place(home, temporary)


def erp(connection: str, more: str = "") -> str:
    return f"[erp]\nconnection = {json.dumps(connection)}\nquery_timeout = 20\n[erp.retry]\n{QUICK}{more}{TELLING}"


def store(url: str, more: str = "") -> str:
    section = f'[erp]\nadapter = "sqlite"\nconnection = "erp.db"\n[store]\nurl = {json.dumps(url)}\n'
    return f"{section}{more}[store.retry]\n{QUICK}{TELLING}"


# -- where nothing answers
@pytest.mark.parametrize("connection", CONNECTIONS.values(), ids=CONNECTIONS)
def test_r16_an_erp_that_cannot_be_reached_tells_no_secret(place: Place, connection: str) -> None:
    place.fail(erp(connection), 4)


@pytest.mark.parametrize(("url", "code"), STORES.values(), ids=STORES)
def test_r16_a_store_that_cannot_be_reached_tells_no_secret(place: Place, url: str, code: int) -> None:
    place.fail(store(url), code)


@pytest.mark.parametrize("text", FAULTS.values(), ids=FAULTS)
def test_r16_a_configuration_that_is_refused_tells_no_value(place: Place, text: str) -> None:
    place.fail(text, 2)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("flags", FLAGS, ids=["plain", "verbose", "quiet"])
def test_r16_no_level_and_no_option_tells_more(place: Place, level: str, flags: tuple[str, ...]) -> None:
    text = erp(CONNECTIONS["no such driver"]) + f'[store]\nurl = "{STORES["SQL Server, no such driver"][0]}"\n'
    place.configure(text, level)
    commands = (
        ("nightly",),
        ("nightly", "--json"),
        ("nightly", "--dry-run"),
        ("check",),
        ("check", "--json"),
        ("runs",),
    )
    done = [inside("--config", place.home.config, *flags, *command) for command in commands]
    assert all(each.code == 7 for each in done)
    place.assert_silent(*done)


# -- where it comes from
class Ring:
    """A credential store."""

    def __init__(self, entries: Mapping[tuple[str, str], str]) -> None:
        self.entries = entries

    def get_password(self, service: str, user: str) -> str | None:
        return self.entries.get((service, user))


def test_r16_what_a_variable_holds_is_told_by_nobody(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PO_INGEST_ERP", CONNECTIONS["braces"])
    monkeypatch.setenv("ERP_PASSWORD", CORE)
    monkeypatch.setenv("STORE_URL", STORES["PostgreSQL"][0])
    place.fail(erp("${PO_INGEST_ERP}"), 4)
    place.fail(erp("Driver=Nope ${ERP_PASSWORD};Uid=u"), 4)  # even where no password is
    place.fail(store("${STORE_URL}"), 7)


def test_r16_what_the_credential_store_holds_is_told_by_nobody(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = pytest.importorskip("keyring")
    entries = {("erp", "all"): CONNECTIONS["no such driver"], ("store", "all"): STORES["SQL Server, no such driver"][0]}
    ring = Ring({**entries, ("erp", "file"): f"{CORE}.db"})
    monkeypatch.setattr(keyring, "get_password", ring.get_password)
    place.fail(erp("keyring:erp/all"), 4)
    place.fail(store("keyring:store/all"), 7)
    place.fail('[erp]\nadapter = "sqlite"\nconnection = "keyring:erp/file"\n', 4)


def test_r16_what_the_command_line_holds_is_not_told_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.home.configure()
    url = STORES["PostgreSQL"][0]
    assert place.home.po("nightly").code == 0
    monkeypatch.setenv("PO_INGEST_CONFIG", CONNECTIONS["plain"])
    done = [
        inside("--config", f'[erp]\nconnection = "{CONNECTIONS["plain"]}"', "nightly"),
        inside("--config", url, "check", "--json"),
        inside("nightly"),
        place.home.po("store", "copy", "--to", url),
        place.home.po("store", "copy", "--to", STORES["an @ too many"][0]),
        place.home.po("store", "copy", "--to", STORES["nothing but it"][0]),
    ]
    assert [each.code for each in done] == [2, 2, 2, 7, 2, 2]
    place.assert_silent(*done)


# -- where a server answers
@pytest.fixture
def served(place: Place, postgres: Postgres) -> Iterator[Place]:
    """A night whose ERP and store are on a server that asks for the password."""
    skip_without_driver(POSTGRESQL_DRIVER)
    postgres.sql(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
    quoted = HARD.replace("'", "''")
    with postgres.login(LOGIN, f"GRANT CREATE ON DATABASE ingest TO {LOGIN}"):
        postgres.sql(f"ALTER ROLE {LOGIN} PASSWORD '{quoted}'")
        with postgres.connection(database="postgres") as erps:
            erps.execute(ERP_TABLE.encode())
            try:
                yield attrs.evolve(place, postgres=postgres)
            finally:
                postgres.sql(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
                erps.execute("DROP SCHEMA erp CASCADE")


def night(served: Place, query: str = "SELECT * FROM erp.erp_order_lines", more: str = "", password: str = "") -> str:
    """Return a configuration; `password` is a wrong one, for the ERP."""
    assert served.postgres is not None
    server = served.postgres.server
    where = f"Driver={{{POSTGRESQL_DRIVER}}};Server={server.host};Port={server.port};Database=postgres;Uid={LOGIN}"
    connection = json.dumps(f"{where};Pwd={password or BRACED}")
    url = json.dumps(served.postgres.url(user=LOGIN, password=HARD))
    return (
        f"[erp]\nconnection = {connection}\n[erp.retry]\n{QUICK}[erp.po_lines]\nquery = {json.dumps(query)}\n"
        f'[store]\nurl = {url}\nschema = "{SCHEMA}"\n[store.retry]\n{QUICK}{TELLING}{more}'
    )


def applied(served: Place) -> Done:
    served.configure(night(served))
    done = inside("--config", served.home.config, "--verbose", "nightly", "--json")
    assert done.code == 0, done.err
    return done


def test_r16_a_night_that_goes_well_tells_no_secret(served: Place) -> None:
    commands = (
        ("status",),
        ("check",),
        ("runs", "--json"),
        ("report", "--json"),
        ("audit", "list"),
        ("store", "verify"),
    )
    first = applied(served)
    done = [inside("--config", served.home.config, "--verbose", *command) for command in commands[1:]]
    assert {each.code for each in done} == {0}
    served.assert_silent(first, *done)


def test_r16_a_wrong_password_tells_no_secret(served: Place) -> None:
    assert "password" in served.fail(night(served, password=f"{CORE}-wrong"), 4).err
    assert served.postgres is not None
    url = served.postgres.url(user=LOGIN, password=f"{CORE} wrong")
    assert "password authentication failed" in served.fail(store(url), 7).err


FAILURES: Final = {
    "a missing table": ("SELECT * FROM nowhere", "", 4),
    "bad SQL": ("SELECT 'x", "", 4),
    "a statement that writes": ("DELETE FROM erp.erp_order_lines", "", 4),
    "a value that breaks midway": (
        "SELECT 'a' AS po_number, 1 / (n - 2) AS line_number FROM generate_series(1, 3) n",
        "",
        4,
    ),
    "no such column": ("SELECT 1 AS po_number", "", 2),
    "a guard": ("SELECT * FROM erp.erp_order_lines", "[guards]\nmin_lines = 100\n", 5),
    "an audit file that cannot be written": ("SELECT * FROM erp.erp_order_lines", '[audit]\nfile = "taken"\n', 3),
    "a log that cannot be written": ("SELECT * FROM nowhere", '[log]\nfile = "taken"\nlevel = "DEBUG"\n', 4),
}


@pytest.mark.parametrize(("query", "more", "code"), FAILURES.values(), ids=FAILURES)
def test_r16_a_night_that_fails_tells_no_secret(served: Place, query: str, more: str, code: int) -> None:
    (served.home.folder / "taken").mkdir()
    served.fail(night(served, query, more), code)
    reading = [inside("--config", served.home.config, *each) for each in (("report", "--json"), ("audit", "list"))]
    served.assert_silent(*reading)


def test_r16_another_version_a_held_lock_and_a_lost_store_tell_no_secret(served: Place) -> None:
    assert served.postgres is not None
    applied(served)
    settings = config.load(served.home.config, os.environ)
    with wiring.open_store(settings).lock("erp"):
        served.fail(night(served), 6)
    served.postgres.sql(f"UPDATE {SCHEMA}.alembic_version SET version_num = '9999'")  # noqa: S608 - ours
    served.fail(night(served), 7)
    served.postgres.sql(f"ALTER ROLE {LOGIN} NOLOGIN")
    served.fail(night(served), 7)
    assert (served.home.folder / "logs" / "audit.jsonl.spool").exists()


def boom(settings: Settings) -> Exception:
    """Return what no library should raise, with all that is secret in it."""
    everything = (
        settings.erp.connection,
        settings.store.url,
        settings.notify.urls,
        settings.heartbeat_url,
        settings.lineage,
    )
    cause = RuntimeError(f"{everything!r} {HARD!r} {json.dumps(HARD)} {HARD.encode().hex()} {settings.store.url}")
    cause.add_note(settings.erp.connection)
    error = ValueError(HARD, settings.store.url.encode("utf-16"))
    error.__cause__ = cause
    return error


CRASHES: Final[dict[str, tuple[Callable[[Settings], BaseException], int]]] = {
    "an unexpected exception": (boom, 1),
    "an error with a careless message": (lambda settings: PoIngestError(str(boom(settings)), details=(HARD,)), 1),
    "an error from elsewhere": (lambda settings: OSError(13, HARD, settings.store.url), 1),
    "a signal": (lambda _: Interrupted("SIGTERM"), 1),
}


@pytest.mark.parametrize(("crash", "code"), CRASHES.values(), ids=CRASHES)
@pytest.mark.parametrize("where", ["in a run", "around it"])
def test_r16_a_crash_tells_no_secret(
    served: Place,
    monkeypatch: pytest.MonkeyPatch,
    crash: Callable[[Settings], BaseException],
    code: int,
    where: str,
) -> None:
    def broken(settings: Settings, *_: object, **__: object) -> object:
        raise crash(settings)

    if where == "in a run":
        monkeypatch.setattr(pipeline, "_decide", lambda journal, *_: broken(journal.settings))
    else:
        monkeypatch.setattr(wiring, "build", broken)
    served.configure(night(served))
    done = [inside("--config", served.home.config, *flags, "nightly", "--json") for flags in FLAGS]
    assert [each.code for each in done] == [code] * len(FLAGS)
    served.assert_silent(*done)
    if where == "in a run" or "exception" in str(crash):
        assert b"Traceback" in (served.home.folder / "logs" / "po-ingest.log").read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc, and sends a signal")
def test_r16_neither_a_process_title_nor_a_session_tells_a_secret(served: Place) -> None:
    assert served.postgres is not None
    served.configure(night(served, "SELECT 'PO-1' AS po_number, 1 AS line_number FROM pg_sleep(60)"))
    environ = {name: text for name, text in environment().items() if not name.startswith("COVERAGE_PROCESS_")}
    command = [*PYTHON, "--config", str(served.home.config), "--verbose", "nightly", "--json"]
    sleeping = f"SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND usename = '{LOGIN}'"  # noqa: S608 - ours
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:  # noqa: S603 - as above
        end = time.monotonic() + 60
        while not served.postgres.sql(sleeping):
            assert time.monotonic() < end
        titles = {str(file): file.read_bytes() for file in Path(f"/proc/{process.pid}").glob("**/comm")} | {
            "cmdline": Path(f"/proc/{process.pid}/cmdline").read_bytes()
        }
        sessions = served.postgres.sql("SELECT application_name, query FROM pg_stat_activity WHERE usename = %s", LOGIN)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"ended by SIGTERM" in err
    assert len(sessions) >= 2  # that of the ERP, and that which holds the lock
    assert leaks({**titles, "sessions": repr(sessions).encode(), "stdout": out, "stderr": err}) == []
    served.assert_silent()


# -- what Python shows
CARELESS: Final = """
import sys, threading, warnings
from po_ingest import wiring
from po_ingest.cli import main, start

def build(settings, *others):
    class Dropped:
        def __del__(self):
            raise ValueError(settings.store.url)
    def ended():
        raise ValueError(settings.store.url)
    Dropped()
    for target in (ended, sys.exit):  # the second tells nothing
        thread = threading.Thread(target=target)
        thread.start()
        thread.join()
    warnings.warn(settings.store.url)
    if "--quiet" in sys.argv:
        raise ValueError(settings.store.url)
    main.last = Dropped()  # which Python drops when all is over
    return original(settings, *others)

def full(*_):
    raise OSError(28, settings_url())

def settings_url():
    from po_ingest.config import load, find
    import os
    return load(find(None, os.environ), os.environ).store.url

original, wiring.build = wiring.build, build
main._log_internal = full
start.run()
"""


@pytest.mark.parametrize(("flag", "code", "lines"), [("--verbose", 0, 4), ("--quiet", 1, 1)])
def test_r16_what_python_itself_tells_is_told_without_secrets(served: Place, flag: str, code: int, lines: int) -> None:
    served.configure(night(served))
    script = served.home.folder / "careless.py"
    script.write_text(CARELESS, encoding="utf-8")
    ended = subprocess.run(  # noqa: S603 - our own
        [sys.executable, str(script), flag, "nightly"],
        env={**environment(), "PO_INGEST_CONFIG": str(served.home.config)},
        capture_output=True,
        check=False,
        text=True,
        encoding="utf-8",
    )
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stderr.count("***") >= lines, ended.stderr
    assert ended.stderr.count("po-ingest: error: internal error (OSError): [Errno 28] ") == code
    assert (served.home.folder / "logs" / "po-ingest.log").read_text("utf-8").count("Traceback") >= 2
    served.assert_silent(Done(code, ended.stdout, ended.stderr))


def test_r16_no_repr_shows_a_secret(served: Place) -> None:
    served.configure(night(served))
    settings = config.load(served.home.config, os.environ)
    parts = wiring.build(settings)
    shown = {
        "settings": repr(settings),
        "parts": repr(parts),
        "source": repr(parts.source),
        "store": repr(parts.store),
        "engine": repr(parts.store.database._engine),  # type: ignore[attr-defined]  # a SQL store's
        "error": repr(PoIngestError(HARD, hint=CORE, details=(HARD,))),
    }
    for name, (url, code) in STORES.items():
        if code == 7:
            made = wiring.open_store(attrs.evolve(settings, store=attrs.evolve(settings.store, url=url)))
            shown[name] = repr(made) + repr(made.database._engine)  # type: ignore[attr-defined]  # as above
    assert leaks({name: text.encode() for name, text in shown.items()}) == []
