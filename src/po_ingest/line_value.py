"""The decorator of values that a night makes for each line.

They are frozen for the type checker alone: at run time a frozen instance takes five times as long to make, and a first
night makes half a dozen a line.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attrs import frozen as line_value
else:
    from attrs import define as line_value

__all__ = ["line_value"]
