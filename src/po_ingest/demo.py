"""The demo: a sample ERP in a folder of its own, a baseline, and the nights that follow, each on a changed ERP."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import attrs

from po_ingest import config, logs, presets, wiring
from po_ingest.errors import ConfigError, LockHeldError, PoIngestError
from po_ingest.model import LineKey, RunReport
from po_ingest.pipeline import Options, run_nightly
from po_ingest.ports import Clock
from po_ingest.private_files import make_folder, write_text
from po_ingest.sample_erp import SampleErp
from po_ingest.settings import Settings

MARKER: Final = ".po-ingest-demo"
CONFIG: Final = "po-ingest.toml"
OURS: Final = ("erp.db*", "po-ingest.db*", CONFIG, "logs")
"""What the demo makes in its folder, and takes away when it runs again."""

HOUR: Final = 2
"""The hour of the nights, UTC."""


@attrs.frozen(slots=True)
class Demo:
    """What came of it: the configuration, the runs, and a line that has a story to tell."""

    config: Path
    reports: tuple[RunReport, ...]
    line: LineKey | None


def run(settings: Settings, *, lines: int, days: int, now: datetime, tell: Callable[[RunReport], None]) -> Demo:
    """Build the ERP of a prepared folder and run the nights; the last one is the latest 02:00 UTC before `now`."""
    folder = settings.file.parent
    latest = now.replace(hour=HOUR, minute=0, second=0, microsecond=0)
    if latest > now:
        latest -= timedelta(days=1)
    first = latest - timedelta(days=days)
    erp = SampleErp(folder / "erp.db", lines, (first - timedelta(days=1)).date())
    reports = []
    for night in range(days + 1):
        at = first + timedelta(days=night)
        if night:
            erp.next_day((at - timedelta(days=1)).date())
        parts = attrs.evolve(wiring.build(settings), clock=_clock(at))
        reports.append(run_nightly(settings, parts, Options(baseline=night == 0)))
        tell(reports[-1])
    return Demo(folder / CONFIG, tuple(reports), _line_with_a_story(settings))


def _clock(at: datetime) -> Clock:
    """Return a clock that starts at a time and goes on from there."""
    start = time.perf_counter()
    return lambda: at + timedelta(seconds=time.perf_counter() - start)


def prepare(folder: Path, environ: Mapping[str, str], *, verbose: bool = False) -> Settings:
    """Make the folder, or clear it of an earlier demo, and write the configuration.

    Raises ConfigError for a folder that is not the demo's.
    """
    try:
        if folder.exists():
            _clear(folder, environ)
        make_folder(folder)
        write_text(folder / MARKER, "Made by `po-ingest demo`, which clears it when it runs again.\n")
        write_text(folder / CONFIG, presets.render("demo"))
    except OSError as error:
        raise PoIngestError(
            f"the folder {folder} cannot be used: {error.strerror or type(error).__name__}",
            hint="name another one, or close what has its files open",
        ) from error
    settings = config.load(folder / CONFIG, environ)
    logs.configure(settings.log, verbose=verbose, quiet=not verbose)
    return settings


def _clear(folder: Path, environ: Mapping[str, str]) -> None:
    if not folder.is_dir():
        raise ConfigError(f"{folder} is a file", hint="name a folder that does not exist yet")
    if not (folder / MARKER).is_file():
        if any(folder.iterdir()):
            raise ConfigError(
                f"the folder {folder} is not empty, and was not made by the demo; nothing was touched",
                hint="name a folder that does not exist yet",
            )
        return
    if (folder / CONFIG).is_file():
        _refuse_while_running(config.load(folder / CONFIG, environ))
    for pattern in OURS:
        for path in folder.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _refuse_while_running(settings: Settings) -> None:
    if wiring.open_store(settings).holder(settings.erp.name):
        raise LockHeldError(
            f"a run of the demo in {settings.file.parent} is in progress", hint="wait until it has ended"
        )


def _line_with_a_story(settings: Settings) -> LineKey | None:
    """Return the line of which the most different things are told."""
    stories: Counter[LineKey] = Counter()
    told: set[tuple[LineKey, object]] = set()
    with wiring.open_store(settings).read() as view:
        for run in view.runs(settings.erp.name):
            for change in view.changes(settings.erp.name, run_id=run.id):
                key = (str(change["po_number"]), int(str(change["line_number"])))
                what = change["field_name"] or change["kind"]
                if (key, what) not in told:
                    told.add((key, what))
                    stories[key] += 1
    return max(stories, key=lambda key: (stories[key], key), default=None)
