"""What people ask of their agency without showing where they are, and the answers.

Revision ID: 0023
Revises: 0022
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.core.db import UtcDateTime
from backend.core.immutability import guard, unguard

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

MAY_CHANGE = ("state", "answer", "answered_by", "answered_at")


def upgrade() -> None:
    """Create the table; what was asked never changes."""
    op.create_table(
        "requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(60), nullable=False),
        sa.Column("text", sa.String(2000), nullable=False),
        sa.Column("starts_at", UtcDateTime(), nullable=True),
        sa.Column("ends_at", UtcDateTime(), nullable=True),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(60), nullable=False),
        sa.Column("answer", sa.String(2000), nullable=True),
        sa.Column("answered_by", sa.Uuid(), nullable=True),
        sa.Column("answered_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_requests_supervisee_id"
        ),
        sa.ForeignKeyConstraint(["answered_by"], ["officers.id"], name="fk_requests_answered_by"),
        sa.PrimaryKeyConstraint("id", name="pk_requests"),
    )
    op.create_index("ix_requests_supervisee_id_id", "requests", ["supervisee_id", "id"])
    is_open = sa.text("state = 'open'")
    op.create_index(
        "ix_requests_open", "requests", ["id"], sqlite_where=is_open, postgresql_where=is_open
    )
    columns = [one["name"] for one in sa.inspect(op.get_bind()).get_columns("requests")]
    guard(op.get_bind(), "requests", columns, MAY_CHANGE)


def downgrade() -> None:
    """Drop it."""
    unguard(op.get_bind(), "requests")
    op.drop_table("requests")
