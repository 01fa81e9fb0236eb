"""What the reading commands ask for, over the store's port: runs by name, dates, timelines, rows to show."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from itertools import islice
from typing import Final, cast

from po_ingest.audit_verify import fault_of_tail
from po_ingest.errors import ConfigError
from po_ingest.fields import BY_NAME, FIELDS, KEY_FIELDS, Values
from po_ingest.health import Seen
from po_ingest.model import APPLIED, AuditEvent, ChainedEvent, LineKey, Run
from po_ingest.ports import Row, StoreView
from po_ingest.readers import make_reader
from po_ingest.settings import ColumnSettings
from po_ingest.unreadable import Unreadable

EVENT_COLUMNS: Final = (
    "id",
    "run_id",
    "run_identifier",
    "po_line_id",
    "erp",
    "po_number",
    "line_number",
    "kind",
    "field_name",
    "previous_value",
    "new_value",
    "cause",
    "detected_at",
)
"""What the commands show of a change event."""

BATCH_COLUMNS: Final = (
    "id",
    "run_id",
    "run_identifier",
    "po_line_id",
    "erp",
    "po_number",
    "line_number",
    "sequence",
    "delivered_quantity",
    "delivery_date",
    "kind",
    "reference",
    "source",
)
"""What the commands show of a batch."""

RUN_COLUMNS: Final = (
    "id",
    "run_identifier",
    "erp",
    "mode",
    "status",
    "started_at",
    "finished_at",
    "duration_seconds",
    "report",
    "host",
    "version",
)
"""The contract's columns of `ingestion_run`."""

SNAPSHOT_COLUMNS: Final = ("erp", *(field.name for field in KEY_FIELDS), *(field.name for field in FIELDS))
"""The columns of `snapshot`, in the contract's order."""

GAP_COLUMNS: Final = ("erp_item_code", "lines", "po_number", "line_number")

LINE_HINT: Final = "write a whole number such as 10"

CANDIDATES: Final = 50_000
"""How many PO numbers are looked through for one that was meant."""

RUNS_MEANT: Final = 100
"""How many of the newest runs are looked through for one that was meant."""

_DAYS: Final = re.compile(r"(\d{1,6})d", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def typed(text: str) -> str:
    """Return what was typed as a text to ask a store for: trimmed, and bytes that are no UTF-8 as escapes."""
    return text.strip().encode("utf-8", "backslashreplace").decode("utf-8")


def pick(row: Row, columns: Sequence[str]) -> dict[str, object]:
    """Return the columns of a row, in their order."""
    return {name: row[name] for name in columns}


# -- dates


def parse_date(text: str, now: datetime) -> datetime:
    """Read a DATE of the command line (contract, section 2); `now` is aware. Raises ConfigError.

    What has no zone is in the machine's.
    """
    try:
        return _moment(text.strip().lower(), now.astimezone())
    except (ValueError, OverflowError, OSError):
        raise ConfigError(
            f"{text!r} is no date", hint="write 2026-01-31, 2026-01-31T08:00, 2026-01-31T08:00Z, yesterday, or 7d"
        ) from None


def _moment(word: str, now: datetime) -> datetime:
    if word == "yesterday":
        today = now.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        return (today - timedelta(days=1)).astimezone(UTC)
    if days := _DAYS.fullmatch(word):
        return now.astimezone(UTC) - timedelta(days=int(days[1]))
    if not _DAY.match(word):
        raise ValueError(word)
    return datetime.fromisoformat(word.upper()).astimezone(UTC)


# -- runs


def find_run(view: StoreView, erp: str, text: str, *, applied_only: bool) -> Run:
    """Return the RUN of the command line; `latest` and `previous` may count applied runs only. Raises ConfigError."""
    word = typed(text)
    if word.lower() in {"latest", "previous"}:
        place = 0 if word.lower() == "latest" else 1
        found = view.runs(erp, limit=place + 1, statuses=APPLIED if applied_only else None)
        if len(found) > place:
            return found[place]
        kind = "completed run" if applied_only else "run"
        has = f"only one {kind}" if found else f"no {kind} yet"
        raise ConfigError(f"there is no {word.lower()} run: ERP {erp!r} has {has}", hint="run `po-ingest nightly`")
    run = view.find_run(erp, word)
    if run is None:
        raise ConfigError(f"ERP {erp!r} has no run {word!r}", hint=_runs_hint(view, erp, word))
    return run


AUDIT_TAIL: Final = 1000
"""How many of the last audit events are looked at for a verdict; `audit verify` looks at all."""


def seen(view: StoreView, erp: str, is_locked: Callable[[str], bool]) -> Seen:
    """Return what a verdict on the ERP's data is made of; the lock is asked for only where a run seems under way."""
    runs = view.runs(erp, limit=2)
    fault = fault_of_tail(view.audit_events(max(view.last_audit_id() - AUDIT_TAIL, 0)))
    return Seen(
        erp=erp,
        runs=runs,
        applied=view.runs(erp, limit=2, statuses=APPLIED),
        is_locked=bool(runs) and runs[0].status == "running" and is_locked(erp),
        audit_fault=None if fault is None else f"{fault.where}: {fault.what}",
    )


def find_applied_run(view: StoreView, erp: str, text: str) -> Run:
    """Return a RUN that was applied. Raises ConfigError."""
    run = find_run(view, erp, text, applied_only=True)
    if run.status not in APPLIED:
        raise ConfigError(
            f"run {run.id} ({run.run_identifier}) is {run.status}: nothing of it was applied",
            hint="name a completed run; `po-ingest runs --status completed` lists them",
        )
    return run


def _runs_hint(view: StoreView, erp: str, word: str) -> str:
    newest = view.runs(erp, limit=RUNS_MEANT)
    if not newest:
        return "there is none yet; run `po-ingest nightly`"
    names = ["latest", "previous", *(run.run_identifier for run in newest)]
    if near := get_close_matches(word, names, n=2, cutoff=0.75):
        return f"did you mean {' or '.join(near)}? `po-ingest runs` lists them"
    return f"the newest is {newest[0].id} ({newest[0].run_identifier}); `po-ingest runs` lists them"


def run_row(run: Run) -> dict[str, object]:
    """Return a run as its contract's columns."""
    return {name: getattr(run, name) for name in RUN_COLUMNS}


def run_report(run: Run) -> dict[str, object]:
    """Return a run's report; of a run that has none yet, what its row knows, and none for the rest."""
    if run.report is not None:
        return dict(run.report)
    from po_ingest.model import RunReport  # noqa: PLC0415 - rarely needed
    from po_ingest.stages.report import report_dict  # noqa: PLC0415 - rarely needed

    known = RunReport(
        run_id=run.id,
        run_identifier=run.run_identifier,
        erp=run.erp,
        mode=run.mode,
        baseline=run.mode == "baseline",
        dry_run=False,
        status=run.status,
        started_at=run.started_at,
        finished_at=run.finished_at,
        duration_seconds=run.duration_seconds,
    )
    of_row = set(list(report_dict(known))[:10])
    return {name: value if name in of_row else None for name, value in report_dict(known).items()}


def remarks_on(view: StoreView, report: Mapping[str, object]) -> dict[str, str]:
    """Return what is unusual about a run's report, compared with the last runs that were applied before it."""
    from po_ingest.unusual import WINDOW, unusual  # noqa: PLC0415 - for terminals and the page only

    if report.get("status") not in APPLIED:
        return {}
    run_id = cast("int | None", report.get("run_id"))
    before = view.runs(str(report["erp"]), limit=WINDOW, statuses=APPLIED, before_id=run_id)
    return unusual(report, [run.report for run in before if run.report])


# -- fields


def check_field(name: str) -> str:
    """Return the name of a field that changes can be of. Raises ConfigError."""
    names = [field.name for field in FIELDS]
    if name in names:
        return name
    near = get_close_matches(name.lower(), names, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names)}"
    raise ConfigError(f"there is no field {name!r}", hint=hint)


# -- lines


def parse_line_number(text: str) -> int:
    """Read a LINE of the command line as a line number of the ERP is read: `00010` and `10.0` are 10.

    Raises ConfigError.
    """
    try:
        number = make_reader(BY_NAME["line_number"], ColumnSettings(column="LINE"), UTC)(typed(text))
    except Unreadable as error:
        raise ConfigError(f"{text!r} is no line number: it {error}", hint=LINE_HINT) from None
    if not isinstance(number, int):
        raise ConfigError(f"{text!r} is no line number", hint=LINE_HINT)
    return number


def find_lines(view: StoreView, erp: str, po_number: str, line_number: int | None) -> list[Row]:
    """Return the rows of a PO, or of one of its lines. Raises ConfigError with what may have been meant."""
    number = typed(po_number)
    lines = view.lines(erp, number)
    if not lines:
        raise ConfigError(f"ERP {erp!r} has no PO {number!r}", hint=_po_hint(view, erp, number))
    if line_number is None:
        return lines
    chosen = [line for line in lines if line["line_number"] == line_number]
    if not chosen:
        numbers = [str(line["line_number"]) for line in lines]
        shown = ", ".join(numbers[:20]) + (", ..." if len(numbers) > 20 else "")  # noqa: PLR2004 - fills a line
        raise ConfigError(f"PO {number!r} has no line {line_number}", hint=f"its lines are {shown}")
    return chosen


def _po_hint(view: StoreView, erp: str, number: str) -> str:
    known = sorted(view.po_numbers(erp))
    if not known:
        return "the store has no lines yet; run `po-ingest nightly`"
    near = near_numbers(number, known)
    return f"did you mean {' or '.join(near)}?" if near else "numbers are exact: capitals and leading zeros matter"


def near_numbers(number: str, known: Iterable[str]) -> list[str]:
    """Return up to three PO numbers like the one given: but for capitals and leading zeros, else the closest."""
    known = list(known)
    wanted = _loose(number)
    same = [each for each in known if _loose(each) == wanted]
    if same:
        return same[:3]
    alike = (each for each in known if abs(len(each) - len(number)) <= 2)  # noqa: PLR2004 - two slips
    return get_close_matches(number, list(islice(alike, CANDIDATES)), n=3, cutoff=0.75)


def _loose(number: str) -> str:
    return number.casefold().lstrip("0")


# -- the item cross-reference


def known_by_now(view: StoreView, gaps: Iterable[Row]) -> int:
    """Count the gaps whose codes the store's cross-reference has got since they were found."""
    active = {row.erp_item_code for row in view.item_xref() if row.is_active}
    return sum(gap["erp_item_code"] in active for gap in gaps)


# -- snapshots


def snapshot_rows(erp: str, lines: Iterable[tuple[LineKey, Values]]) -> Iterator[tuple[object, ...]]:
    """Yield the lines of a snapshot as rows of `SNAPSHOT_COLUMNS`."""
    for key, values in lines:
        yield (erp, *key, *values)


# -- the audit trail


def audit_events(
    view: StoreView,
    erp: str,
    *,
    run: Run | None = None,
    event_type: str | None = None,
    since: datetime | None = None,
) -> Iterator[ChainedEvent]:
    """Yield the ERP's audit events in the trail's order; `since` compares with the run's start."""
    starts = {each.id: each.started_at for each in view.runs(erp)}
    for chained in view.audit_events():
        event = chained.event
        if (
            _is_of(event, erp, starts)
            and (run is None or event.run_id == run.id)
            and (event_type is None or event.event_type == event_type)
            and (since is None or starts.get(event.run_id or 0, event.timestamp) >= since)
        ):
            yield chained


def _is_of(event: AuditEvent, erp: str, runs: Container[int]) -> bool:
    """Say whether an event is the ERP's; one that waited in the spool has no run, but tells its ERP."""
    if event.run_id is None:
        return (event.new_values or {}).get("erp", erp) == erp
    return event.run_id in runs
