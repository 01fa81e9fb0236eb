"""A plan of failures, shared by the in-memory adapters: fail at the n-th call, once, with a given error."""

from __future__ import annotations


class FailurePlan:
    """Counts calls by name and raises the planned error when its call comes; each planned failure happens once."""

    def __init__(self) -> None:
        """Start with nothing planned and no calls seen."""
        self.calls: list[str] = []
        self._planned: list[tuple[int, str | None, BaseException]] = []

    def fail_at(self, n: int, error: BaseException, name: str | None = None) -> None:
        """Plan a failure at the n-th call from the very first (1-based), of all calls or of those called `name`."""
        if n < 1:
            message = f"calls are counted from 1, so there is no call {n}"
            raise ValueError(message)
        self._planned.append((n, name, error))

    def fail_next(self, error: BaseException, name: str | None = None) -> None:
        """Plan a failure at the very next call, of all calls or of those called `name`."""
        self.fail_at(self.count(name) + 1, error, name)

    def count(self, name: str | None = None) -> int:
        """Return how many calls there were so far, of all or of those called `name`."""
        return len(self.calls) if name is None else self.calls.count(name)

    def step(self, name: str) -> None:
        """Count one call, and raise the error planned for it if there is one."""
        self.calls.append(name)
        for planned in self._planned:
            n, of_name, error = planned
            if of_name in {None, name} and self.count(of_name) == n:
                self._planned.remove(planned)
                raise error
