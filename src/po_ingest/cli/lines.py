"""`po-ingest history`, `changes` and `snapshot`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from po_ingest import queries, timelines
from po_ingest.cli import output
from po_ingest.cli.session import Session, pass_session, streaming
from po_ingest.errors import ConfigError
from po_ingest.fields import FIELDS
from po_ingest.tellings import Storyteller

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from po_ingest.ports import Row, StoreView
    from po_ingest.settings import Settings

CHANGE_TABLE: Final = (
    "run_id",
    "detected_at",
    "po_number",
    "line_number",
    "kind",
    "field_name",
    "previous_value",
    "new_value",
    "cause",
)
"""The columns of `changes` as a table, but for a narrow terminal, where each change is told in words."""

NARROW: Final = ("run_id", "po_number", "line_number")
STDOUT: Final = Path("-")


@click.command("history")
@click.argument("po_number")
@click.argument("line", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print an array of the events and batches.")
@pass_session
def history_command(session: Session, po_number: str, line: str | None, *, as_json: bool) -> None:
    """Tell the story of a PO, or of one LINE of it.

    Every change with its previous value, every delivery and absence, with run
    and time, oldest first.

    \b
    Example:
      po-ingest history 4500001234
      po-ingest history 4500001234 10 --json
    """  # noqa: D301 - \b is click's mark for lines to be left as they are
    number = None if line is None else queries.parse_line_number(line)
    with session.reading() as (settings, view):
        lines = queries.find_lines(view, settings.erp.name, po_number, number)
        found = timelines.timelines(view, settings.erp.name, lines, _labels(settings))
    if as_json:
        output.json_array(row for timeline in found for row in timelines.history_rows(timeline))
        return
    with output.paged():
        for place, timeline in enumerate(found):
            if place:
                output.line("")
            _show_timeline(timeline)


def _labels(settings: Settings) -> dict[str, str]:
    """Return what people call the custom columns."""
    return {name: slot.label for name, slot in settings.custom_columns.items() if slot.label}


def _show_timeline(timeline: timelines.Timeline) -> None:
    line = timeline.line
    output.heading(f"PO {line['po_number']} line {line['line_number']}")
    output.pairs_table([pair for pair in timelines.line_fields(line) if pair[0] not in {"po_number", "line_number"}])
    output.line("")
    rows = [(entry.run_id, entry.at, entry.what) for entry in timeline.entries]
    output.table(("run", "time", "what"), rows, numbers=("run",))


def _fields_like(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """Return for the shell the fields, custom columns among them, whose names begin with what is typed."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only the shell's completion asks

    return [CompletionItem(each.name, help=each.description) for each in FIELDS if each.name.startswith(begun)]


@click.command("changes")
@click.option("--run", "run", metavar="RUN", help="Of one run: number, identifier, latest or previous.")
@click.option("--since", metavar="DATE", help="Of the runs that started then or later: 2026-01-31, yesterday, 7d.")
@click.option(
    "--field", metavar="FIELD", shell_complete=_fields_like, help="Only of this field, such as promised_date."
)
@click.option("--supplier", metavar="SUPPLIER", help="Only of lines of this supplier.")
@click.option(
    "--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True, help="How."
)
@pass_session
def changes_command(
    session: Session, run: str | None, since: str | None, field: str | None, supplier: str | None, form: str
) -> None:
    """List what changed: in RUN, since DATE, or in the latest completed run.

    \b
    Example:
      po-ingest changes
      po-ingest changes --since 7d --field promised_date --format csv
    """  # noqa: D301 - \b is click's mark for lines to be left as they are
    start = None if since is None else queries.parse_date(since, datetime.now(UTC))
    of_field = None if field is None else queries.check_field(field)
    of_supplier = None if supplier is None else queries.typed(supplier)
    with session.reading() as (settings, view):
        erp = settings.erp.name
        run_id = _run_of_changes(session, settings, view, run, start)
        changes: Iterator[Row] = iter(())
        if run_id is not None or start is not None:
            changes = view.changes(erp, run_id=run_id, since=start, field=of_field, supplier=of_supplier)
        with streaming(changes):
            _show_changes(changes, form, _labels(settings))


def _run_of_changes(
    session: Session, settings: Settings, view: StoreView, run: str | None, start: datetime | None
) -> int | None:
    """Return the run that is meant; none if it is all runs since a date, or there is no run."""
    if run is not None:
        return queries.find_applied_run(view, settings.erp.name, run).id
    latest = view.last_applied(settings.erp.name)
    if start is None and latest is None:
        session.note(f"no run of ERP {settings.erp.name!r} has completed yet")
    return None if start is not None or latest is None else latest.id


def _show_changes(changes: Iterable[Row], form: str, labels: Mapping[str, str]) -> None:
    if form == "json":
        output.json_array(queries.pick(change, queries.EVENT_COLUMNS) for change in changes)
    elif form == "csv":
        output.csv_table(queries.EVENT_COLUMNS, _rows(changes, queries.EVENT_COLUMNS))
    elif output.width() < output.WIDE_TERMINAL:
        rows = ((*map(change.get, NARROW), Storyteller(labels=labels).event(change)) for change in changes)
        with output.paged():
            output.table(("run", "po_number", "line", "what"), rows, numbers=("run", "line"))
    else:
        with output.paged():
            output.table(CHANGE_TABLE, _rows(changes, CHANGE_TABLE), numbers=("run_id", "line_number"))


def _rows(records: Iterable[Row], columns: Sequence[str]) -> Iterator[list[object]]:
    for record in records:
        yield [record[name] for name in columns]


@click.command("snapshot")
@click.option("--run", "run", metavar="RUN", required=True, help="Number, identifier, latest or previous.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "jsonl", "parquet"]),
    default="csv",
    show_default=True,
    help="Parquet needs the package pyarrow, and --output.",
)
@click.option(
    "--output",
    "path",
    metavar="FILE",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Write a file, whole or not at all; - is stdout.",
)
@pass_session
def snapshot_command(session: Session, run: str, form: str, path: Path | None) -> None:
    """Write the active lines as they were at a completed run, by key.

    \b
    Example:
      po-ingest snapshot --run latest > lines.csv
      po-ingest snapshot --run 12 --format parquet --output lines.parquet
    """  # noqa: D301 - \b is click's mark for lines to be left as they are
    path = None if path == STDOUT else path
    if form == "parquet":
        _require_parquet(path)
    with session.reading() as (settings, view):
        erp = settings.erp.name
        found = queries.find_applied_run(view, erp, run)
        with streaming(view.snapshot(erp, found.id)) as lines:
            rows = queries.snapshot_rows(erp, lines)
            if path is None:
                _print_snapshot(form, rows)
            else:
                _write_snapshot(path, form, rows)
        if path is not None:
            session.note(f"the lines of run {found.id} ({found.run_identifier}) are in {path}")


def _require_parquet(path: Path | None) -> None:
    from po_ingest.snapshot_files import require_parquet  # noqa: PLC0415 - rarely needed

    if path is None:
        raise ConfigError("the format parquet needs --output", hint="name the file to write")
    require_parquet()


def _print_snapshot(form: str, rows: Iterable[Sequence[object]]) -> None:
    if form == "csv":
        output.csv_table(queries.SNAPSHOT_COLUMNS, rows)
        return
    for text in _json_lines(rows):
        output.write(text)


def _json_lines(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    for row in rows:
        yield output.json_text(dict(zip(queries.SNAPSHOT_COLUMNS, row, strict=True))) + "\n"


def _write_snapshot(path: Path, form: str, rows: Iterable[Sequence[object]]) -> None:
    from po_ingest.snapshot_files import atomic_file, write_parquet  # noqa: PLC0415 - rarely needed

    with atomic_file(path) as file:
        if form == "parquet":
            write_parquet(file, queries.SNAPSHOT_COLUMNS, rows)
            return
        texts = output.csv_rows(queries.SNAPSHOT_COLUMNS, rows) if form == "csv" else _json_lines(rows)
        for text in texts:
            file.write(text.encode("utf-8", "backslashreplace"))
