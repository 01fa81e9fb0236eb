"""The tasks of po-ingest: `nox -s tests`, `lint`, `types`, `docs`, `build`, and those that take longer, below them.

`perf`, `faults`, `fuzz`, `soak`, `mutation`, `security`.
"""

from __future__ import annotations

import os
from pathlib import Path

import nox
from nox.command import CommandFailed

nox.options.sessions = ["tests", "lint", "types", "docs", "build"]
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_existing_virtualenvs = True

CODE = ("src", "adapters", "tests", "docs", "noxfile.py")


def install(session: nox.Session, *what: str) -> None:
    """Install into the session's environment, in the versions of `constraints.txt`."""
    session.install("-q", "-c", "constraints.txt", *what)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests with coverage; arguments after `--` go to pytest instead."""
    install(session, "-e", ".[tests]")
    session.run("python", "-m", "pytest", *(session.posargs or ["-n", "logical", "--cov"]))


@nox.session
def lint(session: nox.Session) -> None:
    """Check format, lint rules, what bandit knows of security, and which room may import which."""
    install(session, "ruff", "import-linter", "bandit")
    session.run("ruff", "format", "--check", *CODE)
    session.run("ruff", "check", *CODE)
    session.run("bandit", "-q", "-r", "-c", "pyproject.toml", "src", "adapters")
    session.run("lint-imports", "--no-cache", env={"PYTHONPATH": os.pathsep.join(("src", "adapters"))})


@nox.session
def security(session: nox.Session) -> None:
    """Ask PyPI's advisory database of every version in `constraints.txt`; what it does not know is a failure too.

    Not among the sessions of every change: it needs the network, and its answer changes while the code does not.
    """
    install(session, "pip-audit")
    session.run("pip-audit", "--strict", "--disable-pip", "--no-deps", "-r", "constraints.txt", *session.posargs)


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of the product and of its tests."""
    install(session, "-e", ".[tests]", "mypy")
    session.run("mypy", "src", "adapters", "tests")


@nox.session
def perf(session: nox.Session) -> None:
    """Measure nights beside the row floor, each file in a process of its own; or the files given after `--`."""
    install(session, "-e", ".[tests]")
    failed = []
    for path in session.posargs or sorted(str(path) for path in Path("tests/perf").glob("perf_*.py")):
        try:
            session.run("python", "-m", "pytest", "-s", path)
        except CommandFailed:
            failed.append(path)  # the figures of the other files are wanted all the same
    if failed:
        session.error(f"beyond their limits, or broken: {', '.join(failed)}")


@nox.session
def faults(session: nox.Session) -> None:
    """Try every fault at every point, and print how many those were; arguments after `--` go to pytest."""
    install(session, "-e", ".[tests]")
    session.run("python", "-m", "pytest", "tests/faults", *session.posargs, env={"PO_INGEST_FULL_MATRIX": "1"})


@nox.session
def fuzz(session: nox.Session) -> None:
    """Throw much more at the product than CI does, at random; `PO_INGEST_FUZZ` says how many times as much."""
    install(session, "-e", ".[tests]")
    env = {"HYPOTHESIS_PROFILE": "dev", "PO_INGEST_FUZZ": os.environ.get("PO_INGEST_FUZZ", "30")}
    session.run("python", "-m", "pytest", "-q", "tests/fuzz", *session.posargs, env=env)


@nox.session
def soak(session: nox.Session) -> None:
    """Run a year of nights with faults in a tenth of them; arguments after `--` go to the script."""
    install(session, "-e", ".[tests]")
    session.run("python", "tests/soak/soak.py", *session.posargs)


@nox.session
def mutation(session: nox.Session) -> None:
    """Break the core in every small way, and see which tests notice; arguments after `--` go to the script."""
    install(session, "-e", ".[tests]", "mutmut")
    session.run("python", "tests/mutation/mutation.py", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Check that made pages are what their sources say, and every relative link; build the site into site/."""
    install(session, "-e", ".[docs]", "pytest", "pytest-timeout")
    session.run("python", "docs/make.py", "--check")
    session.run("python", "-m", "pytest", "-q", "--noconftest", "tests/integration/test_markdown_links.py")
    session.run("mkdocs", "build", env={"NO_MKDOCS_2_WARNING": "1"})  # strict: a broken link fails it


@nox.session
def build(session: nox.Session) -> None:
    """Build sdist and wheel, and run the wheel from an environment of its own."""
    install(session, "build")
    made = Path(session.create_tmp())
    for old in made.glob("po_ingest-*"):
        old.unlink()
    session.run("python", "-m", "build", "--outdir", str(made))
    (wheel,) = made.glob("*.whl")
    clean = made / "clean"
    session.run("python", "-m", "venv", "--clear", str(clean))
    programs = clean / ("Scripts" if os.name == "nt" else "bin")
    session.run(str(programs / "pip"), "install", "-q", "-c", "constraints.txt", str(wheel), external=True)
    session.run(str(programs / "po-ingest"), "--version", external=True)
