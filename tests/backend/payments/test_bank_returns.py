"""A check that bounced: owed again, told once, and never cash or what the provider tells of."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from backend.core.db import Database
from backend.core.errors import Code, Problem
from backend.outbox.models import OutboxMessage
from backend.outbox.rows import message_of
from backend.payments import bank_returns, service
from backend.payments.kinds import Method
from backend.payments.service import Incoming, Payment, Source
from notifications.messages import Template
from tests.support.clocks import START
from tests.support.ledger import incoming
from tests.support.offices import Office, make_office
from tests.support.payments import owed, paid

BACK: dict[str, Any] = {"reference": "B-1", "reason": "No funds."}


@pytest.fixture
def check(database: Database, office: Office) -> Payment:
    """A check that paid all that was owed, under the number that its return will have too."""
    money = Incoming(
        supervisee_id=office.person.id,
        amount_minor=10_000,
        currency="USD",
        received_on=date(2026, 3, 1),
        method=Method.CHECK,
        source=Source.IMPORT,
        external_id="B-1",
    )
    with database.transaction() as session:
        owed(session, office.actor, office.person.id, date(2026, 3, 20), START)
        return service.book_payment(session, office.actor, money, now=START)


def test_a_check_that_bounced_is_owed_again_and_told_once(
    client: FlaskClient, database: Database, office: Office, check: Payment
) -> None:
    url = f"/v1/payments/{check.id}/bank-return"

    first = client.post(url, json=BACK, headers=office.bearer)
    again = client.post(url, json=BACK, headers=office.bearer)
    other = client.post(url, json=BACK | {"reference": "B-2"}, headers=office.bearer)

    assert first.json is not None
    assert (first.status_code, first.json["returned_minor"]) == (200, 10_000)
    assert (again.status_code, again.json) == (200, first.json)
    assert other.status_code == 409
    with database.snapshot() as session:
        balance = service.balance(session, office.actor, office.person.id, now=START)
        assert balance.currencies[0].outstanding_minor == 10_000
        assert not service.verify(session).findings
        messages = [message_of(row) for row in session.scalars(select(OutboxMessage))]
        (text,) = bank_returns.texts(session, messages, START).values()
    assert text.template is Template.PAYMENT_RETURNED
    assert "$100.00" in text.body


@pytest.mark.parametrize(
    ("said", "authority", "document"),
    [
        ({}, "bank", "B-1"),
        ({"document": "Letter of 2 March"}, "bank", "Letter of 2 March"),
        ({"authority": "policy", "document": "Check rule 4"}, "policy", "Check rule 4"),
    ],
)
def test_a_return_goes_by_the_banks_word_unless_an_officer_names_another(
    client: FlaskClient,
    office: Office,
    check: Payment,
    said: dict[str, str],
    authority: str,
    document: str,
) -> None:
    answer = client.post(
        f"/v1/payments/{check.id}/bank-return", json=BACK | said, headers=office.bearer
    )

    assert answer.status_code == 200
    path = f"/v1/supervisees/{office.person.id}/statement"
    statement = client.get(path, headers=office.bearer).json or {}
    line = statement["lines"][-1]
    assert line["kind"] == "chargeback"
    assert (line["authority"], line["reference"]) == (authority, document)


def test_a_return_that_was_undone_is_not_told(
    database: Database, office: Office, check: Payment
) -> None:
    with database.transaction() as session:
        service.return_by_bank(session, office.actor, check.id, now=START, **BACK)
        message = message_of(session.scalars(select(OutboxMessage)).one())
        service.reverse_repayment(
            session, office.actor, message.source.id, reason="In error.", now=START
        )

    with database.snapshot() as session:
        assert bank_returns.texts(session, [message], START) == {}


def test_cash_and_cards_are_returned_by_no_bank(database: Database, office: Office) -> None:
    with database.transaction() as session:
        cash = paid(session, office.actor, office.person.id, START)
        page = service.book_payment(
            session, office.actor, incoming(office.person.id, "pi_1"), now=START
        )
        stranger = make_office(session, START).actor

    for payment in (cash, page):
        with pytest.raises(Problem) as refused, database.transaction() as session:
            service.return_by_bank(session, office.actor, payment.id, now=START, **BACK)
        assert refused.value.code is Code.ILLEGAL_TRANSITION
    with pytest.raises(Problem) as unseen, database.transaction() as session:
        service.return_by_bank(session, stranger, cash.id, now=START, **BACK)
    assert unseen.value.code is Code.NOT_FOUND
