"""What is unusual about a run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from po_ingest.unusual import FIGURES, unusual

Night = dict[str, object]


def nights(*counts: float, key: str = "lines_changed") -> list[Night]:
    return [{key: count} for count in counts]


def test_a_figure_far_from_the_usual_ones_is_unusual_and_they_are_told() -> None:
    assert unusual({"lines_changed": 900}, nights(80, 90, 100, 110, 120)) == {"lines_changed": "usually 80 to 120"}


@pytest.mark.parametrize("count", [40, 100, 160])
def test_a_figure_near_the_usual_ones_is_not(count: int) -> None:
    assert unusual({"lines_changed": count}, nights(80, 90, 100, 110, 120)) == {}


@pytest.mark.parametrize(("count", "is_unusual"), [(3500, False), (3499, True), (6500, False), (6501, True)])
def test_what_is_always_the_same_may_move_by_three_tenths(count: int, *, is_unusual: bool) -> None:
    assert bool(unusual({"po_lines_processed": count}, nights(*[5000] * 5, key="po_lines_processed"))) == is_unusual


@pytest.mark.parametrize(("count", "told"), [(3, {}), (4, {"rows_rejected": "usually 0"})])
def test_what_never_happened_is_unusual_from_four_on(count: int, told: dict[str, str]) -> None:
    assert unusual({"rows_rejected": count}, nights(*[0] * 9, key="rows_rejected")) == told


def test_with_few_runs_nothing_is_usual_yet() -> None:
    assert unusual({"lines_changed": 900}, nights(1, 1, 1, 1)) == {}


def test_baselines_tell_nothing_of_usual_nights_and_are_not_compared() -> None:
    baselines: list[Night] = [{"lines_changed": 0, "baseline": True}] * 9
    assert unusual({"lines_changed": 900}, [*baselines, *nights(1, 1, 1, 1)]) == {}
    assert unusual({"lines_changed": 900, "baseline": True}, nights(*[1] * 9)) == {}


def test_only_the_newest_thirty_nights_count() -> None:
    assert unusual({"lines_changed": 100}, nights(*[100] * 30, *[1] * 300)) == {}


def test_a_report_of_another_release_may_lack_figures() -> None:
    assert unusual({}, nights(*[1] * 9)) == {}
    assert unusual({"retries": 90}, nights(*[1] * 9)) == {}


@given(st.lists(st.integers(0, 10**9), min_size=5, max_size=40), st.sampled_from(FIGURES))
def test_what_has_just_been_the_most_usual_is_never_unusual(counts: list[int], key: str) -> None:
    middle = sorted(counts[:30])[len(counts[:30]) // 2]
    assert unusual({key: middle}, nights(*counts, key=key)) == {}
