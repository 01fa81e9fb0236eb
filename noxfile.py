"""The tasks of po-ingest: `nox -s tests`, `lint`, `types`, `perf`, `fuzz`, `soak`, `mutation`, `docs`, `build`."""

from __future__ import annotations

import os
from pathlib import Path

import nox

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
    """Check format, lint rules, and which room may import which."""
    install(session, "ruff", "import-linter")
    session.run("ruff", "format", "--check", *CODE)
    session.run("ruff", "check", *CODE)
    session.run("lint-imports", "--no-cache", env={"PYTHONPATH": os.pathsep.join(("src", "adapters"))})


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of the product and of its tests."""
    install(session, "-e", ".[tests]", "mypy")
    session.run("mypy", "src", "adapters", "tests")


@nox.session
def perf(session: nox.Session) -> None:
    """Measure baseline, unchanged and changed nights beside the row floor; arguments after `--` go to pytest."""
    install(session, "-e", ".[tests]")
    measurements = sorted(str(path) for path in Path("tests/perf").glob("perf_*.py"))
    session.run("python", "-m", "pytest", "-s", *measurements, *session.posargs)


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
    """Break the core in every small way, and see which tests notice; arguments after `--` choose mutants by name."""
    install(session, "-e", ".[tests]", "mutmut")
    env = {"HYPOTHESIS_PROFILE": "ci"}
    session.run("mutmut", "run", "--max-children", "1", *session.posargs, env=env, success_codes=[0, 1])
    session.run("mutmut", "results", env=env)


@nox.session
def docs(session: nox.Session) -> None:
    """Check that docs/store.md is what the schema says, and that every relative link leads somewhere."""
    install(session, "-e", ".", "pytest", "pytest-timeout")
    session.run("python", "docs/make_store.py", "--check")
    session.run("python", "-m", "pytest", "-q", "--noconftest", "tests/integration/test_markdown_links.py")


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
