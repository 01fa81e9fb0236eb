"""What fuzz tests share: how much they try, and what must hold whatever was thrown at the product."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, settings

from po_ingest.settings import StoreSettings
from po_ingest_adapters.store.sql import create
from support.command_line import Done, Home

TIMES: Final = int(os.environ.get("PO_INGEST_FUZZ") or 1)
"""How many times as much as CI: `nox -s fuzz` sets it."""

PATIENT: Final = pytest.mark.timeout(300 * TIMES)
"""Ends a test that hangs, not one that tries much."""

IN_MEMORY: Final = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a folder of our own is made in it
"""Where files cost no wait for a disk, if there is such a place."""

WRITTEN: Final = (
    "new_lines_created",
    "lines_changed",
    "change_events_detected",
    "absent_po_lines",
    "reappeared_po_lines",
    "batches_reconstructed",
    "custom_columns_populated",
)
"""What a second run on the same ERP has none of (R17)."""


def fuzzed(examples: int) -> settings:
    """Return settings for so many examples in CI, and a multiple of it in `nox -s fuzz`."""
    return settings(
        max_examples=examples * TIMES,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
        phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    )


@contextmanager
def new_folder() -> Iterator[Path]:
    """Return a folder for one example, which is gone with it."""
    with tempfile.TemporaryDirectory(prefix="po-ingest-fuzz-", dir=IN_MEMORY) as name:
        yield Path(name)


@cache
def empty_store() -> bytes:
    """Return the file of a store that has its schema and nothing else."""
    with new_folder() as folder:
        create(StoreSettings(url=f"sqlite:///{folder / 'store.db'}")).upgrade()
        return (folder / "store.db").read_bytes()


def told_well(done: Done, *codes: int) -> Done:
    """Hold a call against section 2 of the contract: a documented code, one line of error, no traceback."""
    assert done.code in codes, done
    assert "internal error" not in done.err, done.err
    assert "Traceback" not in done.err + done.out, done.err
    errors = [line for line in done.err.splitlines() if line.startswith("po-ingest: error:")]
    assert len(errors) == (done.code != 0), done
    return done


def sound(home: Home) -> None:
    """R3, R4, R10, R14: what the store holds proves itself, and the audit trail with its file."""
    told_well(home.po("store", "verify"), 0)
    told_well(home.po("audit", "verify"), 0)


def writes_nothing(home: Home, *, expected: int = 0) -> None:
    """R17: the same again finds nothing."""
    done = told_well(home.po("nightly", "--json"), expected)
    report: dict[str, Any] = json.loads(done.out)
    assert {name: report[name] for name in WRITTEN} == dict.fromkeys(WRITTEN, 0)
