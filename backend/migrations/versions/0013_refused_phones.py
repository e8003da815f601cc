"""Phones that take no push any more.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.core.db import UtcDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add since when, and why."""
    op.add_column("push_addresses", sa.Column("refused_at", UtcDateTime(), nullable=True))
    op.add_column("push_addresses", sa.Column("refusal", sa.String(100), nullable=True))


def downgrade() -> None:
    """Forget those phones, as was done before, and take the columns away."""
    op.execute("DELETE FROM push_addresses WHERE refused_at IS NOT NULL")
    op.drop_column("push_addresses", "refusal")
    op.drop_column("push_addresses", "refused_at")
