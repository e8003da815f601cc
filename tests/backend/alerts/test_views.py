from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from backend.alerts import service
from backend.alerts.kinds import AlertKind, Severity
from backend.alerts.lifecycle import Disposition, Step
from backend.core.actor import Actor, ActorKind, Permission
from backend.core.db import Database
from backend.core.errors import Code, Problem
from backend.core.paging import Cursor
from backend.identity import service as identity
from backend.outbox.models import OutboxMessage
from notifications.delivery import MessageState
from tests.support.alerts import raised_alert
from tests.support.clocks import START, FrozenClock
from tests.support.identity import actor_of, make_agency, make_officer, make_supervisee
from tests.support.offices import Office, make_office

NOTE = {"note": "Spoke with Testa."}


@pytest.fixture
def alert_id(database: Database, office: Office) -> UUID:
    """A critical alert that nobody has looked at."""
    with database.transaction() as session:
        return raised_alert(session, office.person, START, severity=Severity.CRITICAL)


class Desk:
    """An officer's way to one alert, over HTTP."""

    def __init__(self, client: FlaskClient, office: Office, alert_id: UUID) -> None:
        self._client = client
        self._office = office
        self._url = f"/v1/alerts/{alert_id}"

    def read(self) -> TestResponse:
        return self._client.get(self._url, headers=self._office.bearer)

    def take(self, step: str, etag: str | None = None, **body: Any) -> TestResponse:
        """Take a step on the version that is there, or on the one that `etag` names."""
        headers = self._office.bearer | {"If-Match": etag or self.read().headers["ETag"]}
        return self._client.post(f"{self._url}/{step}", json=NOTE | body, headers=headers)


@pytest.fixture
def desk(client: FlaskClient, office: Office, alert_id: UUID) -> Desk:
    """The officer's way to the alert."""
    return Desk(client, office, alert_id)


def test_without_sign_in_nothing_is_shown(client: FlaskClient, alert_id: UUID) -> None:
    for path in ("", "/figures", f"/{alert_id}"):
        assert client.get(f"/v1/alerts{path}").status_code == 401


def test_an_alert_of_another_agency_is_not_there(
    client: FlaskClient, database: Database, alert_id: UUID
) -> None:
    with database.transaction() as session:
        elsewhere = make_office(session, START)

    answers = [
        client.get(f"/v1/alerts/{which}", headers=elsewhere.bearer) for which in (alert_id, uuid4())
    ]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json == answers[1].json
    assert client.get("/v1/alerts", headers=elsewhere.bearer).json == {"items": [], "next": None}


def test_an_officer_narrowed_to_their_own_people_sees_no_others(
    database: Database, office: Office, alert_id: UUID
) -> None:
    with database.transaction() as session:
        other = make_officer(session, office.agency, START)
        narrow = actor_of(other, own_only=True)
        unassigned = make_supervisee(session, office.agency, START)
        hidden = raised_alert(session, unassigned, START)
        own = actor_of(office.officer, own_only=True)

    with database.snapshot() as session:
        assert service.alerts(session, narrow, cursor=Cursor()).items == []
        assert [a.id for a in service.alerts(session, own, cursor=Cursor()).items] == [alert_id]
        with pytest.raises(Problem) as refused:
            service.alert(session, own, hidden)
    assert refused.value.code is Code.NOT_FOUND


def test_without_the_permission_nobody_reads_or_decides(
    database: Database, office: Office, alert_id: UUID
) -> None:
    powerless = actor_of(office.officer, permissions=frozenset())
    reader = actor_of(office.officer, permissions=frozenset({Permission.ALERT_READ}))

    with database.transaction() as session:
        for attempt in (
            lambda: service.alerts(session, powerless, cursor=Cursor()),
            lambda: service.alert(session, powerless, alert_id),
            lambda: service.figures(
                session, powerless, since=START, until=START + timedelta(days=1)
            ),
            lambda: service.hold_alert(session, reader, alert_id),
            lambda: service.take_step(
                session, reader, alert_id, Step.ACKNOWLEDGE, note="x", now=START
            ),
        ):
            with pytest.raises(Problem) as refused:
                attempt()
            assert refused.value.code is Code.FORBIDDEN


def test_an_officer_cannot_take_a_step_of_the_machine(
    database: Database, office: Office, alert_id: UUID
) -> None:
    with database.transaction() as session, pytest.raises(ValueError, match="judging"):
        service.take_step(session, office.actor, alert_id, Step.WITHDRAW, note="x", now=START)


def test_a_step_without_saying_on_which_version_is_refused(
    client: FlaskClient, office: Office, alert_id: UUID
) -> None:
    url = f"/v1/alerts/{alert_id}/acknowledgement"

    answer = client.post(url, json=NOTE, headers=office.bearer)

    assert answer.status_code == 428


def test_a_step_on_a_version_that_changed_meanwhile_is_refused(
    desk: Desk, database: Database, alert_id: UUID
) -> None:
    seen = desk.read().headers["ETag"]
    with database.transaction() as session:
        service.clear(session, alert_id, START, START)

    answer = desk.take("acknowledgement", etag=seen)

    assert answer.status_code == 412
    assert desk.read().get_json()["alert"]["state"] == "open"


def test_a_step_that_does_not_lead_on_from_here_is_refused(desk: Desk) -> None:
    for step, body in [
        ("investigation", {}),
        ("contacts", {}),
        ("resolution", {"disposition": "excused"}),
        ("reopening", {}),
    ]:
        answer = desk.take(step, **body)
        assert answer.status_code == 409
        assert answer.get_json()["code"] == "illegal-transition"
    assert len(desk.read().get_json()["events"]) == 1


def test_a_step_with_a_bad_body_is_refused_with_the_place(desk: Desk) -> None:
    for body, pointer in [
        ({"note": ""}, "/note"),
        ({"note": "  "}, "/note"),
        ({"note": "x" * 2001}, "/note"),
        ({"note": "ok", "disposition": "excused"}, "/disposition"),
    ]:
        answer = desk.take("acknowledgement", **body)
        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.get_json()["errors"]] == [pointer]


def test_a_card_number_in_a_note_is_refused_and_not_repeated(desk: Desk) -> None:
    answer = desk.take("acknowledgement", note="paid with 4111 1111 1111 1111")

    assert answer.status_code == 422
    assert answer.get_json()["code"] == "card-number-refused"
    assert answer.get_json()["errors"][0]["pointer"] == "/note"
    assert "4111" not in answer.get_data(as_text=True)


def test_triage_from_open_to_resolved_and_back(desk: Desk, clock: FrozenClock) -> None:
    for step, body in [
        ("acknowledgement", {}),
        ("contacts", {}),
        ("investigation", {}),
        ("notes", {"note": "The bus was late."}),
        ("contacts", {}),
        ("resolution", {"disposition": "excused"}),
    ]:
        clock.step(minutes=1)
        assert desk.take(step, **body).status_code == 200, step

    detail = desk.read().get_json()
    assert detail["alert"]["state"] == "resolved"
    assert detail["alert"]["disposition"] == "excused"
    assert detail["alert"]["detected_at"] == "2026-03-02T09:00:00Z"
    assert detail["alert"]["acknowledged_at"] == "2026-03-02T09:01:00Z"
    assert detail["alert"]["first_contact_at"] == "2026-03-02T09:02:00Z"
    assert detail["alert"]["resolved_at"] == "2026-03-02T09:06:00Z"
    assert detail["alert"]["cleared_at"] is None
    assert [event["kind"] for event in detail["events"]] == [
        "raised",
        "acknowledged",
        "contact-recorded",
        "investigated",
        "noted",
        "contact-recorded",
        "resolved",
    ]
    assert detail["events"][4]["note"] == "The bus was late."

    assert desk.take("reopening").get_json()["alert"]["state"] == "reopened"
    assert desk.take("investigation").status_code == 200
    answer = desk.take("resolution", disposition="location-error")
    assert answer.get_json()["alert"]["disposition"] == "location-error"


@pytest.mark.parametrize("disposition", Disposition)
def test_an_alert_is_resolved_by_each_disposition_and_never_without_a_note(
    desk: Desk, disposition: Disposition
) -> None:
    for step in ("acknowledgement", "investigation"):
        assert desk.take(step).status_code == 200

    bare = desk.take("resolution", disposition=disposition.value, note="")
    resolved = desk.take("resolution", disposition=disposition.value)

    assert bare.status_code == 422
    assert resolved.get_json()["alert"]["disposition"] == disposition.value
    assert resolved.get_json()["alert"]["state"] == "resolved"


def test_an_acknowledgement_takes_back_the_mail_that_is_unsent(
    desk: Desk, database: Database
) -> None:
    desk.take("acknowledgement")

    with database.snapshot() as session:
        states = session.scalars(select(OutboxMessage.state)).all()
    assert states == [MessageState.WITHDRAWN]


def test_the_same_step_told_twice_with_one_key_is_taken_once(
    client: FlaskClient, office: Office, alert_id: UUID, desk: Desk
) -> None:
    headers = office.bearer | {"If-Match": desk.read().headers["ETag"], "Idempotency-Key": "a"}
    url = f"/v1/alerts/{alert_id}/notes"

    answers = [client.post(url, json=NOTE, headers=headers) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].get_json() == answers[1].get_json()
    assert len(desk.read().get_json()["events"]) == 2


def test_an_alert_that_has_not_changed_is_not_sent_again(
    client: FlaskClient, office: Office, alert_id: UUID, desk: Desk
) -> None:
    etag = desk.read().headers["ETag"]

    answer = client.get(f"/v1/alerts/{alert_id}", headers=office.bearer | {"If-None-Match": etag})

    assert answer.status_code == 304


def test_the_list_is_filtered_and_paged_newest_first(
    client: FlaskClient, database: Database, office: Office, clock: FrozenClock
) -> None:
    with database.transaction() as session:
        other = make_supervisee(session, office.agency, START)
        ids = [
            str(
                raised_alert(
                    session,
                    person,
                    clock.step(minutes=1),
                    kind=kind,
                )
            )
            for person, kind in [
                (office.person, AlertKind.CURFEW_MISSED),
                (other, AlertKind.CURFEW_MISSED),
                (other, AlertKind.NO_COMMUNICATION),
            ]
        ]

    def listed(query: str) -> list[str]:
        answer = client.get(f"/v1/alerts?{query}", headers=office.bearer)
        assert answer.status_code == 200
        return [item["id"] for item in answer.get_json()["items"]]

    assert listed("") == ids[::-1]
    assert listed("kind=curfew-missed") == [ids[1], ids[0]]
    assert listed(f"supervisee_id={other.id}") == [ids[2], ids[1]]
    assert listed("state=open") == ids[::-1]
    assert listed("state=resolved") == []
    assert listed("limit=2") == [ids[2], ids[1]]
    assert listed(f"limit=2&after={ids[1]}") == [ids[0]]


def test_an_unknown_filter_is_refused(client: FlaskClient, office: Office) -> None:
    for query in ("state=lost", "kind=x", "supervisee_id=1", "colour=red"):
        answer = client.get(f"/v1/alerts?{query}", headers=office.bearer)
        assert answer.status_code == 422
        assert answer.get_json()["errors"][0]["pointer"] == "?" + query.split("=")[0]


def test_figures_count_what_was_detected_in_the_period(
    client: FlaskClient, office: Office, desk: Desk, clock: FrozenClock
) -> None:
    clock.step(minutes=3)
    desk.take("acknowledgement")

    answer = client.get(
        "/v1/alerts/figures?since=2026-03-02T00:00:00Z&until=2026-03-04T00:00:00Z",
        headers=office.bearer,
    )

    assert answer.get_json() == {
        "since": "2026-03-02T00:00:00Z",
        "until": "2026-03-04T00:00:00Z",
        "alerts": 1,
        "people": 1,
        "per_person_day": 0.5,
        "false_share": None,
        "median_to_acknowledge_s": 180.0,
    }


def test_a_period_that_is_none_is_refused(client: FlaskClient, office: Office) -> None:
    for query in (
        "",
        "since=2026-03-02T00:00:00Z",
        "since=2026-03-02T00:00:00&until=2026-03-03T00:00:00",
        "since=2026-03-03T00:00:00Z&until=2026-03-03T00:00:00Z",
        "since=2026-03-03T00:00:00Z&until=2026-03-02T00:00:00Z",
        "since=2026-01-01T00:00:00Z&until=2026-12-31T00:00:00Z",
        "since=0001-01-01T00:00:00%2B14:00&until=2026-12-31T00:00:00Z",
        "since=9999-12-31T23:00:00-14:00&until=9999-12-31T23:00:00Z",
    ):
        answer = client.get(f"/v1/alerts/figures?{query}", headers=office.bearer)
        assert answer.status_code == 422, query


def test_a_supervised_person_is_no_officer(database: Database, office: Office) -> None:
    person = Actor(kind=ActorKind.SUPERVISEE, id=office.person.id, agency_id=office.agency.id)

    with database.snapshot() as session, pytest.raises(Problem) as refused:
        service.alerts(session, person, cursor=Cursor())

    assert refused.value.code is Code.FORBIDDEN


def test_two_agencies_may_have_alerts_of_their_own(database: Database, office: Office) -> None:
    with database.transaction() as session:
        elsewhere = make_agency(session, START)
        person = make_supervisee(session, elsewhere, START)
        alert_id = raised_alert(session, person, START)
        system = identity.visible_supervisees(office.actor)

        assert person.id not in session.scalars(system).all()
        with pytest.raises(Problem):
            service.alert(session, office.actor, alert_id)
