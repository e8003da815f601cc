"""Where people are expected, and which reminders they have turned off.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.core.db import UtcDateTime
from backend.core.immutability import guard, unguard

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MAY_CHANGE = (
    "starts_at",
    "zone",
    "place",
    "note",
    "contact_name",
    "contact_phone",
    "cancelled_at",
    "cancelled_by",
    "cancellation_reason",
)
NOT_CANCELLED = sa.text("cancelled_at IS NULL")


def upgrade() -> None:
    """Create both tables; what an appointment is and whose it is never changes."""
    op.create_table(
        "appointments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(60), nullable=False),
        sa.Column("starts_at", UtcDateTime(), nullable=False),
        sa.Column("zone", sa.String(60), nullable=False),
        sa.Column("place", sa.String(200), nullable=True),
        sa.Column("note", sa.String(300), nullable=True),
        sa.Column("contact_name", sa.String(100), nullable=True),
        sa.Column("contact_phone", sa.String(20), nullable=True),
        sa.Column("made_by", sa.Uuid(), nullable=True),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("cancelled_by", sa.Uuid(), nullable=True),
        sa.Column("cancelled_at", UtcDateTime(), nullable=True),
        sa.Column("cancellation_reason", sa.String(300), nullable=True),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_appointments_supervisee_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_appointments"),
    )
    op.create_index("ix_appointments_supervisee_id_id", "appointments", ["supervisee_id", "id"])
    op.create_index(
        "ix_appointments_ahead",
        "appointments",
        ["supervisee_id", "starts_at"],
        sqlite_where=NOT_CANCELLED,
        postgresql_where=NOT_CANCELLED,
    )
    op.create_table(
        "reminder_choices",
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("turned_off", sa.JSON(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_reminder_choices_supervisee_id"
        ),
        sa.PrimaryKeyConstraint("supervisee_id", name="pk_reminder_choices"),
    )
    columns = [one["name"] for one in sa.inspect(op.get_bind()).get_columns("appointments")]
    guard(op.get_bind(), "appointments", columns, MAY_CHANGE)


def downgrade() -> None:
    """Drop both."""
    op.drop_table("reminder_choices")
    unguard(op.get_bind(), "appointments")
    op.drop_table("appointments")
