"""A proxy in front of PostgreSQL that counts what is sent, and cuts connections in the midst of it."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, Literal, TypeAlias

import attrs

from support.erp_postgres import Server

ENCRYPTION: Final = frozenset({80877103, 80877104})
"""Codes of the requests for TLS and GSSAPI, which are declined."""
COPIES: Final = {b"d": "COPY data", b"c": "COPY end"}
"""What a COPY sends after its statement."""
Cut: TypeAlias = Literal["before", "after"] | None
"""Whether a connection is cut, before the server gets a statement or after it has carried it out."""


@attrs.define
class Proxy:
    """Listens on loopback; `statements` has every statement sent, BEGIN and COMMIT too."""

    server: Server
    listener: socket.socket
    statements: list[str] = attrs.Factory(list)
    cut: Callable[[str], Cut] = lambda _: None
    at_cut: Callable[[], object] = lambda: None
    """What happens besides, just before the client could notice that it is cut off."""
    is_down: bool = False
    counts_copies: bool = False
    """Whether what a COPY sends, and its end, are among the statements too."""
    _open: list[socket.socket] = attrs.Factory(list)

    @property
    def port(self) -> int:
        port: int = self.listener.getsockname()[1]
        return port

    def url(self, database: str = "ingest") -> str:
        return f"postgresql+psycopg://{self.server.user}@127.0.0.1:{self.port}/{database}"

    def cut_all(self) -> None:
        """Cut every connection there is."""
        for each in list(self._open):
            _close(each)

    def serve(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # an answer shall not wait for the one before
        upstream = self._connect()
        self._open += [client, upstream]
        is_cut = threading.Event()
        try:
            if not self.is_down and _startup(client, upstream):
                threading.Thread(target=self._answers, args=(upstream, client, is_cut), daemon=True).start()
                self._questions(client, upstream, is_cut)
        except OSError:
            pass  # one side has gone
        finally:
            _close(client)
            _close(upstream)

    def _connect(self) -> socket.socket:
        if not self.server.host.startswith("/"):
            return socket.create_connection((self.server.host, self.server.port))
        upstream = socket.socket(socket.AF_UNIX)
        upstream.connect(f"{self.server.host}/.s.PGSQL.{self.server.port}")
        return upstream

    def _questions(self, client: socket.socket, upstream: socket.socket, is_cut: threading.Event) -> None:
        parsed = ""
        while True:
            kind = _receive(client, 1)
            length = _receive(client, 4)
            content = _receive(client, struct.unpack("!I", length)[0] - 4)
            if kind == b"P":
                parsed = content.split(b"\0")[1].decode()
            how = None
            if kind in {b"Q", b"E"}:
                how = self._sent(parsed if kind == b"E" else content.rstrip(b"\0").decode())
            elif kind in COPIES and self.counts_copies:
                how = self._sent(COPIES[kind])
            if how == "before":
                self.at_cut()
                return
            if how == "after":
                is_cut.set()
            upstream.sendall(kind + length + content)
            if how == "after" and kind == b"d":  # which has no answer
                self.at_cut()
                return

    def _sent(self, statement: str) -> Cut:
        self.statements.append(statement)
        return self.cut(statement)

    def _answers(self, upstream: socket.socket, client: socket.socket, is_cut: threading.Event) -> None:
        """Pass answers on; the first one after the cut ends the connection."""
        with suppress(OSError):
            while data := upstream.recv(65536):
                if is_cut.is_set():
                    self.at_cut()
                    break
                client.sendall(data)
        _close(client)
        _close(upstream)


def _startup(client: socket.socket, upstream: socket.socket) -> bool:
    """Pass the first message on; requests for encryption are declined. Says whether there was one."""
    while True:
        length = _receive(client, 4)
        content = _receive(client, struct.unpack("!I", length)[0] - 4)
        if struct.unpack("!I", content[:4])[0] not in ENCRYPTION:
            upstream.sendall(length + content)
            return True
        client.sendall(b"N")


def _receive(source: socket.socket, size: int) -> bytes:
    parts = b""
    while len(parts) < size:
        part = source.recv(min(size - len(parts), 65536))
        if not part:
            raise ConnectionError
        parts += part
    return parts


def _close(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()


@contextmanager
def postgres_proxy(server: Server) -> Iterator[Proxy]:
    """Run a proxy."""
    proxy = Proxy(server, socket.create_server(("127.0.0.1", 0)))
    thread = threading.Thread(target=proxy.serve, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        _close(proxy.listener)
        proxy.cut_all()
        thread.join()
