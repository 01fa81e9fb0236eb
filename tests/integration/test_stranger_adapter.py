"""A package that nobody here knows adds an ERP and an audit sink: installed by pip, found by entry points, and run."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "stranger-adapters"
version = "1.0"
dependencies = ["po-ingest"]

[project.entry-points."po_ingest.erp_sources"]
paper = "stranger.paper:create"

[project.entry-points."po_ingest.audit_sinks"]
ledger = "stranger.ledger:create"

[tool.hatch.build.targets.wheel]
packages = ["stranger"]
"""
PAPER = '''
"""An ERP that is a JSON file."""

import json
from contextlib import contextmanager

from po_ingest.ports import Finding, ResultSet


class Paper:
    def __init__(self, path):
        self.path = path

    @contextmanager
    def query(self, sql):
        assert sql == "all of it"
        content = json.loads(self.path.read_text())
        yield ResultSet(tuple(content["columns"]), iter([[tuple(row) for row in content["rows"]]]))

    def check(self):
        return [Finding("paper", "ok", "the paper lies there")]


def create(settings):
    return Paper(settings.folder / settings.connection)
'''
LEDGER = '''
"""An audit sink of one line an event."""


class Ledger:
    def __init__(self, path):
        self.path = path

    def position(self):
        return int(self.path.read_text().split()[-2]) if self.path.exists() else 0

    def write(self, events):
        with self.path.open("a") as file:
            for chained in events:
                file.write(f"{chained.id} {chained.event.event_type}\\n")


def create(settings):
    return Ledger(settings.file.with_name("ledger.txt"))
'''
CONFIG = """
[erp]
name = "paper"
adapter = "paper"
connection = "orders.json"

[erp.po_lines]
query = "all of it"

[audit]
sinks = ["file", "ledger"]
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Build the stranger's package, install it into a folder, and return the folder; no network, no other package."""
    if importlib.util.find_spec("pip") is None:
        pytest.skip("pip is not in this environment")
    source = tmp_path / "their code"
    (source / "stranger").mkdir(parents=True)
    for name, text in {
        "pyproject.toml": PYPROJECT,
        "stranger/__init__.py": "",
        "stranger/paper.py": PAPER,
        "stranger/ledger.py": LEDGER,
    }.items():
        (source / name).write_text(text, encoding="utf-8")
    target = tmp_path / "installed"
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    subprocess.run(  # noqa: S603 - the command is this file's
        [sys.executable, "-m", "pip", "install", "-q", *offline, "--target", str(target), str(source)],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return target


def po_ingest(home: Path, installed: Path | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = dict(os.environ)
    if installed is not None:
        environ["PYTHONPATH"] = str(installed)
    return subprocess.run(  # noqa: S603 - the command is this file's
        [sys.executable, "-c", "from po_ingest.cli.main import run; run()", *arguments],
        cwd=home,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def write_orders(home: Path, *rows: tuple[str, int, str]) -> None:
    content = {"columns": ["po_number", "line_number", "ordered_quantity"], "rows": rows}
    (home / "orders.json").write_text(json.dumps(content), encoding="utf-8")


def test_a_strangers_erp_and_audit_sink_are_run_without_a_change_here(tmp_path: Path, installed: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "po-ingest.toml").write_text(CONFIG, encoding="utf-8")

    write_orders(home, ("PO-1", 1, "5"), ("PO-1", 2, "7.5"))
    baseline = po_ingest(home, installed, "nightly", "--json")
    assert baseline.returncode == 0, baseline.stderr
    assert json.loads(baseline.stdout)["po_lines_processed"] == 2

    write_orders(home, ("PO-1", 1, "6"), ("PO-1", 2, "7.5"), ("PO-2", 1, "1"))
    night = po_ingest(home, installed, "nightly", "--json")
    assert night.returncode == 0, night.stderr
    report = json.loads(night.stdout)
    assert (report["new_lines_created"], report["change_events_detected"]) == (1, 1)

    changes = json.loads(po_ingest(home, installed, "changes", "--format", "json").stdout)
    assert [(row["po_number"], row["kind"], row["previous_value"], row["new_value"]) for row in changes] == [
        ("PO-2", "created", None, None),
        ("PO-1", "changed", "5.000", "6.000"),
    ]
    ledger = [line.split() for line in (home / "logs" / "ledger.txt").read_text(encoding="utf-8").splitlines()]
    assert [int(number) for number, _ in ledger] == list(range(1, len(ledger) + 1))
    assert [event for _, event in ledger].count("ingestion_completed") == 2
    assert "the paper lies there" in po_ingest(home, installed, "check").stdout
    audit = (home / "logs" / "audit.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(audit) == len(ledger), "the file has the same trail"


def test_without_the_package_its_adapter_is_a_configuration_error_that_names_those_there_are(tmp_path: Path) -> None:
    (tmp_path / "po-ingest.toml").write_text(CONFIG, encoding="utf-8")
    write_orders(tmp_path, ("PO-1", 1, "5"))
    refused = po_ingest(tmp_path, None, "nightly")
    assert refused.returncode == 2
    line, *details = refused.stderr.splitlines()
    assert line.startswith("po-ingest: error: ")
    assert "has 2 faults: erp.adapter, audit.sinks (entry 2)" in line
    assert "installed are: csv, odbc, sqlite" in details[0]
    assert "installed are: file" in details[1]
