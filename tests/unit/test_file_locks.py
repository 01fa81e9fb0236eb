"""Locks of files: a process that a signal broke off in their taking, or giving back, can take them again."""

from __future__ import annotations

import sys
from pathlib import Path
from traceback import clear_frames
from types import FrameType

import pytest

from po_ingest.errors import Interrupted
from po_ingest.private_files import file_lock


def broken_off(path: Path, at: int) -> bool:
    """Take the lock and give it back, and be interrupted at a call; return whether there are so many."""
    passed = 0

    def profile(_frame: FrameType, what: str, _: object) -> None:
        nonlocal passed
        passed += what == "call"
        if passed == at:
            sys.setprofile(None)
            raise Interrupted("SIGTERM")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        with file_lock(path, 1):
            pass
    except Interrupted as error:
        sys.setprofile(before)
        clear_frames(error.__traceback__)
        with file_lock(path, 0) as is_ours:  # while the exception is held, as a run does that tells of it
            assert is_ours, at
    sys.setprofile(before)
    return passed >= at


def test_r14_a_lock_whose_taking_or_giving_back_is_broken_off_can_be_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)  # Python drops what is raised in a `__del__`
    path = tmp_path / "a.lock"
    at = 1
    while broken_off(path, at):
        at += 1
    assert at > 50
