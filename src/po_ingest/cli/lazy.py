"""Groups of commands that are imported when they are called, so that `--help` costs nothing."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from difflib import get_close_matches

import click


class LazyGroup(click.Group):
    """A group that knows its commands by name: `name -> (module, what it does in a few words)`.

    The command's function in its module has the name of the command (`-` as `_`), with `_command` behind it.
    """

    def __init__(self, *args: object, lazy: Mapping[str, tuple[str, str]], **kwargs: object) -> None:
        """Keep the table; nothing is imported yet."""
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # click's own, passed on as they are
        self.lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the commands in the order of the table."""
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import a command."""
        if cmd_name not in self.lazy:
            return None
        module = importlib.import_module(self.lazy[cmd_name][0])
        command: click.Command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is called; one that there is not may be a slip of the finger."""
        name = args[0]
        if name not in self.lazy and not name.startswith("-"):
            near = get_close_matches(name, self.lazy, n=3, cutoff=0.5)
            meant = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(self.lazy)}"
            raise click.UsageError(f"no such command {name!r}: {meant}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in self.lazy.items()])
