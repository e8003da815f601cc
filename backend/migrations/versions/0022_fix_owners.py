"""A fix is held against its activation once a statement, together with the person whose it is.

Two foreign keys asked twice for every row, which cost PostgreSQL a third of what it takes to store a
fix. An activation is never deleted and never changes hands (triggers see to it), so what holds when
a fix is written holds for good; and what is asked now says more: that the person is the
activation's.

SQLite cannot drop a constraint: the table is built anew there, and its triggers with it.

Revision ID: 0022
Revises: 0021
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.core.immutability import guard, unguard

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_FOREIGN_KEYS = {
    "fk_fixes_activation_id": ("activation_id", "activations"),
    "fk_fixes_supervisee_id": ("supervisee_id", "supervisees"),
}
_SQLITE = """
CREATE TRIGGER fixes_have_owners BEFORE INSERT ON fixes WHEN NOT EXISTS (
    SELECT 1 FROM activations AS a
    WHERE a.id = NEW.activation_id AND a.supervisee_id = NEW.supervisee_id
) BEGIN SELECT RAISE(ABORT, 'a fix has no such owner'); END
"""
# A loop over the few activations of a statement is always an index look-up for each; one query
# over its rows might be planned to read all activations there are.
_FUNCTION = """
CREATE FUNCTION refuse_unowned_fixes() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE owner record;
BEGIN
    FOR owner IN SELECT DISTINCT activation_id, supervisee_id FROM added LOOP
        PERFORM 1 FROM activations AS a
        WHERE a.id = owner.activation_id AND a.supervisee_id = owner.supervisee_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'a fix has no such owner' USING ERRCODE = 'foreign_key_violation';
        END IF;
    END LOOP;
    RETURN NULL;
END $$
"""
_POSTGRESQL = """
CREATE TRIGGER fixes_have_owners AFTER INSERT ON fixes REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION refuse_unowned_fixes()
"""


def upgrade() -> None:
    """Ask by a trigger."""
    unguard(op.get_bind(), "fixes")
    with op.batch_alter_table("fixes") as table:
        for name in _FOREIGN_KEYS:
            table.drop_constraint(name, type_="foreignkey")
    if op.get_bind().dialect.name == "sqlite":
        op.execute(_SQLITE)
    else:
        op.execute(_FUNCTION)
        op.execute(_POSTGRESQL)
    _guard()


def downgrade() -> None:
    """Ask by foreign keys again."""
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    op.execute("DROP TRIGGER fixes_have_owners" + ("" if on_sqlite else " ON fixes"))
    if not on_sqlite:
        op.execute("DROP FUNCTION refuse_unowned_fixes")
    unguard(op.get_bind(), "fixes")
    with op.batch_alter_table("fixes") as table:
        for name, (column, parent) in _FOREIGN_KEYS.items():
            table.create_foreign_key(name, parent, [column], ["id"])
    _guard()


def _guard() -> None:
    columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns("fixes")]
    guard(op.get_bind(), "fixes", columns)
