"""Faults of a configuration: which key, and what was expected. Never the value, which may be a secret."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias, TypeVar

import attrs

T = TypeVar("T")
KeyPath: TypeAlias = tuple[str | int, ...]
"""The keys that lead to a value; a number is a place in a list."""

CLOSE: Final = 0.65
"""How alike a key and one that is known must be for the latter to be meant, of 1."""

BARE_KEY: Final = re.compile("[A-Za-z0-9_-]+")


class ExpectedError(ValueError):
    """A value is not what its key takes; the text completes "KEY: expected ..."."""


@attrs.frozen(slots=True)
class Fault:
    """What is wrong with a key; `of_value`: with its value, not with its being there."""

    path: KeyPath
    text: str
    of_value: bool = True


class FaultsError(Exception):
    """A section has faults, their paths relative to it."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        """Keep the faults."""
        super().__init__()
        self.faults = tuple(faults)


def attempt(check: Callable[[object], T], raw: object, key: str | int, faults: list[Fault]) -> T | None:
    """Return what a check makes of a value; else none, its faults added to the list."""
    try:
        return check(raw)
    except (ExpectedError, FaultsError) as error:
        faults.extend(of_error(error, key))
        return None


def of_error(error: ExpectedError | FaultsError, key: str | int) -> tuple[Fault, ...]:
    """Return an error of a key's value as faults of the section that has the key."""
    if isinstance(error, FaultsError):
        return tuple(attrs.evolve(fault, path=(key, *fault.path)) for fault in error.faults)
    return (Fault((key,), f"expected {error}"),)


def unknown(key: str, known: Iterable[str], what: str = "key") -> Fault:
    """Tell of a key that nobody reads, and of the nearest one that somebody does."""
    names = list(known)
    near = difflib.get_close_matches(key.lower(), names, n=1, cutoff=CLOSE)
    advice = f"did you mean {near[0]}?" if near else f"known are: {', '.join(names)}"
    return Fault((key,), f"expected a known {what}; {advice}", of_value=False)


def show(path: KeyPath) -> str:
    """Return a path as TOML writes it; places in lists count from 1."""
    keys = [key if BARE_KEY.fullmatch(key) else json.dumps(key) for key in path if isinstance(key, str)]
    places = "".join(f" (entry {place + 1})" for place in path if isinstance(place, int))
    return ".".join(keys) + places
