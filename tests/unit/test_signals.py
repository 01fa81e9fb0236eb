"""An exception that a signal raises where Python drops exceptions is not lost."""

from __future__ import annotations

import os
import signal
import sys
import time
import weakref
from collections.abc import Callable

import pytest

from po_ingest.cli.signals import interruptible
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
    where: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    hook = sys.unraisablehook
    passed_by = False
    with pytest.raises(Interrupted, match="ended by SIGTERM"), interruptible():  # noqa: PT012 - the signal comes later
        where()
        passed_by = True
        time.sleep(60)
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
