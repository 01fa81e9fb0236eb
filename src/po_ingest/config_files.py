"""The files that a configuration names must differ; the ERP's own is never written (R15)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from po_ingest.config_checks import sqlite_file
from po_ingest.config_faults import Fault, KeyPath
from po_ingest.settings import Settings

THE_ERPS: Final = "the ERP's"


def faults(settings: Settings) -> list[Fault]:
    """Return a fault for each file to be written that is the ERP's, or is named twice."""
    erp = settings.erp
    taken: dict[str, Path] = {}
    if erp.adapter == "sqlite":
        taken[THE_ERPS] = erp.folder / erp.connection
    written: list[tuple[KeyPath, Path | None]] = [
        (("store", "url"), sqlite_file(settings.store.url)),
        (("audit", "file"), settings.audit.file),
        (("log", "file"), settings.log.file),
        (("metrics", "textfile"), settings.metrics_textfile),
    ]
    found = []
    for key, file in written:
        if file is None:
            continue
        same = next((owner for owner, other in taken.items() if _is_same(file, other)), None)
        if same is not None:
            found.append(Fault(key, f"expected another file than {same}"))
        taken[".".join(map(str, key))] = file
    return found


def _is_same(one: Path, other: Path) -> bool:
    if os.path.realpath(one) == os.path.realpath(other):
        return True
    try:
        return one.samefile(other)  # also by another link, or in another case
    except (OSError, ValueError):  # one is not there, or cannot be
        return False
