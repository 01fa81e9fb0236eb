"""A signal at any moment of a run: it ends in time, with its true outcome, and never in between (R2)."""

from __future__ import annotations

import json
import logging
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from support.command_line import Home, make_home
from support.matrix import LIMIT, some
from support.places import place_of
from support.signalled import Ended, Forks, Points, forks

pytestmark = [pytest.mark.skipif(os.name == "nt", reason="processes are not forked on Windows"), LIMIT]

log = logging.getLogger(__name__)
NUMBERS: Final = (signal.SIGTERM, signal.SIGINT)


@pytest.fixture(scope="module")
def warm() -> Iterator[Forks]:
    with forks() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    """Return an ERP with lines, and a store that a first night has filled."""
    home = make_home(tmp_path / "home", place_of(request.param, request, "signals"))
    home.insert(*(("PO-1", number, f"M-{number % 3}", "V1", 1, 0) for number in range(20)))
    assert home.po("nightly").code == 0
    return home


class Nights:
    """Nights of which each may be ended by a signal; what each leaves is checked."""

    def __init__(self, home: Home, warm: Forks) -> None:
        self.home, self.warm = home, warm
        self.night = 0
        self.applied = self.shown()
        self.last = self.newest()["run_identifier"]
        self.outcomes: Counter[tuple[int, str]] = Counter()

    def run(self, at: int, of: Points, number: signal.Signals = signal.SIGTERM, *, since: str = "") -> Ended:
        """Let the ERP change, and run a night that gets a signal."""
        self.night += 1
        self.home.erp(
            ("UPDATE erp_order_lines SET ordered_quantity = ?, delivered_quantity = ?", (self.night, self.night / 2)),
            ("UPDATE erp_order_lines SET current_status = iif(line_number = ?, 'closed', 'open')", (self.night % 20,)),
        )
        self.home.insert(("PO-2", self.night, "M-9"))
        ended = self.warm.run(self.home, at, of=of, since=since, number=number)
        self.check(ended, number)
        return ended

    def check(self, ended: Ended, number: signal.Signals) -> None:
        done, newest = ended.done, self.newest()
        about = f"{ended.passed[-1:]}: {done.code}, {newest['status']}: {done.err}"
        assert "Traceback" not in done.err, about
        assert "ignored" not in done.err, about
        has_begun, self.last = newest["run_identifier"] != self.last, newest["run_identifier"]
        self.outcomes[done.code, newest["status"] if has_begun else "none"] += 1
        if done.code == 1:
            assert f"ended by {number.name}" in done.error, about
            assert not has_begun or newest["status"] == "failed", about
            assert self.shown() == self.applied, about
        else:
            assert done.code in {0, 3}, about
            assert (has_begun, newest["status"]) == (True, "completed"), about
            assert self.shown() != self.applied, about
            assert not done.out or json.loads(done.out)["status"] == "completed", about
            self.applied = self.shown()
        if not has_begun:  # what it told waits in the spool, and would be more statements for the next one
            assert self.home.po("nightly").code == 0
            self.applied, self.last = self.shown(), self.newest()["run_identifier"]

    def disturb(self, of: Points, count: int, *, since: str = "") -> None:
        """Run nights that get a signal, each at another of so many points, and have all of the history proved."""
        passed = self.run(0, of, since=since).passed
        for at in some(range(1, len(passed) + 1), count):
            self.run(at, of, NUMBERS[at % 2], since=since)
        self.end()

    def end(self) -> None:
        """Run a night that nobody disturbs, and have all of the history proved."""
        assert self.run(0, "statements").done.code == 0
        for proof in ("store", "audit"):
            proved = self.home.po(proof, "verify")
            assert proved.code == 0, proved.err + proved.out
        log.info("outcomes: %s", dict(self.outcomes))
        statuses = {run["status"] for run in self.home.po("runs", "--json").json}
        assert statuses <= {"completed", "failed"}

    def newest(self) -> dict[str, Any]:
        found: dict[str, Any] = self.home.po("runs", "--limit", "1", "--json").json[0]
        return found

    def shown(self) -> str:
        return self.home.po("snapshot", "--run", "latest", "--format", "jsonl").out


def test_r2_a_signal_at_any_statement_for_the_store_ends_the_run_as_failed_or_applied(home: Home, warm: Forks) -> None:
    nights = Nights(home, warm)
    nights.disturb("statements", 12)
    assert {code for code, _ in nights.outcomes} == {0, 1, 3}


def test_r2_a_signal_at_any_call_in_the_program_ends_the_run_as_failed_or_applied(home: Home, warm: Forks) -> None:
    Nights(home, warm).disturb("calls", 8)


def test_r2_a_signal_at_any_call_from_the_commit_on_ends_the_run_as_failed_or_applied(home: Home, warm: Forks) -> None:
    nights = Nights(home, warm)
    nights.disturb("calls", 10, since="Written.complete")
    assert {code for code, _ in nights.outcomes} == {0, 1, 3}


def test_r2_a_signal_at_any_call_once_a_run_was_applied_makes_no_failure_of_it(home: Home, warm: Forks) -> None:
    nights = Nights(home, warm)
    nights.disturb("calls", 10, since="Journal._unless_partial")
    assert {code for code, _ in nights.outcomes} == {0, 3}
