"""Payments on the provider's page, autopay mandates, the provider's notices, differences.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.core.db import UtcDateTime
from backend.core.immutability import guard, unguard

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

GUARDED: dict[str, tuple[str, ...]] = {
    "autopay_mandates": (
        *("state", "page_reference", "page_url", "page_expires_at"),
        *("customer", "method", "active_at", "ended_at", "let_go_at"),
    ),
    "hosted_payments": (
        *("state", "page_reference", "page_url", "page_expires_at"),
        *("payment_reference", "failure", "look_at", "changed_at"),
    ),
    "provider_notices": ("outcome", "attempts", "next_at", "finished_at"),
    "payment_differences": ("explained_at", "explained_by", "explanation"),
}


def upgrade() -> None:
    """Create the tables of what is paid at the provider."""
    op.create_table(
        "provider_notices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column(
            "subject",
            sa.String(length=60),
            nullable=False,
        ),
        sa.Column("reference", sa.String(length=255), nullable=False),
        sa.Column("happened_at", UtcDateTime(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column(
            "outcome",
            sa.String(length=60),
            nullable=True,
        ),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", UtcDateTime(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_provider_notices"),
        sa.UniqueConstraint("event_id", name="uq_provider_notices_event_id"),
    )
    op.create_index("ix_provider_notices_next_at", "provider_notices", ["next_at"], unique=False)
    op.create_index(
        "ix_provider_notices_reference", "provider_notices", ["reference"], unique=False
    )
    op.create_table(
        "autopay_mandates",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column(
            "state",
            sa.String(length=60),
            nullable=False,
        ),
        sa.Column("page_reference", sa.String(length=255), nullable=True),
        sa.Column("page_url", sa.String(length=2048), nullable=True),
        sa.Column("page_expires_at", UtcDateTime(), nullable=True),
        sa.Column("customer", sa.String(length=255), nullable=True),
        sa.Column("method", sa.String(length=255), nullable=True),
        sa.Column("active_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("let_go_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["agency_id"], ["agencies.id"], name="fk_autopay_mandates_agency_id"
        ),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_autopay_mandates_supervisee_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_autopay_mandates"),
        sa.UniqueConstraint("page_reference", name="uq_autopay_mandates_page_reference"),
    )
    op.create_index(
        "ix_autopay_mandates_supervisee_id_id",
        "autopay_mandates",
        ["supervisee_id", "id"],
        unique=False,
    )
    op.create_table(
        "hosted_payments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("mandate_id", sa.Uuid(), nullable=True),
        sa.Column("collect_on", sa.Date(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("obligations", sa.JSON(), nullable=False),
        sa.Column(
            "asked_by_kind",
            sa.String(length=60),
            nullable=False,
        ),
        sa.Column("asked_by_id", sa.Uuid(), nullable=True),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column(
            "state",
            sa.String(length=60),
            nullable=False,
        ),
        sa.Column("page_reference", sa.String(length=255), nullable=True),
        sa.Column("page_url", sa.String(length=2048), nullable=True),
        sa.Column("page_expires_at", UtcDateTime(), nullable=True),
        sa.Column("payment_reference", sa.String(length=255), nullable=True),
        sa.Column("failure", sa.String(length=80), nullable=True),
        sa.Column("look_at", UtcDateTime(), nullable=True),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name="ck_hosted_payments_amount_positive"),
        sa.ForeignKeyConstraint(
            ["agency_id"], ["agencies.id"], name="fk_hosted_payments_agency_id"
        ),
        sa.ForeignKeyConstraint(
            ["mandate_id"], ["autopay_mandates.id"], name="fk_hosted_payments_mandate_id"
        ),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_hosted_payments_supervisee_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_hosted_payments"),
        sa.UniqueConstraint(
            "mandate_id", "collect_on", name="uq_hosted_payments_mandate_id_collect_on"
        ),
        sa.UniqueConstraint("page_reference", name="uq_hosted_payments_page_reference"),
        sa.UniqueConstraint("payment_reference", name="uq_hosted_payments_payment_reference"),
    )
    op.create_index("ix_hosted_payments_look_at", "hosted_payments", ["look_at"], unique=False)
    op.create_index(
        "ix_hosted_payments_supervisee_id_id",
        "hosted_payments",
        ["supervisee_id", "id"],
        unique=False,
    )
    op.create_table(
        "payment_differences",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=True),
        sa.Column("hosted_payment_id", sa.Uuid(), nullable=True),
        sa.Column(
            "kind",
            sa.String(length=60),
            nullable=False,
        ),
        sa.Column("reference", sa.String(length=255), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("found_at", UtcDateTime(), nullable=False),
        sa.Column("explained_at", UtcDateTime(), nullable=True),
        sa.Column("explained_by", sa.Uuid(), nullable=True),
        sa.Column("explanation", sa.String(length=1000), nullable=True),
        sa.ForeignKeyConstraint(
            ["agency_id"], ["agencies.id"], name="fk_payment_differences_agency_id"
        ),
        sa.ForeignKeyConstraint(
            ["explained_by"], ["officers.id"], name="fk_payment_differences_explained_by"
        ),
        sa.ForeignKeyConstraint(
            ["hosted_payment_id"],
            ["hosted_payments.id"],
            name="fk_payment_differences_hosted_payment_id",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_payment_differences"),
        sa.UniqueConstraint("reference", "kind", name="uq_payment_differences_reference_kind"),
    )
    op.create_index(
        "ix_payment_differences_agency_id_id",
        "payment_differences",
        ["agency_id", "id"],
        unique=False,
    )
    for table, mutable in GUARDED.items():
        columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)]
        guard(op.get_bind(), table, columns, mutable)


def downgrade() -> None:
    """Drop them."""
    for table in ("payment_differences", "provider_notices", "hosted_payments", "autopay_mandates"):
        unguard(op.get_bind(), table)
        op.drop_table(table)
