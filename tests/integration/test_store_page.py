"""`docs/store.md` is what its script makes of the schema: every table, view, column and query is told."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from support.paths import ROOT

SCRIPT = ROOT / "docs" / "make_store.py"


@pytest.fixture
def script() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


def test_the_page_is_made_from_the_schema_as_it_is(script: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert script["main"](["--check"]) == 0, capsys.readouterr().err


def test_the_page_tells_types_keys_and_what_is_internal_or_the_users(script: dict[str, Any]) -> None:
    rows = script["page"]().splitlines()
    (presence,) = (row for row in rows if row.startswith("| *`presence`*"))
    assert presence.endswith("| no | `INTEGER` | `INTEGER` | `INTEGER` |")
    assert any(row.startswith("| `custom_text_1` … `5` ✎ | Custom text, five slots |") for row in rows)
    assert "Key: `id`. Unique: `po_line_id`, `sequence`." in "\n".join(rows)
    for name in ("ingestion_run", "v_promised_date"):
        assert f"### `{name}`" in rows


def test_a_page_that_is_not_current_is_told(
    script: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "store.md").write_text("of yesterday", encoding="utf-8")
    namespace = script["main"].__globals__
    namespace["PAGE"] = tmp_path / "store.md"
    assert script["main"](["--check"]) == 1
    assert "run: python docs/make_store.py" in capsys.readouterr().err
    assert script["main"]([]) == 0
    assert script["main"](["--check"]) == 0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('severity = "', 'seriousness = "', "does not tell what audit_event.severity means"),
        ('severity = "', 'gone = "?"\nseverity = "', "tells of audit_event.gone, which is not there"),
    ],
)
def test_a_column_without_a_meaning_and_a_meaning_without_a_column_are_refused(
    script: dict[str, Any], tmp_path: Path, old: str, new: str, message: str
) -> None:
    namespace = script["main"].__globals__
    text = namespace["MEANINGS"].read_text(encoding="utf-8").replace(old, new)
    namespace["MEANINGS"] = tmp_path / "store_columns.toml"
    namespace["MEANINGS"].write_text(text, encoding="utf-8")
    with pytest.raises(namespace["IncompleteError"], match=message):
        script["page"]()
