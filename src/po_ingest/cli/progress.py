"""How far a run is: a line on a terminal's stderr, that is gone when the run has ended; elsewhere nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import attrs

from po_ingest.cli import output
from po_ingest.ports import Progress

if TYPE_CHECKING:  # imported on terminals only
    from rich.progress import Progress as Bar
    from rich.progress import Task, TaskID


@attrs.define
class TerminalProgress:
    """Shows stage and rows."""

    bar: Bar
    task: TaskID
    current: str = ""

    def stage(self, name: str) -> None:
        """Enter a stage; a run goes through the stages once for each 5,000 lines."""
        if name != self.current:
            self.current = name
            self.bar.update(self.task, description=name)

    def advance(self, rows: int) -> None:
        """Count rows; if more come than were expected, as many as came were to be expected."""
        self.bar.advance(self.task, rows)
        task = self.bar.tasks[0]
        if task.total is not None and task.completed > task.total:
            self.bar.update(self.task, total=task.completed)

    def retrying(self, attempt: int, wait: float, cause: str) -> None:  # noqa: ARG002 - the cause is in the log's line
        """Tell that a try comes."""
        self.current = ""
        self.bar.update(self.task, description=f"waiting {wait:.0f} s for try {attempt}")


def is_watched(*, quiet: bool) -> bool:
    """Say whether somebody watches."""
    return not quiet and output.is_terminal(sys.stderr)


@contextmanager
def watched(*, quiet: bool, expected: int | None = None) -> Iterator[Progress | None]:
    """Show the progress of a run while the context lasts, if somebody watches; `expected` are the rows to come."""
    if not is_watched(quiet=quiet):
        yield None
        return
    from rich.progress import (  # noqa: PLC0415 - as above
        BarColumn,
        ProgressColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed or 0:,.0f}/s")

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:16}", markup=False),
        BarColumn(bar_width=14),
        TextColumn("{task.completed:,.0f} rows"),
        Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(compact=True),
    )
    with Bar(*columns, console=output.console(sys.stderr), transient=True, redirect_stdout=False) as bar:
        yield TerminalProgress(bar, bar.add_task("start", total=expected))
