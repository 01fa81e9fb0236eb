"""`po-ingest agent-job`: T-SQL that a server would take, whatever the names."""

from __future__ import annotations

import re
from datetime import time
from pathlib import Path

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from po_ingest.agent_job import AgentJob, script
from support.command_line import Home


def job(**given: str) -> AgentJob:
    told = {
        "name": "nightly",
        "command": '"C:\\po ingest\\run_ingestion.bat" --config "C:\\po.toml"',
        "output": "o.log",
    }
    return AgentJob(at=time(2, 0), **{**told, **given})


def literals(text: str) -> list[str]:
    """Return all texts of a script, as the server would read them."""
    return [match.replace("''", "'") for match in re.findall(r"N'((?:[^']|'')*)'", text)]


def test_the_job_runs_nightly_and_then_status_at_its_time(home: Home) -> None:
    done = home.po("agent-job", "--at", "01:30", "--name", "PO history")
    assert done.code == 0
    steps = [text for text in literals(done.out) if text.startswith('"')]
    assert [step.rpartition(" ")[2] for step in steps] == ["nightly", "status"]
    assert all(f'--config "{home.config}"' in step for step in steps)
    assert "PO history" in literals(done.out)
    assert "@active_start_time = 13000" in done.out
    assert "@notify_email_operator_name" not in done.out


def test_a_step_that_fails_fails_the_job_and_the_agent_does_not_try_again(home: Home) -> None:
    out = home.po("agent-job").out
    assert out.count("@on_fail_action = 2") == 2
    assert out.count("@retry_attempts = 0") == 2
    assert re.findall(r"@on_success_action = (\d)", out) == ["3", "1"]


def test_an_operator_gets_an_e_mail_on_failure(home: Home) -> None:
    out = home.po("agent-job", "--operator", "O'Neill").out
    assert "@notify_level_email = 2" in out
    assert "@notify_email_operator_name = N'O''Neill'" in out


def test_the_output_lies_beside_the_log(home: Home) -> None:
    assert str(home.folder / "logs" / "agent-job.log") in literals(home.po("agent-job").out)


def test_a_faulty_configuration_is_told_and_the_job_is_printed_all_the_same(home: Home) -> None:
    home.configure("[nonsense]\n")
    done = home.po("agent-job")
    assert done.code == 0
    assert "warning: the configuration file" in done.err
    assert str(home.folder / "agent-job.log") in literals(done.out)


def test_the_batch_file_beside_the_configuration_is_what_runs(home: Home) -> None:
    (home.folder / "run_ingestion.bat").write_text("@echo off\n", encoding="ascii")
    assert f'"{home.folder / "run_ingestion.bat"}" --config' in home.po("agent-job").out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ("--at", "25:00"),
            "'25:00' is no time of day: give hours and minutes such as 02:30; see `po-ingest agent-job",
        ),
        (("--at", "2"), "'2' is no time of day"),
        (("--at", "02:30:00"), "'02:30:00' is no time of day"),
        (("--name", " "), "--name cannot be used"),
        (("--operator", "a\nb"), "--operator cannot be used"),
        (("--name", "n" * 129), "--name is longer than 128 characters"),
    ],
)
def test_wrong_arguments_are_told(home: Home, arguments: tuple[str, ...], told: str) -> None:
    done = home.po("agent-job", *arguments)
    assert (done.code, done.out) == (2, "")
    assert told in done.error
    assert "%" not in done.error


def test_a_missing_configuration_is_told(tmp_path: Path) -> None:
    done = Home(tmp_path).po("agent-job")
    assert done.code == 2
    assert "there is no configuration file" in done.error


def test_a_path_that_the_agent_would_take_for_a_token_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a$(b").mkdir()
    home = Home(tmp_path / "a$(b")
    home.configure()
    assert "would take it for a token" in home.po("agent-job").error


def test_an_output_file_that_the_agent_would_take_for_a_token_is_refused(home: Home) -> None:
    home.configure('[log]\nfile = "$(DATE)/po.log"\n')
    assert "$(DATE)" in home.po("agent-job").error


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=128)


@given(NAMES, NAMES)
def test_quotes_in_names_are_safe(name: str, operator: str) -> None:
    text = script(job(name=name, operator=operator))
    assert {name, operator} <= set(literals(text))
    procedures = []
    for part in text.split("\n\n"):
        for statement in sqlglot.parse(part, read="tsql"):
            assert not isinstance(statement, exp.Command), part  # what sqlglot does not understand
            procedures += re.findall(r"EXEC msdb\.dbo\.(\w+)", part) if isinstance(statement, exp.Execute) else []
    assert procedures == ["sp_add_job", "sp_add_jobstep", "sp_add_jobstep", "sp_add_jobschedule", "sp_add_jobserver"]


def test_midnight_is_a_time_that_the_agent_takes() -> None:
    text = script(AgentJob(name="n", at=time(0, 0), command="c", output="o"))
    assert "@active_start_time = 0;" in text
