"""Numbers in texts: the formats that a sample such as `1.234,56` stands for.

Grouping is read strictly: a text is either without group separators, or has one before every three digits. So no
separator that was meant otherwise can be skipped over and change a number's size.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Final, TypeAlias

from po_ingest.unreadable import Unreadable

NumberParser: TypeAlias = Callable[[str], Decimal]

BLANK: Final = "[ \\t\u00a0\u2000-\u200a\u202f\u205f\u3000]"
MINUS: Final = "\u2212-"  # the dash last, where it is no range in a character class
GROUPINGS: Final = (",", "[.]", BLANK, "['\u2019]")
DECIMAL_SEPARATORS: Final = (",", "[.]")
UNGROUPED_SAMPLE: Final = re.compile("[0-9]+([.,])[0-9]+")
AMBIGUOUS_SAMPLE: Final = re.compile("[0-9]{1,3}([.,])[0-9]{3}")
PLAIN: Final = re.compile(
    rf"(?P<lead>[+{MINUS}]?)(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(?P<trail>[{MINUS}]?)"
)
PLAIN_REASON: Final = "is not a number such as -1234.56"
EXPECTED: Final = "a number sample that shows the decimals, such as 1,234.56 or 1.234,56 or 1 234,56 or 1234,5"


def check_number_format(sample: str) -> None:
    """Raise ValueError telling what was expected, unless the sample stands for one format only."""
    _separators(sample)


def number_parser(sample: str | None) -> NumberParser:
    """Return what reads trimmed texts; without a sample plain numbers such as `-1234.56` and `1e3`.

    It raises Unreadable. Raises ValueError for a sample that `check_number_format` refuses.
    """
    if sample is None:
        return parse_plain
    grouping, decimal = _separators(sample)
    digits = "[0-9]*" if grouping is None else f"[1-9][0-9]{{0,2}}(?:{grouping}[0-9]{{3}})+|[0-9]*"
    pattern = re.compile(
        f"(?P<lead>[+{MINUS}]?){BLANK}*(?P<whole>{digits})(?:{decimal}(?P<part>[0-9]*))?{BLANK}*(?P<trail>[{MINUS}]?)"
    )
    reason = f"is not a number in the format {sample.strip()}"

    def parse(text: str) -> Decimal:
        found = pattern.fullmatch(text)
        if found is None:
            raise Unreadable(reason)
        whole = re.sub("[^0-9]", "", found["whole"])
        part = found["part"] or ""
        if not whole + part:
            raise Unreadable(reason)
        return _signed(found, f"{whole}.{part}", reason)

    return parse


def _separators(sample: str) -> tuple[str | None, str]:
    """Return patterns for the grouping (None: there is none) and for the decimal separator."""
    number = sample.strip().strip("+" + MINUS).strip()
    for grouping in GROUPINGS:
        for decimal in DECIMAL_SEPARATORS:
            if grouping != decimal and re.fullmatch(f"[0-9]{{1,3}}(?:{grouping}[0-9]{{3}})+{decimal}[0-9]+", number):
                return grouping, decimal
    ambiguous = AMBIGUOUS_SAMPLE.fullmatch(number)
    if ambiguous:
        choices = "1,234.00 or 1234,00" if ambiguous[1] == "," else "1.234,00 or 1234.00"
        raise ValueError(f"a number sample that tells thousands from decimals, such as {choices}")
    found = UNGROUPED_SAMPLE.fullmatch(number)
    if not found:
        raise ValueError(EXPECTED)
    return None, "[.]" if found[1] == "." else ","


def parse_plain(text: str) -> Decimal:
    """Read a plain number such as `-1234.56` or `1e3`. Raises Unreadable."""
    found = PLAIN.fullmatch(text)
    if found is None:
        raise Unreadable(PLAIN_REASON)
    return _signed(found, found["number"], PLAIN_REASON)


def _signed(found: re.Match[str], digits: str, reason: str) -> Decimal:
    if found["lead"] and found["trail"]:
        raise Unreadable(reason)
    try:
        number = Decimal(digits)
    except InvalidOperation:  # the exponent has more digits than a number of any use
        raise Unreadable("is out of range for any number") from None
    return -number if (found["lead"] or found["trail"]) not in {"", "+"} else number
