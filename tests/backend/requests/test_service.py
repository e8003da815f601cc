"""Requests are kept, shown to whom they concern, answered once, and never many."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from backend.audit.acts import Act
from backend.core.actor import SYSTEM, Actor, Permission
from backend.core.db import Database
from backend.core.errors import Code, Problem
from backend.core.paging import Cursor
from backend.identity.service import PERMISSIONS, Role
from backend.requests import service
from backend.requests.models import RequestRow
from backend.requests.service import (
    MAX_OPEN_OF_A_KIND,
    NewRequest,
    Request,
    RequestKind,
    RequestState,
)
from tests.support.audit import acts_kept, recorded_text
from tests.support.clocks import START
from tests.support.identity import make_actor, make_agency, make_supervisee
from tests.support.offices import Office, make_office
from tests.support.requests import asked, self_of

LATER = START + timedelta(days=1)
MORE = START + timedelta(days=8)
ALL = Cursor()


@pytest.fixture
def office(database: Database) -> Office:
    with database.transaction() as session:
        return make_office(session, START)


@pytest.fixture
def waiting(database: Database, office: Office) -> Request:
    with database.transaction() as session:
        return asked(session, office.person, START)


def _refused(database: Database, office: Office, new: NewRequest) -> Problem:
    with pytest.raises(Problem) as raised, database.transaction() as session:
        service.ask(session, self_of(office.person), new, now=START)
    return raised.value


def _answer(
    database: Database,
    actor: Actor,
    request: Request,
    outcome: RequestState = RequestState.ANSWERED,
) -> Request:
    with database.transaction() as session:
        return service.answer_request(
            session, actor, request.id, outcome=outcome, answer="It is mended.", now=LATER
        )


class TestAsking:
    def test_who_never_asked_has_nothing_there(self, database: Database, office: Office) -> None:
        with database.snapshot() as session:
            assert service.my_requests(session, self_of(office.person), ALL).items == []
            assert service.requests(session, office.actor, cursor=ALL).items == []

    @pytest.mark.parametrize("who", ["officer", "system"])
    def test_only_a_supervised_person_asks(
        self, database: Database, office: Office, who: str
    ) -> None:
        actor = office.actor if who == "officer" else SYSTEM
        new = NewRequest(kind=RequestKind.ACCESS, text="All of it.")

        with pytest.raises(Problem) as asking, database.transaction() as session:
            service.ask(session, actor, new, now=START)
        with pytest.raises(Problem) as reading, database.snapshot() as session:
            service.my_requests(session, actor, ALL)

        assert {asking.value.code, reading.value.code} == {Code.FORBIDDEN}

    @pytest.mark.parametrize(
        "kind", [kind for kind in RequestKind if kind is not RequestKind.EXEMPTION]
    )
    def test_only_an_exemption_has_times(
        self, database: Database, office: Office, kind: RequestKind
    ) -> None:
        begins = _refused(database, office, NewRequest(kind=kind, text="So.", starts_at=LATER))
        ends = _refused(database, office, NewRequest(kind=kind, text="So.", ends_at=LATER))

        assert (begins.code, begins.pointer) == (Code.INVALID_REQUEST, "/starts_at")
        assert (ends.code, ends.pointer) == (Code.INVALID_REQUEST, "/ends_at")

    @pytest.mark.parametrize(
        ("starts_at", "ends_at"), [(None, START), (LATER, LATER), (MORE, LATER)]
    )
    def test_an_exemption_that_is_over_before_it_begins_is_refused(
        self, database: Database, office: Office, starts_at: object, ends_at: object
    ) -> None:
        new = NewRequest(kind=RequestKind.EXEMPTION, text="So.")

        problem = _refused(database, office, replace(new, starts_at=starts_at, ends_at=ends_at))  # type: ignore[arg-type]  # times or None

        assert (problem.code, problem.pointer) == (Code.INVALID_REQUEST, "/ends_at")

    def test_it_is_kept_as_it_was_said_and_audited_without_its_words(
        self, database: Database, office: Office
    ) -> None:
        new = NewRequest(
            kind=RequestKind.EXEMPTION, text="In hospital.", starts_at=LATER, ends_at=MORE
        )

        with database.transaction() as session:
            made = service.ask(session, self_of(office.person), new, now=START)

        with database.snapshot() as session:
            assert service.my_requests(session, self_of(office.person), ALL).items == [made]
            assert "hospital" not in recorded_text(session)
        assert (made.kind, made.text, made.starts_at, made.ends_at) == (
            RequestKind.EXEMPTION,
            "In hospital.",
            LATER,
            MORE,
        )
        assert (made.state, made.answer, made.asked_at) == (RequestState.OPEN, None, START)
        assert Act.REQUEST_MADE in acts_kept(database)
        assert "hospital" not in repr(made)

    def test_the_same_again_is_the_one_that_waits(
        self, database: Database, office: Office, waiting: Request
    ) -> None:
        with database.transaction() as session:
            again = asked(session, office.person, LATER)
            other = asked(session, office.person, LATER, text="It stops at night, too.")
            kind = asked(session, office.person, LATER, kind=RequestKind.ERASURE)

        assert again == waiting
        assert len({waiting.id, other.id, kind.id}) == 3

    def test_the_same_with_other_times_is_another(self, database: Database, office: Office) -> None:
        new = NewRequest(kind=RequestKind.EXEMPTION, text="In hospital.", ends_at=LATER)

        with database.transaction() as session:
            first = service.ask(session, self_of(office.person), new, now=START)
            longer = service.ask(
                session, self_of(office.person), replace(new, ends_at=MORE), now=START
            )

        assert first.id != longer.id

    def test_of_a_kind_few_wait_and_no_other_kind_suffers(
        self, database: Database, office: Office
    ) -> None:
        with database.transaction() as session:
            made = [
                asked(session, office.person, START, text=f"Trouble {number}.")
                for number in range(MAX_OPEN_OF_A_KIND)
            ]

        problem = _refused(
            database, office, NewRequest(kind=RequestKind.TROUBLE, text="One more trouble.")
        )

        assert (problem.code, problem.members) == (
            Code.TOO_MANY_OPEN,
            {"limit": MAX_OPEN_OF_A_KIND},
        )
        with database.transaction() as session:
            assert asked(session, office.person, START, text="Trouble 0.") == made[0]
            for kind in set(RequestKind) - {RequestKind.TROUBLE}:
                asked(session, office.person, START, kind=kind)

    def test_an_answer_makes_room(self, database: Database, office: Office) -> None:
        with database.transaction() as session:
            for number in range(MAX_OPEN_OF_A_KIND):
                last = asked(session, office.person, START, text=f"Trouble {number}.")

        _answer(database, office.actor, last)

        with database.transaction() as session:
            assert asked(session, office.person, LATER, text=last.text).id != last.id

    def test_one_persons_many_do_not_silence_another(
        self, database: Database, office: Office
    ) -> None:
        with database.transaction() as session:
            for number in range(MAX_OPEN_OF_A_KIND):
                asked(session, office.person, START, text=f"Trouble {number}.")
            neighbour = make_supervisee(session, office.agency, START)

            assert asked(session, neighbour, START).supervisee_id == neighbour.id


class TestReading:
    def test_another_agency_and_another_person_see_nothing_of_it(
        self, database: Database, office: Office, waiting: Request
    ) -> None:
        with database.transaction() as session:
            strangers = make_agency(session, START)
            stranger = make_actor(session, strangers, START, role=Role.SUPERVISOR)
            neighbour = make_supervisee(session, office.agency, START)

        with database.snapshot() as session:
            assert service.requests(session, stranger, cursor=ALL).items == []
            assert service.my_requests(session, self_of(neighbour), ALL).items == []
            with pytest.raises(Problem) as reading:
                service.read_request(session, stranger, waiting.id)
        with pytest.raises(Problem) as answering:
            _answer(database, stranger, waiting)
        with pytest.raises(Problem) as holding, database.transaction() as session:
            service.request_to_answer(session, stranger, waiting.id)
        codes = {reading.value.code, answering.value.code, holding.value.code}
        assert codes == {Code.NOT_FOUND}

    def test_an_officer_with_scope_own_sees_those_in_their_charge(
        self, database: Database, office: Office, waiting: Request
    ) -> None:
        with database.transaction() as session:
            neighbour = make_supervisee(session, office.agency, START)
            theirs = asked(session, neighbour, LATER)
        own = replace(office.actor, own_only=True)

        with database.snapshot() as session:
            everybody = service.requests(session, office.actor, cursor=ALL)
            in_charge = service.requests(session, own, cursor=ALL)
            with pytest.raises(Problem) as raised:
                service.read_request(session, own, theirs.id)

        assert everybody.items == [theirs, waiting]
        assert in_charge.items == [waiting]
        assert raised.value.code is Code.NOT_FOUND

    def test_the_list_is_narrowed_and_paged(
        self, database: Database, office: Office, waiting: Request
    ) -> None:
        with database.transaction() as session:
            neighbour = make_supervisee(session, office.agency, START)
            access = asked(session, neighbour, LATER, kind=RequestKind.ACCESS)
        done = _answer(database, office.actor, waiting)

        with database.snapshot() as session:
            by_kind = service.requests(
                session, office.actor, kind=RequestKind.ACCESS, cursor=ALL
            ).items
            by_state = service.requests(
                session, office.actor, state=RequestState.ANSWERED, cursor=ALL
            ).items
            by_person = service.requests(
                session, office.actor, supervisee_id=neighbour.id, cursor=ALL
            ).items
            first = service.requests(session, office.actor, cursor=Cursor(limit=1))
            second = service.requests(
                session, office.actor, cursor=Cursor(limit=1, after=first.next)
            )

        assert (by_kind, by_state, by_person) == ([access], [done], [access])
        assert (first.items, second.items, second.next) == ([access], [done], None)

    @pytest.mark.parametrize("role", Role)
    def test_who_deals_with_cases_reads_them_and_who_supervises_answers(
        self, database: Database, office: Office, waiting: Request, role: Role
    ) -> None:
        may_read = Permission.REQUEST_READ in PERMISSIONS[role]
        may_answer = Permission.REQUEST_ANSWER in PERMISSIONS[role]
        with database.transaction() as session:
            actor = make_actor(session, office.agency, START, role=role)

        assert may_read == (role in {Role.OFFICER, Role.SUPERVISOR, Role.AUDITOR})
        assert may_answer == (role in {Role.OFFICER, Role.SUPERVISOR})
        if not may_read:
            with pytest.raises(Problem, match="request:read"), database.snapshot() as session:
                service.read_request(session, actor, waiting.id)
            with pytest.raises(Problem, match="request:read"), database.snapshot() as session:
                service.requests(session, actor, cursor=ALL)
        if not may_answer:
            with pytest.raises(Problem, match="request:answer"):
                _answer(database, actor, waiting)
            with pytest.raises(Problem, match="request:answer"), database.transaction() as session:
                service.request_to_answer(session, actor, waiting.id)


class TestAnswering:
    @pytest.mark.parametrize("outcome", [RequestState.ANSWERED, RequestState.DECLINED])
    def test_the_person_reads_the_answer_which_stays(
        self, database: Database, office: Office, waiting: Request, outcome: RequestState
    ) -> None:
        done = _answer(database, office.actor, waiting, outcome)

        with database.snapshot() as session:
            assert service.my_requests(session, self_of(office.person), ALL).items == [done]
            assert "mended" not in recorded_text(session)
        assert done == replace(
            waiting,
            state=outcome,
            answer="It is mended.",
            answered_by=office.actor.id,
            answered_at=LATER,
        )
        assert Act.REQUEST_ANSWERED in acts_kept(database)
        with pytest.raises(Problem) as raised:
            _answer(database, office.actor, waiting)
        assert raised.value.code is Code.ILLEGAL_TRANSITION

    def test_what_was_asked_is_never_rewritten(self, database: Database, waiting: Request) -> None:
        with (
            pytest.raises(DBAPIError, match="append-only"),
            database.transaction() as session,
        ):
            session.execute(update(RequestRow).values(text="Never mind."))
        with database.snapshot() as session:
            assert session.scalars(select(RequestRow.text)).all() == [waiting.text]
