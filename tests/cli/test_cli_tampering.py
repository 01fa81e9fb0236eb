"""`audit verify` after somebody has laid hands on the audit file, or on the store past its triggers (R14)."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from po_ingest.audit_chain import GENESIS, Columns, event_of, link
from support.command_line import NO_RETRY, Done, Home, make_home
from support.places import Place

STORE_DOWN: Final = NO_RETRY + '[store]\nurl = "sqlite:///nowhere.db/po-ingest.db"\n'
LAST: Final = 18
"""The id of the trail's last event."""


@attrs.frozen
class Crime:
    """A home whose trail is sound, until a test lays hands on it."""

    home: Home

    @property
    def file(self) -> Path:
        return self.home.folder / "logs" / "audit.jsonl"

    def lines(self) -> list[str]:
        return self.file.read_text("utf-8").splitlines(keepends=True)

    def write(self, lines: list[str]) -> None:
        self.file.write_text("".join(lines), encoding="utf-8")

    def events(self) -> list[Columns]:
        listed: list[Columns] = self.home.po("audit", "list", "--json").json
        return listed

    def in_store(self, *statements: str) -> None:
        """Take the triggers away, as only the table's owner can, and lay hands on the table."""
        if self.home.place is not None:
            self.home.in_store("ALTER TABLE audit_event DISABLE TRIGGER ALL")
        else:
            for what in ("update", "delete", "replace"):
                self.home.in_store(f"DROP TRIGGER audit_event_no_{what}")
        for statement in statements:
            self.home.in_store(statement)

    def verify(self) -> Done:
        return self.home.po("audit", "verify")


def lived(home: Home) -> Home:
    """Let five nights pass: one without the store, one without the ERP, the others with changes."""
    (home.folder / "nowhere.db").write_text("no folder", encoding="utf-8")
    home.insert(("PO-1", 10, "M-1", "V1", 12), ("PO-1", 20, "M-2", "V1", 5))
    codes = [home.po("nightly").code]
    home.configure(STORE_DOWN)
    codes.append(home.po("nightly").code)
    home.configure()
    home.erp("UPDATE erp_order_lines SET ordered_quantity = 13 WHERE line_number = 10")
    codes.append(home.po("nightly").code)
    home.erp("ALTER TABLE erp_order_lines RENAME TO elsewhere")
    codes.append(home.po("nightly").code)
    home.erp("ALTER TABLE elsewhere RENAME TO erp_order_lines", "DELETE FROM erp_order_lines WHERE line_number = 20")
    codes.append(home.po("nightly").code)
    assert codes == [0, 7, 0, 4, 0]
    return home


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory, place: Callable[[str], Place | None]) -> Home:
    home = lived(make_home(tmp_path_factory.mktemp("tampering") / "a home", place("tampering")))
    if home.place is not None:
        home.in_store("CREATE TABLE saved AS SELECT * FROM audit_event")
    shutil.copytree(home.folder, home.folder.with_name("saved"))
    return home


@pytest.fixture
def crime(scene: Home) -> Iterator[Crime]:
    """Give a sound trail; whatever is done to it is undone afterwards."""
    yield Crime(scene)
    if scene.place is not None:
        scene.in_store("ALTER TABLE audit_event DISABLE TRIGGER ALL; TRUNCATE audit_event; DROP TABLE IF EXISTS other")
        scene.in_store("INSERT INTO audit_event SELECT * FROM saved; ALTER TABLE audit_event ENABLE TRIGGER ALL")
    shutil.rmtree(scene.folder)
    shutil.copytree(scene.folder.with_name("saved"), scene.folder)


def test_r14_a_trail_nobody_laid_hands_on_is_sound(crime: Crime) -> None:
    before = crime.home.files()
    done = crime.verify()
    assert (done.code, done.err, done.pairs["faults"]) == (0, "", "0")
    assert crime.home.files() == before
    assert (done.pairs["events"], done.pairs["runs"], done.pairs["lines_of_file"]) == (str(LAST), "4", str(LAST))
    assert [event["id"] for event in crime.events()] == list(range(1, LAST + 1))


# -- the file


def altered(lines: list[str], at: int, **values: Any) -> list[str]:  # noqa: ANN401 - anything that JSON holds
    return [*lines[:at], json.dumps({**json.loads(lines[at]), **values}) + "\n", *lines[at + 1 :]]


def named(pattern: str, crime: Crime) -> str:
    """Put the events of lines of the file into a pattern: `{3}` as they are named, `{3id}` their `event_id`."""
    numbers = {event["event_id"]: event["id"] for event in crime.events()}
    for line, event_id in enumerate(json.loads(each)["event_id"] for each in crime.lines()):
        pattern = pattern.replace(f"{{{line}}}", re.escape(f"event {numbers[event_id]} ({event_id})"))
        pattern = pattern.replace(f"{{{line}id}}", event_id)
    return pattern


FILE: Final[dict[str, tuple[Callable[[list[str]], list[str]], str]]] = {
    "a value altered": (
        lambda lines: altered(lines, 6, reason="x"),
        "{6}: line 7 of .* differs from the store in reas",
    ),
    "a spooled event altered": (lambda lines: altered(lines, 5, reason="x"), "{5}: line 6 .* differs .* in reason"),
    "an id altered": (lambda lines: altered(lines, 6, id=99), "{6}: line 7 of the audit file differs .* in id"),
    "a first line removed": (lambda lines: lines[1:], "{0}: it is missing from the audit file"),
    "a line removed": (lambda lines: [*lines[:7], *lines[8:]], "{7}: it is missing from the audit file"),
    "a spooled event removed": (lambda lines: [*lines[:5], *lines[6:]], "{5}: it is missing from the audit file"),
    "a line doubled": (lambda lines: [*lines[:8], lines[7], *lines[8:]], r"line 9 .* \({7id}\) .*comes twice"),
    "a spooled event doubled": (lambda lines: [*lines, lines[5]], "line 19 .* event {5id} is neither in the store"),
    "the last line doubled": (lambda lines: [*lines, lines[-1]], "line 19 .*comes twice"),
    "two lines swapped": (
        lambda lines: [*lines[:7], lines[8], lines[7], *lines[9:]],
        "{7}: it is missing from the audit file",
    ),
    "the tail cut off": (lambda lines: lines[:-2], "{16}: it is missing from the audit file"),
    "everything cut off": (lambda _: [], "{0}: it is missing from the audit file"),
    "a last line torn": (lambda lines: [*lines[:-1], lines[-1][:50]], "{17}: it is missing from the audit file"),
    "a line in the middle torn": (
        lambda lines: [*lines[:7], lines[7][:50] + "\n", *lines[8:]],
        "line 8 of the audit file: it is no audit event",
    ),
    "a foreign line put in": (lambda lines: [*lines[:7], "{}\n", *lines[7:]], "line 8 .* it is no audit event"),
    "an event put in": (
        lambda lines: [*lines, *altered(lines[-1:], 0, id=LAST + 1, event_id="forged")],
        r"line 19 .*: event 19 \(forged\) is not in the store",
    ),
    "an event put in as if spooled": (
        lambda lines: [*lines, *altered(lines[5:6], 0, event_id="forged")],
        "line 19 .*: event forged is neither in the store nor in the spool",
    ),
}


@pytest.mark.of_sqlite
@pytest.mark.parametrize("what", FILE)
def test_r14_what_was_done_to_the_file_is_exit_1_and_named(crime: Crime, what: str) -> None:
    deed, told = FILE[what]
    told = named(told, crime)
    crime.write(deed(crime.lines()))
    done = crime.verify()
    assert done.code == 1
    assert re.search(f"faults, [0-9]+ in all; the first: {told}", done.error), done.error


@pytest.mark.of_sqlite
def test_r14_a_file_of_another_store_is_found(crime: Crime, tmp_path: Path) -> None:
    other = make_home(tmp_path / "other")
    other.insert(("PO-1", 10))
    other.po("nightly")
    shutil.copy(other.folder / "logs" / "audit.jsonl", crime.file)
    done = crime.verify()
    assert done.code == 1
    assert "the first: event 1 (" in done.error
    assert crime.home.po("nightly").code == 3  # and is not gone on with


@pytest.mark.of_sqlite
def test_r14_an_older_copy_of_the_file_lacks_what_came_since(crime: Crime) -> None:
    crime.write(crime.lines()[:9])
    assert "it is missing from the audit file" in crime.verify().error
    assert crime.home.po("nightly").code == 0  # which completes it
    assert crime.verify().code == 0


# -- the store


def swap(first: int, second: int) -> tuple[str, ...]:
    steps = ((first, -1), (second, first), (-1, second))
    return tuple(f"UPDATE audit_event SET id = {new} WHERE id = {old}" for old, new in steps)  # noqa: S608 - numbers


DOUBLE: Final = (
    "CREATE TABLE other AS SELECT * FROM audit_event WHERE id = {0}",
    "UPDATE other SET id = {1}, event_id = {2}",
    "INSERT INTO audit_event SELECT * FROM other",
)


def double(event: int, as_id: int, event_id: str = "'doubled'") -> tuple[str, ...]:
    return tuple(statement.format(event, as_id, event_id) for statement in DOUBLE)


STORE: Final[dict[str, tuple[tuple[str, ...], str, str]]] = {
    # what -> statements, what is told first with the file, and without it
    "a text altered": (
        ("UPDATE audit_event SET reason = 'x' WHERE id = 3",),
        "event 3 (.*): its content is not what its hash was made of: it was altered",
        "event 3 (.*): its content is not",
    ),
    "a time altered": (
        ("UPDATE audit_event SET timestamp = (SELECT min(timestamp) FROM audit_event) WHERE id = 9",),
        "event 9 (.*): its content is not",
        "event 9 (.*): its content is not",
    ),
    "an event given to another run": (
        ("UPDATE audit_event SET run_id = 1 WHERE id = 12",),
        "event 12 (.*): its content is not",
        "event 12 (.*): its content is not",
    ),
    "a hash altered": (
        ("UPDATE audit_event SET hash = '" + "0" * 64 + "' WHERE id = 4",),
        "event 4 (.*): its content is not",
        "event 4 (.*): its content is not",
    ),
    "the first event removed": (
        ("DELETE FROM audit_event WHERE id = 1",),
        "event 2 (.*): it does not follow on the beginning of the trail",
        "event 2 (.*): it does not follow on the beginning of the trail",
    ),
    "an event removed": (
        ("DELETE FROM audit_event WHERE id = 7",),
        "event 8 (.*): it does not follow on event 6: an event was altered, removed or added there",
        "event 8 (.*): it does not follow on event 6",
    ),
    "an event doubled at the end": (
        double(7, LAST + 1),
        "event 19 (doubled): it does not follow on event 18",
        "event 19 (doubled): it does not follow on event 18",
    ),
    "two events swapped": (
        swap(7, 8),
        "event 7 (.*): it does not follow on event 6",
        "event 7 (.*): it does not follow on event 6",
    ),
    "the last event cut off": (
        ("DELETE FROM audit_event WHERE id = (SELECT max(id) FROM audit_event)",),
        "line 18 of the audit file: event 18 (.*) is not in the store",
        "run 4: it is completed, but no event ingestion_completed of it says so",
    ),
    "the tail cut off": (
        ("DELETE FROM audit_event WHERE id > 8",),
        "line 9 of the audit file: event 9 (.*) is not in the store",
        "run 2: it is completed, but no event",
    ),
    "everything cut off": (
        ("DELETE FROM audit_event",),
        "run 1: it is completed, but no event",
        "run 1: it is completed, but no event",
    ),
}


@pytest.mark.parametrize("what", ["a text altered", "an event removed", "two events swapped", "the tail cut off"])
def test_r14_what_was_done_to_the_store_is_exit_1_and_named(crime: Crime, what: str) -> None:
    _assert_found(crime, what)


@pytest.mark.of_sqlite
@pytest.mark.parametrize("what", STORE)
def test_r14_whatever_was_done_to_the_store_is_exit_1_and_named(crime: Crime, what: str) -> None:
    _assert_found(crime, what)


def _assert_found(crime: Crime, what: str) -> None:
    statements, with_file, without = STORE[what]
    crime.in_store(*statements)
    done = crime.verify()
    assert done.code == 1
    told = done.err
    assert _is_told(with_file, told), told
    crime.file.unlink()  # what can be known without it
    done = crime.verify()
    assert done.code == 1
    assert _is_told(f"the first: {without}", done.error), done.error


def _is_told(what: str, text: str) -> bool:
    pattern = re.escape(what).replace(re.escape(".*"), ".*")
    return re.search(pattern, text) is not None


def test_r14_a_tail_cut_off_in_store_and_file_alike_is_found_through_the_runs(crime: Crime) -> None:
    crime.in_store("DELETE FROM audit_event WHERE id > 12")
    crime.write(crime.lines()[:12])
    done = crime.verify()
    assert done.code == 1
    assert "2 in all; the first: run 3: it is failed, but no event ingestion_failed of it says so" in done.error
    assert "run 4: it is completed" in done.err


def test_r14_a_trail_that_was_altered_and_chained_anew_is_found_through_the_file(crime: Crime) -> None:
    events = crime.events()
    events[2] = {**events[2], "reason": "forged"}
    previous, statements = GENESIS, []
    for event in events:
        made = link(previous, int(str(event["id"])), event_of(event))
        statements.append(
            f"UPDATE audit_event SET reason = {'NULL' if event['reason'] is None else repr(event['reason'])}, "  # noqa: S608 - ours
            f"previous_hash = '{previous}', hash = '{made.hash}' WHERE id = {event['id']}"
        )
        previous = made.hash
    crime.in_store(*statements)
    done = crime.verify()
    assert done.code == 1
    assert re.search(r"the first: event 3 \(.*\): line 3 of the audit file differs .* in reason, hash", done.error)
    crime.file.unlink()
    assert crime.verify().code == 0  # what nobody can find without a copy that is out of the forger's reach


def test_r14_a_run_in_progress_is_told_beside_the_faults_that_it_may_explain(crime: Crime) -> None:
    from po_ingest import config, wiring  # noqa: PLC0415 - for this test alone

    crime.write(crime.lines()[:-1])
    assert "in progress" not in crime.verify().err
    store = wiring.open_store(config.load(crime.home.config, {}))
    with store.lock("shop"):
        done = crime.home.po("audit", "verify")
    assert done.code == 1
    assert "warning: a run is in progress" in done.err
