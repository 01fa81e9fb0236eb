"""Pings a dead man's switch, which tells of a night that never ran: URL/start, then URL, or URL/fail.

The paths are those of healthchecks.io; https://healthchecks.io/docs/http_api/.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

import attrs

from po_ingest.model import RunEnd, RunStart
from po_ingest.settings import Settings

if TYPE_CHECKING:
    from urllib.request import Request

TIMEOUT: Final = 4.0
"""Seconds that a ping may take; a process that was told to end has five in all."""
BUSY: Final = 500
"""From this HTTP status on, the same may work a moment later."""


@attrs.frozen(slots=True)
class Heartbeat:
    """A service that expects a ping a night."""

    url: str = attrs.field(repr=False)

    def started(self, start: RunStart) -> None:  # noqa: ARG002 - whoever it is, the night has begun
        """Ping that a run has begun."""
        self._ping("/start")

    def ended(self, end: RunEnd) -> None:
        """Ping success for a run that was applied, else failure."""
        self._ping("" if end.is_applied else "/fail")

    def _ping(self, suffix: str) -> None:
        """Ask for the URL; raises OSError."""
        from urllib.error import HTTPError, URLError  # noqa: PLC0415 - it takes its time, and most nights ping nobody
        from urllib.request import Request  # noqa: PLC0415 - as above

        request = Request(_with_path(self.url, suffix), headers={"User-Agent": "po-ingest"})  # noqa: S310 - http(s) only, by the config's check
        try:
            _open(request)
        except HTTPError as error:
            if error.code < BUSY:
                raise
            _open(request)
        except URLError as error:
            if not isinstance(error.reason, ConnectionError):  # a time-out has cost enough
                raise
            _open(request)


def _open(request: Request) -> None:
    from urllib.request import urlopen  # noqa: PLC0415 - as above

    with urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310 - as above
        answer.read(1)


def _with_path(url: str, suffix: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + suffix)) if suffix else url


def create(settings: Settings) -> Heartbeat | None:
    """Return the observer for `[heartbeat] url`."""
    return None if settings.heartbeat_url is None else Heartbeat(settings.heartbeat_url)
