"""What every store gives to the health page."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from po_ingest.model import Delta, FieldChange, RejectedRow, SnapshotAction
from po_ingest.ports import Store
from support.store_builders import ERP, KINDS, Nights, known_line, line_values, make_store, new_line


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return make_store(request, tmp_path)


@pytest.fixture
def nights(store: Store) -> Nights:
    return Nights(store)


def move(line_id: int, key: tuple[str, int], previous: str | None, new: str, cause: str = "erp") -> Delta:
    """Return the delta of a promise that moves."""
    change = FieldChange("promised_date", previous, new, cause)  # type: ignore[arg-type]  # one of the causes
    values = line_values(promised_date=date.fromisoformat(new))
    return Delta(changes=(known_line(line_id, key, values=values, fields=(change,), snapshot=SnapshotAction.REPLACE),))


def test_promises_that_the_erp_moved_come_with_what_they_were_and_are_and_how_often(
    store: Store, nights: Nights
) -> None:
    a, b, c = nights.changes(new_line(("A", 1)), new_line(("B", 1)), new_line(("C", 1)))
    nights.night(move(a, ("A", 1), "2026-01-01", "2026-02-01"), move(b, ("B", 1), "2026-01-01", "2026-01-05", "config"))
    nights.night(move(a, ("A", 1), "2026-02-01", "2026-03-01"), move(c, ("C", 1), None, "2026-01-05"))
    with store.read() as view:
        (row,) = view.promise_moves(ERP, 1)
        (later,) = view.promise_moves(ERP, 3)
        assert list(view.promise_moves(ERP, 4)) == []
        assert list(view.promise_moves("other", 1)) == []
    assert [str(value) for value in row] == ["A", "1", "None", "2026-01-01", "2026-03-01", "2"]
    assert (later[3], later[5]) == ("2026-02-01", 1)


def test_the_newest_changes_come_first_and_not_more_than_wanted(store: Store, nights: Nights) -> None:
    a, _ = nights.changes(new_line(("A", 1)), new_line(("B", 1)))
    nights.night(move(a, ("A", 1), "2026-01-01", "2026-02-01"))
    with store.read() as view:
        found = view.latest_changes(ERP, 1, 10)
        assert [(row["po_number"], row["kind"]) for row in found] == [
            ("A", "changed"),
            ("B", "created"),
            ("A", "created"),
        ]
        assert found == [*view.changes(ERP)][::-1]
        assert view.latest_changes(ERP, 1, 2) == found[:2]
        assert view.latest_changes(ERP, 2, 10) == found[:1]
        assert view.latest_changes("other", 1, 10) == []


def test_rejected_rows_come_by_run_and_not_more_than_wanted(store: Store, nights: Nights) -> None:
    rows = tuple(RejectedRow("po_lines", f"PO-{number}", number, "sku", "because", {}) for number in (1, 2, 3))
    nights.night(Delta(rejected=rows))
    nights.night(Delta(rejected=rows[:1]))
    with store.read() as view:
        found = view.rejected_rows(1, 2)
        assert [(row["po_number"], row["line_number"], row["field"]) for row in found] == [
            ("PO-1", 1, "sku"),
            ("PO-2", 2, "sku"),
        ]
        assert found[0] == {**found[0], "run_id": 1, "query": "po_lines", "reason": "because"}
        assert len(view.rejected_rows(2, 9)) == 1
        assert view.rejected_rows(3, 9) == []
