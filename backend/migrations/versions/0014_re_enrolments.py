"""Phones that have lost their key and ask to be enrolled again.

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.core.db import UtcDateTime
from backend.core.immutability import guard, unguard

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

MUTABLE = ("state", "decided_at", "decided_by", "code_id")


def upgrade() -> None:
    """Create the table and guard it."""
    op.create_table(
        "re_enrolments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("jkt", sa.String(length=43), nullable=False),
        sa.Column("asking_jkt", sa.String(length=43), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(60), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("code_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name="fk_re_enrolments_agency_id"),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_re_enrolments_supervisee_id"
        ),
        sa.ForeignKeyConstraint(["jkt"], ["device_keys.jkt"], name="fk_re_enrolments_jkt"),
        sa.ForeignKeyConstraint(
            ["code_id"], ["enrolment_codes.id"], name="fk_re_enrolments_code_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_re_enrolments"),
        sa.UniqueConstraint("asking_jkt", "jkt", name="uq_re_enrolments_asking_jkt_jkt"),
        info={"immutable": MUTABLE},
    )
    op.create_index("ix_re_enrolments_supervisee_id", "re_enrolments", ["supervisee_id"])
    op.create_index(
        "uq_re_enrolments_open",
        "re_enrolments",
        ["supervisee_id"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns("re_enrolments")]
    guard(op.get_bind(), "re_enrolments", columns, MUTABLE)


def downgrade() -> None:
    """Drop it."""
    unguard(op.get_bind(), "re_enrolments")
    op.drop_table("re_enrolments")
