"""A victim's zone: two officers, a court's reference, consent, and nobody reads it unrecorded."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from backend.audit import service as audit
from backend.conditions import imposing, mine, reading, service
from backend.conditions.content import Draft
from backend.conditions.imposing import Ruling
from backend.conditions.kinds import ConditionKind
from backend.core.db import Database, Session
from backend.core.errors import Code
from backend.core.paging import Cursor
from tests.support.clocks import START, FrozenClock
from tests.support.conditions import (
    NIGHTS,
    Case,
    circle,
    confidential_ruling,
    impose_confidential,
    impose_exclusion,
    order_for,
    propose_confidential,
    recorded,
    refused,
)

START_S = int(START.timestamp())
DAY = timedelta(days=1)
READ = "confidential-zone.read"


def readings(session: Session, case: Case) -> list[audit.Event]:
    """Return who read it, as recorded."""
    return [event for event in recorded(session, case, "condition") if event.act == READ]


def test_an_officer_who_may_not_read_them_writes_none(database: Database, case: Case) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START)
        with refused(Code.FORBIDDEN):
            propose_confidential(session, replace(case, liaison=case.officer), order, now=START)


@pytest.mark.parametrize("kind", [ConditionKind.INCLUSION_ZONE, ConditionKind.CURFEW])
def test_a_person_cannot_be_told_to_stay_in_a_zone_that_they_may_not_know(
    database: Database, case: Case, kind: ConditionKind
) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START)
        with refused(Code.INVALID_REQUEST, "/confidential"):
            imposing.impose(
                session,
                case.liaison,
                order.id,
                kind=kind,
                confidential=True,
                draft=Draft(title="Test", zone=circle(41.9, -87.6, 300.0), schedule=NIGHTS),
                ruling=confidential_ruling(START),
                now=START,
            )


@pytest.mark.parametrize("missing", ["order_reference", "victim_consented_on"])
def test_the_court_s_reference_and_the_victim_s_consent_are_needed(
    database: Database, case: Case, missing: str
) -> None:
    without: dict[str, Any] = {missing: None}
    with database.transaction() as session:
        order = order_for(session, case, now=START)
        with refused(Code.INVALID_REQUEST, f"/{missing}"):
            imposing.impose(
                session,
                case.liaison,
                order.id,
                kind=ConditionKind.EXCLUSION_ZONE,
                confidential=True,
                draft=Draft(title="Test", zone=circle(41.9, -87.6, 300.0)),
                ruling=replace(confidential_ruling(START), **without),
                now=START,
            )


def test_a_victim_s_consent_has_no_place_in_an_ordinary_condition(
    database: Database, case: Case
) -> None:
    with database.transaction() as session:
        condition = impose_exclusion(session, case, order_for(session, case, now=START), now=START)
        with refused(Code.INVALID_REQUEST, "/victim_consented_on"):
            imposing.add_version(
                session,
                case.officer,
                condition.id,
                draft=Draft(title="Test", zone=circle(41.9, -87.6, 300.0)),
                ruling=confidential_ruling(START),
                now=START,
            )


def test_it_is_not_in_force_before_a_second_officer_approves(
    database: Database, case: Case
) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START)
        proposed = propose_confidential(session, case, order, now=START)

        assert proposed.latest.pending
        assert service.rules_for(session, case.supervisee_id, START_S) == []


def test_its_author_cannot_approve_it(database: Database, case: Case) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START)
        proposed = propose_confidential(session, case, order, now=START)

        with refused(Code.SECOND_PERSON_REQUIRED):
            imposing.approve_version(session, case.liaison, proposed.id, now=START)


def test_an_officer_without_the_right_cannot_approve_it(database: Database, case: Case) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START)
        proposed = propose_confidential(session, case, order, now=START)

        with refused(Code.FORBIDDEN):
            imposing.approve_version(session, case.officer, proposed.id, now=START)


def test_it_holds_from_its_approval_and_is_approved_once(
    database: Database, clock: FrozenClock, case: Case
) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START)
        proposed = propose_confidential(session, case, order, now=START)
        approval = clock.step(hours=2)
        approved = imposing.approve_version(session, case.supervisor, proposed.id, now=approval)

        (rule,) = service.rules_for(session, case.supervisee_id, START_S)
        with refused(Code.ILLEGAL_TRANSITION):
            imposing.approve_version(session, case.supervisor, proposed.id, now=approval)

    assert approved.latest.effective_from == approval
    assert approved.latest.approver_id == case.supervisor.id
    assert rule.valid_from_s == START_S + 2 * 3600


def test_the_database_itself_refuses_approval_by_the_author(database: Database, case: Case) -> None:
    with database.transaction() as session:
        propose_confidential(session, case, order_for(session, case, now=START), now=START)

    with pytest.raises(Exception, match="second_person"), database.transaction() as session:
        session.execute(text("UPDATE condition_versions SET approver_id = author_id"))


def test_it_is_lifted_only_by_two_officers_too(database: Database, case: Case) -> None:
    def is_in_force(session: Session, after: timedelta) -> bool:
        at_s = START_S + int(after.total_seconds())
        return bool(service.rules_for(session, case.supervisee_id, at_s, at_s + 1))

    with database.transaction() as session:
        order = order_for(session, case, now=START)
        condition = impose_confidential(session, case, order, now=START)
        ruling = confidential_ruling(START)
        imposing.lift(session, case.supervisor, condition.id, ruling=ruling, now=START)
        assert is_in_force(session, DAY)

        with refused(Code.SECOND_PERSON_REQUIRED):
            imposing.approve_version(session, case.supervisor, condition.id, now=START)
        imposing.approve_version(session, case.liaison, condition.id, now=START + DAY)
        assert is_in_force(session, DAY - timedelta(seconds=1))
        assert not is_in_force(session, DAY)


def test_a_newer_proposal_is_the_only_one_that_can_be_approved(
    database: Database, clock: FrozenClock, case: Case
) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START)
        condition = propose_confidential(session, case, order, now=START)
        imposing.add_version(
            session,
            case.supervisor,
            condition.id,
            draft=Draft(title="Better drawn", zone=circle(41.95, -87.7, 600.0)),
            ruling=confidential_ruling(START),
            now=clock.step(minutes=1),
        )
        imposing.approve_version(session, case.liaison, condition.id, now=clock.step(minutes=1))

        rules = service.rules_for(session, case.supervisee_id, START_S)
        page = reading.list_versions(session, case.liaison, condition.id, Cursor(), now=clock.now())

    assert [rule.version for rule in rules] == [2]
    assert [(version.number, version.pending) for version in page.items] == [(2, False), (1, True)]


def test_its_wording_is_concealed_from_who_may_not_read_it(database: Database, case: Case) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START)
        condition = impose_confidential(session, case, order, now=START)

        for actor in (case.officer, case.auditor):
            seen = reading.get_condition(session, actor, condition.id, now=START)
            history = reading.list_versions(session, actor, condition.id, Cursor(), now=START)
            assert seen.confidential
            assert seen.latest.wording is None
            assert [version.wording for version in history.items] == [None]
        assert readings(session, case) == []


def test_lists_of_conditions_never_show_its_wording(database: Database, case: Case) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START)
        impose_confidential(session, case, order, now=START)
        impose_exclusion(session, case, order, now=START)

        page = reading.list_conditions(session, case.liaison, order.id, Cursor())

    shown = {item.confidential: item.latest.wording is not None for item in page.items}
    assert shown == {True: False, False: True}


def test_each_reading_of_it_is_recorded_without_repeating_it(
    database: Database, case: Case
) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START)
        condition = impose_confidential(session, case, order, now=START)

        seen = reading.get_condition(session, case.liaison, condition.id, now=START)
        reading.list_versions(session, case.supervisor, condition.id, Cursor(), now=START)

        readers = [event.actor_id for event in readings(session, case)]
        everything = recorded(session, case, "condition")
    assert seen.latest.wording is not None
    assert seen.latest.wording.title == "12 Hidden Street"
    assert sorted(map(str, readers)) == sorted(map(str, [case.liaison.id, case.supervisor.id]))
    assert "Hidden" not in str(everything)


def test_its_supervisee_reads_nothing_of_it(database: Database, case: Case) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START)
        impose_confidential(session, case, order, now=START)

        assert mine.my_conditions(session, case.person, now=START) == []
        assert mine.my_zones(session, case.person, now=START) == []


def test_it_is_judged_and_called_by_a_neutral_name(database: Database, case: Case) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START)
        condition = impose_confidential(session, case, order, now=START)

        (rule,) = service.rules_for(session, case.supervisee_id, START_S)
        label = service.rule_labels(session, case.supervisee_id)[rule.id, rule.version]

    assert rule.id == str(condition.id)
    assert label.confidential
    assert (label.place_en, label.place_es) == ("a protected zone", "una zona protegida")


def test_a_plain_reason_is_not_enough_to_change_it(database: Database, case: Case) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START)
        condition = impose_confidential(session, case, order, now=START)

        with refused(Code.INVALID_REQUEST, "/order_reference"):
            ruling = Ruling(reason="It is in the way.")
            imposing.lift(session, case.supervisor, condition.id, ruling=ruling, now=START)
        with refused(Code.FORBIDDEN):
            ruling = confidential_ruling(START)
            imposing.lift(session, case.officer, condition.id, ruling=ruling, now=START)
