from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.conditions import imposing, reading, service
from backend.conditions.content import Draft
from backend.conditions.imposing import Ruling
from backend.conditions.kinds import ConditionKind
from backend.conditions.values import Condition
from backend.core.db import Database, Session
from backend.core.errors import Code, Problem
from backend.core.paging import Cursor
from backend.identity import service as identity
from tests.support.clocks import START, FrozenClock
from tests.support.conditions import (
    Case,
    circle,
    impose_curfew,
    impose_exclusion,
    order_for,
    recorded,
    refused,
)

DAY = timedelta(days=1)
START_S = int(START.timestamp())
DAY_S = 86_400


def redraw(
    session: Session, case: Case, condition: Condition, clock: FrozenClock, *, after: timedelta
) -> Condition:
    """Make the zone another one from `after` the standing start on."""
    return imposing.add_version(
        session,
        case.officer,
        condition.id,
        draft=Draft(title="Market", zone=circle(41.9, -87.6, 400.0)),
        ruling=Ruling(reason="The court moved it.", effective_from=START + after),
        now=clock.now(),
    )


def validities(session: Session, case: Case) -> list[tuple[int, int | None]]:
    """Return when each rule version is valid, in days after the start."""
    return [
        (
            (rule.valid_from_s - START_S) // DAY_S,
            None if rule.valid_until_s is None else (rule.valid_until_s - START_S) // DAY_S,
        )
        for rule in service.rules_for(session, case.supervisee_id, START_S)
    ]


def test_a_condition_on_an_order_that_has_ended_is_refused(
    database: Database, clock: FrozenClock, case: Case
) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START, ends_at=START + DAY)
    clock.step(days=1)

    with database.transaction() as session, refused(Code.ILLEGAL_TRANSITION):
        impose_exclusion(session, case, order, now=clock.now())


def test_a_condition_that_would_begin_after_its_order_is_refused(
    database: Database, case: Case
) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START, ends_at=START + DAY)
        with refused(Code.INVALID_REQUEST, "/effective_from"):
            impose_exclusion(session, case, order, now=START, effective_from=START + DAY)


def test_a_version_in_the_past_is_refused(
    database: Database, clock: FrozenClock, case: Case
) -> None:
    with database.transaction() as session:
        condition = impose_exclusion(session, case, order_for(session, case, now=START), now=START)
    clock.step(seconds=1)

    with database.transaction() as session, refused(Code.INVALID_REQUEST, "/effective_from"):
        redraw(session, case, condition, clock, after=timedelta(0))


def test_only_who_may_write_conditions_imposes_them(
    database: Database, case: Case, other_case: Case
) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START)
        with refused(Code.FORBIDDEN):
            impose_curfew(session, replace(case, officer=case.auditor), order, now=START)
        with refused(Code.NOT_FOUND):
            impose_curfew(session, other_case, order, now=START)


def test_a_refused_zone_leaves_no_condition(database: Database, case: Case) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START)
    with pytest.raises(Problem, match="radius_m"), database.transaction() as session:
        impose_curfew(session, case, order, now=START, zone=circle(0.0, 0.0, 0.0))

    with database.snapshot() as session:
        assert not reading.list_conditions(session, case.officer, order.id, Cursor()).items


def test_an_ordinary_condition_is_in_force_at_once(database: Database, case: Case) -> None:
    with database.transaction() as session:
        condition = impose_curfew(session, case, order_for(session, case, now=START), now=START)

    latest = condition.latest
    assert (latest.number, latest.pending, latest.lifted) == (1, False, False)
    assert (latest.effective_from, latest.effective_to) == (START, None)
    assert latest.author_id == case.officer.id
    assert latest.wording is not None
    assert latest.wording.order_reference == "24-CR-001"


def test_a_version_ends_where_the_next_begins(
    database: Database, clock: FrozenClock, case: Case
) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START, ends_at=START + 30 * DAY)
        condition = impose_exclusion(session, case, order, now=START)
        redraw(session, case, condition, clock, after=5 * DAY)

        page = reading.list_versions(session, case.officer, condition.id, Cursor(), now=START)
        assert validities(session, case) == [(0, 5), (5, 30)]

    spans = {version.number: version.effective_to for version in page.items}
    assert spans == {1: START + 5 * DAY, 2: START + 30 * DAY}


def test_a_version_planned_for_later_falls_away_when_a_newer_one_begins_first(
    database: Database, clock: FrozenClock, case: Case
) -> None:
    with database.transaction() as session:
        condition = impose_exclusion(session, case, order_for(session, case, now=START), now=START)
        redraw(session, case, condition, clock, after=5 * DAY)
        newest = redraw(session, case, condition, clock, after=3 * DAY)

        assert validities(session, case) == [(0, 3), (3, None)]
        page = reading.list_versions(session, case.officer, condition.id, Cursor(), now=START)

    assert newest.latest.number == 3
    replaced = next(version for version in page.items if version.number == 2)
    assert replaced.effective_from == replaced.effective_to


def test_versions_of_a_rule_share_its_id(
    database: Database, clock: FrozenClock, case: Case
) -> None:
    with database.transaction() as session:
        condition = impose_exclusion(session, case, order_for(session, case, now=START), now=START)
        redraw(session, case, condition, clock, after=5 * DAY)

        rules = service.rules_for(session, case.supervisee_id, START_S)

    assert [(rule.id, rule.version) for rule in rules] == [
        (str(condition.id), 1),
        (str(condition.id), 2),
    ]


def test_a_lifted_condition_asks_for_nothing_until_it_is_imposed_anew(
    database: Database, clock: FrozenClock, case: Case
) -> None:
    with database.transaction() as session:
        condition = impose_exclusion(session, case, order_for(session, case, now=START), now=START)
        lifted = imposing.lift(
            session,
            case.officer,
            condition.id,
            ruling=Ruling(reason="Lifted by the court.", effective_from=START + DAY),
            now=START,
        )
        assert lifted.latest.lifted
        assert validities(session, case) == [(0, 1)]

        with refused(Code.ILLEGAL_TRANSITION):
            ruling = Ruling(reason="Twice.")
            imposing.lift(session, case.officer, condition.id, ruling=ruling, now=START)
        redraw(session, case, condition, clock, after=3 * DAY)
        assert validities(session, case) == [(0, 1), (3, None)]


def test_an_ordinary_version_needs_no_approval(database: Database, case: Case) -> None:
    with database.transaction() as session:
        condition = impose_exclusion(session, case, order_for(session, case, now=START), now=START)

        with refused(Code.ILLEGAL_TRANSITION):
            imposing.approve_version(session, case.supervisor, condition.id, now=START)


def test_an_other_condition_is_read_and_not_judged(database: Database, case: Case) -> None:
    with database.transaction() as session:
        imposing.impose(
            session,
            case.officer,
            order_for(session, case, now=START).id,
            kind=ConditionKind.OTHER,
            confidential=False,
            draft=Draft(title="Alcohol", text="Drink no alcohol."),
            ruling=Ruling(reason="As ordered."),
            now=START,
        )

        assert service.rules_for(session, case.supervisee_id, START_S) == []


def test_each_edit_moves_the_rules_epoch_and_is_audited(
    database: Database, clock: FrozenClock, case: Case
) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START)
        before = identity.rules_epoch(session, case.supervisee_id)
        condition = impose_exclusion(session, case, order, now=START)
        redraw(session, case, condition, clock, after=5 * DAY)

        assert identity.rules_epoch(session, case.supervisee_id) == before + 2
        acts = [event.act for event in recorded(session, case, "condition")]
    assert acts == ["condition.imposed", "condition.version-added"]


def test_an_edit_that_fails_moves_nothing(
    database: Database, clock: FrozenClock, case: Case
) -> None:
    with database.transaction() as session:
        condition = impose_exclusion(session, case, order_for(session, case, now=START), now=START)
        before = identity.rules_epoch(session, case.supervisee_id)

    with pytest.raises(RuntimeError, match="power"), database.transaction() as session:
        redraw(session, case, condition, clock, after=DAY)
        raise RuntimeError("power failed")

    with database.snapshot() as session:
        assert identity.rules_epoch(session, case.supervisee_id) == before
        assert validities(session, case) == [(0, None)]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE condition_versions SET effective_from = created_at, reason = 'x'",
        "UPDATE condition_versions SET zone = NULL",
        "DELETE FROM condition_versions",
        "UPDATE conditions SET confidential = NOT confidential",
        "DELETE FROM conditions",
    ],
)
def test_the_database_itself_keeps_versions_as_they_were(
    database: Database, case: Case, statement: str
) -> None:
    with database.transaction() as session:
        impose_exclusion(session, case, order_for(session, case, now=START), now=START)

    with pytest.raises(DBAPIError), database.transaction() as session:
        session.execute(text(statement))


def test_lists_of_conditions_come_by_pages(
    database: Database, clock: FrozenClock, case: Case
) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START)
        made = [
            impose_exclusion(session, case, order, now=clock.step(minutes=1)).id for _ in range(3)
        ]

    with database.snapshot() as session:
        first = reading.list_conditions(session, case.auditor, order.id, Cursor(limit=2))
        cursor = Cursor(after=first.next)
        rest = reading.list_conditions(session, case.auditor, order.id, cursor)

    assert [item.id for item in [*first.items, *rest.items]] == made[::-1]


def test_an_auditor_reads_and_does_not_write(
    database: Database, clock: FrozenClock, case: Case
) -> None:
    with database.transaction() as session:
        condition = impose_exclusion(session, case, order_for(session, case, now=START), now=START)

        assert reading.get_condition(session, case.auditor, condition.id, now=START) == condition
        with refused(Code.FORBIDDEN):
            redraw(session, replace(case, officer=case.auditor), condition, clock, after=DAY)
        with refused(Code.FORBIDDEN):
            ruling = Ruling(reason="Not mine to say.")
            imposing.lift(session, case.auditor, condition.id, ruling=ruling, now=START)
        with refused(Code.FORBIDDEN):
            imposing.approve_version(session, case.auditor, condition.id, now=START)
