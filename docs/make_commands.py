"""Makes docs/commands.md from click: usage, what it does, options, examples; and the text in commands.md.in."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import cleandoc
from typing import Final

import click
from making import filled, table_rows

from po_ingest.cli.main import PROGRAM, group

LITERAL: Final = "\b\n"
"""Click's mark before lines that are to be left as they are."""


def page() -> str:
    """Return the page."""
    parts = {name: "\n".join(_section(name, command)).rstrip() for name, command in commands(group)}
    before = (parameter for parameter in group.params if isinstance(parameter, click.Option))
    parts[PROGRAM] = "\n".join(table_rows(("before the command", "meaning"), map(_row, before)))
    return filled("commands.md", "the commands' --help", parts)


def commands(parent: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield the commands that do something, by name."""
    context = click.Context(parent)
    for name in parent.list_commands(context):
        command = parent.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, f"{path}{name} ")
        elif command is not None:
            yield f"{path}{name}", command


def _section(name: str, command: click.Command) -> Iterator[str]:
    usage = " ".join([PROGRAM, name, *map(_usage, command.params)])
    yield from (f"### `{name}`", "", f"    {usage}", "")
    for paragraph in cleandoc(command.help or "").split("\n\n"):
        if paragraph.startswith(LITERAL):
            title, _, rest = paragraph.removeprefix(LITERAL).partition("\n")
            yield from (title, "", *(f"    {line.removeprefix('  ')}" for line in rest.splitlines()), "")
        else:
            yield from (paragraph, "")
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    if options:
        yield from table_rows(("option", "meaning"), map(_row, options))


def _usage(parameter: click.Parameter) -> str:
    text = _named(parameter)
    return text if parameter.required else f"[{text}]"


def _named(parameter: click.Parameter) -> str:
    """Return a parameter as it is written; of one that takes a value, with a word for it."""
    word = (parameter.metavar or (parameter.name or "").upper()).strip("[]")
    if isinstance(parameter, click.Argument):
        return word
    is_flag = isinstance(parameter, click.Option) and (parameter.is_flag or parameter.is_eager)
    return parameter.opts[0] if is_flag else f"{parameter.opts[0]} {word}"


def _row(option: click.Option) -> tuple[str, str]:
    kind, parts = option.type, [option.help or ""]
    if isinstance(kind, click.Choice):
        parts.append(f"One of {', '.join(f'`{choice}`' for choice in kind.choices)}.")
    if isinstance(kind, (click.IntRange, click.FloatRange)):
        least = "more than" if kind.min_open else "from"
        parts.append(f"{least} {kind.min:,}{'' if kind.max is None else f' to {kind.max:,}'}.".capitalize())
    if option.show_default:
        parts.append(f"Default: `{option.default}`.")
    return f"`{_named(option)}`", " ".join(parts).replace("|", "\\|")
