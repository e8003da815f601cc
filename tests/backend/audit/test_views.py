from __future__ import annotations

from flask.testing import FlaskClient

from backend.core.db import Database
from backend.identity.service import Role
from tests.support.clocks import FrozenClock
from tests.support.identity import bearer_of, make_agency, make_officer


def test_the_record_is_closed_to_strangers_and_to_officers_without_the_permission(
    client: FlaskClient, database: Database, clock: FrozenClock
) -> None:
    with database.transaction() as session:
        officer = make_officer(session, make_agency(session, clock.now()), clock.now())
        bearer = bearer_of(session, officer, clock.now())

    assert client.get("/v1/audit").status_code == 401
    assert client.get("/v1/audit", headers=bearer).status_code == 403


def test_an_auditor_reads_the_record_in_pages(
    client: FlaskClient, database: Database, clock: FrozenClock
) -> None:
    with database.transaction() as session:
        agency = make_agency(session, clock.now())
        auditor = make_officer(session, agency, clock.step(seconds=1), role=Role.AUDITOR)
        bearer = bearer_of(session, auditor, clock.step(seconds=1))

    first = client.get("/v1/audit", query_string={"limit": 1}, headers=bearer).json
    assert first is not None
    cursor = {"after": first["next"], "limit": 1}
    second = client.get("/v1/audit", query_string=cursor, headers=bearer).json
    assert second is not None

    assert [first["items"][0]["act"], second["items"][0]["act"]] == [
        "officer.created",
        "agency.created",
    ]
    assert second["items"][0]["details"] == {}
    assert second["next"] is None


def test_events_can_be_filtered_by_act(
    client: FlaskClient, database: Database, clock: FrozenClock
) -> None:
    with database.transaction() as session:
        agency = make_agency(session, clock.now())
        bearer = bearer_of(
            session, make_officer(session, agency, clock.now(), role=Role.AUDITOR), clock.now()
        )

    found = client.get("/v1/audit", query_string={"act": "agency.created"}, headers=bearer).json
    unknown = client.get("/v1/audit", query_string={"act": "everything"}, headers=bearer)
    unwanted = client.get("/v1/audit", query_string={"name": "Testa"}, headers=bearer)

    assert found is not None
    assert [event["act"] for event in found["items"]] == ["agency.created"]
    assert unknown.status_code == 422
    assert unwanted.status_code == 422
