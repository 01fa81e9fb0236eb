"""What a login must be allowed on SQL Server, and what it lacks; docs/sqlserver.md shows how to grant it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from po_ingest_adapters.store.rights import PAIRS

OPENJSON_LEVEL: Final = 130


def state_sql() -> str:
    """Return the query for what a database must be like: its compatibility level, and whether it can be written."""
    return (
        "SELECT compatibility_level, CASE WHEN DATABASEPROPERTYEX(DB_NAME(), 'Updateability') = 'READ_WRITE' "
        "THEN 1 ELSE 0 END FROM sys.databases WHERE database_id = DB_ID()"
    )


def _creating(schema: str) -> str:
    """Return the query for the rights to create what is missing: the schema, if it is not there, and its tables."""
    return (
        f"SELECT CASE WHEN SCHEMA_ID(N'{schema}') IS NULL THEN 1 ELSE 0 END, "
        "HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'CREATE SCHEMA'), "
        "HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'CREATE TABLE'), "
        "HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'CREATE VIEW'), "
        f"HAS_PERMS_BY_NAME(N'[{schema}]', N'SCHEMA', N'ALTER'), "
        f"HAS_PERMS_BY_NAME(N'[{schema}]', N'SCHEMA', N'REFERENCES'), "
        f"OBJECT_ID(N'[{schema}].[alembic_version]')"
    )


def _using(schema: str) -> str:
    """Return the query for the rights that are missing on the tables; NULL where a table cannot even be seen."""
    pairs = ", ".join(f"(N'{name}', N'{right}')" for name, right in PAIRS)
    has = f"HAS_PERMS_BY_NAME(N'[{schema}].' + QUOTENAME(needed.name), N'OBJECT', needed.permission)"
    return (
        "SELECT needed.permission + N' on ' + needed.name "  # noqa: S608 - our names
        f"FROM (VALUES {pairs}) AS needed (name, permission) WHERE COALESCE({has}, 0) = 0"
    )


def lacking(connection: Connection, schema: str) -> str:
    """Return what the login lacks for a nightly, or to create what is not there yet; empty if it lacks nothing."""
    is_absent, *rights, version_table = connection.exec_driver_sql(_creating(schema)).one()
    if version_table is not None:
        return ", ".join(connection.exec_driver_sql(_using(schema)).scalars())
    may_make_schema, may_make_tables, may_make_views, may_alter, may_refer = map(bool, rights)
    lacks = [] if may_make_tables else ["CREATE TABLE on the database"]
    lacks += [] if may_make_views else ["CREATE VIEW on the database"]
    if is_absent:
        lacks += [] if may_make_schema else ["CREATE SCHEMA on the database"]
    else:
        lacks += [] if may_alter else [f"ALTER on the schema {schema}"]
        lacks += [] if may_refer else [f"REFERENCES on the schema {schema}"]
    return f"{', '.join(lacks)} (its tables are not there yet, or it may not see them)" if lacks else ""
