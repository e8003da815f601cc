"""Money whose owner is unknown waits in a book of the agency's own; authority and document.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.core.db import UtcDateTime
from backend.core.immutability import guard, unguard

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = ("suspense_transactions", "suspense_entries")
NEW_COLUMNS = ("authority", "document")


def upgrade() -> None:
    """Create the agency's own book; say by what authority a transaction was made."""
    op.create_table(
        "suspense_transactions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(60), nullable=False),
        sa.Column("source", sa.String(60), nullable=False),
        sa.Column("external_id", sa.String(length=80), nullable=False),
        sa.Column("about_id", sa.Uuid(), nullable=True),
        sa.Column("booked_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("actor_kind", sa.String(60), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("method", sa.String(60), nullable=False),
        sa.Column("note", sa.String(length=1000), nullable=False),
        sa.ForeignKeyConstraint(
            ["about_id"], ["suspense_transactions.id"], name="fk_suspense_transactions_about_id"
        ),
        sa.ForeignKeyConstraint(
            ["agency_id"], ["agencies.id"], name="fk_suspense_transactions_agency_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_suspense_transactions"),
        sa.UniqueConstraint("about_id", name="uq_suspense_transactions_about_id"),
        sa.UniqueConstraint(
            "agency_id",
            "source",
            "external_id",
            name="uq_suspense_transactions_agency_id_source_external_id",
        ),
    )
    op.create_index(
        "ix_suspense_transactions_agency_id_id", "suspense_transactions", ["agency_id", "id"]
    )
    op.create_table(
        "suspense_entries",
        sa.Column("transaction_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("account", sa.String(60), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.CheckConstraint("amount_minor <> 0", name="ck_suspense_entries_amount_not_zero"),
        sa.ForeignKeyConstraint(
            ["agency_id"], ["agencies.id"], name="fk_suspense_entries_agency_id"
        ),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["suspense_transactions.id"],
            name="fk_suspense_entries_transaction_id",
        ),
        sa.PrimaryKeyConstraint("transaction_id", "line", name="pk_suspense_entries"),
    )
    op.add_column("ledger_transactions", sa.Column("authority", sa.String(60), nullable=True))
    op.add_column("ledger_transactions", sa.Column("document", sa.String(200), nullable=True))
    unguard(op.get_bind(), "ledger_transactions")
    for table in (*TABLES, "ledger_transactions"):
        guard(op.get_bind(), table, _columns(table))


def downgrade() -> None:
    """Drop the agency's own book, and what was said of authority."""
    unguard(op.get_bind(), "ledger_transactions")
    for column in NEW_COLUMNS:
        op.drop_column("ledger_transactions", column)
    guard(op.get_bind(), "ledger_transactions", _columns("ledger_transactions"))
    for table in reversed(TABLES):
        unguard(op.get_bind(), table)
        op.drop_table(table)


def _columns(table: str) -> list[str]:
    return [column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)]
