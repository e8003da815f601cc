"""What changes something is on record: which act each operation leaves, spelled out.

A morning at the office, request after request: each is done by somebody who may, and must
succeed. What it adds to the audit record is held against the act written beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import select

from backend.app import create_app
from backend.audit.acts import Act, Outcome
from backend.audit.models import AuditEvent
from backend.core.clock import rfc3339
from backend.core.db import Database
from backend.core.http import Audience
from backend.core.settings import Mode, Settings
from backend.payments.bank_file import COLUMNS
from backend.simulator.wire import HttpRequest
from tests.contracts.test_audiences import ROUTES
from tests.support.clocks import START, FrozenClock
from tests.support.conditions import circle
from tests.support.databases import SqliteDatabases
from tests.support.devices import ROOT_SECRET, SERVER_URL
from tests.support.house import House

DOCUMENT: Final[dict[str, Any]] = json.loads(Path("docs/openapi.json").read_text(encoding="utf-8"))
PERSON: Final = "/v1/supervisees/{supervisee_id}"
NOTE: Final = {"note": "Seen."}
REASON: Final = {"reason": "As agreed."}
TOMORROW: Final = "2026-03-03T15:00:00Z"
NOBODY: Final = "019cadc6-9a80-7e77-939c-63ffb87b0764"
HEADER: Final = ",".join(COLUMNS)


@dataclass(frozen=True, slots=True)
class Step:
    """An operation, the acts it leaves on record, and what is sent beside the house's own body.

    A text is a file. `by` is an officer by the name that a case has for them.
    """

    operation: str
    acts: Sequence[Act]
    body: Mapping[str, Any] | str = field(default_factory=dict)
    by: str | None = None


OBLIGATION: Final = {
    "kind": "fine",
    "amount_minor": 9_000,
    "currency": "USD",
    "basis": "order",
    "reference": "24-CR-003",
    "due_on": "2026-04-01",
}
PAYMENT: Final = {
    "receipt_number": "R-audit-1",
    "amount_minor": 1_000,
    "currency": "USD",
    "received_on": "2026-03-02",
    "method": "check",
}
SOMEBODY: Final = {"given_name": "Testa", "family_name": "Newcomer"}
OFFICER: Final = {
    "email": "new@example.example",
    "given_name": "Offa",
    "family_name": "Newcomer",
    "role": "officer",
}
HIDDEN: Final = {
    "kind": "exclusion-zone",
    "confidential": True,
    "title": "12 Hidden Street",
    "zone": circle(41.95, -87.7, 500.0),
    "schedule": None,
    "reason": "Protection of the victim.",
    "order_reference": "24-PO-007",
    "victim_consented_on": "2026-03-02",
}

STEPS: Final = [
    # conditions
    Step(f"POST {PERSON}/orders", [Act.ORDER_RECORDED]),
    Step("PUT /v1/orders/{order_id}", [Act.ORDER_CHANGED], {"court": "Other Court"}),
    Step("POST /v1/orders/{order_id}/conditions", [Act.CONDITION_IMPOSED]),
    Step("POST /v1/conditions/{condition_id}/versions", [Act.CONDITION_VERSION_ADDED]),
    Step("POST /v1/conditions/{condition_id}/lifting", [Act.CONDITION_LIFTED], REASON),
    Step("POST /v1/orders/{order_id}/conditions", [Act.CONDITION_IMPOSED], HIDDEN, "liaison"),
    Step(
        "POST /v1/conditions/{condition_id}/approval",
        [Act.CONDITION_VERSION_APPROVED, Act.CONFIDENTIAL_ZONE_READ],
    ),
    Step("POST /v1/exemptions/{exemption_id}/approval", [Act.EXEMPTION_APPROVED]),
    Step(f"POST {PERSON}/exemptions", [Act.EXEMPTION_PROPOSED]),
    Step("POST /v1/exemptions/{exemption_id}/withdrawal", [Act.EXEMPTION_WITHDRAWN], REASON),
    Step("POST /v1/absences/{absence_id}/preview", [Act.PAST_CHANGE_PREVIEWED]),
    Step("POST /v1/absences/{absence_id}/approval", [Act.ABSENCE_APPROVED]),
    Step(f"POST {PERSON}/absences", [Act.ABSENCE_PROPOSED]),
    Step("POST /v1/absences/{absence_id}/withdrawal", [Act.ABSENCE_WITHDRAWN], REASON),
    Step("POST /v1/zones/dry-run", [Act.ZONE_DRY_RUN]),
    # alerts
    Step("POST /v1/alerts/{alert_id}/acknowledgement", [Act.ALERT_ACKNOWLEDGED], NOTE),
    Step("POST /v1/alerts/{alert_id}/investigation", [Act.ALERT_INVESTIGATED], NOTE),
    Step("POST /v1/alerts/{alert_id}/contacts", [Act.ALERT_CONTACT_RECORDED], NOTE),
    Step("POST /v1/alerts/{alert_id}/notes", [Act.ALERT_NOTED], NOTE),
    Step(
        "POST /v1/alerts/{alert_id}/resolution",
        [Act.ALERT_RESOLVED],
        {**NOTE, "disposition": "excused"},
    ),
    Step("POST /v1/alerts/{alert_id}/reopening", [Act.ALERT_REOPENED], NOTE),
    # payments
    Step(
        f"POST {PERSON}/obligations",
        [Act.OBLIGATION_RAISED],
        {**OBLIGATION, "due_on": "2026-02-01"},
    ),
    Step("POST /v1/obligations/{obligation_id}/reliefs", [Act.RELIEF_PROPOSED], by="officer"),
    Step("POST /v1/reliefs/{relief_id}/approval", [Act.RELIEF_APPROVED]),
    Step("POST /v1/obligations/{obligation_id}/reliefs", [Act.RELIEF_PROPOSED]),
    Step("POST /v1/reliefs/{relief_id}/withdrawal", [Act.RELIEF_WITHDRAWN], REASON),
    Step(
        "POST /v1/obligations/{obligation_id}/referral",
        [Act.OBLIGATION_REFERRED],
        {**REASON, "document": "Letter 8"},
    ),
    Step(
        "POST /v1/referrals/{referral_id}/return",
        [Act.REFERRAL_RETURNED],
        {"outcome": "It stands."},
    ),
    Step("POST /v1/me/hardship-claims", [Act.HARDSHIP_CLAIMED], {"statement": "No work."}),
    Step(
        "POST /v1/hardship-claims/{claim_id}/decision",
        [Act.HARDSHIP_DECIDED],
        {**NOTE, "decision": "granted"},
    ),
    Step("POST /v1/me/plans", [Act.PLAN_REQUESTED]),
    Step(
        "POST /v1/plans/{plan_id}/decision",
        [Act.PLAN_DECLINED],
        {**NOTE, "decision": "declined"},
    ),
    Step("POST /v1/me/plans", [Act.PLAN_REQUESTED]),
    Step(
        "POST /v1/plans/{plan_id}/decision",
        [Act.PLAN_APPROVED],
        {**NOTE, "decision": "granted"},
    ),
    Step("POST /v1/plans/{plan_id}/breaking", [Act.PLAN_BROKEN], REASON),
    Step(f"POST {PERSON}/plans", [Act.PLAN_APPROVED]),
    Step("POST /v1/plans/{plan_id}/breaking", [Act.PLAN_BROKEN], REASON),
    Step(f"POST {PERSON}/obligations", [Act.OBLIGATION_RAISED], OBLIGATION),
    Step("POST /v1/obligations/{obligation_id}/cancellation", [Act.OBLIGATION_CANCELLED], REASON),
    Step(f"POST {PERSON}/recurring-fees", [Act.RECURRING_FEE_SET]),
    Step(
        "POST /v1/recurring-fees/{fee_id}/end",
        [Act.RECURRING_FEE_ENDED],
        {"last_due_on": "2026-06-30"},
    ),
    Step(f"POST {PERSON}/payments", [Act.PAYMENT_RECORDED], PAYMENT),
    Step("POST /v1/payments/{payment_id}/reversal", [Act.PAYMENT_REVERSED], REASON),
    Step(
        f"POST {PERSON}/payments",
        [Act.PAYMENT_RECORDED],
        {**PAYMENT, "receipt_number": "R-audit-2"},
    ),
    Step(
        "POST /v1/payments/{payment_id}/bank-return",
        [Act.PAYMENT_CHARGED_BACK],
        {**REASON, "reference": "RT-1"},
    ),
    Step(
        "POST /v1/cash-days/{cash_day_id}/closing",
        [Act.CASH_DAY_CLOSED],
        {"counted_minor": 10_000},
        "officer",
    ),
    Step(
        "POST /v1/cash-days/{cash_day_id}/confirmation",
        [Act.CASH_DAY_CONFIRMED],
        {"counted_minor": 10_000},
    ),
    Step(
        "POST /v1/payment-files",
        [Act.PAYMENT_FILE_IMPORTED, Act.SUSPENSE_BOOKED, Act.SUSPENSE_BOOKED],
        f"{HEADER}\nA-1,2026-03-01,4000,USD,lockbox,,\nA-2,2026-03-01,4100,USD,lockbox,,\n",
    ),
    Step("POST /v1/suspense/{item_id}/assignment", [Act.SUSPENSE_CLEARED, Act.PAYMENT_RECORDED]),
    Step("POST /v1/suspense/{item_id}/return", [Act.SUSPENSE_RETURNED]),
    Step(
        "PUT /v1/allocation-order",
        [Act.ALLOCATION_ORDER_CHANGED],
        {
            "kinds": [
                *("fine", "restitution", "court_fee"),
                *("supervision_fee", "programme_fee", "subject_access_fee"),
            ]
        },
    ),
    # appointments and reminders
    Step(
        f"POST {PERSON}/appointments",
        [Act.APPOINTMENT_MADE],
        {"kind": "hearing", "starts_at": TOMORROW},
    ),
    Step(
        "PUT /v1/appointments/{appointment_id}",
        [Act.APPOINTMENT_CHANGED],
        {"starts_at": rfc3339(START.replace(day=4))},
    ),
    Step(
        "POST /v1/appointments/{appointment_id}/cancellation",
        [Act.APPOINTMENT_CANCELLED],
        REASON,
    ),
    Step(
        "PUT /v1/me/reminder-choices",
        [Act.REMINDER_CHOICES_CHANGED],
        {"turned_off": ["payment"]},
    ),
    # requests
    Step(
        "POST /v1/me/requests",
        [Act.REQUEST_MADE],
        {"kind": "exemption", "text": "I go to hospital."},
    ),
    Step(
        "POST /v1/requests/{request_id}/answer",
        [Act.REQUEST_ANSWERED],
        {"outcome": "declined", "answer": "Call us."},
    ),
    # devices
    Step("POST /v1/devices/{jkt}/suspension", [Act.DEVICE_SUSPENDED], {"reason": "lost"}),
    Step("POST /v1/devices/{jkt}/reinstatement", [Act.DEVICE_REINSTATED]),
    Step("POST /v1/devices/{jkt}/revocation", [Act.DEVICE_REVOKED], {"reason": "stolen"}),
    Step(f"POST {PERSON}/enrolment-codes", [Act.ENROLMENT_CODE_ISSUED]),
    Step(
        "POST /v1/devices",
        [Act.ENROLMENT_CODE_ISSUED, Act.ENROLMENT_CHALLENGED, Act.DEVICE_ENROLLED],
        {"platform": "web", "evidence": [], "app_version": "1", "os_version": "1"},
    ),
    # identity
    Step("PUT /v1/agency", [Act.AGENCY_CHANGED], {"name": "Other Agency"}),
    Step("POST /v1/tokens", [Act.TOKEN_CREATED]),
    Step("DELETE /v1/tokens/{token_id}", [Act.TOKEN_REVOKED]),
    Step(f"POST {PERSON}/assignments", [Act.SUPERVISEE_ASSIGNED]),
    Step(f"DELETE {PERSON}/assignments/{{officer_id}}", [Act.SUPERVISEE_UNASSIGNED]),
    Step("POST /v1/supervisees", [Act.SUPERVISEE_CREATED], SOMEBODY),
    Step(f"PUT {PERSON}", [Act.SUPERVISEE_CHANGED], SOMEBODY),
    Step(f"PUT {PERSON}/trail", [Act.TRAIL_SET], {"trail": "zone-events-only"}),
    Step(
        "POST /v1/officers",
        [Act.OFFICER_CREATED],
        {**OFFICER, "password": "a long invented password"},
    ),
    Step("PUT /v1/officers/{officer_id}", [Act.OFFICER_CHANGED], {**OFFICER, "disabled": True}),
    Step(
        "PUT /v1/officers/{officer_id}/password",
        [Act.PASSWORD_CHANGED],
        {"password": "another invented password"},
    ),
    Step("DELETE /v1/officer/session", [Act.OFFICER_SIGNED_OUT]),
]

CHANGE_NOTHING: Final = {
    "POST /v1/appointments/{appointment_id}/change-preview",
    "POST /v1/orders/{order_id}/preview",
    "POST /v1/reminders/examples",
    "POST /v1/schedules/from-calendar",
    f"POST {PERSON}/plan-proposals",
}
NEED_MORE_THAN_A_HOUSE: Final = {
    f"DELETE {PERSON}/autopay": "a payment provider",
    "POST /v1/payment-differences/{difference_id}/explanation": "a payment provider",
    "POST /v1/payments/{payment_id}/refund": "a payment provider",
    f"POST {PERSON}/payment-links": "a payment provider",
    "POST /v1/re-enrolments/{asked_id}/approval": "a phone that lost its key",
    "POST /v1/re-enrolments/{asked_id}/decline": "a phone that lost its key",
    "PUT /v1/officer/password": "a password of one's own",
}

TRIED: Final = {act for step in STEPS for act in step.acts}
DONE_BY_OTHERS: Final = [act for act in Act if act not in TRIED]
"""By persons and phones, by the clock, by the payment provider."""

Morning = list[tuple[Step, int, str, list[str]]]
"""Each step with its answer's status and text, and the acts that it left."""


def _request(house: House, step: Step) -> tuple[HttpRequest, str | None, str]:
    method, template = step.operation.split(" ")
    if "{item_id}" in template:
        house.ids["item_id"] = _waiting_item(house)
    path = re.sub(r"{(\w+)}", lambda found: house.ids.get(found[1], NOBODY), template)
    described = DOCUMENT["paths"][template][method.lower()]
    headers = {"Content-Type": "application/json"}
    if "412" in described["responses"]:
        headers["If-Match"] = house.etag(path)
    if isinstance(step.body, str):
        headers["Content-Type"], text = "text/csv", step.body
    else:
        text = json.dumps({**house.good_body(step.operation), **step.body})
    request = HttpRequest(
        method=method,
        url=SERVER_URL + path,
        headers=headers,
        body=text.encode() if "requestBody" in described else b"",
    )
    audience = next((name for one in described.get("security", []) for name in one), None)
    return request, audience, template


def _waiting_item(house: House) -> str:
    """Return money of nobody known that waits."""
    listing = HttpRequest(
        method="GET", url=f"{SERVER_URL}/v1/suspense?waiting=true", headers={}, body=b""
    )
    answer = house.send(listing, "officer", "/v1/suspense")
    assert answer.json is not None
    return str(next(item["id"] for item in answer.json["items"]))


@pytest.fixture(scope="module")
def morning(sqlite_databases: SqliteDatabases, server_keys: Path) -> Morning:
    """All steps, one after the other, in one house."""
    with sqlite_databases.fresh_url() as url:
        database, clock = Database(url), FrozenClock()
        settings = Settings(
            mode=Mode.TEST,
            database_url=url,
            root_secret=ROOT_SECRET,
            server_keys=server_keys,
            public_url=SERVER_URL,
        )
        house = House(create_app(settings, database, clock), database, clock)
        done: Morning = []
        for step in STEPS:
            clock.step(seconds=1)
            seen = len(_acts(database))
            officer = None if step.by is None else getattr(house.case, step.by)
            request, audience, template = _request(house, step)
            answer = house.send(request, audience, template, officer=officer)
            text = answer.get_data(as_text=True)
            done.append((step, answer.status_code, text, _acts(database)[seen:]))
        database.close()
    return done


def _acts(database: Database) -> list[str]:
    """Return what was done with success, as the record has it."""
    with database.snapshot() as session:
        succeeded = AuditEvent.outcome == Outcome.SUCCEEDED.value
        return list(
            session.scalars(select(AuditEvent.act).where(succeeded).order_by(AuditEvent.id))
        )


@pytest.mark.parametrize(
    "number", range(len(STEPS)), ids=lambda number: f"{number} {STEPS[number].operation}"
)
def test_what_is_done_is_on_record(morning: Morning, number: int) -> None:
    step, status, text, acts = morning[number]

    assert status < 300, text
    assert sorted(acts) == sorted(act.value for act in step.acts)


def test_every_operation_of_an_officer_is_among_these() -> None:
    writes = {
        re.sub(r"<[^>]*?(\w+)>", r"{\1}", route)
        for route in ROUTES[Audience.OFFICER]
        if not route.startswith("GET ")
    }
    tried = {step.operation for step in STEPS}

    assert not tried & (CHANGE_NOTHING | set(NEED_MORE_THAN_A_HOUSE))
    assert writes - tried == CHANGE_NOTHING | set(NEED_MORE_THAN_A_HOUSE)


@pytest.mark.parametrize("act", DONE_BY_OTHERS, ids=[act.value for act in DONE_BY_OTHERS])
def test_every_other_act_is_read_by_a_test_of_its_own(act: Act) -> None:
    named = re.compile(rf"Act\.{act.name}\b|[\"']{re.escape(act.value)}[\"']")
    others = [path for path in Path("tests").rglob("test_*.py") if path.name != Path(__file__).name]

    assert any(named.search(path.read_text(encoding="utf-8")) for path in others)
