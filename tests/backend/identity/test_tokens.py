from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from backend.core.actor import SYSTEM, Actor, Permission
from backend.core.db import Database
from backend.core.errors import Code, Problem
from backend.core.paging import Cursor
from backend.identity import service
from backend.identity.models import OfficerTokenRow
from backend.identity.service import IssuedToken, Officer, OfficerData, Role
from backend.identity.tokens import ABSOLUTE, API_LONGEST, IDLE, USE_RECORDED_EVERY, open_session
from tests.support.audit import recorded_acts, recorded_text
from tests.support.clocks import START, FrozenClock
from tests.support.identity import actor_of, make_agency, make_officer

READ = frozenset({Permission.SUPERVISEE_READ})


@pytest.fixture
def officer(database: Database) -> Officer:
    with database.transaction() as session:
        return make_officer(session, make_agency(session, START), START)


@pytest.fixture
def signed_in(database: Database, officer: Officer) -> IssuedToken:
    with database.transaction() as session:
        return open_session(session, officer.id, now=START)


def holder(database: Database, bearer: str, clock: FrozenClock) -> Actor | None:
    """Return whom `bearer` admits, and record the use as the guard does."""
    with database.transaction() as session:
        found = service.authenticate(session, bearer, now=clock.now(), address="192.0.2.1")
        if found is not None and found.use_is_due:
            service.touch(session, found.token_id, clock.now())
        return found.actor if found is not None else None


def api_token(
    database: Database,
    actor: Actor,
    clock: FrozenClock,
    *,
    permissions: frozenset[Permission] = READ,
    own_only: bool = False,
    lifetime: timedelta = timedelta(days=30),
) -> IssuedToken:
    with database.transaction() as session:
        return service.create_token(
            session,
            actor,
            name="case import",
            permissions=permissions,
            own_only=own_only,
            expires_at=clock.now() + lifetime,
            now=clock.now(),
        )


@pytest.mark.parametrize(
    "bearer",
    ["", "cxs_", "cxs_" + "A" * 43, "x" * 100_000, "\u00e9\u00ff", "cxs_' OR '1'='1", "\x00"],
)
def test_what_is_no_token_admits_nobody(
    database: Database, clock: FrozenClock, signed_in: IssuedToken, bearer: str
) -> None:
    assert holder(database, bearer, clock) is None
    assert holder(database, signed_in.secret + bearer + "A", clock) is None


def test_a_session_admits_its_officer_with_all_that_the_role_allows(
    database: Database, clock: FrozenClock, officer: Officer, signed_in: IssuedToken
) -> None:
    assert holder(database, signed_in.secret, clock) == actor_of(officer)


def test_only_the_hash_of_a_token_is_kept(database: Database, signed_in: IssuedToken) -> None:
    with database.snapshot() as session:
        row = session.execute(select(*OfficerTokenRow.__table__.columns)).one()

    assert signed_in.secret not in str(tuple(row))
    assert len(row.secret_hash) == 32


def test_a_session_left_alone_for_half_an_hour_ends(
    database: Database, clock: FrozenClock, signed_in: IssuedToken
) -> None:
    clock.set(START + IDLE)

    assert holder(database, signed_in.secret, clock) is None


def test_a_session_that_is_used_lives_on_but_twelve_hours_at_the_most(
    database: Database, clock: FrozenClock, signed_in: IssuedToken
) -> None:
    while clock.now() < START + ABSOLUTE - timedelta(minutes=29):
        clock.step(minutes=29)
        assert holder(database, signed_in.secret, clock) is not None

    clock.set(START + ABSOLUTE - timedelta(seconds=1))
    assert holder(database, signed_in.secret, clock) is not None
    clock.set(START + ABSOLUTE)
    assert holder(database, signed_in.secret, clock) is None


def test_a_use_that_was_not_recorded_never_lets_a_session_live_longer(
    database: Database, clock: FrozenClock, signed_in: IssuedToken
) -> None:
    clock.step(seconds=USE_RECORDED_EVERY.total_seconds() - 1)
    assert holder(database, signed_in.secret, clock) is not None

    clock.set(START + IDLE)
    assert holder(database, signed_in.secret, clock) is None


def test_signing_out_ends_the_session_once(
    database: Database, clock: FrozenClock, officer: Officer, signed_in: IssuedToken
) -> None:
    with database.transaction() as session:
        service.sign_out(session, actor_of(officer), signed_in.id, now=clock.now())

    assert holder(database, signed_in.secret, clock) is None
    with pytest.raises(Problem) as gone, database.transaction() as session:
        service.sign_out(session, actor_of(officer), signed_in.id, now=clock.now())
    assert gone.value.code is Code.NOT_FOUND
    with database.snapshot() as session:
        assert recorded_acts(session).count("officer.signed-out") == 1


def test_a_token_can_do_nothing_that_its_officer_cannot(
    database: Database, clock: FrozenClock, officer: Officer
) -> None:
    with pytest.raises(Problem) as refused:
        api_token(
            database, actor_of(officer), clock, permissions=frozenset({Permission.AGENCY_MANAGE})
        )

    assert refused.value.code is Code.FORBIDDEN


@pytest.mark.parametrize("permission", [Permission.TOKEN_MANAGE, Permission.OFFICER_MANAGE])
def test_no_token_makes_tokens_or_officers(
    database: Database, clock: FrozenClock, permission: Permission
) -> None:
    with database.transaction() as session:
        admin = make_officer(session, make_agency(session, START), START, role=Role.AGENCY_ADMIN)

    with pytest.raises(Problem) as refused:
        api_token(database, actor_of(admin), clock, permissions=frozenset({permission}))

    assert refused.value.code is Code.FORBIDDEN


@pytest.mark.parametrize("lifetime", [timedelta(0), -timedelta(days=1), API_LONGEST * 1.01])
def test_a_token_expires_in_the_future_within_a_year(
    database: Database, clock: FrozenClock, officer: Officer, lifetime: timedelta
) -> None:
    with pytest.raises(Problem) as refused:
        api_token(database, actor_of(officer), clock, lifetime=lifetime)

    assert (refused.value.code, refused.value.pointer) == (Code.INVALID_REQUEST, "/expires_at")


def test_the_system_has_no_tokens(database: Database, clock: FrozenClock) -> None:
    with pytest.raises(Problem) as refused:
        api_token(database, SYSTEM, clock)

    assert refused.value.code is Code.FORBIDDEN


def test_a_token_admits_with_its_scopes_until_it_expires_however_long_it_rests(
    database: Database, clock: FrozenClock, officer: Officer
) -> None:
    issued = api_token(database, actor_of(officer), clock, own_only=True)
    assert issued.secret.startswith("cxt_")
    assert issued.scopes == ["supervisee:read", "own"]

    clock.set(issued.expires_at - timedelta(seconds=1))
    actor = holder(database, issued.secret, clock)
    clock.set(issued.expires_at)

    assert actor is not None
    assert (actor.permissions, actor.own_only) == (READ, True)
    assert holder(database, issued.secret, clock) is None


def test_whoever_sees_only_their_own_cannot_make_a_wider_token(
    database: Database, clock: FrozenClock, officer: Officer
) -> None:
    issued = api_token(database, actor_of(officer, own_only=True), clock, own_only=False)

    assert issued.own_only


def test_a_token_loses_what_its_officer_loses(
    database: Database, clock: FrozenClock, officer: Officer
) -> None:
    both = frozenset({Permission.SUPERVISEE_READ, Permission.PAYMENT_RECORD})
    issued = api_token(database, actor_of(officer), clock, permissions=both)
    with database.transaction() as session:
        admin = make_officer(
            session, service.get_agency(session, officer.agency_id), START, role=Role.AGENCY_ADMIN
        )
        data = OfficerData(
            email=officer.email, given_name="Offa", family_name="Example", role=Role.AUDITOR
        )
        service.change_officer(
            session, actor_of(admin), officer.id, data, disabled=False, now=clock.now()
        )

    actor = holder(database, issued.secret, clock)

    assert actor is not None
    assert actor.permissions == READ


def test_disabling_an_officer_ends_everything_and_enabling_revives_nothing(
    database: Database, clock: FrozenClock, officer: Officer, signed_in: IssuedToken
) -> None:
    issued = api_token(database, actor_of(officer), clock)
    with database.transaction() as session:
        admin = make_officer(
            session, service.get_agency(session, officer.agency_id), START, role=Role.AGENCY_ADMIN
        )
    data = OfficerData(
        email=officer.email, given_name="Offa", family_name="Example", role=Role.OFFICER
    )

    for disabled in (True, False):
        with database.transaction() as session:
            service.change_officer(
                session, actor_of(admin), officer.id, data, disabled=disabled, now=clock.now()
            )
        assert holder(database, issued.secret, clock) is None
        assert holder(database, signed_in.secret, clock) is None


def test_an_officer_lists_and_revokes_their_own_tokens_only(
    database: Database, clock: FrozenClock, officer: Officer, signed_in: IssuedToken
) -> None:
    issued = api_token(database, actor_of(officer), clock)
    with database.transaction() as session:
        colleague = make_officer(
            session, service.get_agency(session, officer.agency_id), START, role=Role.SUPERVISOR
        )

    with database.snapshot() as session:
        own = service.tokens(session, actor_of(officer), cursor=Cursor(), now=clock.now())
        others = service.tokens(session, actor_of(colleague), cursor=Cursor(), now=clock.now())
    assert [token.id for token in own.items] == [issued.id]
    assert others.items == []
    for actor, token_id in (
        (actor_of(colleague), issued.id),
        (actor_of(officer), signed_in.id),
        (actor_of(officer), uuid4()),
    ):
        assert revocation(database, actor, token_id, clock) is Code.NOT_FOUND
    assert revocation(database, actor_of(officer), issued.id, clock) is None
    assert revocation(database, actor_of(officer), issued.id, clock) is Code.NOT_FOUND

    assert holder(database, issued.secret, clock) is None
    with database.snapshot() as session:
        left = service.tokens(session, actor_of(officer), cursor=Cursor(), now=clock.now())
        assert left.items == []
        assert recorded_acts(session).count("token.created") == 1
        assert recorded_acts(session).count("token.revoked") == 1
        assert issued.secret not in recorded_text(session)


def revocation(database: Database, actor: Actor, token_id: UUID, clock: FrozenClock) -> Code | None:
    try:
        with database.transaction() as session:
            service.revoke_token(session, actor, token_id, now=clock.step(seconds=1))
    except Problem as problem:
        return problem.code
    return None


def test_ended_sessions_are_forgotten_at_the_next_sign_in(
    database: Database, clock: FrozenClock, officer: Officer, signed_in: IssuedToken
) -> None:
    clock.set(START + ABSOLUTE)
    with database.transaction() as session:
        fresh = open_session(session, officer.id, now=clock.now())

    with database.snapshot() as session:
        kept = list(session.scalars(select(OfficerTokenRow.id)))
    assert kept == [fresh.id]
    assert signed_in.id != fresh.id
