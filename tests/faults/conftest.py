"""What the matrices of faults share: the forking process, worlds before a night, what an undisturbed night leaves."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeAlias

import pytest

from support.fault_world import NIGHT, Stage, make_stage
from support.fork_server import Fork, fork_server
from support.matrix import Judge
from support.postgres_proxy import Proxy, postgres_proxy
from support.store_postgres import Postgres

Scene: TypeAlias = tuple[Stage, Judge]
MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of our own in it, made by mkdtemp
"""Where files need no disk: thousands of runs that sync theirs would wait for it."""


@pytest.fixture(scope="session")
def fork() -> Iterator[Fork]:
    """Return the process that forks a run for each point; Windows knows no fork."""
    if not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    with fork_server() as running:
        yield running


@pytest.fixture(scope="session")
def quick_folder() -> Iterator[Path]:
    """Return a folder, in memory where there is such a thing."""
    folder = tempfile.mkdtemp(prefix="faults-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None)
    yield Path(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def wire(postgres: Postgres) -> Iterator[Proxy]:
    """Return the wire to the server, on which every message can be the last."""
    with postgres_proxy(postgres.server) as proxy:
        proxy.counts_copies = True
        yield proxy


@pytest.fixture(scope="session")
def scenes(fork: Fork, quick_folder: Path, request: pytest.FixtureRequest) -> Callable[[str, str], Scene]:
    """Return what makes the stage before a night of a kind on a store of a kind, once each."""
    made: dict[tuple[str, str], Scene] = {}

    def scene(store: str, kind: str) -> Scene:
        if (store, kind) not in made:
            folder = quick_folder / f"{store}-{kind}"
            if store == "sqlite":
                stage = make_stage(fork, folder, kind)
            else:
                postgres: Postgres = request.getfixturevalue("postgres")
                proxy: Proxy = request.getfixturevalue("wire")
                stage = make_stage(fork, folder, kind, postgres, proxy.url(NIGHT))
            made[store, kind] = stage, Judge.of(fork, stage)
        return made[store, kind]

    return scene
