"""A warm process that forks a child for each call of `po-ingest`, which may be cut off at any point: `Fork`."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final

import attrs

from support.command_line import Done, environment, inside
from support.fault_hooks import install
from support.fault_points import Fault, Points
from support.paths import ROOT
from support.port_hooks import Port, install_ports

Command = Sequence[str]
NIGHTLY: Final = ("nightly", "--json")
HANDLES: Final = Path("/proc/self/fd")


@attrs.frozen
class Outcome:
    """How a child ended; `killed` ones leave no more than that. `left_open` are files that its first command left."""

    is_killed: bool
    done: tuple[Done, ...] = ()
    operations: tuple[str, ...] = ()
    happened: int = 0
    left_open: tuple[str, ...] = ()


@attrs.frozen
class Fork:
    """The tests' end of the process."""

    process: subprocess.Popen[str]
    answer: Path

    def run(
        self,
        folder: Path,
        *commands: Command,
        faults: Sequence[Fault] = (),
        ports: Sequence[Port] = (),
        begun: Callable[[int], None] = lambda _: None,
    ) -> Outcome:
        """Run commands one after the other in a child; faults happen in the first, `begun` gets the child's number.

        The points are the calls of `ports`; without any, what is done to the store and to files.
        """
        self.answer.unlink(missing_ok=True)
        request = {
            "folder": str(folder),
            "commands": [list(each) for each in commands],
            "faults": [attrs.asdict(each) for each in faults],
            "ports": list(ports),
            "answer": str(self.answer),
        }
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        begun(int(self.process.stdout.readline()))
        status = int(self.process.stdout.readline())
        if os.WIFSIGNALED(status):
            return Outcome(is_killed=True)
        assert status == 0, f"the child broke down: {status}"
        told = json.loads(self.answer.read_text(encoding="utf-8"))
        done = tuple(Done(**each) for each in told["done"])
        lists = {name: tuple(told[name]) for name in ("operations", "left_open")}
        return Outcome(is_killed=False, done=done, happened=told["happened"], **lists)


@contextmanager
def fork_server() -> Iterator[Fork]:
    """Run the process. Coverage is not measured in it: it would take more time than the runs."""
    kept = {name: value for name, value in environment().items() if not name.startswith(("COVERAGE_", "COV_CORE_"))}
    paths = [str(ROOT / "tests"), *filter(None, [kept.get("PYTHONPATH")])]
    process = subprocess.Popen(
        [sys.executable, "-m", "support.fork_server"],
        env={**kept, "PYTHONPATH": os.pathsep.join(paths)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with tempfile.TemporaryDirectory(prefix="fork-") as folder, process:
        yield Fork(process, Path(folder) / "answer.json")
        assert process.stdin is not None
        process.stdin.close()


# -- the process's own end


def serve(questions: IO[str], answers: IO[str]) -> None:
    """Fork a child for each request, and tell its number and its end."""
    for line in questions:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(request)
        answers.write(f"{child}\n")
        answers.flush()
        answers.write(f"{os.waitpid(child, 0)[1]}\n")
        answers.flush()


def _run(request: dict[str, Any]) -> None:
    folder = Path(request["folder"])
    points = Points([Fault(**each) for each in request["faults"]], folder)
    if request["ports"]:
        install_ports(points, request["ports"])
    else:
        install(points)
    done, left_open = [], set()
    opened = _open_files(folder)
    for command in request["commands"]:
        done.append(attrs.asdict(inside("--config", folder / "po-ingest.toml", *command)))
        left_open |= _open_files(folder) - opened if points.is_active else set()
        points.is_active = False
    told = {"done": done, "operations": points.seen, "happened": points.happened, "left_open": sorted(left_open)}
    Path(request["answer"]).write_text(json.dumps(told), encoding="utf-8")
    os._exit(0)


def _open_files(folder: Path) -> set[str]:
    """Return what is open of a folder, and of files that have no name any more; none where no system tells it."""
    found = set()
    for each in HANDLES.glob("*"):
        with suppress(OSError):  # the handle by which they are listed is gone by now
            name = str(each.readlink())
            found |= {name} if name.startswith(str(folder)) or name.endswith(" (deleted)") else set()
    return found


def warm_up() -> None:
    """Import what a night needs, by running some."""
    from support.fault_world import PROOFS, FaultWorld  # noqa: PLC0415 - it imports this module

    with tempfile.TemporaryDirectory(prefix="warm-") as folder:
        world = FaultWorld.make(Path(folder))
        for command in (NIGHTLY, NIGHTLY, *PROOFS):
            done = inside("--config", world.config, *command)
            assert done.code == 0, done
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    answering = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warm_up()
    serve(sys.stdin, answering)
