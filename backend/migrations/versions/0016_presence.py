"""Keys that only a verified user can use, and check-ins.

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.core.db import UtcDateTime
from backend.core.immutability import guard, unguard

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

MUTABLE = ("counter", "ended_at", "end")


def upgrade() -> None:
    """Create the tables and guard keys and check-ins."""
    op.create_table(
        "presence_challenges",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("activation_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(60), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("challenge", sa.String(length=43), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["activation_id"], ["activations.id"], name="fk_presence_challenges_activation_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_presence_challenges"),
        sa.UniqueConstraint("challenge", name="uq_presence_challenges_challenge"),
    )
    op.create_index(
        "ix_presence_challenges_activation_id", "presence_challenges", ["activation_id"]
    )
    _create_keys()
    _guard("presence_keys", MUTABLE)
    _create_check_ins()
    _guard("check_ins", ())


def _guard(table: str, mutable: tuple[str, ...]) -> None:
    columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)]
    guard(op.get_bind(), table, columns, mutable)


def _create_keys() -> None:
    op.create_table(
        "presence_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("activation_id", sa.Uuid(), nullable=False),
        sa.Column("means", sa.String(60), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(length=1023), nullable=False),
        sa.Column("public_key", sa.LargeBinary(length=1024), nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.String(), nullable=False),
        sa.Column("verdict", sa.JSON(), nullable=False),
        sa.Column("roots_version", sa.String(length=64), nullable=True),
        sa.Column("status_list_version", sa.String(length=64), nullable=True),
        sa.Column("serials", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("enrolled_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("end", sa.String(60), nullable=True),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name="fk_presence_keys_agency_id"),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_presence_keys_supervisee_id"
        ),
        sa.ForeignKeyConstraint(
            ["activation_id"], ["activations.id"], name="fk_presence_keys_activation_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_presence_keys"),
        sa.UniqueConstraint("credential_id", name="uq_presence_keys_credential_id"),
        info={"immutable": MUTABLE},
    )
    op.create_index("ix_presence_keys_supervisee_id", "presence_keys", ["supervisee_id"])
    op.create_index("ix_presence_keys_activation_id", "presence_keys", ["activation_id"])
    op.create_index(
        "uq_presence_keys_in_force",
        "presence_keys",
        ["activation_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def _create_check_ins() -> None:
    op.create_table(
        "check_ins",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("appointment_id", sa.Uuid(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("activation_id", sa.Uuid(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("refusal", sa.String(60), nullable=True),
        sa.Column("reason", sa.String(length=60), nullable=True),
        sa.Column("punctuality", sa.String(60), nullable=True),
        sa.Column("level", sa.String(60), nullable=False),
        sa.Column("means", sa.String(60), nullable=True),
        sa.Column("presence_key_id", sa.Uuid(), nullable=True),
        sa.Column("received", sa.String(), nullable=True),
        sa.Column("fix_seq", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["appointment_id"], ["appointments.id"], name="fk_check_ins_appointment_id"
        ),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_check_ins_supervisee_id"
        ),
        sa.ForeignKeyConstraint(
            ["activation_id"], ["activations.id"], name="fk_check_ins_activation_id"
        ),
        sa.ForeignKeyConstraint(
            ["presence_key_id"], ["presence_keys.id"], name="fk_check_ins_presence_key_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_check_ins"),
        info={"immutable": True},
    )
    op.create_index("ix_check_ins_supervisee_id_id", "check_ins", ["supervisee_id", "id"])
    op.create_index(
        "uq_check_ins_accepted",
        "check_ins",
        ["appointment_id"],
        unique=True,
        sqlite_where=sa.text("refusal IS NULL"),
        postgresql_where=sa.text("refusal IS NULL"),
    )


def downgrade() -> None:
    """Drop them."""
    unguard(op.get_bind(), "check_ins")
    op.drop_table("check_ins")
    unguard(op.get_bind(), "presence_keys")
    op.drop_table("presence_keys")
    op.drop_table("presence_challenges")
