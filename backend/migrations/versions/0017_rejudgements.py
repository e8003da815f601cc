"""Which acts changed the rules for the past, and what judging it again made different.

Revision ID: 0017
Revises: 0016
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.core.db import UtcDateTime
from backend.core.immutability import guard, unguard

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

GUARDED = ("rule_changes", "rejudgements")


def upgrade() -> None:
    """Create the tables, guard them, and hand over what waits to be judged again."""
    op.create_table(
        "rule_changes",
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("from_s", sa.BigInteger(), nullable=False),
        sa.Column("act", sa.String(60), nullable=True),
        sa.Column("subject_kind", sa.String(length=40), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("officer_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_rule_changes_supervisee_id"
        ),
        sa.ForeignKeyConstraint(["officer_id"], ["officers.id"], name="fk_rule_changes_officer_id"),
        sa.PrimaryKeyConstraint("supervisee_id", "epoch", name="pk_rule_changes"),
        info={"immutable": True},
    )
    op.create_table(
        "rejudgements",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("since_s", sa.BigInteger(), nullable=False),
        sa.Column("until_s", sa.BigInteger(), nullable=False),
        sa.Column("causes", sa.Text(), nullable=False),
        sa.Column("findings", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_rejudgements_supervisee_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_rejudgements"),
        info={"immutable": True},
    )
    op.create_index("ix_rejudgements_supervisee_id_id", "rejudgements", ["supervisee_id", "id"])
    op.add_column("episodes", sa.Column("kept_at", UtcDateTime(), nullable=True))
    op.add_column("episodes", sa.Column("told_as", sa.Uuid(), nullable=True))
    # Whose rules were edited just before is still to be judged again, as far back as may be.
    op.execute(
        "INSERT INTO rule_changes (supervisee_id, epoch, at, from_s) "
        "SELECT p.id, p.rules_epoch, p.created_at, 0 FROM supervisees p "
        "JOIN person_states s ON s.supervisee_id = p.id WHERE s.judged_epoch <> p.rules_epoch"
    )
    for table in GUARDED:
        columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)]
        guard(op.get_bind(), table, columns)


def downgrade() -> None:
    """Drop them; episodes that were kept for a human's decision count as withdrawn again."""
    op.execute("UPDATE episodes SET withdrawn = true WHERE kept_at IS NOT NULL")
    op.drop_column("episodes", "told_as")
    op.drop_column("episodes", "kept_at")
    for table in GUARDED:
        unguard(op.get_bind(), table)
        op.drop_table(table)
