"""What is installed is what is meant: versions, entry points, the README's lines, the parts of the wheel."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import entry_points, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import po_ingest
from support.paths import ROOT

README = ROOT / "README.md"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;#]+)(\s+# .+)?$")


def normal(name: str) -> str:
    """Return a distribution's name in its normal form."""
    return re.sub(r"[-_.]+", "-", name).lower()


def constraints() -> dict[str, str]:
    pins = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        found = PIN.match(line)
        assert found, f"constraints.txt: not an exact version: {line}"
        pins[normal(found[1])] = found[2]
    return pins


def test_the_readmes_test_line_is_what_ci_runs() -> None:
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (line,) = [line.strip() for line in ci.splitlines() if "pytest" in line and ".venv/bin/pip install" in line]
    assert line in README.read_text(encoding="utf-8").splitlines(), f"the README lacks the line: {line}"


def test_the_readme_has_one_line_that_installs_and_runs_the_demo() -> None:
    lines = README.read_text(encoding="utf-8").splitlines()
    wanted = "python3 -m venv .venv && .venv/bin/pip install -c constraints.txt . && .venv/bin/po-ingest demo"
    assert wanted in lines, f"the README lacks the line: {wanted}"


OF_AN_INDEX = re.compile(r"pip3? install (?:-\S+ )*[\"']?po-ingest\b(?!\S*\.whl)")
"""What installs a package of this name from an index, where it is nobody's, or somebody else's."""


def test_nothing_tells_to_install_po_ingest_from_an_index() -> None:
    places = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")]
    places += [file for folder in ("docs", "scripts", "src", "adapters") for file in (ROOT / folder).rglob("*.*")]
    texts = {file: file.read_text(encoding="utf-8") for file in places if file.suffix not in {".png", ".svg", ".pyc"}}
    assert OF_AN_INDEX.search("pip install -U 'po-ingest[parquet]'")
    assert len(texts) > 100
    assert [str(file.relative_to(ROOT)) for file, text in texts.items() if OF_AN_INDEX.search(text)] == []


def test_the_operations_page_has_every_extra_with_its_package_and_the_wheels_name() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = page.partition("## Install it\n")[2].partition("\n## ")[0]
    extras = PYPROJECT["project"]["optional-dependencies"]
    needed = {
        name: [re.split("[<>=~]", text)[0] for text in packages]
        for name, packages in extras.items()
        if packages and name not in {"docs", "tests", "dev"}
    }
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \|", section, re.MULTILINE)
    assert {name: re.findall("`([^`]+)`", packages) for name, packages in rows} == needed
    assert f"dist/po_ingest-{po_ingest.__version__}-py3-none-any.whl" in section


def test_constraints_name_an_exact_version_of_all_that_is_needed() -> None:
    pins = constraints()
    project = PYPROJECT["project"]
    extras = [text for extra in project["optional-dependencies"].values() for text in extra]
    for text in [*project["dependencies"], *extras]:
        requirement = Requirement(text)
        if normal(requirement.name) == "po-ingest":
            continue
        assert normal(requirement.name) in pins, f"constraints.txt lacks {requirement.name}"
        assert requirement.specifier.contains(pins[normal(requirement.name)], prereleases=True), text


def test_constraints_name_all_that_comes_along() -> None:
    pins = constraints()
    waiting, seen = ["po-ingest"], set()
    while waiting:
        name = waiting.pop()
        for text in requires(name) or ():
            requirement = Requirement(text)
            needed = normal(requirement.name)
            if needed in seen or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
                continue
            seen.add(needed)
            waiting.append(needed)
    assert seen, "po-ingest needs something"
    assert seen - pins.keys() == set()


def test_the_version_is_the_packages() -> None:
    assert version("po-ingest") == po_ingest.__version__


@pytest.mark.parametrize("group", ["po_ingest.erp_sources", "po_ingest.stores", "po_ingest.audit_sinks"])
def test_every_entry_point_of_ours_can_be_loaded(group: str) -> None:
    declared = PYPROJECT["project"]["entry-points"][group]
    found = {entry.name: entry for entry in entry_points(group=group) if entry.dist and entry.dist.name == "po-ingest"}
    assert {name: entry.value for name, entry in found.items()} == declared
    for entry in found.values():
        assert callable(entry.load())


def test_the_wheel_holds_both_packages_with_their_types_and_nothing_else(tmp_path: Path) -> None:
    hatchling = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(hatchling, cwd=ROOT, check=True, capture_output=True, stdin=subprocess.DEVNULL)  # noqa: S603 - ours
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    packages = {"po_ingest": ROOT / "src", "po_ingest_adapters": ROOT / "adapters"}
    top = {name.partition("/")[0] for name in names}
    assert top - packages.keys() == {f"po_ingest-{po_ingest.__version__}.dist-info"}
    for package, folder in packages.items():
        files = {path.relative_to(folder).as_posix() for path in (folder / package).rglob("*") if path.is_file()}
        wanted = {file for file in files if "__pycache__" not in file}
        assert f"{package}/py.typed" in wanted
        assert {name for name in names if name.startswith(f"{package}/")} == wanted
