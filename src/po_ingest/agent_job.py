"""T-SQL that creates a SQL Server Agent job: pure, the command prints it.

The procedures are those of msdb, with the values that Microsoft documents for sp_add_job, sp_add_jobstep and
sp_add_jobschedule: https://learn.microsoft.com/sql/relational-databases/system-stored-procedures/.
"""

from __future__ import annotations

from datetime import time
from typing import Final

import attrs

GO_ON, SUCCEED, FAIL = 3, 1, 2
"""What a step does next (`@on_success_action`, `@on_fail_action`)."""
APPEND_AND_KEEP: Final = 2 + 32
"""`@flags`: append to the output file, and keep all output in the job history."""
ON_FAILURE: Final = 2
"""`@notify_level_email`."""
DAILY: Final = 4
"""`@freq_type`."""


@attrs.frozen(slots=True, kw_only=True)
class AgentJob:
    """A job: its name, when it runs, what it calls. `command` is quoted for Windows; `output` is a file."""

    name: str
    at: time
    command: str
    output: str
    operator: str | None = None


def script(job: AgentJob) -> str:
    """Return the T-SQL; run again it replaces the job."""
    parts = [_HEAD, _declared(job), _REPLACE, _call("sp_add_job", _job(job)), *_steps(job)]
    parts += [_call("sp_add_jobschedule", _schedule(job)), _call("sp_add_jobserver", {"@job_name": "@job"}), _TAIL]
    return "\n\n".join(parts) + "\n"


_HEAD: Final = """\
-- Creates the SQL Server Agent job of po-ingest, or replaces it. Run it as a member of sysadmin; the steps run as the
-- Agent's account, unless you give them a proxy.
--
-- Neither step is retried by the Agent: po-ingest tries again by itself what is worth it ([erp.retry], [store.retry]),
-- and whatever else failed would fail again. A step fails by any exit code but 0; the job history has its one line of
-- error, and what to do. The second step says whether the data is healthy, in one line.
SET XACT_ABORT ON;
BEGIN TRANSACTION;"""

_REPLACE: Final = """IF EXISTS (SELECT 1 FROM msdb.dbo.sysjobs WHERE name = @job)
BEGIN
    EXEC msdb.dbo.sp_delete_job @job_name = @job, @delete_unused_schedule = 1;
END;"""

_TAIL: Final = "COMMIT TRANSACTION;"


def quoted(text: str) -> str:
    """Return a text as a T-SQL literal."""
    return "N'" + text.replace("'", "''") + "'"


def _declared(job: AgentJob) -> str:
    return f"DECLARE @job sysname = {quoted(job.name)};\nDECLARE @output nvarchar(200) = {quoted(job.output)};"


def _call(procedure: str, arguments: dict[str, str]) -> str:
    given = ",\n    ".join(f"{name} = {value}" for name, value in arguments.items())
    return f"EXEC msdb.dbo.{procedure}\n    {given};"


def _job(job: AgentJob) -> dict[str, str]:
    arguments = {"@job_name": "@job", "@enabled": "1"}
    arguments["@description"] = quoted("Keeps the history of the ERP's purchase-order lines (po-ingest).")
    if job.operator is not None:
        arguments |= {"@notify_level_email": str(ON_FAILURE), "@notify_email_operator_name": quoted(job.operator)}
    return arguments


def _steps(job: AgentJob) -> list[str]:
    return [
        _call("sp_add_jobstep", _step(1, "nightly", f"{job.command} nightly", on_success=GO_ON)),
        _call("sp_add_jobstep", _step(2, "status", f"{job.command} status", on_success=SUCCEED)),
    ]


def _step(number: int, name: str, command: str, *, on_success: int) -> dict[str, str]:
    return {
        "@job_name": "@job",
        "@step_id": str(number),
        "@step_name": quoted(name),
        "@subsystem": quoted("CmdExec"),
        "@command": quoted(command),
        "@cmdexec_success_code": "0",
        "@on_success_action": str(on_success),
        "@on_fail_action": str(FAIL),
        "@retry_attempts": "0",
        "@output_file_name": "@output",
        "@flags": str(APPEND_AND_KEEP),
    }


def _schedule(job: AgentJob) -> dict[str, str]:
    return {
        "@job_name": "@job",
        "@name": quoted("every night"),
        "@freq_type": str(DAILY),
        "@freq_interval": "1",
        "@active_start_time": f"{job.at:%H%M%S}".lstrip("0") or "0",
    }
