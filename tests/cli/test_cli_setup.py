"""`po-ingest init` and `po-ingest check`."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from po_ingest import checks, config, wiring
from po_ingest.ports import Finding, SchemaStatus
from po_ingest.presets import PRESETS, render
from support.command_line import NO_RETRY, Home, environment, inside, outside
from support.store_files import without_rights

PROGRAM = Path(sys.executable).with_name("po-ingest")

# -- init


@pytest.mark.parametrize("preset", PRESETS)
def test_init_writes_a_commented_configuration_that_loads(tmp_path: Path, preset: str) -> None:
    done = inside("init", tmp_path / "new folder", "--erp", preset)
    assert (done.code, done.err) == (0, "")
    file = tmp_path / "new folder" / "po-ingest.toml"
    assert str(file) in done.out
    assert file.read_text("utf-8").count("\n#") > 10
    settings = config.load(file, {"PO_INGEST_ERP": "Driver=None"})
    assert settings.erp.adapter in {"odbc", "sqlite", "csv"}
    assert ("PO_INGEST_ERP" in done.out) == (settings.erp.adapter == "odbc")


def test_the_help_of_init_names_every_preset() -> None:
    text = inside("init", "--help").out
    for preset, what in PRESETS.items():
        assert f"{preset:10}{what}" in text


@pytest.mark.parametrize("preset", ["sap", "jde", "dynamics"])
def test_presets_of_erps_map_all_that_matters(preset: str, tmp_path: Path) -> None:
    file = tmp_path / "po-ingest.toml"
    file.write_text(render(preset), encoding="utf-8")
    settings = config.load(file, {"PO_INGEST_ERP": "Driver=None"})
    fields = {"po_number", "line_number", "item_code", "ordered_quantity", "promised_date", "current_status"}
    assert fields <= set(settings.erp.po_lines.columns)
    assert settings.erp.receipts is not None


def test_init_refuses_an_existing_file_unless_forced(tmp_path: Path) -> None:
    file = tmp_path / "po-ingest.toml"
    file.write_text("mine", encoding="utf-8")
    done = inside("init", tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "exists already, nothing was written; --force replaces it" in done.error
    assert file.read_text("utf-8") == "mine"
    assert inside("init", tmp_path, "--force").code == 0
    assert file.read_text("utf-8") != "mine"


def test_init_writes_here_by_default(tmp_path: Path) -> None:
    done = outside("init", "--erp", "sqlite", cwd=tmp_path, environ={"PATH": str(PROGRAM.parent)})
    assert done.code == 0
    assert (tmp_path / "po-ingest.toml").is_file()
    assert "\n  po-ingest check\n" in done.out


@pytest.mark.parametrize("called", [[str(PROGRAM)], [sys.executable, "-m", "po_ingest"]])
def test_what_to_do_next_works_also_where_no_environment_is_active(called: list[str], tmp_path: Path) -> None:
    elsewhere = environment({"PATH": str(tmp_path)})
    done = subprocess.run([*called, "init", "a b"], cwd=tmp_path, env=elsewhere, check=True, capture_output=True)  # noqa: S603 - ours
    command = done.stdout.decode().splitlines()[-2]
    assert shlex.split(command) == [*called, "--config", str(Path("a b", "po-ingest.toml")), "check"]


def test_init_in_a_folder_that_cannot_be_made_is_exit_1(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = inside("init", tmp_path / "file" / "folder")
    assert done.code == 1
    assert "could not be written" in done.error


# -- check


def found(home: Home) -> dict[str, tuple[str, str]]:
    return {each["name"]: (each["status"], each["message"]) for each in home.po("check", "--json").json}


def test_check_of_a_good_home_is_ok_and_writes_nothing(home: Home) -> None:
    home.insert(("PO-1", 10))
    before = home.files()
    done = home.po("check")
    assert (done.code, done.err) == (0, "")
    assert {row[0] for row in done.rows if row[1] != "ok"} == {"erp privileges"}  # the tests made the file
    assert found(home)["store schema"][1] == "there is none yet; the first nightly creates it"
    assert home.files() == before
    home.po("nightly")
    assert "has version" in found(home)["store schema"][1]


def test_check_as_json_has_the_contracts_keys(home: Home) -> None:
    findings = home.po("check", "--json").json
    assert all(list(each) == ["name", "status", "message", "hint"] for each in findings)
    assert {"config", "store schema", "lock", "erp connection", "query po_lines", "log", "audit file"} <= {
        each["name"] for each in findings
    }


def test_check_tells_every_fault_of_the_configuration(home: Home) -> None:
    home.configure("[lines]\nnonsense = 1\ndefault_supplier = 3\n")
    done = home.po("check", "--json")
    assert done.code == 2
    assert [each["name"] for each in done.json] == ["config", "config"]
    assert home.po("check").error.startswith("po-ingest: error: ")
    assert inside("--config", home.folder / "no.toml", "check", "--json").json[0]["status"] == "failed"


def test_check_reads_the_first_rows(home: Home) -> None:
    home.insert(
        ("PO-1", 10), ("PO-2", "x"), ("PO-3", "y"), (None, 1), ("PO-4", "z", None, None, None, None, None, "closed")
    )
    status, message = found(home)["query po_lines"]
    assert status == "warning"
    assert message.startswith("3 of its first 5 rows would be rejected, most because: line_number")
    assert home.po("check").code == 0


def test_check_runs_receipts_and_cross_reference_too(home: Home) -> None:
    home.configure(
        '[erp.receipts]\nquery = "SELECT po_number, line_number, 1 AS quantity FROM erp_order_lines"\n'
        '[erp.item_xref]\nquery = "SELECT 1 AS is_active"\n'
    )
    assert found(home)["query receipts"][0] == "ok"
    done = home.po("check")
    assert done.code == 2
    assert "item_xref: no column for erp_item_code" in done.error


def test_check_of_an_erp_that_is_not_there_is_exit_4_and_tries_no_query(home: Home) -> None:
    (home.folder / "erp.db").unlink()
    done = home.po("check")
    assert done.code == 4
    assert "check failed: erp connection: " in done.error
    assert "query po_lines" not in found(home)


def test_check_of_a_table_that_is_not_there_is_exit_4(home: Home) -> None:
    home.erp("DROP TABLE erp_order_lines")
    done = home.po("check")
    assert done.code == 4
    assert "check failed: query po_lines: " in done.error


def test_check_of_an_unknown_adapter_is_exit_2_before_anything_else(home: Home) -> None:
    home.config.write_text(
        home.config.read_text("utf-8").replace('adapter = "sqlite"', 'adapter = "stranger"'), encoding="utf-8"
    )
    (home.folder / "po-ingest.db").write_text("no database" * 100, encoding="utf-8")
    done = home.po("check")
    assert done.code == 2
    assert "has 1 fault: erp.adapter" in done.error


def test_check_of_a_store_that_is_no_database_is_exit_7_and_the_erp_is_looked_at_all_the_same(home: Home) -> None:
    home.configure(NO_RETRY)
    home.erp("DROP TABLE erp_order_lines")
    (home.folder / "po-ingest.db").write_text("no database" * 100, encoding="utf-8")
    done = home.po("check")
    assert done.code == 7
    assert found(home)["query po_lines"][0] == "failed"


def test_r19_check_and_dry_run_tell_of_a_store_below_a_file_as_the_nightly_does(home: Home) -> None:
    home.insert(("PO-1", 10))
    (home.folder / "file").touch()
    home.configure(f'{NO_RETRY}[store]\nurl = "sqlite:///file/po-ingest.db"\n')
    before = home.files()
    check = home.po("check")
    dry_run = home.po("nightly", "--dry-run")
    assert (check.code, dry_run.code) == (7, 7)
    assert "po-ingest.db cannot be written" in check.error
    assert "po-ingest.db cannot be written" in dry_run.error
    assert home.files() == before
    assert home.po("nightly").code == 7


def test_r19_check_and_dry_run_tell_of_a_folder_that_cannot_be_written(home: Home) -> None:
    home.insert(("PO-1", 10))
    (home.folder / "stores").mkdir()
    home.configure('[store]\nurl = "sqlite:///stores/po-ingest.db"\n')
    with without_rights(home.folder / "stores"):
        assert home.po("check").code == 7
        assert home.po("nightly", "--dry-run").code == 7
    assert home.po("nightly").code == 0
    with without_rights(home.folder / "stores"):
        assert home.po("check").code == 7
        dry_run = home.po("nightly", "--dry-run")
    assert dry_run.code == 7
    assert "give this account the right to write to the file and its folder" in dry_run.error


def test_check_warns_of_a_log_that_cannot_be_written(home: Home) -> None:
    home.insert(("PO-1", 10))
    (home.folder / "file").touch()
    home.configure('[log]\nfile = "file/po-ingest.log"\n')
    assert found(home)["log"][0] == "warning"
    assert home.po("check").code == 0


class _Store:
    """A store of another version, or that fails its own check."""

    def __init__(self, schema: SchemaStatus, findings: tuple[Finding, ...] = ()) -> None:
        self._schema, self._findings = schema, findings

    def check(self) -> tuple[Finding, ...]:
        return self._findings

    def schema(self) -> SchemaStatus:
        return self._schema

    def holder(self, erp: str) -> bool:
        return erp == "nobody"


@pytest.mark.parametrize(("relation", "hint"), [("older", "po-ingest store upgrade"), ("newer", "upgrade po-ingest")])
def test_check_of_another_schema_version_is_exit_7(home: Home, relation: str, hint: str) -> None:
    store = _Store(SchemaStatus("0009", "0001", relation))  # type: ignore[arg-type]  # one of the literals
    outcome = checks.check(config.load(home.config, {}), wiring.open_source, lambda _: store, lambda _: {})  # type: ignore[arg-type,return-value]  # all that is asked for
    assert outcome.first_failure is not None
    assert outcome.first_failure.exit_code == 7
    assert hint in outcome.first_failure.hint


def test_a_store_that_fails_its_own_check_is_not_asked_more(home: Home) -> None:
    bad = Finding("store", "failed", "down", exit_code=7)
    store = _Store(SchemaStatus(None, "0001", "missing"), (bad,))
    outcome = checks.check(config.load(home.config, {}), wiring.open_source, lambda _: store, lambda _: {})  # type: ignore[arg-type,return-value]  # all that is asked for
    assert outcome.first_failure == bad
    assert "lock" not in {finding.name for finding in outcome.findings}


def test_an_empty_result_can_be_read(home: Home) -> None:
    assert found(home)["query po_lines"] == ("ok", "it runs, and its first 0 rows can be read")


def test_only_a_configured_query_is_looked_at() -> None:
    with pytest.raises(AssertionError):
        checks._required(None)


def test_check_tells_who_is_told_of_runs_and_tells_nobody_now(home: Home) -> None:
    home.insert(("PO-1", 10))
    home.configure('[heartbeat]\nurl = "https://beat.example/Geheim"\n[metrics]\ntextfile = "po.prom"\n')
    done = home.po("check")
    assert ["observers", "ok", "told of every run: heartbeat, metrics"] in [row[:3] for row in done.rows]
    assert "Geheim" not in done.out
    assert not (home.folder / "po.prom").exists()
