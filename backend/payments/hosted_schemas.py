"""Payments at the provider, at the edge. No field here takes anything of a card."""

from __future__ import annotations

from typing import Any, Final

import marshmallow as ma

from backend.core.schemas import CursorSchema, FreeText, Instant, Schema, page_of
from backend.payments.hosted import Wish
from backend.payments.hosted_models import DifferenceKind, MandateState
from backend.payments.hosted_state import HostedState
from backend.payments.kinds import Basis
from backend.payments.ledger import MAX_AMOUNT_MINOR
from backend.payments.models import MAX_NOTE_CHARACTERS, MAX_REFERENCE_CHARACTERS
from backend.payments.schemas import MINOR

_MOST_OBLIGATIONS: Final = 100


class WishSchema(Schema):
    """What is to be paid: without a word, all that is owed."""

    obligations = ma.fields.List(
        ma.fields.UUID(),
        load_default=(),
        validate=ma.validate.Length(max=_MOST_OBLIGATIONS),
        metadata={
            "description": "Only these; by default all. Money is allocated by the agency's "
            "order all the same"
        },
    )
    amount_minor = ma.fields.Integer(
        load_default=None,
        strict=True,
        validate=ma.validate.Range(min=1, max=MAX_AMOUNT_MINOR),
        metadata={"description": "A part of it, in minor units; by default the whole"},
    )
    currency = ma.fields.String(
        load_default=None,
        validate=[ma.validate.Length(equal=3), ma.validate.Regexp(r"^[A-Z]{3}$")],
        metadata={"description": "Needed by those who owe in several"},
    )

    @ma.post_load
    def make_wish(self, data: dict[str, Any], **_: Any) -> Wish:
        """Return one value."""
        return Wish(**data | {"obligations": tuple(data["obligations"])})


class HostedPaymentSchema(Schema):
    """An amount to be paid on the provider's page."""

    id = ma.fields.UUID()
    supervisee_id = ma.fields.UUID()
    state = ma.fields.Enum(HostedState, by_value=True)
    amount_minor = ma.fields.Integer(metadata=MINOR)
    currency = ma.fields.String()
    obligations = ma.fields.List(ma.fields.UUID())
    collect_on = ma.fields.Date(
        allow_none=True, metadata={"description": "When autopay takes it; else the person pays"}
    )
    asked_at = Instant()
    url = ma.fields.String(
        allow_none=True, metadata={"description": "The provider's page, while one can pay on it"}
    )
    expires_at = Instant(allow_none=True)
    failure = ma.fields.String(allow_none=True, metadata={"description": "The provider's code"})


class NewAutopaySchema(Schema):
    """What to allow: that money is taken on due days."""

    currency = ma.fields.String(
        load_default=None,
        validate=[ma.validate.Length(equal=3), ma.validate.Regexp(r"^[A-Z]{3}$")],
        metadata={"description": "By default the agency's"},
    )


class AutopaySchema(Schema):
    """A person's leave to take money on due days. The provider holds what it needs for that."""

    id = ma.fields.UUID()
    supervisee_id = ma.fields.UUID()
    state = ma.fields.Enum(MandateState, by_value=True)
    currency = ma.fields.String()
    asked_at = Instant()
    active_at = Instant(allow_none=True)
    ended_at = Instant(allow_none=True)
    url = ma.fields.String(
        allow_none=True, metadata={"description": "Where the leave is given, while it can be"}
    )
    expires_at = Instant(allow_none=True)


class RefundSchema(Schema):
    """What of a payment is to be given back, by what authority and document, and why."""

    amount_minor = ma.fields.Integer(
        required=True,
        strict=True,
        validate=ma.validate.Range(min=1, max=MAX_AMOUNT_MINOR),
        metadata=MINOR,
    )
    authority = ma.fields.Enum(Basis, by_value=True, required=True)
    document = FreeText(
        max_length=MAX_REFERENCE_CHARACTERS,
        required=True,
        metadata={"description": "The order or decision that says so"},
    )
    reason = FreeText(max_length=MAX_NOTE_CHARACTERS, required=True)


class DifferenceFilterSchema(CursorSchema):
    """Query parameters of the list of differences."""

    open_only = ma.fields.Boolean(
        load_default=True, metadata={"description": "Only what nobody has explained"}
    )


class DifferenceSchema(Schema):
    """Something in which the provider's books and ours differ."""

    id = ma.fields.UUID()
    kind = ma.fields.Enum(DifferenceKind, by_value=True)
    reference = ma.fields.String(metadata={"description": "The provider's"})
    amount_minor = ma.fields.Integer(allow_none=True, metadata=MINOR)
    currency = ma.fields.String(allow_none=True)
    hosted_payment_id = ma.fields.UUID(allow_none=True)
    found_at = Instant()
    explained_at = Instant(allow_none=True)
    explained_by = ma.fields.UUID(allow_none=True)
    explanation = ma.fields.String(allow_none=True)


class ExplanationSchema(Schema):
    """Why the books differ."""

    explanation = FreeText(max_length=MAX_NOTE_CHARACTERS, required=True)


HostedPaymentPageSchema = page_of(HostedPaymentSchema)
DifferencePageSchema = page_of(DifferenceSchema)
