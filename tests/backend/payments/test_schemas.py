from __future__ import annotations

from typing import Any

import marshmallow as ma
import pytest

from backend.payments.kinds import Cadence, Method, ObligationKind
from backend.payments.schemas import NewObligationSchema, NewPaymentSchema, NewRecurringFeeSchema
from tests.backend.payments.test_views import FEE, OBLIGATION, PAYMENT


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("amount_minor", 0),
        ("amount_minor", -1),
        ("amount_minor", 10**12 + 1),
        ("amount_minor", 10.5),
        ("amount_minor", "ten"),
        ("amount_minor", True),
        ("amount_minor", None),
        ("currency", "usd"),
        ("currency", "USD\n"),
        ("currency", "DOLLARS"),
        ("kind", "bribe"),
        ("basis", None),
        ("reference", " "),
        ("reference", "x" * 201),
        ("reference", "4111 1111 1111 1111"),
        ("reference", "NUL\x00"),
        ("due_on", "2026-02-30"),
        ("due_on", "1999-12-31"),
        ("due_on", "2200-01-01"),
        ("colour", "red"),
    ],
)
def test_an_obligation_that_makes_no_sense_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ma.ValidationError) as refused:
        NewObligationSchema().load(OBLIGATION | {name: value})

    assert list(refused.value.messages) == [name]


@pytest.mark.parametrize("name", sorted(OBLIGATION))
def test_an_obligation_with_a_gap_is_refused(name: str) -> None:
    body = {key: value for key, value in OBLIGATION.items() if key != name}

    with pytest.raises(ma.ValidationError) as refused:
        NewObligationSchema().load(body)

    assert list(refused.value.messages) == [name]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"day_of_month": 0}, "day_of_month"),
        ({"day_of_month": 32}, "day_of_month"),
        ({"day_of_month": None}, "day_of_month"),
        ({"cadence": "weekly"}, "day_of_month"),
        ({"cadence": "hourly"}, "cadence"),
        ({"last_due_on": "never"}, "last_due_on"),
    ],
)
def test_a_fee_that_makes_no_sense_is_refused(change: dict[str, Any], name: str) -> None:
    with pytest.raises(ma.ValidationError) as refused:
        NewRecurringFeeSchema().load(FEE | change)

    assert list(refused.value.messages) == [name]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("receipt_number", ""),
        ("receipt_number", "x" * 81),
        ("receipt_number", "4111111111111111"),
        ("note", "card 4111-1111-1111-1111"),
        ("note", "x" * 1001),
        ("method", "card"),
        ("received_on", None),
    ],
)
def test_a_payment_that_makes_no_sense_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ma.ValidationError) as refused:
        NewPaymentSchema().load(PAYMENT | {name: value})

    assert list(refused.value.messages) == [name]


def test_what_is_sent_becomes_values() -> None:
    obligation = NewObligationSchema().load(OBLIGATION)
    fee = NewRecurringFeeSchema().load(FEE)
    payment = NewPaymentSchema().load(PAYMENT)

    assert obligation["terms"].kind is ObligationKind.FINE
    assert set(obligation) == {"terms", "due_on"}
    assert fee["recurrence"].cadence is Cadence.MONTHLY
    assert set(fee) == {"terms", "recurrence"}
    assert payment["receipt"].method is Method.CASH
    assert payment["note"] == ""
