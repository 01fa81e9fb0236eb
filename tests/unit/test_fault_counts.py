"""What the matrices of faults counted is printed as rows that docs/reliability.md takes."""

from __future__ import annotations

import re

from support import fault_counts
from support.fault_counts import Counts
from support.matrix import Book
from support.paths import ROOT


def counted(title: str, **outcomes: int) -> Counts:
    book = Book(title)
    for outcome, count in outcomes.items():
        for _ in range(count):
            book.note("sql SELECT 1", outcome)
    return book.counts("test_it")


def test_a_night_is_a_row_with_its_commonest_outcome_first() -> None:
    told = [counted("killed, sqlite, nightly", applied=2, abandoned=5), counted("killed, sqlite, baseline", applied=1)]
    assert fault_counts.rows(told) == [
        "| killed, sqlite, baseline | 1 | 1 applied | `test_it` |",
        "| killed, sqlite, nightly | 7 | 5 abandoned, 2 applied | `test_it` |",
    ]


def test_an_error_is_a_row_for_all_stores_and_nights() -> None:
    nights = [f"error, transient, once, {store}, nightly" for store in ("sqlite", "postgresql")]
    told = [counted(night, **{"exit 0": 3, "exit 3": 1}) for night in nights]
    assert fault_counts.rows(told) == ["| error, transient, once | 8 | 6 times exit 0, 2 times exit 3 | `test_it` |"]


def test_a_line_has_the_kinds_of_what_was_tried_too() -> None:
    told = counted("killed, sqlite, nightly", applied=2)
    assert fault_counts.line(told) == "killed, sqlite, nightly: 2 points (SELECT 2); applied 2"


def test_the_rows_have_the_columns_of_the_page() -> None:
    page = (ROOT / fault_counts.PAGE).read_text(encoding="utf-8")
    crashes = page.partition("\n## Crashes\n")[2].partition("\n## ")[0]
    (head,) = re.findall(r"^\| what .*$", crashes, re.MULTILINE)
    (row,) = fault_counts.rows([counted("killed, sqlite, nightly", applied=2)])
    assert row.count("|") == head.count("|")
