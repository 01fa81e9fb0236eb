"""All who watch runs, as one: what one of them raises is logged, and keeps neither the others nor the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from po_ingest.errors import Interrupted
from po_ingest.event_log import structlog
from po_ingest.model import RunEnd, RunStart
from po_ingest.ports import Observer

log = structlog.get_logger("po_ingest")


@attrs.frozen(slots=True)
class Watch:
    """Observers by name. Nothing is raised here but a signal while a run is under way."""

    observers: Mapping[str, Observer] = attrs.Factory(dict)

    def started(self, start: RunStart) -> None:
        """Tell all that a run has begun."""
        self._tell("started", lambda observer: observer.started(start))

    def ended(self, end: RunEnd) -> None:
        """Tell all how a run ended. A signal now stops the telling: the run is over, and its outcome stands."""
        try:
            self._tell("ended", lambda observer: observer.ended(end))
        except (Interrupted, KeyboardInterrupt) as error:
            log.warning("observers not told", cause=str(error) or "ended by SIGINT")

    def _tell(self, what: str, tell: Callable[[Observer], None]) -> None:
        for name, observer in self.observers.items():
            try:
                tell(observer)
            except (Interrupted, KeyboardInterrupt):
                raise
            except BaseException as error:  # noqa: BLE001 - whatever it is, the run goes on
                # without the error's text: an address may be a secret (R16), and other people's code made the text
                log.warning("observer failed", observer=name, told=what, error=type(error).__name__)
