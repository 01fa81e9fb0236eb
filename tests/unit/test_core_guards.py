"""R7: the guards at their very limits, and what they say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import attrs
import pytest

from po_ingest.errors import GuardError
from po_ingest.guards import FEWEST_FILLED, Snapshot, check
from po_ingest.settings import GuardSettings
from po_ingest.stages.report import Tally

LIMITS = GuardSettings(min_lines=10, max_absent_ratio=0.2, max_rejected_ratio=0.1, max_emptied_ratio=0.5)
SNAPSHOT = Snapshot(active_rows=100, active_before=50, has_previous=True, filled_before={"sku": 40, "item": 40})


def tally(**counts: object) -> Tally:
    return Tally(**{"lines": 10, **counts})  # type: ignore[arg-type]  # counts of any kind


def refused(found: Tally, snapshot: Snapshot = SNAPSHOT, *, allow_shrink: bool = False) -> GuardError:
    with pytest.raises(GuardError) as caught:
        check(found, snapshot, LIMITS, allow_shrink=allow_shrink)
    return caught.value


def rejected(count: int, query: str = "po_lines") -> Counter[tuple[str, str | None, str]]:
    return Counter({(query, "sku", "is odd"): count})


@pytest.mark.parametrize(
    ("at_the_limit", "above_it", "message", "hint"),
    [
        (
            tally(lines=10),
            tally(lines=9),
            "9 active lines were taken, min_lines is 10",
            "check the ERP and the query; --allow-shrink takes it for once",
        ),
        (
            tally(missing=10),
            tally(missing=11),
            "11 of 50 active lines are missing, max_absent_ratio is 0.2",
            "check that the query still returns all lines; --allow-shrink takes it for once",
        ),
        (
            tally(emptied=Counter(sku=20)),
            tally(emptied=Counter(sku=21)),
            "sku was emptied in 21 of 40 lines, max_emptied_ratio is 0.5",
            "check the query and the column's format and null list; --allow-shrink takes it for once",
        ),
    ],
)
def test_r7_a_snapshot_that_shrinks_is_refused_above_a_limit_not_at_it_and_can_be_let_through(
    at_the_limit: Tally, above_it: Tally, message: str, hint: str
) -> None:
    check(at_the_limit, SNAPSHOT, LIMITS, allow_shrink=False)
    error = refused(above_it)
    assert error.message == f"the snapshot was refused, nothing was changed: {message}"
    assert error.hint == hint
    assert error.details == ()
    check(above_it, SNAPSHOT, LIMITS, allow_shrink=True)


def test_r7_one_line_and_one_row_are_told_as_one() -> None:
    one = Snapshot(active_rows=1, active_before=1, has_previous=True, filled_before={})
    error = refused(tally(lines=1, missing=1, rejected=rejected(1)), one)
    assert error.message.endswith(": 1 row was rejected, 1 row is active, max_rejected_ratio is 0.1")
    assert error.details == (
        "1 active line was taken, min_lines is 10",
        "1 of 1 active line is missing, max_absent_ratio is 0.2",
        "po_lines: 1 row rejected: sku is odd",
    )


def test_r7_rejected_rows_are_told_with_their_reasons_and_cannot_be_let_through() -> None:
    check(tally(rejected=rejected(10)), SNAPSHOT, LIMITS, allow_shrink=False)
    for allow_shrink in (False, True):
        error = refused(tally(rejected=rejected(11)), allow_shrink=allow_shrink)
        assert error.message == (
            "the snapshot was refused, nothing was changed: "
            "11 rows were rejected, 100 rows are active, max_rejected_ratio is 0.1"
        )
        assert error.hint == "mend the formats in the configuration, or the ERP's data; the reasons follow"
        assert error.details == ("po_lines: 11 rows rejected: sku is odd",)


def test_r7_only_rows_of_the_po_lines_count_as_rejected() -> None:
    check(tally(rejected=rejected(99, "receipts") + rejected(99, "item_xref")), SNAPSHOT, LIMITS, allow_shrink=False)


def test_r7_of_no_rows_at_all_any_rejected_one_is_too_many() -> None:
    nothing = attrs.evolve(SNAPSHOT, active_rows=0)
    check(tally(), nothing, LIMITS, allow_shrink=False)
    assert "1 row was rejected, 0 rows are active" in refused(tally(rejected=rejected(1)), nothing).message


def test_r7_the_ten_most_frequent_reasons_are_told_and_a_clash_of_keys_has_no_field() -> None:
    reasons: Counter[tuple[str, str | None, str]] = Counter(
        {("po_lines", f"f{at:02}", "r"): 20 - at for at in range(11)}
    )
    reasons["po_lines", None, "clashes"] = 30
    details = refused(tally(rejected=reasons)).details
    assert details[0] == "po_lines: 30 rows rejected: clashes"
    assert details[1] == "po_lines: 20 rows rejected: f00 r"
    assert len(details) == 10


def test_r7_all_broken_guards_are_told_at_once() -> None:
    error = refused(tally(lines=0, missing=50, rejected=rejected(99), emptied=Counter(sku=40, item=40)))
    told = (error.message, *error.details)
    assert [next(word for word in words if word in text) for text, words in zip(told, WORDS, strict=True)] == [
        word for (word,) in WORDS
    ]


WORDS = (
    ("max_rejected_ratio",),
    ("min_lines",),
    ("max_absent_ratio",),
    ("item was emptied",),
    ("sku was emptied",),
    ("sku is odd",),
)


@pytest.mark.parametrize("change", [lambda found: found, lambda found: attrs.evolve(found, missing=50)])
def test_r7_what_compares_with_the_last_run_holds_once_there_is_one(change: Callable[[Tally], Tally]) -> None:
    first = attrs.evolve(SNAPSHOT, has_previous=False)
    check(change(tally(emptied=Counter(sku=40))), first, LIMITS, allow_shrink=False)


def test_r7_a_field_that_was_filled_in_a_few_lines_only_breaks_no_guard() -> None:
    few = {"sku": FEWEST_FILLED - 1, "item": FEWEST_FILLED}
    assert FEWEST_FILLED == 20
    check(
        tally(emptied=Counter(sku=19, gone=99)), attrs.evolve(SNAPSHOT, filled_before=few), LIMITS, allow_shrink=False
    )
    error = refused(tally(emptied=Counter(item=11)), attrs.evolve(SNAPSHOT, filled_before=few))
    assert "item was emptied in 11 of 20 lines" in error.message
    with pytest.raises(GuardError):  # 29 of 50 is 0.58, though 0.58 * 50 is a little less than 29
        check(tally(missing=30), SNAPSHOT, attrs.evolve(LIMITS, max_absent_ratio=0.58), allow_shrink=False)
    check(tally(missing=29), SNAPSHOT, attrs.evolve(LIMITS, max_absent_ratio=0.58), allow_shrink=False)
