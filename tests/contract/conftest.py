"""A PostgreSQL server for what reads an ERP over ODBC, one a module: the tests name their own users and schemas."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.erp_postgres import Server, postgres_server
from support.skips import POSTGRESQL_DRIVER, skip_without_driver


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Return the server."""
    skip_without_driver(POSTGRESQL_DRIVER)
    with postgres_server() as running:
        yield running
