"""Faults that once were there, each by a small example."""

from __future__ import annotations

import pytest

from po_ingest import guards
from po_ingest.errors import ConfigError, GuardError
from po_ingest.reading import resolve_columns
from po_ingest.settings import ColumnSettings, GuardSettings
from po_ingest.stages.report import Tally


@pytest.mark.parametrize(("part", "whole", "ratio"), [(29, 50, 0.58), (63, 90, 0.7), (57, 100, 0.57)])
def test_r7_a_ratio_that_is_just_reached_breaks_no_guard(part: int, whole: int, ratio: float) -> None:
    limits = GuardSettings(min_lines=0, max_absent_ratio=ratio, max_rejected_ratio=ratio, max_emptied_ratio=ratio)
    seen = guards.Snapshot(
        active_rows=whole, active_before=whole, has_previous=True, filled_before={"final_customer": whole}
    )

    def tally(of: int) -> Tally:
        counted = Tally(missing=of)
        counted.rejected["po_lines", "in_date", "is no date"] = of
        counted.emptied["final_customer"] = of
        return counted

    guards.check(tally(part), seen, limits, allow_shrink=False)
    with pytest.raises(GuardError) as caught:
        guards.check(tally(part + 1), seen, limits, allow_shrink=False)
    assert len(caught.value.details) == 3  # the other two guards, and the reason of the rejected rows


def test_all_columns_that_a_result_lacks_are_told_in_one_line() -> None:
    listed = {"sku": ColumnSettings(column="NOCOL"), "item": ColumnSettings(column="NOCOL2")}
    with pytest.raises(ConfigError) as caught:
        resolve_columns("po_lines", ("po_number", "po_number"), ["po_number", "sku", "item"], listed)
    assert caught.value.message == "po_lines: the result has no column 'NOCOL' (field sku), 'NOCOL2' (field item)"
    assert caught.value.details == ("po_lines: the result has 2 columns named 'po_number' (field po_number)",)
