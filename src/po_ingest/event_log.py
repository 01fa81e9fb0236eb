"""structlog, imported without rich.

structlog imports rich wherever it is installed, for tracebacks on a console. po-ingest prints none, and a tenth of a
night's CPU would go into that import. rich itself can be imported afterwards as ever.
"""

from __future__ import annotations

import sys
from typing import Any, cast

__all__ = ["structlog"]

if "rich" in sys.modules or "structlog" in sys.modules:
    import structlog
else:
    modules = cast("dict[str, Any]", sys.modules)
    modules["rich"] = None  # an import of it fails, which structlog is prepared for
    try:
        import structlog
    finally:
        del modules["rich"]
