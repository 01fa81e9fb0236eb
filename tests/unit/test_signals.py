"""An exception that a signal raises where Python drops exceptions is not lost."""

from __future__ import annotations

import os
import signal
import sys
import time
import weakref
from collections.abc import Callable
from typing import NoReturn

import pytest

from po_ingest.cli import main, signals, start
from po_ingest.cli.signals import Ending, interruptible
from po_ingest.errors import Interrupted

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise on Windows")


class Dying:
    """Gets a signal while it is deleted."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGTERM)


class Watched:
    """Something to be forgotten."""


def in_del() -> None:
    Dying()


def in_a_weakrefs_callback() -> None:
    watched = Watched()
    reference = weakref.ref(watched, lambda _: signal.raise_signal(signal.SIGTERM))
    del watched
    assert reference() is None


@pytest.mark.parametrize("where", [in_del, in_a_weakrefs_callback])
def test_a_signal_where_python_drops_exceptions_is_sent_again(
    where: Callable[[], None], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signals, "PATIENCE", 600.0)  # else the watch would send it again as well, if later
    hook = sys.unraisablehook
    passed_by = False
    with pytest.raises(Interrupted, match="ended by SIGTERM"), interruptible():  # noqa: PT012 - the signal comes later
        where()
        passed_by = True
        time.sleep(20)
    assert passed_by
    assert sys.unraisablehook is hook
    assert capsys.readouterr().err == ""


def test_other_exceptions_that_python_drops_are_told_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: told.append(unraisable.exc_type))

    class Broken:
        def __del__(self) -> None:
            raise ValueError

    with interruptible():
        Broken()
    assert told == [ValueError]


def test_a_signal_that_is_sent_again_too_late_interrupts_nobody() -> None:
    with interruptible():
        in_del()
    time.sleep(0.1)


# -- the end of the process


@pytest.fixture
def exited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the process not end at once, but raise."""

    def leave(code: int) -> NoReturn:
        raise SystemExit(code)

    monkeypatch.setattr(os, "_exit", leave)


@pytest.mark.usefixtures("exited")
def test_a_process_that_has_to_end_in_the_midst_of_a_call_says_so_in_one_line(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as caught:
        Ending(lambda: 3)._end(signal.SIGTERM)
    assert caught.value.code == 3
    err = capfd.readouterr().err
    assert err.startswith("po-ingest: error: ended by SIGTERM in the midst of a call that did not return; ")
    assert err.count("\n") == 1


@pytest.mark.usefixtures("exited")
def test_from_the_first_line_of_the_program_on_a_signal_is_exit_1(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(main, "run", lambda: signal.raise_signal(signal.SIGTERM))
    before = {each: signal.getsignal(each) for each in start.SIGNALS}
    try:
        with pytest.raises(SystemExit) as caught:
            start.run()
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    assert caught.value.code == 1
    assert capfd.readouterr().err == "po-ingest: error: ended by SIGTERM; nothing had begun, run it again\n"


def test_at_the_end_of_the_program_there_is_nothing_left_to_interrupt() -> None:
    before = signal.signal(signal.SIGTERM, start.end_at_once)
    try:
        with interruptible():
            pass
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_what_takes_too_long_is_interrupted_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "PATIENCE", 0.1)
    monkeypatch.setattr(signals, "LIMIT", 60.0)
    with interruptible():
        with pytest.raises(Interrupted):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)  # changes nothing
        with pytest.raises(Interrupted):
            time.sleep(20)
