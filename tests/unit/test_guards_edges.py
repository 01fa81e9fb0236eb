"""Where a guard begins to break (R7): exactly at a ratio it does not, one line above it does."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from po_ingest.errors import GuardError
from po_ingest.guards import FEWEST_FILLED, Snapshot, check
from po_ingest.settings import GuardSettings
from po_ingest.stages.report import Tally

OPEN: Final = GuardSettings(min_lines=0, max_absent_ratio=1.0, max_rejected_ratio=1.0, max_emptied_ratio=1.0)
QUIET: Final = Snapshot(active_rows=0, active_before=0, has_previous=True, filled_before={})
MILLION: Final = 1_000_000

parts = st.integers(0, MILLION)
wholes = st.integers(1, MILLION)
ratios = st.one_of(
    st.integers(0, 100).map(lambda n: f"{n / 100:.2f}"), st.integers(0, 10_000).map(lambda n: f"{n / 10_000:.4f}")
)


def breaks(tally: Tally, snapshot: Snapshot, limits: GuardSettings, *, allow_shrink: bool = False) -> bool:
    try:
        check(tally, snapshot, limits, allow_shrink=allow_shrink)
    except GuardError:
        return True
    return False


def missing(part: int, whole: int, ratio: float, *, has_previous: bool = True) -> tuple[Tally, Snapshot, GuardSettings]:
    snapshot = attrs.evolve(QUIET, active_before=whole, has_previous=has_previous)
    return Tally(missing=part), snapshot, attrs.evolve(OPEN, max_absent_ratio=ratio)


def rejected(part: int, whole: int, ratio: float) -> tuple[Tally, Snapshot, GuardSettings]:
    tally = Tally()
    tally.rejected["po_lines", "sku", "unreadable"] += part // 2
    tally.rejected["po_lines", None, "another reason"] += part - part // 2
    tally.rejected["receipts", None, "of no concern here"] += MILLION
    return tally, attrs.evolve(QUIET, active_rows=whole), attrs.evolve(OPEN, max_rejected_ratio=ratio)


def emptied(part: int, whole: int, ratio: float) -> tuple[Tally, Snapshot, GuardSettings]:
    tally = Tally()
    tally.emptied["sku"] += part
    return tally, attrs.evolve(QUIET, filled_before={"sku": whole}), attrs.evolve(OPEN, max_emptied_ratio=ratio)


@given(parts, wholes, ratios)
def test_r7_a_ratio_of_missing_lines_breaks_the_guard_only_above_it(part: int, whole: int, ratio: str) -> None:
    assert breaks(*missing(part, whole, float(ratio))) == (Fraction(part, whole) > Fraction(ratio))


@given(parts, wholes, ratios)
def test_r7_a_ratio_of_rejected_rows_breaks_the_guard_only_above_it(part: int, whole: int, ratio: str) -> None:
    assert breaks(*rejected(part, whole, float(ratio))) == (Fraction(part, whole) > Fraction(ratio))


@given(parts, st.integers(FEWEST_FILLED, MILLION), ratios)
def test_r7_a_ratio_of_emptied_fields_breaks_the_guard_only_above_it(part: int, whole: int, ratio: str) -> None:
    assert breaks(*emptied(part, whole, float(ratio))) == (Fraction(part, whole) > Fraction(ratio))


@given(st.integers(1, 10_000), ratios)
def test_r7_exactly_at_the_ratio_passes_and_one_more_breaks(hundreds: int, ratio: str) -> None:
    whole = hundreds * 10_000
    part = int(Fraction(ratio) * whole)
    for guard in (missing, rejected, emptied):
        assert not breaks(*guard(part, whole, float(ratio)))
        assert breaks(*guard(part + 1, whole, float(ratio)))


@pytest.mark.parametrize(
    ("part", "whole", "ratio"),
    [(29, 50, 0.58), (1, 5, 0.2), (3, 10, 0.3), (7, 100, 0.07), (57, 100, 0.57), (115, 100, 1.15), (1, 3, 1 / 3)],
)
def test_r7_ratios_that_binary_numbers_cannot_hold_are_exact_all_the_same(part: int, whole: int, ratio: float) -> None:
    for guard in (missing, rejected):
        assert not breaks(*guard(part, whole, ratio))
        assert breaks(*guard(part + 1, whole, ratio))


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_r7_min_lines_is_the_fewest_that_pass(lines: int, fewest: int) -> None:
    assert breaks(Tally(lines=lines), QUIET, attrs.evolve(OPEN, min_lines=fewest)) == (lines < fewest)


def test_r7_a_ratio_of_zero_lets_nothing_pass_but_nothing() -> None:
    for guard in (missing, rejected, emptied):
        assert not breaks(*guard(0, 100, 0.0))
        assert breaks(*guard(1, MILLION, 0.0))


def test_r7_rejected_rows_beside_no_active_one_break_the_guard_whatever_its_ratio() -> None:
    assert breaks(*rejected(1, 0, 1.0))
    assert not breaks(*rejected(0, 0, 0.0))


@pytest.mark.parametrize(("filled", "is_broken"), [(FEWEST_FILLED - 1, False), (FEWEST_FILLED, True)])
def test_r7_a_field_counts_from_twenty_lines_in_which_it_was_filled(filled: int, *, is_broken: bool) -> None:
    assert breaks(*emptied(filled, filled, 0.5)) is is_broken


def test_r7_allow_shrink_lifts_all_guards_but_that_on_rejected_rows() -> None:
    few = (Tally(lines=0), QUIET, attrs.evolve(OPEN, min_lines=1))
    for broken in (few, missing(1, 1, 0.0), emptied(20, 20, 0.0)):
        assert breaks(*broken)
        assert not breaks(*broken, allow_shrink=True)
    assert breaks(*rejected(1, 1, 0.0), allow_shrink=True)


def test_r7_ratios_hold_only_once_a_run_has_completed() -> None:
    assert not breaks(*missing(5, 5, 0.0, has_previous=False))
    tally, snapshot, limits = emptied(20, 20, 0.0)
    assert not breaks(tally, attrs.evolve(snapshot, has_previous=False), limits)
    assert breaks(*rejected(1, 1, 0.0))
