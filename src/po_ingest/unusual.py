"""What is unusual about a run, compared with the runs before it: pure, over reports in their JSON form.

A figure is unusual if it lies outside Tukey's outer fences (Exploratory Data Analysis, 1977): more than three times the
spread of the middle half below or above that half. The spread counts as at least a tenth of the middle value, and as
one: so a figure that was always 0 is unusual from 4 on, and one that was always 5,000 below 3,500 and above 6,500.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import quantiles
from typing import Final

Report = Mapping[str, object]

WINDOW: Final = 30
"""Runs that a run is compared with."""
FEWEST: Final = 5
"""With fewer runs nothing is usual yet."""
FENCE: Final = 3.0
SMALLEST_SHARE: Final = 0.1
FIGURES: Final = (
    "duration_seconds",
    "po_lines_processed",
    "new_lines_created",
    "lines_changed",
    "change_events_detected",
    "absent_po_lines",
    "closed_po_lines",
    "reappeared_po_lines",
    "batches_reconstructed",
    "custom_columns_populated",
    "rows_rejected",
    "values_truncated",
    "xref_gaps_found",
    "retries",
)
"""The keys of a report that are compared."""


def unusual(report: Report, before: Sequence[Report]) -> dict[str, str]:
    """Return the report's unusual figures, each with what is usual: `usually 80 to 120`.

    `before` are the reports of runs that were applied before, the newest first; baselines among them tell nothing of
    usual nights. A baseline is compared with nothing.
    """
    nights = [each for each in before if not each.get("baseline")][:WINDOW]
    if report.get("baseline") or len(nights) < FEWEST:
        return {}
    found = {}
    for key in FIGURES:
        value = report.get(key)
        usual = [float(past) for night in nights if isinstance(past := night.get(key), (int, float))]
        if isinstance(value, (int, float)) and len(usual) >= FEWEST and _is_outside(float(value), usual):
            found[key] = f"usually {_range(usual)}"
    return found


def _is_outside(value: float, usual: Sequence[float]) -> bool:
    low, middle, high = quantiles(usual, n=4, method="inclusive")
    spread = max(high - low, abs(middle) * SMALLEST_SHARE, 1.0)
    return not low - FENCE * spread <= value <= high + FENCE * spread


def _range(usual: Sequence[float]) -> str:
    low, high = min(usual), max(usual)
    return f"{low:,g}" if low == high else f"{low:,g} to {high:,g}"
