"""An ERP in memory: for tests, and as an example of an ERP source."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, TypeAlias

from po_ingest.model import RawRow
from po_ingest.ports import Finding, ResultSet
from po_ingest_adapters.erp import wording
from po_ingest_adapters.failing import FailurePlan

Table: TypeAlias = tuple[Sequence[str], Sequence[RawRow]]
"""Column names and rows."""

SELECT_ALL: Final = re.compile(r'\s*SELECT\s+\*\s+FROM\s+(?:"([^"]+)"|(\w+))\s*;?\s*', re.IGNORECASE)


class MemoryErpSource:
    """Answers `SELECT * FROM name` from `tables`, and any other query from `queries` by its full text.

    Both may be changed between two nights. `plan` can let any call of `query` or any chunk (`chunk`) fail.
    """

    def __init__(
        self,
        tables: Mapping[str, Table] | None = None,
        *,
        chunk_size: int = 5000,
        queries: Mapping[str, Table] | None = None,
        plan: FailurePlan | None = None,
    ) -> None:
        """Start with tables, names without regard to case, and answers."""
        self.tables: dict[str, Table] = dict(tables or {})
        self.queries: dict[str, Table] = dict(queries or {})
        self.chunk_size = chunk_size
        self.plan = plan or FailurePlan()
        self.open_queries = 0

    @contextmanager
    def query(self, sql: str) -> Iterator[ResultSet]:
        """Answer a query. Raises ErpError, and whatever is planned."""
        self.plan.step("query")
        columns, rows = self._find(sql)
        chunks = self._chunks(tuple(rows))
        self.open_queries += 1
        try:
            yield ResultSet(columns=tuple(columns), chunks=chunks)
        finally:
            self.open_queries -= 1
            chunks.close()

    def _find(self, sql: str) -> Table:
        if sql in self.queries:
            return self.queries[sql]
        match = SELECT_ALL.fullmatch(sql)
        if match is None:
            raise wording.faulty_query("it is not SELECT * FROM name, nor one that an answer was prepared for")
        name: str = match[1] or match[2]
        for table, content in self.tables.items():
            if table.casefold() == name.casefold():
                return content
        raise wording.missing_table(name, self.tables)

    def _chunks(self, rows: tuple[RawRow, ...]) -> Generator[list[RawRow], None, None]:
        for start in range(0, len(rows), self.chunk_size):
            self.plan.step("chunk")
            yield [tuple(row) for row in rows[start : start + self.chunk_size]]

    def check(self) -> Sequence[Finding]:
        """Find nothing amiss: memory can be read, and nothing here writes."""
        return [Finding("erp connection", "ok", f"the ERP is in memory; tables: {len(self.tables)}")]
