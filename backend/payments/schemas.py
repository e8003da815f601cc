"""Money at the edge: integer minor units with an ISO 4217 currency, days of the agency's zone."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import marshmallow as ma

from backend.core.schemas import CursorSchema, FreeText, Instant, Schema, page_of
from backend.payments.counter import Receipt
from backend.payments.kinds import (
    COUNTER_METHODS,
    Authority,
    Basis,
    Cadence,
    Method,
    ObligationKind,
    ObligationStatus,
)
from backend.payments.ledger import MAX_AMOUNT_MINOR, TransactionKind
from backend.payments.models import (
    MAX_EXTERNAL_ID_CHARACTERS,
    MAX_NOTE_CHARACTERS,
    MAX_REFERENCE_CHARACTERS,
)
from backend.payments.recurrence import Recurrence
from backend.payments.values import Source, Terms

_FIRST_DAY: Final = date(2000, 1, 1)
_LAST_DAY: Final = date(2199, 12, 31)
_LONGEST_MONTH_DAYS: Final = 31
MINOR: Final = {"description": "In minor units of the currency (cents)"}


def amount() -> ma.fields.Integer:
    """Return the field of an amount of money."""
    positive = ma.validate.Range(min=1, max=MAX_AMOUNT_MINOR)
    return ma.fields.Integer(required=True, strict=True, validate=positive, metadata=MINOR)


def currency() -> ma.fields.String:
    """Return the field of a currency."""
    code = ma.validate.Regexp(r"^[A-Z]{3}$", error="Three capital letters (ISO 4217).")
    return ma.fields.String(required=True, validate=[ma.validate.Length(equal=3), code])


def day(**options: Any) -> ma.fields.Date:
    """Return the field of a day in the agency's zone."""
    sensible = ma.validate.Range(min=_FIRST_DAY, max=_LAST_DAY)
    return ma.fields.Date(format="iso", validate=sensible, **options)


class TermsSchema(Schema):
    """What is to be owed, and by what authority."""

    kind = ma.fields.Enum(ObligationKind, by_value=True, required=True)
    amount_minor = amount()
    currency = currency()
    basis = ma.fields.Enum(Basis, by_value=True, required=True)
    reference = FreeText(
        max_length=MAX_REFERENCE_CHARACTERS,
        required=True,
        metadata={"description": "Of the court's order, or of the published policy"},
    )

    @ma.post_load
    def make_terms(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Put what is owed into one value."""
        names = ("kind", "amount_minor", "currency", "basis", "reference")
        return {"terms": Terms(**{name: data.pop(name) for name in names})} | data


class NewObligationSchema(TermsSchema):
    """An amount that a person comes to owe."""

    due_on = day(required=True)


class NewRecurringFeeSchema(TermsSchema):
    """A fee that falls due every week, or every month on one day."""

    cadence = ma.fields.Enum(Cadence, by_value=True, required=True)
    starts_on = day(required=True, metadata={"description": "Nothing falls due before"})
    day_of_month = ma.fields.Integer(
        load_default=None,
        strict=True,
        validate=ma.validate.Range(min=1, max=_LONGEST_MONTH_DAYS),
        metadata={"description": "For monthly fees; shorter months: their last day"},
    )
    last_due_on = day(load_default=None, metadata={"description": "Nothing falls due after"})

    @ma.validates_schema
    def check_day_of_month(self, data: dict[str, Any], **_: Any) -> None:
        """Exactly the monthly fees have a day of the month."""
        monthly = data["cadence"] is Cadence.MONTHLY
        if monthly is (data["day_of_month"] is None):
            raise ma.ValidationError("For monthly fees, and only for them.", "day_of_month")

    @ma.post_load
    def make_recurrence(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Put when it falls due into one value."""
        names = ("cadence", "starts_on", "day_of_month", "last_due_on")
        return {"recurrence": Recurrence(**{name: data.pop(name) for name in names})} | data


class FeeEndSchema(Schema):
    """The end of a recurring fee."""

    last_due_on = day(required=True, metadata={"description": "What is due later is cancelled"})


class NewPaymentSchema(Schema):
    """Money received at the counter, as its receipt says."""

    receipt_number = FreeText(
        max_length=MAX_EXTERNAL_ID_CHARACTERS,
        required=True,
        metadata={"description": "Unique in the agency: told twice, it is one payment"},
    )
    amount_minor = amount()
    currency = currency()
    received_on = day(required=True)
    method = ma.fields.Enum(
        Method, by_value=True, required=True, validate=ma.validate.OneOf(COUNTER_METHODS)
    )
    note = FreeText(max_length=MAX_NOTE_CHARACTERS, load_default="")

    @ma.post_load
    def make_receipt(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Put what stands on the receipt into one value."""
        note = data.pop("note")
        return {"receipt": Receipt(**data), "note": note}


class ReasonSchema(Schema):
    """Why something is reversed."""

    reason = FreeText(max_length=MAX_NOTE_CHARACTERS, required=True)


class BankReturnSchema(ReasonSchema):
    """That a bank took a payment back."""

    reference = FreeText(
        max_length=MAX_EXTERNAL_ID_CHARACTERS - 10,
        required=True,
        metadata={"description": "The bank's number of the return: told twice, it is one"},
    )
    authority = ma.fields.Enum(
        Basis,
        by_value=True,
        load_default=None,
        allow_none=True,
        metadata={"description": "By default the bank's own word"},
    )
    document = FreeText(
        max_length=MAX_REFERENCE_CHARACTERS,
        load_default=None,
        allow_none=True,
        metadata={"description": "What says so; by default the bank's number of the return"},
    )


class AllocationOrderSchema(Schema):
    """Every kind of obligation, the first to be paid first."""

    kinds = ma.fields.List(
        ma.fields.Enum(ObligationKind, by_value=True),
        required=True,
        validate=ma.validate.Length(equal=len(ObligationKind)),
    )


class ObligationFilterSchema(CursorSchema):
    """Query parameters of the list of obligations."""

    unpaid = ma.fields.Boolean(
        load_default=False, metadata={"description": "Only what is still owed"}
    )


class StatementPeriodSchema(Schema):
    """Query parameters of the statement: a half-open period of at most 366 days."""

    since = day(load_default=None, metadata={"description": "By default 92 days before `until`"})
    until = day(load_default=None, metadata={"description": "By default tomorrow"})


class ObligationSchema(Schema):
    """An amount that a person came to owe. Overdue is information, nothing more."""

    id = ma.fields.UUID()
    supervisee_id = ma.fields.UUID()
    recurring_fee_id = ma.fields.UUID(allow_none=True)
    kind = ma.fields.Enum(ObligationKind, by_value=True)
    amount_minor = ma.fields.Integer(metadata=MINOR)
    currency = ma.fields.String()
    due_on = ma.fields.Date()
    next_due_on = ma.fields.Date(metadata={"description": "By the plan, if one covers it"})
    basis = ma.fields.Enum(Basis, by_value=True)
    reference = ma.fields.String()
    raised_at = Instant()
    relieved_minor = ma.fields.Integer(metadata=MINOR)
    outstanding_minor = ma.fields.Integer(metadata=MINOR)
    overdue_minor = ma.fields.Integer(metadata=MINOR)
    status = ma.fields.Enum(ObligationStatus, by_value=True)


class RecurringFeeSchema(Schema):
    """A fee that falls due again and again."""

    id = ma.fields.UUID()
    supervisee_id = ma.fields.UUID()
    kind = ma.fields.Enum(ObligationKind, by_value=True)
    amount_minor = ma.fields.Integer(metadata=MINOR)
    currency = ma.fields.String()
    basis = ma.fields.Enum(Basis, by_value=True)
    reference = ma.fields.String()
    cadence = ma.fields.Enum(Cadence, by_value=True)
    starts_on = ma.fields.Date()
    day_of_month = ma.fields.Integer(allow_none=True)
    last_due_on = ma.fields.Date(allow_none=True)
    next_due_on = ma.fields.Date(
        allow_none=True, metadata={"description": "The first due day not yet raised"}
    )
    set_at = Instant()


class AllocatedSchema(Schema):
    """What of a payment went to one obligation."""

    obligation_id = ma.fields.UUID()
    amount_minor = ma.fields.Integer(metadata=MINOR)


class PaymentSchema(Schema):
    """Money that was received, and where it first went; the rest was credit."""

    id = ma.fields.UUID()
    supervisee_id = ma.fields.UUID()
    number = ma.fields.Integer(metadata={"description": "In the person's book"})
    source = ma.fields.Enum(Source, by_value=True)
    receipt_number = ma.fields.String(
        metadata={"description": "Of the receipt, or the number that the source gave it"}
    )
    serial = ma.fields.Integer(
        allow_none=True,
        metadata={"description": "Of the agency's receipts, 1, 2, 3 …; for the counter alone"},
    )
    amount_minor = ma.fields.Integer(metadata=MINOR)
    currency = ma.fields.String()
    received_on = ma.fields.Date()
    method = ma.fields.Enum(Method, by_value=True)
    note = ma.fields.String()
    recorded_at = Instant()
    recorded_by = ma.fields.UUID(allow_none=True)
    reversed_by = ma.fields.UUID(
        allow_none=True, metadata={"description": "The transaction that undid it"}
    )
    returned_minor = ma.fields.Integer(
        metadata={"description": "What was refunded or charged back since"}
    )
    allocated = ma.fields.List(ma.fields.Nested(AllocatedSchema))


class ReversalSchema(Schema):
    """A transaction that undid another."""

    id = ma.fields.UUID()
    number = ma.fields.Integer()
    reversed_id = ma.fields.UUID()
    reason = ma.fields.String()
    recorded_at = Instant()


class CurrencyBalanceSchema(Schema):
    """What a person owes in one currency, in minor units."""

    currency = ma.fields.String()
    charged_minor = ma.fields.Integer()
    paid_minor = ma.fields.Integer()
    outstanding_minor = ma.fields.Integer()
    overdue_minor = ma.fields.Integer()
    credit_minor = ma.fields.Integer()
    balance_minor = ma.fields.Integer(metadata={"description": "Outstanding less credit"})
    pending_minor = ma.fields.Integer(
        metadata={"description": "On its way; nothing is paid by it yet"}
    )


class BalanceSchema(Schema):
    """What a person owes today; `unpaid` has the oldest due first."""

    as_of = ma.fields.Date()
    currencies = ma.fields.List(ma.fields.Nested(CurrencyBalanceSchema))
    unpaid = ma.fields.List(ma.fields.Nested(ObligationSchema))


class CurrencySumSchema(Schema):
    """A balance in one currency."""

    currency = ma.fields.String()
    balance_minor = ma.fields.Integer(metadata=MINOR)


class StatementLineSchema(Schema):
    """One transaction that changed what is owed, and the balance after it."""

    number = ma.fields.Integer()
    booked_on = ma.fields.Date()
    kind = ma.fields.Enum(TransactionKind, by_value=True)
    amount_minor = ma.fields.Integer(metadata={"description": "Positive: owed more"})
    currency = ma.fields.String()
    balance_minor = ma.fields.Integer()
    obligation_kind = ma.fields.Enum(ObligationKind, by_value=True, allow_none=True)
    reference = ma.fields.String(allow_none=True)
    receipt_number = ma.fields.String(allow_none=True)
    about_number = ma.fields.Integer(
        allow_none=True, metadata={"description": "The transaction that this one is about"}
    )
    note = ma.fields.String()
    authority = ma.fields.Enum(
        Authority, by_value=True, allow_none=True, metadata={"description": "By whose word"}
    )


class StatementSchema(Schema):
    """A person's account over a period, in order of booking."""

    since = ma.fields.Date()
    until = ma.fields.Date()
    opening = ma.fields.List(ma.fields.Nested(CurrencySumSchema))
    lines = ma.fields.List(ma.fields.Nested(StatementLineSchema))
    closing = ma.fields.List(ma.fields.Nested(CurrencySumSchema))


ObligationPageSchema = page_of(ObligationSchema)
RecurringFeePageSchema = page_of(RecurringFeeSchema)
PaymentPageSchema = page_of(PaymentSchema)
