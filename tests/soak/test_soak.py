"""The soak in small: so that it does not rot, and every fault that it knows happens in each run of the tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the soak forks a process for each night")


def test_r3_r4_r10_r14_after_nights_with_every_fault_the_store_is_what_the_erp_said_day_by_day(tmp_path: Path) -> None:
    from support.soak import FAULTS, Soak  # noqa: PLC0415 - it needs what only POSIX has

    soak = Soak(folder=tmp_path, lines=200)
    soak.night("none")
    for kind in FAULTS:
        soak.erp.next_day()
        soak.night(kind)
    soak.erp.next_day()
    soak.night("killed (SIGKILL)")
    shown = soak.check()
    assert "sound" in shown["store"]
    assert {kind for kind, _ in soak.outcomes} == set(FAULTS)
    assert soak.outcomes["ERP gives half the rows", "not applied"] == 1
    assert soak.outcomes["audit file not writable", "applied"] == 1


def test_the_soak_notices_a_state_that_the_erp_never_had(tmp_path: Path) -> None:
    from support.soak import Soak  # noqa: PLC0415 - as above

    soak = Soak(folder=tmp_path, lines=20)
    soak.night("none")
    key = next(iter(soak.before))
    soak.before = {**soak.before, key: {**soak.before[key], "promised_date": "2030-01-01"}}
    from support.soak import digest  # noqa: PLC0415 - as above

    soak.digests = {run: digest(soak.before) for run in soak.digests}
    with pytest.raises(AssertionError):
        soak.check()
