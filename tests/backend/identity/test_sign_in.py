from __future__ import annotations

import time
from datetime import timedelta

import pytest

from backend.audit import service as audit
from backend.audit.service import Event
from backend.core.actor import Actor, ActorKind, Permission
from backend.core.db import Database
from backend.core.errors import Code, Problem
from backend.core.paging import Cursor
from backend.identity import service
from backend.identity.service import Agency, IssuedToken, Officer, Role
from backend.identity.tokens import ABSOLUTE
from tests.support.audit import recorded_acts, recorded_text
from tests.support.clocks import START, FrozenClock
from tests.support.identity import PASSWORD, actor_of, make_agency, make_officer

ADDRESS = "192.0.2.1"


@pytest.fixture
def agency(database: Database) -> Agency:
    with database.transaction() as session:
        return make_agency(session, START)


@pytest.fixture
def officer(database: Database, agency: Agency) -> Officer:
    with database.transaction() as session:
        return make_officer(session, agency, START)


def sign_in(
    database: Database,
    clock: FrozenClock,
    email: str,
    password: str = PASSWORD,
    address: str = ADDRESS,
) -> IssuedToken | Problem:
    with database.transaction() as session:
        attempt = service.begin_sign_in(session, email=email, address=address, now=clock.now())
    proved = attempt.is_proved_by(password)
    with database.transaction() as session:
        return service.finish_sign_in(session, attempt, proved=proved, now=clock.now())


def sign_ins(database: Database, agency: Agency) -> list[Event]:
    reader = Actor(
        kind=ActorKind.OFFICER,
        id=None,
        agency_id=agency.id,
        permissions=frozenset({Permission.AUDIT_READ}),
    )
    with database.snapshot() as session:
        page = audit.events(session, reader, cursor=Cursor(), act=audit.Act.OFFICER_SIGNED_IN)
    return list(page.items)


def test_a_wrong_password_fails_and_the_failure_is_recorded(
    database: Database, clock: FrozenClock, agency: Agency, officer: Officer
) -> None:
    outcome = sign_in(database, clock, officer.email, "a wrong password, surely")

    assert isinstance(outcome, Problem)
    assert outcome.code is Code.SIGN_IN_FAILED
    (event,) = sign_ins(database, agency)
    assert (event.outcome, event.details) == ("failed", {"reason": "password"})
    assert event.actor_id is None
    assert event.subject_id == officer.id
    assert event.address == ADDRESS


def test_an_unknown_address_gets_the_same_answer_and_is_recorded_without_it(
    database: Database, clock: FrozenClock, officer: Officer
) -> None:
    wrong = sign_in(database, clock, officer.email, "a wrong password, surely")
    unknown = sign_in(database, clock, "somebody.private@home.example")

    assert isinstance(wrong, Problem)
    assert isinstance(unknown, Problem)
    assert (unknown.body(), unknown.headers) == (wrong.body(), wrong.headers)
    with database.snapshot() as session:
        assert recorded_acts(session).count("officer.signed-in") == 2
        assert "private" not in recorded_text(session)
        assert officer.email not in recorded_text(session)


def test_an_unknown_address_takes_as_long_as_a_wrong_password(
    database: Database, clock: FrozenClock
) -> None:
    with database.transaction() as session:
        officer = make_officer(session, make_agency(session, START), START)

    def fastest(email: str) -> float:
        spent = []
        for number in range(4):
            start = time.perf_counter()
            sign_in(database, clock, email, "wrong", f"192.0.2.{number}")
            spent.append(time.perf_counter() - start)
        return min(spent)

    known, unknown = fastest(officer.email), fastest("nobody@agency.example")

    # Hashing takes most of either; without the decoy, unknown would take a tenth of known.
    assert 0.6 < known / unknown < 1.7


def test_the_fifth_bad_try_locks_known_and_unknown_addresses_alike(
    database: Database, clock: FrozenClock, officer: Officer
) -> None:
    answers = []
    for email in (officer.email, "nobody@agency.example"):
        for _ in range(5):
            assert isinstance(sign_in(database, clock, email, "wrong"), Problem)
        with pytest.raises(Problem) as locked:
            sign_in(database, clock, email, PASSWORD)
        answers.append((locked.value.body(), locked.value.headers))

    assert answers[0] == answers[1]
    assert answers[0][0]["code"] == "locked"
    assert answers[0][1] == {"Retry-After": "900"}


def test_a_lock_ends_after_fifteen_minutes(
    database: Database, clock: FrozenClock, officer: Officer
) -> None:
    for _ in range(5):
        sign_in(database, clock, officer.email, "wrong")

    clock.step(minutes=14, seconds=59)
    with pytest.raises(Problem):
        sign_in(database, clock, officer.email)
    clock.step(seconds=1)

    assert isinstance(sign_in(database, clock, officer.email), IssuedToken)


def test_a_try_during_a_lock_neither_prolongs_it_nor_fills_the_record(
    database: Database, clock: FrozenClock, agency: Agency, officer: Officer
) -> None:
    for _ in range(5):
        sign_in(database, clock, officer.email, "wrong")
    for _ in range(14):
        clock.step(minutes=1)
        with pytest.raises(Problem):
            sign_in(database, clock, officer.email)
    clock.step(minutes=1)

    assert isinstance(sign_in(database, clock, officer.email), IssuedToken)
    assert len(sign_ins(database, agency)) == 6


def test_a_good_try_forgets_the_bad_ones(
    database: Database, clock: FrozenClock, officer: Officer
) -> None:
    for _ in range(2):
        for _ in range(4):
            sign_in(database, clock, officer.email, "wrong")
        assert isinstance(sign_in(database, clock, officer.email), IssuedToken)


def test_a_good_password_opens_a_session_and_is_recorded(
    database: Database, clock: FrozenClock, agency: Agency, officer: Officer
) -> None:
    issued = sign_in(database, clock, f" {officer.email.upper()} ")

    assert isinstance(issued, IssuedToken)
    assert issued.secret.startswith("cxs_")
    assert issued.expires_at == clock.now() + ABSOLUTE
    (event,) = sign_ins(database, agency)
    assert (event.outcome, event.actor_id, event.details) == ("succeeded", officer.id, {})
    with database.snapshot() as session:
        assert issued.secret not in recorded_text(session)
    assert issued.secret not in repr(issued)


def test_a_disabled_officer_cannot_sign_in(
    database: Database, clock: FrozenClock, agency: Agency, officer: Officer
) -> None:
    with database.transaction() as session:
        admin = make_officer(session, agency, START, role=Role.AGENCY_ADMIN)
        service.change_officer(
            session,
            actor_of(admin),
            officer.id,
            service.OfficerData(
                email=officer.email, given_name="Offa", family_name="Example", role=Role.OFFICER
            ),
            disabled=True,
            now=START,
        )

    outcome = sign_in(database, clock, officer.email)

    assert isinstance(outcome, Problem)
    assert outcome.code is Code.SIGN_IN_FAILED
    assert sign_ins(database, agency)[0].details == {"reason": "disabled"}


def test_ninety_days_without_a_sign_in_disable_until_an_administrator_admits_again(
    database: Database, clock: FrozenClock, agency: Agency, officer: Officer
) -> None:
    clock.step(days=90)
    outcome = sign_in(database, clock, officer.email)
    assert isinstance(outcome, Problem)
    assert sign_ins(database, agency)[0].details == {"reason": "inactive"}

    with database.transaction() as session:
        admin = make_officer(session, agency, clock.now(), role=Role.AGENCY_ADMIN)
        service.reset_password(
            session,
            actor_of(admin),
            officer.id,
            password_hash=service.hash_password("another password nobody has"),
            now=clock.now(),
        )

    again = sign_in(database, clock, officer.email, "another password nobody has")
    assert isinstance(again, IssuedToken)


def test_eighty_nine_days_without_a_sign_in_do_not_disable(
    database: Database, clock: FrozenClock, officer: Officer
) -> None:
    for _ in range(2):
        clock.step(days=89)
        assert isinstance(sign_in(database, clock, officer.email), IssuedToken)


def test_a_password_replaced_while_it_was_compared_opens_nothing(
    database: Database, clock: FrozenClock, agency: Agency, officer: Officer
) -> None:
    with database.transaction() as session:
        attempt = service.begin_sign_in(
            session, email=officer.email, address=ADDRESS, now=clock.now()
        )
        admin = make_officer(session, agency, START, role=Role.AGENCY_ADMIN)
        service.reset_password(
            session,
            actor_of(admin),
            officer.id,
            password_hash=service.hash_password("another password nobody has"),
            now=clock.now(),
        )

    with database.transaction() as session:
        outcome = service.finish_sign_in(session, attempt, proved=True, now=clock.now())

    assert isinstance(outcome, Problem)


def test_a_try_that_was_never_finished_counts_as_bad(
    database: Database, clock: FrozenClock, officer: Officer
) -> None:
    for _ in range(5):
        with database.transaction() as session:
            service.begin_sign_in(session, email=officer.email, address=ADDRESS, now=clock.now())

    with pytest.raises(Problem) as locked:
        sign_in(database, clock, officer.email)
    assert locked.value.code is Code.LOCKED


def test_an_officer_who_does_not_prove_the_present_password_keeps_it(
    database: Database, clock: FrozenClock, officer: Officer
) -> None:
    with database.transaction() as session:
        attempt = service.begin_own_password_change(session, actor_of(officer), now=clock.now())
    with database.transaction() as session:
        problem = service.finish_own_password_change(
            session,
            attempt,
            proved=attempt.is_proved_by("wrong"),
            password_hash=service.hash_password("another password nobody has"),
            now=clock.now(),
        )

    assert problem is not None
    assert isinstance(sign_in(database, clock, officer.email), IssuedToken)
    with database.snapshot() as session:
        assert "officer.password-changed" in recorded_acts(session)


def test_an_officer_changes_the_password_and_every_session_ends(
    database: Database, clock: FrozenClock, officer: Officer
) -> None:
    before = sign_in(database, clock, officer.email)
    assert isinstance(before, IssuedToken)
    with database.transaction() as session:
        attempt = service.begin_own_password_change(session, actor_of(officer), now=clock.now())
        token = service.create_token(
            session,
            actor_of(officer),
            name="import",
            permissions=frozenset({Permission.SUPERVISEE_READ}),
            own_only=False,
            expires_at=clock.now() + timedelta(days=1),
            now=clock.now(),
        )
    with database.transaction() as session:
        problem = service.finish_own_password_change(
            session,
            attempt,
            proved=attempt.is_proved_by(PASSWORD),
            password_hash=service.hash_password("another password nobody has"),
            now=clock.now(),
        )

    assert problem is None
    assert isinstance(sign_in(database, clock, officer.email), Problem)
    assert isinstance(
        sign_in(database, clock, officer.email, "another password nobody has"), IssuedToken
    )
    with database.snapshot() as session:
        old, api = (
            service.authenticate(session, secret, now=clock.now(), address=None)
            for secret in (before.secret, token.secret)
        )
    assert old is None
    assert api is not None
