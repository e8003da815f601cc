"""The officer's power over a phone's key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from backend.audit.models import AuditEvent
from backend.core.actor import Permission
from backend.core.db import Database, Session
from backend.core.errors import Code, Problem
from backend.core.paging import Cursor
from backend.devices import service as devices
from backend.devices.key_state import (
    REVOCATION_REASONS,
    SUSPENSION_REASONS,
    ActivationEnd,
    KeyReason,
    KeyState,
)
from backend.devices.models import KeyEvent
from backend.identity.roles import Role
from backend.simulator.phone import Phone, PushAddress
from tests.support.clocks import START, FrozenClock
from tests.support.devices import Person, code_for, enrolled_phone, supervised_person
from tests.support.identity import bearer_of, make_officer

Act = Callable[[Session, Any, str], devices.Key]


@pytest.fixture
def person(database: Database) -> Person:
    with database.transaction() as session:
        return supervised_person(session, now=START)


@pytest.fixture
def phone(client: FlaskClient, database: Database, clock: FrozenClock, person: Person) -> Phone:
    push = PushAddress(kind="token", address="a-token")
    return enrolled_phone(database, client, clock, person, push=push)


@pytest.fixture
def bearer(database: Database, person: Person) -> dict[str, str]:
    with database.transaction() as session:
        return bearer_of(session, person.account, START)


def suspend(session: Session, actor: Any, jkt: str) -> devices.Key:
    return devices.suspend(session, actor, jkt, reason=KeyReason.LOST, now=START)


def reinstate(session: Session, actor: Any, jkt: str) -> devices.Key:
    return devices.reinstate(session, actor, jkt, now=START)


def revoke(session: Session, actor: Any, jkt: str) -> devices.Key:
    return devices.revoke(session, actor, jkt, reason=KeyReason.STOLEN, now=START)


ACTS: tuple[Act, ...] = (suspend, reinstate, revoke)


def problem_of(database: Database, act: Act, actor: Any, jkt: str) -> Code:
    with pytest.raises(Problem) as caught, database.transaction() as session:
        act(session, actor, jkt)
    return caught.value.code


@pytest.mark.parametrize("act", ACTS)
def test_nobody_without_the_permission_has_power_over_a_phone(
    database: Database, person: Person, phone: Phone, act: Act
) -> None:
    reader = replace(person.officer, permissions=frozenset({Permission.DEVICE_READ}))

    assert problem_of(database, act, reader, phone.jkt) is Code.FORBIDDEN


@pytest.mark.parametrize("act", ACTS)
def test_a_phone_of_another_agency_is_not_there(database: Database, phone: Phone, act: Act) -> None:
    with database.transaction() as session:
        stranger = supervised_person(session, now=START)

    assert problem_of(database, act, stranger.officer, phone.jkt) is Code.NOT_FOUND


@pytest.mark.parametrize("act", ACTS)
def test_a_phone_of_somebody_elses_charge_is_not_there(
    database: Database, person: Person, phone: Phone, act: Act
) -> None:
    narrowed = replace(person.officer, own_only=True)

    assert problem_of(database, act, narrowed, phone.jkt) is Code.NOT_FOUND


@pytest.mark.parametrize("act", ACTS)
def test_a_key_that_never_was_is_not_there(database: Database, person: Person, act: Act) -> None:
    assert problem_of(database, act, person.officer, "A" * 43) is Code.NOT_FOUND


@pytest.mark.parametrize("act", ACTS)
def test_what_is_revoked_stays_so(
    database: Database, person: Person, phone: Phone, act: Act
) -> None:
    with database.transaction() as session:
        revoke(session, person.officer, phone.jkt)

    assert problem_of(database, act, person.officer, phone.jkt) is Code.ILLEGAL_TRANSITION


def test_a_phone_cannot_be_suspended_twice(
    database: Database, person: Person, phone: Phone
) -> None:
    with database.transaction() as session:
        suspend(session, person.officer, phone.jkt)

    assert problem_of(database, suspend, person.officer, phone.jkt) is Code.ILLEGAL_TRANSITION


def test_an_active_phone_cannot_be_reinstated(
    database: Database, person: Person, phone: Phone
) -> None:
    assert problem_of(database, reinstate, person.officer, phone.jkt) is Code.ILLEGAL_TRANSITION


def test_a_suspended_phone_is_found_as_such_and_keeps_its_activation(
    database: Database, person: Person, phone: Phone
) -> None:
    with database.transaction() as session:
        key = suspend(session, person.officer, phone.jkt)
        context = devices.key_context(session, phone.jkt)
        activation = devices.activation_in_force(session, person.supervisee_id)

    assert (key.state, key.state_reason) == (KeyState.SUSPENDED, KeyReason.LOST)
    assert context is not None
    assert context.state is KeyState.SUSPENDED
    assert activation is not None


def test_a_suspended_phone_can_be_reinstated(
    database: Database, person: Person, phone: Phone
) -> None:
    with database.transaction() as session:
        suspend(session, person.officer, phone.jkt)
    with database.transaction() as session:
        key = reinstate(session, person.officer, phone.jkt)

    assert (key.state, key.state_reason) == (KeyState.ACTIVE, KeyReason.CLEARED)


def test_revocation_ends_the_activation_and_nothing_is_pushed_there(
    database: Database, person: Person, phone: Phone
) -> None:
    with database.transaction() as session:
        revoke(session, person.officer, phone.jkt)

    with database.snapshot() as session:
        assert devices.key_context(session, phone.jkt) is None
        assert devices.activation_in_force(session, person.supervisee_id) is None
        assert not devices.push_addresses_of(session, [person.supervisee_id])
        page = devices.activations_of(session, person.officer, person.supervisee_id, Cursor())
    assert [activation.end for activation in page.items] == [ActivationEnd.REVOKED]


def test_each_step_is_an_event_and_an_audited_act(
    database: Database, person: Person, phone: Phone
) -> None:
    for act in (suspend, reinstate, revoke):
        with database.transaction() as session:
            act(session, person.officer, phone.jkt)

    with database.snapshot() as session:
        events = session.scalars(select(KeyEvent).order_by(KeyEvent.id)).all()
        audited = session.scalars(
            select(AuditEvent.act)
            .where(AuditEvent.act.startswith("device."), AuditEvent.actor_id == person.officer.id)
            .order_by(AuditEvent.id)
        ).all()
    assert {(item.state, item.officer_id) for item in events} == {
        (KeyState.ACTIVE, None),
        (KeyState.SUSPENDED, person.officer.id),
        (KeyState.ACTIVE, person.officer.id),
        (KeyState.REVOKED, person.officer.id),
    }
    assert set(audited) == {"device.suspended", "device.reinstated", "device.revoked"}


def test_a_list_of_devices_needs_the_permission_and_the_persons_agency(
    database: Database, person: Person
) -> None:
    with database.transaction() as session:
        stranger = supervised_person(session, now=START)
    outsider = replace(person.officer, permissions=frozenset())

    with database.snapshot() as session:
        for actor, code in [(outsider, Code.FORBIDDEN), (stranger.officer, Code.NOT_FOUND)]:
            with pytest.raises(Problem) as caught:
                devices.activations_of(session, actor, person.supervisee_id, Cursor())
            assert caught.value.code is code


# Over HTTP


def test_an_officer_enrols_lists_suspends_reinstates_and_revokes(
    client: FlaskClient, person: Person, phone: Phone, bearer: dict[str, str]
) -> None:
    listed = client.get(f"/v1/supervisees/{person.supervisee_id}/devices", headers=bearer).json
    act = f"/v1/devices/{phone.jkt}"
    suspended = client.post(
        f"{act}/suspension", json={"reason": "lost"}, headers=matching(client, phone.jkt, bearer)
    )
    reinstated = client.post(
        f"{act}/reinstatement", headers=bearer | {"If-Match": suspended.headers["ETag"]}
    )
    revoked = client.post(
        f"{act}/revocation",
        json={"reason": "stolen"},
        headers=bearer | {"If-Match": reinstated.headers["ETag"]},
    )

    assert listed is not None
    assert [item["keys"][0]["jkt"] for item in listed["items"]] == [phone.jkt]
    assert listed["items"][0]["started_at"] == "2026-03-02T09:00:00Z"
    states = [answer.json and answer.json["state"] for answer in (suspended, reinstated, revoked)]
    assert states == ["suspended", "active", "revoked"]


def matching(client: FlaskClient, jkt: str, bearer: dict[str, str]) -> dict[str, str]:
    """Headers of an officer who has read how the key stands now."""
    etag = client.get(f"/v1/devices/{jkt}", headers=bearer).headers["ETag"]
    return bearer | {"If-Match": etag}


STEPS = (
    ("suspension", {"reason": "lost"}),
    ("reinstatement", None),
    ("revocation", {"reason": "stolen"}),
)


@pytest.mark.parametrize(("act", "body"), STEPS)
def test_who_has_not_read_how_a_key_stands_may_not_act_on_it(
    client: FlaskClient, phone: Phone, bearer: dict[str, str], act: str, body: dict[str, str] | None
) -> None:
    path = f"/v1/devices/{phone.jkt}/{act}"

    answer = client.post(path, json=body, headers=bearer)

    assert answer.status_code == 428
    shown = client.get(f"/v1/devices/{phone.jkt}", headers=bearer)
    assert shown.json is not None
    assert (shown.json["jkt"], shown.json["state"]) == (phone.jkt, "active")


@pytest.mark.parametrize(("act", "body"), STEPS)
def test_who_has_read_an_older_state_undoes_nobodys_decision(
    client: FlaskClient,
    database: Database,
    clock: FrozenClock,
    person: Person,
    phone: Phone,
    bearer: dict[str, str],
    act: str,
    body: dict[str, str] | None,
) -> None:
    """Reinstating a phone below policy must not reinstate one that was tampered with meanwhile."""

    def decide(reason: KeyReason) -> None:
        with database.transaction() as session:
            devices.suspend(session, person.officer, phone.jkt, reason=reason, now=clock.now())

    decide(KeyReason.LOST)
    read = matching(client, phone.jkt, bearer)
    with database.transaction() as session:
        devices.reinstate(session, person.officer, phone.jkt, now=clock.now())
    clock.step(seconds=1)
    decide(KeyReason.TAMPERING_SUSPECTED)

    answer = client.post(f"/v1/devices/{phone.jkt}/{act}", json=body, headers=read)

    assert answer.status_code == 412
    now = client.get(f"/v1/devices/{phone.jkt}", headers=bearer).json or {}
    assert (now["state"], now["state_reason"]) == ("suspended", "tampering-suspected")


def test_a_repeated_act_changes_nothing(
    client: FlaskClient, phone: Phone, bearer: dict[str, str]
) -> None:
    path, body = f"/v1/devices/{phone.jkt}/suspension", {"reason": "lost"}
    read = matching(client, phone.jkt, bearer)

    statuses = [client.post(path, json=body, headers=read).status_code for _ in range(2)]

    assert statuses == [200, 412]


def test_who_may_only_read_devices_acts_on_none(
    client: FlaskClient, database: Database, clock: FrozenClock, person: Person, phone: Phone
) -> None:
    with database.transaction() as session:
        auditor = make_officer(session, person.agency, clock.now(), role=Role.AUDITOR)
        bearer = bearer_of(session, auditor, clock.now())
    headers = matching(client, phone.jkt, bearer)

    answer = client.post(f"/v1/devices/{phone.jkt}/reinstatement", headers=headers)

    assert answer.status_code == 403


def test_an_officer_gets_a_code_that_enrols(
    client: FlaskClient, person: Person, bearer: dict[str, str]
) -> None:
    path = f"/v1/supervisees/{person.supervisee_id}/enrolment-codes"

    issued = client.post(path, headers=bearer)

    assert issued.status_code == 201
    assert issued.json is not None
    assert issued.json["expires_at"] == "2026-03-03T09:00:00Z"
    asked = client.post("/v1/enrolments/challenge", json={"code": issued.json["code"]})
    assert asked.status_code == 200


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        *(("suspension", reason) for reason in KeyReason if reason not in SUSPENSION_REASONS),
        *(("revocation", reason) for reason in KeyReason if reason not in REVOCATION_REASONS),
    ],
)
def test_a_reason_that_does_not_fit_is_refused(
    client: FlaskClient, phone: Phone, bearer: dict[str, str], act: str, reason: KeyReason
) -> None:
    path = f"/v1/devices/{phone.jkt}/{act}"

    answer = client.post(
        path, json={"reason": reason.value}, headers=matching(client, phone.jkt, bearer)
    )

    assert answer.status_code == 422
    assert answer.json is not None
    assert answer.json["errors"][0]["pointer"] == "/reason"


@pytest.mark.parametrize("jkt", ["A" * 42, "A" * 44, "%00" * 43, "A" * 42 + "\u00e9"])
def test_a_strange_thumbprint_is_not_there(
    client: FlaskClient, bearer: dict[str, str], jkt: str
) -> None:
    path, anything = f"/v1/devices/{jkt}", bearer | {"If-Match": '"any"'}
    answers = [
        client.get(path, headers=bearer),
        client.post(f"{path}/reinstatement", headers=anything),
        client.post(f"{path}/revocation", json={"reason": "stolen"}, headers=anything),
    ]

    assert [answer.status_code for answer in answers] == [404] * 3


def test_officers_endpoints_take_no_proof_and_devices_no_bearer(
    client: FlaskClient, person: Person, bearer: dict[str, str]
) -> None:
    codes = f"/v1/supervisees/{person.supervisee_id}/enrolment-codes"

    assert client.post(codes).status_code == 401
    assert client.post("/v1/token", headers=bearer).status_code == 401


def test_a_list_goes_on_at_its_cursor(
    client: FlaskClient,
    database: Database,
    clock: FrozenClock,
    person: Person,
    bearer: dict[str, str],
) -> None:
    phones = []
    for _ in range(3):
        phones.append(enrolled_phone(database, client, clock, person).jkt)
        clock.step(minutes=1)

    path, seen, after = f"/v1/supervisees/{person.supervisee_id}/devices", [], ""
    for _ in range(2):
        page = client.get(f"{path}?limit=2{after}", headers=bearer).json
        assert page is not None
        seen += [item["keys"][0]["jkt"] for item in page["items"]]
        after = f"&after={page['next']}"

    assert seen == phones[::-1]


def test_the_servers_public_keys_are_published_and_nothing_private(client: FlaskClient) -> None:
    answer = client.get("/.well-known/jwks.json")

    assert answer.json is not None
    assert [set(key) for key in answer.json["keys"]] == [
        {"kty", "crv", "x", "y", "kid", "alg", "use"}
    ]


def test_issuing_a_code_leaves_the_phone_in_force_until_it_is_redeemed(
    database: Database, person: Person, phone: Phone
) -> None:
    with database.transaction() as session:
        code_for(session, person, now=START)

    assert phone.token()
