"""`po-ingest agent-job`."""

from __future__ import annotations

import os
import sys
from datetime import datetime, time
from pathlib import Path
from typing import Final

import click

from po_ingest.cli import output
from po_ingest.cli.session import Session, pass_session
from po_ingest.errors import ConfigError

NAME_LENGTH: Final = 128
"""Of a sysname."""
OUTPUT_LENGTH: Final = 200
"""Of `@output_file_name`."""
BATCH_FILE: Final = "run_ingestion.bat"
AGENT_MACRO: Final = "$("


def _time_of_day(_: click.Context, __: click.Parameter, text: str) -> time:
    """Read hours and minutes; click's own `DateTime` would answer with `%H:%M`."""
    try:
        return datetime.strptime(text.strip(), "%H:%M").time()  # noqa: DTZ007 - the server's own time
    except ValueError:
        raise click.BadParameter(f"{text!r} is no time of day: give hours and minutes such as 02:30") from None


@click.command("agent-job")
@click.option("--name", metavar="N", default="po-ingest nightly", show_default=True, help="The job's name.")
@click.option(
    "--at",
    callback=_time_of_day,
    metavar="HH:MM",
    default="02:00",
    show_default=True,
    help="When it runs, every day.",
)
@click.option("--operator", metavar="O", help="The operator who gets an e-mail when the job failed.")
@pass_session
def agent_job_command(session: Session, name: str, at: time, operator: str | None) -> None:
    """Print T-SQL that creates the SQL Server Agent job.

    Print it on the machine where the job shall run: the paths are those of
    this installation and configuration. Nothing is created; run it in SSMS,
    or with sqlcmd.

    \b
    Example:
      po-ingest agent-job --at 01:30 --operator "DBA on call" > job.sql
    """  # noqa: D301 - \b is click's mark for lines to be left as they are
    from po_ingest.agent_job import AgentJob, script  # noqa: PLC0415 - `--help` shall not wait for it

    config = _config(session)
    job = AgentJob(
        name=_name("--name", name),
        at=at,
        command=_command(config),
        output=_fitting("the output file", _without_token(_output(session, config)), OUTPUT_LENGTH),
        operator=None if operator is None else _name("--operator", operator),
    )
    output.write(script(job))
    if os.name != "nt":
        session.warn("the paths are this machine's; print it on the Windows server whose Agent runs the job")


def _config(session: Session) -> Path:
    from po_ingest.config import CREATE, find  # noqa: PLC0415 - as above

    path = find(session.config, os.environ).absolute()
    if not path.is_file():
        raise ConfigError(f"there is no configuration file {path}", hint=CREATE)
    return path


def _name(option: str, text: str) -> str:
    if not text.strip() or any(character < " " for character in text):
        raise ConfigError(f"{option} cannot be used: it is empty, or has a line break", hint="give a plain name")
    return _fitting(option, text.strip(), NAME_LENGTH)


def _fitting(what: str, text: str, longest: int) -> str:
    if len(text) > longest:
        raise ConfigError(f"{what} is longer than {longest} characters", hint="SQL Server Agent takes no more")
    return text


def _command(config: Path) -> str:
    """Return the program and the configuration, quoted: the batch file beside the configuration, if it is there."""
    batch = config.with_name(BATCH_FILE)
    program = batch if batch.is_file() else Path(sys.executable).with_name(_executable())
    return f'"{_without_token(program)}" --config "{_without_token(config)}"'


def _without_token(path: Path) -> str:
    """Return a path; the Agent replaces tokens in commands and in the names of output files."""
    if AGENT_MACRO in str(path):
        raise ConfigError(
            f"the path {path} has {AGENT_MACRO} in it",
            hint="SQL Server Agent would take it for a token; use another folder",
        )
    return str(path)


def _executable() -> str:
    return "po-ingest.exe" if os.name == "nt" else "po-ingest"


def _output(session: Session, config: Path) -> Path:
    """Return the file for the steps' output: beside the log, if the configuration can be read."""
    try:
        return session.settings().log.file.with_name("agent-job.log")
    except ConfigError as error:
        session.warn(f"{error.message}; `po-ingest check` tells more")
        return config.with_name("agent-job.log")
