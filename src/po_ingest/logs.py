"""The log: JSON lines in a rotated file, short plain lines on stderr, no secret in either (R16)."""

from __future__ import annotations

import errno
import json
import logging
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO, cast

from po_ingest.event_log import structlog
from po_ingest.hiding import forget, mask
from po_ingest.private_files import file_lock, make_folder, opener
from po_ingest.settings import LogSettings

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

FILE_SIZE: Final = 10 * 1024 * 1024
FILES_KEPT: Final = 5  # rotated ones, beside the current
ROTATION_PATIENCE: Final = 1.0  # seconds to wait for another process that rotates

_OURS: Final = ("po_ingest", "po_ingest_adapters")


def configure(settings: LogSettings, *, verbose: bool, quiet: bool, to_file: bool = True) -> None:
    """Set up logging for the process, anew if it was set up before.

    Commands that only read log to stderr alone (`to_file=False`): they write nothing. A log file that cannot be written
    is told once on stderr, and nothing else: a run never fails for its log.
    """
    _close_handlers()
    terminal = logging.ERROR if quiet else logging.INFO if verbose else logging.WARNING
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    _attach(_stderr_handler(), terminal)
    try:
        if to_file:
            _attach(_file_handler(settings), level)
    except OSError as error:
        _complain(f"the log file {settings.file} cannot be written: {error.strerror or type(error).__name__}")
    for name in _OURS:  # others' loggers stay at the root's level, warning: some tell every SQL statement below it
        logging.getLogger(name).setLevel(min(terminal, level))
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,  # so that it can be configured anew
    )


def unlogged() -> None:
    """Undo `configure` and forget the secrets: nothing of it is left open or in force."""
    _close_handlers()
    forget()
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.NOTSET)
    structlog.reset_defaults()


def _attach(handler: logging.Handler, level: int) -> None:
    handler.setLevel(level)
    logging.getLogger().addHandler(handler)


def _close_handlers() -> None:
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, (_Stderr, _LogFile))]:
        root.removeHandler(handler)
        handler.close()


def _complain(message: str) -> None:
    sys.stderr.write(f"warning: {mask(message)}; the run goes on without it\n")


# -- where it goes


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to what `sys.stderr` is at that moment: a progress bar puts itself in between."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say nothing: stderr itself is what failed."""


class _LogFile(RotatingFileHandler):
    """The rotated file, for its owner only; when it cannot be written that is told once.

    Several processes may write it: a line is one write at the file's end, and one process at a time rotates.
    """

    _told = False

    def doRollover(self) -> None:  # noqa: N802 - logging's name
        """Rotate, unless another process has; if that cannot be done now, the file is gone on with."""
        stream, self.stream = cast("TextIOWrapper", self.stream), None  # the next line opens it again
        had = os.fstat(stream.fileno())
        stream.close()  # Windows moves no open file
        base = Path(self.baseFilename)
        try:
            with file_lock(f"{base}.lock", ROTATION_PATIENCE) as is_ours:
                if is_ours and os.path.samestat(base.stat(), had):
                    self._rotate(base)
        except OSError as error:
            if error.errno == errno.ENOSYS:  # it will never be rotated; all else may do better the next time
                self._tell_once("rotated", error)

    def _rotate(self, base: Path) -> None:
        """Move the file first, and the older ones only when that could be done: none of them gives way for nothing."""
        if _numbered(base, 0).exists():  # a process was killed between the two
            self._shift(base)
        base.replace(_numbered(base, 0))
        self._shift(base)

    def _shift(self, base: Path) -> None:
        for number in reversed(range(self.backupCount)):
            with suppress(FileNotFoundError):
                _numbered(base, number).replace(_numbered(base, number + 1))

    def _open(self) -> TextIOWrapper:
        opened = open(  # noqa: SIM115 - the handler closes it; Path.open takes no opener
            self.baseFilename, self.mode, encoding=self.encoding, errors=self.errors, opener=opener
        )
        return cast("TextIOWrapper", opened)

    def close(self) -> None:
        with suppress(OSError):  # what a full disk had no room for is told already, and is lost
            super().close()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - logging's signature
        self._tell_once("written", sys.exc_info()[1])

    def _tell_once(self, what: str, error: BaseException | None) -> None:
        if not self._told:
            self._told = True
            _complain(f"the log file {self.baseFilename} cannot be {what}: {error}")


def _file_handler(settings: LogSettings) -> _LogFile:
    make_folder(settings.file.parent)
    # backslashreplace turns a lone surrogate into what is its escape in JSON too
    handler = _LogFile(
        settings.file, maxBytes=FILE_SIZE, backupCount=FILES_KEPT, encoding="utf-8", errors="backslashreplace"
    )
    handler.setFormatter(_formatter(structlog.processors.format_exc_info, _clean, _in_order, _render_json))
    return handler


def _numbered(base: Path, number: int) -> Path:
    return base.with_name(f"{base.name}.{number}")


def _stderr_handler() -> _Stderr:
    handler = _Stderr(sys.stderr)
    handler.addFilter(_is_not_told_elsewhere)
    handler.setFormatter(_formatter(_without_traceback, _clean, _render_plain))
    return handler


def _is_not_told_elsewhere(record: logging.LogRecord) -> bool:
    """Keep back what carries `told=True`: the command says it on stderr itself, in its one line of error."""
    return not (isinstance(record.msg, dict) and record.msg.get("told"))


# -- what is written

_SHARED: Final[tuple[Processor, ...]] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.StackInfoRenderer(),
)
_FIRST: Final = ("timestamp", "level", "logger", "event")
_TRACEBACK: Final = ("exc_info", "exception", "stack", "stack_info")


def _formatter(*processors: Any) -> logging.Formatter:  # noqa: ANN401 - the last processor gives a text, not a dict
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=(_named, *_SHARED[2:4], structlog.processors.StackInfoRenderer()),
        processors=(structlog.stdlib.ProcessorFormatter.remove_processors_meta, *processors),
    )


def _named(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Give the records of plain `logging` their logger's name; stack_info is text there already."""
    record: logging.LogRecord = event["_record"]
    event["logger"] = record.name
    if "stack_info" in event:
        event["stack"] = event.pop("stack_info")
    return event


def _without_traceback(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {name: value for name, value in event.items() if name not in _TRACEBACK}


def _clean(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Reduce everything to JSON types, and mask the secrets in it."""
    return {name: _cleaned(value) for name, value in event.items()}


def _cleaned(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {mask(str(name)): _cleaned(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_cleaned(each) for each in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    return mask(str(value))


def _in_order(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {name: event[name] for name in _FIRST if name in event} | dict(event)


def _render_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    return json.dumps(event, ensure_ascii=False)


def _render_plain(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    details = ", ".join(f"{name}={value}" for name, value in event.items() if name not in _FIRST)
    line = f"{event['level']}: {event['event']}" + (f" ({details})" if details else "")
    return " ".join(line.split())
