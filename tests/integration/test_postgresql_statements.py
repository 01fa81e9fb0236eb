"""How much is sent to PostgreSQL in a night: every statement, counted on the wire (issue 4's figures)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support import bench_erp as bench
from support.command_line import Done, inside
from support.postgres_proxy import Proxy, postgres_proxy
from support.store_postgres import Postgres


@pytest.fixture
def proxy(postgres: Postgres) -> Iterator[Proxy]:
    postgres.fresh()
    with postgres_proxy(postgres.server) as running:
        yield running


def nightly(config: Path) -> Done:
    done = inside("--config", config, "nightly", "--json")
    assert done.code == 0, done.err
    return done


@pytest.mark.parametrize(("lines", "limit"), [(5_000, 60), (50_000, 150)])
def test_a_night_with_2_percent_changed_sends_few_statements(
    tmp_path: Path, proxy: Proxy, lines: int, limit: int
) -> None:
    bench.make(tmp_path / "erp.db", lines)
    config = bench.config(tmp_path)
    with config.open("a", encoding="utf-8") as file:
        file.write(f'\n[store]\nurl = "{proxy.url()}"\n')
    nightly(config)
    bench.change(tmp_path / "erp.db", 0.02, 1)
    proxy.statements.clear()
    assert nightly(config).json["lines_changed"] == lines // 50
    assert 10 < len(proxy.statements) <= limit, "\n".join(proxy.statements)
    assert sum(statement.startswith("UPDATE po.po_line") for statement in proxy.statements) == 1
