"""Faults of the configuration (contract, section 3): all at once, by file, key and what was expected, no values."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import keyring
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from po_ingest import config, config_sections
from po_ingest.config_faults import Fault, FaultsError, show
from po_ingest.config_secrets import fill_in
from po_ingest.errors import ConfigError, ExitCode
from po_ingest.settings import RetrySettings, Settings

MARKER: Final = "MARKER9f3"
"""Planted into values: it must be in no message."""


def faults(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """Return the faults of a file, without the file's name; all that is told of them is free of the marker."""
    file = folder / "po-ingest.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        config.load(file, environ or {})
    error = caught.value
    assert error.exit_code is ExitCode.USAGE
    assert MARKER not in "\n".join((str(error), repr(error), *error.details))
    assert error.__cause__ is None
    assert f"{file} has {len(error.details)} fault" in error.message
    assert all(line.startswith(f"{file}: ") and "\n" not in line for line in error.details)
    return [line.removeprefix(f"{file}: ") for line in error.details]


def fault(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> str:
    """Return the only fault of a file that has all it needs besides the text."""
    (line,) = faults(folder, f'erp.connection = "x"\n{text}', environ)
    return line


TEN: Final = """
erp.connection: expected the ERP's connection: an ODBC connection string, a file (adapter sqlite) or a folder \
(adapter csv); it has no default
erp.query_timeout: expected a whole number from 1 to 2147483647
erp.timezone: expected the name of a time zone such as UTC or Europe/Berlin
erp.conection: expected a known key; did you mean connection?
erp.po_lines.columns.promised_date.format: expected a strptime pattern with year, month and day such as %d.%m.%Y, \
or iso, or jde-julian
erp.po_lines.columns.ordered_quantity.format: expected a number sample that tells thousands from decimals, such as \
1,234.00 or 1234,00
erp.po_lines.columns.sku: expected a result column's name, or { column = "...", format = "...", null = ["..."] }
erp.po_lines.columns.vendor: expected a known field; known are: po_number, line_number, sku, item, item_code, \
supplier_code, ordered_quantity, delivered_quantity, remaining_quantity, in_date, promised_date, current_status, \
po_insert_date, final_customer, last_update_timestamp
guards.max_absent_ratio: expected a number from 0 to 1
store.url: expected environment variable MISSING to be set, and it is not (for the account that runs po-ingest)
""".strip().splitlines()


def test_a_config_with_ten_faults_lists_ten_lines(tmp_path: Path) -> None:
    assert (
        faults(
            tmp_path,
            f"""
        [erp]
        query_timeout = "{MARKER}"
        timezone = "Mars/{MARKER}"
        conection = "{MARKER}"
        [erp.po_lines.columns]
        promised_date = {{ column = "EINDT", format = "{MARKER}" }}
        ordered_quantity = {{ format = "1,234" }}
        sku = ["{MARKER}"]
        vendor = "{MARKER}"
        [guards]
        max_absent_ratio = 20
        [store]
        url = "${{MISSING}}"
        """,
        )
        == TEN
    )


@pytest.mark.parametrize("text", ["", "[lines]"])
def test_only_the_connection_is_required(tmp_path: Path, text: str) -> None:
    (line,) = faults(tmp_path, text)
    assert line.startswith("erp.connection: expected the ERP's connection")


WORD: Final = f'"{MARKER}"'
LIST: Final = f'["{MARKER}"]'
TABLE: Final = f'{{ {MARKER.lower()}_ = "{MARKER}" }}'


@pytest.mark.parametrize(
    ("key", "expected", "values"),
    [
        ("erp.connection", "the ERP's connection", ("1", '""', '" "', LIST, r'"a\u0000"')),
        ("erp.name", "a text of 1 to 64 characters", ("1", '""', f'"{MARKER * 9}"', LIST)),
        ("erp.adapter", "an adapter's name", ("true", '""')),
        ("erp.adapter", "an adapter's name: odbc, sqlite, csv or a plug-in's; installed are: csv, odbc", (WORD,)),
        (
            "store.url",
            "a URL whose scheme names a store; installed are: mssql, postgresql, sqlite",
            (f'"{MARKER}+x://{MARKER}"',),
        ),
        ("erp.query_timeout", "a whole number from 1", ("0", "-1", "1.0", "true", "2147483648", WORD, LIST)),
        ("erp.fetch_size", "a whole number from 1", ("0", WORD)),
        ("erp.isolation", "one of read committed, snapshot,", (WORD, '"SNAPSHOT"', "1", '""')),
        ("erp.encoding", "the name of an encoding", (WORD, '"utf-16"', '"cp037"', "1", '""')),
        ("erp.timezone", "the name of a time zone", (WORD, '"../UTC"', '"/etc/localtime"', '"Europe"', "1", '""')),
        ("erp.csv.encoding", "the name of an encoding", (WORD, '"rot13"', "1", '"a b"')),
        ("erp.csv.delimiter", "one character", ('""', '"ab"', '"\\""', '"\\n"', "1", WORD)),
        ("erp.po_lines.query", "an SQL query", ('""', "1", LIST)),
        ("erp.po_lines.query_file", "a file's path", ('""', "1", r'"a\u0000"')),
        ("erp.po_lines.columns", "a section", (WORD, LIST)),
        ("erp.po_lines.columns.sku", "a result column's name", ("1", '""', LIST)),
        ("erp.po_lines.columns.sku.format", "no format", (WORD, '"%Y"')),
        ("erp.po_lines.columns.in_date.format", "a strptime pattern", (WORD, '"1,234.56"', '"%d.%m"', '""')),
        ("erp.po_lines.columns.in_date.format", "a format, written as a text", ("1", "2026-01-01", LIST)),
        ("erp.po_lines.columns.line_number.format", "a number sample", (WORD, '"%Y%m%d"', '"1,234"')),
        ("erp.po_lines.columns.sku.null", "a list of the values", (WORD, "0", "false")),
        ("erp.receipts.query", "query or query_file, and there is none", ()),
        ("erp.receipts.columns.is_active", "a known field; known are: po_number, line_number, quantity,", (WORD,)),
        ("erp.item_xref.columns.mapped_skus", "a known field; did you mean mapped_sku?", (WORD,)),
        ("erp.retry.attempts", "a whole number from 1", ("0", "1.5", "true", WORD)),
        ("erp.retry.wait_initial", "a number from 0", ("-0.1", "inf", "nan", "true", WORD)),
        ("store.retry.wait_max", "a number from 0", ("-1", WORD)),
        ("store.retry.timeout", "a number from 0", ("-1", WORD)),
        ("lines.inactive_statuses", "a list of statuses", (WORD, "1", TABLE)),
        ("lines.default_supplier", "a supplier code", ('""', "1", f'"{MARKER * 9}"')),
        ("lines.ignored_fields", "a list of names of fields", (WORD, "1")),
        ("guards.min_lines", "a whole number from 0", ("-1", "0.5", "true", WORD)),
        ("guards.max_absent_ratio", "a number from 0 to 1", ("-0.1", "1.01", "nan", "true", WORD)),
        ("guards.max_rejected_ratio", "a number from 0 to 1", ("2", WORD)),
        ("guards.max_emptied_ratio", "a number from 0 to 1", ("2", WORD)),
        ("store.url", "a SQLAlchemy URL", (WORD, '""', "1", '"po.db"', '"://x"', f'"C:\\\\{MARKER}.db"')),
        ("store.url", "sqlite:/// (three slashes)", (f'"sqlite://{MARKER}.db"',)),
        ("store.schema", "a schema's name", ('""', '"a b"', '"1a"', "1", f'"{MARKER}.{MARKER}"')),
        ("audit.file", "a file's path", ('""', "1", LIST)),
        ("audit.sinks", "a list of names of sinks", (WORD, "[]")),
        ("log.file", "a file's path", ('""', "true")),
        ("log.file", "another file than audit.file", ('"logs/audit.jsonl"',)),
        ("log.level", "one of DEBUG, INFO, WARNING, ERROR, CRITICAL", (WORD, "10", '""')),
        ("notify.urls", "a list of URLs", (WORD,)),
        ("notify.on", "a list of outcomes", (WORD,)),
        ("heartbeat.url", "an http or https URL", (WORD, "1", '"http://a b"')),
        ("metrics.textfile", "a file's path", ('""', "1")),
        ("custom_columns.custom_date_1.column", "a result column's name", ("1", '""')),
        ("custom_columns.custom_text_1", "a section", (WORD,)),
        ("custom_columns.custom_date_6", "a known custom slot; did you mean custom_date_", (WORD, TABLE)),
        *(
            (section, "a section", (WORD, "1", LIST))
            for section in ("erp.csv", "erp.po_lines", "erp.receipts", "erp.retry")
        ),
        *((section, "a section", (WORD, "1")) for section in ("lines", "guards", "store", "audit", "log", "notify")),
        *((section, "a section", (WORD, "1")) for section in ("heartbeat", "metrics", "custom_columns")),
        ("erp.querytimeout", "a known key; did you mean query_timeout?", (WORD,)),
        ("erp.folder", "a known key", (WORD, TABLE)),
        ("erp.po_lines.query_fil", "a known key; did you mean query_file?", (WORD,)),
        ("erp.po_lines.columns.sku.Null", "a known key; did you mean null?", (WORD,)),
        ("erp.po_lines.columns.Po_Number", "a known field; did you mean po_number?", (WORD,)),
        ("erp.po_lines.columns.custom_date_1", "in a section of its own: [custom_columns.custom_date_1]", (WORD,)),
        ("store.retry.wait_maxx", "a known key; did you mean wait_max?", ("1",)),
        ("heartbeat.uri", "a known key; did you mean url?", (WORD,)),
        ("metrics.zzz", "a known key; known are: textfile", (WORD,)),
        ("guard", "a known key; did you mean guards?", (WORD, TABLE)),
        ("heartbeat_url", "a known key; did you mean heartbeat?", (WORD,)),
        ("file", "a known key", (WORD,)),
        ('"x y"', "a known key; known are: erp, store, audit, log, lines", (WORD,)),
    ],
)
def test_a_fault_names_the_key_and_what_was_expected(
    tmp_path: Path, key: str, expected: str, values: tuple[str, ...]
) -> None:
    for value in values:
        needed = "" if key == "erp.connection" else 'erp.connection = "x"\n'
        if key.startswith(("erp.receipts.", "erp.item_xref.")):
            needed += f'{".".join(key.split(".")[:2])}.query = "SELECT 1"\n'
        (line,) = faults(tmp_path, f"{needed}{key} = {value}")
        assert line.startswith(f"{key}: expected {expected}"), value


def test_a_section_erp_that_is_none_is_a_fault(tmp_path: Path) -> None:
    assert faults(tmp_path, f"erp = {WORD}") == ["erp: expected a section with keys of its own"]


@pytest.mark.parametrize(
    ("key", "values", "expected"),
    [
        ("lines.inactive_statuses", '["a", 1]', "a text that is not empty"),
        ("lines.ignored_fields", f'["sku", "{MARKER}"]', "one of sku, item"),
        ("lines.ignored_fields", '["sku", "po_number"]', "one of sku, item"),
        ("notify.on", f'["failed", "{MARKER}"]', "one of completed"),
        ("notify.urls", f'["https://a.example", "{MARKER}"]', "a URL"),
        ("audit.sinks", '["file", ""]', "a sink's name"),
        ("audit.sinks", f'["file", {WORD}]', "a sink's name: file or a plug-in's; installed are: file"),
        ("erp.po_lines.columns.sku.null", '["0", true]', "a text, number or date"),
        ("erp.po_lines.columns.sku.null", '["0", inf]', "a text, number or date"),
        ("erp.po_lines.columns.sku.null", '["0", ["0"]]', "a text, number or date"),
    ],
)
def test_a_fault_in_a_list_names_the_entry(tmp_path: Path, key: str, values: str, expected: str) -> None:
    assert fault(tmp_path, f"{key} = {values}").startswith(f"{key} (entry 2): expected {expected}")


def test_of_query_and_query_file_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("SELECT 1", encoding="utf-8")
    both = '{ query = "SELECT 1", query_file = "a.sql", columns = { x = 1 } }'
    found = faults(tmp_path, f'erp.connection = "x"\nerp.po_lines = {both}\nerp.receipts = {{}}\nerp.item_xref = {{}}')
    assert [line.partition(";")[0] for line in found] == [
        "erp.po_lines.query_file: expected either query or query_file, and there are both",
        "erp.po_lines.columns.x: expected a known field",
        "erp.receipts.query: expected query or query_file, and there is none",
        "erp.item_xref.query: expected query or query_file, and there is none",
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "a file that can be read, and it cannot: No such file or directory"),
        (b"SELECT '\xfc'", "a file in UTF-8, and it is in another encoding"),
        (b"\xef\xbb\xbf \n", "a file with a query, and it is empty"),
    ],
)
def test_a_query_file_that_holds_no_query_is_a_fault(tmp_path: Path, content: bytes | None, expected: str) -> None:
    if content is not None:
        (tmp_path / f"{MARKER}.sql").write_bytes(content)
    line = fault(tmp_path, f'erp.po_lines.query_file = "{MARKER}.sql"')
    assert line == f"erp.po_lines.query_file: expected {expected}"


def test_a_custom_column_needs_its_column(tmp_path: Path) -> None:
    found = faults(
        tmp_path, f'erp.connection = "x"\ncustom_columns.custom_date_1 = {{ active = 1, label = "", fmt = {WORD} }}'
    )
    assert [line.partition(" expected ")[2] for line in found] == [
        "a result column's name; it has no default",
        "true or false",
        "a label of 1 to 255 characters",
        "a known key; did you mean format?",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${PO_A}", "environment variable PO_A to be set, and it is not"),
        ("${PO_A}${PO_HERE}${PO_B}${PO_A}", "environment variable PO_A, PO_B to be set, and it is not"),
        (f"PWD=${{{MARKER} x}}", "the name of an environment variable in ${...}"),
        ("${}", "the name of an environment variable in ${...}"),
        (f"x${{{MARKER}", "the name of an environment variable in ${...}"),
    ],
)
def test_a_variable_that_is_not_there_is_the_only_fault_of_its_key(tmp_path: Path, text: str, expected: str) -> None:
    for key in ("erp.name", "erp.timezone", "store.url", "erp.po_lines.columns.sku", "erp.po_lines.query"):
        line = fault(tmp_path, f'{key} = "{text}"', {"PO_HERE": MARKER})
        assert line.startswith(f"{key}: expected {expected}")
    line = fault(tmp_path, f'notify.on = ["failed", "{text}"]', {"PO_HERE": MARKER})
    assert line.startswith(f"notify.on (entry 2): expected {expected}")


def test_a_variable_that_is_not_there_hides_no_other_fault(tmp_path: Path) -> None:
    found = faults(tmp_path, 'erp.connection = "${PO_A}"\nlog.levl = "${PO_B}"\nlog.level = "x"')
    assert [line.partition(" ")[0] for line in found] == ["erp.connection:", "log.levl:", "log.levl:", "log.level:"]


def test_what_a_variable_holds_is_checked_too_and_never_shown(tmp_path: Path) -> None:
    assert fault(tmp_path, 'store.url = "${PO_URL}"', {"PO_URL": MARKER}).startswith("store.url: expected a SQLAlchemy")
    assert fault(tmp_path, 'store.url = "${PO_URL}"', {"PO_URL": f"sqlite:///{MARKER}\udcff"}).startswith("store.url:")


class Drawer(KeyringBackend):
    """A credential store of one entry."""

    priority = 1

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError(service, username, password)

    def get_password(self, service: str, username: str) -> str | None:
        if service == "locked":
            raise KeyringLocked(MARKER)
        return {("po/ingest", "erp"): f"DSN=erp;PWD={MARKER}${{X}}"}.get((service, username))


@pytest.fixture
def _drawer() -> Iterator[None]:
    before = keyring.get_keyring()
    keyring.set_keyring(Drawer())  # type: ignore[no-untyped-call]  # keyring's own constructor
    yield
    keyring.set_keyring(before)


@pytest.mark.usefixtures("_drawer")
def test_a_secret_comes_from_the_credential_store(tmp_path: Path) -> None:
    file = tmp_path / "po-ingest.toml"
    file.write_text('erp.connection = "keyring:po/ingest/${USER_NAME}"', encoding="utf-8")
    assert config.load(file, {"USER_NAME": "erp"}).erp.connection == f"DSN=erp;PWD={MARKER}${{X}}"


@pytest.mark.usefixtures("_drawer")
@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (f"po/{MARKER}", "an entry of that SERVICE and USER in this account's credential store, and there is none"),
        ("locked/erp", "a credential store that this account can open; keyring ended with KeyringLocked"),
        (MARKER, "keyring:SERVICE/USER"),
        (f"{MARKER}/", "keyring:SERVICE/USER"),
        (f"/{MARKER}", "keyring:SERVICE/USER"),
    ],
)
def test_a_secret_that_is_not_there_is_a_fault(tmp_path: Path, entry: str, expected: str) -> None:
    assert faults(tmp_path, f'erp.connection = "keyring:{entry}"') == [f"erp.connection: expected {expected}"]


def test_without_the_package_keyring_the_fault_tells_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert faults(tmp_path, 'erp.connection = "keyring:a/b"') == [
        "erp.connection: expected the package keyring to be installed where po-ingest is: pip install keyring"
    ]


def test_more_faults_than_the_one_line_holds_are_counted_there(tmp_path: Path) -> None:
    file = tmp_path / "po-ingest.toml"
    file.write_text("a = 1\nb = 1\nc = 1\nd = 1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"has 5 faults: erp.connection, a, b and 2 more; mend the file"):
        config.load(file, {})


toml_values = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(),
        st.sampled_from(["UTC", "utf-8", "sqlite:///x", "1,234.56", "%Y%m%d", "keyring:", "${", "sku", "\0"]),
        st.dates(),
        st.datetimes(),
        st.times(),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
SECTIONS: Final[dict[str, tuple[str, ...]]] = {
    "erp": (
        "connection",
        "name",
        "query_timeout",
        "timezone",
        "isolation",
        "encoding",
        "csv",
        "po_lines",
        "receipts",
        "item_xref",
        "retry",
    ),
    "lines": ("inactive_statuses", "default_supplier", "ignored_fields"),
    "custom_columns": ("custom_date_1", "custom_text_1", "custom_decimal_1"),
    "guards": ("min_lines", "max_absent_ratio"),
    "store": ("url", "schema", "retry"),
    "audit": ("file", "sinks"),
    "log": ("file", "level"),
    "notify": ("urls", "on"),
    "heartbeat": ("url",),
    "metrics": ("textfile",),
}
SUBKEYS: Final = (
    "query",
    "query_file",
    "columns",
    "encoding",
    "delimiter",
    "attempts",
    "column",
    "format",
    "null",
    "label",
)


@given(data=st.data())
def test_whatever_is_written_is_a_configuration_or_has_faults(data: st.DataObject) -> None:
    document: dict[str, Any] = {"erp": {"connection": "x"}}
    for _ in range(data.draw(st.integers(1, 4))):
        section = data.draw(st.sampled_from(sorted(SECTIONS)))
        table = document.setdefault(section, {})
        key = data.draw(st.sampled_from(SECTIONS[section]))
        subkey = data.draw(st.none() | st.sampled_from(SUBKEYS))
        value = data.draw(toml_values)
        table[key] = value if subkey is None else {subkey: value}
    found: list[Fault] = []
    filled = fill_in(document, {}, found)
    try:
        made = config_sections.settings_check(Path("/nowhere/po-ingest.toml"))(filled)
    except FaultsError as error:
        found.extend(error.faults)
        assert all(show(fault.path) and fault.text.startswith("expected ") for fault in found)
    else:
        assert isinstance(made, Settings)


@attrs.frozen
class Picky:
    """A class that takes no value."""

    attempts: int = attrs.field(validator=attrs.validators.ge(99))


def test_a_mistake_in_the_code_is_not_told_as_a_fault_of_the_file() -> None:
    def broken(raw: object) -> object:
        raise ZeroDivisionError(raw)

    with pytest.raises(ZeroDivisionError):
        config_sections._section(RetrySettings, {"attempts": broken})({"attempts": 1})
    with pytest.raises(ValueError, match="99"):
        config_sections._section(Picky, {"attempts": lambda raw: raw})({"attempts": 1})


SAME: Final = """
[erp]
adapter = "sqlite"
connection = "data/erp.db"
"""


def test_r15_no_file_to_write_is_the_erps_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "erp.db").touch()
    (tmp_path / "other").symlink_to("data")
    (tmp_path / "hard.db").hardlink_to(tmp_path / "data" / "erp.db")
    for name in ("data/erp.db", "data/../data/erp.db", "other/erp.db", "hard.db", tmp_path / "data" / "erp.db"):
        assert faults(tmp_path, f'{SAME}[store]\nurl = "sqlite:///{name}"') == [
            "store.url: expected another file than the ERP's"
        ]
        assert faults(tmp_path, f'{SAME}[audit]\nfile = "{name}"\n[log]\nfile = "{name}"') == [
            "audit.file: expected another file than the ERP's",
            "log.file: expected another file than the ERP's",
        ]


def test_r15_a_store_of_a_percent_name_that_is_the_erps_is_told_before_there_is_a_file(tmp_path: Path) -> None:
    text = '[erp]\nadapter = "sqlite"\nconnection = "a b.db"\n[store]\nurl = "sqlite:///a%20b.db"'
    assert faults(tmp_path, text) == ["store.url: expected another file than the ERP's"]


def test_the_files_of_store_audit_and_log_are_different_ones(tmp_path: Path) -> None:
    assert fault(tmp_path, '[audit]\nfile = "po-ingest.db"') == "audit.file: expected another file than store.url"
    assert fault(tmp_path, '[log]\nfile = "po-ingest.db"') == "log.file: expected another file than store.url"


@pytest.mark.parametrize("adapter", ["odbc", "csv"])
def test_r15_only_the_adapter_sqlite_names_a_file(tmp_path: Path, adapter: str) -> None:
    file = tmp_path / "po-ingest.toml"
    file.write_text(f'[erp]\nadapter = "{adapter}"\nconnection = "po-ingest.db"', encoding="utf-8")
    assert config.load(file, {}).erp.connection == "po-ingest.db"


@pytest.mark.parametrize(("adapter", "instead"), [("sqlite", "leave it out"), ("csv", "write erp.csv.encoding")])
def test_what_only_a_driver_takes_is_no_setting_of_other_adapters(tmp_path: Path, adapter: str, instead: str) -> None:
    text = f'[erp]\nadapter = "{adapter}"\nconnection = "x"\nisolation = "snapshot"\nencoding = "cp1252"'
    assert faults(tmp_path, text) == [
        "erp.isolation: expected with the adapter odbc only; leave it out",
        f"erp.encoding: expected with the adapter odbc only; {instead}",
    ]
    default = f'[erp]\nadapter = "{adapter}"\nconnection = "x"\nisolation = "read committed"'
    (tmp_path / "po-ingest.toml").write_text(default, encoding="utf-8")
    assert config.load(tmp_path / "po-ingest.toml", {}).erp.adapter == adapter


def test_adapters_that_are_not_installed_are_told_all_at_once(tmp_path: Path) -> None:
    text = '[erp]\nadapter = "oracl"\n[store]\nurl = "oracle://host"\n[audit]\nsinks = ["file", "siem"]'
    told = faults(tmp_path, f"{text}\n[log]\nlevel = 1")
    assert [line.partition(": ")[0] for line in told] == [
        "erp.connection",
        "erp.adapter",
        "store.url",
        "audit.sinks (entry 2)",
        "log.level",
    ]
