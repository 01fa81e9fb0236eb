"""The last lines of a test session: how many faults were tried, and what came of them; also as rows of a table."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import starmap
from typing import Final, TypedDict

import pytest

PROPERTY: Final = "faults tried"
"""Of a test's report: the counts of a book."""
PAGE: Final = "docs/reliability.md"
OF_A_NIGHT: Final = re.compile(r"^(error, .+), \w+, \w+$")
"""A title of errors, which the page counts for all stores and nights together."""


class Counts(TypedDict):
    """What a book says in the end, in types that go from one process to another."""

    title: str
    test: str
    kinds: Mapping[str, int]
    outcomes: Mapping[str, int]
    is_full: bool


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the matrices of faults counted."""
    passed_or_not = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    told: list[Counts] = [
        counts for report in passed_or_not for name, counts in report.user_properties if name == PROPERTY
    ]
    if told:
        terminalreporter.section("fault points")
        for text in sorted({line(each) for each in told}):
            terminalreporter.write_line(text)
        extent = "all points" if all(each["is_full"] for each in told) else "a sample of the points"
        terminalreporter.section(f"rows for {PAGE}, of {extent}")
        for text in rows(told):
            terminalreporter.write_line(text)


def line(counts: Counts) -> str:
    """Return what was tried, by kind, and what came of it."""
    told = ", ".join(f"{kind} {count}" for kind, count in sorted(counts["kinds"].items()))
    came = ", ".join(f"{outcome} {count}" for outcome, count in sorted(counts["outcomes"].items()))
    return f"{counts['title']}: {sum(counts['kinds'].values())} points ({told}); {came}"


def rows(told: Iterable[Counts]) -> list[str]:
    """Return the counts as rows of a table, in the order of tests and titles; the commonest outcome comes first."""
    outcomes: dict[tuple[str, str], Counter[str]] = {}
    for counts in told:
        found = OF_A_NIGHT.match(counts["title"])
        key = counts["test"], found[1] if found else counts["title"]
        outcomes.setdefault(key, Counter()).update(counts["outcomes"])
    return [
        f"| {title} | {came.total()} | {', '.join(starmap(_times, came.most_common()))} | `{test}` |"
        for (test, title), came in sorted(outcomes.items())
    ]


def _times(outcome: str, count: int) -> str:
    return f"{count} times {outcome}" if outcome.startswith("exit") else f"{count} {outcome}"
