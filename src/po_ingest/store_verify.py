"""Recomputing R3, R4 and R10 from what the store holds: pure, line by line; the command only shows the result."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final, TypeAlias

import attrs

from po_ingest.audit_verify import verify as verify_audit
from po_ingest.fields import FIELDS, INDEX, Values, to_text
from po_ingest.model import (
    APPLIED,
    IGNORED_FIELDS,
    ChainedEvent,
    LineHistory,
    LineKey,
    PastBatch,
    PastEvent,
    Presence,
    Run,
)

BREACHES_KEPT: Final = 100
"""How many breaches are told one by one."""
DELIVERED: Final = INDEX["delivered_quantity"]
ZERO: Final = Decimal("0.000")
NOT_APPLIED: Final = "a run of this ERP that was applied"
COUNTED: Final = {
    "new_lines_created": "lines that were created",
    "lines_changed": "lines with a change event",
    "change_events_detected": "change events",
    "absent_po_lines": "lines that became absent",
    "closed_po_lines": "lines that were closed",
    "reappeared_po_lines": "lines that reappeared",
    "batches_reconstructed": "batches",
}
"""Count of a run's report -> what is counted again in the tables."""
OF_A_BASELINE: Final = ("new_lines_created", "batches_reconstructed")
"""What is left in the tables of a run that tells no events."""


class _Unknown:
    """Stands for a value that no event tells: the field was ignored, or its state taken over without events."""


UNKNOWN: Final = _Unknown()
Known: TypeAlias = list[str | _Unknown | None]
"""A line's fields in text form, as far as the events tell them, in the order of FIELDS."""


@attrs.frozen(slots=True, kw_only=True)
class Breach:
    """Something that breaks a rule: of which line (None: of a run, or of the audit trail), and where in its story."""

    rule: str
    message: str
    key: LineKey | None = None
    field: str | None = None
    run_id: int | None = None
    expected: str | None = None
    found: str | None = None

    def __str__(self) -> str:
        """Tell it on one line."""
        where = [] if self.key is None else [f"PO {self.key[0]} line {self.key[1]}"]
        where += [] if self.run_id is None else [f"run {self.run_id}"]
        where += [] if self.field is None else [self.field]
        values = [f"{name} {value}" for name, value in (("expected", self.expected), ("found", self.found)) if value]
        return f"{self.rule}: " + ": ".join(filter(None, (", ".join(where), self.message, ", ".join(values))))


@attrs.frozen(slots=True, kw_only=True)
class StoreVerification:
    """What `verify` found: how much it looked at, and the first breach of each line that has one, by line id."""

    breaches: tuple[Breach, ...]
    breach_count: int
    runs: int
    lines: int
    states: int
    change_events: int
    batches: int
    audit_events: int


def verify(
    runs: Iterable[Run],
    histories: Iterable[LineHistory],
    events: Iterable[ChainedEvent],
    *,
    ignored: Collection[str] = (),
) -> StoreVerification:
    """Recompute the rules from an ERP's runs and lines, and check the chain of the audit trail.

    `ignored` are the ignored fields of runs that do not say theirs. Lines and events are read once, and not held.
    """
    book = _Book(runs, ignored)
    kept: list[Breach] = []
    count = lines = states = change_events = batches = 0
    for history in histories:
        lines += 1
        states += len(history.states)
        change_events += len(history.events)
        batches += len(history.batches)
        book.count(history)
        first = next(_line_breaches(history, book), None)
        if first is not None:
            count += 1
            kept += [attrs.evolve(first, key=history.key)] if len(kept) < BREACHES_KEPT else []
    audit = verify_audit(events, book.runs, None)
    others = [
        *book.breaches(),
        *(Breach(rule="R14", message=f"audit trail, {fault.where}: {fault.what}") for fault in audit.faults),
    ]
    return StoreVerification(
        breaches=tuple([*kept, *others][:BREACHES_KEPT]),
        breach_count=count + len(others) + audit.fault_count - len(audit.faults),
        runs=len(book.applied),
        lines=lines,
        states=states,
        change_events=change_events,
        batches=batches,
        audit_events=audit.events,
    )


class _Book:
    """The runs of the ERP that were applied, and what the lines say of each."""

    def __init__(self, runs: Iterable[Run], ignored: Collection[str]) -> None:
        self.runs = sorted(runs, key=lambda run: run.id)
        self.applied = [run for run in self.runs if run.status in APPLIED]
        self.place = {run.id: place for place, run in enumerate(self.applied)}
        self.baselines = [place for place in self.place.values() if self.is_baseline(place)]
        self._ignored: dict[int, list[int]] = {}  # place in FIELDS -> places of runs
        for place, run in enumerate(self.applied):
            told = (run.field_configuration or {}).get(IGNORED_FIELDS)
            for name in ignored if told is None else told.split():
                if name in INDEX:
                    self._ignored.setdefault(INDEX[name], []).append(place)
        self._found: dict[int, Counter[str]] = {run.id: Counter() for run in self.applied}

    def forget(self, known: Known, before: int, place: int) -> None:
        """Mark the fields as unknown that were ignored after run `before` up to run `place` (places)."""
        for field, places in self._ignored.items():
            if bisect_right(places, before) < bisect_right(places, place):
                known[field] = UNKNOWN

    def is_baseline(self, place: int) -> bool:
        return self.applied[place].mode == "baseline"

    def count(self, history: LineHistory) -> None:
        """Count what a line says of each run."""
        first = self._found.get(history.first_seen_run_id or 0)
        if first is not None:
            first["new_lines_created"] += 1
        changed = set()
        for event in history.events:
            counts = self._found.get(event.run_id)
            if counts is None:
                continue
            if event.kind == "changed":
                counts["change_events_detected"] += 1
                changed.add(event.run_id)
            elif event.kind == "absent":
                counts["absent_po_lines"] += 1
                counts["closed_po_lines"] += event.new == "closed"
            elif event.kind == "reappeared":
                counts["reappeared_po_lines"] += 1
        for run_id in changed:
            self._found[run_id]["lines_changed"] += 1
        for batch in history.batches:
            if batch.run_id in self._found:
                self._found[batch.run_id]["batches_reconstructed"] += 1

    def breaches(self) -> Iterator[Breach]:
        """Yield the counts of the runs' reports that the tables do not have any more: a whole line may be gone."""
        for run in self.applied:
            report: Mapping[str, object] = run.report or {}
            for name in OF_A_BASELINE if run.mode == "baseline" else COUNTED:
                told, found = report.get(name), self._found[run.id][name]
                if told is not None and told != found:
                    yield Breach(
                        rule="R10" if name == "batches_reconstructed" else "R3",
                        message=f"the tables do not have the {COUNTED[name]} that its report counts",
                        run_id=run.id,
                        expected=str(told),
                        found=str(found),
                    )


def _line_breaches(history: LineHistory, book: _Book) -> Iterator[Breach]:
    """Yield what breaks a rule in a line's story, in the order of the runs."""
    if history.state.presence is Presence.NEVER:
        if history.states or history.events or history.batches:
            yield Breach(rule="R4", message="no ERP ever gave the line, yet it has a history")
        return
    faults = [*_of_unapplied_runs(history, book), *_of_ranges(history), *_of_sequences(history.batches)]
    yield from faults
    if not faults:
        yield from _Story(history, book).breaches()


def _of_unapplied_runs(history: LineHistory, book: _Book) -> Iterator[Breach]:
    """Yield states, events and batches of runs that were not applied: such runs leave nothing (R2)."""
    runs = [
        *(("R4", "a state begins with", state.valid_from) for state in history.states),
        *(("R4", "a state ends with", state.valid_to) for state in history.states if state.valid_to is not None),
        *(("R3", f"an event {event.kind} is of", event.run_id) for event in history.events),
        *(("R10", f"batch {batch.sequence} is of", batch.run_id) for batch in history.batches),
    ]
    for rule, what, run_id in runs:
        if run_id not in book.place:
            yield Breach(
                rule=rule, message=f"{what} another run", run_id=run_id, expected=NOT_APPLIED, found=str(run_id)
            )


def _of_ranges(history: LineHistory) -> Iterator[Breach]:
    """Yield states that overlap, or end before they begin; and where the first one is not the line's first run."""
    if not history.states:
        yield Breach(rule="R4", message="the line has no state in erp_snapshot")
        return
    first = history.states[0].valid_from
    if first != history.first_seen_run_id:
        yield Breach(
            rule="R4",
            message="the first state does not begin with the line's first_seen_run_id",
            run_id=first,
            expected=str(history.first_seen_run_id),
            found=str(first),
        )
    until: float = 0
    for state in history.states:
        if state.valid_from <= until:
            yield Breach(rule="R4", message="a state begins before the one before it ends", run_id=state.valid_from)
        until = float("inf") if state.valid_to is None else state.valid_to
        if until < state.valid_from:
            yield Breach(rule="R4", message="a state ends before it begins", run_id=state.valid_from)


def _of_sequences(batches: Sequence[PastBatch]) -> Iterator[Breach]:
    run_id = 0
    for expected, batch in enumerate(batches, 1):
        if batch.sequence != expected:
            yield Breach(
                rule="R10",
                message="the sequence of the batches has a hole",
                field="sequence",
                run_id=batch.run_id,
                expected=str(expected),
                found=str(batch.sequence),
            )
            return
        if batch.run_id < run_id:
            message = f"batch {expected} is of an earlier run than the one before it"
            yield Breach(rule="R10", message=message, run_id=batch.run_id)
        run_id = batch.run_id


class _Story:
    """Goes through a line's runs in order, with what the events tell of it so far."""

    def __init__(self, history: LineHistory, book: _Book) -> None:
        place = book.place
        self._history, self._book = history, book
        self._begins = {place[state.valid_from]: state for state in history.states}
        self._ends = {place[state.valid_to] + 1 for state in history.states if state.valid_to is not None}
        self._events: dict[int, list[PastEvent]] = {}
        for event in history.events:
            self._events.setdefault(place[event.run_id], []).append(event)
        self._batches: dict[int, list[PastBatch]] = {}
        for batch in history.batches:
            self._batches.setdefault(place[batch.run_id], []).append(batch)
        self._known: Known = [UNKNOWN] * len(FIELDS)
        self._at = min(self._begins)  # place of the run that the story has come to
        self._is_active = False
        self._reason: str | None = None  # why it is absent; None: no event tells
        self._delivered = ZERO

    def breaches(self) -> Iterator[Breach]:
        """Yield what is not as the rules say."""
        first = min(self._begins)
        # What a later baseline took over of an absent line is told nowhere, but it may be another than before.
        later = {place for place in self._book.baselines if place > first}
        for place in sorted({*self._begins, *self._ends, *self._events, *self._batches, *later}):
            if place < first:
                yield self._breach("R4", "the line has an event or a batch before its first state", place)
                return
            self._book.forget(self._known, self._at, place)
            self._at = place
            if place == first:
                yield from self._first(place)
            elif place < len(self._book.applied) and self._book.is_baseline(place):
                yield from self._taken_over(place)
            else:
                yield from self._night(place)
            yield from self._booked(place)
        self._book.forget(self._known, self._at, len(self._book.applied))
        yield from self._today()

    def _breach(
        self,
        rule: str,
        message: str,
        place: int | None = None,
        *,
        field: str | None = None,
        expected: str | None = None,
        found: str | None = None,
    ) -> Breach:
        applied = self._book.applied
        run_id = applied[place].id if place is not None and place < len(applied) else None
        return Breach(rule=rule, message=message, run_id=run_id, field=field, expected=expected, found=found)

    def _first(self, place: int) -> Iterator[Breach]:
        """Begin with the first state; a line that no baseline took over is told as created."""
        expected = [] if self._book.is_baseline(place) else ["created"]
        found = [event.kind for event in self._events.get(place, ())]
        if found != expected:
            yield self._breach(
                "R4",
                "the events of the line's first run are others",
                place,
                expected=" ".join(expected) or "none",
                found=" ".join(found) or "none",
            )
        self._known = _texts(self._begins[place].values)
        self._is_active = True

    def _taken_over(self, place: int) -> Iterator[Breach]:
        """Take over what a later baseline found, without events (R5)."""
        if place in self._events:
            yield self._breach("R3", "a baseline tells no events, and there is one", place)
        begun = self._begins.get(place)
        if begun is not None:
            self._known, self._is_active = _texts(begun.values), True
        elif place in self._ends:
            self._is_active = False
        if not self._is_active:
            self._known, self._reason = [UNKNOWN] * len(FIELDS), None

    def _night(self, place: int) -> Iterator[Breach]:
        was_active, events = self._is_active, self._events.get(place, [])
        for event in events:
            yield from self._told(event, place)
        differs = bool(events)
        begins = self._is_active and differs
        begun = self._begins.get(place)
        if (begun is not None) != begins:
            what = "events, but no state begins" if begins else "a state begins, but no event tells why"
            yield self._breach("R4", f"the line has {what}" if begins else what, place)
        if (place in self._ends) != (was_active and differs):
            what = (
                "the line's state ends, but no event tells why: its history has a hole"
                if place in self._ends
                else "the line's state goes on, but an event says that it changed or is absent"
            )
            yield self._breach("R4", what, place)
        if begun is not None:
            yield from self._compared(begun.values, "the state in erp_snapshot is not what the events lead to", place)
            self._known = _texts(begun.values)

    def _told(self, event: PastEvent, place: int) -> Iterator[Breach]:
        """Apply an event."""
        if event.kind == "changed":
            yield from self._changed(event, place)
        elif event.kind == "reappeared":
            if self._is_active:
                yield self._breach("R4", "the line reappeared, but was not absent", place)
            self._is_active = True
        elif event.kind == "absent":
            if not self._is_active:
                yield self._breach("R4", "the line became absent, but was absent already", place)
            self._is_active, self._reason = False, event.new
        else:
            yield self._breach("R4", f"the line has a second first event: {event.kind}", place)

    def _changed(self, event: PastEvent, place: int) -> Iterator[Breach]:
        at = INDEX.get(event.field or "")
        if at is None:
            yield self._breach("R3", "a change event names no field", place, found=event.field)
            return
        known = self._known[at]
        if not isinstance(known, _Unknown) and known != event.previous:
            yield self._breach(
                "R3",
                "the previous value is not what the events before lead to",
                place,
                field=event.field,
                expected=_shown(known),
                found=_shown(event.previous),
            )
        self._known[at] = event.new

    def _compared(self, values: Values, message: str, place: int | None) -> Iterator[Breach]:
        """Compare values with what the events lead to."""
        for field, known, value in zip(FIELDS, self._known, values, strict=True):
            if not isinstance(known, _Unknown) and (found := to_text(value)) != known:
                yield self._breach("R3", message, place, field=field.name, expected=_shown(known), found=_shown(found))

    def _booked(self, place: int) -> Iterator[Breach]:
        """Add a run's batches; their sum is what was delivered then."""
        self._delivered += sum((batch.quantity for batch in self._batches.get(place, ())), ZERO)
        known = self._known[DELIVERED]
        if not isinstance(known, _Unknown):
            yield from self._summed(Decimal(known or 0), place)

    def _summed(self, delivered: Decimal, place: int | None) -> Iterator[Breach]:
        if delivered != self._delivered:
            yield self._breach(
                "R10",
                "the sum of the batches is not what was delivered",
                place,
                field="delivered_quantity",
                expected=str(delivered),
                found=str(self._delivered),
            )

    def _today(self) -> Iterator[Breach]:
        """Compare with the line in po_line."""
        state = self._history.state
        is_active = state.presence is Presence.ACTIVE
        if is_active == self._history.is_stale:
            how = ("active, yet" if is_active else "absent, yet not") + " marked as stale"
            yield self._breach("R4", f"the line is {how}", field="is_stale")
        if is_active != self._is_active:
            yield self._breach(
                "R4",
                "po_line and the last event or state differ on whether the line is active",
                expected="active" if self._is_active else "absent",
                found="active" if is_active else "absent",
            )
        if not is_active and self._reason is not None and self._reason != state.presence.name.lower():
            yield self._breach(
                "R4", "the line is absent for another reason", expected=self._reason, found=state.presence.name.lower()
            )
        yield from self._compared(state.values, "po_line is not what the events lead to", None)
        delivered = state.values[DELIVERED]
        yield from self._summed(delivered if isinstance(delivered, Decimal) else ZERO, None)


def _texts(values: Values) -> Known:
    return [to_text(value) for value in values]


def _shown(text: str | None) -> str:
    return "nothing" if text is None else repr(text)
