"""The in-app inbox: what a person was told stays there, word for word."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from backend.core.db import Database
from backend.core.ids import new_id
from backend.outbox.models import InboxEntry


class StoredInbox:
    """Implements `notifications.channels.inbox.Inbox` on `database`; a post is a transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def post(
        self, *, recipient: str, message_id: UUID, subject: str, body: str, at: datetime
    ) -> None:
        """Keep the text for the supervisee `recipient`, the first time that the message comes."""
        insert = sqlite_insert if self._database.embedded else postgresql_insert
        entry = {
            "id": new_id(at),
            "message_id": message_id,
            "supervisee_id": UUID(recipient),
            "subject": subject,
            "body": body,
            "posted_at": at,
        }
        with self._database.transaction() as session:
            session.execute(
                insert(InboxEntry)
                .values(entry)
                .on_conflict_do_nothing(index_elements=[InboxEntry.message_id])
            )
