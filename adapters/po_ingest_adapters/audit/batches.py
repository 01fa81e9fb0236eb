"""Cutting a long iterable into lists (itertools has it from Python 3.12 on)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the items in lists of at most `size`, as they come."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
