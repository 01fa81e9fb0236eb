"""A store that can be told to fail at any call: wraps any other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast

import attrs

from po_ingest.ports import Finding, SchemaStatus, Store, StoreTransaction, StoreView
from po_ingest_adapters.failing import FailurePlan


@attrs.frozen
class _Counted:
    """Counts each call of what it wraps."""

    wrapped: Any
    plan: FailurePlan

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method of the port
        method = getattr(self.wrapped, name)

        def call(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - any method of the port
            self.plan.step(name)
            return method(*arguments, **named)

        return call


@attrs.frozen
class FailingStore:
    """A store whose calls are counted by a failure plan; `commit` is one of them."""

    wrapped: Store
    plan: FailurePlan

    def schema(self) -> SchemaStatus:
        self.plan.step("schema")
        return self.wrapped.schema()

    def upgrade(self) -> None:
        self.plan.step("upgrade")
        self.wrapped.upgrade()

    def lock(self, erp: str) -> AbstractContextManager[None]:
        self.plan.step("lock")
        return self.wrapped.lock(erp)

    def holder(self, erp: str) -> bool:
        self.plan.step("holder")
        return self.wrapped.holder(erp)

    @contextmanager
    def read(self) -> Iterator[StoreView]:
        self.plan.step("read")
        with self.wrapped.read() as view:
            yield cast("StoreView", _Counted(view, self.plan))

    @contextmanager
    def write(self) -> Iterator[StoreTransaction]:
        self.plan.step("write")
        with self.wrapped.write() as transaction:
            yield cast("StoreTransaction", _Counted(transaction, self.plan))
            self.plan.step("commit")

    def check(self) -> Sequence[Finding]:
        return self.wrapped.check()
