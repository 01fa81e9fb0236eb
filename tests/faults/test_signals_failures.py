"""A signal while a run's failure is recorded or spooled: the failure stays what it was, and is told once (R14)."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from po_ingest.audit_chain import parse_line
from support.command_line import NO_RETRY, Home, make_home
from support.matrix import LIMIT, some
from support.signalled import Forks, forks

pytestmark = [pytest.mark.skipif(os.name == "nt", reason="processes are not forked on Windows"), LIMIT]
STORE_DOWN = NO_RETRY + '[store]\nurl = "sqlite:///nowhere.db/po-ingest.db"\n'


@pytest.fixture(scope="module")
def warm() -> Iterator[Forks]:
    with forks() as running:
        yield running


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = make_home(tmp_path / "home")
    (home.folder / "nowhere.db").write_text("no folder", encoding="utf-8")
    home.insert(("PO-1", 10))
    assert home.po("nightly").code == 0
    return home


ENDS: Final = frozenset({"_give_back", "_GeneratorContextManager.__exit__"})
"""What gives back what a `with` holds: interrupted at its very beginning, it has not."""


def decisive(passed: Sequence[str], count: int) -> list[int]:
    """Return the points at which something is given back, and right after the first, and a sample of the others."""
    ends = [at for at, name in enumerate(passed, 1) if name in ENDS][:20]
    return sorted({*range(1, min(12, len(passed)) + 1), *ends, *some(range(1, len(passed) + 1), count)})


def lines(file: Path) -> list[str]:
    return file.read_text("utf-8").splitlines() if file.exists() else []


@pytest.mark.parametrize("since", ["Journal._spool_failure", "FileSpool.put"])
def test_r14_a_failure_that_is_spooled_while_a_signal_comes_is_kept_whole_and_once(
    home: Home, warm: Forks, since: str
) -> None:
    """Also where the signal broke off the taking of the spool's lock, or what gives it back."""
    audit = home.folder / "logs" / "audit.jsonl"
    spool = audit.with_name("audit.jsonl.spool")
    home.configure(STORE_DOWN)
    _, passed = (warm.run(home, of="calls", since=since).passed for _ in range(2))  # the first makes the spool
    kept = passed[: len(passed) - passed[::-1].index("_end")]  # what comes then tells of what was kept
    for at in decisive(kept, 15):
        before = len(lines(spool)), len(lines(audit))
        ended = warm.run(home, at, of="calls", since=since)
        about = f"{at} {ended.passed}: {ended.done}, {ended.seconds:.1f} s"
        assert (len(lines(spool)) - before[0], len(lines(audit)) - before[1]) == (2, 2), about
        assert "Traceback" not in ended.done.err, about
        assert ended.seconds < 3, about
        assert ended.done.code in {1, 7}, about
    home.configure()
    waited = [parse_line(line)["event_id"] for line in lines(spool)]
    assert home.po("nightly").code == 0
    assert home.po("audit", "verify").code == 0
    in_store = Counter(each["event_id"] for each in home.po("audit", "list", "--json").json)
    assert in_store == Counter(parse_line(line)["event_id"] for line in lines(audit))
    assert {in_store[event_id] for event_id in waited} == {1}


def assert_recorded(home: Home, warm: Forks, since: str, points: Sequence[int]) -> None:
    """Have nights fail while a signal comes; each has one code in store, trail and process."""
    for at in points:
        ended = warm.run(home, at, of="calls", since=since)
        (run,) = home.po("runs", "--limit", "1", "--json").json
        about = f"{at} {ended.passed}: {ended.done}"
        assert (run["status"], (run["report"] or {}).get("exit_code"), ended.done.code) == ("failed", 4, 4), about
    assert home.po("nightly").code == 4  # nobody disturbs it: it completes the audit file
    assert home.po("audit", "verify").code == 0
    events = home.po("audit", "list", "--type", "ingestion_failed", "--json").json
    assert set(Counter(each["run_id"] for each in events).values()) == {1}


@pytest.mark.parametrize("since", ["Journal._recorded", "Journal._with_report"])
def test_r2_a_failure_that_is_recorded_while_a_signal_comes_keeps_its_code_in_store_and_process(
    home: Home, warm: Forks, since: str
) -> None:
    """The second half of the points is the way out, the lock's release in it."""
    home.erp("DROP TABLE erp_order_lines")
    passed = warm.run(home, of="calls", since=since).passed
    assert_recorded(home, warm, since, some(range(1, len(passed) + 1), 30))


@pytest.mark.parametrize("since", ["Journal._write_failure", "_end"])
def test_r2_a_signal_where_a_failure_is_written_or_told_on_keeps_its_code_too(
    home: Home, warm: Forks, since: str
) -> None:
    home.erp("DROP TABLE erp_order_lines")
    passed = warm.run(home, of="calls", since=since).passed
    assert_recorded(home, warm, since, decisive(passed, 5))
