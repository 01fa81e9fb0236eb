"""`audit verify` finds whatever was done to the trail (R14)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import attrs
import pytest

from po_ingest.audit_chain import COLUMNS, canonical, event_line, link, parse_line
from po_ingest.audit_verify import FAULTS_KEPT, Fault, Verification, fault_of_tail, verify
from po_ingest.model import AuditEvent, ChainedEvent, Run, RunStatus
from support.trails import chained, event, run

TOLD = event(4, "ingestion_failed", run_id=None, new_values=None)
EVENTS = [
    event(1, "ingestion_started"),
    event(2),
    event(3, "ingestion_completed", new_values={"status": "completed"}),
    TOLD,
    event(5, "ingestion_failed", run_id=2, reason="abandoned", new_values={"status": "abandoned"}),
    event(6, "ingestion_started", run_id=3),
    event(7, "ingestion_completed", run_id=3, new_values={"status": "partial"}),
]
TRAIL = chained(EVENTS, told=[TOLD.event_id])
RUNS = [run(4, "running"), run(3, "partial"), run(2, "abandoned"), run(1, "completed")]


def lines_of(trail: Iterable[ChainedEvent], told: Sequence[AuditEvent] = (TOLD,), told_after: int = 3) -> list[str]:
    """Return the file of a trail: spooled events stand where they happened, the others in the store's order."""
    lines = [event_line(each) + "\n" for each in trail if not each.in_file]
    return [*lines[:told_after], *(event_line(each) + "\n" for each in told), *lines[told_after:]]


def check(
    trail: Sequence[ChainedEvent] = TRAIL,
    runs: Iterable[Run] = RUNS,
    file: Iterable[str] | None = (),
    waiting: Sequence[str] = (),
) -> Verification:
    return verify(trail, runs, lines_of(TRAIL) if file == () else file, waiting=waiting)


def faults(result: Verification) -> str:
    return "\n".join(f"{fault.where}: {fault.what}" for fault in result.faults)


def test_r14_an_unaltered_trail_has_no_fault() -> None:
    result = check()
    assert result == Verification((), 0, (), events=7, runs=3, lines=7)


def test_r14_an_empty_trail_has_no_fault() -> None:
    assert verify([], [], []) == Verification((), 0, (), events=0, runs=0, lines=0)


def test_r14_ids_with_gaps_are_no_fault() -> None:
    trail = chained(EVENTS, told=[TOLD.event_id], first_id=5, step=3)
    assert not check(trail, file=lines_of(trail)).faults


@pytest.mark.parametrize("told_after", range(4))
def test_r14_a_spooled_event_may_stand_anywhere_before_its_turn(told_after: int) -> None:
    assert not check(file=lines_of(TRAIL, told_after=told_after)).faults


def test_r14_a_file_written_anew_has_a_spooled_event_in_full() -> None:
    assert not check(file=[event_line(each) + "\n" for each in TRAIL]).faults


def test_r14_a_missing_file_is_a_warning() -> None:
    result = check(file=None)
    assert not result.faults
    assert result.warnings == ("there is no audit file to compare with; the next run writes it anew",)
    assert result.lines == 0


ELSEWHERE = "an event was altered, removed or added there"
FORGED = "its content is not what its hash was made of: it was altered"


def altered(place: int, **columns: Any) -> ChainedEvent:  # noqa: ANN401 - values of any column
    return attrs.evolve(TRAIL[place], event=attrs.evolve(TRAIL[place].event, **columns))


@pytest.mark.parametrize(
    ("trail", "what"),
    [
        ([TRAIL[0], attrs.evolve(TRAIL[1], id=1)], "its id does not come after 1, that of its predecessor"),
        ([TRAIL[1]], f"it does not follow on the beginning of the trail: {ELSEWHERE}"),
        ([TRAIL[0], TRAIL[2]], f"it does not follow on event 1: {ELSEWHERE}"),
        ([TRAIL[0], altered(1, reason="forged")], FORGED),
        ([TRAIL[0], altered(1, new_values={"a": object()})], FORGED),
    ],
)
def test_r14_what_was_done_to_an_event_is_told(trail: list[ChainedEvent], what: str) -> None:
    last = trail[-1]
    assert check(trail, [], file=None).faults == (Fault(f"event {last.id} ({last.event.event_id})", what),)


def test_r14_a_look_at_the_trails_end_believes_what_was_before_it() -> None:
    assert fault_of_tail([]) is None
    assert fault_of_tail(TRAIL[3:]) is None
    assert fault_of_tail([TRAIL[3], altered(4, reason="forged"), altered(5, reason="forged")]) == Fault(
        f"event 5 ({TRAIL[4].event.event_id})", FORGED
    )
    assert fault_of_tail([altered(3, reason="forged")]) == Fault(f"event 4 ({TOLD.event_id})", FORGED)
    assert fault_of_tail([TRAIL[3], TRAIL[5]]) == Fault(
        f"event 6 ({TRAIL[5].event.event_id})", f"it does not follow on event 4: {ELSEWHERE}"
    )


ALTERED: dict[str, Any] = {
    "event_id": "another",
    "event_type": "xref_gap",
    "severity": "error",
    "source": "user",
    "run_id": 99,
    "po_line_id": 99,
    "previous_values": {"sku": "X"},
    "new_values": {"sku": "X"},
    "reason": "because",
}


@pytest.mark.parametrize("place", range(len(TRAIL)))
@pytest.mark.parametrize("column", [*ALTERED, "timestamp", "hash", "previous_hash"])
def test_r14_an_altered_column_of_any_event_of_the_store_is_found(place: int, column: str) -> None:
    old = TRAIL[place]
    if column in {"hash", "previous_hash"}:
        new = (
            attrs.evolve(old, previous_hash="f" * 64) if column == "previous_hash" else attrs.evolve(old, hash="f" * 64)
        )
    elif column == "timestamp":
        new = attrs.evolve(
            old, event=attrs.evolve(old.event, timestamp=old.event.timestamp + timedelta(microseconds=1))
        )
    else:
        new = attrs.evolve(old, event=attrs.evolve(old.event, **{column: ALTERED[column]}))
    trail = [*TRAIL[:place], new, *TRAIL[place + 1 :]]
    for file in (None, lines_of(TRAIL)):
        result = check(trail, file=file)
        assert result.faults[0].where.startswith(f"event {place + 1} (")


@pytest.mark.parametrize("place", range(len(TRAIL)))
def test_r14_an_event_altered_with_a_fitting_hash_is_found(place: int) -> None:
    old = TRAIL[place]
    forged = link(old.previous_hash, old.id, attrs.evolve(old.event, reason="forged"), in_file=old.in_file)
    result = check([*TRAIL[:place], forged, *TRAIL[place + 1 :]])
    assert result.faults[0].where.startswith(f"event {place + 1} (")


def test_r14_a_trail_chained_anew_after_an_alteration_is_found_through_the_file() -> None:
    forged = chained([attrs.evolve(EVENTS[0], reason="forged"), *EVENTS[1:]], told=[TOLD.event_id])
    assert not check(forged, file=None).faults
    assert check(forged).faults[0].what == "line 1 of the audit file differs from the store in reason, hash"


@pytest.mark.parametrize("place", range(len(TRAIL) - 1))
def test_r14_a_deleted_event_is_found_without_the_file(place: int) -> None:
    result = check([*TRAIL[:place], *TRAIL[place + 1 :]], file=None)
    assert result.faults[0].where.startswith(f"event {place + 2} (")


@pytest.mark.parametrize("place", range(len(TRAIL)))
def test_r14_a_deleted_event_is_found_through_the_file(place: int) -> None:
    assert check([*TRAIL[:place], *TRAIL[place + 1 :]]).fault_count >= 1


@pytest.mark.parametrize("left", range(len(TRAIL)))
def test_r14_a_cut_tail_is_found_through_the_file(left: int) -> None:
    result = check(TRAIL[:left], runs=[])
    assert result.faults
    assert all("not in the store" in fault.what or "neither in the store" in fault.what for fault in result.faults)


def test_r14_a_cut_tail_is_found_through_the_runs() -> None:
    result = check(TRAIL[:4], file=None)
    assert faults(result).splitlines() == [
        "run 2: it is abandoned, but no event ingestion_failed with the reason abandoned of it says so",
        "run 3: it is partial, but no event ingestion_completed of it says so",
    ]


@pytest.mark.parametrize("place", range(len(TRAIL) - 1))
def test_r14_swapped_events_are_found(place: int) -> None:
    first, second = TRAIL[place], TRAIL[place + 1]
    swapped = [attrs.evolve(second, id=first.id), attrs.evolve(first, id=second.id)]
    for pair in (swapped, [second, first]):
        result = check([*TRAIL[:place], *pair, *TRAIL[place + 2 :]], file=None)
        assert f"event {pair[0].id} (" in result.faults[0].where


@pytest.mark.parametrize("place", range(len(TRAIL)))
def test_r14_a_doubled_event_is_found(place: int) -> None:
    for row_id in (TRAIL[place].id, 100):
        result = check([*TRAIL[: place + 1], attrs.evolve(TRAIL[place], id=row_id), *TRAIL[place + 1 :]], file=None)
        assert result.faults[0].where.startswith(f"event {row_id} (")


def test_r14_an_altered_id_is_found_through_the_file() -> None:
    result = check([*TRAIL[:-1], attrs.evolve(TRAIL[-1], id=70)])
    assert faults(result).startswith("event 70 (")
    assert result.faults[0].what.endswith("differs from the store in id")


def test_a_hash_that_is_no_ascii_text_is_a_fault_and_no_crash() -> None:
    broken = attrs.evolve(TRAIL[0], previous_hash="ü")
    assert check([broken, *TRAIL[1:]], file=None).faults[0].where.startswith("event 1 (")


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("completed", event(1, "ingestion_failed")),
        ("partial", event(1, "ingestion_failed")),
        ("failed", event(1, "ingestion_completed")),
        ("abandoned", event(1, "ingestion_failed", reason="disk full")),
        ("completed", event(1, "ingestion_completed", new_values={"status": "partial"})),
        ("completed", event(1, "ingestion_completed", run_id=2)),
        ("completed", event(1, "ingestion_completed", run_id=None)),
        ("completed", event(1, "ingestion_started")),
    ],
)
def test_r14_a_finished_run_without_its_outcome_is_found(status: RunStatus, outcome: AuditEvent) -> None:
    result = verify(chained([outcome]), [run(1, status)], None)
    assert [fault.where for fault in result.faults] == ["run 1"]
    assert status in result.faults[0].what


def test_r14_a_run_that_still_runs_hides_no_later_one() -> None:
    result = verify([], [run(1, "running"), run(2, "completed")], None)
    assert ([fault.where for fault in result.faults], result.runs) == (["run 2"], 1)


def test_r14_one_of_several_outcomes_of_a_run_is_enough() -> None:
    trail = chained([event(1, "ingestion_failed", reason="store"), event(2, "ingestion_failed", reason="abandoned")])
    assert not verify(trail, [run(1, "abandoned")], None).faults


# -- the file


@pytest.mark.parametrize("place", range(len(TRAIL)))
@pytest.mark.parametrize("column", COLUMNS)
def test_r14_an_altered_column_of_any_line_of_the_file_is_found(place: int, column: str) -> None:
    lines = lines_of(TRAIL)
    columns = parse_line(lines[place].strip())
    unknown = place == 3 and column in {"id", "run_id", "previous_hash", "hash"}
    columns[column] = {"id": 50, "timestamp": "2026-01-01T00:00:00Z", "hash": "f" * 64, "previous_hash": "f" * 64}.get(
        column, ALTERED.get(column)
    )
    result = check(file=[*lines[:place], canonical(columns) + "\n", *lines[place + 1 :]])
    assert result.faults, unknown
    if not (place == 3 and column == "event_id"):
        assert result.faults[0].where.startswith(f"event {place + 1} ("), faults(result)


@pytest.mark.parametrize("place", range(len(TRAIL)))
def test_r14_a_line_missing_from_the_file_is_found(place: int) -> None:
    lines = lines_of(TRAIL)
    result = check(file=[*lines[:place], *lines[place + 1 :]])
    assert [(fault.where.split(" (")[0], fault.what) for fault in result.faults] == [
        (f"event {place + 1}", "it is missing from the audit file")
    ]


def test_r14_lines_cut_from_the_files_end_are_found() -> None:
    result = check(file=lines_of(TRAIL)[:5])
    assert [fault.where.split(" (")[0] for fault in result.faults] == ["event 6", "event 7"]


@pytest.mark.parametrize("place", range(len(TRAIL)))
def test_r14_a_doubled_line_is_found(place: int) -> None:
    lines = lines_of(TRAIL)
    for again in (place + 1, len(lines)):
        result = check(file=[*lines[:again], lines[place], *lines[again:]])
        assert result.fault_count == 1
        assert result.faults[0].where == f"line {again + 1} of the audit file"


def test_r14_an_early_line_that_comes_twice_before_its_turn_is_found() -> None:
    result = check(file=[event_line(TOLD) + "\n", *lines_of(TRAIL, told_after=1)])
    assert faults(result) == f"line 3 of the audit file: event {TOLD.event_id} comes twice"


@pytest.mark.parametrize("place", [0, 1, 4, 5])
def test_r14_swapped_lines_are_found(place: int) -> None:
    lines = lines_of(TRAIL)
    result = check(file=[*lines[:place], lines[place + 1], lines[place], *lines[place + 2 :]])
    assert result.faults[0].where.startswith(f"event {place + 1} (")


def test_r14_a_line_that_the_store_never_had_is_found() -> None:
    lines = lines_of(TRAIL)
    strange = event_line(attrs.evolve(TRAIL[1], event=event(77))) + "\n"
    assert "event 2 (" in check(file=[*lines[:2], strange, *lines[2:]]).faults[0].what
    spooled = event_line(event(77)) + "\n"
    result = check(file=[*lines, spooled])
    assert result.faults[0].where == "line 8 of the audit file"
    assert "neither in the store nor in the spool" in result.faults[0].what


def test_r14_an_event_that_waits_in_the_spool_is_a_warning() -> None:
    result = check(file=[*lines_of(TRAIL), event_line(event(77)) + "\n"], waiting=[event(77).event_id])
    assert not result.faults
    assert result.warnings == ("the audit file has events that wait for the store; the next run delivers them",)


def test_r14_nulls_are_no_excuse_for_an_event_that_was_never_spooled() -> None:
    lines = lines_of(TRAIL)
    result = check(file=[*lines[:1], event_line(EVENTS[1]) + "\n", *lines[2:]])
    assert result.faults[0].where.startswith("event 2 (")
    assert "id, run_id, previous_hash, hash" in result.faults[0].what


def test_a_line_that_is_no_event_is_found_and_named() -> None:
    lines = lines_of(TRAIL)
    result = check(file=[*lines[:2], "nonsense\n", *lines[2:]])
    assert faults(result) == "line 3 of the audit file: it is no audit event: Expecting value: line 1 column 1 (char 0)"


def test_a_torn_last_line_is_a_warning_and_its_event_missing() -> None:
    lines = lines_of(TRAIL)
    for rest in (lines[-1][:40], '{"reason":"two '):
        result = check(file=[*lines[:-1], rest])
        assert [fault.where.split(" (")[0] for fault in result.faults] == ["event 7"]
        behind, torn = result.warnings
        assert "lacks the last 1 of the trail" in behind
        assert torn == "line 7 of the audit file is not complete; the next run replaces it"


def test_r14_all_that_a_file_lacks_at_its_end_is_told_and_counted_in_the_warning() -> None:
    result = check(file=lines_of(TRAIL)[:1])
    assert [fault.where.split(" (")[0] for fault in result.faults] == [f"event {number}" for number in range(2, 8)]
    (warning,) = result.warnings
    assert warning == (
        "the audit file lacks the last 6 of the trail; if a run told that it could not write "
        "the file (exit 3), the next one completes it: verify again then"
    )


BEGUN = [event(8, "ingestion_failed", run_id=None), event(9, "ingestion_failed", run_id=4, reason="abandoned")]
STARTED = event(10, "ingestion_started", run_id=5)


def test_r14_what_a_run_recorded_when_it_began_may_be_missing_at_the_files_end_until_it_ends() -> None:
    for begun in ([STARTED], [*BEGUN, STARTED]):
        trail = chained([*EVENTS, *begun], told=[TOLD.event_id])
        result = check(trail)
        assert not result.faults
        what = "recorded by a run when it began; it gets them when the run ends, or if it was killed with the next one"
        assert result.warnings == (f"events that the audit file has not yet: {len(begun)}, {what}",)


def test_r14_what_a_run_recorded_when_it_began_is_missing_once_the_run_has_told_more() -> None:
    trail = chained([*EVENTS, *BEGUN, STARTED, event(11, "ingestion_failed", run_id=5)], told=[TOLD.event_id])
    result = check(trail)
    assert [fault.where.split(" (")[0] for fault in result.faults] == [f"event {number}" for number in (8, 9, 10, 11)]
    (behind,) = result.warnings
    assert "lacks the last 4 of the trail" in behind


def test_r14_a_beginning_missing_from_the_middle_of_the_file_is_a_fault() -> None:
    trail = chained([*EVENTS, STARTED, event(11, run_id=5)], told=[TOLD.event_id])
    lines = lines_of(trail)
    result = check(trail, file=[*lines[:7], *lines[8:]])
    assert [fault.where.split(" (")[0] for fault in result.faults] == ["event 8"]


def test_windows_line_ends_and_another_order_of_keys_are_no_fault() -> None:
    lines = [canonical(parse_line(line.strip())) + "\r\n" for line in lines_of(TRAIL)]
    assert not check(file=lines).faults


def test_a_number_of_another_type_is_found() -> None:
    trail = chained([event(1, new_values={"rows": 1})])
    line = event_line(trail[0])
    assert verify(trail, [], [line.replace('"rows":1', '"rows":1.0') + "\n"]).fault_count == 1
    assert verify(trail, [], [line.replace('"rows":1', '"rows":true') + "\n"]).fault_count == 1


def test_a_flood_of_faults_is_counted_and_its_beginning_kept() -> None:
    trail = chained(event(number) for number in range(1, 301))
    result = verify(trail, [], [])
    assert result.fault_count == 300
    assert len(result.faults) == FAULTS_KEPT
    assert result.faults[0].where.startswith("event 1 (")
