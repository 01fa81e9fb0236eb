"""Migrations of Alembic: how an older store comes to the version of this release."""
