"""What a server is asked about a login's rights is SQL that only reads (R15)."""

from __future__ import annotations

import pytest
import sqlglot
from sqlglot import expressions as exp
from sqlglot.errors import ErrorLevel

from po_ingest_adapters.erp.odbc_dialects import POSTGRESQL, SQL_SERVER, Dialect

LOOKS = [
    (dialect, name, sql)
    for dialect, name in ((SQL_SERVER, "tsql"), (POSTGRESQL, "postgres"))
    for sql in dialect.writable
]


@pytest.mark.parametrize(("dialect", "name", "sql"), LOOKS)
def test_r15_a_look_at_rights_is_one_query_of_one_column(dialect: Dialect, name: str, sql: str) -> None:
    (tree,) = sqlglot.parse(sql, read=name, error_level=ErrorLevel.RAISE)
    assert isinstance(tree, exp.Select)
    assert len(tree.expressions) == 1
    assert dialect.lifting is not None
    assert not dialect.lifting.search(sql)


def test_r15_sql_server_is_asked_for_every_way_to_write() -> None:
    asked = " ".join(SQL_SERVER.writable)
    for word in ("sysadmin", "CONTROL", "ALTER", "INSERT", "UPDATE", "DELETE", "HAS_PERMS_BY_NAME", "'U', 'V'"):
        assert word in asked
