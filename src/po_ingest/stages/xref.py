"""Stage 2, xref: give each line the SKU, item and supplier that the item cross-reference has for it (R9)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from operator import itemgetter
from typing import Final, cast
from zoneinfo import ZoneInfo

import attrs

from po_ingest.fields import BY_NAME, INDEX, Field, Kind, Value, Values
from po_ingest.model import MappedLine, NewLines, Own, Presence, RawRow, ReadLine, RejectedRow, XrefRow
from po_ingest.raw_values import Memory
from po_ingest.readers import Unreadable, make_reader
from po_ingest.reading import DIGEST_SIZE, Rejection, cut, cut_column, require, resolve_columns, row_as_json
from po_ingest.settings import QuerySettings
from po_ingest.stages.snapshot import OWN_POSITIONS, UNCHANGED_ACTIVE, UNCHANGED_INACTIVE, Snapshot

ITEM_CODE: Final = INDEX["item_code"]
XREF_FIELDS: Final[dict[str, Field]] = {
    "erp_item_code": Field("erp_item_code", Kind.TEXT, "The ERP's item code", BY_NAME["item_code"].width),
    "mapped_sku": Field("mapped_sku", Kind.TEXT, "SKU that the code stands for", BY_NAME["sku"].width),
    "mapped_item": Field("mapped_item", Kind.TEXT, "Item that the code stands for", BY_NAME["item"].width),
    "supplier_code": Field("supplier_code", Kind.TEXT, "Supplier of the item", BY_NAME["supplier_code"].width),
    "is_active": Field("is_active", Kind.TEXT, "Whether the entry holds; empty means yes"),
}
XREF_COLUMNS: Final = ("erp_item_code", "supplier_code", "mapped_sku", "mapped_item")  # as XrefRow has them
YES: Final = frozenset({"1", "true", "t", "yes", "y", "on", "active"})
NO: Final = frozenset({"0", "false", "f", "no", "n", "off", "inactive"})
SKU, ITEM, SUPPLIER = OWN_POSITIONS
OWN_OF: Final = itemgetter(*OWN_POSITIONS)
NOT_MAPPED: Final[Own] = (None, None, None)
CONFLICT: Final = "another, different active row has this item code"


@attrs.frozen(slots=True)
class XrefEntry:
    """What the cross-reference says of a code, and a digest of it."""

    mapped: Own  # sku, item, supplier code
    digest: bytes


Xref = Mapping[str, XrefEntry]
"""The known active item codes."""


@attrs.frozen(slots=True)
class XrefResult:
    """The cross-reference of tonight and the rows of it that could not be taken."""

    entries: Xref
    rejected: tuple[RejectedRow, ...] = ()
    truncated: int = 0


def parse_is_active(text: str | None) -> bool:
    """Read a flag; none is yes. Raises ValueError."""
    if text is None or text.casefold() in YES:
        return True
    if text.casefold() in NO:
        return False
    raise ValueError("is neither yes nor no (1 or 0, true or false)")


class XrefReading:
    """Reads the rows of the cross-reference's query. Raises ConfigError where columns and settings do not fit."""

    def __init__(self, columns: tuple[str, ...], query: QuerySettings) -> None:
        """Resolve the columns; only the item code is required."""
        found = resolve_columns("item_xref", columns, XREF_FIELDS, query.columns)
        require("item_xref", found, ("erp_item_code",), columns)
        self.columns = columns
        zone = ZoneInfo("UTC")
        self._plan = [
            (name, column.position, make_reader(XREF_FIELDS[name], column.settings, zone))
            for name, column in found.items()
        ]

    def row(self, raw: RawRow) -> tuple[XrefRow, int]:
        """Return the row and how many of its texts were cut. Raises Rejection."""
        texts: dict[str, str | None] = {}
        for name, position, reader in self._plan:
            try:
                texts[name] = cast("str | None", reader(raw[position]))
            except Unreadable as error:
                raise Rejection(name, str(error)) from None
        code = texts.pop("erp_item_code")
        width = XREF_FIELDS["erp_item_code"].width or 0
        if code is None:
            raise Rejection("erp_item_code", "is missing")
        if len(code) > width:
            raise Rejection("erp_item_code", f"is longer than {width} characters")
        try:
            is_active = parse_is_active(texts.pop("is_active", None))
        except ValueError as error:
            raise Rejection("is_active", str(error)) from None
        truncated = 0
        for name, text in texts.items():
            limit = XREF_FIELDS[name].width
            if text is not None and limit is not None and len(text) > limit:
                texts[name], truncated = cut(text, limit), truncated + 1
        return XrefRow(code, **texts, is_active=is_active), truncated

    def rows(self, raws: Sequence[RawRow]) -> tuple[list[XrefRow], int] | None:
        """Return what `row` gives for each row, and how many texts were cut; None if any cannot be taken.

        They are read column by column, which is faster.
        """
        columns: dict[str, Sequence[str | None]] = {name: [None] * len(raws) for name in XREF_FIELDS}
        truncated = 0
        try:
            for name, position, reader in self._plan:
                texts = cast("Sequence[str | None]", reader.column([raw[position] for raw in raws]))
                columns[name], cuts = cut_column(texts, XREF_FIELDS[name].width)
                truncated += cuts
                if name == "erp_item_code" and (cuts or None in texts):
                    return None
            flags = map(Memory(parse_is_active).__getitem__, columns.pop("is_active"))
            return list(map(XrefRow, *(columns[name] for name in XREF_COLUMNS), flags)), truncated
        except ValueError:
            return None


def read_xref(reading: XrefReading, chunks: Iterable[list[RawRow]]) -> XrefResult:
    """Read the ERP's cross-reference."""
    rejected: list[RejectedRow] = []
    taken: list[tuple[XrefRow, RawRow]] = []
    truncated = 0
    for chunk in chunks:
        rows, cuts = reading.rows(chunk) or _one_by_one(reading, chunk, rejected)
        taken += [(row, raw) for row, raw in zip(rows, chunk, strict=True) if row is not None and row.is_active]
        truncated += cuts
    entries, conflicts = _settle(row for row, _ in taken)
    for row, raw in taken:
        if row.erp_item_code in conflicts:
            content = row_as_json(reading.columns, raw)
            rejected.append(RejectedRow("item_xref", None, None, None, CONFLICT, content))
    return XrefResult(entries, tuple(rejected), truncated)


def _one_by_one(
    reading: XrefReading, chunk: Sequence[RawRow], rejected: list[RejectedRow]
) -> tuple[list[XrefRow | None], int]:
    """Return the rows of a chunk, None for each that is rejected, and how many texts were cut."""
    rows: list[XrefRow | None] = []
    truncated = 0
    for raw in chunk:
        try:
            row, cuts = reading.row(raw)
        except Rejection as error:
            content = row_as_json(reading.columns, raw)
            rejected.append(RejectedRow("item_xref", None, None, error.field, error.reason, content))
            rows.append(None)
            continue
        rows.append(row)
        truncated += cuts
    return rows, truncated


def from_store(rows: Iterable[XrefRow]) -> XrefResult:
    """Take the store's own cross-reference, which has one row a code."""
    return XrefResult(_settle(row for row in rows if row.is_active)[0])


def _settle(active: Iterable[XrefRow]) -> tuple[dict[str, XrefEntry], set[str]]:
    """Return the entries of active rows and the codes whose rows differ: these are unknown."""
    found: dict[str, Own] = {}
    conflicts: set[str] = set()
    for row in active:
        mapped = (row.mapped_sku, row.mapped_item, row.supplier_code)
        if found.setdefault(row.erp_item_code, mapped) != mapped:
            conflicts.add(row.erp_item_code)
    return {code: XrefEntry(of, _digest(of)) for code, of in found.items() if code not in conflicts}, conflicts


def _digest(mapped: Own) -> bytes:
    return blake2b(ascii(mapped).encode("ascii"), digest_size=DIGEST_SIZE).digest()


def remapped(tonight: Snapshot, xref: Xref) -> Iterator[int]:
    """Yield the known lines whose row is unchanged but whose entry of the cross-reference is another than last time."""
    known = tonight.known
    wanted = {code: (xref[code].digest if code in xref else None) for code in set(known.item_codes) if code is not None}
    for at, (mark, code, applied) in enumerate(zip(tonight.seen, known.item_codes, known.mappings, strict=True)):
        if mark in {UNCHANGED_ACTIVE, UNCHANGED_INACTIVE} and (wanted[code] if code is not None else None) != applied:
            yield at


def entry_of(item_code: str | None, xref: Xref) -> XrefEntry | None:
    """Return the cross-reference's entry of an item code."""
    return xref.get(item_code) if item_code is not None else None


def map_own(own: Own, item_code: str | None, entry: XrefEntry | None, default_supplier: str) -> Own:
    """Return SKU, item and supplier: the cross-reference's, else the ERP's own, else item code or default supplier."""
    mapped = entry.mapped if entry else NOT_MAPPED
    return (
        mapped[0] or own[0] or item_code,
        mapped[1] or own[1] or item_code,
        mapped[2] or own[2] or default_supplier,
    )


def own_of(values: Values) -> Own:
    """Return the ERP's own SKU, item and supplier of values that have not been mapped."""
    return cast("Own", OWN_OF(values))


def map_lines(lines: Iterable[ReadLine], xref: Xref, default_supplier: str) -> list[MappedLine]:
    """Apply the cross-reference to known lines."""
    return [_map_line(line, xref, default_supplier) for line in lines]


def map_new(lines: NewLines, xref: Xref, default_supplier: str) -> NewLines:
    """Apply the cross-reference to new lines."""
    if not lines.keys:
        return lines
    codes = cast("Sequence[str | None]", lines.values[ITEM_CODE])
    own = cast("list[Own]", list(zip(*(lines.values[at] for at in OWN_POSITIONS), strict=True)))
    entries = [entry_of(code, xref) for code in codes]
    mapped = [map_own(*each, default_supplier) for each in zip(own, codes, entries, strict=True)]
    return attrs.evolve(
        lines.with_columns(dict(zip(OWN_POSITIONS, zip(*mapped, strict=True), strict=True))),
        own=own,
        is_unmapped=[code is not None and entry is None for code, entry in zip(codes, entries, strict=True)],
        mappings=[entry.digest if entry else None for entry in entries],
    )


def _map_line(line: ReadLine, xref: Xref, default_supplier: str) -> MappedLine:
    code = cast("str | None", line.values[ITEM_CODE])
    values: list[Value] = list(line.values)
    entry = entry_of(code, xref)
    values[SKU], values[ITEM], values[SUPPLIER] = map_own(own_of(line.values), code, entry, default_supplier)
    is_unmapped = code is not None and entry is None
    return MappedLine(line, tuple(values), is_unmapped, entry.digest if entry else None)


def gaps_of_unchanged(tonight: Snapshot, xref: Xref) -> set[str]:
    """Return the unknown item codes of the active lines whose row is unchanged."""
    known = tonight.known
    unknown = {code for code in set(known.item_codes) if code is not None and code not in xref}
    if not unknown:
        return set()
    marks = zip(tonight.seen, known.presence, known.item_codes, strict=True)
    codes = {code for mark, presence, code in marks if mark == UNCHANGED_ACTIVE and presence == Presence.ACTIVE}
    return {code for code in codes if code in unknown}


def gaps_of_rejected(tonight: Snapshot, xref: Xref, rejected_known: Iterable[int]) -> set[str]:
    """Return the unknown item codes of the active lines that keep their state since their row was rejected."""
    known = tonight.known
    codes = {known.item_codes[at] for at in rejected_known if known.presence[at] == Presence.ACTIVE}
    return {code for code in codes if code is not None and code not in xref}


def gaps_of_read(new: NewLines, lines: Iterable[MappedLine]) -> set[str]:
    """Return the unknown item codes of the active lines that were read."""
    gaps = {code for code, is_gap in zip(new.values[ITEM_CODE], new.is_unmapped, strict=True) if is_gap}
    gaps.update(line.read.values[ITEM_CODE] for line in lines if line.is_unmapped and line.read.is_active)
    return cast("set[str]", gaps)
