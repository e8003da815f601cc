"""What people opened, which template they were given, and mailboxes that are not there.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.core.db import UtcDateTime
from backend.core.immutability import guard, unguard

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

MAY_CHANGE = (
    "due_at",
    "expires_at",
    "state",
    "attempts",
    "changes",
    "next_at",
    "withdrawn_at",
    "sent_at",
    "via",
    "delivered_at",
)


def upgrade() -> None:
    """Add them; an inbox entry stays as it was written, template and all."""
    op.add_column("outbox_messages", sa.Column("opened_at", UtcDateTime(), nullable=True))
    op.add_column("inbox_entries", sa.Column("template", sa.String(60), nullable=True))
    op.create_table(
        "refused_mailboxes",
        sa.Column("address_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("reason", sa.String(100), nullable=False),
        sa.Column("refused_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("address_hash", name="pk_refused_mailboxes"),
    )
    _guard_anew("outbox_messages", (*MAY_CHANGE, "opened_at"))
    _guard_anew("inbox_entries", ())


def downgrade() -> None:
    """Take them away."""
    for table in ("outbox_messages", "inbox_entries"):
        unguard(op.get_bind(), table)
    op.drop_table("refused_mailboxes")
    op.drop_column("inbox_entries", "template")
    op.drop_column("outbox_messages", "opened_at")
    _guard_anew("inbox_entries", ())
    _guard_anew("outbox_messages", MAY_CHANGE)


def _guard_anew(table: str, may_change: tuple[str, ...]) -> None:
    unguard(op.get_bind(), table)
    columns = [one["name"] for one in sa.inspect(op.get_bind()).get_columns(table)]
    guard(op.get_bind(), table, columns, may_change)
