"""The beginning: every table of the first version.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.core.db import UtcDateTime
from backend.core.immutability import guard, unguard

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

GUARDED: dict[str, tuple[str, ...]] = {
    "absences": ("approver_id", "approved_at", "withdrawn_by", "withdrawn_at", "withdrawal_reason"),
    "activations": ("ended_at", "end"),
    "alert_events": (),
    "audit_events": (),
    "audit_seals": (),
    "condition_versions": ("approver_id", "approved_at"),
    "conditions": (),
    "device_keys": ("state", "state_reason", "state_since"),
    "exemptions": (
        "approver_id",
        "approved_at",
        "withdrawn_by",
        "withdrawn_at",
        "withdrawal_reason",
    ),
    "fixes": (),
    "inbox_entries": (),
    "key_events": (),
    "ledger_entries": (),
    "ledger_transactions": (),
    "obligations": (),
    "outbox_events": (),
    "outbox_messages": (
        "due_at",
        "expires_at",
        "state",
        "attempts",
        "changes",
        "next_at",
        "withdrawn_at",
        "sent_at",
        "via",
        "delivered_at",
    ),
    "recurring_fees": ("last_due_on", "next_due_on"),
    "refusals": (),
}
"""Tables that refuse UPDATE and DELETE, each with the columns that may change all the same."""


def upgrade() -> None:
    """Create the tables, then guard those that may not change."""
    op.create_table(
        "agencies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("zone", sa.String(length=60), nullable=False),
        sa.Column("contact_phone", sa.String(length=20), nullable=False),
        sa.Column("contact_email", sa.String(length=254), nullable=False),
        sa.Column("policy", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_agencies"),
    )
    op.create_table(
        "audit_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=True),
        sa.Column("actor_kind", sa.String(length=20), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("address", sa.String(length=60), nullable=True),
        sa.Column("act", sa.String(length=60), nullable=False),
        sa.Column("subject_kind", sa.String(length=60), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("supervisee_id", sa.Uuid(), nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_events"),
        info={"immutable": True},
    )
    op.create_index(
        "ix_audit_events_agency_id_id", "audit_events", ["agency_id", "id"], unique=False
    )
    op.create_index(
        "ix_audit_events_supervisee_id_id", "audit_events", ["supervisee_id", "id"], unique=False
    )
    op.create_table(
        "audit_unsealed",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_audit_unsealed"),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("actor_id", "key_hash", name="pk_idempotency_keys"),
    )
    op.create_index(
        "ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"], unique=False
    )
    op.create_table(
        "inbox_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("posted_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_inbox_entries"),
        sa.UniqueConstraint("message_id", name="uq_inbox_entries_message_id"),
        info={"immutable": True},
    )
    op.create_index(
        "ix_inbox_entries_supervisee_id", "inbox_entries", ["supervisee_id", "id"], unique=False
    )
    op.create_table(
        "outbox_messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(60), nullable=False),
        sa.Column("recipient_kind", sa.String(60), nullable=False),
        sa.Column("recipient_id", sa.Uuid(), nullable=False),
        sa.Column("source_kind", sa.String(length=40), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("language", sa.String(60), nullable=False),
        sa.Column("waking_hours", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("enqueued_at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(60), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("next_at", UtcDateTime(), nullable=False),
        sa.Column("withdrawn_at", UtcDateTime(), nullable=True),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.Column("via", sa.String(60), nullable=True),
        sa.Column("delivered_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_outbox_messages"),
        info={
            "immutable": (
                "due_at",
                "expires_at",
                "state",
                "attempts",
                "changes",
                "next_at",
                "withdrawn_at",
                "sent_at",
                "via",
                "delivered_at",
            )
        },
    )
    op.create_index(
        "ix_outbox_messages_next_at",
        "outbox_messages",
        ["next_at", "id"],
        unique=False,
        sqlite_where=sa.text("state IN ('pending', 'claimed')"),
        postgresql_where=sa.text("state IN ('pending', 'claimed')"),
    )
    op.create_index(
        "ix_outbox_messages_recipient", "outbox_messages", ["recipient_id", "id"], unique=False
    )
    op.create_index(
        "ix_outbox_messages_source", "outbox_messages", ["source_id", "source_kind"], unique=False
    )
    op.create_index(
        "uq_outbox_messages_key",
        "outbox_messages",
        ["key"],
        unique=True,
        sqlite_where=sa.text("withdrawn_at IS NULL"),
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )
    op.create_table(
        "run_slots",
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("job", "slot", name="pk_run_slots"),
    )
    op.create_table(
        "sign_in_tries",
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("tries_s", sa.JSON(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_sign_in_tries"),
    )
    op.create_index("ix_sign_in_tries_last_at", "sign_in_tries", ["last_at"], unique=False)
    op.create_table(
        "used_proofs",
        sa.Column("jkt", sa.String(length=43), nullable=False),
        sa.Column("jti", sa.String(length=64), nullable=False),
        sa.Column("forget_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("jkt", "jti", name="pk_used_proofs"),
    )
    op.create_index("ix_used_proofs_forget_at", "used_proofs", ["forget_at"], unique=False)
    op.create_table(
        "allocation_orders",
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agency_id"], ["agencies.id"], name="fk_allocation_orders_agency_id"
        ),
        sa.PrimaryKeyConstraint("agency_id", name="pk_allocation_orders"),
    )
    op.create_table(
        "audit_seals",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("sealed_at", UtcDateTime(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["audit_events.id"], name="fk_audit_seals_event_id"),
        sa.PrimaryKeyConstraint("number", name="pk_audit_seals"),
        sa.UniqueConstraint("event_id", name="uq_audit_seals_event_id"),
        info={"immutable": True},
    )
    op.create_table(
        "officers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("given_name", sa.String(length=100), nullable=False),
        sa.Column("family_name", sa.String(length=100), nullable=False),
        sa.Column("job_title", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(60), nullable=False),
        sa.Column("language", sa.String(60), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("active_at", UtcDateTime(), nullable=False),
        sa.Column("disabled_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name="fk_officers_agency_id"),
        sa.PrimaryKeyConstraint("id", name="pk_officers"),
        sa.UniqueConstraint("email", name="uq_officers_email"),
    )
    op.create_index("ix_officers_agency_id", "officers", ["agency_id"], unique=False)
    op.create_table(
        "outbox_events",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(60), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=100), nullable=False),
        sa.Column("via", sa.String(60), nullable=True),
        sa.Column("reference", sa.String(length=400), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["outbox_messages.id"], name="fk_outbox_events_message_id"
        ),
        sa.PrimaryKeyConstraint("message_id", "number", name="pk_outbox_events"),
        info={"immutable": True},
    )
    op.create_table(
        "supervisees",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("given_name", sa.String(length=100), nullable=False),
        sa.Column("family_name", sa.String(length=100), nullable=False),
        sa.Column("job_title", sa.String(length=100), nullable=False),
        sa.Column("postal_address", sa.String(length=500), nullable=False),
        sa.Column("postal_code", sa.String(length=20), nullable=False),
        sa.Column("emails", sa.JSON(), nullable=False),
        sa.Column("phones", sa.JSON(), nullable=False),
        sa.Column("language", sa.String(60), nullable=False),
        sa.Column("zone", sa.String(length=60), nullable=False),
        sa.Column("rules_epoch", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name="fk_supervisees_agency_id"),
        sa.PrimaryKeyConstraint("id", name="pk_supervisees"),
    )
    op.create_index("ix_supervisees_agency_id_id", "supervisees", ["agency_id", "id"], unique=False)
    op.create_table(
        "absences",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", UtcDateTime(), nullable=False),
        sa.Column("ends_at", UtcDateTime(), nullable=False),
        sa.Column("places", sa.String(length=2000), nullable=False),
        sa.Column("reason", sa.String(length=2000), nullable=False),
        sa.Column("court_reference", sa.String(length=200), nullable=True),
        sa.Column("condition_ids", sa.JSON(), nullable=False),
        sa.Column("withdrawn_by", sa.Uuid(), nullable=True),
        sa.Column("withdrawn_at", UtcDateTime(), nullable=True),
        sa.Column("withdrawal_reason", sa.String(length=2000), nullable=True),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("approver_id", sa.Uuid(), nullable=True),
        sa.Column("approved_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "approver_id IS NULL OR approver_id <> author_id", name="ck_absences_second_person"
        ),
        sa.CheckConstraint("ends_at > starts_at", name="ck_absences_ends_after_start"),
        sa.ForeignKeyConstraint(["approver_id"], ["officers.id"], name="fk_absences_approver_id"),
        sa.ForeignKeyConstraint(["author_id"], ["officers.id"], name="fk_absences_author_id"),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_absences_supervisee_id"
        ),
        sa.ForeignKeyConstraint(["withdrawn_by"], ["officers.id"], name="fk_absences_withdrawn_by"),
        sa.PrimaryKeyConstraint("id", name="pk_absences"),
        info={
            "immutable": (
                "approver_id",
                "approved_at",
                "withdrawn_by",
                "withdrawn_at",
                "withdrawal_reason",
            )
        },
    )
    op.create_index(
        "ix_absences_supervisee_id_id", "absences", ["supervisee_id", "id"], unique=False
    )
    op.create_table(
        "alerts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(60), nullable=False),
        sa.Column("severity", sa.String(60), nullable=False),
        sa.Column("certainty", sa.String(60), nullable=False),
        sa.Column("state", sa.String(60), nullable=False),
        sa.Column("disposition", sa.String(60), nullable=True),
        sa.Column("merged_into", sa.Uuid(), nullable=True),
        sa.Column("explanation", sa.JSON(), nullable=False),
        sa.Column("sentence_en", sa.String(length=2000), nullable=False),
        sa.Column("sentence_es", sa.String(length=2000), nullable=False),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("detected_at", UtcDateTime(), nullable=False),
        sa.Column("evidence_at", UtcDateTime(), nullable=False),
        sa.Column("cleared_at", UtcDateTime(), nullable=True),
        sa.Column("acknowledged_at", UtcDateTime(), nullable=True),
        sa.Column("first_contact_at", UtcDateTime(), nullable=True),
        sa.Column("resolved_at", UtcDateTime(), nullable=True),
        sa.Column("last_event", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name="fk_alerts_agency_id"),
        sa.ForeignKeyConstraint(["merged_into"], ["alerts.id"], name="fk_alerts_merged_into"),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_alerts_supervisee_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
        sa.UniqueConstraint("source", "source_id", name="uq_alerts_source_source_id"),
    )
    op.create_index(
        "ix_alerts_agency_id_detected_at", "alerts", ["agency_id", "detected_at"], unique=False
    )
    op.create_index("ix_alerts_agency_id_id", "alerts", ["agency_id", "id"], unique=False)
    op.create_index(
        "ix_alerts_agency_id_state_id", "alerts", ["agency_id", "state", "id"], unique=False
    )
    op.create_index("ix_alerts_supervisee_id_id", "alerts", ["supervisee_id", "id"], unique=False)
    op.create_table(
        "assignments",
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("officer_id", sa.Uuid(), nullable=False),
        sa.Column("assigned_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["officer_id"], ["officers.id"], name="fk_assignments_officer_id"),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_assignments_supervisee_id"
        ),
        sa.PrimaryKeyConstraint("supervisee_id", "officer_id", name="pk_assignments"),
    )
    op.create_index("ix_assignments_officer_id", "assignments", ["officer_id"], unique=False)
    op.create_table(
        "checkpoints",
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("until_s", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_checkpoints_supervisee_id"
        ),
        sa.PrimaryKeyConstraint("supervisee_id", "until_s", name="pk_checkpoints"),
    )
    op.create_table(
        "enrolment_codes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("selector", sa.String(length=4), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("issued_by", sa.Uuid(), nullable=False),
        sa.Column("issued_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("failed_tries", sa.Integer(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("end", sa.String(60), nullable=True),
        sa.ForeignKeyConstraint(
            ["agency_id"], ["agencies.id"], name="fk_enrolment_codes_agency_id"
        ),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_enrolment_codes_supervisee_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_enrolment_codes"),
    )
    op.create_index(
        "ix_enrolment_codes_supervisee_id", "enrolment_codes", ["supervisee_id"], unique=False
    )
    op.create_index(
        "uq_enrolment_codes_open_selector",
        "enrolment_codes",
        ["selector"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "uq_enrolment_codes_open_supervisee",
        "enrolment_codes",
        ["supervisee_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "exemptions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("scope", sa.String(length=2000), nullable=False),
        sa.Column("authority", sa.String(60), nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("starts_at", UtcDateTime(), nullable=False),
        sa.Column("ends_at", UtcDateTime(), nullable=False),
        sa.Column("withdrawn_by", sa.Uuid(), nullable=True),
        sa.Column("withdrawn_at", UtcDateTime(), nullable=True),
        sa.Column("withdrawal_reason", sa.String(length=2000), nullable=True),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("approver_id", sa.Uuid(), nullable=True),
        sa.Column("approved_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "approver_id IS NULL OR approver_id <> author_id", name="ck_exemptions_second_person"
        ),
        sa.CheckConstraint("ends_at > starts_at", name="ck_exemptions_ends_after_start"),
        sa.ForeignKeyConstraint(["approver_id"], ["officers.id"], name="fk_exemptions_approver_id"),
        sa.ForeignKeyConstraint(["author_id"], ["officers.id"], name="fk_exemptions_author_id"),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_exemptions_supervisee_id"
        ),
        sa.ForeignKeyConstraint(
            ["withdrawn_by"], ["officers.id"], name="fk_exemptions_withdrawn_by"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_exemptions"),
        info={
            "immutable": (
                "approver_id",
                "approved_at",
                "withdrawn_by",
                "withdrawn_at",
                "withdrawal_reason",
            )
        },
    )
    op.create_index(
        "ix_exemptions_supervisee_id_id", "exemptions", ["supervisee_id", "id"], unique=False
    )
    op.create_table(
        "ledger_books",
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_ledger_books_supervisee_id"
        ),
        sa.PrimaryKeyConstraint("supervisee_id", name="pk_ledger_books"),
    )
    op.create_table(
        "officer_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("officer_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(60), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=True),
        sa.Column("own_only", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=False),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["officer_id"], ["officers.id"], name="fk_officer_tokens_officer_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_officer_tokens"),
        sa.UniqueConstraint("secret_hash", name="uq_officer_tokens_secret_hash"),
    )
    op.create_index("ix_officer_tokens_officer_id", "officer_tokens", ["officer_id"], unique=False)
    op.create_table(
        "orders",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("court", sa.String(length=200), nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("judge", sa.String(length=200), nullable=True),
        sa.Column("issued_on", sa.Date(), nullable=True),
        sa.Column("starts_at", UtcDateTime(), nullable=False),
        sa.Column("ends_at", UtcDateTime(), nullable=True),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "ends_at IS NULL OR ends_at > starts_at", name="ck_orders_ends_after_start"
        ),
        sa.ForeignKeyConstraint(["recorded_by"], ["officers.id"], name="fk_orders_recorded_by"),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_orders_supervisee_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_orders"),
    )
    op.create_index("ix_orders_supervisee_id_id", "orders", ["supervisee_id", "id"], unique=False)
    op.create_table(
        "recurring_fees",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(60), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("basis", sa.String(60), nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("cadence", sa.String(60), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("day_of_month", sa.Integer(), nullable=True),
        sa.Column("last_due_on", sa.Date(), nullable=True),
        sa.Column("next_due_on", sa.Date(), nullable=True),
        sa.Column("set_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name="fk_recurring_fees_agency_id"),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_recurring_fees_supervisee_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_recurring_fees"),
        info={"immutable": ("last_due_on", "next_due_on")},
    )
    op.create_index(
        "ix_recurring_fees_agency_id_next_due_on",
        "recurring_fees",
        ["agency_id", "next_due_on"],
        unique=False,
    )
    op.create_index(
        "ix_recurring_fees_supervisee_id_id",
        "recurring_fees",
        ["supervisee_id", "id"],
        unique=False,
    )
    op.create_table(
        "alert_events",
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("kind", sa.String(60), nullable=False),
        sa.Column("actor_kind", sa.String(60), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.String(60), nullable=False),
        sa.Column("disposition", sa.String(60), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("finding", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], name="fk_alert_events_alert_id"),
        sa.PrimaryKeyConstraint("alert_id", "number", name="pk_alert_events"),
        info={"immutable": True},
    )
    op.create_table(
        "conditions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(60), nullable=False),
        sa.Column("confidential", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="fk_conditions_order_id"),
        sa.PrimaryKeyConstraint("id", name="pk_conditions"),
        info={"immutable": True},
    )
    op.create_index("ix_conditions_order_id_id", "conditions", ["order_id", "id"], unique=False)
    op.create_table(
        "enrolment_challenges",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code_id", sa.Uuid(), nullable=False),
        sa.Column("challenge", sa.String(length=43), nullable=False),
        sa.Column("issued_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["code_id"], ["enrolment_codes.id"], name="fk_enrolment_challenges_code_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_enrolment_challenges"),
        sa.UniqueConstraint("challenge", name="uq_enrolment_challenges_challenge"),
    )
    op.create_index(
        "ix_enrolment_challenges_code_id", "enrolment_challenges", ["code_id"], unique=False
    )
    op.create_table(
        "ledger_transactions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(60), nullable=False),
        sa.Column("source", sa.String(60), nullable=False),
        sa.Column("external_id", sa.String(length=80), nullable=False),
        sa.Column("about_id", sa.Uuid(), nullable=True),
        sa.Column("booked_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("actor_kind", sa.String(60), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("received_on", sa.Date(), nullable=True),
        sa.Column("method", sa.String(60), nullable=True),
        sa.Column("note", sa.String(length=1000), nullable=False),
        sa.ForeignKeyConstraint(
            ["about_id"], ["ledger_transactions.id"], name="fk_ledger_transactions_about_id"
        ),
        sa.ForeignKeyConstraint(
            ["agency_id"], ["agencies.id"], name="fk_ledger_transactions_agency_id"
        ),
        sa.ForeignKeyConstraint(
            ["supervisee_id"],
            ["ledger_books.supervisee_id"],
            name="fk_ledger_transactions_supervisee_id",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_transactions"),
        sa.UniqueConstraint(
            "agency_id",
            "source",
            "external_id",
            name="uq_ledger_transactions_agency_id_source_external_id",
        ),
        sa.UniqueConstraint(
            "supervisee_id", "number", name="uq_ledger_transactions_supervisee_id_number"
        ),
        info={"immutable": True},
    )
    op.create_index(
        "ix_ledger_transactions_about_id", "ledger_transactions", ["about_id"], unique=False
    )
    op.create_index(
        "ix_ledger_transactions_supervisee_id_id",
        "ledger_transactions",
        ["supervisee_id", "id"],
        unique=False,
    )
    op.create_table(
        "obligations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("recurring_fee_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(60), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("basis", sa.String(60), nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("raised_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name="ck_obligations_amount_positive"),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name="fk_obligations_agency_id"),
        sa.ForeignKeyConstraint(
            ["recurring_fee_id"], ["recurring_fees.id"], name="fk_obligations_recurring_fee_id"
        ),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_obligations_supervisee_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_obligations"),
        sa.UniqueConstraint(
            "recurring_fee_id", "due_on", name="uq_obligations_recurring_fee_id_due_on"
        ),
        info={"immutable": True},
    )
    op.create_index("ix_obligations_due_on", "obligations", ["due_on"], unique=False)
    op.create_index(
        "ix_obligations_supervisee_id_id", "obligations", ["supervisee_id", "id"], unique=False
    )
    op.create_table(
        "activations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("challenge_id", sa.Uuid(), nullable=False),
        sa.Column("platform", sa.String(60), nullable=False),
        sa.Column("app_version", sa.String(length=40), nullable=False),
        sa.Column("os_version", sa.String(length=40), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("end", sa.String(60), nullable=True),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name="fk_activations_agency_id"),
        sa.ForeignKeyConstraint(
            ["challenge_id"], ["enrolment_challenges.id"], name="fk_activations_challenge_id"
        ),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_activations_supervisee_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_activations"),
        sa.UniqueConstraint("challenge_id", name="uq_activations_challenge_id"),
        info={"immutable": ("ended_at", "end")},
    )
    op.create_index("ix_activations_supervisee_id", "activations", ["supervisee_id"], unique=False)
    op.create_index(
        "uq_activations_in_force",
        "activations",
        ["supervisee_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "condition_versions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("condition_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("effective_from", UtcDateTime(), nullable=False),
        sa.Column("needs_approval", sa.Boolean(), nullable=False),
        sa.Column("lifted", sa.Boolean(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("zone", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("buffer_m", sa.Double(), nullable=True),
        sa.Column("schedule", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("advice", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(length=2000), nullable=False),
        sa.Column("order_reference", sa.String(length=200), nullable=False),
        sa.Column("victim_consented_on", sa.Date(), nullable=True),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("approver_id", sa.Uuid(), nullable=True),
        sa.Column("approved_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "approver_id IS NULL OR approver_id <> author_id",
            name="ck_condition_versions_second_person",
        ),
        sa.ForeignKeyConstraint(
            ["approver_id"], ["officers.id"], name="fk_condition_versions_approver_id"
        ),
        sa.ForeignKeyConstraint(
            ["author_id"], ["officers.id"], name="fk_condition_versions_author_id"
        ),
        sa.ForeignKeyConstraint(
            ["condition_id"], ["conditions.id"], name="fk_condition_versions_condition_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_condition_versions"),
        sa.UniqueConstraint(
            "condition_id", "number", name="uq_condition_versions_condition_id_number"
        ),
        info={"immutable": ("approver_id", "approved_at")},
    )
    op.create_table(
        "episodes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column("rule_version", sa.Integer(), nullable=False),
        sa.Column("perimeter", sa.String(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("certainty", sa.String(), nullable=False),
        sa.Column("onset_s", sa.BigInteger(), nullable=False),
        sa.Column("ended_s", sa.BigInteger(), nullable=True),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("confidential", sa.Boolean(), nullable=False),
        sa.Column("alert_id", sa.Uuid(), nullable=True),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["rule_id"], ["conditions.id"], name="fk_episodes_rule_id"),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_episodes_supervisee_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_episodes"),
    )
    op.create_index(
        "ix_episodes_supervisee_id_onset_s", "episodes", ["supervisee_id", "onset_s"], unique=False
    )
    op.create_table(
        "ledger_entries",
        sa.Column("transaction_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("account", sa.String(60), nullable=False),
        sa.Column("obligation_id", sa.Uuid(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.CheckConstraint("amount_minor <> 0", name="ck_ledger_entries_amount_not_zero"),
        sa.ForeignKeyConstraint(
            ["obligation_id"], ["obligations.id"], name="fk_ledger_entries_obligation_id"
        ),
        sa.ForeignKeyConstraint(
            ["supervisee_id"],
            ["ledger_books.supervisee_id"],
            name="fk_ledger_entries_supervisee_id",
        ),
        sa.ForeignKeyConstraint(
            ["transaction_id"], ["ledger_transactions.id"], name="fk_ledger_entries_transaction_id"
        ),
        sa.PrimaryKeyConstraint("transaction_id", "line", name="pk_ledger_entries"),
        info={"immutable": True},
    )
    op.create_index(
        "ix_ledger_entries_obligation_id_account",
        "ledger_entries",
        ["obligation_id", "account"],
        unique=False,
    )
    op.create_index(
        "ix_ledger_entries_supervisee_id", "ledger_entries", ["supervisee_id"], unique=False
    )
    op.create_table(
        "device_keys",
        sa.Column("jkt", sa.String(length=43), nullable=False),
        sa.Column("activation_id", sa.Uuid(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(length=64), nullable=False),
        sa.Column("assurance", sa.String(60), nullable=False),
        sa.Column("enrolled_at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(60), nullable=False),
        sa.Column("state_reason", sa.String(60), nullable=False),
        sa.Column("state_since", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["activation_id"], ["activations.id"], name="fk_device_keys_activation_id"
        ),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name="fk_device_keys_agency_id"),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_device_keys_supervisee_id"
        ),
        sa.PrimaryKeyConstraint("jkt", name="pk_device_keys"),
        info={"immutable": ("state", "state_reason", "state_since")},
    )
    op.create_index("ix_device_keys_activation_id", "device_keys", ["activation_id"], unique=False)
    op.create_table(
        "fixes",
        sa.Column("activation_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("taken_s", sa.BigInteger(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("mono_ms", sa.BigInteger(), nullable=False),
        sa.Column("boot", sa.BigInteger(), nullable=True),
        sa.Column("latitude", sa.Double(), nullable=False),
        sa.Column("longitude", sa.Double(), nullable=False),
        sa.Column("accuracy_m", sa.Double(), nullable=False),
        sa.Column("usable", sa.Boolean(), nullable=False),
        sa.Column("signals", sa.String(), nullable=False),
        sa.Column("assurance", sa.String(), nullable=False),
        sa.Column("refused", sa.String(60), nullable=True),
        sa.Column("signed", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["activation_id"], ["activations.id"], name="fk_fixes_activation_id"
        ),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_fixes_supervisee_id"
        ),
        sa.PrimaryKeyConstraint("activation_id", "seq", name="pk_fixes"),
        info={"immutable": True},
    )
    op.create_index(
        "ix_fixes_supervisee_id_taken_s", "fixes", ["supervisee_id", "taken_s"], unique=False
    )
    op.create_table(
        "person_states",
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("judgement", sa.LargeBinary(), nullable=True),
        sa.Column("until_s", sa.BigInteger(), nullable=False),
        sa.Column("engine_due_s", sa.BigInteger(), nullable=True),
        sa.Column("next_due_s", sa.BigInteger(), nullable=True),
        sa.Column("judged_epoch", sa.Integer(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_activation_id", sa.Uuid(), nullable=True),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("last_fix", sa.LargeBinary(), nullable=True),
        sa.Column("silence_alert_id", sa.Uuid(), nullable=True),
        sa.Column("refusal_alert_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name="fk_person_states_agency_id"),
        sa.ForeignKeyConstraint(
            ["last_activation_id"], ["activations.id"], name="fk_person_states_last_activation_id"
        ),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_person_states_supervisee_id"
        ),
        sa.PrimaryKeyConstraint("supervisee_id", name="pk_person_states"),
    )
    op.create_index("ix_person_states_next_due_s", "person_states", ["next_due_s"], unique=False)
    op.create_table(
        "push_addresses",
        sa.Column("activation_id", sa.Uuid(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(60), nullable=False),
        sa.Column("address", sa.String(length=512), nullable=False),
        sa.Column("set_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["activation_id"], ["activations.id"], name="fk_push_addresses_activation_id"
        ),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name="fk_push_addresses_agency_id"),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_push_addresses_supervisee_id"
        ),
        sa.PrimaryKeyConstraint("activation_id", name="pk_push_addresses"),
        sa.UniqueConstraint("address", name="uq_push_addresses_address"),
    )
    op.create_index(
        "ix_push_addresses_supervisee_id", "push_addresses", ["supervisee_id"], unique=False
    )
    op.create_table(
        "refusals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("supervisee_id", sa.Uuid(), nullable=False),
        sa.Column("activation_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(60), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("route", sa.String(), nullable=False),
        sa.Column("signed", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["activation_id"], ["activations.id"], name="fk_refusals_activation_id"
        ),
        sa.ForeignKeyConstraint(
            ["supervisee_id"], ["supervisees.id"], name="fk_refusals_supervisee_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_refusals"),
        sa.UniqueConstraint("reference", name="uq_refusals_reference"),
        info={"immutable": True},
    )
    op.create_index(
        "ix_refusals_supervisee_id_id", "refusals", ["supervisee_id", "id"], unique=False
    )
    op.create_table(
        "key_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("jkt", sa.String(length=43), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(60), nullable=False),
        sa.Column("reason", sa.String(60), nullable=False),
        sa.Column("officer_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["jkt"], ["device_keys.jkt"], name="fk_key_events_jkt"),
        sa.PrimaryKeyConstraint("id", name="pk_key_events"),
        info={"immutable": True},
    )
    op.create_index("ix_key_events_jkt", "key_events", ["jkt"], unique=False)
    for table, mutable in GUARDED.items():
        columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)]
        guard(op.get_bind(), table, columns, mutable)


def downgrade() -> None:
    """Drop everything."""
    for table in GUARDED:
        unguard(op.get_bind(), table)
    for table in reversed(TABLES):
        op.drop_table(table)


TABLES = [
    "agencies",
    "audit_events",
    "audit_unsealed",
    "idempotency_keys",
    "inbox_entries",
    "outbox_messages",
    "run_slots",
    "sign_in_tries",
    "used_proofs",
    "allocation_orders",
    "audit_seals",
    "officers",
    "outbox_events",
    "supervisees",
    "absences",
    "alerts",
    "assignments",
    "checkpoints",
    "enrolment_codes",
    "exemptions",
    "ledger_books",
    "officer_tokens",
    "orders",
    "recurring_fees",
    "alert_events",
    "conditions",
    "enrolment_challenges",
    "ledger_transactions",
    "obligations",
    "activations",
    "condition_versions",
    "episodes",
    "ledger_entries",
    "device_keys",
    "fixes",
    "person_states",
    "push_addresses",
    "refusals",
    "key_events",
]
