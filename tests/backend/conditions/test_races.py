"""Two officers at once, on real connections: nothing is lost, nothing is decided twice."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

from backend.conditions import exemptions, imposing, reading
from backend.conditions.content import Draft
from backend.conditions.imposing import Ruling
from backend.core.actor import Actor
from backend.core.db import Database, Session
from backend.core.errors import Code, Problem
from backend.core.paging import Cursor
from tests.support.clocks import START
from tests.support.conditions import (
    circle,
    impose_exclusion,
    open_case,
    order_for,
    propose_exemption,
)


def at_once(
    database: Database, actors: list[Actor], act: Callable[[Session, Actor], object]
) -> list[Code | None]:
    """Let each actor act in a transaction of their own, together; return what each was refused."""
    start = Barrier(len(actors))

    def one(actor: Actor) -> Code | None:
        start.wait(10)
        try:
            with database.transaction() as session:
                act(session, actor)
        except Problem as problem:
            return problem.code
        return None

    with ThreadPoolExecutor(len(actors)) as pool:
        return list(pool.map(one, actors))


def test_versions_made_at_once_get_numbers_of_their_own(postgresql_database: Database) -> None:
    with postgresql_database.transaction() as session:
        case = open_case(session, now=START)
        condition = impose_exclusion(session, case, order_for(session, case, now=START), now=START)

    def add(session: Session, actor: Actor) -> None:
        imposing.add_version(
            session,
            actor,
            condition.id,
            draft=Draft(title="Test", zone=circle(41.9, -87.6, 400.0)),
            ruling=Ruling(reason="As ordered."),
            now=START,
        )

    outcomes = at_once(postgresql_database, [case.officer, case.supervisor] * 4, add)

    with postgresql_database.snapshot() as session:
        page = reading.list_versions(session, case.officer, condition.id, Cursor(), now=START)
    assert outcomes == [None] * 8
    assert sorted(version.number for version in page.items) == list(range(1, 10))


def test_two_approvals_at_once_leave_one_approver(postgresql_database: Database) -> None:
    with postgresql_database.transaction() as session:
        case = open_case(session, now=START)
        proposed = propose_exemption(session, case, now=START)

    def approve(session: Session, actor: Actor) -> None:
        exemptions.approve_exemption(session, actor, proposed.id, now=START)

    outcomes = at_once(postgresql_database, [case.supervisor, case.liaison] * 4, approve)

    assert outcomes.count(None) == 1
    assert outcomes.count(Code.ILLEGAL_TRANSITION) == 7


def test_orders_at_once_never_wait_for_each_other_in_a_circle(
    postgresql_database: Database,
) -> None:
    with postgresql_database.transaction() as session:
        case = open_case(session, now=START)
        order = order_for(session, case, now=START)

    def edit(session: Session, actor: Actor) -> None:
        impose_exclusion(session, replace(case, officer=actor), order, now=START)
        propose_exemption(session, replace(case, officer=actor), now=START)
        order_for(session, replace(case, officer=actor), now=START)

    assert at_once(postgresql_database, [case.officer, case.supervisor] * 4, edit) == [None] * 8
