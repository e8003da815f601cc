"""Whether a person's trail is kept; where it is not, it may be erased, by a permit on record.

Fixes, journal tokens and refusals still refuse every change and every deletion but this one: that
what they say of place and time is set to nothing, if a row of `trail_purges` says that it may be.
Such a row is immutable itself, and there can be one only for a person whose trail is not kept, for
a time that nothing can have judged again.

Revision ID: 0027
Revises: 0026
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from backend.core.db import UtcDateTime
from backend.core.immutability import allow_erasure, forbid_erasure, guard, unguard

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_HISTORY_S: Final = 14 * 86_400
_PURGED_S: Final = -(2**40)
_ERASED: Final = {
    "fixes": {
        "taken_s": str(_PURGED_S),
        "mono_ms": "0",
        "boot": "NULL",
        "latitude": "0",
        "longitude": "0",
        "accuracy_m": "0",
        "usable": "FALSE",
        "signals": "''",
        "signed": "''",
    },
    "journal_tokens": {"signed": "''"},
    "refusals": {"signed": "''"},
}
_PERMIT: Final = (
    "EXISTS (SELECT 1 FROM trail_purges AS p WHERE p.supervisee_id = OLD.supervisee_id AND {older})"
)
_CAUSE: Final = (
    "EXISTS (SELECT 1 FROM supervisees AS s WHERE s.id = NEW.supervisee_id "
    "AND (s.trail <> 'kept' OR s.trail_from IS NOT NULL)) "
    "AND NEW.before_s <= {at_s} - {history_s}"
)


def upgrade() -> None:
    """Add the mode, the permits, and the one thing that they permit."""
    op.add_column(
        "supervisees",
        sa.Column("trail", sa.String(60), nullable=False, server_default="kept"),
    )
    op.add_column("supervisees", sa.Column("trail_from", UtcDateTime(), nullable=True))
    op.create_table(
        "trail_purges",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("before_s", sa.BigInteger(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name=op.f("fk_trail_purges_supervisee_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trail_purges")),
    )
    op.create_index(
        "ix_trail_purges_supervisee_id_before_s", "trail_purges", ["supervisee_id", "before_s"]
    )
    guard(op.get_bind(), "trail_purges", _columns("trail_purges"))
    _ask_for_cause()
    for table, erased in _ERASED.items():
        allow_erasure(op.get_bind(), table, _columns(table), erased, _permit(table))


def downgrade() -> None:
    """Guard as before. What was erased stays so: a fix at 0, 0 that nothing is judged by."""
    for table in _ERASED:
        unguard(op.get_bind(), table)
    # To a version that knows no such fixes, they were taken when time began.
    op.execute(f"UPDATE fixes SET taken_s = 0 WHERE taken_s = {_PURGED_S}")  # noqa: S608 - a constant
    for table in _ERASED:
        forbid_erasure(op.get_bind(), table, _columns(table))
    unguard(op.get_bind(), "trail_purges")
    op.drop_table("trail_purges")
    if not _on_sqlite():
        op.execute("DROP FUNCTION refuse_causeless_purges")
    op.drop_column("supervisees", "trail_from")
    op.drop_column("supervisees", "trail")


def _permit(table: str) -> str:
    """Return the condition that a purge on record is of the row's person, and of its time."""
    older = {
        "fixes": "OLD.taken_s < p.before_s AND OLD.received_ms < 1000 * p.before_s",
        "journal_tokens": "OLD.received_ms < 1000 * p.before_s",
        "refusals": f"{_seconds('OLD.at')} < p.before_s",
    }
    return _PERMIT.format(older=older[table])


def _ask_for_cause() -> None:
    cause = _CAUSE.format(at_s=_seconds("NEW.at"), history_s=_HISTORY_S)
    if _on_sqlite():
        op.execute(
            f"CREATE TRIGGER trail_purges_have_cause BEFORE INSERT ON trail_purges "
            f"WHEN NOT ({cause}) BEGIN SELECT RAISE(ABORT, 'a purge has no such cause'); END"
        )
        return
    op.execute(
        "CREATE FUNCTION refuse_causeless_purges() RETURNS trigger LANGUAGE plpgsql AS $$ "
        f"BEGIN IF {cause} THEN RETURN NEW; END IF; "
        "RAISE EXCEPTION 'a purge has no such cause' USING ERRCODE = 'restrict_violation'; END $$"
    )
    op.execute(
        "CREATE TRIGGER trail_purges_have_cause BEFORE INSERT ON trail_purges "
        "FOR EACH ROW EXECUTE FUNCTION refuse_causeless_purges()"
    )


def _seconds(instant: str) -> str:
    if _on_sqlite():
        return f"CAST(strftime('%s', {instant}) AS INTEGER)"
    return f"extract(epoch FROM {instant})"


def _on_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _columns(table: str) -> list[str]:
    return [column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)]
