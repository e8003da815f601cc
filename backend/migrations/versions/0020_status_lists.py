"""Old lists of revoked attestation keys may go.

A list is named by the SHA-256 of its bytes, which is compared whenever it is used: it needs no
trigger to show that it was changed.

Revision ID: 0020
Revises: 0019
"""

from __future__ import annotations

from alembic import op

from backend.core.immutability import guard, unguard

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let lists be deleted."""
    unguard(op.get_bind(), "status_lists")


def downgrade() -> None:
    """Guard them again."""
    guard(op.get_bind(), "status_lists", ["version", "body", "fetched_at"], ("fetched_at",))
