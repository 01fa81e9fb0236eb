"""po-ingest: a trustworthy, field-level history of an ERP's purchase-order lines."""

from __future__ import annotations

__version__ = "0.1.0"
