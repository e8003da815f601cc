"""What people hear of decisions: once, in their language, neutral outside, and true when sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from backend.core.actor import Actor, ActorKind
from backend.core.db import Database, Session
from backend.outbox.models import NOT_WITHDRAWN, UNSENT, OutboxMessage
from backend.outbox.rows import message_of
from backend.payments import decisions, service
from backend.payments.decisions import About
from backend.payments.kinds import Cadence, Decision
from backend.payments.ledger import TransactionKind
from backend.payments.service import PlanTerms, Relief
from notifications.delivery import MessageState
from notifications.formats import Language
from notifications.kind import CollapseKey, MessageKind
from notifications.messages import NEUTRAL, Rendered, Template
from tests.support.clocks import START
from tests.support.counters import supervisor_of
from tests.support.identity import make_supervisee
from tests.support.ledger import relief_terms
from tests.support.offices import Office, make_office
from tests.support.payments import owed

SOON = date(2026, 3, 20)


class Desk:
    """An officer, a supervisor, and a person who speaks Spanish and owes 100.00."""

    def __init__(self, database: Database, office: Office) -> None:
        self.database, self.officer = database, office.actor
        with database.transaction() as session:
            self.supervisor = supervisor_of(session, office, START)
            person = make_supervisee(session, office.agency, START, language=Language.SPANISH)
            self.debt = owed(session, self.officer, person.id, SOON, START)
        self.person_id = person.id
        self.person = Actor(kind=ActorKind.SUPERVISEE, id=person.id, agency_id=office.agency.id)

    def do(self, act: Callable[[Session], Any]) -> Any:
        with self.database.transaction() as session:
            return act(session)

    def claim(self) -> UUID:
        claimed = self.do(
            lambda s: service.claim_hardship(
                s, self.person, statement="Perdí mi trabajo.", obligation_ids=None, now=START
            )
        )
        return UUID(str(claimed.id))

    def answer(self, claim: UUID, decision: Decision, hold_until: date | None = None) -> None:
        self.do(
            lambda s: service.decide_claim(
                s,
                self.officer,
                claim,
                decision=decision,
                note="Secret words.",
                hold_until=hold_until,
                now=START,
            )
        )

    def plan(self) -> UUID:
        terms = PlanTerms(
            currency="USD",
            instalment_minor=2_500,
            cadence=Cadence.MONTHLY,
            first_due_on=date(2026, 4, 30),
        )
        asked = self.do(lambda s: service.request_plan(s, self.person, terms, now=START))
        return UUID(str(asked.id))

    def decide(self, plan: UUID, decision: Decision) -> None:
        self.do(
            lambda s: service.decide_plan(
                s, self.officer, plan, decision=decision, note="So.", now=START
            )
        )

    def end(self, plan: UUID) -> None:
        self.do(
            lambda s: service.break_plan(s, self.officer, plan, reason="Secret words.", now=START)
        )

    def send(self) -> None:
        """Let what waits be sent."""
        with self.database.transaction() as session:
            session.execute(update(OutboxMessage).values(state=MessageState.SENT))

    def propose(self, kind: TransactionKind = TransactionKind.WAIVER) -> Relief:
        terms = relief_terms(kind, 4_000)
        proposed: Relief = self.do(
            lambda s: service.propose_relief(s, self.officer, self.debt.id, terms, now=START)
        )
        return proposed

    def approve(self, relief: Relief) -> None:
        self.do(lambda s: service.approve_relief(s, self.supervisor, relief.id, now=START))

    def withdraw(self, relief: Relief, by: Actor) -> None:
        self.do(lambda s: service.withdraw_relief(s, by, relief.id, reason="No.", now=START))

    def told(self) -> list[Rendered]:
        """What waits for the person and is true."""
        with self.database.snapshot() as session:
            rows = session.scalars(
                select(OutboxMessage).where(
                    OutboxMessage.recipient_id == self.person_id, UNSENT, NOT_WITHDRAWN
                )
            ).all()
            assert {row.kind for row in rows} <= {MessageKind.DECISION}
            messages = [message_of(row) for row in rows]
            return list(decisions.texts(session, messages, START).values())

    def template(self) -> Template:
        (one,) = self.told()
        assert one.subject == NEUTRAL[Language.SPANISH].subject
        assert one.lock_screen_body == NEUTRAL[Language.SPANISH].lock_screen_body
        assert "Hola, Testa" in one.body
        assert "Secret words" not in one.body
        return one.template


@pytest.fixture
def desk(database: Database, office: Office) -> Desk:
    return Desk(database, office)


def test_decisions_share_the_key_of_notices() -> None:
    assert MessageKind.DECISION.collapse_key is CollapseKey.NOTICE


@pytest.mark.parametrize(
    ("decision", "hold_until", "template"),
    [
        (Decision.GRANTED, None, Template.CLAIM_GRANTED),
        (Decision.GRANTED, date(2026, 4, 15), Template.CLAIM_GRANTED_UNTIL),
        (Decision.DECLINED, None, Template.CLAIM_DECLINED),
    ],
)
def test_the_answer_to_a_claim_is_told(
    desk: Desk, decision: Decision, hold_until: date | None, template: Template
) -> None:
    claim = desk.claim()
    assert desk.told() == []

    desk.answer(claim, decision, hold_until)

    assert desk.template() is template
    assert ("15 de abril" in desk.told()[0].body) is (hold_until is not None)


@pytest.mark.parametrize(
    ("decision", "template"),
    [(Decision.GRANTED, Template.PLAN_GRANTED), (Decision.DECLINED, Template.PLAN_DECLINED)],
)
def test_the_answer_to_a_request_for_a_plan_is_told(
    desk: Desk, decision: Decision, template: Template
) -> None:
    plan = desk.plan()

    desk.decide(plan, decision)

    assert desk.template() is template
    assert "$25.00" in desk.told()[0].body


def test_a_plan_that_ended_before_it_was_told_is_not_announced(desk: Desk) -> None:
    plan = desk.plan()
    desk.decide(plan, Decision.GRANTED)

    desk.end(plan)

    assert desk.told() == []


def test_a_plan_that_ended_after_it_was_told_is_told_too(desk: Desk) -> None:
    plan = desk.plan()
    desk.decide(plan, Decision.GRANTED)
    desk.send()

    desk.end(plan)

    assert desk.template() is Template.PLAN_ENDED
    assert "$25.00" in desk.told()[0].body


def test_an_officer_reads_what_the_end_of_a_plan_says_before_ending_it(
    client: FlaskClient, desk: Desk, office: Office, database: Database
) -> None:
    plan = desk.plan()
    desk.decide(plan, Decision.GRANTED)
    desk.send()
    with database.transaction() as session:
        stranger = make_office(session, START)
    url = f"/v1/plans/{plan}/breaking-preview"

    shown = client.get(url, headers=office.bearer)
    hidden = client.get(url, headers=stranger.bearer)

    assert shown.json is not None
    assert shown.json["language"] == "es"
    assert "$25.00 at a time, has ended" in shown.json["texts"]["en"]["body"]
    assert hidden.status_code == 404
    assert desk.told() == []
    desk.end(plan)
    assert shown.json["texts"]["es"]["body"] == desk.told()[0].body


@pytest.mark.parametrize(
    ("kind", "template"),
    [
        (TransactionKind.WAIVER, Template.RELIEF_GRANTED),
        (TransactionKind.REDUCTION, Template.RELIEF_GRANTED),
        (TransactionKind.CONVERSION, Template.CONVERSION_GRANTED),
    ],
)
def test_relief_is_told_once_it_is_approved(
    desk: Desk, kind: TransactionKind, template: Template
) -> None:
    relief = desk.propose(kind)
    assert desk.told() == []

    desk.approve(relief)

    assert desk.template() is template
    assert "$40.00" in desk.told()[0].body
    assert "Multa" in desk.told()[0].body


def test_a_proposal_that_another_turned_down_is_told_and_ones_own_is_not(desk: Desk) -> None:
    desk.withdraw(desk.propose(), by=desk.officer)
    assert desk.told() == []

    desk.withdraw(desk.propose(), by=desk.supervisor)

    assert desk.template() is Template.RELIEF_DECLINED


def test_relief_taken_back_before_it_was_told_is_never_mentioned(desk: Desk) -> None:
    relief = desk.propose()
    desk.approve(relief)

    desk.withdraw(relief, by=desk.supervisor)

    assert desk.told() == []


def test_relief_taken_back_after_it_was_told_is_told_too(desk: Desk) -> None:
    relief = desk.propose()
    desk.approve(relief)
    desk.send()

    desk.withdraw(relief, by=desk.supervisor)

    assert [one.template for one in desk.told()] == [Template.RELIEF_ENDED]


def test_an_officer_reads_what_would_be_told_before_deciding(
    client: FlaskClient, desk: Desk, office: Office, database: Database
) -> None:
    subjects = {
        About.HARDSHIP_CLAIM: desk.claim(),
        About.RELIEF: desk.propose().id,
    }
    with database.transaction() as session:
        stranger = make_office(session, START)
    for about, subject_id in subjects.items():
        url = f"/v1/decision-preview?about={about.value}&subject_id={subject_id}"
        for decision in Decision:
            wanted = f"{url}&decision={decision.value}&hold_until=2026-04-15"
            answer = client.get(wanted, headers=office.bearer)
            assert answer.json is not None
            assert answer.json["language"] == "es"
            texts = answer.json["texts"]
            assert "Hello Testa" in texts["en"]["body"]
            assert "Hola, Testa" in texts["es"]["body"]
            assert texts["en"]["lock_screen_title"] == "You have a message"
            assert client.get(wanted, headers=stranger.bearer).status_code == 404
    assert desk.told() == []
    desk.answer(subjects[About.HARDSHIP_CLAIM], Decision.DECLINED)
    plan = desk.plan()
    answer = client.get(
        f"/v1/decision-preview?about=plan&subject_id={plan}&decision=granted",
        headers=office.bearer,
    )
    assert answer.json is not None
    assert "$25.00" in answer.json["texts"]["en"]["body"]
