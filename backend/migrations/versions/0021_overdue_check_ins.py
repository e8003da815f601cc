"""When to look for the check-in of an appointment, and what the officer was told by.

Check-ins that were due before this came are told of by nobody: hundreds of alerts at once,
about what officers know, would hide the one that matters.

Revision ID: 0021
Revises: 0020
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.core.clock import SystemClock
from backend.core.db import UtcDateTime

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_WATCH = (
    "UPDATE appointments SET look_at = starts_at WHERE kind = 'check_in' AND cancelled_at IS NULL "
    "AND starts_at > :now AND NOT EXISTS (SELECT 1 FROM check_ins WHERE refusal IS NULL "
    "AND check_ins.appointment_id = appointments.id)"
)


def upgrade() -> None:
    """Add the columns, and look for the check-ins that are ahead."""
    op.add_column("appointments", sa.Column("look_at", UtcDateTime(), nullable=True))
    op.add_column("appointments", sa.Column("alert_id", sa.Uuid(), nullable=True))
    looked_at = sa.text("look_at IS NOT NULL")
    op.create_index(
        "ix_appointments_look_at",
        "appointments",
        ["look_at"],
        sqlite_where=looked_at,
        postgresql_where=looked_at,
    )
    now = sa.bindparam("now", SystemClock().now(), UtcDateTime())
    op.execute(sa.text(_WATCH).bindparams(now))


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_appointments_look_at", "appointments")
    op.drop_column("appointments", "alert_id")
    op.drop_column("appointments", "look_at")
