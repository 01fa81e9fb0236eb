"""What a login must be allowed on PostgreSQL, and what it lacks; docs/postgresql.md shows how to grant it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

READ: Final = ("SELECT",)
INSERT: Final = ("SELECT", "INSERT")
UPDATE: Final = ("SELECT", "INSERT", "UPDATE")
NEEDED: Final = {
    "alembic_version": READ,
    "ingestion_run": UPDATE,
    "po_line": UPDATE,
    "erp_snapshot": UPDATE,
    "erp_change_event": INSERT,
    "batch": INSERT,
    "item_xref": READ,
    "audit_event": INSERT,
    "rejected_row": INSERT,
}
"""What a nightly does to each table; `xref import` also inserts and deletes in item_xref."""
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
    pairs = [(name, right) for name, rights in NEEDED.items() for right in rights]
    parameters = ([name for name, _ in pairs], [right for _, right in pairs], schema)
    return ", ".join(connection.exec_driver_sql(ON_TABLES, parameters).scalars())
