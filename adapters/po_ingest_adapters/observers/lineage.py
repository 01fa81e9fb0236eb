"""OpenLineage events, by which data platforms see the job: START, then COMPLETE or FAIL with row counts.

The model is that of https://openlineage.io/docs/spec/object-model; the run's id is made of its run_identifier.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

import attrs

from po_ingest import __version__
from po_ingest.errors import ConfigError
from po_ingest.model import RunEnd, RunReport, RunStart
from po_ingest.settings import LineageSettings, Settings

if TYPE_CHECKING:
    from openlineage.client.event_v2 import OutputDataset, RunEvent
    from openlineage.client.facet_v2 import RunFacet

PRODUCER: Final = f"pkg:generic/po-ingest@{quote(__version__)}"
"""A package URL: the specification wants a URI, and po-ingest has no site of its own."""
TIMEOUT: Final = 4.0
"""Seconds that an event may take; a process that was told to end has five in all."""


@attrs.frozen(slots=True)
class Lineage:
    """A service that takes OpenLineage events."""

    settings: LineageSettings

    def started(self, start: RunStart) -> None:
        """Send START. Raises what the client raises."""
        self._emit("START", start.erp, start.run_identifier, start.started_at)

    def ended(self, end: RunEnd) -> None:
        """Send COMPLETE with what was written, or FAIL with the message; a run that could not begin has no START."""
        report = end.report
        if report is None or report.run_id is None:
            return
        if end.is_applied:
            outputs = [self._written(report, table, rows) for table, rows in _rows(report).items()]
            self._emit("COMPLETE", end.erp, report.run_identifier, end.ended_at, outputs=outputs)
            return
        from openlineage.client.facet_v2 import error_message_run  # noqa: PLC0415 - an extra

        facet = error_message_run.ErrorMessageRunFacet(message=end.message, programmingLanguage="Python")
        self._emit("FAIL", end.erp, report.run_identifier, end.ended_at, facets={"errorMessage": facet})

    def _written(self, report: RunReport, table: str, rows: int) -> OutputDataset:
        from openlineage.client.event_v2 import OutputDataset  # noqa: PLC0415 - as above
        from openlineage.client.facet_v2 import output_statistics_output_dataset as statistics  # noqa: PLC0415 - as above

        facet = statistics.OutputStatisticsOutputDatasetFacet(rowCount=rows)
        name = f"{report.erp}.{table}"
        return OutputDataset(self.settings.namespace, name, outputFacets={"outputStatistics": facet})

    def _emit(
        self,
        state: str,
        erp: str,
        identifier: str,
        at: datetime,
        *,
        outputs: list[OutputDataset] | None = None,
        facets: Mapping[str, RunFacet] | None = None,
    ) -> None:
        from openlineage.client import OpenLineageClient, event_v2  # noqa: PLC0415 - as above

        namespace = self.settings.namespace
        event: RunEvent = event_v2.RunEvent(
            eventType=event_v2.RunState[state],
            eventTime=at.isoformat(),
            run=event_v2.Run(str(uuid5(NAMESPACE_URL, identifier)), facets=dict(facets or {})),
            job=event_v2.Job(namespace, f"po-ingest.{erp}"),
            producer=PRODUCER,
            inputs=[event_v2.InputDataset(namespace, f"{erp}.erp_order_lines")],
            outputs=outputs or [],
        )
        client = OpenLineageClient(config={"transport": self._transport()})
        try:
            client.emit(event)
        finally:
            client.close(TIMEOUT)

    def _transport(self) -> dict[str, object]:
        transport: dict[str, object] = {
            "type": "http",
            "url": self.settings.url,
            "timeout": TIMEOUT,
            "retry": {"total": 0},
        }
        if self.settings.api_key is not None:
            transport["auth"] = {"type": "api_key", "apiKey": self.settings.api_key}
        return transport


def _rows(report: RunReport) -> dict[str, int]:
    """Return for each table of the store how many rows the run added or changed in it."""
    events = report.change_events_detected + report.absent_po_lines + report.reappeared_po_lines
    created = report.new_lines_created
    return {
        "po_line": created + report.lines_changed,
        "erp_change_event": events if report.baseline else events + created,
        "batch": report.batches_reconstructed,
    }


def create(settings: Settings) -> Lineage | None:
    """Return the observer for `[lineage] url`. Raises ConfigError where the client is not installed."""
    if settings.lineage is None:
        return None
    if find_spec("openlineage") is None:
        raise ConfigError(
            "lineage.url needs the package openlineage-python",
            hint="install it where po-ingest is: pip install openlineage-python",
        )
    return Lineage(settings.lineage)
