"""R14: why a line of the audit file is none, and what is kept of an event."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from po_ingest.audit_chain import GENESIS, event_line, event_of, link, parse_line
from support.trails import event


def columns(**others: Any) -> str:  # noqa: ANN401 - JSON values
    return json.dumps({**json.loads(event_line(link(GENESIS, 1, event(1)))), **others})


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"id": 1, "id": 1}', "a name comes twice"),
        ("[" * 100_000, "it is nested too deeply"),
        ("{}", "it has not the columns of an audit event"),
        ("[]", "it has not the columns of an audit event"),
        (columns(id=True), "id has a wrong type"),
        (columns(reason=1), "reason has a wrong type"),
    ],
)
def test_r14_a_line_that_is_no_event_is_told_why(line: str, why: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - its text is compared
        parse_line(line)
    assert str(caught.value) == why


def test_r14_a_timestamp_in_another_form_is_refused() -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - as above
        event_of(parse_line(columns(timestamp="2026-03-01T02:00:00+00:00")))
    assert str(caught.value) == "the timestamp is not in its canonical form"


def test_r14_an_event_comes_back_whole_from_its_line() -> None:
    told = attrs.evolve(event(1), source="another", reason="why")
    assert event_of(parse_line(event_line(told))) == attrs.evolve(told, run_id=None)
    assert not link(GENESIS, 1, told).in_file
