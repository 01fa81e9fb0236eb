"""`python -m po_ingest`."""

from __future__ import annotations

from po_ingest.cli.start import run

run()
