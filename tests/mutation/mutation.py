"""Break the core in every small way, and see which tests notice: `nox -s mutation` (docs/testing.md).

The mutants are mutmut's. Its own runner starts all reached tests anew for each of them; here the tests are collected
once, each mutant is a fork, and the tests that killed most go first.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import io
import json
import os
import resource
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal, TypeAlias

import attrs
import hypothesis
import pytest
from _pytest.runner import runtestprotocol
from mutmut.__main__ import create_mutants
from mutmut.configuration import config
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state
from mutmut.utils.file_utils import copy_also_copy_files, copy_src_dir

Verdict: TypeAlias = Literal["died", "survived", "not reached"]

CORE: Final = Path("src/po_ingest")
MEMORY: Final = 4 << 30
"""A mutant may never stop to fill a list."""

ENDLESS: Final = 3
"""So many times the seconds that the tests of a mutant may take, it never ends: it counts as dead."""


@attrs.define
class Mutation:
    """The pytest plugin: takes over once the tests are collected."""

    modules: dict[str, list[str]]  # module -> its mutants
    seconds: float  # of tests for one mutant; then it counts as a survivor
    verdicts: dict[str, Verdict] = attrs.Factory(dict)
    reached_by: dict[str, list[pytest.Item]] = attrs.Factory(dict)  # function -> tests
    took: dict[str, float] = attrs.Factory(dict)
    kills: Counter[str] = attrs.Factory(Counter)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Spare the search for the simplest example that fails: any will do."""
        phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        hypothesis.settings.register_profile("mutation", hypothesis.settings.get_profile("ci"), phases=phases)
        hypothesis.settings.load_profile("mutation")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run the tests once as they are, then for each mutant those that reach its function."""
        self._see_what_is_reached(session.items)
        set_mutant_under_test("")
        for module, mutants in self.modules.items():
            for mutant in mutants:
                self.verdicts[mutant] = self._try(mutant)
                if self.verdicts[mutant] != "died":
                    tell(f"{mutant} {self.verdicts[mutant]}\n{changes_of(mutant)}")
            tell(self.row(module))
        return True

    def row(self, module: str) -> str:
        """Return the module's row of the table."""
        counts = Counter(self.verdicts[mutant] for mutant in self.modules[module])
        return row(f"`{module.replace('.', '/')}.py`", counts)

    def _see_what_is_reached(self, items: Sequence[pytest.Item]) -> None:
        set_mutant_under_test("stats")
        for item in items:
            state()._stats.clear()
            start = time.perf_counter()
            if not passes(item):
                raise SystemExit(f"{item.nodeid} fails without any mutant")
            self.took[item.nodeid] = time.perf_counter() - start
            for function in state()._stats:
                self.reached_by.setdefault(function, []).append(item)
        gc.collect()
        gc.freeze()  # the mutants are forked: they need not go through what is here already
        tell(f"{len(items)} tests in {sum(self.took.values()):.0f} s")

    def _try(self, mutant: str) -> Verdict:
        function = mutant.rpartition("__mutmut_")[0]
        reaching = sorted(
            self.reached_by.get(function, ()), key=lambda item: (-self.kills[item.nodeid], self.took[item.nodeid])
        )
        if not reaching:
            return "not reached"
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            self._be(mutant, reaching, write)
        os.close(write)
        with os.fdopen(read, "rb") as told:
            killer = told.read()
        _, status = os.waitpid(pid, 0)
        if killer:
            self.kills[reaching[int(killer)].nodeid] += 1
        return "survived" if status == 0 else "died"

    def _be(self, mutant: str, reaching: Sequence[pytest.Item], told: int) -> None:
        """Be the mutant: leave with 1 when a test fails, whose number is told, and with 0 when none does."""
        try:
            signal.setitimer(signal.ITIMER_PROF, ENDLESS * self.seconds)
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
            set_mutant_under_test(mutant)
            end = time.process_time() + self.seconds
            for number, item in enumerate(reaching):
                if not passes(item):
                    os.write(told, str(number).encode())
                    os._exit(1)
                if time.process_time() > end:
                    break
            os._exit(0)
        finally:
            os._exit(1)


def passes(item: pytest.Item) -> bool:
    return not any(report.failed for report in runtestprotocol(item, log=False, nextitem=None))


def tell(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - it is a script


def make_mutants(modules: Sequence[str]) -> dict[str, list[str]]:
    """Make `mutants/`, a copy of the sources with all mutants of the modules in it, and return their names."""
    shutil.rmtree("mutants", ignore_errors=True)
    paths = {module: CORE / f"{module.replace('.', '/')}.py" for module in modules}
    config().only_mutate = [str(path) for path in paths.values()]
    set_mutant_under_test("mutant_generation")
    with contextlib.redirect_stdout(io.StringIO()):  # the path of every file
        copy_src_dir()
        copy_also_copy_files()
        create_mutants(1)
    made = {module: json.loads(Path(f"mutants/{path}.meta").read_text()) for module, path in paths.items()}
    return {module: list(meta["exit_code_by_key"]) for module, meta in made.items()}


def run_tests(mutation: Mutation) -> None:
    """Run the tests that `[tool.mutmut]` lists, on the mutated copy."""
    os.chdir("mutants")
    sys.path[:0] = [str(Path(folder).resolve()) for folder in ("src", "adapters")]
    chosen = (*config().pytest_add_cli_args, *config().pytest_add_cli_args_test_selection)
    quiet = ("-q", "--capture=no", "--tb=no", "-o", "timeout=0", "-W", "ignore::pytest.PytestAssertRewriteWarning")
    pytest.main([*quiet, *chosen], plugins=[mutation])
    os.chdir("..")


def table(mutation: Mutation) -> Iterator[str]:
    yield "| module | mutants | died | survived | not reached | share |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for module in mutation.modules:
        yield mutation.row(module)
    yield row("all of these", Counter(mutation.verdicts.values()))


def row(name: str, counts: Counter[Verdict]) -> str:
    died, count = counts["died"], counts.total()
    return f"| {name} | {count:,} | {died:,} | {counts['survived']} | {counts['not reached']} | {died / count:.0%} |"


def changes_of(mutant: str) -> str:
    with contextlib.chdir(".."):
        diff = get_diff_for_mutant(mutant).splitlines()
    return "\n".join(f"    {line}" for line in diff if line[:1] in {"+", "-"} and line[:3] not in {"+++", "---"})


def core() -> list[str]:
    """Return the modules that `[tool.mutmut]` lists."""
    paths = [path for path in sorted(CORE.rglob("*.py")) if config().should_mutate(path) and path.stem != "__init__"]
    return [".".join(path.relative_to(CORE).with_suffix("").parts) for path in paths]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("modules", nargs="*", help="such as guards or stages.diff; else all of the core")
    options.add_argument("--every", type=int, default=1, help="try every so manieth mutant of a module only")
    options.add_argument("--seconds", type=float, default=10, help="of tests for a mutant; then it is a survivor")
    chosen = options.parse_args()
    made = make_mutants(chosen.modules or core())
    mutation = Mutation({module: mutants[:: chosen.every] for module, mutants in made.items()}, chosen.seconds)
    run_tests(mutation)
    tell("\n".join(table(mutation)))


if __name__ == "__main__":
    main()
