from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from backend.core.actor import SYSTEM, Actor, ActorKind, Permission
from backend.core.db import Database
from backend.core.errors import Code, Problem
from backend.core.paging import Cursor
from backend.identity import service
from backend.identity.models import SuperviseeRow
from backend.identity.policy import AgencyPolicy
from backend.identity.service import Agency, Officer, PersonalData, Role, Supervisee
from notifications.formats import Language
from tests.support.audit import recorded_acts, recorded_text
from tests.support.clocks import START, FrozenClock
from tests.support.identity import actor_of, make_agency, make_officer, make_supervisee

DATA = PersonalData(
    given_name="Testa",
    family_name="Example",
    job_title="Baker",
    postal_address="1 Nowhere Street",
    postal_code="60601",
    emails=("Testa@Person.Example",),
    phones=("+15555550123",),
    language=Language.SPANISH,
    zone="America/Denver",
)


@pytest.fixture
def agency(database: Database) -> Agency:
    policy = AgencyPolicy(default_language=Language.SPANISH)
    with database.transaction() as session:
        return make_agency(session, START, policy=policy)


@pytest.fixture
def officer(database: Database, agency: Agency) -> Officer:
    with database.transaction() as session:
        return make_officer(session, agency, START)


@pytest.fixture
def person(database: Database, agency: Agency) -> Supervisee:
    with database.transaction() as session:
        return make_supervisee(session, agency, START)


@pytest.fixture
def stranger(database: Database) -> Actor:
    """An officer of another agency who may do everything there."""
    with database.transaction() as session:
        officer = make_officer(session, make_agency(session, START), START)
    return actor_of(officer, permissions=frozenset(Permission))


def test_an_officer_of_another_agency_finds_nobody(
    database: Database, person: Supervisee, stranger: Actor, officer: Officer
) -> None:
    with database.transaction() as session:
        for attempt in (
            lambda: service.get_supervisee(session, stranger, person.id),
            lambda: service.read_supervisee(session, stranger, person.id),
            lambda: service.supervisee_to_change(session, stranger, person.id),
            lambda: service.change_supervisee(session, stranger, person.id, DATA, now=START),
            lambda: service.assignments(session, stranger, person.id),
            lambda: service.assign(session, stranger, person.id, officer.id, now=START),
            lambda: service.unassign(session, stranger, person.id, officer.id, now=START),
        ):
            with pytest.raises(Problem) as missed:
                attempt()
            assert missed.value.code is Code.NOT_FOUND
        assert service.supervisees(session, stranger, cursor=Cursor()).items == []
        assert service.get_supervisees(session, stranger, [person.id]) == {}


def test_what_the_role_does_not_allow_is_refused_before_anything_is_looked_up(
    database: Database, officer: Officer
) -> None:
    powerless = actor_of(officer, permissions=frozenset())
    with database.transaction() as session:
        for attempt in (
            lambda: service.read_supervisee(session, powerless, uuid4()),
            lambda: service.supervisees(session, powerless, cursor=Cursor()),
            lambda: service.create_supervisee(session, powerless, DATA, now=START),
            lambda: service.supervisee_to_change(session, powerless, uuid4()),
            lambda: service.change_supervisee(session, powerless, uuid4(), DATA, now=START),
            lambda: service.assignments(session, powerless, uuid4()),
            lambda: service.assign(session, powerless, uuid4(), uuid4(), now=START),
            lambda: service.unassign(session, powerless, uuid4(), uuid4(), now=START),
        ):
            with pytest.raises(Problem) as refused:
                attempt()
            assert refused.value.code is Code.FORBIDDEN


def test_with_scope_own_an_officer_sees_only_those_in_their_charge(
    database: Database, agency: Agency, officer: Officer, person: Supervisee
) -> None:
    own = actor_of(officer, own_only=True)
    with database.transaction() as session:
        other = make_supervisee(session, agency, START)
        service.assign(session, actor_of(officer), person.id, officer.id, now=START)

        assert service.get_supervisee(session, own, person.id).id == person.id
        listed = service.supervisees(session, own, cursor=Cursor()).items
        assert [one.id for one in listed] == [person.id]
        with pytest.raises(Problem) as missed:
            service.get_supervisee(session, own, other.id)
        assert missed.value.code is Code.NOT_FOUND
        with pytest.raises(Problem):
            service.assign(session, own, other.id, officer.id, now=START)

        service.unassign(session, actor_of(officer), person.id, officer.id, now=START)
        with pytest.raises(Problem):
            service.get_supervisee(session, own, person.id)


def test_whoever_sees_only_their_own_gets_charge_of_whom_they_take_in(
    database: Database, officer: Officer
) -> None:
    own = actor_of(officer, own_only=True)

    with database.transaction() as session:
        made = service.create_supervisee(session, own, DATA, now=START)
        again = service.get_supervisee(session, own, made.id)

    assert again == made


def test_a_supervised_person_sees_themselves_and_the_system_sees_everyone(
    database: Database, agency: Agency, person: Supervisee
) -> None:
    themselves = Actor(kind=ActorKind.SUPERVISEE, id=person.id, agency_id=agency.id)
    with database.transaction() as session:
        other = make_supervisee(session, make_agency(session, START), START)

        assert service.get_supervisee(session, themselves, person.id).id == person.id
        with pytest.raises(Problem):
            service.get_supervisee(session, themselves, other.id)
        assert set(session.scalars(service.visible_supervisees(SYSTEM))) == {person.id, other.id}


def test_a_person_reads_their_own_data_with_whom_to_turn_to(
    database: Database, agency: Agency, officer: Officer, person: Supervisee
) -> None:
    themselves = Actor(kind=ActorKind.SUPERVISEE, id=person.id, agency_id=agency.id)

    with database.snapshot() as session:
        seen = service.me(session, themselves)
        for actor in (actor_of(officer), SYSTEM, replace(themselves, id=officer.id)):
            with pytest.raises(Problem) as missed:
                service.me(session, actor)
            assert missed.value.code is Code.NOT_FOUND

    assert (seen.id, seen.given_name) == (person.id, person.given_name)
    assert (seen.agency_name, seen.contact_phone, seen.contact_email) == (
        agency.name,
        agency.contact_phone,
        agency.contact_email,
    )


def test_a_person_is_kept_as_given_with_the_agencys_language_and_zone_if_none_is(
    database: Database, agency: Agency, officer: Officer
) -> None:
    with database.transaction() as session:
        given = service.create_supervisee(session, actor_of(officer), DATA, now=START)
        bare = service.create_supervisee(
            session,
            actor_of(officer),
            PersonalData(given_name="Nemo", family_name="Example"),
            now=START,
        )

    assert given.agency_id == agency.id
    assert (given.emails, given.email) == (("testa@person.example",), "testa@person.example")
    assert (given.language, given.zone) == (Language.SPANISH, "America/Denver")
    assert (bare.language, bare.zone, bare.email) == (Language.SPANISH, "America/Chicago", None)


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        (replace(DATA, zone="America/Nowhere"), "/zone"),
        (replace(DATA, zone="../../etc/passwd"), "/zone"),
        (replace(DATA, emails=("testa@person.example", "nobody")), "/emails/1"),
    ],
)
def test_a_zone_or_address_that_does_not_exist_is_refused(
    database: Database, officer: Officer, wrong: PersonalData, pointer: str
) -> None:
    with pytest.raises(Problem) as refused, database.transaction() as session:
        service.create_supervisee(session, actor_of(officer), wrong, now=START)

    assert (refused.value.code, refused.value.pointer) == (Code.INVALID_REQUEST, pointer)


def test_a_change_is_recorded_by_the_names_of_fields_and_never_by_what_they_hold(
    database: Database, clock: FrozenClock, officer: Officer
) -> None:
    with database.transaction() as session:
        made = service.create_supervisee(session, actor_of(officer), DATA, now=clock.now())
    with database.transaction() as session:
        changed = service.change_supervisee(
            session,
            actor_of(officer),
            made.id,
            replace(DATA, family_name="Sample", phones=()),
            now=clock.step(seconds=1),
        )

    assert changed == replace(made, family_name="Sample", phones=())
    with database.snapshot() as session:
        text = recorded_text(session)
        assert recorded_acts(session)[-1] == "supervisee.changed"
    assert '["family_name", "phones"]' in text
    for secret in ("Testa", "Example", "Sample", "Baker", "Nowhere", "60601", "person.example"):
        assert secret not in text
        assert secret not in repr(changed)


def test_a_change_that_changes_nothing_is_not_recorded(
    database: Database, officer: Officer
) -> None:
    with database.transaction() as session:
        made = service.create_supervisee(session, actor_of(officer), DATA, now=START)
        same = service.change_supervisee(session, actor_of(officer), made.id, DATA, now=START)

    assert same == made
    with database.snapshot() as session:
        assert "supervisee.changed" not in recorded_acts(session)


def test_the_rules_epoch_grows_with_what_a_person_is_judged_by(
    database: Database, officer: Officer, person: Supervisee
) -> None:
    with database.transaction() as session:
        service.bump_rules_epoch(session, person.id)
        service.bump_rules_epoch(session, person.id)
        assert service.rules_epoch(session, person.id) == person.rules_epoch + 2

        moved = replace(DATA, zone="America/New_York")
        service.change_supervisee(session, actor_of(officer), person.id, moved, now=START)
        renamed = replace(moved, given_name="Nova")
        service.change_supervisee(session, actor_of(officer), person.id, renamed, now=START)
        assert service.rules_epoch(session, person.id) == person.rules_epoch + 3
        assert session.execute(service.rules_epochs()).all() == [
            (person.id, person.rules_epoch + 3)
        ]

        with pytest.raises(Problem) as missed:
            service.rules_epoch(session, uuid4())
        assert missed.value.code is Code.NOT_FOUND


def test_people_are_listed_newest_first_and_by_who_has_charge(
    database: Database, clock: FrozenClock, agency: Agency, officer: Officer
) -> None:
    actor = actor_of(officer)
    with database.transaction() as session:
        people = [make_supervisee(session, agency, clock.step(seconds=1)) for _ in range(3)]
        service.assign(session, actor, people[1].id, officer.id, now=clock.now())

        first = service.supervisees(session, actor, cursor=Cursor(limit=2))
        second = service.supervisees(session, actor, cursor=Cursor(after=first.next, limit=2))
        charge = service.supervisees(session, actor, cursor=Cursor(), assigned_to=officer.id)
        found = service.get_supervisees(session, SYSTEM, [people[0].id, uuid4()])

    listed = [one.id for one in (*first.items, *second.items)]
    assert listed == [one.id for one in reversed(people)]
    assert [one.id for one in charge.items] == [people[1].id]
    assert found == {people[0].id: people[0]}


def test_an_officer_of_another_agency_or_a_disabled_one_gets_no_charge(
    database: Database, agency: Agency, officer: Officer, person: Supervisee, stranger: Actor
) -> None:
    with database.transaction() as session:
        admin = make_officer(session, agency, START, role=Role.AGENCY_ADMIN)
        gone = make_officer(session, agency, START)
        service.change_officer(
            session,
            actor_of(admin),
            gone.id,
            service.OfficerData(
                email=gone.email, given_name="Offa", family_name="Example", role=Role.OFFICER
            ),
            disabled=True,
            now=START,
        )
        for officer_id in (stranger.id, gone.id, uuid4()):
            assert officer_id is not None
            with pytest.raises(Problem) as missed:
                service.assign(session, actor_of(officer), person.id, officer_id, now=START)
            assert missed.value.code is Code.NOT_FOUND


def test_an_assignment_made_twice_is_one_and_ended_twice_is_missed(
    database: Database, clock: FrozenClock, officer: Officer, person: Supervisee
) -> None:
    actor = actor_of(officer)
    with database.transaction() as session:
        first = service.assign(session, actor, person.id, officer.id, now=clock.now())
        again = service.assign(
            session, actor, person.id, officer.id, now=clock.now() + timedelta(days=1)
        )
        assert first == again
        assert service.assignments(session, actor, person.id) == [first]
        service.unassign(session, actor, person.id, officer.id, now=clock.step(seconds=1))
        with pytest.raises(Problem) as missed:
            service.unassign(session, actor, person.id, officer.id, now=clock.now())
        assert missed.value.code is Code.NOT_FOUND

    with database.snapshot() as session:
        acts = recorded_acts(session)
        assert acts.count("supervisee.assigned") == acts.count("supervisee.unassigned") == 1


def test_alerts_go_to_those_in_charge_else_to_supervisors_never_to_the_disabled(
    database: Database, agency: Agency, officer: Officer, person: Supervisee, stranger: Actor
) -> None:
    assert stranger.id is not None
    with database.transaction() as session:
        assert service.officers_to_notify(session, person.id) == []
        admin = make_officer(session, agency, START, role=Role.AGENCY_ADMIN)
        make_officer(session, agency, START, role=Role.AUDITOR)
        (last_resort,) = service.officers_to_notify(session, person.id)
        assert last_resort.id == admin.id

        supervisor = make_officer(session, agency, START, role=Role.SUPERVISOR)
        told = service.officers_to_notify(session, person.id)
        assert [contact.id for contact in told] == [supervisor.id]
        assert officer.email not in repr(told)

        service.assign(session, actor_of(officer), person.id, officer.id, now=START)
        (contact,) = service.officers_to_notify(session, person.id)
        assert (contact.id, contact.email) == (officer.id, officer.email)

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
        told = service.officers_to_notify(session, person.id)
        assert [contact.id for contact in told] == [supervisor.id]
        contacts = service.officer_contacts(session, [officer.id, admin.id, uuid4()])
        assert set(contacts) == {admin.id}


def test_people_are_kept_with_what_the_privacy_policy_lists_and_nothing_more(
    database: Database, person: Supervisee
) -> None:
    with database.snapshot() as session:
        row = session.execute(select(*SuperviseeRow.__table__.columns)).one()

    listed = {
        *("given_name", "family_name", "job_title", "postal_address", "postal_code"),
        *("emails", "phones", "language", "zone"),
    }
    ours = {"id", "agency_id", "rules_epoch", "created_at", "trail", "trail_from"}
    assert set(row._mapping) == listed | ours
    assert row.id == person.id
