"""A web service on loopback that remembers what it was asked, and answers as it is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import attrs


@attrs.frozen
class Request:
    method: str
    path: str
    body: bytes
    headers: dict[str, str]


@attrs.define
class WebService:
    url: str = ""
    requests: list[Request] = attrs.Factory(list)
    statuses: list[int] = attrs.Factory(list)
    """The statuses of the coming answers; 200 when there are no more."""

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.requests]


@contextmanager
def web_service() -> Iterator[WebService]:
    service = WebService()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            service.requests.append(Request(self.command, self.path, body, dict(self.headers)))
            self.send_response(service.statuses.pop(0) if service.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = _answer  # noqa: N815 - names of the base class

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as above
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
