"""Microsoft's ODBC Driver 18, as installed here or from the wheel `mssql-python-odbc`; and servers that are none."""

from __future__ import annotations

import ctypes
import importlib.util
import platform
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Final

import pytest

NAME: Final = "ODBC Driver 18 for SQL Server"
REASON: Final = "no ODBC Driver 18 for SQL Server: install it, or pip install mssql-python-odbc on Linux"


@cache
def _found() -> str | None:
    try:
        import pyodbc  # noqa: PLC0415 - it needs a driver manager
    except ImportError:
        return None
    if NAME in pyodbc.drivers():
        return NAME
    package = importlib.util.find_spec("mssql_python_odbc")
    if package is None or package.origin is None:
        return None
    machine = {"AMD64": "x86_64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    for path in sorted(Path(package.origin).parent.glob(f"libs/linux/*/{machine}/lib/libmsodbcsql-18*")):
        with suppress(OSError):  # made for another distribution
            ctypes.CDLL(str(path))
            return str(path)
    return None


def driver_18() -> str:
    """Return the driver's name or path; skip the test where there is none."""
    found = _found()
    if found is None:
        pytest.skip(REASON)
    return found


@contextmanager
def closed_port() -> Iterator[int]:
    """Give a port that refuses connections, and that nobody else gets meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@contextmanager
def silent_port() -> Iterator[int]:
    """Give a port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@contextmanager
def answering_port(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Give a port where each connection is answered by a function, and then closed."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                with connection, suppress(OSError):
                    answer(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5)


def say_garbage(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n" * 8)


def hang_up(connection: socket.socket) -> None:
    connection.recv(1)


def ask_for_tls_and_say_garbage(connection: socket.socket) -> None:
    """Answer the first packet as a server that requires encryption, then break the handshake."""
    connection.recv(4096)
    options = bytes([0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xFF]) + bytes([16, 0, 16, 0, 0, 0]) + bytes([3])
    connection.sendall(bytes([4, 1]) + (8 + len(options)).to_bytes(2, "big") + bytes(4) + options)
    connection.recv(4096)
    connection.sendall(bytes([0x12, 1, 0, 16]) + bytes(4) + b"no TLS..")
