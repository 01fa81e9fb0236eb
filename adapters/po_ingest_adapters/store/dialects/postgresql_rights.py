"""What a login must be allowed on PostgreSQL, and what it lacks; docs/postgresql.md shows how to grant it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from po_ingest_adapters.store.rights import PAIRS

ON_SCHEMA: Final = """
SELECT has_schema_privilege(oid, 'USAGE'), has_schema_privilege(oid, 'CREATE'),
    EXISTS (SELECT FROM pg_class WHERE relnamespace = pg_namespace.oid AND relname = 'alembic_version')
FROM pg_namespace WHERE nspname = %s
"""
ON_TABLES: Final = """
SELECT needed.privilege || ' on ' || needed.name
FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS needed (name, privilege, place)
JOIN pg_class ON relname = needed.name
JOIN pg_namespace ON pg_namespace.oid = relnamespace AND nspname = %s
WHERE NOT has_table_privilege(pg_class.oid, needed.privilege) ORDER BY needed.place
"""


def lacking(connection: Connection, schema: str) -> str:
    """Return what the login lacks for a nightly, or to create what is not there yet; empty if it lacks nothing."""
    found = connection.exec_driver_sql(ON_SCHEMA, (schema,)).first()
    if found is None:
        may_create = connection.exec_driver_sql("SELECT has_database_privilege(current_database(), 'CREATE')").scalar()
        return "" if may_create else "CREATE on the database, and the schema is not there yet"
    may_use, may_create, has_tables = found
    if not may_use:
        return "USAGE on the schema"
    if not has_tables:
        return "" if may_create else "CREATE on the schema, and its tables are not there yet"
    parameters = ([name for name, _ in PAIRS], [right for _, right in PAIRS], schema)
    return ", ".join(connection.exec_driver_sql(ON_TABLES, parameters).scalars())
