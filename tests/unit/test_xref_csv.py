"""The cross-reference as CSV: what is read, and every fault told with its line."""

from __future__ import annotations

import pytest

from po_ingest.errors import ConfigError
from po_ingest.model import XrefRow
from po_ingest.xref_csv import parse


def faults(content: str | bytes) -> tuple[str, ...]:
    """Return the faults of a content, as they are told."""
    with pytest.raises(ConfigError) as caught:
        parse(content.encode("utf-8") if isinstance(content, str) else content, "items.csv")
    assert "nothing was imported" in caught.value.message
    return caught.value.details or (caught.value.hint,)


def test_columns_come_in_any_order_and_texts_are_trimmed() -> None:
    content = b" Mapped_SKU ,erp_item_code,is_active,updated_at\n S ,\t M-1 ,no,2026-01-01\n"
    assert parse(content, "f") == [XrefRow("M-1", None, "S", None, is_active=False)]


def test_cells_may_have_commas_quotes_and_line_breaks() -> None:
    content = 'erp_item_code,mapped_item\nM-1,"a, ""b""\nc\u2028d"\nM-2,x\n'.encode()
    assert parse(content, "f") == [XrefRow("M-1", None, None, 'a, "b"\nc\u2028d'), XrefRow("M-2", None, None, "x")]


def test_codes_are_exact_and_equal_rows_count_once() -> None:
    assert len(parse(b"erp_item_code\nM-1\nm-1\nM-1\n\n", "f")) == 2


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "line 1: the column erp_item_code is missing; the columns are erp_item_code, supplier_code,"),
        ("mapped_sku\n", "line 1: the column erp_item_code is missing"),
        ("erp_item_code;mapped_sku\n", "line 1: the columns are separated by semicolons"),
        ("erp_item_code,colour\n", "line 1: unknown column 'colour'"),
        ("erp_item_code,erp_item_code\n", "line 1: the column erp_item_code comes twice"),
        ("erp_item_code\nM,x\n", "line 2: it has 2 cells, the header has 1"),
        ("erp_item_code,mapped_sku\n,x\n", "line 2: erp_item_code is empty"),
        ("erp_item_code\n" + "M" * 129 + "\n", "line 2: erp_item_code is longer than 128 characters"),
        ("erp_item_code\nM\0\n", "line 2: erp_item_code has a NUL character"),
        ("erp_item_code,is_active\nM,2\n", "line 2: is_active is neither"),
        ('erp_item_code\n\nM\n"x\n', "line 4: it is no CSV"),
        (
            'erp_item_code,mapped_sku\n"M\n1",a\n\nM-2,b\nM-2,c\n',
            "line 6: the code 'M-2' is on line 5 with other values",
        ),
    ],
)
def test_every_fault_is_told_with_its_line(content: str, told: str) -> None:
    (fault,) = faults(content)
    assert fault.startswith(told)


def test_all_faults_are_told_at_once_in_order() -> None:
    told = faults("erp_item_code,is_active\n,9\nM,1\nM,0\n")
    assert [each.partition(":")[0] for each in told] == ["line 2", "line 2", "line 4"]


def test_a_hundred_faults_will_do() -> None:
    told = faults("erp_item_code,mapped_sku\n" + ",x\n" * 150)
    assert len(told) == 101
    assert told[-1] == "... and 50 more"


def test_another_encoding_is_told_with_its_line() -> None:
    with pytest.raises(ConfigError, match=r"items.csv is not UTF-8: line 3 has the byte 0xfc") as caught:
        parse("erp_item_code,mapped_item\nM-1,x\nM-2,Tür\n".encode("latin-1"), "items.csv")
    assert "CSV UTF-8" in caught.value.hint
