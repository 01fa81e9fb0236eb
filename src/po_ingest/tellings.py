"""What happened to a PO line, in words: pure, an event or a batch at a time, oldest first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Final, cast

import attrs

from po_ingest.fields import BY_NAME, Kind

Row = Mapping[str, object]

_CAUSES: Final = {"xref": "by the cross-reference", "config": "by the configuration"}
_TIMES: Final = ("", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_ENDINGS: Final = {1: "st", 2: "nd", 3: "rd"}
_LINE_EVENTS: Final = {
    ("created", None): "created",
    ("absent", "closed"): "closed",
    ("absent", "missing"): "missing: the ERP has no row of it any more",
    ("reappeared", None): "back again",
}


@attrs.define(slots=True)
class Storyteller:
    """Tells a line's story; remembers what came before, so tell the oldest first.

    `ordered` is the line's ordered quantity; `labels` are names of fields for people.
    """

    ordered: Decimal | None = None
    labels: Mapping[str, str] = attrs.Factory(dict)
    _moves: dict[str, tuple[int, date]] = attrs.field(init=False, factory=dict)  # field -> how often, the first date
    _delivered: Decimal = attrs.field(init=False, default=Decimal(0))

    def event(self, event: Row) -> str:
        """Tell a row of `erp_change_event`."""
        if event["kind"] != "changed":
            return _LINE_EVENTS[cast("str", event["kind"]), cast("str | None", event["new_value"])]
        name = cast("str", event["field_name"])
        previous, new = cast("str | None", event["previous_value"]), cast("str | None", event["new_value"])
        remarks = [*self._move(name, previous, new), *filter(None, [_CAUSES.get(str(event["cause"]))])]
        told = self._changed(name, previous, new)
        return f"{told} ({', '.join(remarks)})" if remarks else told

    def batch(self, batch: Row) -> str:
        """Tell a row of `batch`, with how much of the order has been delivered by it."""
        quantity = cast("Decimal", batch["delivered_quantity"])
        self._delivered += quantity
        so_far = plain(self._delivered) + (f" of {plain(self.ordered)}" if self.ordered else " in all")
        kind, reference = str(batch["kind"]), batch["reference"]
        what = {"receipt": "delivered", "delta": "delivered"}.get(kind, kind)
        subject = (
            f"{plain(quantity)} {what}" if what == "delivered" else f"{what} {'+' * (quantity > 0)}{plain(quantity)}"
        )
        where = f", reference {reference}" if reference else ""
        return f"{subject} on {batch['delivery_date']} ({so_far}){where}"

    def _changed(self, name: str, previous: str | None, new: str | None) -> str:
        field = self.labels.get(name) or name.replace("_", " ")
        is_number = BY_NAME[name].kind is Kind.DECIMAL if name in BY_NAME else False
        old, now = (plain(Decimal(text)) if text and is_number else text for text in (previous, new))
        if old is None:
            return f"{field} set to {now}"
        if now is None:
            return f"{field} emptied, it was {old}"
        verb = "moved" if _is_date(name) else "changed"
        return f"{field} {verb} from {old} to {now}"

    def _move(self, name: str, previous: str | None, new: str | None) -> list[str]:
        """Tell by how many days a date moved; from the second time on also how often and how far in all."""
        if not _is_date(name) or not previous or not new:
            return []
        old, now = date.fromisoformat(previous), date.fromisoformat(new)
        times, first = self._moves.get(name, (0, old))
        self._moves[name] = times + 1, first
        if not times:
            return [_days(now - old)]
        return [_days(now - old), f"{_ordinal(times + 1)} time", f"{_days(now - first)} in all"]


def _ordinal(number: int) -> str:
    if number < len(_TIMES):
        return _TIMES[number]
    is_teen = number % 100 // 10 == 1
    return f"{number}{'th' if is_teen else _ENDINGS.get(number % 10, 'th')}"


def _is_date(name: str) -> bool:
    return name in BY_NAME and BY_NAME[name].kind is Kind.DATE


def _days(span: timedelta) -> str:
    days = span.days
    return f"{days:+d} day{'' if abs(days) == 1 else 's'}"


def plain(number: Decimal | None) -> str:
    """Return a number without zeros behind its point: 40 for 40.000."""
    text = f"{number or Decimal(0):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
