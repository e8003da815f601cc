"""When somebody cannot pay: relief by two officers, plans, hardship, the court."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from backend.core.actor import Actor, ActorKind
from backend.core.db import Database, Session
from backend.core.errors import Code, Problem
from backend.core.paging import Cursor
from backend.identity import service as identity
from backend.identity.service import Role
from backend.payments import service
from backend.payments.kinds import (
    Authority,
    Basis,
    Cadence,
    Decision,
    ObligationKind,
    ObligationStatus,
    PlanState,
)
from backend.payments.ledger import TransactionKind
from backend.payments.service import Obligation, Plan, PlanTerms, Relief, ReliefTerms
from tests.support.clocks import START
from tests.support.identity import actor_of, make_officer
from tests.support.offices import Office, make_office
from tests.support.payments import owed, paid

TODAY = date(2026, 3, 2)
SOON = date(2026, 3, 20)
PAST = date(2026, 2, 1)


def _supervisor(session: Session, office: Office) -> Actor:
    return actor_of(make_officer(session, office.agency, START, role=Role.SUPERVISOR))


def _themselves(office: Office) -> Actor:
    return Actor(kind=ActorKind.SUPERVISEE, id=office.person.id, agency_id=office.agency.id)


def _debt(session: Session, office: Office, due_on: date = SOON, **what: Any) -> Obligation:
    return owed(session, office.actor, office.person.id, due_on, START, **what)


def _now(session: Session, office: Office, obligation_id: UUID) -> Obligation:
    page = service.obligations(session, office.actor, office.person.id, cursor=Cursor(), now=START)
    return next(one for one in page.items if one.id == obligation_id)


def _terms(
    kind: TransactionKind = TransactionKind.WAIVER, amount_minor: int = 4_000
) -> ReliefTerms:
    return ReliefTerms(
        kind=kind,
        amount_minor=amount_minor,
        authority=Basis.ORDER,
        document="2026-CR-000411, order of 1 March",
        reason="Lost her work.",
        service_hours=20 if kind is TransactionKind.CONVERSION else None,
    )


def _proposed(session: Session, office: Office, debt: Obligation, **what: Any) -> Relief:
    return service.propose_relief(session, office.actor, debt.id, _terms(**what), now=START)


def _code(act: Callable[[], object]) -> Code:
    with pytest.raises(Problem) as error:
        act()
    return error.value.code


def test_a_proposal_relieves_nothing(database: Database, office: Office) -> None:
    with database.transaction() as session:
        debt = _debt(session, office)

        proposed = _proposed(session, office, debt)

        assert _now(session, office, debt.id).outstanding_minor == 10_000
        assert service.relief(session, office.actor, proposed.id) == proposed
        page = service.reliefs(session, office.actor, office.person.id, cursor=Cursor())
        assert page.items == [proposed]


def test_who_proposed_cannot_approve(database: Database, office: Office) -> None:
    with database.transaction() as session:
        supervisor = _supervisor(session, office)
        debt = _debt(session, office)
        proposed = service.propose_relief(session, supervisor, debt.id, _terms(), now=START)

        alone = _code(lambda: service.approve_relief(session, supervisor, proposed.id, now=START))
        without = _code(
            lambda: service.approve_relief(session, office.actor, proposed.id, now=START)
        )

        assert alone is Code.SECOND_PERSON_REQUIRED
        assert without is Code.FORBIDDEN
        assert _now(session, office, debt.id).outstanding_minor == 10_000


@pytest.mark.parametrize(
    "kind", [TransactionKind.WAIVER, TransactionKind.REDUCTION, TransactionKind.CONVERSION]
)
def test_approved_by_a_second_officer_so_much_is_owed_less(
    database: Database, office: Office, kind: TransactionKind
) -> None:
    with database.transaction() as session:
        supervisor = _supervisor(session, office)
        debt = _debt(session, office)
        proposed = _proposed(session, office, debt, kind=kind)

        service.approve_relief(session, supervisor, proposed.id, now=START)

        after = _now(session, office, debt.id)
        assert (after.outstanding_minor, after.relieved_minor) == (6_000, 4_000)
        (dollars,) = service.balance(session, office.actor, office.person.id, now=START).currencies
        assert (dollars.charged_minor, dollars.paid_minor) == (6_000, 0)
        line = service.statement(session, office.actor, office.person.id, now=START).lines[-1]
        assert (line.kind, line.amount_minor) == (kind, -4_000)
        assert (line.authority, line.reference) == (Authority.ORDER, _terms().document)
        again = _code(lambda: service.approve_relief(session, supervisor, proposed.id, now=START))
        assert again is Code.ILLEGAL_TRANSITION


def test_what_is_wholly_waived_is_relieved_and_not_paid(database: Database, office: Office) -> None:
    with database.transaction() as session:
        debt = _debt(session, office)
        proposed = _proposed(session, office, debt, amount_minor=10_000)

        service.approve_relief(session, _supervisor(session, office), proposed.id, now=START)

        assert _now(session, office, debt.id).status is ObligationStatus.RELIEVED


def test_no_more_is_waived_than_is_unpaid_and_a_reduction_makes_credit(
    database: Database, office: Office
) -> None:
    with database.transaction() as session:
        supervisor = _supervisor(session, office)
        debt = _debt(session, office)
        early = _proposed(session, office, debt)
        paid(session, office.actor, office.person.id, START, amount_minor=9_000)

        late = _code(lambda: service.approve_relief(session, supervisor, early.id, now=START))
        waiver = _code(lambda: _proposed(session, office, debt))
        reduction = _proposed(session, office, debt, kind=TransactionKind.REDUCTION)
        service.approve_relief(session, supervisor, reduction.id, now=START)

        assert late is Code.ILLEGAL_TRANSITION
        assert waiver is Code.INVALID_REQUEST
        after = _now(session, office, debt.id)
        (dollars,) = service.balance(session, office.actor, office.person.id, now=START).currencies
        assert (after.status, dollars.credit_minor) == (ObligationStatus.PAID, 3_000)


def test_a_withdrawn_relief_is_owed_again(database: Database, office: Office) -> None:
    with database.transaction() as session:
        supervisor = _supervisor(session, office)
        debt = _debt(session, office)
        first, second = (_proposed(session, office, debt) for _ in range(2))
        service.approve_relief(session, supervisor, first.id, now=START)

        def withdraw(actor: Actor, relief_id: UUID) -> Relief:
            return service.withdraw_relief(session, actor, relief_id, reason="In error.", now=START)

        alone = _code(lambda: withdraw(office.actor, first.id))
        withdraw(supervisor, first.id)
        withdraw(office.actor, second.id)

        assert alone is Code.FORBIDDEN
        assert _now(session, office, debt.id).outstanding_minor == 10_000
        for relief in (first, second):
            assert _code(lambda: withdraw(supervisor, relief.id)) is Code.ILLEGAL_TRANSITION  # noqa: B023 - called at once
        decided = _code(lambda: service.approve_relief(session, supervisor, second.id, now=START))
        assert decided is Code.ILLEGAL_TRANSITION


def test_a_cancelled_obligation_takes_its_relief_with_it(
    database: Database, office: Office
) -> None:
    with database.transaction() as session:
        debt, other = _debt(session, office), _debt(session, office)
        proposed = _proposed(session, office, debt)
        service.approve_relief(session, _supervisor(session, office), proposed.id, now=START)

        service.cancel_obligation(session, office.actor, debt.id, reason="Twice.", now=START)

        after = _now(session, office, debt.id)
        assert (after.status, after.outstanding_minor, after.relieved_minor) == (
            ObligationStatus.CANCELLED,
            0,
            0,
        )
        assert _now(session, office, other.id).outstanding_minor == 10_000
        withdrawn = service.relief(session, office.actor, proposed.id)
        assert withdrawn.withdrawn_at == START


def _plan_terms(**change: Any) -> PlanTerms:
    said: dict[str, Any] = {
        "currency": "USD",
        "instalment_minor": 4_000,
        "cadence": Cadence.MONTHLY,
        "first_due_on": date(2026, 3, 31),
    }
    return PlanTerms(**said | change)


def _requested(session: Session, office: Office, **change: Any) -> Plan:
    terms = _plan_terms(**change)
    return service.request_plan(session, _themselves(office), terms, now=START)


def _due(session: Session) -> list[tuple[date, int]]:
    people = identity.supervisee_ids_after(session, None, limit=10)
    items = service.due_items(session, date(2026, 1, 1), date(2026, 12, 31), supervisee_ids=people)
    return [(one.due_on, one.outstanding_minor) for one in items]


def test_a_request_changes_nothing_until_an_officer_grants_it(
    database: Database, office: Office
) -> None:
    with database.transaction() as session:
        debt = _debt(session, office, due_on=PAST)
        request = _requested(session, office)
        assert request.state is PlanState.REQUESTED
        assert _due(session) == [(PAST, 10_000)]

        plan = service.decide_plan(
            session, office.actor, request.id, decision=Decision.GRANTED, note="Agreed.", now=START
        )

        assert plan.state is PlanState.ACTIVE
        assert _due(session) == [
            (date(2026, 3, 31), 4_000),
            (date(2026, 4, 30), 4_000),
            (date(2026, 5, 31), 2_000),
        ]
        after = _now(session, office, debt.id)
        assert (after.status, after.next_due_on) == (ObligationStatus.DUE, date(2026, 3, 31))
        again = _code(
            lambda: service.decide_plan(
                session, office.actor, plan.id, decision=Decision.DECLINED, note="No.", now=START
            )
        )
        assert again is Code.ILLEGAL_TRANSITION


def test_a_missed_instalment_is_information_and_the_plan_goes_on(
    database: Database, office: Office
) -> None:
    with database.transaction() as session:
        _debt(session, office)
        plan = service.set_plan(session, office.actor, office.person.id, _plan_terms(), now=START)
        paid(session, office.actor, office.person.id, START, amount_minor=1_000)

        later = START + timedelta(days=40)
        late = service.plan(session, office.actor, plan.id, now=later)
        balance = service.balance(session, office.actor, office.person.id, now=later)

        assert (late.state, late.missed_minor) == (PlanState.ACTIVE, 3_000)
        assert balance.currencies[0].overdue_minor == 3_000
        assert balance.unpaid[0].status is ObligationStatus.OVERDUE


def test_only_an_officer_breaks_a_plan_and_what_was_due_is_due_again(
    database: Database, office: Office
) -> None:
    with database.transaction() as session:
        _debt(session, office)
        plan = service.set_plan(session, office.actor, office.person.id, _plan_terms(), now=START)

        def breaking() -> Plan:
            return service.break_plan(
                session, office.actor, plan.id, reason="She asked for it.", now=START
            )

        broken = breaking()

        assert (broken.state, broken.unpaid) == (PlanState.BROKEN, [])
        assert _due(session) == [(SOON, 10_000)]
        assert _code(breaking) is Code.ILLEGAL_TRANSITION
        owned = service.own_plans(session, _themselves(office), cursor=Cursor(), now=START)
        listed = service.plans(session, office.actor, office.person.id, cursor=Cursor(), now=START)
        assert owned == listed
        assert [one.id for one in owned.items] == [plan.id]


def test_requests_that_make_no_sense_are_refused(database: Database, office: Office) -> None:
    with database.transaction() as session:
        nothing = _code(lambda: _requested(session, office))
        assert nothing is Code.ILLEGAL_TRANSITION
        empty = service.own_plans(session, _themselves(office), cursor=Cursor(), now=START)
        assert empty.items == []
    with database.transaction() as session:
        _debt(session, office)
        past = _code(lambda: _requested(session, office, first_due_on=PAST))
        assert past is Code.INVALID_REQUEST
    with database.transaction() as session:
        request = _requested(session, office)
        assert _code(lambda: _requested(session, office)) is Code.ILLEGAL_TRANSITION
        declined = service.decide_plan(
            session, office.actor, request.id, decision=Decision.DECLINED, note="No.", now=START
        )
        assert declined.state is PlanState.DECLINED
        assert _code(lambda: _requested(session, office, instalment_minor=1)) is (
            Code.INVALID_REQUEST
        )


def test_a_plan_covers_what_no_other_covers(database: Database, office: Office) -> None:
    with database.transaction() as session:
        _debt(session, office)
        terms = _plan_terms()
        service.set_plan(session, office.actor, office.person.id, terms, now=START)

        again = _code(
            lambda: service.set_plan(session, office.actor, office.person.id, terms, now=START)
        )

        assert again is Code.ILLEGAL_TRANSITION


def test_a_plan_is_proposed_from_income_to_the_person_and_to_officers(
    database: Database, office: Office
) -> None:
    with database.transaction() as session:
        _debt(session, office, amount_minor=30_000)
        said: dict[str, Any] = {"currency": "USD", "monthly_income_minor": 200_000, "now": START}

        own = service.propose_own_plan(session, _themselves(office), **said)
        officers = service.propose_plan(session, office.actor, office.person.id, **said)

        assert own == officers
        assert (own.instalment_minor, own.instalments) == (4_000, 8)


def _claim(session: Session, office: Office, *ids: UUID) -> service.HardshipClaim:
    return service.claim_hardship(
        session,
        _themselves(office),
        statement="I lost my work.",
        obligation_ids=ids or None,
        now=START,
    )


def _decide(
    session: Session, office: Office, claim_id: UUID, decision: Decision, until: date | None
) -> service.HardshipClaim:
    return service.decide_claim(
        session,
        office.actor,
        claim_id,
        decision=decision,
        note="Heard.",
        hold_until=until,
        now=START,
    )


def test_what_is_claimed_is_not_reminded_of_until_it_is_answered(
    database: Database, office: Office
) -> None:
    with database.transaction() as session:
        debt, other = _debt(session, office), _debt(session, office)
        claim = _claim(session, office, debt.id)

        assert _now(session, office, debt.id).status is ObligationStatus.HARDSHIP_CLAIMED
        assert _now(session, office, other.id).status is ObligationStatus.DUE
        assert len(_due(session)) == 1
        assert _code(lambda: _claim(session, office)) is Code.ILLEGAL_TRANSITION
        waiting = service.claims(session, office.actor, undecided=True, cursor=Cursor())
        assert waiting.items == [claim]

        answered = _decide(session, office, claim.id, Decision.DECLINED, None)

        assert answered.decision is Decision.DECLINED
        assert len(_due(session)) == 2
        own = service.own_claims(session, _themselves(office), Cursor())
        assert own.items == [answered]
        assert service.claims(session, office.actor, undecided=True, cursor=Cursor()).items == []
        theirs = service.claims(
            session, office.actor, supervisee_id=office.person.id, cursor=Cursor()
        )
        assert theirs.items == [answered]


def test_a_grant_may_give_time(database: Database, office: Office) -> None:
    with database.transaction() as session:
        debt = _debt(session, office, due_on=PAST)
        claim = _claim(session, office)
        assert claim.obligation_ids == [debt.id]
        for decision, until in ((Decision.DECLINED, SOON), (Decision.GRANTED, TODAY)):
            refused = _code(lambda: _decide(session, office, claim.id, decision, until))  # noqa: B023 - called at once
            assert refused is Code.INVALID_REQUEST

        _decide(session, office, claim.id, Decision.GRANTED, SOON)

        assert _now(session, office, debt.id).status is ObligationStatus.HARDSHIP_CLAIMED
        later = START + timedelta(days=18)
        balance = service.balance(session, office.actor, office.person.id, now=later)
        assert balance.unpaid[0].status is ObligationStatus.OVERDUE
        again = _code(lambda: _decide(session, office, claim.id, Decision.GRANTED, None))
        assert again is Code.ILLEGAL_TRANSITION


def test_nobody_claims_what_they_do_not_owe(database: Database, office: Office) -> None:
    with database.transaction() as session:
        elsewhere = make_office(session, START)
        foreign = _debt(session, elsewhere)

        assert _code(lambda: _claim(session, office)) is Code.ILLEGAL_TRANSITION
        assert _code(lambda: _claim(session, office, foreign.id)) is Code.NOT_FOUND
        officer = _code(
            lambda: service.claim_hardship(
                session, office.actor, statement="Me.", obligation_ids=None, now=START
            )
        )
        assert officer is Code.NOT_FOUND


def test_only_what_is_overdue_or_claimed_is_put_before_the_court(
    database: Database, office: Office
) -> None:
    with database.transaction() as session:
        due, late = _debt(session, office), _debt(session, office, due_on=PAST)

        def refer(obligation_id: UUID) -> service.Referral:
            return service.refer_to_court(
                session,
                office.actor,
                obligation_id,
                document="Letter 7",
                reason="To ask about her means.",
                now=START,
            )

        assert _code(lambda: refer(due.id)) is Code.ILLEGAL_TRANSITION
        referral = refer(late.id)
        assert _code(lambda: refer(late.id)) is Code.ILLEGAL_TRANSITION
        assert _now(session, office, late.id).status is ObligationStatus.REFERRED_TO_COURT
        assert _due(session) == [(SOON, 10_000)]

        _claim(session, office, due.id)
        refer(due.id)
        assert _now(session, office, due.id).status is ObligationStatus.REFERRED_TO_COURT

        def back() -> service.Referral:
            return service.return_from_court(
                session, office.actor, referral.id, outcome="More time.", now=START
            )

        assert back().outcome == "More time."
        assert _code(back) is Code.ILLEGAL_TRANSITION
        assert _now(session, office, late.id).status is ObligationStatus.OVERDUE
        page = service.referrals(session, office.actor, office.person.id, cursor=Cursor())
        assert len(page.items) == 2


def test_another_agencys_relief_is_not_there(database: Database, office: Office) -> None:
    with database.transaction() as session:
        elsewhere = make_office(session, START)
        debt = _debt(session, office)
        relief = _proposed(session, office, debt)

        assert _code(lambda: service.relief(session, elsewhere.actor, relief.id)) is Code.NOT_FOUND
        assert _code(lambda: service.plan(session, office.actor, uuid4(), now=START)) is (
            Code.NOT_FOUND
        )


def test_victims_come_first_in_a_plan_too(database: Database, office: Office) -> None:
    with database.transaction() as session:
        _debt(session, office, amount_minor=3_000)
        victim = _debt(session, office, amount_minor=3_000, kind=ObligationKind.RESTITUTION)

        plan = service.set_plan(session, office.actor, office.person.id, _plan_terms(), now=START)

        assert plan.unpaid[0].obligation_id == victim.id
        paid(session, office.actor, office.person.id, START, amount_minor=4_000)
        left = service.plan(session, office.actor, plan.id, now=START).unpaid
        assert [one.due_on for one in left] == [date(2026, 4, 30)]
