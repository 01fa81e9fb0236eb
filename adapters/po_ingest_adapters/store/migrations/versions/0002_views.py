"""The views for people with a query tool."""

from __future__ import annotations

from typing import cast

from alembic import context, op

from po_ingest_adapters.store.database import Database
from po_ingest_adapters.store.views import views_of

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the views."""
    database = cast("Database", context.config.attributes["database"])
    for statement in views_of(revision, database.schema):
        op.execute(statement)
