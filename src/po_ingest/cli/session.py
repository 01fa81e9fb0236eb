"""What all commands share: the options before the command, and what they lead to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import attrs
import click

if TYPE_CHECKING:  # imported where they are needed: `--help` shall not wait for them
    from po_ingest.model import RunReport
    from po_ingest.ports import Store, StoreView
    from po_ingest.settings import LogSettings, Settings

T = TypeVar("T")


@attrs.define
class Session:
    """One call of `po-ingest`."""

    config: Path | None = None
    verbose: bool = False
    quiet: bool = False
    log: LogSettings | None = None  # known once there is a configuration
    logs_to_file: bool = False
    report: RunReport | None = None  # of the run, once it has ended
    code: int | None = None  # the exit code, once it is known

    def settings(self, *, log_to_file: bool = False) -> Settings:
        """Load the configuration, and start to log as it says. Raises ConfigError."""
        from po_ingest import config, logs  # noqa: PLC0415 - as above

        settings = config.load(config.find(self.config, os.environ), os.environ)
        self.log, self.logs_to_file = settings.log, log_to_file
        logs.configure(settings.log, verbose=self.verbose, quiet=self.quiet, to_file=log_to_file)
        return settings

    @contextmanager
    def reading(self) -> Iterator[tuple[Settings, StoreView]]:
        """See the store at one moment; writes nothing, not even to the log."""
        settings = self.settings()
        with open_store(settings).read() as view:
            yield settings, view

    @staticmethod
    def warn(text: str) -> None:
        """Tell something to look at, on stderr."""
        click.echo(f"warning: {text}", err=True)

    def note(self, text: str) -> None:
        """Tell something beside the results, on stderr."""
        if not self.quiet:
            click.echo(f"note: {text}", err=True)


@contextmanager
def streaming(rows: Iterator[T]) -> Iterator[Iterator[T]]:
    """Show rows as they come from the store, and give its cursor back when the last was shown, or stdout was closed."""
    try:
        yield rows
    finally:
        close = getattr(rows, "close", None)
        if close is not None:
            close()


def open_store(settings: Settings) -> Store:
    """Return the configured store."""
    from po_ingest import wiring  # noqa: PLC0415 - as above

    return wiring.open_store(settings)


pass_session = click.make_pass_decorator(Session)
