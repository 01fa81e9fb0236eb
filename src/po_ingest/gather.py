"""Gathers what a run decides by: what the store knew, tonight's rows, receipts and cross-reference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

import attrs

from po_ingest.journal import Journal
from po_ingest.model import KnownLines, LineKey, RawRow
from po_ingest.ports import RowBuffer, StoreView
from po_ingest.reading import LineReading
from po_ingest.receipts import ReceiptReading, Receipts, read_receipts
from po_ingest.settings import ColumnSettings
from po_ingest.stages import batches, diff, snapshot, xref


@attrs.frozen(slots=True)
class Night:
    """What was gathered."""

    tonight: snapshot.Snapshot
    receipts: Receipts | None
    xref: xref.XrefResult
    rules: diff.Rules
    again: frozenset[int]  # known lines whose row is unchanged but whose mapping or receipts are not
    slots: tuple[str, ...]  # custom slots with an active mapping

    def receipts_digests(self, keys: Sequence[LineKey]) -> Sequence[bytes | None]:
        """Return the digests to keep; a line with a rejected receipt keeps its own, to be looked at again."""
        receipts = self.receipts
        return [None] * len(keys) if receipts is None else [self._digest_to_keep(key, receipts) for key in keys]

    def _digest_to_keep(self, key: LineKey, receipts: Receipts) -> bytes | None:
        if key in receipts.frozen:
            at = self.tonight.known.index.get(key)
            return None if at is None else self.tonight.known.receipts[at]
        return receipts.digest(key)

    def in_store(self, key: LineKey) -> tuple[bytes | None, ...]:
        """Return the fingerprints of row, receipts and mapping that the store has of a known line."""
        known = self.tonight.known
        at = known.index[key]
        return known.fingerprints[at], known.receipts[at], known.mappings[at]


def gather(journal: Journal, view: StoreView | None = None) -> Night:
    """Read store and ERP; no transaction of the store is open meanwhile, but for a dry run's `view`.

    Raises ErpError, StoreError, and ConfigError where columns and settings do not fit.
    """
    settings = journal.settings
    slots = {name: slot.column for name, slot in settings.custom_columns.items() if slot.active}
    with journal.stage("snapshot"):
        known = journal.from_store(lambda store: store.known_lines(settings.erp.name), view)
        tonight = journal.from_erp(partial(_read_lines, journal, known, slots))
        receipts = journal.from_erp(partial(_read_receipts, journal, tonight))
    with journal.stage("xref"):
        mapping = _read_xref(journal, view)
        again = {*xref.remapped(tonight, mapping.entries)}
    if receipts is not None:
        with journal.stage("batches"):
            again.update(batches.with_other_receipts(tonight, receipts))
    last = journal.previous.field_configuration if journal.previous else None
    rules = diff.rules(settings.lines, slots, tonight.reading.configuration, last, mapping.entries)
    return Night(tonight, receipts, mapping, rules, frozenset(again), tuple(slots))


def _counted(journal: Journal, chunks: Iterable[list[RawRow]]) -> Iterator[list[RawRow]]:
    for chunk in chunks:
        journal.parts.progress.advance(len(chunk))
        yield chunk


def _read_lines(journal: Journal, known: KnownLines, slots: Mapping[str, ColumnSettings]) -> snapshot.Snapshot:
    """Read the PO lines from their first row to their last; a buffer of a failed try is given up."""
    erp = journal.settings.erp
    buffer: RowBuffer = journal.parts.buffer()
    try:
        with journal.parts.source.query(erp.po_lines.query) as result:
            reading = LineReading(
                result.columns,
                erp.po_lines,
                slots,
                journal.settings.lines,
                timezone=erp.timezone,
                delivered_from_receipts=erp.receipts is not None,
            )
            return snapshot.take(reading, known, attrs.evolve(result, chunks=_counted(journal, result.chunks)), buffer)
    except BaseException:
        buffer.close()
        raise


def _read_receipts(journal: Journal, tonight: snapshot.Snapshot) -> Receipts | None:
    erp = journal.settings.erp
    if erp.receipts is None:
        return None
    with journal.parts.source.query(erp.receipts.query) as result:
        reading = ReceiptReading(result.columns, erp.receipts, timezone=erp.timezone)
        return read_receipts(reading, _counted(journal, result.chunks), tonight.is_read)


def _read_xref(journal: Journal, view: StoreView | None) -> xref.XrefResult:
    """Read the cross-reference: the ERP's if one is configured, else the store's."""
    query = journal.settings.erp.item_xref
    if query is None:
        return xref.from_store(journal.from_store(lambda store: store.item_xref(), view))

    def read() -> xref.XrefResult:
        with journal.parts.source.query(query.query) as result:
            return xref.read_xref(xref.XrefReading(result.columns, query), result.chunks)

    return journal.from_erp(read)
