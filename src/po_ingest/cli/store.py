"""`po-ingest store upgrade`, `store status`, `store verify` and `store copy`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Protocol, TypeVar, runtime_checkable

import attrs
import click

from po_ingest.cli import output
from po_ingest.cli.session import Session, open_store, pass_session
from po_ingest.errors import ConfigError, PoIngestError

if TYPE_CHECKING:  # imported where they are needed: `--help` shall not wait for them
    from po_ingest.ports import CopiedTable, Progress, Store, StoreView
    from po_ingest.settings import Settings, StoreSettings
    from po_ingest.store_verify import Breach, StoreVerification

T = TypeVar("T")
OPEN_PASSWORD: Final = re.compile(
    r"://[^/@:]*:(?!\$\{[^{}]*\}@)[^/@]+@|(?:pwd|password)(?:=|%3d)(?!\$\{)", re.IGNORECASE
)
"""In a URL: a password that is not a variable's, as a whole."""
TOLD_EVERY: Final = 1000
"""Lines after which progress is shown."""


@runtime_checkable
class HasUpgradeSql(Protocol):
    """A store whose schema is made by SQL."""

    def upgrade_sql(self) -> str:
        """Return the SQL that an upgrade would run; empty if there is nothing to do."""
        ...


@runtime_checkable
class CanCopy(Protocol):
    """A store that can copy its history to another."""

    def copy_to(self, target: Store, erp: str, progress: Progress) -> list[CopiedTable]:
        """Copy the whole history to an empty store, and prove that it has the same."""
        ...


@click.group("store")
def store_command() -> None:
    """Look after the store: its schema, its history, a copy of it.

    \b
    Example:
      po-ingest store status
      po-ingest store upgrade
    """  # noqa: D301 - \b is click's mark for lines to be left as they are


@store_command.command("upgrade")
@click.option("--sql", "as_sql", is_flag=True, help="Print the SQL, and change nothing.")
@pass_session
def upgrade_command(session: Session, *, as_sql: bool) -> None:
    """Create the schema, or bring it to the version this release needs.

    \b
    Example:
      po-ingest store upgrade --sql
      po-ingest store upgrade
    """  # noqa: D301 - \b is click's mark for lines to be left as they are
    settings = session.settings(log_to_file=not as_sql)
    store = open_store(settings)
    if as_sql:
        if not isinstance(store, HasUpgradeSql):
            raise ConfigError("this store has no SQL to show", hint="leave --sql out")
        output.write(store.upgrade_sql())
        return
    before = store.schema()
    if before.relation == "current":
        output.line(f"the schema has version {before.current}, nothing to do")
        return
    with store.lock(settings.erp.name):  # no run shall meet a half-made schema
        store.upgrade()
    from_version = "none" if before.current is None else before.current
    output.line(f"the schema was upgraded: {from_version} -> {store.schema().current}")


@store_command.command("status")
@pass_session
def status_command(session: Session) -> None:
    """Show the schema's version, and what the store holds.

    \b
    Example:
      po-ingest store status
    """  # noqa: D301 - \b is click's mark for lines to be left as they are
    settings = session.settings()
    store = open_store(settings)
    schema = store.schema()
    pairs: list[tuple[str, object]] = [
        ("schema", schema.relation),
        ("schema_version", schema.current),
        ("needed_version", schema.needed),
    ]
    if schema.relation in {"current", "missing"}:
        with store.read() as view:
            latest = view.last_applied(settings.erp.name)
            pairs += [
                ("erp", settings.erp.name),
                ("runs", len(view.runs(settings.erp.name))),
                ("lines", len(view.known_lines(settings.erp.name).ids)),
                ("last_completed_run", None if latest is None else f"{latest.id} ({latest.run_identifier})"),
                ("run_in_progress", store.holder(settings.erp.name)),
            ]
    output.pairs_table(pairs)
    if schema.relation in {"older", "newer"}:
        from po_ingest.journal import require_schema  # noqa: PLC0415 - `--help` shall not wait for it

        require_schema(store, create=False)  # tells what to do, and gives the exit code


@store_command.command("verify")
@click.option("--json", "as_json", is_flag=True, help="Print an array of objects, one a breach.")
@pass_session
def verify_command(session: Session, *, as_json: bool) -> None:
    """Prove that the history is sound: recompute it from the tables.

    For every line: the change events, one after the other, lead from its first
    state to every later one and to what it is now (R3); its states follow on one
    another without hole or overlap, and agree with the events (R4); its batches
    sum up to what was delivered (R10). And the chain of the audit trail holds.
    Ends with 1 if there is a breach, and names the first line that has one.

    \b
    Example:
      po-ingest store verify
    """  # noqa: D301 - \b is click's mark for lines to be left as they are
    from po_ingest.cli.progress import watched  # noqa: PLC0415 - as above

    with session.reading() as (settings, view), watched(quiet=session.quiet) as progress:
        result = _verify(settings, view, progress)
        names = {run.id: run.run_identifier for run in view.runs(settings.erp.name)}
    if as_json:
        output.json_array(_breach_row(breach, settings.erp.name, names) for breach in result.breaches)
    else:
        output.pairs_table(_looked_at(result))
    if result.breaches:
        first, *others = (str(breach) for breach in result.breaches)
        untold = result.breach_count - len(result.breaches)
        raise PoIngestError(
            f"the store breaks its rules, {output.counted(result.breach_count, 'breach', 'breaches')} in all; "
            f"the first: {first}",
            hint="compare with a backup of the store; nothing was changed",
            details=(*others, *([f"... and {untold} more"] if untold else [])),
        )
    if not as_json:
        output.line("the history is sound")


def _verify(settings: Settings, view: StoreView, progress: Progress | None) -> StoreVerification:
    from po_ingest.store_verify import verify  # noqa: PLC0415 - as above

    erp = settings.erp.name
    lines = counted(view.histories(erp), "verify", progress)
    return verify(view.runs(erp), lines, view.audit_events(), ignored=settings.lines.ignored_fields)


def counted(rows: Iterator[T], stage: str, progress: Progress | None) -> Iterator[T]:
    """Yield rows, and show how many there were."""
    if progress is None:
        yield from rows
        return
    progress.stage(stage)
    for number, row in enumerate(rows, 1):
        if number % TOLD_EVERY == 0:
            progress.advance(TOLD_EVERY)
        yield row


def _looked_at(result: StoreVerification) -> list[tuple[str, object]]:
    names = ("runs", "lines", "states", "change_events", "batches", "audit_events")
    return [*((name, getattr(result, name)) for name in names), ("breaches", result.breach_count)]


def _breach_row(breach: Breach, erp: str, run_identifiers: dict[int, str]) -> dict[str, object]:
    po_number, line_number = breach.key or (None, None)
    return {
        "rule": breach.rule,
        "erp": erp,
        "po_number": po_number,
        "line_number": line_number,
        "field": breach.field,
        "run_id": breach.run_id,
        "run_identifier": run_identifiers.get(breach.run_id or 0),
        "expected": breach.expected,
        "found": breach.found,
        "message": breach.message,
    }


@store_command.command("copy")
@click.option("--to", "url", required=True, metavar="URL", help="Database to copy to, as in store.url; must be empty.")
@click.option("--json", "as_json", is_flag=True, help="Print an array of objects, one a table.")
@pass_session
def copy_command(session: Session, url: str, *, as_json: bool) -> None:
    """Move the whole history to another database.

    Copies all tables with their ids, in one transaction, while no nightly can
    run; then reads both again and compares them, and checks the audit trail.
    A password is best given by a variable: write ${NAME} in single quotes.

    \b
    Example:
      po-ingest store copy --to 'postgresql+psycopg://po:${PO_PASSWORD}@db/ingest'
    """  # noqa: D301 - \b is click's mark for lines to be left as they are
    from po_ingest import config, wiring  # noqa: PLC0415 - as above
    from po_ingest.cli.progress import watched  # noqa: PLC0415 - as above

    settings = session.settings(log_to_file=True)
    if OPEN_PASSWORD.search(url):
        session.warn("the password stands on the command line, where others can see it; write ${NAME} for a variable")
    target = _target(attrs.evolve(settings.store, url=config.store_url("--to", url, os.environ)))
    store = open_store(settings)
    if not isinstance(store, CanCopy):
        raise ConfigError("this store cannot be copied", hint="see `po-ingest snapshot` for its lines")
    with watched(quiet=session.quiet) as progress:
        copied = store.copy_to(target, settings.erp.name, progress or wiring.Silent())
    if as_json:
        output.json_array(attrs.asdict(each) for each in copied)
        return
    rows = [(each.table, each.rows, each.digest) for each in copied]
    output.table(("table", "rows", "digest"), rows, numbers=("rows",))
    output.line("the copy is equal, table by table, and its audit trail is complete and unaltered")
    session.note("the configuration still names the old store; to go on with the copy, change store.url")


def _target(settings: StoreSettings) -> Store:
    """Open the store to copy to; what is wrong with its URL is told of the option."""
    from po_ingest import plugins  # noqa: PLC0415 - as above

    try:
        return plugins.store(settings)
    except ConfigError as error:
        of_option, hint = (text.replace("store.url", "--to") for text in (error.message, error.hint))
        raise ConfigError(of_option, hint=hint, details=error.details) from error
