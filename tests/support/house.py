"""An application with one of everything in it, and what gets a request past each guard."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from flask import Flask
from werkzeug.test import TestResponse

from backend.appointments import service as appointments
from backend.appointments.service import AppointmentKind, AppointmentTerms
from backend.core.actor import Actor
from backend.core.db import Database, Session
from backend.identity import service as identity
from backend.identity.service import Role
from backend.identity.tokens import open_session
from backend.simulator.phone import Phone, _Call
from backend.simulator.provider import WEBHOOK_SECRET, LocalProvider
from backend.simulator.provider_notices import signature
from backend.simulator.wire import HttpRequest
from tests.support.alerts import raised_alert
from tests.support.clocks import FrozenClock
from tests.support.conditions import (
    Case,
    employ,
    impose_curfew,
    order_for,
    propose_absence,
    propose_exemption,
)
from tests.support.counters import days_of
from tests.support.devices import (
    SERVER_URL,
    code_for,
    enrolled_phone,
    fresh_nonce,
    supervised_person,
)
from tests.support.location import HOME, at, watched_person
from tests.support.payments import monthly_fee, owed, paid
from tests.support.phones import phone_of
from tests.support.requests import asked
from tests.support.scenes import Good, Scene, good_bodies, good_texts, made_for

_AN_ADMINISTRATORS: Final = ("/v1/agency", "/v1/officer", "/v1/tokens", "/v1/allocation-order")
_MADE_BY: Final = {
    "orders": "order_id",
    "conditions": "condition_id",
    "exemptions": "exemption_id",
    "absences": "absence_id",
    "obligations": "obligation_id",
    "recurring-fees": "fee_id",
    "payments": "payment_id",
    "reliefs": "relief_id",
    "plans": "plan_id",
    "hardship-claims": "claim_id",
    "requests": "request_id",
    "referral": "referral_id",
    "tokens": "token_id",
    "officers": "officer_id",
}
"""What a list's POST makes, by the name that paths have for its identifier."""


class House:
    """A person under an order, with a phone, debts, an alert and officers of every role.

    `ids` are things that are there, by the names that paths have for them; what a request made
    last takes the place of what was there before. `phone` is the person's, `provider` takes payments.
    """

    def __init__(
        self,
        app: Flask,
        database: Database,
        clock: FrozenClock,
        *,
        provider: LocalProvider | None = None,
    ) -> None:
        self._client = app.test_client()
        self._sent = 0
        self._database, self._clock = database, clock
        watched = watched_person(app, database, clock)
        self._case, self.phone = watched.case, watched.phone
        assert watched.walk([at(HOME)]) == [200]
        agency_id, now = self._case.agency_id, clock.now()
        with database.transaction() as session:
            agency = identity.get_agency(session, agency_id)
            self._administrator = employ(
                session, agency_id, Role.AGENCY_ADMIN, "administrator", now=now
            )
            neighbour = supervised_person(session, now=now, agency=agency)
            self._newcomer = supervised_person(session, now=now, agency=agency)
            self.ids = self._furnish(session)
        agency_now = self._client.get("/v1/agency", headers=self._bearer("/v1/agency")).json or {}
        self._writable = {
            name: value for name, value in agency_now.items() if name not in {"id", "created_at"}
        }
        self.ids["jkt"] = enrolled_phone(database, self._client, clock, neighbour).jkt
        self._scene = Scene(
            database=database,
            client=self._client,
            clock=clock,
            case=self._case,
            phone=self.phone,
            newcomer=self._newcomer,
            provider=provider,
        )

    @property
    def case(self) -> Case:
        """Who lives here, and the officers who deal with them."""
        return self._case

    def send(
        self,
        request: HttpRequest,
        audience: str | None,
        template: str,
        *,
        officer: Actor | None = None,
    ) -> TestResponse:
        """Send a request as somebody who may; `template` is its path in the OpenAPI document.

        `officer` sends what is an officer's, if it is not to be who usually may. Each request
        comes from a network of its own, or soon none would be let try to enrol.
        """
        self._sent += 1
        credentials = self._credentials(request, audience, template, officer)
        headers = {**request.headers, **credentials}
        answer = self._client.open(
            request.url,
            method=request.method,
            headers=headers,
            data=request.body,
            environ_base={
                "REMOTE_ADDR": f"2001:db8:{self._sent // 65536:x}:{self._sent % 65536:x}::1"
            },
        )
        made = _MADE_BY.get(template.rsplit("/", 1)[-1])
        if made is not None and answer.status_code == 201 and answer.json is not None:
            self.ids[made] = str(answer.json["id"])
        return answer

    def prepared(self, operation: str) -> Good:
        """Make what the operation ("POST /v1/…") needs, and return what it then takes."""
        made = made_for(self._scene, operation)
        officer = made.pop("officer", None)
        there = self.ids | {"phone": self.phone.jkt} | made
        ids = {name: str(thing) for name, thing in there.items()}
        return Good(
            ids=ids,
            body=self._bodies(ids).get(operation, {}),
            text=good_texts(ids).get(operation, ""),
            officer=officer,
        )

    def good_body(self, operation: str) -> dict[str, Any]:
        """Return a body that the operation takes about what is there; empty where none is known."""
        return self._bodies(self.ids | {"phone": self.phone.jkt}).get(operation, {})

    def _bodies(self, ids: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        return good_bodies(ids) | {"PUT /v1/agency": self._writable}

    def etag(self, path: str) -> str:
        """Return what an officer who is to change something at `path` has read before."""
        for read in (path, path.rsplit("/", 1)[0]):
            answer = self._client.get(read, headers=self._bearer(read), base_url=SERVER_URL)
            if "ETag" in answer.headers:
                return answer.headers["ETag"]
        return '"none"'

    def _credentials(
        self, request: HttpRequest, audience: str | None, template: str, officer: Actor | None
    ) -> dict[str, str]:
        match audience:
            case "officer":
                return self._bearer(template, officer)
            case "device" | "supervisee-ungated":
                return self._proof(self.phone, request)
            case "supervisee":
                self.phone.take_fix(at(HOME))
                return self._proof(self.phone, request, with_token=True)
            case "provider":
                return signature(request.body, WEBHOOK_SECRET, self._clock.now())
            case _ if template in {"/v1/devices", "/v1/re-enrolments"}:
                new = phone_of(self._client, self._clock)
                enrols = template == "/v1/devices"
                nonce = self._challenge() if enrols else fresh_nonce(self._client, new.key)
                return self._proof(new, request, challenge=nonce)
            case _:
                return {}

    def _bearer(self, path: str, officer: Actor | None = None) -> dict[str, str]:
        """Return a fresh session: the last one may have been ended by its own request."""
        administers = path.startswith(_AN_ADMINISTRATORS)
        officer = officer or (self._administrator if administers else self._case.supervisor)
        assert officer.id is not None
        with self._database.transaction() as session:
            issued = open_session(session, officer.id, now=self._clock.now())
        return {"Authorization": f"Bearer {issued.secret}"}

    def _proof(
        self,
        phone: Phone,
        request: HttpRequest,
        *,
        with_token: bool = False,
        challenge: str | None = None,
    ) -> dict[str, str]:
        """Return what `phone` sends along with a request that somebody else made up."""
        said = phone._fresh_location() if with_token else {}
        call = _Call(
            method=request.method,
            path=request.url.removeprefix(SERVER_URL),
            body=request.body,
            said=said,
            with_token=with_token,
        )
        signed = phone._signed(call, challenge=challenge).headers
        return {name: text for name, text in signed.items() if name != "Content-Type"}

    def _challenge(self) -> str:
        """Return a challenge for whoever enrols next."""
        with self._database.transaction() as session:
            code = code_for(session, self._newcomer, now=self._clock.now())
        answer = self._client.post("/v1/enrolments/challenge", json={"code": code})
        assert answer.json is not None
        challenge: str = answer.json["challenge"]
        return challenge

    def _furnish(self, session: Session) -> dict[str, str]:
        now, case = self._clock.now(), self._case
        person = identity.get_supervisee(session, case.officer, case.supervisee_id)
        order = order_for(session, case, now=now)
        condition = impose_curfew(session, case, order, now=now)
        colleague = employ(session, case.agency_id, Role.OFFICER, "colleague", now=now)
        due, who = date(2026, 4, 1), (session, case.officer, person.id)
        things = {
            "order_id": order.id,
            "condition_id": condition.id,
            "exemption_id": propose_exemption(session, case, now=now).id,
            "absence_id": propose_absence(session, case, now=now).id,
            "alert_id": raised_alert(session, person, now),
            "obligation_id": owed(*who, due, now).id,
            "fee_id": monthly_fee(*who, now, starts_on=due, day_of_month=1).id,
            "payment_id": paid(*who, now).id,
            "cash_day_id": days_of(session, case.officer, now)[0].id,
            "officer_id": colleague.id,
            "appointment_id": _check_in(session, case, now),
            "supervisee_id": person.id,
            "request_id": asked(session, person, now).id,
        }
        return {name: str(thing) for name, thing in things.items()}


def _check_in(session: Session, case: Case, now: datetime) -> UUID:
    """Expect the person to check in, soon."""
    terms = AppointmentTerms(starts_at=now + timedelta(hours=1))
    return appointments.make_appointment(
        session, case.officer, case.supervisee_id, AppointmentKind.CHECK_IN, terms, now=now
    ).id
