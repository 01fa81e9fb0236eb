"""Calls that block are ended by a signal; one that cannot be ended is left behind."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from collections.abc import Callable

import pytest

from po_ingest.cli.signals import interruptible
from po_ingest.errors import Interrupted
from po_ingest_adapters.erp.blocking import Calls


def interrupted(calls: Calls, call: Callable[[], object], cancel: Callable[[], None] | None) -> float:
    """Send a signal during a call; return the seconds until it is seen."""
    gc.collect()  # what a handler raises while the collector calls back is lost
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM))
    began = time.monotonic()
    with interruptible(), pytest.raises(Interrupted):  # noqa: PT012 - the signal comes meanwhile
        timer.start()
        calls.make(call, 60, cancel)
    return time.monotonic() - began


def test_results_and_errors_come_through() -> None:
    calls = Calls()
    assert calls.make(lambda: 7, 60) == 7
    with pytest.raises(ZeroDivisionError):
        calls.make(lambda: 1 // 0, 60)
    assert not calls.is_stuck


def test_a_signal_ends_a_call_that_can_be_cancelled() -> None:
    calls = Calls()
    ended = threading.Event()
    assert interrupted(calls, lambda: ended.wait(30), ended.set) < 5
    assert not calls.is_stuck


@pytest.mark.parametrize("cancel", [None, lambda: None])
def test_a_signal_leaves_behind_a_call_that_does_not_end(cancel: Callable[[], None] | None) -> None:
    calls = Calls(grace=0.05)
    ended = threading.Event()
    assert interrupted(calls, lambda: ended.wait(30), cancel) < 5
    assert calls.is_stuck
    ended.set()


@pytest.mark.parametrize("has_cancel", [True, False])
def test_a_call_that_takes_too_long_is_ended_or_left_behind(*, has_cancel: bool) -> None:
    calls = Calls(grace=0.05)
    ended = threading.Event()
    with pytest.raises(TimeoutError):
        calls.make(lambda: ended.wait(30), 0.1, ended.set if has_cancel else None)
    assert calls.is_stuck is not has_cancel
    ended.set()


def test_a_cancellation_that_fails_or_hangs_does_not_keep_the_signal_from_being_told() -> None:
    ended = threading.Event()
    calls = Calls(grace=0.05)

    def fails() -> None:
        raise OSError("the connection is lost")

    def hangs() -> None:
        ended.wait(30)

    assert interrupted(calls, lambda: ended.wait(30), fails) < 5
    assert interrupted(calls, lambda: ended.wait(30), hangs) < 5
    ended.set()


def test_a_call_whose_cancellation_goes_on_is_still_in_use() -> None:
    ended, cancelled = threading.Event(), threading.Event()
    calls = Calls(grace=0.05)

    def cancel() -> None:
        ended.set()
        cancelled.wait(30)

    assert interrupted(calls, lambda: ended.wait(30), cancel) < 5
    assert calls.is_stuck
    cancelled.set()
