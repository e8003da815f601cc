"""Numbers of fixes that phones went past and have not delivered.

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "missing_fixes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("activation_id", sa.Uuid(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("numbers", sa.JSON(), nullable=False),
        sa.Column("noted_ms", sa.BigInteger(), nullable=False),
        sa.Column("look_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("alert_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["activation_id"], ["activations.id"], name="fk_missing_fixes_activation_id"
        ),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_missing_fixes_supervisee_id"
        ),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name="fk_missing_fixes_agency_id"),
        sa.PrimaryKeyConstraint("id", name="pk_missing_fixes"),
    )
    op.create_index("ix_missing_fixes_activation_id", "missing_fixes", ["activation_id"])
    op.create_index("ix_missing_fixes_look_at_ms", "missing_fixes", ["look_at_ms"])
    op.create_index("ix_missing_fixes_alert_id", "missing_fixes", ["alert_id"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("missing_fixes")
