"""Configurations with anything in them, through the command line: a run, or exit 2 that names what is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, time
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from support.command_line import COLUMNS, Home, make_home
from support.fuzzing import PATIENT, empty_store, fuzzed, new_folder, sound, told_well, writes_nothing

DONE, USAGE, RESERVATION, ERP, GUARD, STORE = 0, 2, 3, 4, 5, 7
ANY_CODE: Final = (DONE, USAGE, RESERVATION, ERP, GUARD, STORE)
VALID: Final = """\
# The ERP
[erp]
name = "shop"
adapter = "sqlite"
connection = "erp.db"
timezone = "Europe/Berlin"
fetch_size = 2

[erp.po_lines]
query = "SELECT * FROM erp_order_lines"
[erp.po_lines.columns]
po_number = "po_number"
promised_date = { column = "promised_date", format = "%Y-%m-%d", null = ["0000-00-00", 0, 1900-01-01] }
ordered_quantity = { column = "ordered_quantity", format = "1,234.56" }

[lines]
inactive_statuses = ["closed", "cancelled"]
default_supplier = "NONE"

[custom_columns.custom_text_1]
column = "supplier_code"
label = "Supplier"
active = true

[guards]
min_lines = 0
max_absent_ratio = 1.0
max_rejected_ratio = 1

[store]
url = "sqlite:///po-ingest.db"
[store.retry]
attempts = 1

[audit]
file = "logs/audit.jsonl"
[log]
level = "INFO"
"""
SECTIONS: Final[dict[str, tuple[str, ...]]] = {
    "": ("erp", "lines", "store", "guards", "audit", "log", "custom_columns", "heartbeat", "metrics", "notify", "x"),
    "erp": ("name", "adapter", "connection", "query_timeout", "fetch_size", "timezone", "isolation", "encoding", "x"),
    "erp.csv": ("encoding", "delimiter", "x"),
    "erp.po_lines": ("query", "query_file", "columns"),
    "erp.po_lines.columns": (*COLUMNS, "sku", "custom_text_1", "last_update_timestamp"),
    "erp.po_lines.columns.promised_date": ("column", "format", "null", "x"),
    "erp.po_lines.columns.ordered_quantity": ("column", "format", "null"),
    "erp.receipts": ("query", "columns"),
    "erp.item_xref": ("query", "columns"),
    "erp.retry": ("attempts", "wait_initial", "wait_max", "timeout"),
    "lines": ("inactive_statuses", "default_supplier", "ignored_fields"),
    "custom_columns": ("custom_text_1", "custom_date_1", "custom_text_9"),
    "custom_columns.custom_date_2": ("column", "format", "null", "label", "active"),
    "guards": ("min_lines", "max_absent_ratio", "max_rejected_ratio", "max_emptied_ratio"),
    "store": ("url", "schema", "retry"),
    "store.retry": ("attempts", "timeout"),
    "audit": ("file", "sinks"),
    "log": ("file", "level"),
    "notify": ("urls", "on"),
}
TELLING: Final = (
    *(
        "odbc",
        "sqlite",
        "csv",
        "erp.db",
        ".",
        "UTC",
        "Mars/Base",
        "..",
        "snapshot",
        "latin-1",
        "utf-16",
        "idna",
        "rot13",
    ),
    *(
        "SELECT * FROM erp_order_lines",
        "SELECT 1",
        "SELECT 1; SELECT 2",
        "DROP TABLE erp_order_lines",
        "-- nothing",
        "(",
    ),
    *("%Y%m%d", "%Q", "%", "%d", "%Z", "jde-julian", "iso", "1,234.56", "1.234", "1 234,5", "1", "", " ", "\0", "\n"),
    *("${HOME}", "${NOT_THERE}", "$${", "${", "keyring:", "keyring:a/b", "sku", "promised_date", "DEBUG", "loud"),
    *(
        "sqlite:///po-ingest.db",
        "sqlite:///x/y/z.db",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///erp.db",
        "mysql://x",
    ),
    *(
        "sqlite:///po-ingest.db?mode=ro&x=y",
        "sqlite:///%00",
        "sqlite:///a%zz.db",
        "file",
        "logs/audit.jsonl",
        "x" * 300,
    ),
    *("completed", "https://example.org", "custom_text_1", "PO_NUMBER", "po_number", "\u202e", "\U0001f69a", "closed"),
)
"""Texts that some key would take, or nearly."""


def is_harmless(text: str) -> bool:
    """Say whether a text that a key takes for a path stays in the test's folder."""
    return not any(part in text for part in ("/", "\\", "..", "$", ":"))


scalars = st.one_of(
    st.sampled_from(TELLING),
    st.text(max_size=8).filter(is_harmless),
    st.booleans(),
    st.integers(-2, 6),
    st.integers(),
    st.floats(),
    st.dates(),
    st.times(),
    st.datetimes(),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["column", "format", "null", "query", "x", "po_number"]), inner, max_size=3)
    ),
    max_leaves=4,
)
places = st.sampled_from(sorted(SECTIONS)).flatmap(
    lambda section: st.tuples(st.just(section), st.sampled_from(SECTIONS[section]), values)
)
VALID_DOCUMENT: Final[dict[str, Any]] = {
    "erp": {
        "adapter": "sqlite",
        "connection": "erp.db",
        "po_lines": {"columns": {"promised_date": {"column": "promised_date"}, "ordered_quantity": {}}},
    },
    "guards": {"min_lines": 0, "max_absent_ratio": 1.0, "max_rejected_ratio": 1.0, "max_emptied_ratio": 1.0},
    "store": {"retry": {"attempts": 1}},
}


def as_toml(value: object) -> str:
    """Return a value in TOML; texts of characters that no file of UTF-8 holds included."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{as_toml(str(key))} = {as_toml(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=True) if value.isascii() else json.dumps(value, ensure_ascii=False)
    if isinstance(value, (date, datetime, time)):
        return value.isoformat()
    return str(value).lower()


def put(document: dict[str, Any], section: str, key: str, value: object) -> None:
    """Set a key where there can be one."""
    at: Any = document
    for name in filter(None, section.split(".")):
        at = at.setdefault(name, {})
        if not isinstance(at, dict):
            return
    at[key] = value


@contextmanager
def a_home() -> Iterator[Home]:
    with new_folder() as folder:
        (folder / "po-ingest.db").write_bytes(empty_store())
        home = make_home(folder)
        home.insert(
            ("PO-1", 1, "M-1", "V1", "1,200.50", 1, "2026-03-01", "open"),
            ("PO-1", 2, "M-2", None, 7, None, "0000-00-00", "closed"),
            ("PO-2", 1, None, "V2", 3, 0, None, None),
        )
        yield home


def leaves_no_trace(home: Home, *arguments: str) -> None:
    """R19: what only reads, and a dry run, leave every file as it was, whatever the configuration says."""
    before = home.files()
    told_well(home.po(*arguments), *ANY_CODE)
    assert home.files() == before


@given(changes=st.lists(places, min_size=1, max_size=4), night=st.sampled_from([(), ("--strict",), ("--json",)]))
@fuzzed(40)
@PATIENT
def test_whatever_the_keys_of_a_configuration_hold_it_is_used_or_refused(
    changes: list[tuple[str, str, object]], night: tuple[str, ...]
) -> None:
    document: dict[str, Any] = json.loads(json.dumps(VALID_DOCUMENT))
    for section, key, value in changes:
        put(document, section, key, value)
    with a_home() as home:
        content = "".join(f"{as_toml(key)} = {as_toml(value)}\n" for key, value in document.items())
        home.config.write_bytes(content.encode("utf-8", "surrogatepass"))
        leaves_no_trace(home, "nightly", "--dry-run")
        done = told_well(home.po("nightly", *night), *ANY_CODE)
        if done.code == USAGE:
            assert "\n" in done.err
        if done.code in {DONE, RESERVATION} and ":memory:" not in content and '"sqlite://"' not in content:
            writes_nothing(home)
            sound(home)


lines = VALID.splitlines(keepends=True)
pieces = st.one_of(
    st.sampled_from(
        ['"', "'", "[", "]", "{", "}", "=", "\n", "#", ".", ",", '"""', "[[", "]]", "\\u", "\\", "\r", "\0"]
    ),
    st.sampled_from(["inf", "nan", "0x", "1e999", "1979-05-27T07:32:00-99:00", "true", "-", "\ufeff", "\u2028"]),
    st.sampled_from(lines),
    st.text(max_size=5).filter(is_harmless),
)
edits = st.lists(st.tuples(st.integers(0, len(VALID)), st.integers(0, 12), pieces), min_size=1, max_size=3)


@given(edits=edits, encoding=st.sampled_from(["utf-8"] * 6 + ["utf-16", "latin-1", "utf-8-sig"]))
@fuzzed(60)
@PATIENT
def test_whatever_was_mistyped_in_a_configuration_is_told(edits: list[tuple[int, int, str]], encoding: str) -> None:
    text = VALID
    for at, length, new in edits:
        text = text[:at] + new + text[at + length :]
    with a_home() as home:
        home.config.write_bytes(text.encode(encoding, "replace"))
        leaves_no_trace(home, "nightly", "--dry-run")
        leaves_no_trace(home, "runs")


@given(
    content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
)
@fuzzed(60)
@PATIENT
def test_what_is_no_configuration_is_refused(content: bytes) -> None:
    with new_folder() as folder:
        home = Home(folder)
        home.config.write_bytes(content)
        done = told_well(home.po("check"), USAGE)
        assert str(home.config) in done.err
