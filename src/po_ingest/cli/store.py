"""`po-ingest store upgrade` and `store status`."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import click

from po_ingest.cli import output
from po_ingest.cli.session import Session, open_store, pass_session
from po_ingest.errors import ConfigError


@runtime_checkable
class HasUpgradeSql(Protocol):
    """A store whose schema is made by SQL."""

    def upgrade_sql(self) -> str:
        """Return the SQL that an upgrade would run; empty if there is nothing to do."""
        ...


@click.group("store")
def store_command() -> None:
    """Look after the store's schema.

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
