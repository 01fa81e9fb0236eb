"""The last lines of a test session: how many faults were tried, and what came of them."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the matrices of faults counted."""
    passed_or_not = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    told = [text for report in passed_or_not for name, text in report.user_properties if name == "fault points"]
    if told:
        terminalreporter.section("fault points")
        for text in sorted({str(each) for each in told}):
            terminalreporter.write_line(text)
