"""Relief, plans, hardship and the court at the edge."""

from __future__ import annotations

from typing import Any, Final

import marshmallow as ma

from backend.core.actor import ActorKind
from backend.core.schemas import CursorSchema, FreeText, Instant, Schema, page_of
from backend.outbox.schemas import TextsSchema
from backend.payments.decisions import About
from backend.payments.kinds import Basis, Cadence, Decision, PlanState
from backend.payments.ledger import MAX_AMOUNT_MINOR, RELIEVES, TransactionKind
from backend.payments.models import (
    MAX_NOTE_CHARACTERS,
    MAX_REFERENCE_CHARACTERS,
    MAX_STATEMENT_CHARACTERS,
)
from backend.payments.plans import PlanTerms
from backend.payments.reliefs import ReliefTerms
from backend.payments.schemas import MINOR, amount, currency, day
from notifications.formats import Language

MAX_SERVICE_HOURS: Final = 10_000
MAX_CLAIMED: Final = 100


class NewReliefSchema(Schema):
    """What shall be owed less, by what authority and document."""

    kind = ma.fields.Enum(
        TransactionKind,
        by_value=True,
        required=True,
        validate=ma.validate.OneOf(list(RELIEVES)),
        metadata={"enum": [kind.value for kind in RELIEVES]},
    )
    amount_minor = amount()
    authority = ma.fields.Enum(Basis, by_value=True, required=True)
    document = FreeText(
        max_length=MAX_REFERENCE_CHARACTERS,
        required=True,
        metadata={"description": "The order or decision that says so"},
    )
    reason = FreeText(max_length=MAX_NOTE_CHARACTERS, required=True)
    service_hours = ma.fields.Integer(
        load_default=None,
        strict=True,
        validate=ma.validate.Range(min=1, max=MAX_SERVICE_HOURS),
        metadata={"description": "For conversions: hours of service in place of the money"},
    )

    @ma.validates_schema
    def check_hours(self, data: dict[str, Any], **_: Any) -> None:
        """Exactly the conversions have hours."""
        converts = data["kind"] is TransactionKind.CONVERSION
        if converts is (data["service_hours"] is None):
            raise ma.ValidationError("For conversions, and only for them.", "service_hours")

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Put all of it into one value."""
        return {"terms": ReliefTerms(**data)}


class ReliefSchema(Schema):
    """A waiver, reduction or conversion; true once a second officer approved it."""

    id = ma.fields.UUID()
    supervisee_id = ma.fields.UUID()
    obligation_id = ma.fields.UUID()
    kind = ma.fields.Enum(TransactionKind, by_value=True)
    amount_minor = ma.fields.Integer(metadata=MINOR)
    authority = ma.fields.Enum(Basis, by_value=True)
    document = ma.fields.String()
    reason = ma.fields.String()
    service_hours = ma.fields.Integer(allow_none=True)
    author_id = ma.fields.UUID()
    created_at = Instant()
    approver_id = ma.fields.UUID(allow_none=True)
    approved_at = Instant(allow_none=True)
    withdrawn_by = ma.fields.UUID(allow_none=True)
    withdrawn_at = Instant(allow_none=True)
    withdrawal_reason = ma.fields.String(allow_none=True)


class IncomeSchema(Schema):
    """From what a plan is proposed. Nothing of it is kept."""

    currency = currency()
    monthly_income_minor = ma.fields.Integer(
        required=True,
        strict=True,
        validate=ma.validate.Range(min=0, max=MAX_AMOUNT_MINOR),
        metadata={"description": "Net income a month, in minor units; not kept"},
    )


class ProposalSchema(Schema):
    """What somebody can presumably pay a month."""

    currency = ma.fields.String()
    outstanding_minor = ma.fields.Integer(metadata=MINOR)
    instalment_minor = ma.fields.Integer(metadata=MINOR)
    instalments = ma.fields.Integer()
    claim_hardship = ma.fields.Boolean(
        metadata={"description": "A plan alone is no help: ask for relief"}
    )


class NewPlanSchema(Schema):
    """An instalment plan over all that is owed in a currency and that no plan covers yet."""

    currency = currency()
    instalment_minor = amount()
    cadence = ma.fields.Enum(Cadence, by_value=True, load_default=Cadence.MONTHLY)
    first_due_on = day(required=True)
    note = FreeText(max_length=MAX_STATEMENT_CHARACTERS, load_default="")

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Put all of it into one value."""
        return {"terms": PlanTerms(**data)}


class InstalmentSchema(Schema):
    """What of one obligation is to be paid by one day."""

    obligation_id = ma.fields.UUID()
    due_on = ma.fields.Date()
    amount_minor = ma.fields.Integer(metadata=MINOR)


class PlanSchema(Schema):
    """An instalment plan. What is missed is information; only an officer breaks a plan."""

    id = ma.fields.UUID()
    supervisee_id = ma.fields.UUID()
    currency = ma.fields.String()
    instalment_minor = ma.fields.Integer(metadata=MINOR)
    cadence = ma.fields.Enum(Cadence, by_value=True)
    first_due_on = ma.fields.Date()
    note = ma.fields.String()
    asked_by = ma.fields.Enum(ActorKind, by_value=True)
    asked_at = Instant()
    state = ma.fields.Enum(PlanState, by_value=True)
    decided_by = ma.fields.UUID(allow_none=True)
    decided_at = Instant(allow_none=True)
    decision_note = ma.fields.String(allow_none=True)
    ended_by = ma.fields.UUID(allow_none=True)
    ended_at = Instant(allow_none=True)
    end_reason = ma.fields.String(allow_none=True)
    unpaid = ma.fields.List(ma.fields.Nested(InstalmentSchema))
    missed_minor = ma.fields.Integer(metadata=MINOR)


class DecisionPreviewQuerySchema(Schema):
    """What might be decided, about what."""

    about = ma.fields.Enum(About, by_value=True, required=True)
    subject_id = ma.fields.UUID(
        required=True, metadata={"description": "Of the claim, plan or relief"}
    )
    decision = ma.fields.Enum(Decision, by_value=True, required=True)
    hold_until = day(load_default=None, metadata={"description": "For a claim that gives time"})


class DecisionPreviewSchema(Schema):
    """What the person would be told."""

    language = ma.fields.Enum(Language, by_value=True, metadata={"description": "The person's"})
    texts = ma.fields.Nested(TextsSchema)


class PlanDecisionSchema(Schema):
    """An officer's answer to a request."""

    decision = ma.fields.Enum(Decision, by_value=True, required=True)
    note = FreeText(
        max_length=MAX_NOTE_CHARACTERS,
        required=True,
        metadata={"description": "The person reads it"},
    )


class ClaimDecisionSchema(PlanDecisionSchema):
    """An officer's answer to a claim, and how long it gives time."""

    hold_until = day(
        load_default=None, metadata={"description": "Nothing of it is reminded of before"}
    )


class NewClaimSchema(Schema):
    """Why somebody cannot pay."""

    statement = FreeText(max_length=MAX_STATEMENT_CHARACTERS, required=True)
    obligation_ids = ma.fields.List(
        ma.fields.UUID(),
        load_default=None,
        validate=ma.validate.Length(min=1, max=MAX_CLAIMED),
        metadata={"description": "By default all that is owed"},
    )


class HardshipClaimSchema(Schema):
    """A claim of hardship, with its answer."""

    id = ma.fields.UUID()
    supervisee_id = ma.fields.UUID()
    obligation_ids = ma.fields.List(ma.fields.UUID())
    statement = ma.fields.String()
    claimed_at = Instant()
    decision = ma.fields.Enum(Decision, by_value=True, allow_none=True)
    decided_by = ma.fields.UUID(allow_none=True)
    decided_at = Instant(allow_none=True)
    decision_note = ma.fields.String(allow_none=True)
    hold_until = ma.fields.Date(allow_none=True)


class ClaimFilterSchema(CursorSchema):
    """Query parameters of the list of claims."""

    undecided = ma.fields.Boolean(
        load_default=False, metadata={"description": "Only what waits for an answer"}
    )
    supervisee_id = ma.fields.UUID(load_default=None)


class NewReferralSchema(Schema):
    """Why an obligation is put before the court."""

    document = FreeText(max_length=MAX_REFERENCE_CHARACTERS, required=True)
    reason = FreeText(max_length=MAX_NOTE_CHARACTERS, required=True)


class OutcomeSchema(Schema):
    """What the court said."""

    outcome = FreeText(max_length=MAX_NOTE_CHARACTERS, required=True)


class ReferralSchema(Schema):
    """An obligation before the court, and what the court said."""

    id = ma.fields.UUID()
    supervisee_id = ma.fields.UUID()
    obligation_id = ma.fields.UUID()
    document = ma.fields.String()
    reason = ma.fields.String()
    referred_by = ma.fields.UUID()
    referred_at = Instant()
    returned_by = ma.fields.UUID(allow_none=True)
    returned_at = Instant(allow_none=True)
    outcome = ma.fields.String(allow_none=True)


ReliefPageSchema = page_of(ReliefSchema)
PlanPageSchema = page_of(PlanSchema)
HardshipClaimPageSchema = page_of(HardshipClaimSchema)
ReferralPageSchema = page_of(ReferralSchema)
