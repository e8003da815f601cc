"""What messages say at the moment when they are sent, asked of the sources that they are about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from backend.core.db import Session
from backend.core.logs import fault
from backend.outbox.messages import Message
from notifications.messages import Rendered

Reader = Callable[[Session, Sequence[Message], datetime], Mapping[UUID, Rendered]]
"""Says what messages about sources of one kind say now; what is due no more is left out."""

_log = structlog.get_logger()


def read(
    session: Session,
    readers: Mapping[str, Reader],
    messages: Sequence[Message],
    now: datetime,
) -> tuple[dict[UUID, Rendered], dict[UUID, str]]:
    """Return the texts of what is due, and for each message that could not be read a reason.

    One that cannot be read must not hold up the others, batch after batch: after a fault its
    whole kind is read one by one. A fault of the database is one of all, and raised.
    """
    texts: dict[UUID, Rendered] = {}
    faults: dict[UUID, str] = {}
    for kind, group in _by_kind(messages).items():
        reader = readers.get(kind, _nobody)
        found, broken = _read_each(session, reader, [group], now)
        if broken and len(group) > 1:
            found, broken = _read_each(session, reader, [[one] for one in group], now)
        texts |= found
        faults |= broken
    return texts, faults


def _by_kind(messages: Sequence[Message]) -> Mapping[str, list[Message]]:
    groups: defaultdict[str, list[Message]] = defaultdict(list)
    for message in messages:
        groups[message.source.kind].append(message)
    return groups


def _read_each(
    session: Session, reader: Reader, groups: Sequence[Sequence[Message]], now: datetime
) -> tuple[dict[UUID, Rendered], dict[UUID, str]]:
    texts: dict[UUID, Rendered] = {}
    faults: dict[UUID, str] = {}
    for group in groups:
        try:
            texts |= reader(session, group, now)
        except SQLAlchemyError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a reader does wrong: see `read`
            _log.error("outbox.unreadable", count=len(group), **fault(error))
            faults |= dict.fromkeys((one.id for one in group), f"FAULT_{type(error).__name__}")
    return texts, faults


def _nobody(
    _session: Session, messages: Sequence[Message], _now: datetime
) -> Mapping[UUID, Rendered]:
    raise LookupError(f"nobody writes the text of messages about {messages[0].source.kind}")
