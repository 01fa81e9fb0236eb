"""What databases on a server have in common: sessions that hold a lock, and commits whose outcome gets lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from types import ModuleType
from typing import Any, Final

from sqlalchemy.exc import DBAPIError

from po_ingest.errors import StoreError

SETTLE_PAUSES: Final = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds before each try to learn whether a transaction was committed whose connection was lost meanwhile."""


class ServerDatabase:
    """The common part of a `Database` on a server.

    `_driver` is the DBAPI module, `_held` are the sessions with a lock, `_unsettled` the marks of transactions whose
    outcome is unknown; None is that of one that can never be told.
    """

    __slots__ = ()

    _driver: ModuleType
    _held: dict[str, Any]
    _unsettled: list[str | None]

    def label(self) -> str:
        """Return how the store is called in messages."""
        raise NotImplementedError

    def explain(self, error: Exception) -> StoreError:
        """Tell an error of the driver to the user."""
        raise NotImplementedError

    def _connect(self) -> Any:  # noqa: ANN401 - a connection of any driver
        raise NotImplementedError

    def _try_lock(self, holder: Any, erp: str) -> bool:  # noqa: ANN401 - as above
        raise NotImplementedError

    def _unlock(self, holder: Any, erp: str) -> None:  # noqa: ANN401 - as above
        raise NotImplementedError

    def _outcome(self, mark: str) -> bool | None:
        """Say on a connection of its own whether a transaction was committed; None while nobody knows."""
        raise NotImplementedError

    def is_there(self) -> bool:
        """Return True: whether the server answers is told by connecting, whether there are tables by looking."""
        return True

    @staticmethod
    def literal(value: Any) -> str | None:  # noqa: ANN401, ARG004 - see `Database.literal`
        """Return nothing: new rows go by COPY or as one parameter, and neither takes literals."""
        return None

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, self._driver.Error) as error:
            raise self.explain(error) from error

    @contextmanager
    def lock(self, erp: str) -> Iterator[bool]:
        """Take the lock of an ERP, in a session of its own: the server gives it back when the session ends."""
        with self._told():
            holder = self._connect()
        with closing(holder):
            with self._told():
                is_taken = self._try_lock(holder, erp)
            if not is_taken:
                yield False
                return
            self._held[erp] = holder
            try:
                yield True
            finally:
                del self._held[erp]
                with suppress(self._driver.Error):  # then the session, and with it the lock, has ended already
                    self._unlock(holder, erp)

    def _lock_lost(self, erp: str) -> StoreError:
        """Return the error for a lock whose session has ended: another run may have begun since."""
        return StoreError(
            f"the connection that held the lock of ERP {erp!r} in {self.label()} was lost",
            hint="run again; nothing of this run was applied",
        )

    # -- commits

    def _was_committed(self, mark: str | None) -> bool:
        """Learn from the server whether it committed a transaction whose connection was lost meanwhile.

        Otherwise a retry might apply everything twice. Raises StoreError if the server does not say.
        """
        self._unsettled.append(mark)
        for pause in SETTLE_PAUSES:
            if mark is None:
                break
            time.sleep(pause)
            with suppress(self._driver.Error, StoreError):
                outcome = self._outcome(mark)
                if outcome is not None:
                    self._unsettled.remove(mark)
                    return outcome
        raise self._unknown_outcome()

    def _settle(self) -> None:
        """Refuse to write on after a commit whose outcome was unknown, unless it turns out not to have happened."""
        while self._unsettled:
            mark = self._unsettled[-1]
            outcome = None if mark is None else self._outcome(mark)
            if outcome is None:
                raise self._unknown_outcome()
            if outcome:
                raise StoreError(
                    f"a transaction in {self.label()} whose connection was lost was committed after all",
                    hint="see `po-ingest runs`; the run is there as completed",
                )
            self._unsettled.pop()

    def _unknown_outcome(self) -> StoreError:
        """Return the error for a commit whose outcome nobody knows: a retry might apply all twice."""
        return StoreError(
            f"the connection to {self.label()} was lost in the moment of the commit, and its outcome is unknown",
            hint="see `po-ingest runs`: the run is there as completed, or nothing of it was applied",
        )
