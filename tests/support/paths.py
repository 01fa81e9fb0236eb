"""Where the tests find the repository and what lies beside it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
"""The top folder of the repository."""

SHARED: Final = Path(os.environ.get("PO_INGEST_SHARED", ROOT.parent / "shared"))
"""The folder of sample data that is not part of the repository; tests skip, with a reason, where it is missing."""

ADVENTUREWORKS: Final = SHARED / "data" / "adventureworks"
ADVENTUREWORKS_TOOL: Final = SHARED / "tools" / "adventureworks_erp.py"
ADVENTUREWORKS_EXAMPLE: Final = ROOT / "docs" / "examples" / "adventureworks"
