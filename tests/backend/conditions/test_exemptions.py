from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.conditions import exemptions, service
from backend.conditions.kinds import Standing
from backend.core.actor import SYSTEM, Permission
from backend.core.db import Database, Session
from backend.core.errors import Code
from backend.core.paging import Cursor
from backend.identity import service as identity
from tests.support.clocks import START
from tests.support.conditions import Case, exempt, propose_exemption, recorded, refused

HOUR = timedelta(hours=1)


def is_exempt(session: Session, case: Case, after: timedelta) -> bool:
    return service.exemption_in_force(session, case.supervisee_id, START + after) is not None


def test_a_proposal_exempts_nobody(database: Database, case: Case) -> None:
    with database.transaction() as session:
        proposed = propose_exemption(session, case, now=START)

        assert proposed.standing is Standing.PROPOSED
        assert not is_exempt(session, case, HOUR)


def test_a_proposer_cannot_approve_their_own(database: Database, case: Case) -> None:
    with database.transaction() as session:
        by_supervisor = replace(case, officer=case.supervisor)
        proposed = propose_exemption(session, by_supervisor, now=START)

        with refused(Code.SECOND_PERSON_REQUIRED):
            exemptions.approve_exemption(session, case.supervisor, proposed.id, now=START)
        with refused(Code.FORBIDDEN):
            exemptions.approve_exemption(session, case.officer, proposed.id, now=START)
        assert not is_exempt(session, case, HOUR)


@pytest.mark.parametrize("who", ["system", "person"])
def test_only_an_officer_decides(database: Database, case: Case, who: str) -> None:
    actor = SYSTEM if who == "system" else replace(case.person, permissions=frozenset(Permission))
    with database.transaction() as session:
        with refused(Code.FORBIDDEN):
            propose_exemption(session, replace(case, officer=actor), now=START)
        proposed = propose_exemption(session, case, now=START)
        with refused(Code.FORBIDDEN):
            exemptions.approve_exemption(session, actor, proposed.id, now=START)


def test_an_exemption_holds_from_its_approval_up_to_its_end(database: Database, case: Case) -> None:
    with database.transaction() as session:
        proposed = propose_exemption(session, case, now=START, days=1)
        exemptions.approve_exemption(session, case.supervisor, proposed.id, now=START + HOUR)

        assert not is_exempt(session, case, HOUR - timedelta(seconds=1))
        assert is_exempt(session, case, HOUR)
        assert is_exempt(session, case, 24 * HOUR - timedelta(seconds=1))
        assert not is_exempt(session, case, 24 * HOUR)


def test_one_that_lies_ahead_waits_for_its_start(database: Database, case: Case) -> None:
    with database.transaction() as session:
        proposed = propose_exemption(session, case, now=START, starts_at=START + 5 * HOUR)
        exemptions.approve_exemption(session, case.supervisor, proposed.id, now=START)

        assert not is_exempt(session, case, 4 * HOUR)
        assert is_exempt(session, case, 5 * HOUR)


def test_an_exemption_ends_when_it_is_withdrawn(database: Database, case: Case) -> None:
    with database.transaction() as session:
        held = exempt(session, case, now=START)
        ended = exemptions.withdraw_exemption(
            session, case.officer, held.id, reason="New phone.", now=START + HOUR
        )

        assert ended.standing is Standing.WITHDRAWN
        assert (held.over_at, ended.over_at) == (held.ends_at, START + HOUR)
        assert is_exempt(session, case, HOUR - timedelta(seconds=1))
        assert not is_exempt(session, case, HOUR)
        with refused(Code.ILLEGAL_TRANSITION):
            exemptions.withdraw_exemption(
                session, case.officer, held.id, reason="Again.", now=START + HOUR
            )


def test_what_is_withdrawn_approved_or_over_is_not_approved(database: Database, case: Case) -> None:
    with database.transaction() as session:
        withdrawn = propose_exemption(session, case, now=START)
        exemptions.withdraw_exemption(
            session, case.officer, withdrawn.id, reason="Mistake.", now=START
        )
        approved = exempt(session, case, now=START)
        over = propose_exemption(session, case, now=START, days=1)

        for exemption_id, now in (
            (withdrawn.id, START),
            (approved.id, START),
            (over.id, START + 24 * HOUR),
        ):
            with refused(Code.ILLEGAL_TRANSITION):
                exemptions.approve_exemption(session, case.supervisor, exemption_id, now=now)


def test_an_exemption_in_the_past_or_without_length_is_refused(
    database: Database, case: Case
) -> None:
    with database.transaction() as session:
        with refused(Code.INVALID_REQUEST, "/starts_at"):
            propose_exemption(session, case, now=START, starts_at=START - HOUR)
        with refused(Code.INVALID_REQUEST, "/ends_at"):
            propose_exemption(session, case, now=START, days=0)


def test_exemptions_of_another_agency_are_a_miss(
    database: Database, case: Case, other_case: Case
) -> None:
    with database.transaction() as session:
        proposed = propose_exemption(session, case, now=START)

        with refused(Code.NOT_FOUND):
            exemptions.get_exemption(session, other_case.supervisor, proposed.id)
        with refused(Code.NOT_FOUND):
            exemptions.approve_exemption(session, other_case.supervisor, proposed.id, now=START)
        with refused(Code.NOT_FOUND):
            exemptions.list_exemptions(session, other_case.supervisor, case.supervisee_id, Cursor())
        assert exemptions.get_exemption(session, case.auditor, proposed.id) == proposed


def test_each_step_is_audited_and_moves_the_rules_epoch(database: Database, case: Case) -> None:
    with database.transaction() as session:
        before = identity.rules_epoch(session, case.supervisee_id)
        held = exempt(session, case, now=START)
        exemptions.withdraw_exemption(session, case.officer, held.id, reason="x", now=START)

        assert identity.rules_epoch(session, case.supervisee_id) == before + 3
        acts = [event.act for event in recorded(session, case, "exemption")]
    assert acts == ["exemption.approved", "exemption.proposed", "exemption.withdrawn"]


def test_the_database_itself_keeps_the_terms(database: Database, case: Case) -> None:
    with database.transaction() as session:
        exempt(session, case, now=START)

    for statement in (
        "UPDATE exemptions SET ends_at = starts_at",
        "UPDATE exemptions SET author_id = approver_id",
        "DELETE FROM exemptions",
    ):
        with pytest.raises(DBAPIError), database.transaction() as session:
            session.execute(text(statement))
