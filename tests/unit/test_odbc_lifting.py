"""A query that would lift the protection of the ERP is refused before it is sent; what only looks so is not."""

from __future__ import annotations

import pytest

from po_ingest.errors import ErpError
from po_ingest_adapters.erp.odbc_dialects import OTHER, POSTGRESQL, SQL_SERVER, SQLITE, Dialect
from po_ingest_adapters.erp.odbc_lifting import refuse


@pytest.mark.parametrize(
    ("dialect", "sql", "words"),
    [
        (SQL_SERVER, "DELETE FROM l COMMIT SELECT 1", "COMMIT"),
        (SQL_SERVER, "DELETE FROM l;commit tran; SELECT 1", "COMMIT"),
        (SQL_SERVER, "SET IMPLICIT_TRANSACTIONS OFF; DELETE FROM l; SELECT 1", "IMPLICIT_TRANSACTIONS"),
        (SQL_SERVER, "SELECT '--'; COMMIT", "COMMIT"),
        (OTHER, "SET autocommit = 1; DELETE FROM l", "AUTOCOMMIT"),
        (POSTGRESQL, "SET TRANSACTION READ\n WRITE; DELETE FROM l", "READ WRITE"),
        (POSTGRESQL, "SET default_transaction_read_only TO off", "DEFAULT_TRANSACTION_READ_ONLY"),
        (POSTGRESQL, "SELECT 1;/* x */ COMMIT; DELETE FROM l", "COMMIT"),
        (POSTGRESQL, "-- x\nbegin; DELETE FROM l; end", "BEGIN"),
        (SQLITE, "/* x */ PRAGMA journal_mode = WAL", "PRAGMA"),
        (SQLITE, "SELECT 1; ATTACH 'a' AS b", "ATTACH"),
    ],
)
def test_r15_a_query_that_could_lift_the_protection_is_refused(dialect: Dialect, sql: str, words: str) -> None:
    with pytest.raises(ErpError, match=f"the query has {words} in it") as caught:
        refuse(sql, dialect.lifting)
    assert "only reads" in caught.value.hint
    assert not caught.value.transient


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        (SQL_SERVER, "SELECT [commit], \"COMMIT\", 'commit' FROM l -- commit\n/* commit */"),
        (SQL_SERVER, "SELECT commit_date, l.commit, @commit, precommit FROM l"),
        (SQL_SERVER, "DECLARE @t TABLE (a int); INSERT INTO @t SELECT 1; SELECT * FROM @t"),
        (POSTGRESQL, "SELECT CASE WHEN a THEN 'read write' END; "),
        (POSTGRESQL, "SELECT a AS begin, b AS \"read write\" FROM l WHERE c = 'it''s; commit'"),
        (SQLITE, "SELECT 'PRAGMA', attach FROM l"),
    ],
)
def test_a_query_that_only_looks_so_is_not(dialect: Dialect, sql: str) -> None:
    refuse(sql, dialect.lifting)


def test_without_words_nothing_is_refused() -> None:
    refuse("COMMIT", None)
