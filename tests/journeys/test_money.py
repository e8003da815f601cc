"""Money from the bill to the last cent, over the API: nothing is typed into a database.

Billed, reminded, paid on the provider's own page, billed again, behind, hardship claimed, a plan,
paid up. Only the agency and its two officers are made as their commands make them; the provider is
one in software, over real HTTP.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from flask import Flask

from backend.core.db import Database
from backend.core.settings import Settings
from backend.identity.service import Role
from backend.simulator.phone import Phone
from backend.simulator.provider import SECRET_KEY, WEBHOOK_SECRET, LocalProvider
from backend.simulator.provider_notices import signed
from backend.worker.channels import open_channels
from backend.worker.jobs import jobs
from backend.worker.providers import open_provider
from tests.support.clocks import FrozenClock
from tests.support.identity import PASSWORD, make_agency, make_officer
from tests.support.location import HOME, at
from tests.support.phones import phone_of

FEE: Final = {
    "kind": "programme_fee",
    "amount_minor": 4_000,
    "currency": "USD",
    "basis": "policy",
    "reference": "Fee schedule 2026",
    "due_on": "2026-03-14",
}
FINE: Final = {
    "kind": "fine",
    "amount_minor": 30_000,
    "currency": "USD",
    "basis": "order",
    "reference": "2026-CR-000411",
    "due_on": "2026-03-20",
}


class Town:
    """An agency's desk, a person's phone, the worker, and the days that go by."""

    def __init__(
        self,
        app: Flask,
        settings: Settings,
        database: Database,
        clock: FrozenClock,
        provider: LocalProvider,
    ) -> None:
        self._app, self._database, self._clock = app, database, clock
        self._channels = open_channels(settings, database)
        self._provider, self._way_there = provider, open_provider(settings)
        with database.transaction() as session:
            agency = make_agency(session, clock.now())
            self.officer = make_officer(session, agency, clock.now()).email
            self.supervisor = make_officer(session, agency, clock.now(), role=Role.SUPERVISOR).email
        person = {"given_name": "Testa", "family_name": "Example", "language": "es"}
        self.person_id = self.desk("POST", "/v1/supervisees", person)["id"]
        self.person = f"/v1/supervisees/{self.person_id}"
        code = self.desk("POST", f"{self.person}/enrolment-codes")["code"]
        self._phone: Phone = phone_of(app.test_client(), clock)
        self._phone.enrol(code)

    def desk(
        self, method: str, path: str, body: dict[str, Any] | None = None, by: str = ""
    ) -> dict[str, Any]:
        """What an officer, who signs in for it, is answered."""
        client = self._app.test_client()
        who = {"email": by or self.officer, "password": PASSWORD}
        token = client.post("/v1/officer/session", json=who).get_json()["token"]
        bearer = {"Authorization": f"Bearer {token}"}
        answer = client.open(path, method=method, json=body, headers=bearer)
        assert answer.status_code < 300, answer.get_data(as_text=True)
        answered: dict[str, Any] = answer.get_json()
        return answered

    def reads(self, path: str) -> dict[str, Any]:
        """What the person's app is answered, with a location."""
        answer = self._phone.get(path, at(HOME))
        assert answer.status == 200
        answered: dict[str, Any] = answer.json()
        return answered

    def whatever_the_app_reads(self) -> dict[str, int]:
        """How each of the person's own pages is answered, with a location."""
        paths = [
            rule.rule
            for rule in self._app.url_map.iter_rules()
            if rule.rule.startswith("/v1/me")
            and "GET" in (rule.methods or ())
            and not rule.arguments
        ]
        return {path: self._phone.get(path, at(HOME)).status for path in paths}

    def file(self, path: str) -> bytes:
        """What the person's app downloads, with a location."""
        answer = self._phone.get(path, at(HOME))
        assert answer.status == 200
        return answer.body

    def asks(self, path: str, body: dict[str, Any], *, located: bool = True) -> dict[str, Any]:
        """What the person's app is answered when it sends something."""
        if located:
            self._phone.take_fix(at(HOME))
        answer = self._phone.send("POST", path, body)
        assert answer.status in {200, 201}, answer.json()
        answered: dict[str, Any] = answer.json()
        return answered

    def goes_where_it_is_told(self) -> bool:
        """Whether a check-in by location is taken."""
        return self._phone.send_fix(at(HOME)).status == 200

    def on(self, month: int, day: int) -> None:
        """Let the worker work at that day's hour of reminders, and some minutes after it."""
        self._clock.set(datetime(2026, month, day, 17, 30, tzinfo=UTC))
        for _ in range(4):
            self._clock.step(minutes=15)
            for job in jobs(self._database, self._clock, self._channels, self._way_there):
                while job.run(self._clock.now()):
                    pass

    def inbox(self) -> list[str]:
        """What the person was told, the oldest first."""
        return [item["body"] for item in self.reads("/v1/me/inbox")["items"][::-1]]

    def dollars(self) -> dict[str, Any]:
        """What the person owes, as their app shows it."""
        (found,) = self.reads("/v1/me/balance")["currencies"]
        found_: dict[str, Any] = found
        return found_

    def pays_on_the_page(self) -> int:
        """Pay on the provider's page; return how its notices to our server are answered."""
        page = self.asks("/v1/me/payments", {})["url"]
        self._provider.service.pay(page.rpartition("/")[2])
        answers = set()
        for event in self._provider.service.events:
            body, headers = signed(event, WEBHOOK_SECRET, self._clock.now())
            client = self._app.test_client()
            answer = client.post("/v1/provider/notices", data=body, headers=headers)
            answers.add(answer.status_code)
        (status,) = answers
        return status

    def pays(self, number: str, amount_minor: int) -> dict[str, Any]:
        """Pay at the counter."""
        receipt = {
            "receipt_number": number,
            "amount_minor": amount_minor,
            "currency": "USD",
            "received_on": str(self._clock.now().date()),
            "method": "cash",
        }
        return self.desk("POST", f"{self.person}/payments", receipt)


@pytest.fixture
def provider(clock: FrozenClock) -> Iterator[LocalProvider]:
    """Somebody who takes payments, over HTTP."""
    with LocalProvider(now=clock.now) as fake:
        yield fake


@pytest.fixture
def settings(settings: Settings, provider: LocalProvider) -> Settings:
    """Settings with the provider."""
    return replace(
        settings,
        stripe_key=SECRET_KEY,
        stripe_webhook_secrets=WEBHOOK_SECRET,
        stripe_api=provider.url,
    )


@pytest.fixture
def town(
    app: Flask,
    settings: Settings,
    database: Database,
    clock: FrozenClock,
    provider: LocalProvider,
) -> Town:
    """A person with a phone, and an agency to which they owe nothing yet."""
    return Town(app, settings, database, clock, provider)


def test_what_is_overdue_closes_no_way_to_a_person(town: Town) -> None:
    before = town.whatever_the_app_reads()
    town.desk("POST", f"{town.person}/obligations", FINE)

    town.on(3, 21)

    assert town.dollars()["overdue_minor"] == 30_000
    assert town.whatever_the_app_reads() == before
    assert len(before) > 10
    assert 403 not in before.values()
    expected = {"kind": "check_in", "starts_at": "2026-03-21T19:00:00Z"}
    appointment = town.desk("POST", f"{town.person}/appointments", expected)
    checked_in = town.asks(f"/v1/me/appointments/{appointment['id']}/check-in", {})
    assert checked_in["refusal"] is None


def test_a_person_who_falls_behind_is_heard_gets_a_plan_and_is_paid_up(town: Town) -> None:
    town.desk("POST", f"{town.person}/obligations", FEE)
    town.on(3, 9)
    (reminded,) = town.inbox()
    assert "$40.00" in reminded
    assert "Pague en la aplicación" in reminded
    assert town.pays_on_the_page() == 204
    town.on(3, 10)
    assert town.dollars()["outstanding_minor"] == 0
    _, receipt = town.inbox()
    assert "Gracias" in receipt
    assert "$40.00" in receipt
    town.on(3, 13)
    assert len(town.inbox()) == 2

    fine = town.desk("POST", f"{town.person}/obligations", FINE)
    town.on(3, 15)
    town.on(3, 19)
    town.on(3, 21)
    assert len(town.inbox()) == 5
    assert all("$300.00" in text for text in town.inbox()[2:])

    assert town.dollars()["overdue_minor"] == 30_000
    assert town.goes_where_it_is_told()
    assert town.reads("/v1/me")["given_name"] == "Testa"
    assert town.desk("GET", "/v1/alerts")["items"] == []

    claim = town.asks("/v1/me/hardship-claims", {"statement": "Perdí mi trabajo."}, located=False)
    (unpaid,) = town.reads("/v1/me/balance")["unpaid"]
    assert unpaid["status"] == "hardship_claimed"
    (waiting,) = town.desk("GET", "/v1/hardship-claims?undecided=true")["items"]
    assert waiting["id"] == claim["id"]
    answer = {"decision": "granted", "note": "Pida un plan."}
    town.desk("POST", f"/v1/hardship-claims/{claim['id']}/decision", answer)
    town.on(3, 22)
    assert len(town.inbox()) == 6
    assert "lo acepta" in town.inbox()[-1]

    income = {"currency": "USD", "monthly_income_minor": 500_000}
    proposal = town.asks("/v1/me/plan-proposals", income)
    assert (proposal["instalment_minor"], proposal["instalments"]) == (10_000, 3)
    wish = {"currency": "USD", "instalment_minor": 10_000, "first_due_on": "2026-04-30"}
    plan = town.asks("/v1/me/plans", wish)
    assert plan["state"] == "requested"
    granted = {"decision": "granted", "note": "De acuerdo."}
    town.desk("POST", f"/v1/plans/{plan['id']}/decision", granted, by=town.supervisor)
    assert town.dollars()["overdue_minor"] == 0
    town.on(3, 23)
    assert len(town.inbox()) == 7
    assert "Su plan de pagos" in town.inbox()[-1]

    town.on(4, 25)
    assert len(town.inbox()) == 8
    assert "$100.00" in town.inbox()[-1]
    town.pays("R-1", 10_000)
    town.on(4, 29)
    assert len(town.inbox()) == 9
    assert "Gracias" in town.inbox()[-1]

    town.on(5, 31)
    assert len(town.inbox()) == 10
    missed = town.desk("GET", f"/v1/plans/{plan['id']}")
    assert (missed["state"], missed["missed_minor"]) == ("active", 10_000)
    assert town.desk("GET", "/v1/alerts")["items"] == []

    relief = {
        "kind": "waiver",
        "amount_minor": 5_000,
        "authority": "policy",
        "document": "Waiver rule 3",
        "reason": "Lost her work.",
    }
    proposed = town.desk("POST", f"/v1/obligations/{fine['id']}/reliefs", relief)
    town.desk("POST", f"/v1/reliefs/{proposed['id']}/approval", {}, by=town.supervisor)
    town.pays("R-2", 15_000)

    assert town.dollars()["balance_minor"] == 0
    (done,) = town.reads("/v1/me/plans")["items"]
    assert (done["unpaid"], done["missed_minor"]) == ([], 0)
    town.on(6, 1)
    assert len(town.inbox()) == 12
    assert sum("$50.00 menos" in text for text in town.inbox()[10:]) == 1
    town.on(6, 29)
    assert len(town.inbox()) == 12
    statement = town.desk("GET", f"{town.person}/statement?since=2026-03-01&until=2026-07-01")
    assert [line["kind"] for line in statement["lines"]] == [
        "charge",
        "payment",
        "charge",
        "payment",
        "waiver",
        "payment",
    ]
    assert statement["closing"] == [{"currency": "USD", "balance_minor": 0}]
    own = town.reads("/v1/me/statement?since=2026-03-01&until=2026-07-01")
    assert own == statement
    assert town.file("/v1/me/statement.csv?since=2026-03-01").count(b"\r\n") == 1 + 6 + 1
    assert town.file("/v1/me/statement.pdf").startswith(b"%PDF-")
