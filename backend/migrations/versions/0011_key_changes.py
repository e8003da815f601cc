"""Challenges for the next keys of phones.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.core.db import UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "key_challenges",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("jkt", sa.String(length=43), nullable=False),
        sa.Column("challenge", sa.String(length=43), nullable=False),
        sa.Column("issued_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.Column("new_jkt", sa.String(length=43), nullable=True),
        sa.ForeignKeyConstraint(["jkt"], ["device_keys.jkt"], name="fk_key_challenges_jkt"),
        sa.PrimaryKeyConstraint("id", name="pk_key_challenges"),
        sa.UniqueConstraint("challenge", name="uq_key_challenges_challenge"),
    )
    op.create_index("ix_key_challenges_jkt", "key_challenges", ["jkt"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("key_challenges")
