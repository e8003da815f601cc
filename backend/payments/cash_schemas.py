"""Cash of the counter at the edge."""

from __future__ import annotations

import marshmallow as ma

from backend.core.schemas import CursorSchema, FreeText, Instant, Schema, page_of
from backend.payments.cash_days import CashDayState
from backend.payments.kinds import Basis
from backend.payments.ledger import MAX_AMOUNT_MINOR
from backend.payments.models import MAX_NOTE_CHARACTERS, MAX_REFERENCE_CHARACTERS
from backend.payments.schemas import MINOR


def _counted() -> ma.fields.Integer:
    sensible = ma.validate.Range(min=0, max=MAX_AMOUNT_MINOR)
    return ma.fields.Integer(required=True, strict=True, validate=sensible, metadata=MINOR)


class CashDayFilterSchema(CursorSchema):
    """Query parameters of the list of cash days."""

    unconfirmed = ma.fields.Boolean(
        load_default=False, metadata={"description": "Only what nobody has confirmed"}
    )
    overdue = ma.fields.Boolean(
        load_default=False,
        metadata={"description": "Only what nobody has confirmed and is older than a day"},
    )


class CashCountSchema(Schema):
    """What the first officer counted."""

    counted_minor = _counted()
    note = FreeText(max_length=MAX_NOTE_CHARACTERS, load_default="")


class CashConfirmationSchema(Schema):
    """What the second officer counted; authority and document for a difference, only for one."""

    counted_minor = _counted()
    authority = ma.fields.Enum(Basis, by_value=True, load_default=None, allow_none=True)
    document = FreeText(
        max_length=MAX_REFERENCE_CHARACTERS,
        load_default=None,
        allow_none=True,
        metadata={"description": "By which the difference goes to the over-and-short account"},
    )


class CashDaySchema(Schema):
    """The cash of one currency that an officer took on a day."""

    id = ma.fields.UUID()
    officer_id = ma.fields.UUID(metadata={"description": "Who took it"})
    day = ma.fields.Date(metadata={"description": "In the agency's zone"})
    currency = ma.fields.String()
    state = ma.fields.Enum(CashDayState, by_value=True)
    expected_minor = ma.fields.Integer(
        metadata={"description": "By the ledger: up to now, or to when it was closed"}
    )
    counted_minor = ma.fields.Integer(allow_none=True, metadata=MINOR)
    difference_minor = ma.fields.Integer(
        allow_none=True, metadata={"description": "Counted less expected"}
    )
    note = ma.fields.String()
    closed_by = ma.fields.UUID(allow_none=True)
    closed_at = Instant(allow_none=True)
    confirmed_by = ma.fields.UUID(allow_none=True)
    confirmed_at = Instant(allow_none=True)
    authority = ma.fields.Enum(Basis, by_value=True, allow_none=True)
    document = ma.fields.String(allow_none=True)


class PrintedReceiptSchema(Schema):
    """A receipt of the counter in words."""

    number = ma.fields.Integer(metadata={"description": "In the agency's series, without holes"})
    texts = ma.fields.Dict(
        keys=ma.fields.String(),
        values=ma.fields.String(),
        metadata={"description": "By language: `en`, `es`"},
    )


CashDayPageSchema = page_of(CashDaySchema)
