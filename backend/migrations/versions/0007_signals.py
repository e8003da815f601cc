"""Signals found in event time: how far people were examined, odd fixes, stretches, footprints.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "examinations",
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("since_s", sa.BigInteger(), nullable=False),
        sa.Column("examined_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name="fk_examinations_agency_id"),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_examinations_supervisee_id"
        ),
        sa.PrimaryKeyConstraint("supervisee_id", name="pk_examinations"),
    )
    op.create_index("ix_examinations_examined_ms", "examinations", ["examined_ms"])
    op.create_table(
        "oddities",
        sa.Column("activation_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("taken_s", sa.BigInteger(), nullable=False),
        sa.Column("signals", sa.JSON(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["activation_id", "seq"],
            ["fixes.activation_id", "fixes.seq"],
            name="fk_oddities_activation_id",
        ),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_oddities_supervisee_id"
        ),
        sa.PrimaryKeyConstraint("activation_id", "seq", name="pk_oddities"),
    )
    op.create_index("ix_oddities_supervisee_id_taken_s", "oddities", ["supervisee_id", "taken_s"])
    op.create_table(
        "suspicions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("from_s", sa.BigInteger(), nullable=False),
        sa.Column("until_s", sa.BigInteger(), nullable=False),
        sa.Column("signals", sa.JSON(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("companion_id", sa.Uuid(), nullable=True),
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_suspicions_supervisee_id"
        ),
        sa.ForeignKeyConstraint(
            ["companion_id"], ["supervisees.id"], name="fk_suspicions_companion_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_suspicions"),
    )
    op.create_index(
        "ix_suspicions_supervisee_id_until_s", "suspicions", ["supervisee_id", "until_s"]
    )
    op.create_table(
        "footprints",
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("taken_s", sa.BigInteger(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("digits", sa.BigInteger(), nullable=False),
        sa.Column("meeting", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name="fk_footprints_agency_id"),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_footprints_supervisee_id"
        ),
        sa.PrimaryKeyConstraint("supervisee_id", "taken_s", name="pk_footprints"),
    )
    op.create_index("ix_footprints_supervisee_id_digits", "footprints", ["supervisee_id", "digits"])
    op.create_index("ix_footprints_agency_id_meeting", "footprints", ["agency_id", "meeting"])
    op.create_index("ix_footprints_taken_s", "footprints", ["taken_s"])


def downgrade() -> None:
    """Drop them."""
    for table in ("footprints", "suspicions", "oddities", "examinations"):
        op.drop_table(table)
