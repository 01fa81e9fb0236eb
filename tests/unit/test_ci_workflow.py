"""The workflow that runs elsewhere: it can be read, runs what is there, and names nobody's registry."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

ROOT: Final = Path(__file__).parents[2]
FILE: Final = ROOT / ".github" / "workflows" / "ci.yml"


@pytest.fixture(scope="module")
def workflow() -> dict[Any, Any]:
    return dict(yaml.safe_load(FILE.read_text("utf-8")))


def commands(workflow: dict[Any, Any]) -> list[str]:
    return [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]


def test_it_runs_on_linux_and_windows_with_every_python_and_every_sql_server(workflow: dict[Any, Any]) -> None:
    matrix = workflow["jobs"]["tests"]["strategy"]["matrix"]
    assert matrix["os"] == ["ubuntu-latest", "windows-latest"]
    assert matrix["python"] == ["3.11", "3.12", "3.13", "3.14"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["requires-python"] == f">={matrix['python'][0]}"
    assert workflow["jobs"]["mssql"]["strategy"]["matrix"]["server"] == ["2019", "2022", "2025"]


def test_every_job_has_steps_a_machine_and_an_end(workflow: dict[Any, Any]) -> None:
    for name, job in workflow["jobs"].items():
        assert {"runs-on", "steps", "timeout-minutes"} <= set(job), name
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step), step
    assert workflow["permissions"] == {"contents": "read"}
    assert True in workflow  # `on`, as YAML reads it


def test_the_nox_sessions_that_it_runs_are_there(workflow: dict[Any, Any]) -> None:
    sessions = set(re.findall(r"@nox\.session\ndef (\w+)", (ROOT / "noxfile.py").read_text("utf-8")))
    (line,) = [command for command in commands(workflow) if command.startswith("nox -s ")]
    assert set(line.removeprefix("nox -s ").split()) <= sessions


def test_the_server_that_it_starts_is_the_one_that_the_tests_get(workflow: dict[Any, Any]) -> None:
    job = workflow["jobs"]["mssql"]
    password = job["services"]["mssql"]["env"]["MSSQL_SA_PASSWORD"]
    assert f"sa:{password}@localhost:1433/" in job["env"]["PO_INGEST_TEST_MSSQL"]
    assert job["services"]["mssql"]["ports"] == ["1433:1433"]
    assert job["services"]["mssql"]["env"]["ACCEPT_EULA"] == "Y"


def test_no_registry_is_named() -> None:
    """Where the server's image comes from is a variable of the repository (CONTRIBUTING.md)."""
    text = FILE.read_text("utf-8")
    assert "vars.MSSQL_IMAGE" in text
    assert "MSSQL_IMAGE" in (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    assert re.findall(r"\b[\w-]+\.(?:com|io|org|net)\b", text) == []
