"""The in-app inbox: what a person was told stays there, word for word."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from backend.core.db import Database, table_of
from backend.core.ids import new_id
from backend.outbox.models import InboxEntry
from notifications.channels.base import OutboundMessage

_ENTRIES: Final = table_of(InboxEntry)


class StoredInbox:
    """Implements `notifications.channels.inbox.Inbox` on `database`; a batch is a transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, messages: Sequence[OutboundMessage], *, at: datetime) -> None:
        """Keep each text for the supervisee it goes to, the first time that the message comes."""
        insert = sqlite_insert if self._database.embedded else postgresql_insert
        entries = [_entry(message, at) for message in messages]
        with self._database.transaction() as session:
            session.execute(
                insert(_ENTRIES).on_conflict_do_nothing(index_elements=[_ENTRIES.c.message_id]),
                entries,
            )


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
