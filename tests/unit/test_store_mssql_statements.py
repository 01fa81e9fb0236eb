"""What the store sends to SQL Server: reviewed in a file, parsed as T-SQL, within the server's limits."""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

import pytest
import sqlglot
from sqlalchemy.dialects import mssql as mssql_dialect
from sqlglot import expressions as exp
from sqlglot.errors import ErrorLevel

from po_ingest_adapters.store import bulk
from po_ingest_adapters.store.dialects import mssql_bulk
from po_ingest_adapters.store.dialects.mssql import MssqlDatabase
from po_ingest_adapters.store.sql import SqlStore
from po_ingest_adapters.store.transaction import SqlTransaction
from po_ingest_adapters.store.view import SqlView
from support.ddl import comparable
from support.mssql_emulator import GOLDEN, MOST_PARAMETERS, Server, normalized, split_batches
from support.mssql_tour import tour

SCRIPT: Final = GOLDEN.with_name("mssql_upgrade.sql")
RENEW: Final = "PO_INGEST_RENEW_GOLDEN"
HEADER: Final = f"""\
-- Every statement that the store sends to SQL Server, reviewed; made by {Path(__file__).name}, see docs/testing.md.
-- (?...) stands for a list of any length, TOP 1 for any number, 0123456789abcdef for the digest of an ERP's name.
"""
MOST_ROWS: Final = 1000
PROCEDURAL: Final = re.compile(r"(DECLARE|SET|EXEC|IF|COMMIT|CREATE TRIGGER|BEGIN)\b")
"""What sqlglot takes as it is, or in part: batches, whose statements are checked one by one."""


def sent(path: Path) -> list[str]:
    server = Server(path, golden=None)
    tour(server)
    plain = dict.fromkeys(normalized(sql) for sql in server.statements() if not sql.startswith("-- connect"))
    groups = groupby(plain, key=lambda sql: sql.startswith("CREATE INDEX"))
    return [sql for are_indexes, group in groups for sql in (sorted(group) if are_indexes else group)]  # a set of them


@pytest.fixture(scope="module")
def statements(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return sent(tmp_path_factory.mktemp("mssql") / "server.db")


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> str:
    return Server(tmp_path_factory.mktemp("mssql") / "server.db", golden=None).store().upgrade_sql()


def assert_reviewed(path: Path, text: str) -> None:
    if os.environ.get(RENEW):
        path.write_text(text, "utf-8", newline="\n")
    assert path.read_text("utf-8") == text, f"review and renew it: {RENEW}=1 pytest {Path(__file__).name}"


def test_every_statement_is_in_the_reviewed_file(statements: list[str]) -> None:
    assert_reviewed(GOLDEN, HEADER + "".join(f"\n{sql}\nGO\n" for sql in statements))


def test_the_script_for_a_dba_is_in_the_reviewed_file(script: str) -> None:
    assert_reviewed(SCRIPT, "".join(f"{line.rstrip()}\n" for line in script.strip().splitlines()))


def public_codes(kind: type) -> dict[CodeType, str]:
    """Return the code of each public method and property of a class, without what it inherits."""
    found: dict[CodeType, str] = {}
    for name, member in vars(kind).items():
        function: Any = member.fget if isinstance(member, property) else member
        if not name.startswith("_") and inspect.isfunction(inspect.unwrap(function)):
            found[inspect.unwrap(function).__code__] = f"{kind.__name__}.{name}"
    return found


def called(action: Callable[[], object]) -> set[CodeType]:
    codes: set[CodeType] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            codes.add(frame.f_code)

    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(None)
    return codes


def test_the_tour_leaves_nothing_out(tmp_path: Path) -> None:
    expected: dict[CodeType, str] = {}
    for kind in (SqlStore, SqlView, SqlTransaction, MssqlDatabase):
        expected |= public_codes(kind)
    assert len(expected) > 40
    seen = called(lambda: sent(tmp_path / "server.db"))
    assert sorted(name for code, name in expected.items() if code not in seen) == []


def parsed(sql: str) -> list[Any]:
    plain = re.sub(r"THROW 51000, N'[^']+', 1;", "", sql.replace("(?...)", "(?, ?)"))  # sqlglot knows no THROW
    return sqlglot.parse(plain, read="tsql", error_level=ErrorLevel.RAISE)


def test_flags_are_compared_as_numbers(statements: list[str]) -> None:
    """T-SQL knows no `IS 1`, which sqlglot lets pass."""
    assert not [sql for sql in statements if re.search(r"\bIS (NOT )?[01]\b", sql)]


def inner(batch: str) -> Iterator[str]:
    """Yield a batch, and the statements that it carries as texts."""
    yield batch
    for text in re.findall(r"EXEC \(N'([^']+)'\)", batch):
        yield from (part for part in text.split("; ") if not part.startswith("CREATE SCHEMA"))


def test_every_statement_is_t_sql(statements: list[str], script: str) -> None:
    count = 0
    for batch in [*statements, *split_batches(script)]:
        for sql in inner(batch):
            trees = parsed(sql)
            count += 1
            assert trees, sql
            if not PROCEDURAL.match(sql):
                assert [tree for tree in trees if isinstance(tree, exp.Command)] == [], sql
                assert len(trees) == 1, sql
    assert count > 100


def test_no_statement_goes_beyond_the_servers_limits(statements: list[str]) -> None:
    assert bulk.CHUNK + 100 < MOST_PARAMETERS
    for sql in statements:
        lists = sql.count("(?...)")
        assert lists <= 1 or "INFORMATION_SCHEMA" in sql or "sys.objects" in sql, sql
        assert sql.count("?") + lists * bulk.CHUNK <= MOST_PARAMETERS, sql
        for tree in parsed(sql):
            for values in tree.find_all(exp.Values) if tree else ():
                assert len(values.expressions) <= MOST_ROWS, sql


def test_whatever_is_written_by_rows_goes_with_one_parameter(statements: list[str]) -> None:
    written = [sql for sql in statements if "OPENJSON" in sql]
    assert len(written) == 12
    assert {sql.count("?") for sql in written} == {1}


def test_batches_that_must_be_without_parameters_are(statements: list[str]) -> None:
    """A SET, and a transaction begun, would end with a batch that has parameters."""
    for sql in statements:
        if re.search(r"\bSET (ANSI_NULLS|TRANSACTION)|BEGIN TRANSACTION|COMMIT|ROLLBACK|sp_getapplock|CREATE ", sql):
            assert "?" not in sql


def test_a_store_made_at_once_and_one_made_by_the_script_are_the_same(statements: list[str], script: str) -> None:
    made = comparable(statements)
    assert made == comparable(split_batches(script))
    assert len(made) == 9 + 5 + 1 + 4  # tables, indexes, the trigger, views


def test_names_do_not_depend_on_how_the_dialect_was_made(script: str) -> None:
    """Alembic prints DDL without a connection, and knows nothing of the engine's options."""
    assert not re.search(r"\b(NTEXT|TEXT|IMAGE|DATETIME)\b", script)
    assert mssql_dialect.dialect().deprecate_large_types is None  # type: ignore[no-untyped-call]  # untyped


def test_a_key_fits_into_an_index(script: str) -> None:
    """A clustered key may have 900 bytes, another 1,700; NVARCHAR(n) takes 2 n."""
    sizes = {name: 2 * int(width) for name, width in re.findall(r"(\w+) NVARCHAR\((\d+)\)", script)}
    lists = re.findall(r"(PRIMARY KEY|UNIQUE|CREATE INDEX \w+ ON [\w.]+) \(([\w, ]+)\)", script)
    assert len(lists) > 15
    for kind, columns in lists:
        bytes_ = sum(sizes.get(name, 8) for name in columns.split(", "))
        assert bytes_ <= (900 if kind == "PRIMARY KEY" else 1700), columns


def test_rows_of_any_number_are_sent_some_thousands_at_a_time(tmp_path: Path) -> None:
    from support.store_builders import Nights, new_line  # noqa: PLC0415 - here alone

    server = Server(tmp_path / "server.db")
    store = server.store()
    store.upgrade()
    server.log.clear()
    Nights(store).changes(*(new_line((f"PO-{number}", 1)) for number in range(2 * mssql_bulk.ROWS_AT_ONCE + 1)))
    inserts = [sql for sql, _ in server.log if "INSERT INTO po.po_line" in sql]
    assert len(inserts) == 3
