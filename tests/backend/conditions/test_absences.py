from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from backend.conditions import absences, service
from backend.conditions.kinds import Standing
from backend.core.actor import Permission
from backend.core.db import Database, Session
from backend.core.errors import Code
from backend.core.ids import new_id
from backend.core.paging import Cursor
from tests.support.clocks import START
from tests.support.conditions import (
    Case,
    impose_confidential,
    impose_curfew,
    impose_exclusion,
    let_rest,
    order_for,
    propose_absence,
    recorded,
    refused,
)

HOUR = timedelta(hours=1)
START_S = int(START.timestamp())


def rests(session: Session, case: Case) -> list[tuple[int, int, frozenset[str] | None]]:
    """Return what rests, in hours after the start."""
    return [
        ((rest.from_s - START_S) // 3600, (rest.until_s - START_S) // 3600, rest.rule_ids)
        for rest in service.suspensions_for(session, case.supervisee_id, 0)
    ]


def names(*ids: UUID) -> frozenset[str]:
    return frozenset(str(id_) for id_ in ids)


def test_without_conditions_there_is_nothing_to_rest(database: Database, case: Case) -> None:
    with database.transaction() as session, refused(Code.INVALID_REQUEST, "/condition_ids"):
        propose_absence(session, case, now=START)


def test_a_proposal_rests_nothing(database: Database, case: Case) -> None:
    with database.transaction() as session:
        impose_curfew(session, case, order_for(session, case, now=START), now=START)
        proposed = propose_absence(session, case, now=START)

        assert proposed.standing is Standing.PROPOSED
        assert rests(session, case) == []


def test_a_proposer_cannot_approve_their_own(database: Database, case: Case) -> None:
    with database.transaction() as session:
        impose_curfew(session, case, order_for(session, case, now=START), now=START)
        by_supervisor = replace(case, officer=case.supervisor)
        proposed = propose_absence(session, by_supervisor, now=START)

        with refused(Code.SECOND_PERSON_REQUIRED):
            absences.approve_absence(session, case.supervisor, proposed.id, now=START)
        with refused(Code.FORBIDDEN):
            absences.approve_absence(session, case.officer, proposed.id, now=START)
        assert rests(session, case) == []


def test_left_open_it_names_every_zone_but_a_confidential_one(
    database: Database, case: Case
) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START)
        home = impose_curfew(session, case, order, now=START)
        market = impose_exclusion(session, case, order, now=START)
        impose_confidential(session, case, order, now=START)
        let_rest(session, case, now=START)

        assert rests(session, case) == [(0, 12, names(home.id, market.id))]


def test_a_condition_that_a_court_adds_later_does_not_rest(database: Database, case: Case) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START)
        home = impose_curfew(session, case, order, now=START)
        let_rest(session, case, now=START)
        impose_exclusion(session, case, order, now=START)

        assert rests(session, case) == [(0, 12, names(home.id))]


def test_a_confidential_zone_rests_only_on_a_court_s_reference(
    database: Database, case: Case
) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START)
        hidden = impose_confidential(session, case, order, now=START)

        with refused(Code.INVALID_REQUEST, "/court_reference"):
            propose_absence(session, case, now=START, condition_ids=(hidden.id,))
        proposed = propose_absence(
            session, case, now=START, condition_ids=(hidden.id,), court_reference="24-PO-008"
        )
        absences.approve_absence(session, case.supervisor, proposed.id, now=START)

        assert rests(session, case) == [(0, 12, names(hidden.id))]


def test_a_confidential_zone_rests_only_by_an_approver_who_may_read_it(
    database: Database, case: Case
) -> None:
    blind = replace(
        case.supervisor,
        permissions=case.supervisor.permissions - {Permission.CONFIDENTIAL_ZONE_READ},
    )
    with database.transaction() as session:
        order = order_for(session, case, now=START)
        hidden = impose_confidential(session, case, order, now=START)
        proposed = propose_absence(
            session, case, now=START, condition_ids=(hidden.id,), court_reference="24-PO-008"
        )

        with refused(Code.FORBIDDEN):
            absences.approve_absence(session, blind, proposed.id, now=START)
        assert rests(session, case) == []


def test_conditions_of_somebody_else_are_no_conditions(
    database: Database, case: Case, other_case: Case
) -> None:
    with database.transaction() as session:
        home = impose_curfew(session, case, order_for(session, case, now=START), now=START)
        theirs = impose_curfew(
            session, other_case, order_for(session, other_case, now=START), now=START
        )

        for stranger in (theirs.id, new_id(START)):
            with refused(Code.INVALID_REQUEST, "/condition_ids/1"):
                propose_absence(session, case, now=START, condition_ids=(home.id, stranger))


def test_an_absence_approved_afterwards_rests_the_past(database: Database, case: Case) -> None:
    with database.transaction() as session:
        home = impose_curfew(session, case, order_for(session, case, now=START), now=START)
        let_rest(session, case, now=START + 48 * HOUR, starts_at=START, hours=12)

        assert rests(session, case) == [(0, 12, names(home.id))]


def test_withdrawal_ends_it_and_leaves_what_has_rested(database: Database, case: Case) -> None:
    with database.transaction() as session:
        home = impose_curfew(session, case, order_for(session, case, now=START), now=START)
        begun = let_rest(session, case, now=START)
        ahead = let_rest(session, case, now=START, starts_at=START + 9 * HOUR)
        for absence in (begun, ahead):
            absences.withdraw_absence(
                session, case.officer, absence.id, reason="Discharged.", now=START + 3 * HOUR
            )

        assert rests(session, case) == [(0, 3, names(home.id))]


def test_what_is_over_is_not_withdrawn_and_what_is_withdrawn_not_approved(
    database: Database, case: Case
) -> None:
    with database.transaction() as session:
        impose_curfew(session, case, order_for(session, case, now=START), now=START)
        over = let_rest(session, case, now=START, hours=1)
        with refused(Code.ILLEGAL_TRANSITION):
            absences.withdraw_absence(
                session, case.officer, over.id, reason="Too late.", now=START + HOUR
            )

        withdrawn = propose_absence(session, case, now=START)
        absences.withdraw_absence(session, case.officer, withdrawn.id, reason="x", now=START)
        with refused(Code.ILLEGAL_TRANSITION):
            absences.approve_absence(session, case.supervisor, withdrawn.id, now=START)


def test_an_absence_shorter_than_a_second_is_refused(database: Database, case: Case) -> None:
    with database.transaction() as session:
        impose_curfew(session, case, order_for(session, case, now=START), now=START)
        for hours in (0.0, -1.0, 0.0001):
            with refused(Code.INVALID_REQUEST, "/ends_at"):
                propose_absence(
                    session,
                    case,
                    now=START,
                    starts_at=START + timedelta(microseconds=1),
                    hours=hours,
                )


def test_only_those_that_touch_the_span_are_returned(database: Database, case: Case) -> None:
    with database.transaction() as session:
        impose_curfew(session, case, order_for(session, case, now=START), now=START)
        let_rest(session, case, now=START, hours=1)

        def count(from_h: int, until_h: int | None) -> int:
            until_s = None if until_h is None else START_S + until_h * 3600
            found = service.suspensions_for(
                session, case.supervisee_id, START_S + from_h * 3600, until_s
            )
            return len(found)

        assert [count(-1, 0), count(-1, 1), count(0, None), count(1, None)] == [0, 1, 1, 0]


def test_absences_of_another_agency_are_a_miss(
    database: Database, case: Case, other_case: Case
) -> None:
    with database.transaction() as session:
        impose_curfew(session, case, order_for(session, case, now=START), now=START)
        proposed = propose_absence(session, case, now=START)

        with refused(Code.NOT_FOUND):
            absences.get_absence(session, other_case.officer, proposed.id)
        with refused(Code.NOT_FOUND):
            absences.withdraw_absence(
                session, other_case.officer, proposed.id, reason="x", now=START
            )
        page = absences.list_absences(session, case.auditor, case.supervisee_id, Cursor())
        assert list(page.items) == [proposed]
        assert absences.get_absence(session, case.auditor, proposed.id) == proposed


def test_each_step_is_audited(database: Database, case: Case) -> None:
    with database.transaction() as session:
        impose_curfew(session, case, order_for(session, case, now=START), now=START)
        held = let_rest(session, case, now=START)
        absences.withdraw_absence(session, case.officer, held.id, reason="x", now=START)

        acts = [event.act for event in recorded(session, case, "absence")]
    assert acts == ["absence.approved", "absence.proposed", "absence.withdrawn"]
