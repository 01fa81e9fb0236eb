"""Writes docs/fields.md from the table of fields in `po_ingest.fields`.

python docs/make_fields.py           write the page
python docs/make_fields.py --check   say whether it is what would be written
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from po_ingest.fields import CUSTOM_SLOTS_PER_KIND, DECIMAL_PRECISION, DECIMAL_SCALE, FIELDS, KEY_FIELDS, Field, Kind

PAGE: Final = Path(__file__).with_name("fields.md")

TYPES: Final = {
    Kind.INTEGER: "whole number, 32 bits",
    Kind.DECIMAL: f"decimal({DECIMAL_PRECISION},{DECIMAL_SCALE})",
    Kind.DATE: "date",
    Kind.DATETIME: "datetime, UTC",
}
TEXTS: Final = {
    Kind.TEXT: "as it is",
    Kind.INTEGER: "`10`",
    Kind.DECIMAL: "`12.000`",
    Kind.DATE: "`2026-01-31`",
    Kind.DATETIME: "`2026-01-31T08:30:00Z`",
}

BEGIN: Final = """<!-- made by docs/make_fields.py from po_ingest.fields: change those -->

# Fields of a PO line

The columns of the ERP's query are mapped to these, in `[erp.po_lines.columns]` and `[custom_columns.SLOT]` of the
[configuration](configuration.md#columns); a column of the same name needs no mapping. All but the key are tracked: a
difference is a change event, unless the field is listed in `lines.ignored_fields`. In which tables they are kept says
[the store](store.md).

A text that is longer than its field is cut, and counted; a key that is too long rejects its row. Values in text form,
in change events, snapshots and JSON, are written as the last column shows; what is empty is NULL.
"""


def main(arguments: Sequence[str]) -> int:
    """Write the page, or check it."""
    text = page()
    if "--check" not in arguments:
        PAGE.write_text(text, encoding="utf-8", newline="\n")
        return 0
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write("docs/fields.md is not what po_ingest.fields says; run: python docs/make_fields.py\n")
    return 1


def page() -> str:
    """Return the page."""
    parts = [BEGIN, "## The key\n", "With `erp.name` before them these two tell one line from all others.\n"]
    parts += _table(KEY_FIELDS)
    parts += ["\n## The fields\n", *_table(field for field in FIELDS if not field.is_custom)]
    parts += ["\n## Custom fields\n", f"For columns of your own: {CUSTOM_SLOTS_PER_KIND} slots of each type.\n"]
    parts += _table(field for field in FIELDS if field.is_custom)
    return "\n".join(parts) + "\n"


def _table(fields: Iterable[Field]) -> Iterator[str]:
    yield "| field | type | meaning | as text |"
    yield "| --- | --- | --- | --- |"
    for field in fields:
        kind = f"text, {field.width} characters" if field.kind is Kind.TEXT else TYPES[field.kind]
        yield f"| `{field.name}` | {kind} | {field.description} | {TEXTS[field.kind]} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
