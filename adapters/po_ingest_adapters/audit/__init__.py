"""Audit sinks: file, store, fan-out; the spool."""
