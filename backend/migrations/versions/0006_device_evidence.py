"""What phones show of their hardware, App Attest keys, and lists of revoked keys.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.core.db import UtcDateTime
from backend.core.immutability import guard, unguard

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

GUARDED: dict[str, tuple[str, ...]] = {
    "device_evidence": (),
    "app_attest_keys": ("counter", "asserted_at"),
    "status_lists": ("fetched_at",),
}


def upgrade() -> None:
    """Create the three tables and guard them."""
    op.create_table(
        "device_evidence",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("jkt", sa.String(length=43), nullable=False),
        sa.Column("activation_id", sa.Uuid(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(60), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("received", sa.String(), nullable=False),
        sa.Column("verdict", sa.JSON(), nullable=False),
        sa.Column("roots_version", sa.String(length=64), nullable=True),
        sa.Column("status_list_version", sa.String(length=64), nullable=True),
        sa.Column("serials", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("batch_key", sa.LargeBinary(length=32), nullable=True),
        sa.ForeignKeyConstraint(["jkt"], ["device_keys.jkt"], name="fk_device_evidence_jkt"),
        sa.ForeignKeyConstraint(
            ["activation_id"], ["activations.id"], name="fk_device_evidence_activation_id"
        ),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_device_evidence_supervisee_id"
        ),
        sa.ForeignKeyConstraint(
            ["agency_id"], ["agencies.id"], name="fk_device_evidence_agency_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_device_evidence"),
        info={"immutable": True},
    )
    op.create_index("ix_device_evidence_jkt", "device_evidence", ["jkt"])
    op.create_index(
        "ix_device_evidence_agency_id_batch_key", "device_evidence", ["agency_id", "batch_key"]
    )
    op.create_table(
        "app_attest_keys",
        sa.Column("jkt", sa.String(length=43), nullable=False),
        sa.Column("key_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("public_key", sa.LargeBinary(length=64), nullable=False),
        sa.Column("app_id", sa.String(length=255), nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("asserted_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["jkt"], ["device_keys.jkt"], name="fk_app_attest_keys_jkt"),
        sa.PrimaryKeyConstraint("jkt", name="pk_app_attest_keys"),
        sa.UniqueConstraint("key_digest", name="uq_app_attest_keys_key_digest"),
        info={"immutable": ("counter", "asserted_at")},
    )
    op.create_table(
        "status_lists",
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("fetched_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_status_lists"),
        info={"immutable": ("fetched_at",)},
    )
    op.create_index("ix_status_lists_fetched_at", "status_lists", ["fetched_at"])
    for table, mutable in GUARDED.items():
        columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)]
        guard(op.get_bind(), table, columns, mutable)


def downgrade() -> None:
    """Drop them."""
    for table in GUARDED:
        unguard(op.get_bind(), table)
        op.drop_table(table)
