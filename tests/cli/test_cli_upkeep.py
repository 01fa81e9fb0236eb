"""`po-ingest xref`, `store` and `audit`."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from io import StringIO
from pathlib import Path

import pytest

from po_ingest import wiring
from po_ingest.audit_chain import COLUMNS
from po_ingest.ports import SchemaStatus
from support.command_line import Home

HEADER = "erp_item_code,supplier_code,mapped_sku,mapped_item,is_active\n"


def write(home: Home, content: str | bytes) -> Path:
    file = home.folder / "items.csv"
    file.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return file


def exported(home: Home) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(home.po("xref", "export").out)))


# -- xref


def test_xref_import_inserts_and_replaces_by_code(home: Home) -> None:
    done = home.po("xref", "import", write(home, HEADER + "M-1,V1,SKU-1,Bolt,1\nM-2,,,,0\n"))
    assert (done.code, done.out, done.err) == (0, "2 entries imported\n", "")
    home.po("xref", "import", write(home, "mapped_sku,ERP_Item_Code\nSKU-9,M-2\n"))
    assert exported(home) == [
        {"erp_item_code": "M-1", "supplier_code": "V1", "mapped_sku": "SKU-1", "mapped_item": "Bolt", "is_active": "1"},
        {"erp_item_code": "M-2", "supplier_code": "", "mapped_sku": "SKU-9", "mapped_item": "", "is_active": "1"},
    ]


def test_xref_import_reads_what_export_writes(home: Home) -> None:
    odd = 'M-"1",V1,"a, b","two\nlines",1\n'.replace('M-"1"', '"M-""1"""')
    home.po("xref", "import", write(home, HEADER + odd))
    text = home.po("xref", "export").out
    assert home.po("xref", "import", write(home, text)).code == 0
    assert home.po("xref", "export").out == text


def test_xref_import_takes_a_byte_order_mark_and_windows_line_ends(home: Home) -> None:
    content = b"\xef\xbb\xbf" + HEADER.replace("\n", "\r\n").encode() + b"M-1,,SKU-1,,\r\n\r\n"
    assert home.po("xref", "import", write(home, content)).code == 0
    assert exported(home)[0]["mapped_sku"] == "SKU-1"


def test_xref_import_with_a_fault_anywhere_imports_nothing_and_tells_all(home: Home) -> None:
    home.po("xref", "import", write(home, HEADER + "M-1,,SKU-1,,1\n"))
    done = home.po("xref", "import", write(home, HEADER + "M-1,,SKU-2,,1\n,,x,,1\nM-3,,,,perhaps\n"))
    assert (done.code, done.out) == (2, "")
    assert "items.csv has 2 faults, nothing was imported" in done.error
    assert [line.partition(":")[0] for line in done.err.splitlines()[1:]] == ["  line 3", "  line 4"]
    assert exported(home)[0]["mapped_sku"] == "SKU-1"


@pytest.mark.of_sqlite
def test_xref_import_of_a_file_that_is_not_there_is_exit_2(home: Home) -> None:
    done = home.po("xref", "import", home.folder / "no.csv")
    assert done.code == 2
    assert "no.csv cannot be read" in done.error


def test_xref_import_warns_where_it_has_no_effect(home: Home) -> None:
    home.configure('[erp.item_xref]\nquery = "SELECT 1"\n')
    done = home.po("xref", "import", write(home, HEADER + "M-1,,SKU-1,,1\n"))
    assert done.code == 0
    assert "has no effect" in done.err
    assert "has no effect" in home.po("xref", "export").err


@pytest.mark.of_sqlite
def test_xref_import_waits_for_another_writer_then_is_exit_7(home: Home) -> None:
    home.po("store", "upgrade")
    home.configure("[store.retry]\nattempts = 2\nwait_initial = 0.01\n")
    with closing(sqlite3.connect(home.folder / "po-ingest.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        done = home.po("xref", "import", write(home, HEADER + "M-1,,SKU-1,,1\n"))
    assert done.code == 7
    assert "note: try 2 follows" in done.err


def test_xref_gaps_tell_code_lines_and_the_first_line(lived: Home) -> None:
    done = lived.po("xref", "gaps")
    assert done.rows == [
        ["erp_item_code", "lines", "po_number", "line_number"],
        ["M-1", "2", "PO-1", "10"],
        ["M-3", "1", "0815", "1"],
    ]
    assert lived.po("xref", "gaps", "--json").json[0] == {
        "erp_item_code": "M-1",
        "lines": 2,
        "po_number": "PO-1",
        "line_number": 10,
    }


def test_xref_gaps_say_how_many_of_them_have_been_imported_since(home: Home) -> None:
    home.insert(("PO-1", 10, "M-1"), ("PO-1", 20, "M-2"), ("PO-1", 30, "M-3"))
    home.po("nightly")
    assert home.po("xref", "gaps").err == ""
    assert home.po("xref", "import", write(home, HEADER + "M-1,,SKU-1,,1\nM-3,,,,0\n")).code == 0
    done = home.po("xref", "gaps", "--json")
    assert len(done.json) == 3
    assert done.err == "note: 1 of these codes is in the cross-reference now; the next nightly maps them\n"
    assert home.po("xref", "import", write(home, HEADER + "M-3,,SKU-3,,1\n")).out == "1 entry imported\n"
    assert "2 of these codes are in the cross-reference now" in home.po("xref", "gaps").err
    home.po("nightly")
    assert home.po("xref", "gaps").err == ""


def test_xref_gaps_say_nothing_of_a_store_that_has_no_effect(home: Home) -> None:
    home.insert(("PO-1", 10, "M-1"))
    home.configure("[erp.item_xref]\nquery = \"SELECT 'X' AS erp_item_code\"\n")
    assert home.po("nightly").code == 0
    home.po("xref", "import", write(home, HEADER + "M-1,,SKU-1,,1\n"))
    done = home.po("xref", "gaps", "--json")
    assert ([gap["erp_item_code"] for gap in done.json], done.err) == (["M-1"], "")


# -- store


def test_store_upgrade_creates_the_schema_once(home: Home) -> None:
    sql = home.po("store", "upgrade", "--sql").out
    assert "CREATE TABLE" in sql
    assert home.store_content() is None
    assert home.po("store", "status").pairs["schema"] == "missing"
    assert "the schema was upgraded: none -> " in home.po("store", "upgrade").out
    assert "nothing to do" in home.po("store", "upgrade").out
    assert home.po("store", "upgrade", "--sql").out == ""
    assert home.po("store", "status").pairs["schema"] == "current"


def test_store_status_tells_what_it_holds(lived: Home) -> None:
    pairs = lived.po("store", "status").pairs
    assert (pairs["erp"], pairs["runs"], pairs["lines"], pairs["run_in_progress"]) == ("shop", "5", "4", "no")
    assert pairs["last_completed_run"].startswith("5 (")


def test_a_store_of_a_newer_release_is_exit_7_and_nothing_changes(home: Home) -> None:
    home.insert(("PO-1", 10))
    home.po("nightly")
    home.in_store("UPDATE alembic_version SET version_num = '9999'")
    before = home.store_content()
    status = home.po("store", "status")
    assert (status.code, status.pairs["schema"]) == (7, "newer")
    assert "upgrade po-ingest" in status.error
    for command in (("store", "upgrade"), ("store", "upgrade", "--sql"), ("runs",), ("check",), ("nightly", "--json")):
        done = home.po(*command)
        assert done.code == 7, command
        assert "9999" in done.error
    assert home.store_content() == before


def test_a_store_without_sql_says_so(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    class Plain:
        def schema(self) -> SchemaStatus:
            return SchemaStatus(None, "1", "missing")

    monkeypatch.setattr(wiring, "open_store", lambda _: Plain())
    done = home.po("store", "upgrade", "--sql")
    assert done.code == 2
    assert "leave --sql out" in done.error


# -- audit


def test_audit_list_is_in_the_order_of_the_trail(lived: Home) -> None:
    done = lived.po("audit", "list")
    assert done.rows[0] == ["id", "timestamp", "severity", "event_type", "run_id", "about", "reason"]
    ids = [int(row[0]) for row in done.rows[1:]]
    assert ids == list(range(1, len(ids) + 1))
    created = next(row for row in done.rows if row[3] == "po_line_created")
    assert created[5] == "po_number PO-2, line_number 10"


def test_audit_list_as_json_has_the_columns_of_the_table(lived: Home) -> None:
    events = lived.po("audit", "list", "--json").json
    assert list(events[0]) == list(COLUMNS)
    assert events[0]["event_type"] == "ingestion_started"


def test_audit_list_can_be_chosen_by_run_type_date_and_number(lived: Home) -> None:
    assert {event["run_id"] for event in lived.po("audit", "list", "--run", "2", "--json").json} == {2}
    failed = lived.po("audit", "list", "--type", "ingestion_failed", "--json").json
    assert [event["run_id"] for event in failed] == [4]
    assert lived.po("audit", "list", "--since", "2999-01-01", "--json").json == []
    assert len(lived.po("audit", "list", "--since", "1d", "--limit", "3", "--json").json) == 3
    newest = lived.po("audit", "list", "--limit", "1", "--json").json
    assert newest[0]["event_type"] == "ingestion_completed"
    assert "'nonsense' is not one of" in lived.po("audit", "list", "--type", "nonsense").error


def test_audit_list_has_the_events_of_this_erp_only(home: Home) -> None:
    home.insert(("PO-1", 10))
    home.po("nightly")
    home.config.write_text(home.config.read_text("utf-8").replace('"shop"', '"other"'), encoding="utf-8")
    assert home.po("audit", "list", "--json").json == []
    assert home.po("runs", "--json").json == []


def test_r14_audit_verify_proves_a_good_trail(lived: Home) -> None:
    done = lived.po("audit", "verify")
    assert (done.code, done.err) == (0, "")
    assert done.pairs["faults"] == "0"
    assert done.pairs["runs"] == "5"
    assert done.pairs["events"] == done.pairs["lines_of_file"]
    assert done.out.endswith("the audit trail is complete and unaltered\n")


def test_r14_an_altered_event_is_exit_1_and_named(home: Home) -> None:
    home.insert(("PO-1", 10))
    home.po("nightly")
    file = home.folder / "logs" / "audit.jsonl"
    lines = file.read_text("utf-8").splitlines()
    event = json.loads(lines[1])
    event["reason"] = "another"
    file.write_text("\n".join([lines[0], json.dumps(event), *lines[2:]]) + "\n", encoding="utf-8")
    done = home.po("audit", "verify")
    assert done.code == 1
    assert done.pairs["faults"] == "1"
    assert "the first: event 2 (" in done.error
    assert "reason" in done.error


def test_r14_many_faults_are_counted(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.insert(("PO-1", 10))
    home.po("nightly")
    (home.folder / "logs" / "audit.jsonl").write_text("{}\n" * 5, encoding="utf-8")
    monkeypatch.setattr("po_ingest.audit_verify.FAULTS_KEPT", 2)
    done = home.po("audit", "verify")
    assert done.code == 1
    assert done.err.splitlines()[-1].endswith(f"... and {int(done.pairs['faults']) - 2} more")


def test_r14_a_missing_audit_file_is_a_warning(home: Home) -> None:
    home.insert(("PO-1", 10))
    home.po("nightly")
    (home.folder / "logs" / "audit.jsonl").unlink()
    done = home.po("audit", "verify")
    assert done.code == 0
    assert done.err.startswith("warning: there is no audit file")


@pytest.mark.of_sqlite
@pytest.mark.parametrize("name", ["audit.jsonl", "audit.jsonl.spool"])
def test_an_audit_file_or_spool_that_cannot_be_read_is_exit_1(home: Home, name: str) -> None:
    (home.folder / "logs" / name).mkdir(parents=True)
    done = home.po("audit", "verify")
    assert done.code == 1
    assert name in done.error
