"""Who may call what: every route has an audience, and each audience's routes are spelled out."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from backend.core.http import Api, Audience

OPEN_TO_ALL = {
    "GET /openapi.json",
    "GET /docs/",
    "GET /docs/<path:path>",
}
"""What the libraries that describe the API serve; nothing of ours."""

ROUTES = {
    Audience.PUBLIC: {
        "GET /.well-known/jwks.json",
        "GET /healthz",
        "GET /metrics",
        "GET /payment/done",
        "GET /payment/left",
        "GET /readyz",
        "GET /v1/privacy-notice",
        "POST /v1/device/keys",
        "POST /v1/devices",
        "POST /v1/enrolments/challenge",
        "POST /v1/officer/session",
        "POST /v1/re-enrolments",
    },
    Audience.OFFICER: {
        "GET /v1/cash-days",
        "POST /v1/payments/<uuid:payment_id>/bank-return",
        "POST /v1/payment-files",
        "GET /v1/decision-preview",
        "GET /v1/cash-days/<uuid:cash_day_id>",
        "GET /v1/payments/<uuid:payment_id>/receipt",
        "POST /v1/cash-days/<uuid:cash_day_id>/closing",
        "POST /v1/cash-days/<uuid:cash_day_id>/confirmation",
        "GET /v1/suspense",
        "POST /v1/suspense/<uuid:item_id>/assignment",
        "POST /v1/suspense/<uuid:item_id>/return",
        "DELETE /v1/supervisees/<uuid:supervisee_id>/autopay",
        "POST /v1/payments/<uuid:payment_id>/refund",
        "DELETE /v1/officer/session",
        "DELETE /v1/supervisees/<uuid:supervisee_id>/assignments/<uuid:officer_id>",
        "DELETE /v1/tokens/<uuid:token_id>",
        "GET /v1/absences/<uuid:absence_id>",
        "GET /v1/agency",
        "GET /v1/alerts",
        "GET /v1/alerts/<uuid:alert_id>",
        "GET /v1/alerts/figures",
        "GET /v1/message-examples",
        "GET /v1/reminders/figures",
        "GET /v1/supervisees/<uuid:supervisee_id>/addresses",
        "GET /v1/allocation-order",
        "GET /v1/appointments/<uuid:appointment_id>",
        "GET /v1/appointments/<uuid:appointment_id>/cancellation-preview",
        "POST /v1/appointments/<uuid:appointment_id>/change-preview",
        "GET /v1/audit",
        "GET /v1/conditions/<uuid:condition_id>",
        "GET /v1/conditions/<uuid:condition_id>/calendar",
        "GET /v1/conditions/<uuid:condition_id>/versions",
        "GET /v1/devices/<string(length=43):jkt>",
        "GET /v1/devices/<string(length=43):jkt>/evidence",
        "GET /v1/devices/<string(length=43):jkt>/history",
        "GET /v1/exemptions/<uuid:exemption_id>",
        "GET /v1/hardship-claims",
        "GET /v1/officer",
        "GET /v1/officers",
        "GET /v1/officers/<uuid:officer_id>",
        "GET /v1/orders/<uuid:order_id>",
        "GET /v1/orders/<uuid:order_id>/conditions",
        "GET /v1/payment-differences",
        "GET /v1/payments/<uuid:payment_id>",
        "GET /v1/plans/<uuid:plan_id>",
        "GET /v1/plans/<uuid:plan_id>/breaking-preview",
        "GET /v1/reliefs/<uuid:relief_id>",
        "GET /v1/re-enrolments/<uuid:asked_id>",
        "GET /v1/requests",
        "GET /v1/requests/<uuid:request_id>",
        "GET /v1/supervisees",
        "GET /v1/supervisees/<uuid:supervisee_id>/re-enrolments",
        "GET /v1/supervisees/<uuid:supervisee_id>",
        "GET /v1/supervisees/<uuid:supervisee_id>/absences",
        "GET /v1/supervisees/<uuid:supervisee_id>/appointments",
        "GET /v1/supervisees/<uuid:supervisee_id>/check-ins",
        "GET /v1/supervisees/<uuid:supervisee_id>/presence-keys",
        "GET /v1/supervisees/<uuid:supervisee_id>/assignments",
        "GET /v1/supervisees/<uuid:supervisee_id>/balance",
        "GET /v1/supervisees/<uuid:supervisee_id>/devices",
        "GET /v1/supervisees/<uuid:supervisee_id>/episodes",
        "GET /v1/supervisees/<uuid:supervisee_id>/exemptions",
        "GET /v1/supervisees/<uuid:supervisee_id>/rejudgements",
        "POST /v1/absences/<uuid:absence_id>/preview",
        "POST /v1/orders/<uuid:order_id>/preview",
        "GET /v1/supervisees/<uuid:supervisee_id>/fixes",
        "GET /v1/supervisees/<uuid:supervisee_id>/hosted-payments",
        "GET /v1/supervisees/<uuid:supervisee_id>/journal",
        "GET /v1/supervisees/<uuid:supervisee_id>/journal/<uuid:token_id>",
        "GET /v1/supervisees/<uuid:supervisee_id>/obligations",
        "GET /v1/supervisees/<uuid:supervisee_id>/orders",
        "GET /v1/supervisees/<uuid:supervisee_id>/payments",
        "GET /v1/supervisees/<uuid:supervisee_id>/plans",
        "GET /v1/supervisees/<uuid:supervisee_id>/privacy-notice",
        "GET /v1/supervisees/<uuid:supervisee_id>/recurring-fees",
        "GET /v1/supervisees/<uuid:supervisee_id>/referrals",
        "GET /v1/supervisees/<uuid:supervisee_id>/refusals",
        "GET /v1/supervisees/<uuid:supervisee_id>/reliefs",
        "GET /v1/supervisees/<uuid:supervisee_id>/reminder-choices",
        "GET /v1/supervisees/<uuid:supervisee_id>/reminders",
        "GET /v1/supervisees/<uuid:supervisee_id>/reminders/coming",
        "GET /v1/supervisees/<uuid:supervisee_id>/statement",
        "GET /v1/supervisees/<uuid:supervisee_id>/statement.csv",
        "GET /v1/supervisees/<uuid:supervisee_id>/statement.pdf",
        "GET /v1/supervisees/<uuid:supervisee_id>/status",
        "GET /v1/supervisees/<uuid:supervisee_id>/suspicions",
        "GET /v1/supervisees/<uuid:supervisee_id>/trail",
        "GET /v1/tokens",
        "POST /v1/absences/<uuid:absence_id>/approval",
        "POST /v1/absences/<uuid:absence_id>/withdrawal",
        "POST /v1/alerts/<uuid:alert_id>/acknowledgement",
        "POST /v1/alerts/<uuid:alert_id>/contacts",
        "POST /v1/alerts/<uuid:alert_id>/investigation",
        "POST /v1/alerts/<uuid:alert_id>/notes",
        "POST /v1/alerts/<uuid:alert_id>/reopening",
        "POST /v1/alerts/<uuid:alert_id>/resolution",
        "POST /v1/appointments/<uuid:appointment_id>/cancellation",
        "POST /v1/conditions/<uuid:condition_id>/approval",
        "POST /v1/conditions/<uuid:condition_id>/lifting",
        "POST /v1/conditions/<uuid:condition_id>/versions",
        "POST /v1/devices/<string(length=43):jkt>/reinstatement",
        "POST /v1/devices/<string(length=43):jkt>/revocation",
        "POST /v1/devices/<string(length=43):jkt>/suspension",
        "POST /v1/exemptions/<uuid:exemption_id>/approval",
        "POST /v1/exemptions/<uuid:exemption_id>/withdrawal",
        "POST /v1/hardship-claims/<uuid:claim_id>/decision",
        "POST /v1/obligations/<uuid:obligation_id>/cancellation",
        "POST /v1/obligations/<uuid:obligation_id>/referral",
        "POST /v1/obligations/<uuid:obligation_id>/reliefs",
        "POST /v1/officers",
        "POST /v1/orders/<uuid:order_id>/conditions",
        "POST /v1/payment-differences/<uuid:difference_id>/explanation",
        "POST /v1/payments/<uuid:payment_id>/reversal",
        "POST /v1/plans/<uuid:plan_id>/breaking",
        "POST /v1/plans/<uuid:plan_id>/decision",
        "POST /v1/recurring-fees/<uuid:fee_id>/end",
        "POST /v1/referrals/<uuid:referral_id>/return",
        "POST /v1/reliefs/<uuid:relief_id>/approval",
        "POST /v1/reliefs/<uuid:relief_id>/withdrawal",
        "POST /v1/re-enrolments/<uuid:asked_id>/approval",
        "POST /v1/re-enrolments/<uuid:asked_id>/decline",
        "POST /v1/reminders/examples",
        "POST /v1/requests/<uuid:request_id>/answer",
        "POST /v1/schedules/from-calendar",
        "POST /v1/supervisees",
        "POST /v1/supervisees/<uuid:supervisee_id>/absences",
        "POST /v1/supervisees/<uuid:supervisee_id>/appointments",
        "POST /v1/supervisees/<uuid:supervisee_id>/assignments",
        "POST /v1/supervisees/<uuid:supervisee_id>/enrolment-codes",
        "POST /v1/supervisees/<uuid:supervisee_id>/exemptions",
        "POST /v1/supervisees/<uuid:supervisee_id>/obligations",
        "POST /v1/supervisees/<uuid:supervisee_id>/orders",
        "POST /v1/supervisees/<uuid:supervisee_id>/payment-links",
        "POST /v1/supervisees/<uuid:supervisee_id>/payments",
        "POST /v1/supervisees/<uuid:supervisee_id>/plan-proposals",
        "POST /v1/supervisees/<uuid:supervisee_id>/plans",
        "POST /v1/supervisees/<uuid:supervisee_id>/recurring-fees",
        "POST /v1/tokens",
        "POST /v1/zones/dry-run",
        "PUT /v1/agency",
        "PUT /v1/allocation-order",
        "PUT /v1/appointments/<uuid:appointment_id>",
        "PUT /v1/officer/password",
        "PUT /v1/officers/<uuid:officer_id>",
        "PUT /v1/officers/<uuid:officer_id>/password",
        "PUT /v1/orders/<uuid:order_id>",
        "PUT /v1/supervisees/<uuid:supervisee_id>",
        "PUT /v1/supervisees/<uuid:supervisee_id>/trail",
    },
    Audience.SUPERVISEE: {
        "GET /v1/me/autopay",
        "POST /v1/me/autopay",
        "GET /v1/me",
        "GET /v1/me/appointments",
        "GET /v1/me/balance",
        "GET /v1/me/conditions",
        "GET /v1/me/inbox",
        "GET /v1/me/payments",
        "GET /v1/me/plans",
        "GET /v1/me/reminder-choices",
        "GET /v1/me/statement",
        "GET /v1/me/statement.csv",
        "GET /v1/me/statement.pdf",
        "GET /v1/me/zones",
        "GET /v1/me/check-ins",
        "POST /v1/fixes",
        "POST /v1/me/appointments/<uuid:appointment_id>/check-in",
        "POST /v1/me/appointments/<uuid:appointment_id>/check-in-challenge",
        "POST /v1/me/payments",
        "POST /v1/me/plan-proposals",
        "POST /v1/me/plans",
        "PUT /v1/me/reminder-choices",
    },
    Audience.PROVIDER: {
        "POST /v1/provider/notices",
    },
    Audience.DEVICE: {
        "POST /v1/device/assertions",
        "POST /v1/device/deliveries",
        "POST /v1/device/openings",
        "POST /v1/device/passkey",
        "POST /v1/device/presence-challenge",
        "POST /v1/device/presence-key",
        "POST /v1/journal",
        "POST /v1/device/key-challenge",
        "POST /v1/token",
        "PUT /v1/device/push-address",
    },
    Audience.SUPERVISEE_UNGATED: {
        "DELETE /v1/me/autopay",
        "GET /v1/me/hardship-claims",
        "GET /v1/me/help",
        "GET /v1/me/privacy-notice",
        "GET /v1/me/refusals",
        "GET /v1/me/requests",
        "POST /v1/me/hardship-claims",
        "POST /v1/me/privacy-notice/acknowledgement",
        "POST /v1/me/requests",
    },
}


def _routes(app: Flask) -> dict[Audience | None, set[str]]:
    api: Api = app.extensions["flask-smorest"]["apis"][""]["ext_obj"]
    audiences = api.audiences()
    found: dict[Audience | None, set[str]] = {}
    for rule in app.url_map.iter_rules():
        audience = audiences.get(rule.endpoint.rpartition(".")[0])
        methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
        found.setdefault(audience, set()).update(f"{method} {rule.rule}" for method in methods)
    return found


def test_every_route_of_ours_has_an_audience(app: Flask) -> None:
    assert _routes(app).get(None, set()) <= OPEN_TO_ALL


@pytest.mark.parametrize("audience", list(Audience))
def test_the_routes_of_an_audience_are_these(app: Flask, audience: Audience) -> None:
    assert _routes(app).get(audience, set()) == ROUTES[audience]


def test_what_a_supervisee_may_do_without_location_is_this_alone() -> None:
    assert ROUTES[Audience.SUPERVISEE_UNGATED] == {
        "DELETE /v1/me/autopay",
        "GET /v1/me/refusals",
        "GET /v1/me/hardship-claims",
        "POST /v1/me/hardship-claims",
        "GET /v1/me/help",
        "GET /v1/me/privacy-notice",
        "POST /v1/me/privacy-notice/acknowledgement",
        "GET /v1/me/requests",
        "POST /v1/me/requests",
    }


@pytest.mark.parametrize(
    "route",
    sorted(
        route
        for audience in (Audience.OFFICER, Audience.SUPERVISEE, Audience.SUPERVISEE_UNGATED)
        for route in ROUTES[audience]
    ),
)
def test_a_stranger_gets_nowhere(client: FlaskClient, route: str) -> None:
    method, rule = route.split(" ")
    named = rule.replace("<string(length=43):jkt>", "A" * 43)
    path = re.sub(r"<[^>]+>", "019cadc6-9a80-7e77-939c-63ffb87b0764", named)

    answer = client.open(path, method=method, json={})

    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"
