"""The changes that the page's search looks through: as many as its share of the page's bytes allows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, cast

import attrs

from po_ingest.ports import Row

BYTES: Final = 240_000
"""The search's share of a page that shall stay below a megabyte: some 3,600 changes."""


@attrs.frozen(slots=True)
class Search:
    """The changes as JSON that may stand in a page (`<` and its like are escaped), and which they are.

    `json` is `{"times": {run: time}, "changes": [[PO, line, run, what, previous, new], ...]}`, the newest first.
    """

    json: str
    count: int
    are_all: bool
    since: datetime | None  # of the oldest of them


def search(changes: Sequence[Row], *, are_all: bool) -> Search:
    """Return the newest changes that fit; `changes` are the newest first, `are_all` says that there are no others."""
    from jinja2.utils import htmlsafe_json_dumps as dumps  # noqa: PLC0415 - rarely needed

    times: dict[int, datetime] = {}
    told: list[str] = []
    left = BYTES
    for row in changes:
        entry = dumps(_entry(row), separators=(",", ":"))
        left -= len(entry) + 1  # all of it is ASCII
        if left < 0:
            break
        told.append(entry)
        times[cast("int", row["run_id"])] = cast("datetime", row["detected_at"])
    starts = dumps({run: f"{time:%Y-%m-%d %H:%M}" for run, time in times.items()}, separators=(",", ":"))
    return Search(
        json=f'{{"times":{starts},"changes":[{",".join(told)}]}}',
        count=len(told),
        are_all=are_all and len(told) == len(changes),
        since=min(times.values(), default=None),
    )


def _entry(row: Row) -> list[object]:
    what = row["field_name"] or row["kind"]
    return [row["po_number"], row["line_number"], row["run_id"], what, row["previous_value"], row["new_value"]]
