"""Brings an older store to the version of this release, with Alembic; imported only where that is needed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from po_ingest_adapters.store.database import Database

SCRIPTS: Final = Path(__file__).with_name("migrations")


def upgrade(connection: Connection, database: Database) -> None:
    """Run the migrations that the store lacks, within the connection's transaction."""
    config = _config(database)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def upgrade_sql(database: Database, current: str | None) -> str:
    """Return the DDL from a version of the schema to this release's; from none it makes the schema too."""
    config = _config(database)
    config.attributes["ddl"] = () if current else database.schema_ddl()
    config.output_buffer = io.StringIO()
    command.upgrade(config, f"{current or 'base'}:head", sql=True)
    return config.output_buffer.getvalue()


def _config(database: Database) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["database"] = database
    return config
