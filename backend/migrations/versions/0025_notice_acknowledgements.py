"""Who has read which version of the privacy notice.

Revision ID: 0025
Revises: 0024
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.core.db import UtcDateTime
from backend.core.immutability import guard, unguard

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

TABLE = "notice_acknowledgements"


def upgrade() -> None:
    """Create the table; nothing in it changes."""
    op.create_table(
        TABLE,
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("acknowledged_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_notice_acknowledgements_supervisee_id"
        ),
        sa.PrimaryKeyConstraint("supervisee_id", "version", name="pk_notice_acknowledgements"),
    )
    columns = [one["name"] for one in sa.inspect(op.get_bind()).get_columns(TABLE)]
    guard(op.get_bind(), TABLE, columns)


def downgrade() -> None:
    """Drop it."""
    unguard(op.get_bind(), TABLE)
    op.drop_table(TABLE)
