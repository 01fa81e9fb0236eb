"""The adapters that come with po-ingest; the core imports none of them."""
