"""`python -m po_ingest.cli`."""

from __future__ import annotations

from po_ingest.cli.start import run

run()
