"""The audit trail's chain and its one-line form (R14): pure, shared by the stores, the file and `audit verify`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias

from po_ingest.fields import to_text
from po_ingest.model import AuditEvent, ChainedEvent

GENESIS: Final = "0" * 64
"""What the first event of a chain has as its `previous_hash`."""

COLUMNS: Final = (
    "id",
    "event_id",
    "event_type",
    "severity",
    "source",
    "run_id",
    "po_line_id",
    "timestamp",
    "previous_values",
    "new_values",
    "reason",
    "previous_hash",
    "hash",
)
"""The columns of `audit_event`, in the contract's order."""

UNKNOWN_IN_SPOOL: Final = frozenset({"id", "run_id", "previous_hash", "hash"})
"""The columns that are null in the line of an event written while the store was down."""

Columns: TypeAlias = dict[str, object]
"""An event as the file has it: one entry per name of `COLUMNS`, JSON types only."""


def _plain(value: object) -> object:
    if isinstance(value, Mapping):  # a frozen mapping, say: the encoder itself knows dicts only
        return dict(value)
    raise TypeError(f"an audit event holds {type(value).__name__}, which JSON cannot")


# One encoder each, made once. ASCII only: a lone surrogate, and what some readers take for a line's end, stay harmless.
canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain).encode
"""Return a value of JSON types as the one text that it has: keys sorted, no blanks, ASCII."""
_compact = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=_plain).encode


def chain_hash(previous_hash: str, event: AuditEvent) -> str:
    """Return the hash of an event that follows the one with `previous_hash`: SHA-256, 64 hexadecimal digits.

    It covers every column that is known before the chain, as canonical JSON, so it is the same for an event that went
    through a store and came back. Raises TypeError or ValueError for what JSON lacks.
    """
    text = canonical(
        {
            "event_id": event.event_id,
            "event_type": event.event_type,
            "severity": event.severity,
            "source": event.source,
            "run_id": event.run_id,
            "po_line_id": event.po_line_id,
            "timestamp": to_text(event.timestamp),
            "previous_values": event.previous_values,
            "new_values": event.new_values,
            "reason": event.reason,
        }
    )
    return hashlib.sha256((previous_hash + text).encode("ascii")).hexdigest()


def link(previous_hash: str, row_id: int, event: AuditEvent, *, in_file: bool = False) -> ChainedEvent:
    """Give an event its place in the chain, after the one with `previous_hash`."""
    return ChainedEvent(row_id, event, previous_hash, chain_hash(previous_hash, event), in_file)


def event_columns(chained: ChainedEvent) -> Columns:
    """Return an event's columns in the contract's order, the timestamp as text."""
    return _columns(chained.event, chained.id, chained.event.run_id, chained.previous_hash, chained.hash)


def event_line(event: ChainedEvent | AuditEvent) -> str:
    """Return an event as one JSON line, without its line end.

    An event that has no place in the chain yet (the store is down) has null for what is unknown.
    """
    if isinstance(event, ChainedEvent):
        return _compact(event_columns(event))
    return _compact(_columns(event, None, None, None, None))


def _columns(
    event: AuditEvent, row_id: int | None, run_id: int | None, previous_hash: str | None, own_hash: str | None
) -> Columns:
    return {
        "id": row_id,
        "event_id": event.event_id,
        "event_type": event.event_type,
        "severity": event.severity,
        "source": event.source,
        "run_id": run_id,
        "po_line_id": event.po_line_id,
        "timestamp": to_text(event.timestamp),
        "previous_values": event.previous_values,
        "new_values": event.new_values,
        "reason": event.reason,
        "previous_hash": previous_hash,
        "hash": own_hash,
    }


_TEXT = (str,)
_NUMBER_OR_NULL = (int, type(None))
_TEXT_OR_NULL = (str, type(None))
_OBJECT_OR_NULL = (dict, type(None))
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "id": _NUMBER_OR_NULL,
    "event_id": _TEXT,
    "event_type": _TEXT,
    "severity": _TEXT,
    "source": _TEXT,
    "run_id": _NUMBER_OR_NULL,
    "po_line_id": _NUMBER_OR_NULL,
    "timestamp": _TEXT,
    "previous_values": _OBJECT_OR_NULL,
    "new_values": _OBJECT_OR_NULL,
    "reason": _TEXT_OR_NULL,
    "previous_hash": _TEXT_OR_NULL,
    "hash": _TEXT_OR_NULL,
}


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):  # readers differ on which one holds, so neither does
        raise ValueError("a name comes twice")
    return result


_decode = json.JSONDecoder(object_pairs_hook=_no_name_twice).decode


def parse_line(line: str) -> Columns:
    """Read a line that `event_line` wrote. Raises ValueError for anything else."""
    try:
        columns = _decode(line)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(columns, dict) or columns.keys() != _TYPES.keys():
        raise ValueError("it has not the columns of an audit event")
    for name, types in _TYPES.items():
        if type(columns[name]) not in types:  # exactly: a bool is an int otherwise
            raise ValueError(f"{name} has a wrong type")
    return columns


def event_of(columns: Columns) -> AuditEvent:
    """Return the event of a line that `parse_line` read, without its place in the chain.

    Raises ValueError if the timestamp is none in UTC.
    """
    told: dict[str, Any] = columns  # `parse_line` looked at the types
    timestamp = datetime.fromisoformat(told["timestamp"])
    if to_text(timestamp) != told["timestamp"]:
        raise ValueError("the timestamp is not in its canonical form")
    return AuditEvent(
        event_id=told["event_id"],
        event_type=told["event_type"],
        severity=told["severity"],
        timestamp=timestamp,
        run_id=told["run_id"],
        po_line_id=told["po_line_id"],
        previous_values=told["previous_values"],
        new_values=told["new_values"],
        reason=told["reason"],
        source=told["source"],
    )
