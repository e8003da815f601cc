"""Logs: one JSON object a line, events and identifiers only, never a person's data.

What may be logged is a closed list of keys; anything else is dropped here, so that a hasty
`log.info(..., name=…)` cannot leak. What a library logs keeps nothing but who spoke and what failed
where: its text may hold anything.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Final, TextIO

import msgspec
import structlog

from backend.core.settings import Mode, Settings

ALLOWED_KEYS: Final = frozenset(
    {
        "event",
        "level",
        "timestamp",
        "job",
        "slot",
        "count",
        "status",
        "method",
        "route",
        "duration_ms",
        "code",
        "reason",
        "channel",
        "message_id",
        "error_type",
        "location",
        "logger",
        "version",
        "mode",
    }
)

AS_A_LIBRARY: Final = {"loggers": {"_granian": {"handlers": [], "propagate": True}}}
"""For the server's own `logging.config`: its lines go the way of every library's."""

_log = structlog.get_logger()


def configure(settings: Settings) -> None:
    """Make all that is logged JSON lines on standard output."""
    _configure(logging.WARNING if settings.mode is Mode.TEST else logging.INFO, "stdout")


def configure_command() -> None:
    """Make all that is logged JSON lines on standard error: a command's output is its answer."""
    _configure(logging.WARNING, "stderr")


def _configure(level: int, stream: str) -> None:
    def printer(*_: object) -> _LineLogger:
        return _LineLogger(stream)

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            keep_allowed,
            _line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=printer,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    if not any(isinstance(handler, LibraryLog) for handler in root.handlers):
        root.addHandler(LibraryLog(logging.WARNING))


class _LineLogger:
    """Writes lines to `sys.stdout` or `sys.stderr`, whatever that is by then."""

    def __init__(self, stream: str) -> None:
        self._stream = stream

    def info(self, line: str) -> None:
        """Write one line, in one piece: other threads write too."""
        file: TextIO = getattr(sys, self._stream)
        file.write(f"{line}\n")
        file.flush()

    debug = warning = error = critical = info


def _line(_logger: object, _name: str, event: MutableMapping[str, Any]) -> str:
    """Return the event as a line of JSON: a structlog processor."""
    return msgspec.json.encode(event).decode()


class LibraryLog(logging.Handler):
    """Passes on that a library logged something: which one, what exception, where; not its text."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line of ours for one of theirs."""
        error = record.exc_info[1] if record.exc_info else None
        told = {"location": f"{record.pathname}:{record.lineno}"} if error is None else fault(error)
        write = _log.error if record.levelno >= logging.ERROR else _log.warning
        write("library", logger=record.name, **told)


def keep_allowed(_logger: object, _name: str, event: MutableMapping[str, Any]) -> Any:
    """Return the event with nothing but allowed keys: a structlog processor."""
    return {key: value for key, value in event.items() if key in ALLOWED_KEYS}


def fault(error: BaseException) -> dict[str, str]:
    """Return what may be logged of an exception: its type and place, not its text."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "unknown"
    return {"error_type": type(error).__name__, "location": place}
