"""`po-ingest xref import`, `xref export` and `xref gaps`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from po_ingest import queries
from po_ingest.cli import output
from po_ingest.cli.session import Session, open_store, pass_session
from po_ingest.errors import ConfigError

OF_THE_ERP = "the cross-reference comes from [erp.item_xref]: that of the store"


@click.group("xref")
def xref_command() -> None:
    """Keep the item cross-reference, and see what is missing from it.

    It maps ERP item codes to SKU, item and supplier, unless the ERP gives the
    mapping itself ([erp.item_xref] in the configuration).

    \b
    Example:
      po-ingest xref gaps
      po-ingest xref import items.csv
    """  # noqa: D301 - \b is click's mark for lines to be left as they are


@xref_command.command("import")
@click.argument("file", metavar="FILE.csv", type=click.Path(path_type=Path))
@pass_session
def import_command(session: Session, file: Path) -> None:
    """Insert or replace entries from a CSV file, by item code.

    UTF-8 with a header: erp_item_code, and any of supplier_code, mapped_sku,
    mapped_item, is_active (1 when missing). A fault anywhere imports nothing.

    \b
    Example:
      po-ingest xref import items.csv
    """  # noqa: D301 - \b is click's mark for lines to be left as they are
    settings = session.settings(log_to_file=True)
    from po_ingest.journal import require_schema  # noqa: PLC0415 - `--help` shall not wait for it
    from po_ingest.retrying import Retries  # noqa: PLC0415 - as above
    from po_ingest.xref_csv import parse  # noqa: PLC0415 - as above

    rows = parse(_read(file), str(file))
    store = open_store(settings)

    def put() -> None:
        require_schema(store, create=True)
        with store.write() as transaction:
            transaction.put_item_xref(rows, datetime.now(UTC))

    retries = Retries(lambda attempt, _wait, cause: session.note(f"try {attempt} follows: {cause}"))
    retries(settings.store.retry, put)
    output.line(f"{output.counted(len(rows), 'entry', 'entries')} imported")
    if settings.erp.item_xref is not None:
        session.warn(f"{OF_THE_ERP}, and so this import, has no effect")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}", hint="name a CSV file") from error


@xref_command.command("export")
@pass_session
def export_command(session: Session) -> None:
    """Write the store's cross-reference as CSV.

    It is as `xref import` reads it.

    \b
    Example:
      po-ingest xref export > items.csv
    """  # noqa: D301 - \b is click's mark for lines to be left as they are
    from po_ingest.xref_csv import COLUMNS  # noqa: PLC0415 - as above

    with session.reading() as (settings, view):
        rows = view.item_xref()
    output.csv_table(COLUMNS, ([getattr(row, name) for name in COLUMNS] for row in rows))
    if settings.erp.item_xref is not None:
        session.warn(f"{OF_THE_ERP}, which is exported here, has no effect")


@xref_command.command("gaps")
@click.option("--json", "as_json", is_flag=True, help="Print an array of objects.")
@pass_session
def gaps_command(session: Session, *, as_json: bool) -> None:
    """List the item codes that the mapping does not know.

    Those of active lines, with how many lines each has, and the first of them.

    \b
    Example:
      po-ingest xref gaps
      po-ingest xref gaps --json
    """  # noqa: D301 - \b is click's mark for lines to be left as they are
    with session.reading() as (settings, view):
        gaps = view.gaps(settings.erp.name)
        by_now = queries.known_by_now(view, gaps) if settings.erp.item_xref is None else 0
    if by_now:
        codes = output.counted(by_now, "of these codes is", "of these codes are")
        session.note(f"{codes} in the cross-reference now; the next nightly maps them")
    if as_json:
        output.json_array(queries.pick(gap, queries.GAP_COLUMNS) for gap in gaps)
        return
    rows = ([gap[name] for name in queries.GAP_COLUMNS] for gap in gaps)
    output.table(queries.GAP_COLUMNS, rows, numbers=("lines", "line_number"))
