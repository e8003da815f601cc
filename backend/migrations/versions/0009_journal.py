"""The journal of buffered fixes: chains, tokens as received, and which token brought a fix.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.core.immutability import guard, unguard

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables; the fixes' new column is guarded like the others."""
    op.add_column("fixes", sa.Column("journal_n", sa.BigInteger(), nullable=True))
    _guard_anew("fixes")
    op.create_table(
        "journal_chains",
        sa.Column("activation_id", sa.Uuid(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("start", sa.LargeBinary(length=32), nullable=False),
        sa.Column("started_s", sa.BigInteger(), nullable=False),
        sa.Column("complete_n", sa.BigInteger(), nullable=False),
        sa.Column("head_n", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.LargeBinary(length=32), nullable=False),
        sa.Column("seq_to", sa.BigInteger(), nullable=False),
        sa.Column("forks", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["activation_id"], ["activations.id"], name="fk_journal_chains_activation_id"
        ),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_journal_chains_supervisee_id"
        ),
        sa.PrimaryKeyConstraint("activation_id", name="pk_journal_chains"),
    )
    op.create_table(
        "journal_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("activation_id", sa.Uuid(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("prev", sa.LargeBinary(length=32), nullable=False),
        sa.Column("forked", sa.Boolean(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("accepted", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("refusals", sa.String(), nullable=False),
        sa.Column("gaps", sa.String(), nullable=False),
        sa.Column("unaccounted", sa.String(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("signed", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["activation_id"], ["activations.id"], name="fk_journal_tokens_activation_id"
        ),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_journal_tokens_supervisee_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_journal_tokens"),
        sa.UniqueConstraint(
            "activation_id", "n", "digest", name="uq_journal_tokens_activation_id_n_digest"
        ),
        info={"immutable": True},
    )
    op.create_index("ix_journal_tokens_supervisee_id_id", "journal_tokens", ["supervisee_id", "id"])
    _guard("journal_tokens")


def downgrade() -> None:
    """Drop what was made; fixes that came in journals stay, without the number."""
    unguard(op.get_bind(), "journal_tokens")
    op.drop_table("journal_tokens")
    op.drop_table("journal_chains")
    unguard(op.get_bind(), "fixes")
    op.drop_column("fixes", "journal_n")
    _guard("fixes")


def _guard_anew(table: str) -> None:
    unguard(op.get_bind(), table)
    _guard(table)


def _guard(table: str) -> None:
    columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)]
    guard(op.get_bind(), table, columns)
