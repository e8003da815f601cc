"""Cash at the counter: receipts in one series, and days that two officers count.

Payments that were taken at the counter before get their numbers in the order in which they were
recorded. In which officer's day they lay is not known: none shows in one.

Revision ID: 0018
Revises: 0017
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.core.db import UtcDateTime
from backend.core.immutability import guard, unguard

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

GUARDED: dict[str, tuple[str, ...]] = {
    "receipts": (),
    "cash_days": (
        *("closed_by", "closed_at", "expected_minor", "counted_minor", "note"),
        *("confirmed_by", "confirmed_at", "authority", "document"),
    ),
    "cash_movements": (),
}
"""Tables that refuse UPDATE and DELETE, each with the columns that may change all the same."""

NUMBER_EARLIER = """\
INSERT INTO receipts (payment_id, agency_id, number)
SELECT id, agency_id, row_number() OVER (PARTITION BY agency_id ORDER BY recorded_at, id)
FROM ledger_transactions WHERE kind = 'payment' AND source = 'counter'
"""
BEGIN_SERIES = """\
INSERT INTO receipt_series (agency_id, last_number)
SELECT agency_id, max(number) FROM receipts GROUP BY agency_id
"""


def upgrade() -> None:
    """Create the tables, number what was taken before, and guard them."""
    op.create_table(
        "receipt_series",
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("last_number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name="fk_receipt_series_agency_id"),
        sa.PrimaryKeyConstraint("agency_id", name="pk_receipt_series"),
    )
    op.create_table(
        "receipts",
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name="fk_receipts_agency_id"),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["ledger_transactions.id"], name="fk_receipts_payment_id"
        ),
        sa.PrimaryKeyConstraint("payment_id", name="pk_receipts"),
        sa.UniqueConstraint("agency_id", "number", name="uq_receipts_agency_id_number"),
    )
    op.create_table(
        "cash_days",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("officer_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("closed_by", sa.Uuid(), nullable=True),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.Column("expected_minor", sa.BigInteger(), nullable=True),
        sa.Column("counted_minor", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.String(length=1000), nullable=False),
        sa.Column("confirmed_by", sa.Uuid(), nullable=True),
        sa.Column("confirmed_at", UtcDateTime(), nullable=True),
        sa.Column("authority", sa.String(60), nullable=True),
        sa.Column("document", sa.String(length=200), nullable=True),
        sa.CheckConstraint(
            "confirmed_by IS NULL OR (confirmed_by <> officer_id AND confirmed_by <> closed_by)",
            name="ck_cash_days_second_person",
        ),
        sa.CheckConstraint(
            "confirmed_at IS NULL OR closed_at IS NOT NULL", name="ck_cash_days_closed_first"
        ),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name="fk_cash_days_agency_id"),
        sa.ForeignKeyConstraint(["officer_id"], ["officers.id"], name="fk_cash_days_officer_id"),
        sa.ForeignKeyConstraint(["closed_by"], ["officers.id"], name="fk_cash_days_closed_by"),
        sa.ForeignKeyConstraint(
            ["confirmed_by"], ["officers.id"], name="fk_cash_days_confirmed_by"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_cash_days"),
        sa.UniqueConstraint(
            "officer_id", "day", "currency", name="uq_cash_days_officer_id_day_currency"
        ),
    )
    op.create_index("ix_cash_days_agency_id_id", "cash_days", ["agency_id", "id"])
    op.create_table(
        "cash_movements",
        sa.Column("transaction_id", sa.Uuid(), nullable=False),
        sa.Column("cash_day_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["cash_day_id"], ["cash_days.id"], name="fk_cash_movements_cash_day_id"
        ),
        sa.ForeignKeyConstraint(
            ["transaction_id"], ["ledger_transactions.id"], name="fk_cash_movements_transaction_id"
        ),
        sa.PrimaryKeyConstraint("transaction_id", name="pk_cash_movements"),
    )
    op.create_index("ix_cash_movements_cash_day_id", "cash_movements", ["cash_day_id"])
    op.execute(NUMBER_EARLIER)
    op.execute(BEGIN_SERIES)
    for table, mutable in GUARDED.items():
        columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)]
        guard(op.get_bind(), table, columns, mutable)


def downgrade() -> None:
    """Drop them."""
    for table in GUARDED:
        unguard(op.get_bind(), table)
    for table in ("cash_movements", "cash_days", "receipts", "receipt_series"):
        op.drop_table(table)
