"""What looks wrong about a snapshot and breaks no guard is told: when, and when not."""

from __future__ import annotations

from collections import Counter
from typing import Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from po_ingest.doubts import FEWEST_LINES, FEWEST_TEXTS, found
from po_ingest.guards import Snapshot
from po_ingest.recoding import CODE_PAGES, is_recoded
from po_ingest.settings import ColumnSettings
from po_ingest.stages.report import Tally
from support.world import World, line

LINES: Final = Snapshot(active_rows=100, active_before=100, has_previous=True, filled_before={})


def told(tally: Tally, snapshot: Snapshot = LINES) -> list[str]:
    return found(tally, snapshot, None, {})


@pytest.mark.parametrize(("moved", "is_told"), [(0, False), (50, False), (51, True), (100, True)])
def test_a_field_that_moved_in_most_lines_is_told(moved: int, *, is_told: bool) -> None:
    assert bool(told(Tally(moved=Counter(promised_date=moved, sku=10)))) is is_told


def test_only_lines_that_were_active_and_are_count() -> None:
    tally = Tally(moved=Counter(sku=31), missing=20, closed=20)
    assert told(tally)[0].startswith("of 60 lines that were active and still are, most have other values: sku in 31;")
    assert told(attrs.evolve(tally, moved=Counter(sku=30))) == []


@pytest.mark.parametrize(("lines", "is_told"), [(FEWEST_LINES - 1, False), (FEWEST_LINES, True)])
def test_in_a_few_lines_anything_may_happen(lines: int, *, is_told: bool) -> None:
    snapshot = attrs.evolve(LINES, active_before=lines)
    assert bool(told(Tally(moved=Counter(sku=lines)), snapshot)) is is_told


@pytest.mark.parametrize(("texts", "is_told"), [(FEWEST_TEXTS - 1, False), (FEWEST_TEXTS, True)])
def test_a_few_texts_may_be_corrections_by_hand(texts: int, *, is_told: bool) -> None:
    assert bool(told(Tally(recoded=Counter(item=texts, sku=0)))) is is_told


def test_a_column_that_is_gone_is_told_but_no_slot_and_no_default() -> None:
    before = {"sku": "['sku']", "supplier_code": "None 'DEFAULT'", "custom_text_1": "['x']", "ignored_fields": "item"}
    now = {"supplier_code": "None 'DEFAULT'"}
    (text,) = found(Tally(), LINES, before, now)
    assert text == "the query's result has no column for sku any more; lines keep their last values there"
    assert found(Tally(), LINES, now, before) == []
    assert "supplier_code" in found(Tally(), LINES, {"supplier_code": "['s'] 'DEFAULT'"}, now)[0]


def lines_with(**values: object) -> list[dict[str, object]]:
    return [line("PO-1", number, **values) for number in range(1, 31)]


def reasons(world: World) -> list[str | None]:
    return [reason for kind, reason in world.audit() if kind == "ingestion_completed"]


def test_what_the_configuration_or_the_cross_reference_moved_is_not_told() -> None:
    world = World(lines_with(sku="a", other="b", item_code="I"))
    world.night()
    world.mapping = {"sku": ColumnSettings(column="other")}
    assert world.night().change_events_detected == 30
    world.xref = [{"erp_item_code": "I", "mapped_sku": "mapped", "is_active": 1}]
    assert world.night().change_events_detected == 30
    assert reasons(world) == [None, None, None]


def test_what_was_filled_or_emptied_is_not_told() -> None:
    world = World(lines_with(sku="a", item=None))
    world.night()
    world.lines = lines_with(sku=None, item="b")
    assert world.night().lines_changed == 30
    assert reasons(world) == [None, None]


def test_lines_that_came_back_are_not_told() -> None:
    world = World(lines_with(sku="a"))
    world.night()
    world.lines = []
    world.night()
    world.lines = lines_with(sku="b")
    assert world.night().reappeared_po_lines == 30
    assert reasons(world) == [None, None, None]


def test_a_rebaseline_tells_it_too() -> None:
    world = World(lines_with(sku="a"))
    world.night()
    world.lines = lines_with(sku="b")
    world.night(rebaseline=True)
    assert "sku in 30" in str(reasons(world)[-1])


def test_a_doubt_of_a_try_that_failed_is_not_told_by_a_night_without_one() -> None:
    world = World(lines_with(sku="a"))
    world.night()
    world.lines = lines_with(sku="b")
    world.night()
    world.night()
    assert [reason is None for reason in reasons(world)] == [True, False, True]


# -- code pages

GERMAN: Final = "Müller & Søren, Straße 5"
GARBLED: Final = GERMAN.encode("utf-8").decode("cp1252")


@pytest.mark.parametrize(
    ("previous", "new"),
    [
        (GERMAN, GARBLED),
        (GARBLED, GERMAN),
        (GERMAN, "M\ufffdller & S\ufffdren, Stra\ufffde 5"),
        (GERMAN, "M\ufffd\ufffdller and something that was cut"),
        (GERMAN, "M?ller & S?ren, Stra?e 5"),
        ("Müller", "M³ller"),
        ("Łódź", "Å\x81Ã³dÅº"),
    ],
)
def test_a_text_in_another_code_page_is_seen(previous: str, new: str) -> None:
    assert is_recoded(previous, new)


@pytest.mark.parametrize(
    ("previous", "new"),
    [
        ("Muller", "Smith"),
        ("Muller", "Müller"),
        ("Müller", "Mueller"),
        ("Müller", "Möller"),
        (GERMAN, "Søren"),
        ("a \ufffd", "b \ufffd"),
        ("What?", "What ü"),
    ],
)
def test_a_text_that_is_another_one_is_not(previous: str, new: str) -> None:
    assert not is_recoded(previous, new)


@given(st.text(st.characters(min_codepoint=0xC0, max_codepoint=0xFF), min_size=1), st.sampled_from(CODE_PAGES[2:]))
def test_utf_8_read_as_any_other_code_page_is_seen(text: str, page: str) -> None:
    assert is_recoded(text, text.encode("utf-8").decode(page, "replace"))
