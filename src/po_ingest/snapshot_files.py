"""Snapshots as files: CSV, JSON lines, Parquet."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

from po_ingest.errors import ConfigError, PoIngestError
from po_ingest.fields import BY_NAME, DECIMAL_PRECISION, DECIMAL_SCALE, Kind
from po_ingest.private_files import opener

ROW_GROUP: Final = 50_000


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file that appears whole, or not at all; what it replaces stays until then.

    A device or a pipe is written to as it is. Raises ConfigError if there is no such folder, PoIngestError if the file
    cannot be written.
    """
    target = Path(os.path.realpath(path))
    if target.is_dir() or not target.parent.is_dir():
        fault = "is a folder" if target.is_dir() else "lies in a folder that does not exist"
        raise ConfigError(f"{path} {fault}", hint="name a file in a folder that exists")
    is_special = target.exists() and not target.is_file()
    part = target if is_special else target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with open(part, "wb", opener=opener) as file:
            if target.is_file():
                _share_as(target, part)
            yield file
        if not is_special:
            part.replace(target)
    except OSError as error:
        raise PoIngestError(
            f"{path} could not be written: {error.strerror or type(error).__name__}",
            hint="check its folder, its rights and the room on the disk",
        ) from error
    finally:
        if not is_special:
            with suppress(OSError):
                part.unlink()


def _share_as(target: Path, part: Path) -> None:
    """Give a file, while it is empty, the rights of the one that it will replace; not all systems let everybody."""
    with suppress(OSError):
        part.chmod(stat.S_IMODE(target.stat().st_mode))


def require_parquet() -> None:
    """Raise ConfigError unless Parquet can be written here."""
    try:
        import pyarrow as pa  # noqa: F401, PLC0415 - an extra, and 100 ms
    except ImportError:
        raise ConfigError(
            "the format parquet needs the package pyarrow", hint="install it where po-ingest is: pip install pyarrow"
        ) from None


def write_parquet(file: BinaryIO, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write rows as Parquet: decimals, dates and datetimes in types of their own."""
    import pyarrow as pa  # noqa: PLC0415 - as above
    from pyarrow import parquet  # noqa: PLC0415 - as above

    types = {
        Kind.TEXT: pa.string(),
        Kind.INTEGER: pa.int32(),
        Kind.DECIMAL: pa.decimal128(DECIMAL_PRECISION, DECIMAL_SCALE),
        Kind.DATE: pa.date32(),
        Kind.DATETIME: pa.timestamp("us", tz="UTC"),
    }
    schema = pa.schema([(name, types[BY_NAME[name].kind] if name in BY_NAME else pa.string()) for name in columns])
    remaining = iter(rows)
    with parquet.ParquetWriter(file, schema) as writer:
        while group := list(islice(remaining, ROW_GROUP)):
            arrays = [
                pa.array([_encodable(value) for value in values], type=kind)
                for values, kind in zip(zip(*group, strict=True), schema.types, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _encodable(value: object) -> object:
    """Return a text that UTF-8 can hold: a lone surrogate comes as its escape."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    return value
