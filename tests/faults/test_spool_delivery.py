"""What waits in the spool comes to store and file exactly once, wherever a process is killed (R14)."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

from po_ingest.audit_chain import parse_line
from po_ingest_adapters.audit.spool import FileSpool
from support.command_line import NO_RETRY, Home, make_home
from support.matrix import IS_FULL, LIMIT
from support.places import place_of
from support.trails import event

pytestmark = [pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL and fork are POSIX features"), LIMIT]
if sys.platform != "win32":
    from support.deaths import KILLED, run_and_die, run_at_once

STORE_DOWN = NO_RETRY + '[store]\nurl = "sqlite:///nowhere.db/po-ingest.db"\n'


@pytest.fixture(params=["sqlite", "postgresql"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    home = make_home(tmp_path / "home", place_of(request.param, request, "spooled"))
    (home.folder / "nowhere.db").write_text("no folder", encoding="utf-8")
    home.insert(("PO-1", 10))
    assert home.po("nightly").code == 0
    return home


def spool_of(home: Home) -> FileSpool:
    file = home.folder / "logs" / "audit.jsonl"
    return FileSpool(file.with_name("audit.jsonl.spool"), file)


def put(home: Home, number: int) -> str:
    """Have an event wait, as a night without a store does; return its id."""
    told = event(number, "ingestion_failed", run_id=None, po_line_id=None, new_values={"erp": "shop"})
    spool_of(home).put([told])
    return told.event_id


def assert_told_once(home: Home, waited: list[str]) -> None:
    """See that store and file are sound, and have each event that waited once."""
    done = home.po("audit", "verify")
    assert (done.code, done.err) == (0, "")
    in_store = Counter(each["event_id"] for each in home.po("audit", "list", "--json").json)
    lines = (home.folder / "logs" / "audit.jsonl").read_text("utf-8").splitlines()
    in_file = Counter(parse_line(line)["event_id"] for line in lines)
    for event_id in waited:
        assert (in_store[event_id], in_file[event_id]) == (1, 1)
    assert in_store == in_file
    assert spool_of(home).pending() == []


def test_r14_a_delivery_that_is_killed_between_any_two_steps_is_made_good_by_the_next_run(home: Home) -> None:
    waited: list[str] = []
    code, at = KILLED, 0
    while code == KILLED:
        waited.append(put(home, at + 1))
        code = run_and_die("begin", at, "--config", str(home.config), "nightly")
        assert home.po("nightly").code == 0
        at += 1 if home.place is None or IS_FULL else 2  # of the same statements; every second one, for time's sake
    assert code == 0
    assert at > 12  # statements, the commit, and what clears the spool
    assert_told_once(home, waited)


def test_r14_a_night_that_is_killed_while_it_spools_loses_nothing_that_was_kept(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    (home.folder / "nowhere.db").write_text("no folder", encoding="utf-8")
    home.insert(("PO-1", 10))
    waited: list[str] = []
    code, at = KILLED, 0
    while code == KILLED:
        home.configure(STORE_DOWN)
        code = run_and_die("put", at, "--config", str(home.config), "nightly")
        waited += [each.event_id for each, _ in spool_of(home).pending()]
        home.configure()
        assert home.po("nightly").code == 0
        at += 1
    assert code == 7
    assert at > 6  # locks, files and syncs of both files
    assert len(waited) > 8
    assert_told_once(home, waited)


def test_r14_two_runs_that_deliver_at_once_deliver_each_event_once(home: Home) -> None:
    other = home.folder / "other.toml"
    other.write_text(home.config.read_text("utf-8").replace('name = "shop"', 'name = "other"'), encoding="utf-8")
    waited = []
    for number in (1, 2):
        waited.append(put(home, number))
        codes = run_at_once(("--config", str(home.config), "nightly"), ("--config", str(other), "nightly"))
        assert codes == [0, 0]
    lines = (home.folder / "logs" / "audit.jsonl").read_text("utf-8").splitlines()
    assert home.po("nightly").code == 0
    done = home.po("audit", "verify")
    assert (done.code, done.err) == (0, "")
    found = Counter(parse_line(line)["event_id"] for line in lines)
    assert [found[event_id] for event_id in waited] == [1, 1]
    assert set(found.values()) == {1}
    assert spool_of(home).pending() == []
