"""How a session is made read-only, and a login's rights are looked up, on the databases behind ODBC drivers."""

from __future__ import annotations

import re
from typing import Final

import attrs

READ_COMMITTED: Final = "read committed"


ENDS_TRANSACTION: Final = re.compile(r"(?<![.@\w])(?:COMMIT|IMPLICIT_TRANSACTIONS|AUTOCOMMIT)(?!\w)", re.IGNORECASE)
STARTS_ANOTHER: Final = re.compile(
    r"\bREAD\s+WRITE\b|\w*transaction_read_only\b|(?:^|;)\s*(?:BEGIN|START|COMMIT|END|ROLLBACK|ABORT)\b", re.IGNORECASE
)
COMMANDS: Final = re.compile(r"(?:^|;)\s*(?:PRAGMA|ATTACH|VACUUM)\b", re.IGNORECASE)


@attrs.frozen(kw_only=True)
class Dialect:
    """What differs between databases.

    `read_only` makes the server refuse writes for the session; without it the session is one transaction that is
    rolled back. `lifting` finds what in a query could make an end of either. `query_timeout` sets the limit where the
    driver cannot, `isolation` what a query sees of others' changes. Each of `writable` names what the login may write
    to, at most a few; each is tried by itself.
    """

    read_only: str | None = None
    query_timeout: str | None = None
    isolation: str | None = None
    lifting: re.Pattern[str] | None = None
    writable: tuple[str, ...] = ()


POSTGRESQL: Final = Dialect(
    read_only="SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    query_timeout="SET statement_timeout = '{seconds}s'",
    lifting=STARTS_ANOTHER,
    writable=(
        "SELECT 'everything (superuser)' FROM pg_catalog.pg_roles WHERE rolname = current_user AND rolsuper",
        """
        SELECT 'new tables in ' || nspname FROM pg_catalog.pg_namespace
        WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema' AND has_schema_privilege(oid, 'CREATE')
        ORDER BY 1 LIMIT 3
        """,
        """
        SELECT n.nspname || '.' || c.relname
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'f') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
          AND (has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
               OR has_any_column_privilege(c.oid, 'INSERT, UPDATE'))
        ORDER BY 1 LIMIT 3
        """,
    ),
)
SQL_SERVER: Final = Dialect(
    isolation="SET TRANSACTION ISOLATION LEVEL {level}",
    lifting=ENDS_TRANSACTION,
    writable=(
        "SELECT 'everything (server role sysadmin)' WHERE IS_SRVROLEMEMBER('sysadmin') = 1",
        """
        SELECT 'the database (' + permission_name + ')' FROM sys.fn_my_permissions(NULL, 'DATABASE')
        WHERE permission_name IN ('CONTROL', 'ALTER', 'INSERT', 'UPDATE', 'DELETE')
        """,
        """
        SELECT TOP 3 s.name + '.' + o.name
        FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id
        WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0
          AND 1 IN (HAS_PERMS_BY_NAME(QUOTENAME(s.name) + '.' + QUOTENAME(o.name), 'OBJECT', 'INSERT'),
                    HAS_PERMS_BY_NAME(QUOTENAME(s.name) + '.' + QUOTENAME(o.name), 'OBJECT', 'UPDATE'),
                    HAS_PERMS_BY_NAME(QUOTENAME(s.name) + '.' + QUOTENAME(o.name), 'OBJECT', 'DELETE'))
        ORDER BY 1
        """,
    ),
)
SQLITE: Final = Dialect(read_only="PRAGMA query_only = 1", lifting=COMMANDS)
OTHER: Final = Dialect(lifting=ENDS_TRANSACTION)
DIALECTS: Final = {"PostgreSQL": POSTGRESQL, "Microsoft SQL Server": SQL_SERVER, "SQLite": SQLITE}
"""By what the driver calls its database (SQL_DBMS_NAME)."""
