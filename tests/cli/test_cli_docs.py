"""`docs/commands.md` tells every command and every option, and none that there is not."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest

from po_ingest.cli.audit import EVENT_TYPES
from po_ingest.cli.main import group
from po_ingest.errors import ExitCode
from po_ingest.presets import PRESETS
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


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_documented(name: str) -> None:
    text = section(name)
    usage = text.strip().splitlines()[0].strip()
    assert usage.startswith(f"po-ingest {name}")
    for parameter in COMMANDS[name].params:
        if isinstance(parameter, click.Option):
            for option in parameter.opts:
                assert option in usage, option
                assert f"`{option}" in text, option
        else:
            metavar = (parameter.metavar or str(parameter.name)).upper().strip("[]")
            assert metavar.replace(".CSV", ".csv") in usage, parameter.name


def test_nothing_is_documented_that_is_not_there() -> None:
    assert set(re.findall(r"^### `(.+)`$", TEXT, re.MULTILINE)) == set(COMMANDS)
    known = {option for command in (group, *COMMANDS.values()) for each in command.params for option in each.opts}
    assert set(re.findall(r"--[a-z][a-z-]+", TEXT)) <= known | {"--help", "--version"}


def test_every_option_before_the_command_is_documented() -> None:
    for parameter in group.params:
        assert f"`{parameter.opts[0]}" in TEXT


def test_every_exit_code_preset_and_event_type_is_documented() -> None:
    for code in ExitCode:
        assert f"\n| {int(code)} | " in TEXT
    for preset in PRESETS:
        assert f"\n| `{preset}`" in TEXT
    help_text = COMMANDS["audit list"].help or ""
    for event_type in EVENT_TYPES:
        assert event_type in help_text
