from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from backend.core.db import Database
from tests.backend.conditions.conftest import ChosenActor
from tests.support.clocks import START
from tests.support.conditions import (
    NIGHTS,
    Case,
    circle,
    impose_confidential,
    impose_exclusion,
    order_for,
)

DAY = timedelta(days=1)
ORDER = {
    "court": "Example County Court",
    "reference": "24-CR-001",
    "starts_at": "2026-03-02T09:00:00Z",
    "ends_at": "2026-06-01T00:00:00-05:00",
}
CURFEW = {
    "kind": "curfew",
    "title": "Home",
    "zone": circle(41.88, -87.63, 100.0),
    "schedule": NIGHTS,
    "reason": "As ordered.",
}


def body_of(answer: TestResponse, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    body = answer.json
    assert isinstance(body, dict)
    return body


def refusal_of(answer: TestResponse, status: int, code: str) -> str | None:
    """Return the pointer of a problem."""
    assert answer.content_type == "application/problem+json"
    body = body_of(answer, status)
    assert body["code"] == code
    return body["errors"][0]["pointer"] if "errors" in body else None


@pytest.fixture
def order_id(http: FlaskClient, case: Case) -> str:
    """An order, recorded over HTTP."""
    answer = http.post(f"/v1/supervisees/{case.supervisee_id}/orders", json=ORDER)
    return str(body_of(answer, 201)["id"])


@pytest.fixture
def condition_id(http: FlaskClient, order_id: str) -> str:
    """A curfew, imposed over HTTP."""
    return str(body_of(http.post(f"/v1/orders/{order_id}/conditions", json=CURFEW), 201)["id"])


def test_an_order_for_nobody_is_a_miss(http: FlaskClient) -> None:
    nobody = "/v1/supervisees/01900000-0000-7000-8000-000000000000/orders"

    assert refusal_of(http.post(nobody, json=ORDER), 404, "not-found") is None
    assert refusal_of(http.get(nobody), 404, "not-found") is None


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"court": ""}, "/court"),
        ({"court": "x" * 201}, "/court"),
        ({"starts_at": "2026-03-02T09:00:00"}, "/starts_at"),
        ({"starts_at": "0001-01-01T00:00:00Z"}, "/starts_at"),
        ({"ends_at": "9999-12-31T23:59:59.999999Z"}, "/ends_at"),
        ({"ends_at": "2026-01-01T00:00:00Z"}, "/ends_at"),
        ({"judgement": "?"}, "/judgement"),
    ],
)
def test_an_order_that_makes_no_sense_is_pointed_at(
    http: FlaskClient, case: Case, changes: dict[str, Any], pointer: str
) -> None:
    answer = http.post(f"/v1/supervisees/{case.supervisee_id}/orders", json=ORDER | changes)

    assert refusal_of(answer, 422, "invalid-request") == pointer


def test_an_order_is_read_as_it_was_recorded(http: FlaskClient, case: Case, order_id: str) -> None:
    order = body_of(http.get(f"/v1/orders/{order_id}"), 200)
    page = body_of(http.get(f"/v1/supervisees/{case.supervisee_id}/orders"), 200)

    assert order["ends_at"] == "2026-06-01T05:00:00Z"
    assert order["supervisee_id"] == str(case.supervisee_id)
    assert page == {"items": [order], "next": None}


def test_an_order_is_changed_only_by_who_saw_it_last(http: FlaskClient, order_id: str) -> None:
    url = f"/v1/orders/{order_id}"
    seen = http.get(url).headers["ETag"]
    longer = ORDER | {"ends_at": "2026-09-01T00:00:00Z"}

    assert refusal_of(http.put(url, json=longer), 428, "precondition-required") is None
    changed = http.put(url, json=longer, headers={"If-Match": seen})
    assert body_of(changed, 200)["ends_at"] == "2026-09-01T00:00:00Z"
    stale = http.put(url, json=ORDER, headers={"If-Match": seen})
    assert refusal_of(stale, 412, "precondition-failed") is None

    assert http.get(url, headers={"If-None-Match": changed.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"kind": "banishment"}, "invalid-request", "/kind"),
        ({"zone": None}, "invalid-request", "/zone"),
        ({"zone": []}, "invalid-request", "/zone"),
        ({"zone": {"type": "Polygon", "coordinates": [[[0, 0], ["x", 0]]]}},
         "geometry-refused", "/zone/coordinates/0/1"),
        ({"buffer_m": 0}, "invalid-request", "/buffer_m"),
        ({"schedule": NIGHTS | {"timezone": "Nowhere"}}, "schedule-refused", "/schedule/timezone"),
        ({"schedule": NIGHTS | {"weekly": [{"weekday": "monday", "start": "9", "end": "10:00"}]}},
         "invalid-request", "/schedule/weekly/0/start"),
        ({"schedule": NIGHTS | {"weekly": [{"weekday": "monday", "start": "09:60", "end": "10:00"}]}},
         "schedule-refused", "/schedule/weekly/0/start"),
        ({"effective_from": "2026-03-01T09:00:00Z"}, "invalid-request", "/effective_from"),
        ({"confidential": True}, "forbidden", None),
        ({"reason": "Paid by 4111 1111 1111 1111"}, "card-number-refused", "/reason"),
    ],
)  # fmt: skip
def test_a_condition_that_makes_no_sense_is_pointed_at(
    http: FlaskClient, order_id: str, changes: dict[str, Any], code: str, pointer: str | None
) -> None:
    answer = http.post(f"/v1/orders/{order_id}/conditions", json=CURFEW | changes)

    assert refusal_of(answer, 403 if code == "forbidden" else 422, code) == pointer


@pytest.mark.parametrize(
    "body", [b'{"court": "A", "court": "B"}', b'{"court": NaN}', b"\xff\xfe{\0}\0", b"{"]
)
def test_a_body_that_can_be_read_in_two_ways_is_not_read(
    http: FlaskClient, case: Case, body: bytes
) -> None:
    url = f"/v1/supervisees/{case.supervisee_id}/orders"

    answer = http.post(url, data=body, content_type="application/json")

    assert refusal_of(answer, 400, "malformed-body") is None


def test_a_zone_nested_beyond_reason_is_refused(http: FlaskClient, order_id: str) -> None:
    for depth in (100, 800, 860, 900, 930, 990, 5_000):
        nested = '{"kind": "curfew", "zone": {"x": ' + "[" * depth + "]" * depth + "}}"
        answer = http.post(
            f"/v1/orders/{order_id}/conditions", data=nested, content_type="application/json"
        )
        assert answer.status_code in {400, 422}, depth


def test_a_ring_that_crosses_itself_is_answered_with_the_place(
    http: FlaskClient, order_id: str
) -> None:
    bow_tie = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}

    answer = http.post(f"/v1/orders/{order_id}/conditions", json=CURFEW | {"zone": bow_tie})

    body = body_of(answer, 422)
    assert (body["code"], body["reason"]) == ("geometry-refused", "crosses_itself")
    assert body["place"] == [0.5, 0.5]


def test_a_condition_is_read_as_it_was_imposed(
    http: FlaskClient, order_id: str, condition_id: str
) -> None:
    condition = body_of(http.get(f"/v1/conditions/{condition_id}"), 200)
    page = body_of(http.get(f"/v1/orders/{order_id}/conditions"), 200)
    history = body_of(http.get(f"/v1/conditions/{condition_id}/versions"), 200)

    wording = condition["latest"]["wording"]
    assert wording["zone"] == CURFEW["zone"]
    assert wording["schedule"] == NIGHTS
    assert condition["latest"]["effective_to"] == "2026-06-01T05:00:00Z"
    assert page["items"] == [condition]
    assert history["items"] == [condition["latest"]]


def test_a_condition_is_changed_only_by_who_saw_it_last(
    http: FlaskClient, condition_id: str
) -> None:
    url = f"/v1/conditions/{condition_id}"
    smaller = {name: CURFEW[name] for name in ("title", "schedule", "reason")} | {
        "zone": circle(41.88, -87.63, 20.0)
    }
    seen = http.get(url).headers["ETag"]

    bare = http.post(f"{url}/versions", json=smaller)
    assert refusal_of(bare, 428, "precondition-required") is None
    changed = http.post(f"{url}/versions", json=smaller, headers={"If-Match": seen})
    body = body_of(changed, 201)
    assert body["latest"]["number"] == 2
    assert body["latest"]["wording"]["advice"] == ["zone-smaller-than-accuracy"]
    assert http.get(url).headers["ETag"] == changed.headers["ETag"]
    stale = http.post(f"{url}/versions", json=smaller, headers={"If-Match": seen})
    assert refusal_of(stale, 412, "precondition-failed") is None
    assert len(body_of(http.get(f"{url}/versions"), 200)["items"]) == 2


def test_a_condition_is_lifted(http: FlaskClient, condition_id: str) -> None:
    url = f"/v1/conditions/{condition_id}"
    seen = {"If-Match": http.get(url).headers["ETag"]}

    lifted = http.post(f"{url}/lifting", json={"reason": "By the court."}, headers=seen)

    assert body_of(lifted, 201)["latest"]["lifted"] is True


def test_a_repeated_request_imposes_once(http: FlaskClient, order_id: str) -> None:
    url, once = f"/v1/orders/{order_id}/conditions", {"Idempotency-Key": "k-1"}

    first, second = (http.post(url, json=CURFEW, headers=once) for _ in range(2))

    assert body_of(first, 201) == body_of(second, 201)
    assert len(body_of(http.get(url), 200)["items"]) == 1


def test_a_confidential_zone_takes_two_officers(
    http: FlaskClient, caller: ChosenActor, case: Case, order_id: str
) -> None:
    caller.actor = case.liaison
    zone = {
        "kind": "exclusion-zone",
        "confidential": True,
        "title": "12 Hidden Street",
        "zone": circle(41.95, -87.7, 500.0),
        "reason": "Protection.",
        "order_reference": "24-PO-007",
        "victim_consented_on": "2026-02-20",
    }
    proposed = body_of(http.post(f"/v1/orders/{order_id}/conditions", json=zone), 201)
    url = f"/v1/conditions/{proposed['id']}"
    seen = {"If-Match": http.get(url).headers["ETag"]}
    own = http.post(f"{url}/approval", headers=seen)
    assert refusal_of(own, 409, "second-person-required") is None

    caller.actor = case.supervisor
    assert refusal_of(http.post(f"{url}/approval"), 428, "precondition-required") is None
    approved = body_of(http.post(f"{url}/approval", headers=seen), 200)
    assert proposed["latest"]["pending"]
    assert not approved["latest"]["pending"]

    caller.actor = case.officer
    seen_by_officer = http.get(url)
    assert body_of(seen_by_officer, 200)["latest"]["wording"] is None
    assert "Hidden" not in seen_by_officer.text


def test_a_supervisee_s_answers_hold_nothing_confidential(
    http: FlaskClient, caller: ChosenActor, case: Case, database: Database
) -> None:
    with database.transaction() as session:
        order = order_for(session, case, now=START)
        impose_confidential(session, case, order, now=START)
        market = impose_exclusion(session, case, order, now=START)
    caller.actor = case.person

    conditions, zones = http.get("/v1/me/conditions"), http.get("/v1/me/zones")

    (condition,) = body_of(conditions, 200)["conditions"]
    (zone,) = body_of(zones, 200)["zones"]
    assert condition["id"] == zone["condition_id"] == str(market.id)
    assert condition["what"] == "Zone to stay out of"
    assert zone["zone"] == circle(41.9, -87.6, 300.0)
    assert "Hidden" not in conditions.text + zones.text
    assert "confidential" not in conditions.text + zones.text
    assert "24-PO-007" not in conditions.text + zones.text


def test_an_exemption_goes_its_way(http: FlaskClient, caller: ChosenActor, case: Case) -> None:
    url = f"/v1/supervisees/{case.supervisee_id}/exemptions"
    request = {
        "scope": "No signal at the clinic.",
        "authority": "agency",
        "reference": "AG-12",
        "ends_at": "2026-03-09T09:00:00Z",
    }
    proposed = body_of(http.post(url, json=request), 201)
    one = f"/v1/exemptions/{proposed['id']}"
    assert refusal_of(http.post(f"{one}/approval"), 403, "forbidden") is None

    caller.actor = case.supervisor
    approved = body_of(http.post(f"{one}/approval"), 200)
    again = http.post(f"{one}/approval")
    withdrawn = body_of(http.post(f"{one}/withdrawal", json={"reason": "New phone."}), 200)

    assert refusal_of(again, 409, "illegal-transition") is None
    standings = [item["standing"] for item in (proposed, approved, withdrawn)]
    assert standings == ["proposed", "approved", "withdrawn"]
    assert body_of(http.get(one), 200) == withdrawn
    assert body_of(http.get(url), 200)["items"] == [withdrawn]


def test_an_absence_goes_its_way(
    http: FlaskClient, caller: ChosenActor, case: Case, condition_id: str
) -> None:
    url = f"/v1/supervisees/{case.supervisee_id}/absences"
    request = {
        "starts_at": "2026-03-01T20:00:00Z",
        "ends_at": "2026-03-05T20:00:00Z",
        "places": "Example Hospital",
        "reason": "Operation.",
    }
    stranger = request | {"condition_ids": [str(case.supervisee_id)]}
    assert refusal_of(http.post(url, json=stranger), 422, "invalid-request") == "/condition_ids/0"
    proposed = body_of(http.post(url, json=request), 201)
    one = f"/v1/absences/{proposed['id']}"

    caller.actor = case.supervisor
    approved = body_of(http.post(f"{one}/approval"), 200)
    withdrawn = body_of(http.post(f"{one}/withdrawal", json={"reason": "Discharged."}), 200)

    assert proposed["condition_ids"] == [condition_id]
    standings = [item["standing"] for item in (proposed, approved, withdrawn)]
    assert standings == ["proposed", "approved", "withdrawn"]
    assert body_of(http.get(one), 200) == withdrawn
    assert body_of(http.get(url), 200)["items"] == [withdrawn]


def test_what_is_of_another_agency_is_a_miss_everywhere(
    http: FlaskClient,
    caller: ChosenActor,
    case: Case,
    other_case: Case,
    order_id: str,
    condition_id: str,
) -> None:
    caller.actor = other_case.supervisor
    for url in (
        f"/v1/supervisees/{case.supervisee_id}/orders",
        f"/v1/supervisees/{case.supervisee_id}/exemptions",
        f"/v1/supervisees/{case.supervisee_id}/absences",
        f"/v1/orders/{order_id}",
        f"/v1/orders/{order_id}/conditions",
        f"/v1/conditions/{condition_id}",
        f"/v1/conditions/{condition_id}/versions",
    ):
        assert refusal_of(http.get(url), 404, "not-found") is None
    approval = http.post(f"/v1/conditions/{condition_id}/approval", headers={"If-Match": "x"})
    assert refusal_of(approval, 404, "not-found") is None


def test_the_document_says_that_changes_need_if_match(http: FlaskClient) -> None:
    paths = body_of(http.get("/openapi.json"), 200)["paths"]

    for path, method in (
        ("/v1/orders/{order_id}", "put"),
        ("/v1/conditions/{condition_id}/versions", "post"),
        ("/v1/conditions/{condition_id}/approval", "post"),
        ("/v1/conditions/{condition_id}/lifting", "post"),
    ):
        references = [item.get("$ref", "") for item in paths[path][method]["parameters"]]
        assert any(reference.endswith("IF_MATCH") for reference in references)
