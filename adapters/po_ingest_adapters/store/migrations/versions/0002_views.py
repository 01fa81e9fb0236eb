"""The views for people with a query tool.

Views hold nothing, so they are made as `views.py` has them today. A later version that changes them, or a table that
they show, drops them first and makes them anew at its end; this one is left empty then.
"""

from __future__ import annotations

from typing import cast

from alembic import context, op

from po_ingest_adapters.store.database import Database
from po_ingest_adapters.store.views import create_views

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the views."""
    database = cast("Database", context.config.attributes["database"])
    for statement in create_views(database.schema):
        op.execute(statement)
