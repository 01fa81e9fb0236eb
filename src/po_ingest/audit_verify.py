"""Proving that the audit trail is complete and unaltered (R14): pure, the command only shows the result."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final

import attrs

from po_ingest.audit_chain import (
    COLUMNS,
    GENESIS,
    UNKNOWN_IN_SPOOL,
    Columns,
    canonical,
    chain_hash,
    event_columns,
    event_line,
    parse_line,
)
from po_ingest.model import ChainedEvent, Run

FAULTS_KEPT: Final = 100
"""How many faults are told one by one: a fault early in a trail may bring thousands after it."""

OUTCOMES: Final = {
    "completed": "ingestion_completed",
    "partial": "ingestion_completed",
    "failed": "ingestion_failed",
    "abandoned": "ingestion_failed",
}
"""The status of a finished run -> the type of the event that tells its outcome."""

_OUTCOME_TYPES: Final = frozenset(OUTCOMES.values())


@attrs.frozen(slots=True)
class Fault:
    """Something that is not as it should be: where (an event, a run, a line of the file), and what."""

    where: str
    what: str


@attrs.frozen(slots=True)
class Verification:
    """What `verify` found; the first fault concerns the earliest event of the store's trail that has one."""

    faults: tuple[Fault, ...]
    fault_count: int
    warnings: tuple[str, ...]
    events: int
    runs: int
    lines: int


class _Faults:
    def __init__(self) -> None:
        self.count = 0
        self.kept: list[Fault] = []

    def add(self, where: str, what: str) -> None:
        self.count += 1
        if len(self.kept) < FAULTS_KEPT:
            self.kept.append(Fault(where, what))


def verify(
    events: Iterable[ChainedEvent],
    runs: Iterable[Run],
    file_lines: Iterable[str] | None,
    *,
    waiting: Collection[str] = (),
) -> Verification:
    """Check the chain, that every finished run has its outcome, and the audit file line by line.

    `events` are the store's whole trail in its order; `file_lines` the file's lines with their line ends, undecodable
    bytes replaced (None: there is no file); `waiting` the `event_id` of the events in the spool. Each of the iterables
    is read once, so a trail of any length will do.
    """
    faults = _Faults()
    chain = _Chain(faults)
    outcomes: dict[int, list[tuple[str, str | None, object]]] = {}
    file = None if file_lines is None else _File(file_lines, faults)
    for event in events:
        chain.check(event)
        if file is not None:
            file.expect(event)
        if event.event.run_id is not None and event.event.event_type in _OUTCOME_TYPES:
            status = (event.event.new_values or {}).get("status")
            outcomes.setdefault(event.event.run_id, []).append((event.event.event_type, event.event.reason, status))
    checked = _check_outcomes(runs, outcomes, faults)
    warnings = ["there is no audit file to compare with; the next run writes it anew"] if file is None else []
    if file is not None:
        warnings += file.finish(waiting)
    return Verification(
        faults=tuple(faults.kept),
        fault_count=faults.count,
        warnings=tuple(warnings),
        events=chain.count,
        runs=checked,
        lines=0 if file is None else file.lines,
    )


def fault_of_tail(events: Iterable[ChainedEvent]) -> Fault | None:
    """Return the first fault in the chain of a trail's last events; what was before the first of them is believed."""
    faults, chain = _Faults(), None
    for event in events:
        chain = chain or _Chain(faults, after=(event.id - 1, event.previous_hash))
        chain.check(event)
    return faults.kept[0] if faults.kept else None


class _Chain:
    """Follows the hashes from an event on."""

    def __init__(self, faults: _Faults, after: tuple[int, str] = (0, GENESIS)) -> None:
        self._faults = faults
        self._id, self._hash = after
        self.count = 0

    def check(self, event: ChainedEvent) -> None:
        where = _name(event)
        if event.id <= self._id:
            self._faults.add(where, f"its id does not come after {self._id}, that of its predecessor")
        if event.previous_hash != self._hash:
            before = f"event {self._id}" if self._id else "the beginning of the trail"
            self._faults.add(where, f"it does not follow on {before}: an event was altered, removed or added there")
        if not _is_intact(event):
            self._faults.add(where, "its content is not what its hash was made of: it was altered")
        self._id, self._hash = event.id, event.hash  # go on from what is there: one fault, not one per later event
        self.count += 1


def _is_intact(event: ChainedEvent) -> bool:
    try:
        return chain_hash(event.previous_hash, event.event) == event.hash
    except (TypeError, ValueError):  # a hash that is no ASCII text, a value that JSON lacks
        return False


def _check_outcomes(
    runs: Iterable[Run], outcomes: dict[int, list[tuple[str, str | None, object]]], faults: _Faults
) -> int:
    count = 0
    for run in sorted(runs, key=lambda each: each.id):
        needed = OUTCOMES.get(run.status)
        if needed is None:
            continue
        count += 1
        reason = " with the reason abandoned" if run.status == "abandoned" else ""
        if not any(_tells(run, *outcome) for outcome in outcomes.get(run.id, ())):
            faults.add(f"run {run.id}", f"it is {run.status}, but no event {needed}{reason} of it says so")
    return count


def _tells(run: Run, event_type: str, reason: str | None, status: object) -> bool:
    if event_type != OUTCOMES[run.status] or status not in (None, run.status):
        return False
    return run.status != "abandoned" or reason == "abandoned"


class _File:
    """Goes through the audit file in step with the store's trail.

    Lines of spooled events stand before their turn, so they are kept until it comes.
    """

    def __init__(self, lines: Iterable[str], faults: _Faults) -> None:
        self._faults = faults
        self._read = self._parsed(lines)
        self._next: tuple[int, Columns, str] | None = None
        self._early: dict[str, tuple[int, Columns]] = {}
        self._early_seen: set[str] = set()
        self._torn: int | None = None
        self._behind = 0  # events after the file's last one, of runs that have ended
        self._begun: list[ChainedEvent] = []  # missing at the file's end; of a run that has not ended, perhaps
        self.lines = 0
        self._advance()

    def expect(self, event: ChainedEvent) -> None:
        """Find the line of an event, and compare."""
        early = self._early.pop(event.event.event_id, None)
        if early is not None:
            self._compare(event, *early)
            return
        while self._next is not None:
            number, columns, text = self._next
            row_id = columns["id"]
            if columns["event_id"] == event.event.event_id or row_id == event.id:
                self._advance()
                if text != event_line(event):
                    self._compare(event, number, columns)
                return
            if isinstance(row_id, int) and row_id > event.id:
                break
            self._pass_over(number, columns)
            self._advance()
        if self._next is None and _is_of_a_beginning(event):
            self._begun.append(event)
            return
        missing = (*self._begun, event)
        for each in missing:
            self._faults.add(_name(each), "it is missing from the audit file")
        if self._next is None:
            self._behind += len(missing)
        self._begun.clear()

    def finish(self, waiting: Collection[str]) -> list[str]:
        """Look at what the store had no event for; return warnings."""
        while self._next is not None:
            number, columns, _ = self._next
            self._pass_over(number, columns)
            self._advance()
        early = [(number, event_id) for event_id, (number, _) in self._early.items()]
        for number, event_id in sorted(early):
            if event_id not in waiting:
                self._faults.add(_line(number), f"event {event_id} is neither in the store nor in the spool")
        warnings = []
        if any(event_id in waiting for _, event_id in early):
            warnings.append("the audit file has events that wait for the store; the next run delivers them")
        if self._begun:
            warnings.append(
                f"events that the audit file has not yet: {len(self._begun)}, recorded by a run when it began; it gets "
                "them when the run ends, or if it was killed with the next one"
            )
        if self._behind:
            warnings.append(
                f"the audit file lacks the last {self._behind} of the trail; if a run told that it could not write "
                "the file (exit 3), the next one completes it: verify again then"
            )
        if self._torn is not None:
            warnings.append(f"line {self._torn} of the audit file is not complete; the next run replaces it")
        return warnings

    def _pass_over(self, number: int, columns: Columns) -> None:
        event_id = str(columns["event_id"])
        if columns["id"] is not None:
            self._faults.add(
                _line(number), f"event {columns['id']} ({event_id}) is not in the store, comes twice, or out of order"
            )
        elif event_id in self._early_seen:
            self._faults.add(_line(number), f"event {event_id} comes twice")
        else:
            self._early_seen.add(event_id)
            self._early[event_id] = (number, columns)

    def _compare(self, event: ChainedEvent, number: int, columns: Columns) -> None:
        unknown = UNKNOWN_IN_SPOOL if event.in_file and columns["id"] is None else frozenset()
        stored = event_columns(event)
        differing = [
            name
            for name in COLUMNS
            if not (name in unknown and columns[name] is None) and canonical(columns[name]) != canonical(stored[name])
        ]
        if differing:
            self._faults.add(_name(event), f"{_line(number)} differs from the store in {', '.join(differing)}")

    def _advance(self) -> None:
        self._next = next(self._read, None)

    def _parsed(self, lines: Iterable[str]) -> Iterator[tuple[int, Columns, str]]:
        for number, line in enumerate(lines, 1):
            self.lines = number
            text = line.rstrip("\r\n")
            try:
                columns = parse_line(text)
            except ValueError as error:
                if text == line:  # no line end: a crash tore it, and nothing can stand after it
                    self._torn = number
                else:
                    self._faults.add(_line(number), f"it is no audit event: {error}")
                continue
            yield number, columns, text


def _is_of_a_beginning(event: ChainedEvent) -> bool:
    """Say whether a run records such an event when it begins; the file gets it when the run ends."""
    told = event.event
    return told.event_type == "ingestion_started" or told.run_id is None or told.reason == "abandoned"


def _name(event: ChainedEvent) -> str:
    return f"event {event.id} ({event.event.event_id})"


def _line(number: int) -> str:
    return f"line {number} of the audit file"
