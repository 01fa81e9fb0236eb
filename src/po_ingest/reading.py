"""How rows of the ERP become keys, fingerprints and values: built once a run from result columns and settings.

No value is parsed before it must be: `key` and `is_active` look at a few columns only, `packed` and `fingerprint` take
values as they are; `values` and `columns_of` read all of them, and are called for rows that differ from last time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from operator import itemgetter
from typing import Final, TypeAlias, TypeGuard, cast
from zoneinfo import ZoneInfo

import attrs

from po_ingest.errors import ConfigError
from po_ingest.fields import BY_NAME, FIELDS, INDEX, INTEGER_MAX, INTEGER_MIN, Field, Kind, Value, Values, to_text
from po_ingest.model import LineKey, RawRow
from po_ingest.packing import WaitingRow, pack, unpack
from po_ingest.raw_values import as_shown
from po_ingest.readers import Reader as FieldReader
from po_ingest.readers import Unreadable, make_reader
from po_ingest.settings import ColumnSettings, LineSettings, QuerySettings

READING_VERSION: Final = 1
"""Raised when a release reads rows otherwise than the one before: then every row is read again, once."""

DIGEST_SIZE: Final = 16
BLOCK: Final = 500
"""Rows that are read together: as many as a processor's cache holds, or they are fetched from memory over and over."""
JSON_INTEGERS: Final = range(-(2**63), 2**63)
"""Whole numbers that every reader of JSON takes; others are told as text."""

PO_NUMBER_WIDTH: Final = BY_NAME["po_number"].width or 0
Reader: TypeAlias = Callable[[object], Value]


class Rejection(ValueError):  # noqa: N818 - it is told as a rejected row, not as an error
    """A row cannot be taken (R8). The reason is free of the row's values."""

    def __init__(self, field: str | None, reason: str, key: tuple[str | None, int | None] = (None, None)) -> None:
        """Keep the field concerned and what of the key could be read."""
        super().__init__(f"{field} {reason}" if field else reason)
        self.field = field
        self.reason = reason
        self.key = key


@attrs.frozen(slots=True)
class ResolvedColumn:
    """A field's place in the result."""

    position: int
    settings: ColumnSettings


def resolve_columns(
    query: str, columns: tuple[str, ...], fields: Iterable[str], listed: Mapping[str, ColumnSettings]
) -> dict[str, ResolvedColumn]:
    """Find each field's column in a result (contract, section 3); fields with no column are left out.

    Raises ConfigError for listed columns that the result lacks, and for one that it has twice.
    """
    missing: list[str] = []
    faults: list[str] = []
    found: dict[str, ResolvedColumn] = {}
    for field in fields:
        settings = listed.get(field) or ColumnSettings(column=field)
        positions = [at for at, name in enumerate(columns) if name == settings.column]
        if not positions:
            wanted = settings.column.casefold()
            positions = [at for at, name in enumerate(columns) if name.casefold() == wanted]
        if len(positions) > 1:
            faults.append(f"{query}: the result has {len(positions)} columns named {settings.column!r} (field {field})")
        elif positions:
            found[field] = ResolvedColumn(positions[0], settings)
        elif field in listed:
            missing.append(f"{settings.column!r} (field {field})")
    if missing:
        faults.insert(0, f"{query}: the result has no column {', '.join(missing)}")
    if faults:
        raise ConfigError(
            faults[0],
            hint=f"mend the query or [erp.{query}.columns]; the result's columns are: {', '.join(columns)}",
            details=tuple(faults[1:]),
        )
    return found


def require(query: str, found: Mapping[str, ResolvedColumn], names: Iterable[str], columns: tuple[str, ...]) -> None:
    """Raise ConfigError unless each of the fields has a column."""
    lacking = [name for name in names if name not in found]
    if lacking:
        raise ConfigError(
            f"{query}: no column for {', '.join(lacking)}",
            hint=f"list it in [erp.{query}.columns]; the result's columns are: {', '.join(columns)}",
        )


def read_key(po_number: Reader, line_number: Reader, raw_number: object, raw_line: object) -> LineKey:
    """Return the key in its canonical form. Raises Rejection with what could be read of it."""
    number: str | None = None
    line: int | None = None
    fault: tuple[str, str] | None = None
    try:
        number = po_number(raw_number)  # type: ignore[assignment]  # a text field's reader gives text or none
        if number is not None and len(number) > PO_NUMBER_WIDTH:
            number, fault = None, ("po_number", f"is longer than {PO_NUMBER_WIDTH} characters")
    except Unreadable as error:
        fault = ("po_number", str(error))
    try:
        line = line_number(raw_line)  # type: ignore[assignment]  # an integer field's reader gives an integer or none
    except Unreadable as error:
        fault = fault or ("line_number", str(error))
    if number is None or line is None:
        field, reason = fault or ("po_number" if number is None else "line_number", "is missing")
        raise Rejection(field, reason, (number, line))
    return number, line


def is_plain(text: object) -> TypeGuard[str]:
    """Say whether a PO number is such that trimming is all there is to do; spares most rows the reader's checks."""
    return (
        type(text) is str
        and text.isascii()
        and text.isprintable()
        and len(text) <= PO_NUMBER_WIDTH
        and not text.isspace()
        and text != ""
    )


def cut(text: str, width: int) -> str:
    """Cut a text to its field's width; the rest is trimmed again."""
    return text[:width].rstrip()


def cut_column(texts: Sequence[str | None], width: int | None) -> tuple[Sequence[str | None], int]:
    """Cut a column's texts to its field's width, if it has one, and return how many were longer."""
    if width is None or max(map(len, filter(None, texts)), default=0) <= width:
        return texts, 0
    cuts = sum(text is not None and len(text) > width for text in texts)
    return [text if text is None else cut(text, width) for text in texts], cuts


class _Readers:
    """Makes the readers of fields. Dates that are read alike share one, and what it remembers: few days serve all."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._of_dates: dict[tuple[str | None, tuple[str, ...]], FieldReader] = {}

    def of(self, field: Field, settings: ColumnSettings) -> FieldReader:
        if field.kind is not Kind.DATE:
            return make_reader(field, settings, self._zone)
        alike = settings.format, settings.null
        if alike not in self._of_dates:
            self._of_dates[alike] = make_reader(field, settings, self._zone)
        return self._of_dates[alike]


class LineReading:
    """Reads the rows of the PO lines' query. Raises ConfigError where columns and settings do not fit."""

    def __init__(
        self,
        columns: tuple[str, ...],
        query: QuerySettings,
        slots: Mapping[str, ColumnSettings],
        lines: LineSettings,
        *,
        timezone: str,
        delivered_from_receipts: bool,
    ) -> None:
        """Resolve the columns; `slots` are the active custom slots' columns."""
        zone = ZoneInfo(timezone)
        listed = {**query.columns, **slots}
        names = [name for name, field in BY_NAME.items() if not field.is_custom or name in slots]
        found = resolve_columns("po_lines", columns, names, listed)
        require("po_lines", found, ("po_number", "line_number"), columns)
        self.columns = columns
        self.delivered_from_receipts = delivered_from_receipts and "delivered_quantity" not in found
        self._key_at = found["po_number"].position, found["line_number"].position
        self._key_readers = tuple(
            make_reader(BY_NAME[name], found[name].settings, zone) for name in ("po_number", "line_number")
        )
        self._is_plain_key = all(column.settings.is_plain for column in (found["po_number"], found["line_number"]))
        readers = _Readers(zone)
        self._plan = tuple(
            (at, found[field.name].position, readers.of(field, found[field.name].settings), field)
            for at, field in enumerate(FIELDS)
            if field.name in found
        )
        self.unmapped_positions = tuple(at for at, field in enumerate(FIELDS) if field.name not in found)
        self._status = self._status_reader()
        self._inactive = frozenset(status.strip().casefold() for status in lines.inactive_statuses)
        self._active: dict[object, bool] = {}
        self.configuration = self._describe(found, lines, timezone)
        if self.delivered_from_receipts:
            self.configuration["delivered_quantity"] = "receipts"
        self._used = self._used_columns(found)
        self._salt = self._digest_of_settings(lines)
        self._widths = tuple((at, field.width) for at, _, _, field in self._plan if field.width is not None)

    def _status_reader(self) -> tuple[int, Reader] | None:
        status = INDEX["current_status"]
        return next(((position, reader) for at, position, reader, _ in self._plan if at == status), None)

    @staticmethod
    def _describe(found: Mapping[str, ResolvedColumn], lines: LineSettings, timezone: str) -> dict[str, str]:
        """Tell for each mapped field how it is read; a difference between runs is the cause `config` (R9)."""
        described = {}
        for name, column in sorted(found.items()):
            settings = column.settings
            parts: list[object] = [settings.column.casefold(), settings.format, list(settings.null)]
            if BY_NAME[name].kind is Kind.DATETIME:
                parts.append(timezone)
            described[name] = ascii(parts)
        described["supplier_code"] = f"{described.get('supplier_code')} {lines.default_supplier!a}"
        return described

    def _used_columns(self, found: Mapping[str, ResolvedColumn]) -> Callable[[RawRow], RawRow] | None:
        """Return what narrows a row to the columns in use; a column that nobody reads is no reason to read a row."""
        positions = sorted({column.position for column in found.values()})
        if positions == list(range(len(self.columns))):
            return None
        return itemgetter(*positions) if len(positions) > 1 else itemgetter(slice(positions[0], positions[0] + 1))

    def _digest_of_settings(self, lines: LineSettings) -> bytes:
        """Digest all that decides how a row is read."""
        parts = (
            READING_VERSION,
            sorted(self.configuration.items()),
            sorted(self._inactive),
            sorted(lines.ignored_fields),
            self.delivered_from_receipts,
        )
        return blake2b(ascii(parts).encode("ascii"), digest_size=DIGEST_SIZE).digest()

    def key(self, row: RawRow) -> LineKey:
        """Return the row's key in its canonical form. Raises Rejection."""
        number, line = row[self._key_at[0]], row[self._key_at[1]]
        if self._is_plain_key and type(line) is int and INTEGER_MIN <= line <= INTEGER_MAX and is_plain(number):
            return number.strip(), line
        return read_key(self._key_readers[0], self._key_readers[1], number, line)

    def keys(self, rows: Sequence[RawRow]) -> Sequence[LineKey | None]:
        """Return the rows' keys, all at once where they are plain; None for each that `key` is to look at."""
        numbers, lines = ([row[at] for row in rows] for at in self._key_at)
        if self._is_plain_key and {*map(type, lines)} == {int} and {*map(type, numbers)} == {str}:
            texts, positions = cast("list[str]", numbers), cast("list[int]", lines)
            in_range = min(positions) >= INTEGER_MIN and max(positions) <= INTEGER_MAX
            joined = "".join(texts)
            if in_range and joined.isascii() and joined.isprintable() and max(map(len, texts)) <= PO_NUMBER_WIDTH:
                stripped = [text.strip() for text in texts]
                if all(stripped):
                    return list(zip(stripped, positions, strict=True))
        return [None] * len(rows)

    def are_active(self, rows: Sequence[RawRow]) -> Sequence[bool]:
        """Return what `is_active` says of each of the rows."""
        if self._status is None:
            return [True] * len(rows)
        at, active = self._status[0], self._active
        statuses = [row[at] for row in rows]
        if {*map(type, statuses)} != {str}:
            return list(map(self.is_active, rows))
        return [active[raw] if raw in active else self.is_active(row) for raw, row in zip(statuses, rows, strict=True)]

    def is_active(self, row: RawRow) -> bool:
        """Say whether the row's status is an active one; a status that cannot be read counts as active."""
        if self._status is None:
            return True
        position, reader = self._status
        raw = row[position]
        if type(raw) is not str:
            return self._is_active_status(reader, raw)
        active = self._active.get(raw)
        if active is None:
            active = self._active[raw] = self._is_active_status(reader, raw)
        return active

    def _is_active_status(self, reader: Reader, raw: object) -> bool:
        try:
            status = reader(raw)
        except Unreadable:
            return True
        return not isinstance(status, str) or status.casefold() not in self._inactive

    def packed(self, rows: Sequence[RawRow], *, are_plain: bool) -> tuple[Sequence[bytes], bool]:
        """Return of each row what `fingerprint` takes, and whether `columns_of` and `unpack` can take that, too.

        `are_plain` is what the rows' `ResultSet` says.
        """
        if self._used is None:
            return pack(rows, are_plain=are_plain)
        return pack(list(map(self._used, rows)), are_plain=are_plain)[0], False

    def fingerprint(self, packed: bytes) -> bytes:
        """Return 16 bytes that are equal only for rows that are read to the same values.

        BLAKE2b over the columns in use, packed, and a digest of all settings that decide how they are read.
        """
        return blake2b(packed, digest_size=DIGEST_SIZE, salt=self._salt).digest()

    def values(self, row: RawRow, key: LineKey) -> tuple[Values, int]:
        """Return the row's values (none for fields without a column) and how many texts were cut.

        Raises Rejection for a value that cannot be read.
        """
        values: list[Value] = [None] * len(FIELDS)
        field: Field
        try:
            for at, position, reader, field in self._plan:  # noqa: B007 - the handler names the field
                raw = row[position]
                if raw is not None:
                    values[at] = reader.read(raw)
        except Unreadable as error:
            raise Rejection(field.name, str(error), key) from None
        truncated = 0
        for at, width in self._widths:
            text = values[at]
            if text is not None and len(text) > width:  # type: ignore[arg-type]  # only texts have a width
                values[at] = cut(text, width)  # type: ignore[arg-type]  # as above
                truncated += 1
        return tuple(values), truncated

    def columns_of(self, rows: Sequence[WaitingRow]) -> tuple[list[Sequence[Value]], int] | None:
        """Return what `values` gives for the rows, as a column a field: they are read so, which is faster.

        None if a value of any row cannot be read: then each row is to be read by itself.
        """
        read: list[Sequence[Value]] = [(None,) * len(rows)] * len(FIELDS)
        parts: dict[int, list[Value]] = {at: [] for at, _, _, _ in self._plan}
        truncated = 0
        try:
            for start in range(0, len(rows), BLOCK):
                columns = list(zip(*map(unpack, rows[start : start + BLOCK]), strict=True))
                for at, position, reader, field in self._plan:
                    values = reader.column(columns[position])
                    if field.width is not None:
                        values, cuts = cut_column(cast("Sequence[str | None]", values), field.width)
                        truncated += cuts
                    parts[at] += values
        except Unreadable:
            return None
        for at, part in parts.items():
            read[at] = part
        return read, truncated

    def as_json(self, row: RawRow) -> dict[str, object]:
        """Return a row as its columns and values that a JSON text can hold."""
        return row_as_json(self.columns, row)

    def told_by(self, key: LineKey, values: Values) -> dict[str, object]:
        """Return values that a row was read to, in text form, by its columns."""
        told: dict[str, object] = {self.columns[at]: part for at, part in zip(self._key_at, key, strict=True)}
        told.update({self.columns[position]: to_text(values[at]) for at, position, _, _ in self._plan})
        return told


def row_as_json(columns: tuple[str, ...], row: RawRow) -> dict[str, object]:
    """Return a row as its columns and values that a JSON text can hold; numbers keep their exact text."""
    content: dict[str, object] = {}
    for name, value in zip(columns, row, strict=True):
        at, unique = 2, name
        while unique in content:
            unique, at = f"{name} ({at})", at + 1
        is_plain = (
            value is None or isinstance(value, (str, bool)) or (isinstance(value, int) and value in JSON_INTEGERS)
        )
        content[unique] = value if is_plain else as_shown(value)
    return content
