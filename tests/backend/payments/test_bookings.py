"""Money from outside: announced, booked, given back, taken back, and of nobody known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from uuid import UUID, uuid4

import pytest

from backend.audit.acts import Act
from backend.core.actor import SYSTEM
from backend.core.db import Database, Session
from backend.core.errors import Code, Problem
from backend.core.paging import Cursor
from backend.payments import service
from backend.payments.kinds import Authority, Method, ObligationKind
from backend.payments.ledger import TransactionKind
from backend.payments.service import Incoming, Outgoing, Source, Unidentified
from backend.payments.values import CurrencyBalance
from tests.support.audit import acts_kept
from tests.support.clocks import START
from tests.support.identity import make_supervisee
from tests.support.offices import Office, make_office
from tests.support.payments import owed

SOON = date(2026, 3, 20)


def _incoming(person: UUID, *, amount_minor: int = 4_000, external_id: str = "pi_1") -> Incoming:
    return Incoming(
        supervisee_id=person,
        amount_minor=amount_minor,
        currency="USD",
        received_on=date(2026, 3, 2),
        method=Method.HOSTED_PAGE,
        source=Source.PROVIDER,
        external_id=external_id,
    )


def _back(payment_id: UUID, amount_minor: int = 1_000, external_id: str = "re_1") -> Outgoing:
    return Outgoing(
        payment_id=payment_id,
        amount_minor=amount_minor,
        source=Source.PROVIDER,
        external_id=external_id,
        reason="Paid twice.",
        authority=Authority.PROVIDER,
        document=external_id,
    )


def _unidentified(external_id: str = "L-1") -> Unidentified:
    return Unidentified(
        amount_minor=4_000,
        currency="USD",
        received_on=date(2026, 3, 2),
        method=Method.LOCKBOX,
        source=Source.IMPORT,
        external_id=external_id,
        note="For T. Example",
    )


def _dollars(session: Session, office: Office) -> CurrencyBalance:
    (dollars,) = service.balance(session, SYSTEM, office.person.id, now=START).currencies
    return dollars


def _release(session: Session, office: Office) -> bool:
    return service.release_pending(
        session,
        SYSTEM,
        office.person.id,
        source=Source.PROVIDER,
        external_id="pi_1",
        reason="Declined.",
        now=START,
    )


def _refused(error: pytest.ExceptionInfo[Problem]) -> Code:
    return error.value.code


def test_what_is_pending_pays_nothing_yet(database: Database, office: Office) -> None:
    with database.transaction() as session:
        owed(session, office.actor, office.person.id, SOON, START)

        first = service.book_pending(session, SYSTEM, _incoming(office.person.id), now=START)
        again = service.book_pending(session, SYSTEM, _incoming(office.person.id), now=START)

        assert first == again
        assert first is not None
        dollars = _dollars(session, office)
        assert (dollars.outstanding_minor, dollars.paid_minor) == (10_000, 0)
        assert dollars.pending_minor == 4_000


def test_a_posted_payment_is_pending_no_more(database: Database, office: Office) -> None:
    with database.transaction() as session:
        owed(session, office.actor, office.person.id, SOON, START)
        service.book_pending(session, SYSTEM, _incoming(office.person.id), now=START)

        payment = service.book_payment(session, SYSTEM, _incoming(office.person.id), now=START)
        again = service.book_payment(session, SYSTEM, _incoming(office.person.id), now=START)

        assert again == payment
        assert payment.source is Source.PROVIDER
        dollars = _dollars(session, office)
        assert (dollars.outstanding_minor, dollars.pending_minor) == (6_000, 0)
        assert not _release(session, office)


def test_news_that_overtake_each_other_end_the_same(database: Database, office: Office) -> None:
    with database.transaction() as session:
        service.book_payment(session, SYSTEM, _incoming(office.person.id), now=START)

        late = service.book_pending(session, SYSTEM, _incoming(office.person.id), now=START)

        assert late is None
        assert _dollars(session, office).pending_minor == 0


def test_what_failed_can_still_arrive(database: Database, office: Office) -> None:
    with database.transaction() as session:
        assert not _release(session, office)
        service.book_pending(session, SYSTEM, _incoming(office.person.id), now=START)

        assert _release(session, office)
        assert not _release(session, office)
        service.book_payment(session, SYSTEM, _incoming(office.person.id), now=START)

        dollars = _dollars(session, office)
        assert (dollars.pending_minor, dollars.paid_minor) == (0, 4_000)
    assert acts_kept(database) >= {
        Act.PAYMENT_ANNOUNCED,
        Act.PAYMENT_FAILED,
        Act.PAYMENT_RECORDED,
    }


def test_one_number_for_other_money_is_refused(database: Database, office: Office) -> None:
    with database.transaction() as session:
        other = make_supervisee(session, office.agency, START)
        service.book_payment(session, SYSTEM, _incoming(office.person.id), now=START)

        for money in (_incoming(other.id), _incoming(office.person.id, amount_minor=1)):
            with pytest.raises(Problem) as error:
                service.book_payment(session, SYSTEM, money, now=START)
            assert _refused(error) is Code.ALREADY_EXISTS


@pytest.mark.parametrize("book", [service.book_refund, service.book_chargeback])
def test_money_that_goes_back_is_owed_again_from_the_last(
    database: Database, office: Office, book: Callable[..., UUID]
) -> None:
    with database.transaction() as session:
        who = (session, office.actor, office.person.id, SOON, START)
        fine = owed(*who, amount_minor=3_000)
        victim = owed(*who, amount_minor=3_000, kind=ObligationKind.RESTITUTION)
        money = _incoming(office.person.id, amount_minor=6_500)
        payment = service.book_payment(session, SYSTEM, money, now=START)

        first = book(session, SYSTEM, _back(payment.id, 1_500), now=START)
        again = book(session, SYSTEM, _back(payment.id, 1_500), now=START)

        assert first == again
        balance = service.balance(session, SYSTEM, office.person.id, now=START)
        assert {one.id: one.outstanding_minor for one in balance.unpaid} == {fine.id: 1_000}
        assert balance.currencies[0].paid_minor == 5_000
        assert victim.id not in {one.id for one in balance.unpaid}
        assert service.read_payment(session, office.actor, payment.id).returned_minor == 1_500


def test_no_more_goes_back_than_came(database: Database, office: Office) -> None:
    with database.transaction() as session:
        payment = service.book_payment(session, SYSTEM, _incoming(office.person.id), now=START)
        service.book_refund(session, SYSTEM, _back(payment.id, 3_000), now=START)

        with pytest.raises(Problem) as too_much:
            service.book_chargeback(session, SYSTEM, _back(payment.id, 1_001, "dp_1"), now=START)
        with pytest.raises(Problem) as other_kind:
            service.book_chargeback(session, SYSTEM, _back(payment.id), now=START)
        with pytest.raises(Problem) as reversed_after:
            service.reverse_payment(session, office.actor, payment.id, reason="No.", now=START)

        assert _refused(too_much) is Code.ILLEGAL_TRANSITION
        assert _refused(other_kind) is Code.ALREADY_EXISTS
        assert _refused(reversed_after) is Code.ILLEGAL_TRANSITION


def test_of_a_payment_of_nobody_nothing_goes_back(database: Database) -> None:
    with database.transaction() as session:
        with pytest.raises(Problem) as unknown:
            service.book_refund(session, SYSTEM, _back(uuid4()), now=START)
        with pytest.raises(Problem) as nothing:
            service.reverse_repayment(session, SYSTEM, uuid4(), reason="Won.", now=START)

        assert _refused(unknown) is _refused(nothing) is Code.NOT_FOUND


def test_a_number_that_is_another_persons_books_no_refund(
    database: Database, office: Office
) -> None:
    with database.transaction() as session:
        payment = service.book_payment(session, SYSTEM, _incoming(office.person.id), now=START)

        with pytest.raises(Problem) as error:
            service.book_refund(session, SYSTEM, _back(payment.id, 1_000, "pi_1"), now=START)

        assert _refused(error) is Code.ALREADY_EXISTS


def test_a_chargeback_that_was_won_is_undone_once(database: Database, office: Office) -> None:
    with database.transaction() as session:
        owed(session, office.actor, office.person.id, SOON, START, amount_minor=4_000)
        payment = service.book_payment(session, SYSTEM, _incoming(office.person.id), now=START)
        taken = service.book_chargeback(session, SYSTEM, _back(payment.id, 4_000), now=START)
        assert _dollars(session, office).outstanding_minor == 4_000

        won = service.reverse_repayment(session, SYSTEM, taken, reason="Won.", now=START)
        again = service.reverse_repayment(session, SYSTEM, taken, reason="Won.", now=START)

        assert won is not None
        assert again is None
        assert _dollars(session, office).outstanding_minor == 0
        assert service.read_payment(session, office.actor, payment.id).returned_minor == 0
    assert acts_kept(database) >= {Act.PAYMENT_CHARGED_BACK, Act.REPAYMENT_REVERSED}


def test_money_of_nobody_known_waits_and_is_cleared_once(
    database: Database, office: Office
) -> None:
    with database.transaction() as session:
        owed(session, office.actor, office.person.id, SOON, START)
        item = service.book_suspense(session, SYSTEM, office.agency.id, _unidentified(), now=START)
        again = service.book_suspense(session, SYSTEM, office.agency.id, _unidentified(), now=START)
        assert item == again
        waiting = service.suspense_items(session, office.actor, waiting=True, cursor=Cursor())
        assert [one.id for one in waiting.items] == [item.id]

        payment = service.clear_suspense(
            session, office.actor, item.id, office.person.id, note="By phone.", now=START
        )

        assert payment.source is Source.SUSPENSE
        assert _dollars(session, office).outstanding_minor == 6_000
        waiting = service.suspense_items(session, office.actor, waiting=True, cursor=Cursor())
        every = service.suspense_items(session, office.actor, waiting=False, cursor=Cursor())
        assert waiting.items == []
        assert [one.cleared_as for one in every.items] == [TransactionKind.CLEARANCE]
        for leave in (
            lambda: service.return_suspense(session, office.actor, item.id, now=START),
            lambda: service.clear_suspense(
                session, office.actor, item.id, office.person.id, note="", now=START
            ),
        ):
            with pytest.raises(Problem) as error:
                leave()
            assert _refused(error) is Code.ILLEGAL_TRANSITION


def test_money_cleared_for_the_wrong_person_waits_again(database: Database, office: Office) -> None:
    with database.transaction() as session:
        item = service.book_suspense(session, SYSTEM, office.agency.id, _unidentified(), now=START)
        payment = service.clear_suspense(
            session, office.actor, item.id, office.person.id, note="", now=START
        )

        service.reverse_payment(session, office.actor, payment.id, reason="Not hers.", now=START)

        (back,) = service.suspense_items(session, office.actor, waiting=True, cursor=Cursor()).items
        assert (back.amount_minor, back.source) == (4_000, Source.REVERSAL)
        returned = service.return_suspense(session, office.actor, back.id, now=START)
        assert returned.cleared_as is TransactionKind.RETURN
        assert _dollars(session, office).paid_minor == 0


def test_suspense_of_another_agency_is_not_there(database: Database, office: Office) -> None:
    with database.transaction() as session:
        elsewhere = make_office(session, START)
        item = service.book_suspense(
            session, office.actor, office.agency.id, _unidentified(), now=START
        )

        for act in (
            lambda: service.book_suspense(
                session, elsewhere.actor, office.agency.id, _unidentified("L-2"), now=START
            ),
            lambda: service.return_suspense(session, elsewhere.actor, item.id, now=START),
            lambda: service.clear_suspense(
                session, SYSTEM, item.id, elsewhere.person.id, note="", now=START
            ),
        ):
            with pytest.raises(Problem) as error:
                act()
            assert _refused(error) is Code.NOT_FOUND


def test_one_line_of_a_statement_is_not_two_amounts(database: Database, office: Office) -> None:
    with database.transaction() as session:
        service.book_suspense(session, SYSTEM, office.agency.id, _unidentified(), now=START)

        with pytest.raises(Problem) as error:
            service.book_suspense(
                session,
                SYSTEM,
                office.agency.id,
                replace(_unidentified(), amount_minor=1),
                now=START,
            )

        assert _refused(error) is Code.ALREADY_EXISTS
