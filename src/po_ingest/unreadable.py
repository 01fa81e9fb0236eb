"""The one thing that goes wrong when a value is read."""

from __future__ import annotations


class Unreadable(ValueError):  # noqa: N818 - it is told as the reason of a rejected row, not as an error
    """A value cannot be read as its field's type. The reason completes "FIELD ..." and is free of the value."""
