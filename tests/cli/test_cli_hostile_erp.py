"""An ERP that gives nonsense: what a guard refuses changes nothing, what none can refuse is told (R7, R8)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from support.hostile_erp import COLUMNS, HostileErp, Row, copied, good_rows, make_erp, with_baseline

GOOD: Final = good_rows()


@pytest.fixture(scope="module")
def sqlite_erp(tmp_path_factory: pytest.TempPathFactory) -> HostileErp:
    return with_baseline(make_erp(tmp_path_factory.mktemp("hostile") / "sqlite", "sqlite"))


@pytest.fixture(scope="module")
def csv_erp(tmp_path_factory: pytest.TempPathFactory) -> HostileErp:
    return with_baseline(make_erp(tmp_path_factory.mktemp("hostile") / "csv", "csv"))


@pytest.fixture
def erp(sqlite_erp: HostileErp, tmp_path: Path) -> HostileErp:
    return copied(sqlite_erp, tmp_path / "erp")


@pytest.fixture
def files(csv_erp: HostileErp, tmp_path: Path) -> HostileErp:
    return copied(csv_erp, tmp_path / "erp")


def changed(**values: Any) -> list[Row]:  # noqa: ANN401 - what an ERP may hold
    return [{**row, **values} for row in GOOD]


def swapped(first: str, second: str) -> list[Row]:
    return [{**row, first: row[second], second: row[first]} for row in GOOD]


def with_items_of_others() -> list[Row]:
    """Return all lines, each with the values of the next one: the keys were given to other items."""
    keys = ("po_number", "line_number")
    return [{**other, **{key: row[key] for key in keys}} for row, other in zip(GOOD, [*GOOD[1:], GOOD[0]], strict=True)]


@attrs.frozen
class Refused:
    """A night that a guard refuses."""

    rows: Sequence[Row]
    told: Sequence[str]  # in the message and its further lines
    is_lifted: bool  # by --allow-shrink


def emptied(field: str) -> str:
    return f"{field} was emptied in 60 of 60 lines, max_emptied_ratio is 0.5"


def missing(lines: int) -> str:
    return f"{lines} of 60 active lines are missing, max_absent_ratio is 0.2"


def rejected(rows: int, active: int) -> str:
    return f"{rows} rows were rejected, {active} rows are active, max_rejected_ratio is 0.05"


REFUSED: Final = {
    "no rows": Refused([], ["0 active lines were taken, min_lines is 1", missing(60)], is_lifted=True),
    "half the rows": Refused(GOOD[:30], [missing(30)], is_lifted=True),
    "rows that end early": Refused(GOOD[:47], [missing(13)], is_lifted=True),
    "all lines under new keys": Refused(
        [{**row, "po_number": f"NEW-{row['po_number']}"} for row in GOOD], [missing(60)], is_lifted=True
    ),
    "all lines closed": Refused(
        changed(current_status="closed"), ["0 active lines were taken, min_lines is 1"], is_lifted=True
    ),
    "all dates none": Refused(
        changed(in_date=None, promised_date=None), [emptied("in_date"), emptied("promised_date")], is_lifted=True
    ),
    "one column empty": Refused(changed(final_customer=""), [emptied("final_customer")], is_lifted=True),
    "a custom column empty": Refused(changed(unit_price=None), [emptied("custom_decimal_1")], is_lifted=True),
    "all rows doubled, all different": Refused(
        [*GOOD, *changed(ordered_quantity=1)],
        [rejected(120, 120), "po_lines: 120 rows rejected: another, different row has this key"],
        is_lifted=False,
    ),
    "keys none": Refused(
        changed(po_number=None), [rejected(60, 60), "60 rows rejected: po_number is missing"], is_lifted=False
    ),
    "a date and a text swapped": Refused(
        swapped("promised_date", "final_customer"),
        [rejected(60, 60), "60 rows rejected: promised_date "],
        is_lifted=False,
    ),
    "all dates zero": Refused(
        changed(promised_date="0000-00-00"), [rejected(60, 60), "promised_date"], is_lifted=False
    ),
    "a number format gone wrong": Refused(
        changed(ordered_quantity="1.234,00"), [rejected(60, 60), "ordered_quantity"], is_lifted=False
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_r7_a_hostile_night_is_refused_with_its_counts_and_the_next_good_one_is_normal(
    erp: HostileErp, what: str
) -> None:
    case, before = REFUSED[what], erp.history()
    erp.give(case.rows)
    done = erp.po("nightly")
    assert done.code == 5
    assert done.out == ""
    assert done.error.startswith("po-ingest: error: the snapshot was refused, nothing was changed: ")
    assert case.told[0] in done.error
    for told in case.told:
        assert told in done.err
    assert erp.history() == before
    lifted = erp.po("nightly", "--allow-shrink", "--dry-run")
    assert lifted.code == (0 if case.is_lifted else 5)
    erp.give(GOOD)
    done = erp.po("nightly", "--json")
    assert (done.code, done.err) == (0, "")
    counts = ("change_events_detected", "absent_po_lines", "reappeared_po_lines", "new_lines_created", "rows_rejected")
    assert [done.json[count] for count in counts] == [0, 0, 0, 0, 0]
    assert erp.history() == before
    assert erp.po("audit", "verify").code == 0


def test_r7_a_hostile_first_night_is_refused_too_and_the_next_is_the_baseline(tmp_path: Path) -> None:
    erp = make_erp(tmp_path / "erp", "sqlite")
    for rows, told in (([], "min_lines"), (changed(in_date="?"), "max_rejected_ratio")):
        erp.give(rows)
        done = erp.po("nightly", "--json")
        assert (done.code, done.json["status"]) == (5, "failed")
        assert told in done.error
        assert {table: rows for table, rows in erp.history().items() if rows} == {}
    erp.give(GOOD)
    done = erp.po("nightly", "--json")
    assert (done.code, done.json["baseline"], done.json["po_lines_processed"]) == (0, True, 60)


def test_r8_rows_doubled_and_all_equal_are_one_line_each(erp: HostileErp) -> None:
    before = erp.history()
    erp.give([*GOOD, *reversed(GOOD), *GOOD])
    done = erp.po("nightly", "--json")
    assert (done.code, done.err, done.json["po_lines_processed"]) == (0, "", 60)
    assert erp.history() == before


def test_r8_a_few_keys_given_twice_are_rejected_and_keep_their_state(erp: HostileErp) -> None:
    before = erp.values()
    erp.give([*GOOD, {**GOOD[0], "sku": "another"}])
    done = erp.po("nightly", "--json")
    assert (done.code, done.json["rows_rejected"], done.json["absent_po_lines"]) == (0, 2, 0)
    assert erp.values() == before
    assert erp.po("nightly", "--strict").code == 3


# -- what no guard can refuse: applied, told, and put right by the next good night


def read_as(written: str, read: str) -> list[Row]:
    def wrong(text: object) -> object:
        return text.encode(written, "replace").decode(read, "replace") if isinstance(text, str) else text

    return [{name: wrong(value) for name, value in row.items()} for row in GOOD]


TEXTS: Final = "texts differ as if they were read in another code page: final_customer in 30 lines, item in 30 lines"
MOST: Final = "of 60 lines that were active and still are, most have other values: "
DOUBTFUL: Final[dict[str, tuple[list[Row], str]]] = {
    "keys given to other items": (
        with_items_of_others(),
        (
            f"{MOST}custom_decimal_1 in 60, final_customer in 60, in_date in 60, item in 60, ordered_quantity in 60, "
            "promised_date in 60, sku in 60, supplier_code in 60"
        ),
    ),
    "quantity and price swapped": (
        swapped("ordered_quantity", "unit_price"),
        f"{MOST}custom_decimal_1 in 60, ordered_quantity in 60",
    ),
    "two dates swapped": (swapped("in_date", "promised_date"), f"{MOST}in_date in 60, promised_date in 60"),
    "one date for all": (changed(promised_date="2026-01-01"), f"{MOST}promised_date in 60"),
    "UTF-8 read as cp1252": (read_as("utf-8", "cp1252"), TEXTS),
    "UTF-8 read as latin-1": (read_as("utf-8", "latin-1"), TEXTS),
    "cp1252 read as cp850": (read_as("cp1252", "cp850"), TEXTS),
    "cp1252 read as UTF-8, with replacement characters": (read_as("cp1252", "utf-8"), TEXTS),
    "question marks for all that is not ASCII": (read_as("ascii", "ascii"), TEXTS),
}


@pytest.mark.parametrize("what", DOUBTFUL)
def test_what_no_guard_refuses_is_applied_told_and_put_right_by_the_next_good_night(erp: HostileErp, what: str) -> None:
    (rows, told), before = DOUBTFUL[what], erp.values()
    erp.give(rows)
    dry = erp.po("nightly", "--dry-run")
    done = erp.po("nightly", "--json")
    assert (dry.code, done.code, done.json["status"]) == (0, 0, "completed")
    assert told in done.err
    assert dry.err == done.err
    (event,) = erp.po("audit", "list", "--type", "ingestion_completed", "--limit", "1", "--json").json
    assert event["severity"] == "warning"
    assert told in event["reason"]
    erp.give(GOOD)
    assert erp.po("nightly").code == 0
    assert erp.values() == before
    done = erp.po("nightly", "--json")
    assert (done.err, done.json["change_events_detected"]) == ("", 0)
    assert erp.po("store", "verify").code == 0


def test_a_column_that_is_gone_is_told_and_its_lines_keep_their_values(erp: HostileErp) -> None:
    before = erp.values()
    erp.give(GOOD, [name for name in COLUMNS if name not in {"promised_date", "supplier_code"}])
    done = erp.po("nightly")
    assert done.code == 0
    assert "no column for promised_date, supplier_code any more; lines keep their last values there" in done.err
    assert erp.values() == before
    assert erp.po("nightly").err == ""  # told once: the audit trail has it


def test_an_ordinary_night_raises_no_doubt(erp: HostileErp) -> None:
    other = {"promised_date": "2026-05-01", "item": "Zahnräder"}
    erp.give([*({**row, **other} for row in GOOD[:30]), *GOOD[30:], {**GOOD[0], "po_number": "PO-99"}])
    done = erp.po("nightly", "--json")
    assert (done.code, done.err, done.json["lines_changed"]) == (0, "", 30)
    (event,) = erp.po("audit", "list", "--type", "ingestion_completed", "--limit", "1", "--json").json
    assert (event["severity"], event["reason"]) == ("info", None)


# -- files


def test_r7_a_file_with_a_header_alone_is_refused(files: HostileErp) -> None:
    before = files.history()
    files.give([])
    done = files.po("nightly")
    assert done.code == 5
    assert "0 active lines were taken" in done.error
    assert files.history() == before


@pytest.mark.parametrize(
    ("content", "told"), [(b"", "erp_order_lines.csv is empty"), (None, "the ERP has no table erp_order_lines")]
)
def test_a_file_that_is_empty_or_gone_is_exit_4(files: HostileErp, content: bytes | None, told: str) -> None:
    before = files.history()
    if content is None:
        files.csv_file.unlink()
    else:
        files.csv_file.write_bytes(content)
    done = files.po("nightly")
    assert done.code == 4
    assert told in done.error
    assert files.history() == before


def test_r7_a_file_that_was_cut_is_exit_4_within_a_row_and_refused_at_a_rows_end(files: HostileErp) -> None:
    before, whole = files.history(), files.csv_file.read_bytes()
    within = whole[: whole.index(b"PO-31") + 12]
    files.csv_file.write_bytes(within)
    done = files.po("nightly")
    assert done.code == 4
    assert "erp_order_lines.csv, line 32: the row has 3 cells and the first row 11" in done.error
    files.csv_file.write_bytes(whole[: whole.index(b"PO-31")])
    done = files.po("nightly")
    assert done.code == 5
    assert missing(30) in done.error
    assert files.history() == before
    files.csv_file.write_bytes(whole)
    assert files.po("nightly", "--json").json["change_events_detected"] == 0


def test_a_file_in_another_encoding_is_exit_4_or_told(files: HostileErp) -> None:
    before = files.history()
    files.give(GOOD, encoding="cp1252")
    done = files.po("nightly")
    assert done.code == 4
    assert "is not utf-8" in done.error
    assert files.history() == before
    config = files.folder / "po-ingest.toml"
    config.write_text(config.read_text("utf-8") + '[erp.csv]\nencoding = "cp1252"\n', encoding="utf-8")
    files.give(GOOD)
    done = files.po("nightly")
    assert done.code == 0
    assert TEXTS in done.err
