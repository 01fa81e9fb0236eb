"""Alembic's entry: `po_ingest_adapters.store.migrate` hands over the database, and the connection if there is one."""

from __future__ import annotations

from typing import cast

from alembic import context

from po_ingest_adapters.store.database import Database

database = cast("Database", context.config.attributes["database"])
connection = context.config.attributes.get("connection")
if connection is None:
    context.configure(
        dialect_name=database.dialect.name,
        version_table_schema=database.schema,
        literal_binds=True,
        as_sql=True,
        transactional_ddl=True,
    )
else:
    # The caller's transaction is the migration's: all of it, or nothing.
    context.configure(connection=connection, version_table_schema=database.schema, transactional_ddl=True)
with context.begin_transaction():
    for statement in context.config.attributes.get("ddl", ()):
        context.execute(statement)
    context.run_migrations()
