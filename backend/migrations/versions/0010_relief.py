"""What happens when somebody cannot pay: relief, instalment plans, hardship, the court.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.core.db import UtcDateTime
from backend.core.immutability import guard, unguard

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

GUARDED: dict[str, tuple[str, ...]] = {
    "reliefs": ("approver_id", "approved_at", "withdrawn_by", "withdrawn_at", "withdrawal_reason"),
    "plans": (
        "state",
        "decided_by",
        "decided_at",
        "decision_note",
        "ended_by",
        "ended_at",
        "end_reason",
    ),
    "plan_instalments": (),
    "hardship_claims": ("decision", "decided_by", "decided_at", "decision_note", "hold_until"),
    "claimed_obligations": (),
    "referrals": ("returned_by", "returned_at", "outcome"),
}
"""Tables that refuse UPDATE and DELETE, each with the columns that may change all the same."""


def upgrade() -> None:
    """Create the tables, guarded."""
    op.create_table(
        "reliefs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("obligation_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(60), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("authority", sa.String(60), nullable=False),
        sa.Column("document", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.String(length=1000), nullable=False),
        sa.Column("service_hours", sa.Integer(), nullable=True),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("approver_id", sa.Uuid(), nullable=True),
        sa.Column("approved_at", UtcDateTime(), nullable=True),
        sa.Column("withdrawn_by", sa.Uuid(), nullable=True),
        sa.Column("withdrawn_at", UtcDateTime(), nullable=True),
        sa.Column("withdrawal_reason", sa.String(length=1000), nullable=True),
        sa.CheckConstraint("amount_minor > 0", name="ck_reliefs_amount_positive"),
        sa.CheckConstraint(
            "approver_id IS NULL OR approver_id <> author_id", name="ck_reliefs_second_person"
        ),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name="fk_reliefs_agency_id"),
        sa.ForeignKeyConstraint(["approver_id"], ["officers.id"], name="fk_reliefs_approver_id"),
        sa.ForeignKeyConstraint(["author_id"], ["officers.id"], name="fk_reliefs_author_id"),
        sa.ForeignKeyConstraint(
            ["obligation_id"], ["obligations.id"], name="fk_reliefs_obligation_id"
        ),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_reliefs_supervisee_id"
        ),
        sa.ForeignKeyConstraint(["withdrawn_by"], ["officers.id"], name="fk_reliefs_withdrawn_by"),
        sa.PrimaryKeyConstraint("id", name="pk_reliefs"),
    )
    op.create_index("ix_reliefs_obligation_id", "reliefs", ["obligation_id"])
    op.create_index("ix_reliefs_supervisee_id_id", "reliefs", ["supervisee_id", "id"])
    op.create_table(
        "plans",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("instalment_minor", sa.BigInteger(), nullable=False),
        sa.Column("cadence", sa.String(60), nullable=False),
        sa.Column("first_due_on", sa.Date(), nullable=False),
        sa.Column("asked_by", sa.String(60), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("note", sa.String(length=4000), nullable=False),
        sa.Column("state", sa.String(60), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("decision_note", sa.String(length=1000), nullable=True),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("end_reason", sa.String(length=1000), nullable=True),
        sa.CheckConstraint("instalment_minor > 0", name="ck_plans_instalment_positive"),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name="fk_plans_agency_id"),
        sa.ForeignKeyConstraint(["decided_by"], ["officers.id"], name="fk_plans_decided_by"),
        sa.ForeignKeyConstraint(["ended_by"], ["officers.id"], name="fk_plans_ended_by"),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_plans_supervisee_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_plans"),
    )
    op.create_index("ix_plans_supervisee_id_id", "plans", ["supervisee_id", "id"])
    op.create_table(
        "plan_instalments",
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("obligation_id", sa.Uuid(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name="ck_plan_instalments_amount_positive"),
        sa.ForeignKeyConstraint(
            ["obligation_id"], ["obligations.id"], name="fk_plan_instalments_obligation_id"
        ),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name="fk_plan_instalments_plan_id"),
        sa.PrimaryKeyConstraint("plan_id", "line", name="pk_plan_instalments"),
    )
    op.create_index("ix_plan_instalments_due_on", "plan_instalments", ["due_on"])
    op.create_index("ix_plan_instalments_obligation_id", "plan_instalments", ["obligation_id"])
    op.create_table(
        "hardship_claims",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("statement", sa.String(length=4000), nullable=False),
        sa.Column("claimed_at", UtcDateTime(), nullable=False),
        sa.Column("decision", sa.String(60), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("decision_note", sa.String(length=1000), nullable=True),
        sa.Column("hold_until", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["agency_id"], ["agencies.id"], name="fk_hardship_claims_agency_id"
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["officers.id"], name="fk_hardship_claims_decided_by"
        ),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_hardship_claims_supervisee_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_hardship_claims"),
    )
    op.create_index(
        "ix_hardship_claims_supervisee_id_id", "hardship_claims", ["supervisee_id", "id"]
    )
    op.create_table(
        "claimed_obligations",
        sa.Column("claim_id", sa.Uuid(), nullable=False),
        sa.Column("obligation_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["claim_id"], ["hardship_claims.id"], name="fk_claimed_obligations_claim_id"
        ),
        sa.ForeignKeyConstraint(
            ["obligation_id"], ["obligations.id"], name="fk_claimed_obligations_obligation_id"
        ),
        sa.PrimaryKeyConstraint("claim_id", "obligation_id", name="pk_claimed_obligations"),
    )
    op.create_index(
        "ix_claimed_obligations_obligation_id", "claimed_obligations", ["obligation_id"]
    )
    op.create_table(
        "referrals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("obligation_id", sa.Uuid(), nullable=False),
        sa.Column("document", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.String(length=1000), nullable=False),
        sa.Column("referred_by", sa.Uuid(), nullable=False),
        sa.Column("referred_at", UtcDateTime(), nullable=False),
        sa.Column("returned_by", sa.Uuid(), nullable=True),
        sa.Column("returned_at", UtcDateTime(), nullable=True),
        sa.Column("outcome", sa.String(length=1000), nullable=True),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name="fk_referrals_agency_id"),
        sa.ForeignKeyConstraint(
            ["obligation_id"], ["obligations.id"], name="fk_referrals_obligation_id"
        ),
        sa.ForeignKeyConstraint(["referred_by"], ["officers.id"], name="fk_referrals_referred_by"),
        sa.ForeignKeyConstraint(["returned_by"], ["officers.id"], name="fk_referrals_returned_by"),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_referrals_supervisee_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_referrals"),
    )
    op.create_index("ix_referrals_obligation_id", "referrals", ["obligation_id"])
    op.create_index("ix_referrals_supervisee_id_id", "referrals", ["supervisee_id", "id"])
    for table, mutable in GUARDED.items():
        columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)]
        guard(op.get_bind(), table, columns, mutable)


def downgrade() -> None:
    """Drop the tables."""
    for table in reversed(GUARDED):
        unguard(op.get_bind(), table)
        op.drop_table(table)
