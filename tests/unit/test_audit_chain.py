"""The audit trail's chain and its one-line form (R14)."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from po_ingest.audit_chain import COLUMNS, GENESIS, chain_hash, event_columns, event_line, event_of, link, parse_line
from po_ingest.model import AuditEvent
from support.trails import event

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
objects = st.none() | st.dictionaries(st.text(), json_values, max_size=4)
events = st.builds(
    AuditEvent,
    event_id=st.uuids().map(str),
    event_type=st.text(),
    severity=st.sampled_from(["info", "warning", "error"]),
    timestamp=st.datetimes(timezones=st.just(UTC)),
    run_id=st.none() | st.integers(),
    po_line_id=st.none() | st.integers(),
    previous_values=objects,
    new_values=objects,
    reason=st.none() | st.text(),
)


def test_r14_the_hash_of_an_event_is_fixed_for_all_time() -> None:
    plain = AuditEvent("e", "ingestion_started", "info", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), 7, reason="ü")
    text = (
        '{"event_id":"e","event_type":"ingestion_started","new_values":null,"po_line_id":null,"previous_values":null,'
        '"reason":"\\u00fc","run_id":7,"severity":"info","source":"ingestion","timestamp":"2026-01-02T03:04:05Z"}'
    )
    assert chain_hash(GENESIS, plain) == hashlib.sha256(("0" * 64 + text).encode()).hexdigest()


@given(events)
def test_r14_an_event_hashes_the_same_after_a_round_trip_through_a_line(one: AuditEvent) -> None:
    sealed = link(GENESIS, 1, one)
    again = event_of(parse_line(event_line(sealed)))
    assert again == one
    assert chain_hash(GENESIS, again) == sealed.hash


@given(events)
def test_r14_a_line_is_one_line_of_plain_ascii_in_the_contracts_columns(one: AuditEvent) -> None:
    line = event_line(link(GENESIS, 1, one))
    assert line.isascii()
    assert len(line.splitlines()) == 1
    assert tuple(json.loads(line)) == COLUMNS


def test_r14_the_hash_does_not_depend_on_the_order_of_keys_nor_on_how_a_moment_is_written() -> None:
    one = event(1, new_values={"a": 1, "b": (1, 2)})
    other = attrs.evolve(
        one,
        new_values=MappingProxyType({"b": [1, 2], "a": 1}),
        timestamp=one.timestamp.astimezone(timezone(timedelta(hours=5))),
    )
    assert chain_hash(GENESIS, one) == chain_hash(GENESIS, other)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("event_id", "other"),
        ("event_type", "other"),
        ("severity", "error"),
        ("source", "other"),
        ("run_id", 2),
        ("run_id", None),
        ("po_line_id", 11),
        ("timestamp", datetime(2026, 3, 1, 2, 0, 1, 6, tzinfo=UTC)),
        ("previous_values", {}),
        ("new_values", None),
        ("reason", None),
    ],
)
def test_r14_the_hash_covers_every_column(column: str, value: object) -> None:
    one = event(1)
    altered: dict[str, Any] = {column: value}
    assert chain_hash(GENESIS, attrs.evolve(one, **altered)) != chain_hash(GENESIS, one)


def test_r14_the_hash_covers_the_predecessor() -> None:
    assert chain_hash(GENESIS, event(1)) != chain_hash("1" * 64, event(1))


def test_r14_an_event_written_while_the_store_is_down_has_null_for_what_is_unknown() -> None:
    columns = parse_line(event_line(event(1, run_id=5)))
    assert [name for name, value in columns.items() if value is None] == ["id", "run_id", "previous_hash", "hash"]
    assert event_of(columns) == event(1, run_id=None)


def test_the_columns_of_an_event_are_text_for_its_moment() -> None:
    columns = event_columns(link(GENESIS, 3, event(1)))
    assert columns["id"] == 3
    assert columns["timestamp"] == "2026-03-01T02:00:01.000005Z"
    assert columns["previous_hash"] == GENESIS


@pytest.mark.parametrize("value", [object(), {1, 2}, datetime(2026, 1, 1, tzinfo=UTC), float("nan"), float("inf")])
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        chain_hash(GENESIS, event(1, new_values={"a": value}))


GOOD = event_line(link(GENESIS, 1, event(1)))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "no json",
        "[]",
        "{}",
        GOOD[:-1],
        GOOD + "x",
        GOOD.replace('{"id":1,', '{"id":1,"id":1,'),
        GOOD.replace('"b":true', '"a":1'),
        GOOD.replace('{"id":1,', "{"),
        GOOD.replace('{"id":1,', '{"id":1,"more":1,'),
        GOOD.replace('{"id":1,', '{"id":true,'),
        GOOD.replace('{"id":1,', '{"id":1.0,'),
        GOOD.replace('"reason":"erp"', '"reason":1'),
        GOOD.replace('"run_id":1', '"run_id":"1"'),
        "[" * 100_000,
    ],
)
def test_what_is_no_line_of_an_event_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_line(line)


@pytest.mark.parametrize("moment", ["yesterday", "2026-03-01", "2026-03-01T02:00:01", "2026-03-01T02:00:01+00:00"])
def test_a_moment_that_is_not_in_its_one_form_is_refused(moment: str) -> None:
    columns = parse_line(GOOD) | {"timestamp": moment}
    with pytest.raises(ValueError, match=r".+"):
        event_of(columns)
