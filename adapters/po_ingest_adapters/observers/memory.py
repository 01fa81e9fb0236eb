"""An observer that remembers what it was told, and can be told to fail."""

from __future__ import annotations

import attrs

from po_ingest.model import RunEnd, RunStart


@attrs.define(slots=True)
class MemoryObserver:
    """Remembers starts and ends."""

    start_error: BaseException | None = None
    end_error: BaseException | None = None
    starts: list[RunStart] = attrs.Factory(list)
    ends: list[RunEnd] = attrs.Factory(list)

    def started(self, start: RunStart) -> None:
        """Remember a start."""
        self.starts.append(start)
        if self.start_error is not None:
            raise self.start_error

    def ended(self, end: RunEnd) -> None:
        """Remember an end."""
        self.ends.append(end)
        if self.end_error is not None:
            raise self.end_error
