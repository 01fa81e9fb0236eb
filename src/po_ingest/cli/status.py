"""`po-ingest status`, for monitors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import click

from po_ingest.cli import output
from po_ingest.cli.session import Session, open_store, pass_session
from po_ingest.errors import Interrupted, PoIngestError

if TYPE_CHECKING:
    from po_ingest.health import Health

MAX_AGE: Final = 26.0
"""Hours: a night a day, and two hours to be late."""
UNKNOWN: Final = 3
HINT: Final = "see `po-ingest runs` and `po-ingest report`"


class StatusError(PoIngestError):
    """The verdict is another than OK."""

    def __init__(self, message: str, *, code: int, hint: str = "") -> None:
        """Keep the plug-in's exit code."""
        super().__init__(message, hint=hint)
        self.exit_code = code  # type: ignore[misc,assignment]  # the one command with codes of its own


class StatusCommand(click.Command):
    """A command whose every ending is one that monitors know."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; faulty ones are UNKNOWN to a monitor."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise unknown(f"{error.format_message().rstrip('.')}; see `{ctx.command_path} --help`") from error


@click.command("status", cls=StatusCommand)
@click.option(
    "--max-age",
    metavar="HOURS",
    type=click.FloatRange(min=0, min_open=True),
    default=MAX_AGE,
    show_default=True,
    help="Critical if no run was applied for so long.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one object.")
@pass_session
def status_command(session: Session, max_age: float, *, as_json: bool) -> None:
    """Say in one line whether the data is healthy, for monitors.

    Exit codes are those of monitoring plug-ins: 0 OK, 1 WARNING (rejected
    rows or cross-reference gaps grew, or a reservation), 2 CRITICAL (the last
    run failed, none was applied for too long, the end of the audit trail is
    broken), 3 UNKNOWN (no run yet, wrong arguments, no look at the store).

    \b
    Example:
      po-ingest status
      po-ingest status --max-age 12 --json
    """  # noqa: D301 - \b is click's mark for lines to be left as they are
    try:
        health = _look(session, timedelta(hours=max_age))
    except OverflowError:
        raise unknown("--max-age is beyond all measure") from None
    except PoIngestError as error:
        raise unknown(str(error)) from error
    except (Interrupted, KeyboardInterrupt) as error:
        raise unknown(str(error) or "ended by SIGINT") from error
    except Exception as error:  # whatever it is, a monitor shall not take it for a warning
        raise unknown(f"internal error ({type(error).__name__}): {error}") from error
    if as_json:
        output.json_object(_as_object(health, max_age))
    else:
        output.line(output.clean(health.line()))
    if health.level:
        output.flush()
        raise StatusError(f"{health.level.name}: {health.text}", code=health.level, hint=HINT)


def unknown(message: str) -> StatusError:
    """Tell on stdout, where monitors read it, that nothing can be said."""
    output.line(output.clean(f"UNKNOWN - {message.replace('|', '/')}"))
    output.flush()
    return StatusError(f"UNKNOWN: {message}", code=UNKNOWN)


def _look(session: Session, max_age: timedelta) -> Health:
    from po_ingest import queries  # noqa: PLC0415 - `--help` shall not wait for these
    from po_ingest.health import assess  # noqa: PLC0415 - as above

    settings = session.settings()
    store, erp = open_store(settings), settings.erp.name
    with store.read() as view:
        seen = queries.seen(view, erp, store.holder)
    return assess(seen, datetime.now(UTC), max_age)


def _as_object(health: Health, max_age: float) -> dict[str, object]:
    return {
        "status": health.level.name,
        "exit_code": int(health.level),
        "text": health.text,
        "max_age_hours": max_age,
        "age_hours": None if health.age is None else round(health.age / timedelta(hours=1), 2),
        **{figure.name: figure.value for figure in health.figures if figure.name != "age"},
    }
