"""Dates and datetimes in texts: `strptime` patterns, `iso` (also the default) and `jde-julian`."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import attrs

from po_ingest.fields import Kind
from po_ingest.unreadable import Unreadable

ISO: Final = "iso"
JDE_JULIAN: Final = "jde-julian"
JDE_DIGITS: Final = 6  # CYYDDD: century after 1900, year, day of the year
EXPECTED: Final = "a strptime pattern with year, month and day such as %d.%m.%Y, or iso, or jde-julian"
SAMPLES: Final = (datetime(2026, 1, 31, 13, 45, 59, tzinfo=UTC), datetime(1987, 11, 5, 13, 45, 59, tzinfo=UTC))
DIRECTIVE: Final = re.compile("%(.)", re.DOTALL)
DIRECTIVES: Final = frozenset("aAbBcdfGHIjmMpSuUVwWxXyYzZ%")
YEARS: Final = frozenset("cGxyY")
WIDTHS: Final = {"Y": 4, "G": 4, "y": 2, "m": 2, "d": 2, "H": 2, "I": 2, "M": 2, "S": 2, "j": 3, "U": 2, "W": 2, "V": 2}
"""The digits that a directive has when the next one follows without anything between."""

ISO_TEXT: Final = re.compile(
    "[0-9]{4}(-?)[0-9]{2}\\1[0-9]{2}"
    "(?:[T ](?:[01][0-9]|2[0-3]):?[0-9]{2}(?::?[0-9]{2}(?:[.,][0-9]{1,9})?)?( ?(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?))?)?"
)
"""Narrower than what `fromisoformat` takes, which differs between Python versions; a blank before the zone may be."""


@attrs.frozen(slots=True)
class DateFormat:
    """How texts are read as dates: `parse` raises Unreadable; numbers get zeros in front up to `digits` (0: none)."""

    parse: Callable[[str], datetime]
    digits: int = 0


def check_date_format(kind: Kind, pattern: str) -> None:
    """Raise ValueError telling what was expected, unless dates can be read back by the format."""
    if pattern in {ISO, JDE_JULIAN}:
        return
    directives = set(DIRECTIVE.findall(pattern))
    if not directives <= DIRECTIVES or not directives & YEARS:
        raise ValueError(EXPECTED)
    if kind is Kind.DATETIME and "Z" in directives:
        raise ValueError("a strptime pattern that takes the zone as %z, since names of zones (%Z) are ambiguous")
    for sample in SAMPLES:
        try:
            read = datetime.strptime(sample.strftime(pattern), pattern)  # noqa: DTZ007 - only day and hour are compared
        except (ValueError, re.error):
            raise ValueError(EXPECTED) from None
        if read.date() != sample.date():
            raise ValueError(EXPECTED)
        if read.hour not in {0, sample.hour}:
            raise ValueError("a strptime pattern with %H, or with %I and %p")


def date_format(pattern: str | None, *, with_time: bool) -> DateFormat:
    """Return how texts are read; `with_time` words the reasons."""
    what = "datetime" if with_time else "date"
    if pattern is None or pattern == ISO:
        return DateFormat(_iso_parser(f"is not a {what} in ISO format such as 2026-01-31"))
    if pattern == JDE_JULIAN:
        return DateFormat(_parse_jde, JDE_DIGITS)
    return DateFormat(_strptime_parser(pattern, f"is not a {what} in the format {pattern}"), _digits_of(pattern))


def _iso_parser(reason: str) -> Callable[[str], datetime]:
    def parse(text: str) -> datetime:
        text = text.upper()
        found = ISO_TEXT.fullmatch(text)
        if found is None:
            raise Unreadable(reason)
        zone = found[2]
        try:
            return datetime.fromisoformat(text if zone is None else text.removesuffix(zone) + zone.lstrip())
        except ValueError:
            raise Unreadable(reason) from None

    return parse


parse_iso = _iso_parser("is not a date in ISO format such as 2026-01-31")


def _parse_jde(text: str) -> datetime:
    reason = "is not a date in the format jde-julian (CYYDDD)"
    if not re.fullmatch("[0-9]{1,6}", text):
        raise Unreadable(reason)
    padded = text.zfill(JDE_DIGITS)
    year, day = 1900 + int(padded[:3]), int(padded[3:])
    read = datetime(year, 1, 1) + timedelta(days=day - 1)  # noqa: DTZ001 - a date has no zone
    if read.year != year:
        raise Unreadable(reason)
    return read


def _strptime_parser(pattern: str, reason: str) -> Callable[[str], datetime]:
    strict = _fixed_width(pattern)

    def parse(text: str) -> datetime:
        if strict is not None and not strict.fullmatch(text):
            raise Unreadable(reason)
        if not text.isascii() and any(character.isdecimal() and not character.isascii() for character in text):
            raise Unreadable(reason)
        try:
            return datetime.strptime(text, pattern)  # noqa: DTZ007 - the zone is the reader's to add
        except (ValueError, OverflowError):
            raise Unreadable(reason) from None

    return parse


def _fixed_width(pattern: str) -> re.Pattern[str] | None:
    """Return what a text must look like if the pattern has numbers side by side, as in `%Y%m%d`; else None.

    `strptime` alone takes `2026131` for 31 January, and would take a text that lost a digit for another day.
    """
    numeric = "".join(WIDTHS)
    if not re.search(f"%[{numeric}]%[{numeric}]", pattern):
        return None
    shape = ""
    for part in re.findall(r"%.|\s+|.", pattern, re.DOTALL):
        if part[0] == "%" and part[1:] in WIDTHS:
            shape += f"[0-9]{{{WIDTHS[part[1:]]}}}"
        elif part[0] == "%":
            shape += ".+"  # what exactly, strptime says
        else:
            shape += r"\s+" if part.isspace() else re.escape(part)
    return re.compile(shape, re.IGNORECASE)


def _digits_of(pattern: str) -> int:
    """Return how many digits texts have in a pattern of nothing but numbers: an ERP's number lost its leading zeros."""
    parts = re.findall("%.|.", pattern, re.DOTALL)
    widths = [WIDTHS.get(part[1:], 0) for part in parts]
    return sum(widths) if all(widths) else 0
