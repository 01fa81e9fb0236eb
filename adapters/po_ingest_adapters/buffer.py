"""Row buffers: in memory, and on disk above a size."""

from __future__ import annotations

import contextlib
import marshal
import pickle
import tempfile
from collections.abc import Iterator
from typing import IO, Final, TypeAlias, cast

from po_ingest.errors import PoIngestError
from po_ingest.packing import WITHOUT_REFERENCES

Chunk: TypeAlias = list[tuple[object, ...]]

MARSHALLED, PICKLED = b"m", b"p"
SIZE_BYTES: Final = 8
THRESHOLD_ROWS: Final = 20_000
"""Some 13 MB of rows of 30 columns where they wait packed, 37 MB where they wait as the driver gave them."""


class MemoryBuffer:
    """Holds rows in memory."""

    def __init__(self) -> None:
        """Start empty."""
        self._chunks: list[Chunk] = []

    def append(self, rows: Chunk) -> None:
        """Add a chunk."""
        self._chunks.append(rows)

    def __iter__(self) -> Iterator[Chunk]:
        """Yield the chunks in their order."""
        return iter(self._chunks)

    def close(self) -> None:
        """Forget the rows."""
        self._chunks = []


class DiskBuffer:
    """Holds rows in memory up to `threshold_rows`, above it all of them in a temporary file.

    The file has no name and belongs to the process: it is gone with it, however that ends. Any number of readers may
    read at a time, also while rows are added. Chunks with values that no file can hold stay in memory. Raises
    PoIngestError where the temporary folder has no room.
    """

    def __init__(self, threshold_rows: int = THRESHOLD_ROWS) -> None:
        """Start empty, in memory."""
        self._threshold = threshold_rows
        self._rows = 0
        self._chunks: list[Chunk] = []
        self._file: IO[bytes] | None = None
        self._places: list[int | Chunk] = []  # offsets in the file

    @property
    def is_on_disk(self) -> bool:
        """Say whether the rows are in a file."""
        return self._file is not None

    def append(self, rows: Chunk) -> None:
        """Add a chunk."""
        self._rows += len(rows)
        if self._file is None and self._rows <= self._threshold:
            self._chunks.append(rows)
            return
        with _room():
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="po-ingest-")  # noqa: SIM115 - lives until close()
                for chunk in self._chunks:
                    self._write(self._file, chunk)
                self._chunks = []
            self._write(self._file, rows)

    def _write(self, file: IO[bytes], chunk: Chunk) -> None:
        packed = _packed(chunk)
        if packed is None:
            self._places.append(chunk)
            return
        offset = file.seek(0, 2)
        file.write(packed)
        file.flush()  # so that a full disk is told here, and not by a reader
        self._places.append(offset)

    def __iter__(self) -> Iterator[Chunk]:
        """Yield the chunks in their order."""
        at = 0
        while at < len(self._chunks) + len(self._places):
            yield self._chunks[at] if self._file is None else self._at(self._file, self._places[at])
            at += 1

    def _at(self, file: IO[bytes], place: int | Chunk) -> Chunk:
        return self._read(file, place) if isinstance(place, int) else place

    @staticmethod
    def _read(file: IO[bytes], offset: int) -> Chunk:
        with _room():
            file.seek(offset)
            kind = file.read(1)
            if kind == PICKLED:
                return cast("Chunk", pickle.load(file))  # noqa: S301 - a file of our own that has no name
            size = int.from_bytes(file.read(SIZE_BYTES), "big")
            return cast("Chunk", marshal.loads(file.read(size)))  # noqa: S302 - as above; `load` would ask the file per object

    def close(self) -> None:
        """Give up the memory and the file."""
        self._chunks, self._places, self._rows = [], [], 0
        if self._file is not None:
            with contextlib.suppress(OSError):  # what could not be written before a full disk is not wanted any more
                self._file.close()
            self._file = None


def _packed(chunk: Chunk) -> bytes | None:
    """Return a chunk as bytes: marshalled, which is far faster, where its values allow it; None if nothing can."""
    try:
        content = marshal.dumps(chunk, WITHOUT_REFERENCES)
        return b"".join((MARSHALLED, len(content).to_bytes(SIZE_BYTES, "big"), content))
    except ValueError:
        with contextlib.suppress(Exception):  # whatever a driver's own class raises
            return PICKLED + pickle.dumps(chunk, protocol=pickle.HIGHEST_PROTOCOL)
        return None


@contextlib.contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = f" {tempfile.tempdir}" if tempfile.tempdir else ""
        raise PoIngestError(
            f"tonight's rows could not be kept in the temporary folder{where}: {error.strerror or error}",
            hint="make room there, or set TMPDIR (on Windows TEMP) to a folder that has room",
        ) from error
