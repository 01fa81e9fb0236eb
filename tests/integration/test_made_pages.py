"""The pages that are made from the code are what `docs/make.py` makes of it now."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from support.paths import ROOT


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    return importlib.import_module("make")


def test_the_pages_are_made_from_the_code_as_it_is(make: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert make.main(["--check"]) == 0, capsys.readouterr().err


def test_a_page_that_is_not_current_is_told(
    make: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make.main([], tmp_path) == 0
    assert make.main(["--check"], tmp_path) == 0
    (tmp_path / "store.md").write_text("of yesterday", encoding="utf-8")
    (tmp_path / "fields.md").unlink()
    assert make.main(["--check"], tmp_path) == 1
    told = capsys.readouterr().err
    assert told == "not what their sources say: docs/fields.md, docs/store.md; run: python docs/make.py\n"


def test_the_store_page_tells_types_keys_and_what_is_internal_or_the_users(make: ModuleType) -> None:
    rows = make.MAKERS["store.md"]().splitlines()
    (presence,) = (row for row in rows if row.startswith("| *`presence`*"))
    assert presence.endswith("| no | `INTEGER` | `INTEGER` | `INTEGER` |")
    assert any(row.startswith("| `custom_text_1` … `5` ✎ | Custom text, five slots |") for row in rows)
    assert "Key: `id`. Unique: `po_line_id`, `sequence`." in "\n".join(rows)
    for name in ("ingestion_run", "v_promised_date"):
        assert f"### `{name}`" in rows


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('severity = "', 'seriousness = "', "does not tell what audit_event.severity means"),
        ('severity = "', 'gone = "?"\nseverity = "', "tells of audit_event.gone, which is not there"),
    ],
)
def test_a_column_without_a_meaning_and_a_meaning_without_a_column_are_refused(
    make: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, message: str
) -> None:
    text = make.make_store.MEANINGS.read_text(encoding="utf-8").replace(old, new)
    monkeypatch.setattr(make.make_store, "MEANINGS", tmp_path / "store_columns.toml")
    make.make_store.MEANINGS.write_text(text, encoding="utf-8")
    with pytest.raises(make.make_store.IncompleteError, match=message):
        make.make_store.page()


def test_a_part_of_the_code_without_a_place_in_its_template_is_refused(make: ModuleType) -> None:
    with pytest.raises(make.make_store.IncompleteError, match=r"commands\.md\.in and x differ in .*nightly"):
        make.make_store.filled("commands.md", "x", {})
