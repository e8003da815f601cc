"""An officer reads every message before anybody gets it: no kind and no text is without a way."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from backend.core.db import Database
from backend.identity.service import Role
from notifications.formats import Language
from notifications.kind import MessageKind
from notifications.messages import NEUTRAL, Template
from tests.support.clocks import START
from tests.support.identity import bearer_of, make_agency, make_officer

ALL = "GET /v1/message-examples"
REMINDERS = {
    ALL,
    "GET /v1/supervisees/<uuid:supervisee_id>/reminders/coming",
    "POST /v1/reminders/examples",
}
NOTICES = {
    "GET /v1/appointments/<uuid:appointment_id>/cancellation-preview",
    "POST /v1/appointments/<uuid:appointment_id>/change-preview",
}
PREVIEWS = {
    MessageKind.PAYMENT: REMINDERS,
    MessageKind.CHECK_IN: REMINDERS | NOTICES,
    MessageKind.HEARING: REMINDERS | NOTICES,
    MessageKind.APPOINTMENT: REMINDERS | NOTICES,
    MessageKind.ALERT: {ALL},
    MessageKind.DECISION: {
        ALL,
        "GET /v1/decision-preview",
        "GET /v1/plans/<uuid:plan_id>/breaking-preview",
    },
    MessageKind.REQUEST: {ALL},
}
"""Where an officer reads what a message of each kind says."""


@pytest.fixture
def shown(client: FlaskClient, database: Database) -> list[dict[str, object]]:
    """What the route for all messages answers."""
    with database.transaction() as session:
        officer = make_officer(session, make_agency(session, START), START, role=Role.AUDITOR)
        bearer = bearer_of(session, officer, START)
    answer = client.get("/v1/message-examples", headers=bearer)
    assert answer.json is not None
    items: list[dict[str, object]] = answer.json["items"]
    return items


@pytest.mark.parametrize("kind", MessageKind)
def test_every_kind_of_message_can_be_previewed(kind: MessageKind, app: Flask) -> None:
    served = {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
    }

    assert PREVIEWS[kind]
    assert PREVIEWS[kind] <= served


def test_every_kind_and_every_text_is_shown(shown: list[dict[str, object]]) -> None:
    templates = [one["template"] for one in shown]

    assert sorted(map(str, templates)) == sorted(template.value for template in Template)
    assert {one["kind"] for one in shown} == {kind.value for kind in MessageKind} | {None}


def test_every_text_is_shown_in_every_language_and_neutral_outside(
    shown: list[dict[str, object]],
) -> None:
    for one in shown:
        texts = one["texts"]
        assert isinstance(texts, dict)
        assert texts.keys() == {language.value for language in Language}
        for language in Language:
            text = texts[language.value]
            assert text["lock_screen_body"] == NEUTRAL[language].lock_screen_body
            assert text["subject"]
            assert "{" not in text["body"]
        assert texts["en"]["body"] != texts["es"]["body"]
