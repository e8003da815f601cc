"""The in-app inbox: what a person was told stays there, word for word."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from backend.core.db import Database, table_of
from backend.core.ids import new_id
from backend.core.rows import RowWriter
from backend.outbox.models import InboxEntry
from notifications.channels.base import OutboundMessage

_KEEP: Final = RowWriter(table_of(InboxEntry), unless="(message_id)")


class StoredInbox:
    """Implements `notifications.channels.inbox.Inbox` on `database`; a batch is a transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, messages: Sequence[OutboundMessage], *, at: datetime) -> None:
        """Keep each text for the supervisee it goes to, the first time that the message comes."""
        entries = [_entry(message, at) for message in messages]
        with self._database.transaction() as session:
            _KEEP.write(session, entries)


def _entry(message: OutboundMessage, at: datetime) -> dict[str, Any]:
    return {
        "id": new_id(at),
        "message_id": message.id,
        "supervisee_id": UUID(message.address.value),
        "template": message.rendered.template,
        "subject": message.rendered.subject,
        "body": message.rendered.body,
        "posted_at": at,
    }
