"""Logs: one JSON object a line, events and identifiers only, never a person's data.

What may be logged is a closed list of keys; anything else is dropped here, so that a hasty
`log.info(..., name=…)` cannot leak.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any, Final

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
        "version",
        "mode",
    }
)


def configure(settings: Settings) -> None:
    """Make structlog write JSON lines to standard output."""
    level = logging.WARNING if settings.mode is Mode.TEST else logging.INFO
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            keep_allowed,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )


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
