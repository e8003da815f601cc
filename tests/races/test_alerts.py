"""Alerts raised and decided at once, on PostgreSQL, each transaction with its own connection."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import func, select

from backend.alerts import service
from backend.alerts.kinds import Severity
from backend.alerts.lifecycle import Step
from backend.core.db import Database
from backend.core.errors import Code, Problem
from backend.outbox.models import OutboxMessage
from tests.support.alerts import raised_alert
from tests.support.clocks import START
from tests.support.offices import Office, make_office
from tests.support.races import at_once

AT_ONCE = 6


@pytest.fixture
def office(postgresql_database: Database) -> Office:
    """An agency at work."""
    with postgresql_database.transaction() as session:
        return make_office(session, START)


def test_one_cause_raised_at_once_is_one_alert_and_one_mail(
    postgresql_database: Database, office: Office
) -> None:
    database, cause = postgresql_database, uuid4()

    def raise_it() -> object:
        with database.transaction() as session:
            return raised_alert(
                session, office.person, START, source_id=cause, severity=Severity.CRITICAL
            )

    raised = at_once([raise_it] * AT_ONCE)

    assert len(set(raised)) == 1
    with database.snapshot() as session:
        assert session.scalar(select(func.count()).select_from(OutboxMessage)) == 1


def test_two_officers_who_acknowledge_at_once_do_it_once(
    postgresql_database: Database, office: Office
) -> None:
    database = postgresql_database
    with database.transaction() as session:
        alert_id = raised_alert(session, office.person, START)

    def acknowledge() -> Code | None:
        try:
            with database.transaction() as session:
                service.take_step(
                    session, office.actor, alert_id, Step.ACKNOWLEDGE, note="Seen.", now=START
                )
        except Problem as problem:
            return problem.code
        return None

    answers = at_once([acknowledge] * AT_ONCE)

    assert answers.count(None) == 1
    assert answers.count(Code.ILLEGAL_TRANSITION) == AT_ONCE - 1
    with database.snapshot() as session:
        assert len(service.alert(session, office.actor, alert_id).events) == 2
