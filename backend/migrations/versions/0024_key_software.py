"""The app and the system on which each key of a phone was made.

The first key of an activation was made on what the activation shows. What was said of those that
followed by key change is not known.

Revision ID: 0024
Revises: 0023
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.core.immutability import guard, unguard

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

NEW = ("app_version", "os_version")
MUTABLE = ("state", "state_reason", "state_since")

FILL_FIRST_KEYS = """\
UPDATE device_keys SET {name} = (
    SELECT activations.{name} FROM activations
    WHERE activations.id = device_keys.activation_id
    AND activations.started_at = device_keys.enrolled_at
)
"""


def upgrade() -> None:
    """Add the columns, fill those of first keys, and guard them like the others."""
    unguard(op.get_bind(), "device_keys")
    for name in NEW:
        op.add_column("device_keys", sa.Column(name, sa.String(length=40), nullable=True))
        op.execute(FILL_FIRST_KEYS.format(name=name))
    _guard()


def downgrade() -> None:
    """Drop them."""
    unguard(op.get_bind(), "device_keys")
    for name in NEW:
        op.drop_column("device_keys", name)
    _guard()


def _guard() -> None:
    columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns("device_keys")]
    guard(op.get_bind(), "device_keys", columns, MUTABLE)
