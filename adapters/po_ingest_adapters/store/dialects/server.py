"""What databases on a server have in common: sessions that hold a lock, and commits whose outcome gets lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from types import ModuleType
from typing import Any

from sqlalchemy.exc import DBAPIError

from po_ingest.errors import StoreError


class ServerDatabase:
    """The common part of a `Database` on a server; `_driver` is the DBAPI module, `_held` the sessions with a lock."""

    __slots__ = ()

    _driver: ModuleType
    _held: dict[str, Any]

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

    def is_there(self) -> bool:
        """Return True: whether the server answers is told by connecting, whether there are tables by looking."""
        return True

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

    def _unknown_outcome(self) -> StoreError:
        """Return the error for a commit whose outcome nobody knows: a retry might apply all twice."""
        return StoreError(
            f"the connection to {self.label()} was lost in the moment of the commit, and its outcome is unknown",
            hint="see `po-ingest runs`: the run is there as completed, or nothing of it was applied",
        )
