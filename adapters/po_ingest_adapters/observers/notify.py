"""Notifications of a run's outcome, through Apprise: e-mail, Teams, Slack and a hundred more."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

import attrs

from po_ingest.errors import ConfigError
from po_ingest.model import RunEnd, RunStart
from po_ingest.settings import Settings
from po_ingest.stages.report import report_dict
from po_ingest.stories import of_report

TITLES: Final = {
    "completed": "completed",
    "partial": "applied with a reservation",
    "failed": "FAILED",
    "guard": "REFUSED by a guard",
}
FIGURES: Final = (
    "po_lines_processed",
    "new_lines_created",
    "lines_changed",
    "change_events_detected",
    "absent_po_lines",
    "reappeared_po_lines",
    "batches_reconstructed",
    "rows_rejected",
    "xref_gaps_found",
    "retries",
)
CODES_TOLD: Final = 20


class NotTakenError(Exception):
    """At least one of the services did not take the notification; Apprise does not say why."""


@attrs.frozen(slots=True)
class Notifier:
    """Tells people of the outcomes that they want to hear of."""

    urls: tuple[str, ...] = attrs.field(repr=False)
    on: frozenset[str]

    def started(self, start: RunStart) -> None:
        """Wait for the end."""

    def ended(self, end: RunEnd) -> None:
        """Send the notification, if anybody wants it. Raises NotTakenError."""
        if not self.on & outcomes(end):
            return
        from apprise import Apprise, NotifyType  # noqa: PLC0415 - an extra, and a large one

        kinds = {"completed": NotifyType.SUCCESS, "partial": NotifyType.WARNING}
        services = Apprise()
        accepted = [services.add(url) for url in self.urls]
        kind = kinds.get(end.outcome, NotifyType.FAILURE)
        sent = services.notify(body=body(end), title=title(end), notify_type=kind)
        if not (sent and all(accepted)):
            raise NotTakenError


def outcomes(end: RunEnd) -> frozenset[str]:
    """Return the names by which somebody may have asked for this outcome: a guard's refusal is a failure too."""
    names: set[str] = {end.outcome, "failed"} if end.outcome == "guard" else {end.outcome}
    if end.is_applied and end.report is not None and end.report.xref_gaps_found:
        names.add("gaps")
    return frozenset(names)


def title(end: RunEnd) -> str:
    """Return the notification's title."""
    return f"po-ingest {end.erp}: {TITLES[end.outcome]}"


def body(end: RunEnd) -> str:
    """Return the story with the process's message, told once, and the numbers of a run that was applied."""
    if end.report is None:
        return end.message
    if not end.is_applied:
        lines = [of_report(report_dict(end.report), end.message)]
    else:
        lines = [of_report(report_dict(end.report)), *(["", end.message] if end.message else [])]
        lines += ["", *(f"{name}: {getattr(end.report, name)}" for name in FIGURES)]
        codes = end.report.unmapped_item_codes
        if codes:
            more = f" and {len(codes) - CODES_TOLD} more" if len(codes) > CODES_TOLD else ""
            lines.append(f"unmapped_item_codes: {', '.join(codes[:CODES_TOLD])}{more}")
    return "\n".join([*lines, "", f"run: {end.report.run_identifier}", f"exit code: {end.exit_code}"])


def create(settings: Settings) -> Notifier | None:
    """Return the observer for `[notify] urls`. Raises ConfigError where Apprise is not installed."""
    if not settings.notify.urls:
        return None
    if find_spec("apprise") is None:
        raise ConfigError(
            "notify.urls needs the package apprise", hint="install it where po-ingest is: pip install apprise"
        )
    return Notifier(settings.notify.urls, frozenset(settings.notify.on))
