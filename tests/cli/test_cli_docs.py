"""What the docs tell is what there is: commands, options, exit codes, event types, fields, tables, figures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

import click

from po_ingest import events
from po_ingest.cli.audit import EVENT_TYPES
from po_ingest.cli.main import group
from po_ingest.errors import ExitCode
from po_ingest.fields import FIELDS, KEY_FIELDS
from po_ingest.health import FIGURES, Level
from po_ingest.presets import PRESETS
from po_ingest_adapters.observers import metrics
from po_ingest_adapters.store.schema import tables
from po_ingest_adapters.store.views import views
from support.paths import ROOT

TEXT = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


def leaves(parent: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Yield the commands that do something."""
    context = click.Context(parent)
    for name in parent.list_commands(context):
        command = parent.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


COMMANDS = dict(leaves(group))


def section(name: str) -> str:
    """Return what the page says of a command."""
    found = re.search(rf"^### `{name}`\n(.*?)(?=^##|\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found, f"docs/commands.md has no section for {name}"
    return found[1]


def test_nothing_is_documented_that_is_not_there() -> None:
    assert set(re.findall(r"^### `(.+)`$", TEXT, re.MULTILINE)) == set(COMMANDS)
    known = {option for command in (group, *COMMANDS.values()) for each in command.params for option in each.opts}
    assert set(re.findall(r"--[a-z][a-z-]+", TEXT)) <= known | {"--help", "--version"}


def test_exit_codes_are_documented_where_they_are_looked_for() -> None:
    codes = [int(code) for code in ExitCode]
    assert numbers("commands.md", "Exit codes") == codes
    assert numbers("commands.md", "`status`") == list(map(int, Level))
    runbook = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert [int(code) for code in re.findall(r"^### Exit (\d):", runbook, re.MULTILINE)] == codes[1:]
    assert [int(code) for code in re.findall(r"\b(\d) [a-zE]", COMMANDS["nightly"].help or "")] == codes


def test_every_preset_is_told_by_the_help() -> None:
    told = cleandoc(COMMANDS["init"].help or "")
    assert re.findall(r"^  (\w+)  +\w", told, re.MULTILINE) == list(PRESETS)


def numbers(page: str, heading: str) -> list[int]:
    """Return the numbers in the first column of the tables under a heading."""
    return [int(cell) for cell in first_cells(page, heading, r"(\d+)")]


def first_cells(page: str, heading: str, cell: str = "`([^`]+)`") -> list[str]:
    """Return the names in the first column of the tables under a heading."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    found = re.search(rf"^(#+) {re.escape(heading)}\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"docs/{page} has no section {heading}"
    return re.findall(rf"^\| {cell} \|", found[2], re.MULTILINE)


def test_every_audit_event_type_is_documented() -> None:
    assert first_cells("audit.md", "What is told") == list(EVENT_TYPES)
    help_text = COMMANDS["audit list"].help or ""
    assert [each for each in EVENT_TYPES if each not in help_text] == []


def test_the_event_types_are_those_that_are_told() -> None:
    code = Path(events.__file__).read_text(encoding="utf-8")
    assert set(re.findall(r'self\._event\(\s*"(\w+)"', code)) == set(EVENT_TYPES)


def test_every_figure_for_monitors_is_documented() -> None:
    assert first_cells("operations.md", "The figures of `[metrics]`") == [*metrics.LAST_RUN, *metrics.LAST_APPLIED]
    told = section("status")
    assert [name for name in (*FIGURES, "age", "duration") if name not in told] == []


def test_every_table_and_view_is_documented() -> None:
    headings = set(re.findall(r"^### `(\w+)`$", (ROOT / "docs" / "store.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert headings == {*tables().metadata.tables, *views()}


def test_every_field_is_documented() -> None:
    assert first_cells("fields.md", "The key") == [field.name for field in KEY_FIELDS]
    named = first_cells("fields.md", "The fields") + first_cells("fields.md", "Custom fields")
    assert named == [field.name for field in FIELDS]


def test_every_page_has_its_place_in_the_site() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    pages = re.findall(r": ([\w./-]+\.md)(?: # (\w+\.md))?$", navigation, re.MULTILINE)
    docs = ROOT / "docs"
    there = {f"docs/{page.relative_to(docs).as_posix()}" for page in docs.rglob("*.md")} | {
        page.name for page in ROOT.glob("*.md")
    }
    assert {outside or f"docs/{page}" for page, outside in pages} == there
