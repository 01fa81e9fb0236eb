"""The configuration file (contract, section 3): what it says, and where it is looked for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from po_ingest import config, installed
from po_ingest.config_faults import FaultsError
from po_ingest.config_sections import settings_check
from po_ingest.errors import ConfigError, ExitCode
from po_ingest.fields import BY_NAME, CUSTOM_SLOTS, FIELDS
from po_ingest.receipts import RECEIPT_FIELDS
from po_ingest.settings import (
    ColumnSettings,
    CustomColumnSettings,
    LineSettings,
    QuerySettings,
    RetrySettings,
    Settings,
    StoreSettings,
)
from po_ingest.stages.xref import XREF_FIELDS

MINIMAL: Final = '[erp]\nconnection = "DSN=erp"\n'
DEFAULTS: Final = """
[erp]
connection = "DSN=erp"
name = "erp"
adapter = "odbc"
query_timeout = 300
fetch_size = 5000
timezone = "UTC"
[erp.csv]
encoding = "utf-8"
delimiter = ","
[erp.po_lines]
query = "SELECT * FROM erp_order_lines"
[erp.retry]
attempts = 5
wait_initial = 1.0
wait_max = 60.0
timeout = 600.0
[lines]
inactive_statuses = ["closed", "cancelled", "complete", "completed"]
default_supplier = "DEFAULT"
ignored_fields = ["last_update_timestamp"]
[guards]
min_lines = 1
max_absent_ratio = 0.2
max_rejected_ratio = 0.05
max_emptied_ratio = 0.5
[store]
url = "sqlite:///po-ingest.db"
schema = "po"
[store.retry]
attempts = 5
wait_initial = 1.0
wait_max = 60.0
timeout = 600.0
[audit]
file = "logs/audit.jsonl"
[log]
file = "logs/po-ingest.log"
level = "INFO"
[notify]
urls = []
on = ["failed", "partial", "guard"]
"""
"""The contract's block, word for word but for what it only shows."""

ADAPTERS: Final = {
    installed.ERP_SOURCES: ("odbc", "sqlite", "csv", "a-plug-in"),
    installed.STORES: ("sqlite", "postgresql", "mssql"),
    installed.AUDIT_SINKS: ("file", "siem", "my_siem"),
}
"""Those of this release, and others."""

WRONG_KEY: Final = "0000000000"
DOCS: Final = Path(__file__).parents[2] / "docs" / "configuration.md"


def load(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> Settings:
    file = folder / "po-ingest.toml"
    file.write_text(text, encoding="utf-8")
    return config.load(file, environ or {}, lambda group: ADAPTERS[group])


def test_the_defaults_are_those_of_the_contract(tmp_path: Path) -> None:
    assert load(tmp_path, MINIMAL) == load(tmp_path, DEFAULTS)
    settings = load(tmp_path, MINIMAL)
    assert settings.lines == LineSettings()
    retry = RetrySettings(attempts=5, wait_initial=1, wait_max=60, timeout=600)
    assert settings.erp.retry == settings.store.retry == retry
    assert (settings.erp.receipts, settings.erp.item_xref) == (None, None)
    assert (settings.heartbeat_url, settings.metrics_textfile) == (None, None)


def test_every_key_takes_another_value_than_its_default(tmp_path: Path) -> None:
    (tmp_path / "receipts.sql").write_text("\ufeffSELECT 2\r\n", encoding="utf-8")
    settings = load(
        tmp_path,
        """
        [erp]
        connection = " DSN=erp;PWD=x "
        name = " sap "
        adapter = "a-plug-in"
        query_timeout = 1
        fetch_size = 2
        timezone = "Europe/Berlin"
        isolation = "snapshot"
        encoding = "cp1252"
        csv = { encoding = "latin-1", delimiter = "\\t" }
        retry = { attempts = 1, wait_initial = 0, wait_max = 2.5, timeout = 3 }
        [erp.po_lines]
        query = "SELECT 1"
        [erp.po_lines.columns]
        po_number = "EBELN"
        line_number = { column = "EBELP", format = "1.234,0" }
        ordered_quantity = { format = "1,234.56" }
        [erp.po_lines.columns.promised_date]
        column = "EINDT"
        format = "%Y%m%d"
        null = ["00000000", 0, 1.5, 1900-01-01, 1753-01-01T00:00:00]
        [erp.receipts]
        query_file = "receipts.sql"
        columns = { quantity = "MENGE", in_date = { column = "BUDAT", format = "jde-julian" }, reference = "BELNR" }
        [erp.item_xref]
        query = "SELECT 3"
        columns = { erp_item_code = "MATNR", is_active = "AKTIV" }
        [lines]
        inactive_statuses = ["L"]
        default_supplier = "NONE"
        ignored_fields = ["custom_text_1", "sku"]
        [custom_columns.custom_date_1]
        column = "ship_date"
        format = "%d.%m.%Y"
        null = ["0"]
        label = "Ship date"
        active = false
        [custom_columns.custom_decimal_5]
        column = "weight"
        [guards]
        min_lines = 0
        max_absent_ratio = 1
        max_rejected_ratio = 0
        max_emptied_ratio = 0.25
        [store]
        url = "postgresql+psycopg://user:secret@host/db"
        schema = "purchasing"
        [store.retry]
        attempts = 9
        [audit]
        file = "/var/log/audit.jsonl"
        sinks = ["file", "siem"]
        [log]
        file = "../po.log"
        level = "debug"
        [notify]
        urls = ["mailto://a@b.example"]
        on = ["completed"]
        [heartbeat]
        url = "https://beat.example/1"
        [metrics]
        textfile = "po.prom"
        """,
    )
    erp = settings.erp
    assert (erp.connection, erp.name, erp.adapter, erp.folder) == (" DSN=erp;PWD=x ", "sap", "a-plug-in", tmp_path)
    assert (erp.query_timeout, erp.fetch_size, erp.timezone) == (1, 2, "Europe/Berlin")
    assert (erp.isolation, erp.encoding) == ("snapshot", "cp1252")
    assert (erp.csv.encoding, erp.csv.delimiter) == ("latin-1", "\t")
    assert erp.retry == RetrySettings(attempts=1, wait_initial=0, wait_max=2.5, timeout=3)
    assert erp.po_lines == QuerySettings(
        query="SELECT 1",
        columns={
            "po_number": ColumnSettings(column="EBELN"),
            "line_number": ColumnSettings(column="EBELP", format="1.234,0"),
            "promised_date": ColumnSettings(
                column="EINDT", format="%Y%m%d", null=("00000000", "0", "1.5", "1900-01-01", "1753-01-01T00:00:00")
            ),
            "ordered_quantity": ColumnSettings(column="ordered_quantity", format="1,234.56"),
        },
    )
    assert erp.receipts is not None
    assert erp.receipts.query == "SELECT 2\r\n"
    assert set(erp.receipts.columns) == {"quantity", "in_date", "reference"}
    assert erp.item_xref == QuerySettings(
        query="SELECT 3",
        columns={"erp_item_code": ColumnSettings(column="MATNR"), "is_active": ColumnSettings(column="AKTIV")},
    )
    assert settings.lines == LineSettings(
        inactive_statuses=("L",), default_supplier="NONE", ignored_fields=("custom_text_1", "sku")
    )
    ship_date = ColumnSettings(column="ship_date", format="%d.%m.%Y", null=("0",))
    assert settings.custom_columns == {
        "custom_date_1": CustomColumnSettings(column=ship_date, label="Ship date", active=False),
        "custom_decimal_5": CustomColumnSettings(column=ColumnSettings(column="weight")),
    }
    guards = settings.guards
    ratios = (guards.max_absent_ratio, guards.max_rejected_ratio, guards.max_emptied_ratio)
    assert (guards.min_lines, *ratios) == (0, 1, 0, 0.25)
    assert settings.store == StoreSettings(
        url="postgresql+psycopg://user:secret@host/db", schema="purchasing", retry=RetrySettings(attempts=9)
    )
    assert (settings.audit.file, settings.audit.sinks) == (Path("/var/log/audit.jsonl"), ("file", "siem"))
    assert (settings.log.file, settings.log.level) == (tmp_path / "../po.log", "DEBUG")
    assert (settings.notify.urls, settings.notify.on) == (("mailto://a@b.example",), ("completed",))
    assert (settings.heartbeat_url, settings.metrics_textfile) == ("https://beat.example/1", tmp_path / "po.prom")
    assert "secret" not in repr(settings)
    assert "PWD" not in repr(settings)


def test_every_field_can_be_mapped(tmp_path: Path) -> None:
    lines = [f'po_lines.columns.{name} = "c"' for name, field in BY_NAME.items() if not field.is_custom]
    receipts = [f'receipts.columns.{name} = "c"' for name in RECEIPT_FIELDS]
    xref = [f'item_xref.columns.{name} = "c"' for name in XREF_FIELDS]
    queries = ['receipts.query = "SELECT 1"', 'item_xref.query = "SELECT 1"']
    slots = [f'[custom_columns.{slot}]\ncolumn = "c"' for slot in CUSTOM_SLOTS]
    settings = load(tmp_path, "\n".join([MINIMAL, *lines, *queries, *receipts, *xref, *slots]))
    assert len(settings.erp.po_lines.columns) == len(FIELDS) + 2 - len(CUSTOM_SLOTS)
    assert tuple(settings.custom_columns) == CUSTOM_SLOTS


def test_relative_paths_start_at_the_folder_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a b%20?"
    folder.mkdir()
    (folder / "po-ingest.toml").write_text('[erp]\nconnection = "erp.db"\n', encoding="utf-8")
    monkeypatch.chdir(folder)
    settings = config.load(config.find(None, {}), {})
    assert settings.file == folder / "po-ingest.toml"
    assert settings.erp.folder == folder
    assert settings.erp.connection == "erp.db"
    assert settings.audit.file == folder / "logs" / "audit.jsonl"
    assert settings.log.file == folder / "logs" / "po-ingest.log"
    from sqlalchemy import make_url  # noqa: PLC0415 - what the URL is for SQLAlchemy is what counts

    assert make_url(settings.store.url).database == str(folder / "po-ingest.db")


@pytest.mark.parametrize(
    ("url", "resolved"),
    [
        ("sqlite:///po.db", "sqlite:///{folder}/po.db"),
        ("sqlite:///data/po.db?timeout=5", "sqlite:///{folder}/data/po.db?timeout=5"),
        ("sqlite+pysqlite:///po%20x.db", "sqlite+pysqlite:///{folder}/po x.db"),
        ("sqlite:////var/po.db", "sqlite:////var/po.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("sqlite://", "sqlite://"),
        ("sqlite:///file:po.db?uri=true", "sqlite:///file:po.db?uri=true"),
        ("postgresql+psycopg://u:p@host/db", "postgresql+psycopg://u:p@host/db"),
        ("mssql+pyodbc:///?odbc_connect=DRIVER%3Dx", "mssql+pyodbc:///?odbc_connect=DRIVER%3Dx"),
    ],
)
def test_a_relative_sqlite_url_starts_at_the_folder_of_the_file(tmp_path: Path, url: str, resolved: str) -> None:
    settings = load(tmp_path, f'{MINIMAL}[store]\nurl = "{url}"')
    assert settings.store.url == resolved.format(folder=tmp_path)


def test_variables_are_replaced_in_every_text(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        """
        [erp]
        connection = "DSN=${DSN};PWD=${PWD_1};X=$${DSN};Y=$${;Z=$5"
        name = "${NAME}"
        [lines]
        inactive_statuses = ["${NAME}"]
        """,
        {"DSN": "erp", "PWD_1": "a${NAME}$${b}'\"\\", "NAME": "keyring:a/b"},
    )
    assert settings.erp.connection == "DSN=erp;PWD=a${NAME}$${b}'\"\\;X=${DSN};Y=${;Z=$5"
    assert settings.erp.name == "keyring:a/b"
    assert settings.lines.inactive_statuses == ("keyring:a/b",)


def test_a_byte_order_mark_and_windows_line_ends_are_skipped(tmp_path: Path) -> None:
    file = tmp_path / "po-ingest.toml"
    file.write_bytes(b"\xef\xbb\xbf" + MINIMAL.replace("\n", "\r\n").encode())
    assert config.load(file, {}).erp.connection == "DSN=erp"


def test_the_file_is_looked_up_as_option_then_variable_then_in_the_current_folder() -> None:
    environ = {"PO_INGEST_CONFIG": "from-variable.toml"}
    assert config.find("option.toml", environ) == Path("option.toml")
    assert config.find(Path("option.toml"), environ) == Path("option.toml")
    assert config.find(None, environ) == Path("from-variable.toml")
    assert config.find(None, {"PO_INGEST_CONFIG": ""}) == Path("po-ingest.toml")
    assert config.find(None, {}) == Path("po-ingest.toml")


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no configuration file .*po-ingest init") as caught:
        config.load(tmp_path / "po-ingest.toml", {})
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(("name", "why"), [("", "cannot be read"), ("a\0b", "cannot be read: its name is no file's")])
def test_a_file_that_cannot_be_read_says_so(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        config.load(tmp_path / name, {})


def test_a_file_in_another_encoding_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "po-ingest.toml"
    file.write_bytes(b'[erp]\n\nname = "M\xfcller"\n')
    with pytest.raises(ConfigError, match=r"is not in UTF-8 \(line 3\)"):
        config.load(file, {})


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[erp]\nconnection = \n", "line 2, column 14"),
        ("[erp\n", "line 1, column 5"),
        ('[erp]\nconnection = "MARKER', "end of document"),
        ("x = MARKER", "line 1, column 5"),
        (f"x = {'9' * 5000}", "an unknown line"),
        ("x = " + "[" * 5000, "an unknown line"),
    ],
)
def test_toml_that_cannot_be_parsed_names_line_and_column_and_no_value(tmp_path: Path, text: str, where: str) -> None:
    with pytest.raises(ConfigError, match=f"is not TOML: {where}") as caught:
        load(tmp_path, text)
    (detail,) = caught.value.details
    assert str(tmp_path / "po-ingest.toml") in detail
    assert "MARKER" not in f"{caught.value} {detail}"


def test_keys_without_end_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="beyond all measure"):
        load(tmp_path, ".".join("a" * 5000) + " = 1")


def known_keys(*above: str) -> Iterator[str]:
    """Yield the keys that a section takes, and those of the sections in it, as a wrong one is told which there are."""
    document: object = {WRONG_KEY: 1}
    for key in reversed(above):
        document = {key: document}
    with pytest.raises(FaultsError) as caught:
        settings_check(Path("/po-ingest.toml"), lambda group: ADAPTERS[group])(document)
    told = next((fault.text for fault in caught.value.faults if fault.path == (*above, WRONG_KEY)), "")
    found = told.partition("expected a known key; known are: ")[2]
    if above[-1:] == ("custom_columns",):
        found = "custom_date_1"
    if not found:
        yield ".".join(above)
    for key in filter(None, found.split(", ")):
        yield from known_keys(*above, key)


def documented() -> dict[str, str]:
    """Return the keys of the reference and their defaults as written."""
    rows = re.findall(r"^\| `([a-zA-Z_.]+\.[a-zA-Z_.]+)` \| [^|]+ \| ([^|]+) \|", DOCS.read_text("utf-8"), re.MULTILINE)
    assert len({key for key, _ in rows}) == len(rows)
    return {key: default for key, default in rows if key not in {"erp.po_lines", "erp.receipts", "erp.item_xref"}}


def test_every_key_is_documented() -> None:
    names = {"po_lines": "QUERY", "receipts": "QUERY", "item_xref": "QUERY", "custom_date_1": "SLOT"}
    keys = {".".join(names.get(part, part) for part in key.split(".")) for key in known_keys()}
    assert {key.replace("store.retry", "erp.retry") for key in keys} == set(documented())


def test_the_documented_defaults_can_be_written_into_a_file(tmp_path: Path) -> None:
    shown = {key: text for key, text in documented().items() if text.startswith("`") and "SLOT" not in key}
    del shown["lineage.namespace"]  # a section that is there is asked for
    text = "\n".join(f"{key} = {default.strip('`')}" for key, default in shown.items())
    assert load(tmp_path, f'{text}\nerp.connection = "DSN=erp"') == load(tmp_path, MINIMAL)


def test_the_examples_of_the_reference_are_good(tmp_path: Path) -> None:
    rows = re.findall(
        r"^\| `([a-zA-Z_.]+\.[a-zA-Z_.]+)` \|.* Such as `(.+)`\. \|$", DOCS.read_text("utf-8"), re.MULTILINE
    )
    assert [key for key, _ in rows] == list(documented())
    (tmp_path / "po_lines.sql").write_text("SELECT 1", encoding="utf-8")
    environ = {"PO_INGEST_ERP": "DSN=erp", "PO_INGEST_STORE": "sqlite:///x.db"}
    for key, example in rows:
        name = key.replace("SLOT", "custom_date_1").replace("QUERY", "po_lines")
        line = f"{name}.{example}" if key.endswith(".columns") else f"{name} = {example}"
        needed = ["erp.connection"] * (key != "erp.connection")
        needed_url = ['lineage.url = "http://host"'] * (key.startswith("lineage") and key != "lineage.url")
        needed += ["custom_columns.custom_date_1.column"] * (key.startswith("custom") and not key.endswith(".column"))
        load(tmp_path, "\n".join([line, *needed_url, *(f'{other} = "x"' for other in needed)]), environ)
