from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from backend.core.actor import SYSTEM, Permission
from backend.core.db import Database
from backend.core.errors import Code, Problem
from backend.core.paging import Cursor
from backend.identity import service
from backend.identity.service import Agency, AgencyPolicy, Officer, OfficerData, Role
from tests.support.audit import recorded_acts, recorded_text
from tests.support.clocks import START, FrozenClock
from tests.support.identity import actor_of, make_agency, make_officer, make_supervisee

DATA = OfficerData(
    email="Nova@Agency.Example", given_name="Nova", family_name="Example", role=Role.OFFICER
)
HASH = "$argon2id$none"


@pytest.fixture
def agency(database: Database) -> Agency:
    with database.transaction() as session:
        return make_agency(session, START)


@pytest.fixture
def admin(database: Database, agency: Agency) -> Officer:
    with database.transaction() as session:
        return make_officer(session, agency, START, role=Role.AGENCY_ADMIN)


@pytest.fixture
def foreigner(database: Database) -> Officer:
    """An officer of another agency."""
    with database.transaction() as session:
        return make_officer(session, make_agency(session, START), START)


def data_of(officer: Officer) -> OfficerData:
    return OfficerData(
        email=officer.email,
        given_name=officer.given_name,
        family_name=officer.family_name,
        role=officer.role,
    )


def test_an_officer_of_another_agency_is_not_found(
    database: Database, admin: Officer, foreigner: Officer
) -> None:
    actor = actor_of(admin)
    with database.transaction() as session:
        for attempt in (
            lambda: service.read_officer(session, actor, foreigner.id),
            lambda: service.officer_to_change(session, actor, foreigner.id),
            lambda: service.change_officer(
                session, actor, foreigner.id, DATA, disabled=True, now=START
            ),
            lambda: service.reset_password(
                session, actor, foreigner.id, password_hash=HASH, now=START
            ),
            lambda: service.create_officer(
                session, actor, DATA, agency_id=foreigner.agency_id, password_hash=HASH, now=START
            ),
            lambda: service.create_officer(
                session, SYSTEM, DATA, agency_id=uuid4(), password_hash=HASH, now=START
            ),
        ):
            with pytest.raises(Problem) as missed:
                attempt()
            assert missed.value.code is Code.NOT_FOUND
        listed = service.officers(session, actor, cursor=Cursor()).items
        assert [officer.id for officer in listed] == [admin.id]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.AGENCY_ADMIN])
def test_only_an_administrator_makes_and_changes_officers(
    database: Database, agency: Agency, admin: Officer, role: Role
) -> None:
    with database.transaction() as session:
        actor = actor_of(make_officer(session, agency, START, role=role))
        for attempt in (
            lambda: service.create_officer(
                session, actor, DATA, agency_id=agency.id, password_hash=HASH, now=START
            ),
            lambda: service.officer_to_change(session, actor, admin.id),
            lambda: service.change_officer(
                session, actor, admin.id, DATA, disabled=True, now=START
            ),
            lambda: service.reset_password(session, actor, admin.id, password_hash=HASH, now=START),
        ):
            with pytest.raises(Problem) as refused:
                attempt()
            assert refused.value.code is Code.FORBIDDEN


def test_two_officers_cannot_sign_in_with_one_address(
    database: Database, admin: Officer, agency: Agency, foreigner: Officer
) -> None:
    taken = replace(DATA, email=foreigner.email.upper())
    with database.transaction() as session:
        with pytest.raises(Problem) as made:
            service.create_officer(
                session, actor_of(admin), taken, agency_id=agency.id, password_hash=HASH, now=START
            )
        with pytest.raises(Problem) as changed:
            service.change_officer(
                session, actor_of(admin), admin.id, taken, disabled=False, now=START
            )

    for refused in (made, changed):
        assert (refused.value.code, refused.value.pointer) == (Code.ALREADY_EXISTS, "/email")
        assert foreigner.email not in str(refused.value)


def test_an_agency_keeps_an_administrator(database: Database, admin: Officer) -> None:
    for data, disabled in (
        (data_of(admin), True),
        (replace(data_of(admin), role=Role.AUDITOR), False),
    ):
        with pytest.raises(Problem) as refused, database.transaction() as session:
            service.change_officer(
                session, actor_of(admin), admin.id, data, disabled=disabled, now=START
            )
        assert refused.value.code is Code.CONFLICT

    with database.snapshot() as session:
        still = service.read_officer(session, actor_of(admin), admin.id)
    assert (still.role, still.disabled) == (Role.AGENCY_ADMIN, False)


def test_an_administrator_may_go_when_there_is_another(
    database: Database, agency: Agency, admin: Officer
) -> None:
    with database.transaction() as session:
        make_officer(session, agency, START, role=Role.AGENCY_ADMIN)
        gone = service.change_officer(
            session, actor_of(admin), admin.id, data_of(admin), disabled=True, now=START
        )

    assert gone.disabled


def test_a_change_that_changes_nothing_is_not_recorded(database: Database, admin: Officer) -> None:
    with database.transaction() as session:
        same = service.change_officer(
            session, actor_of(admin), admin.id, data_of(admin), disabled=False, now=START
        )

    assert same == admin
    with database.snapshot() as session:
        assert "officer.changed" not in recorded_acts(session)


def test_acts_on_officers_are_recorded_without_their_data(
    database: Database, clock: FrozenClock, agency: Agency, admin: Officer
) -> None:
    actor = actor_of(admin)
    with database.transaction() as session:
        made = service.create_officer(
            session, actor, DATA, agency_id=agency.id, password_hash=HASH, now=clock.step(seconds=1)
        )
    with database.transaction() as session:
        service.change_officer(
            session,
            actor,
            made.id,
            replace(DATA, family_name="Sample", role=Role.SUPERVISOR),
            disabled=False,
            now=clock.step(seconds=1),
        )
        service.reset_password(
            session, actor, made.id, password_hash=HASH, now=clock.step(seconds=1)
        )

    with database.snapshot() as session:
        text = recorded_text(session)
        assert recorded_acts(session)[-3:] == [
            "officer.created",
            "officer.changed",
            "officer.password-changed",
        ]
    assert '"fields": ["family_name", "role"]' in text
    for secret in ("Nova", "Sample", "nova@", HASH):
        assert secret not in text
    assert "nova@" not in repr(made)


def test_the_acting_officer_is_shown_to_officers_only(database: Database, admin: Officer) -> None:
    with database.snapshot() as session:
        assert service.acting_officer(session, actor_of(admin)) == admin
        with pytest.raises(Problem):
            service.acting_officer(session, SYSTEM)


def test_only_the_operator_creates_agencies(database: Database, admin: Officer) -> None:
    everything = actor_of(admin, permissions=frozenset(Permission))

    with pytest.raises(Problem) as refused, database.transaction() as session:
        service.create_agency(
            session,
            everything,
            name="Shadow Agency",
            zone="America/Chicago",
            contact_phone="+15555550100",
            contact_email="help@agency.example",
            now=START,
        )

    assert refused.value.code is Code.FORBIDDEN


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [({"zone": "Mars/Olympus"}, "/zone"), ({"contact_email": "nobody"}, "/contact_email")],
)
def test_an_agency_with_a_zone_or_address_that_does_not_exist_is_refused(
    database: Database, wrong: dict[str, str], pointer: str
) -> None:
    data = {
        "name": "Testa County",
        "zone": "America/Chicago",
        "contact_phone": "+15555550100",
        "contact_email": "help@agency.example",
    }

    with pytest.raises(Problem) as refused, database.transaction() as session:
        service.create_agency(session, SYSTEM, now=START, **(data | wrong))  # type: ignore[arg-type]  # all of these are texts

    assert (refused.value.code, refused.value.pointer) == (Code.INVALID_REQUEST, pointer)


def test_a_changed_policy_gives_everyone_of_the_agency_a_new_rules_epoch(
    database: Database, agency: Agency, admin: Officer, foreigner: Officer
) -> None:
    with database.transaction() as session:
        person = make_supervisee(session, agency, START)
        other_agency = service.get_agency(session, foreigner.agency_id)
        other = make_supervisee(session, other_agency, START)

        for policy in (AgencyPolicy(max_accuracy_m=50), AgencyPolicy(max_accuracy_m=50)):
            changed = service.change_agency(
                session,
                actor_of(admin),
                name=agency.name,
                zone=agency.zone,
                contact_phone=agency.contact_phone,
                contact_email=agency.contact_email,
                policy=policy,
                now=START,
            )

        assert changed.policy == AgencyPolicy(max_accuracy_m=50)
        assert service.rules_epoch(session, person.id) == person.rules_epoch + 1
        assert service.rules_epoch(session, other.id) == other.rules_epoch
        assert [one.id for one in service.every_agency(session)] == sorted(
            [agency.id, other_agency.id]
        )

    with database.snapshot() as session:
        assert recorded_acts(session).count("agency.changed") == 1


def test_only_who_manages_the_agency_changes_it_and_no_missing_one_is_found(
    database: Database, agency: Agency, foreigner: Officer
) -> None:
    with database.transaction() as session:
        with pytest.raises(Problem) as refused:
            service.agency_to_change(session, actor_of(foreigner))
        with pytest.raises(Problem) as missed:
            service.get_agency(session, uuid4())

    assert refused.value.code is Code.FORBIDDEN
    assert missed.value.code is Code.NOT_FOUND
    assert agency.policy == AgencyPolicy()
