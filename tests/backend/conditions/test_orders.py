from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from backend.conditions import orders, service
from backend.conditions.orders import OrderTerms
from backend.conditions.values import Order
from backend.core.actor import SYSTEM
from backend.core.db import Database, Session
from backend.core.errors import Code
from backend.core.paging import Cursor
from backend.identity import service as identity
from tests.support.clocks import START, FrozenClock
from tests.support.conditions import Case, impose_curfew, order_for, recorded, refused

DAY = timedelta(days=1)


def terms_of(order: Order) -> OrderTerms:
    return OrderTerms(
        court=order.court,
        reference=order.reference,
        judge=order.judge,
        issued_on=order.issued_on,
        starts_at=order.starts_at,
        ends_at=order.ends_at,
    )


def change(
    session: Session, case: Case, order: Order, clock: FrozenClock, terms: OrderTerms
) -> Order:
    return orders.change_order(session, case.officer, order.id, terms, now=clock.now())


def test_an_order_needs_an_officer_with_the_right(
    database: Database, clock: FrozenClock, case: Case
) -> None:
    for actor in (case.auditor, case.person, SYSTEM):
        with database.transaction() as session, refused(Code.FORBIDDEN):
            order_for(session, replace(case, officer=actor), now=clock.now())


def test_an_order_over_a_person_of_another_agency_is_a_miss(
    database: Database, clock: FrozenClock, case: Case, other_case: Case
) -> None:
    strangers = replace(case, supervisee_id=other_case.supervisee_id)
    with database.transaction() as session, refused(Code.NOT_FOUND):
        order_for(session, strangers, now=clock.now())


def test_an_order_that_has_ended_is_not_recorded(database: Database, case: Case) -> None:
    with database.transaction() as session, refused(Code.INVALID_REQUEST, "/ends_at"):
        order_for(session, case, now=START, starts_at=START - 2 * DAY, ends_at=START)


def test_an_order_that_ends_before_it_starts_is_refused(database: Database, case: Case) -> None:
    with database.transaction() as session, refused(Code.INVALID_REQUEST, "/ends_at"):
        order_for(session, case, now=START, starts_at=START + 2 * DAY, ends_at=START + DAY)


def test_an_order_is_in_force_from_its_start_up_to_its_end(database: Database, case: Case) -> None:
    def in_force(session: Session, after: timedelta) -> bool:
        return service.has_order_in_force(session, case.supervisee_id, START + after)

    with database.transaction() as session:
        assert not in_force(session, DAY)
        order_for(session, case, now=START, starts_at=START + DAY, ends_at=START + 2 * DAY)

    with database.snapshot() as session:
        assert not in_force(session, DAY - timedelta(seconds=1))
        assert in_force(session, DAY)
        assert in_force(session, 2 * DAY - timedelta(seconds=1))
        assert not in_force(session, 2 * DAY)


def test_ending_an_order_ends_its_rules(database: Database, clock: FrozenClock, case: Case) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START)
        impose_curfew(session, case, order, now=START)

    clock.step(days=3)
    with database.transaction() as session:
        change(session, case, order, clock, replace(terms_of(order), ends_at=START + 2 * DAY))

    with database.snapshot() as session:
        (rule,) = service.rules_for(session, case.supervisee_id, int(START.timestamp()))
        assert rule.valid_until_s == int((START + 2 * DAY).timestamp())
        assert not service.rules_for(session, case.supervisee_id, int(clock.now().timestamp()))


def test_an_order_that_has_ended_is_not_prolonged(
    database: Database, clock: FrozenClock, case: Case
) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START, ends_at=START + DAY)
    clock.step(days=1)

    for ends_at in (None, START + 9 * DAY):
        terms = replace(terms_of(order), ends_at=ends_at)
        with database.transaction() as session, refused(Code.INVALID_REQUEST, "/ends_at"):
            change(session, case, order, clock, terms)


def test_an_order_in_force_is_prolonged(database: Database, clock: FrozenClock, case: Case) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START, ends_at=START + DAY)
        changed = change(
            session, case, order, clock, replace(terms_of(order), ends_at=START + 9 * DAY)
        )

    assert changed.ends_at == START + 9 * DAY


def test_the_start_of_an_order_that_has_begun_stays(
    database: Database, clock: FrozenClock, case: Case
) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START)
    for starts_at in (START - DAY, START + DAY):
        terms = replace(terms_of(order), starts_at=starts_at)
        with database.transaction() as session, refused(Code.INVALID_REQUEST, "/starts_at"):
            change(session, case, order, clock, terms)


def test_a_start_ahead_moves_but_not_into_the_past(
    database: Database, clock: FrozenClock, case: Case
) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START, starts_at=START + 9 * DAY)
    clock.step(days=1)
    past = replace(terms_of(order), starts_at=START)
    with database.transaction() as session, refused(Code.INVALID_REQUEST, "/starts_at"):
        change(session, case, order, clock, past)

    sooner = replace(terms_of(order), starts_at=clock.now())
    with database.transaction() as session:
        assert change(session, case, order, clock, sooner).starts_at == clock.now()


def test_a_change_moves_the_rules_epoch_and_is_audited_by_field_names(
    database: Database, clock: FrozenClock, case: Case
) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START)
        before = identity.rules_epoch(session, case.supervisee_id)
        change(session, case, order, clock, replace(terms_of(order), judge="J. Example"))
        change(session, case, order, clock, replace(terms_of(order), judge="J. Example"))

        assert identity.rules_epoch(session, case.supervisee_id) == before + 1
        changed, first = recorded(session, case, "order")
    assert (changed.act, first.act) == ("order.changed", "order.recorded")
    assert changed.details["changed"] == ["judge"]
    assert "J. Example" not in str(changed.details)


def test_orders_come_by_pages_latest_first(
    database: Database, clock: FrozenClock, case: Case
) -> None:
    with database.transaction() as session:
        made = [order_for(session, case, now=clock.step(minutes=1)) for _ in range(3)]

    with database.snapshot() as session:
        first = orders.list_orders(session, case.auditor, case.supervisee_id, Cursor(limit=2))
        rest = orders.list_orders(
            session, case.auditor, case.supervisee_id, Cursor(after=first.next, limit=2)
        )

    assert [*first.items, *rest.items] == made[::-1]
    assert rest.next is None


def test_orders_of_another_agency_are_a_miss(
    database: Database, case: Case, other_case: Case
) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START)

    with database.snapshot() as session:
        with refused(Code.NOT_FOUND):
            orders.get_order(session, other_case.officer, order.id)
        with refused(Code.NOT_FOUND):
            orders.list_orders(session, other_case.officer, case.supervisee_id, Cursor())


def test_an_officer_narrowed_to_their_own_sees_only_those(database: Database, case: Case) -> None:
    narrowed = replace(case.officer, own_only=True)
    with database.transaction() as session:
        order = order_for(session, case, now=START)
        with refused(Code.NOT_FOUND):
            orders.get_order(session, narrowed, order.id)
        assert narrowed.id is not None
        identity.assign(session, case.officer, case.supervisee_id, narrowed.id, now=START)

        assert orders.get_order(session, narrowed, order.id) == order
