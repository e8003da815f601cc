"""What must be there before an operation is taken, and what it is then told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from typing import Any, Final, TypeVar

from flask.testing import FlaskClient
from sqlalchemy import select

from backend.appointments import service as appointments
from backend.appointments.service import AppointmentKind, AppointmentTerms
from backend.core.actor import SYSTEM, Actor, ActorKind
from backend.core.clock import rfc3339
from backend.core.db import Database, Session
from backend.core.paging import Cursor
from backend.devices.models import ReEnrolmentRow
from backend.identity import service as identity
from backend.identity.service import Role
from backend.outbox import service as outbox
from backend.outbox.messages import Recipient, RecipientKind
from backend.payments import service as payments
from backend.payments.bank_file import COLUMNS
from backend.payments.differences import note_difference
from backend.payments.hosted_models import DifferenceKind, DifferenceRow
from backend.payments.kinds import Cadence, Method, ObligationKind
from backend.payments.ledger import TransactionKind
from backend.payments.service import Incoming, PlanTerms, Source
from backend.privacy.notice import VERSION
from backend.simulator.phone import Phone
from backend.simulator.proof import ProofKey
from backend.simulator.provider import LocalProvider
from tests.support.clocks import START, FrozenClock
from tests.support.conditions import (
    NIGHTS,
    Case,
    circle,
    employ,
    order_for,
    propose_absence,
    propose_confidential,
    propose_exemption,
)
from tests.support.counters import closed, days_of
from tests.support.devices import Person, code_for, fresh_nonce, send_signed
from tests.support.hosted import Till
from tests.support.identity import PASSWORD, actor_of, make_officer, make_supervisee
from tests.support.ledger import relief_terms, unidentified
from tests.support.location import HOME, at
from tests.support.offices import Office
from tests.support.outbox import a_message
from tests.support.payments import owed, paid

Made = dict[str, Any]
Value = TypeVar("Value")

_numbers: Final = count(1)
_BEFORE: Final = rfc3339(START - timedelta(hours=1))
_BEGINS: Final = rfc3339(START)
_SOON: Final = rfc3339(START + timedelta(hours=2))
_ENDS: Final = rfc3339(START + timedelta(days=7))
_DUE: Final = date(2026, 4, 1)
_PLAN: Final = PlanTerms(
    currency="USD",
    instalment_minor=2_500,
    cadence=Cadence.MONTHLY,
    first_due_on=date(2026, 4, 30),
)
_CALENDAR: Final = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:test
BEGIN:VEVENT
DTSTART:20260309T120000
DTEND:20260309T130000
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where things are made: the people of a case, the person's phone, and who enrols next.

    `provider` is whom people pay at, if payments are taken online.
    """

    database: Database
    client: FlaskClient
    clock: FrozenClock
    case: Case
    phone: Phone
    newcomer: Person
    provider: LocalProvider | None

    def do(self, act: Callable[[Session], Value]) -> Value:
        """Do something in a transaction of its own."""
        with self.database.transaction() as session:
            return act(session)


@dataclass(frozen=True, slots=True, kw_only=True)
class Good:
    """What an operation takes; `officer` sends it, if that is not whoever usually does."""

    ids: Mapping[str, str]
    body: dict[str, Any]
    text: str
    officer: Actor | None


def made_for(scene: Scene, operation: str) -> Made:
    """Return what an operation ("POST /v1/…") needs to find, newly made.

    By the names that its path has for it; what only its body names has that name, and `officer` is
    who must send it if that matters.
    """
    make = _MAKERS.get(operation)
    return {} if make is None else make(scene)


# Officers and people


def _officer(scene: Scene) -> Made:
    def act(session: Session) -> Made:
        agency = identity.get_agency(session, scene.case.agency_id)
        officer = make_officer(session, agency, scene.clock.now(), role=Role.AGENCY_ADMIN)
        return {"officer_id": officer.id, "email": officer.email, "officer": actor_of(officer)}

    return scene.do(act)


def _assigned_officer(scene: Scene) -> Made:
    made, case, now = _officer(scene), scene.case, scene.clock.now()
    scene.do(
        lambda s: identity.assign(s, case.officer, case.supervisee_id, made["officer_id"], now=now)
    )
    return made


def _code(scene: Scene) -> Made:
    return {"code": scene.do(lambda s: code_for(s, scene.newcomer, now=scene.clock.now()))}


def _re_enrolment(scene: Scene) -> Made:
    key, device = ProofKey(), {"device": scene.phone.jkt}
    nonce = fresh_nonce(scene.client, key)
    answer = send_signed(
        scene.client, key, "POST", "/v1/re-enrolments", members=device, nonce=nonce
    )
    assert answer.status_code == 200, answer.data
    asked = select(ReEnrolmentRow.id).where(ReEnrolmentRow.asking_jkt == key.jkt)
    return {"asked_id": scene.do(lambda s: s.scalars(asked).one())}


def _message(scene: Scene) -> Made:
    to = Recipient(kind=RecipientKind.SUPERVISEE, id=scene.case.supervisee_id)
    message = a_message(recipient=to, due_at=scene.clock.now())
    return {"message_id": scene.do(lambda s: outbox.enqueue(s, message, now=scene.clock.now()))}


def _presence(scene: Scene) -> Made:
    challenge, key = scene.phone._challenge("/v1/device/presence-challenge"), ProofKey()
    return {"challenge": challenge, "key": key.offer_presence(challenge, scene.phone.jkt)}


def _journal(scene: Scene) -> Made:
    scene.phone.buffer_fix(at(HOME))
    return {"text": scene.phone.write_journal()}


# Conditions and appointments


def _exemption(scene: Scene) -> Made:
    now = scene.clock.now()
    return {"exemption_id": scene.do(lambda s: propose_exemption(s, scene.case, now=now).id)}


def _absence(scene: Scene) -> Made:
    now = scene.clock.now()
    return {"absence_id": scene.do(lambda s: propose_absence(s, scene.case, now=now).id)}


def _confidential_condition(scene: Scene) -> Made:
    now = scene.clock.now()

    def act(session: Session) -> Made:
        order = order_for(session, scene.case, now=now)
        return {"condition_id": propose_confidential(session, scene.case, order, now=now).id}

    return scene.do(act)


def _check_in(scene: Scene) -> Made:
    case, now = scene.case, scene.clock.now()
    terms = AppointmentTerms(starts_at=now + timedelta(hours=1))
    kind = AppointmentKind.CHECK_IN
    return {
        "appointment_id": scene.do(
            lambda s: (
                appointments.make_appointment(
                    s, case.officer, case.supervisee_id, kind, terms, now=now
                ).id
            )
        )
    }


# Money


def _debt(scene: Scene) -> Made:
    """A new person, who owes."""

    def act(session: Session) -> Made:
        now = scene.clock.now()
        agency = identity.get_agency(session, scene.case.agency_id)
        person = make_supervisee(session, agency, now)
        debt = owed(session, scene.case.officer, person.id, _DUE, now)
        return {"supervisee_id": person.id, "obligation_id": debt.id}

    return scene.do(act)


def _own_debt(scene: Scene) -> Made:
    case, now = scene.case, scene.clock.now()
    return {
        "obligation_id": scene.do(lambda s: owed(s, case.officer, case.supervisee_id, _DUE, now).id)
    }


def _themselves(scene: Scene, made: Made) -> Actor:
    return Actor(
        kind=ActorKind.SUPERVISEE, id=made["supervisee_id"], agency_id=scene.case.agency_id
    )


def _requested_plan(scene: Scene) -> Made:
    made, now = _debt(scene), scene.clock.now()
    person = _themselves(scene, made)
    return made | {
        "plan_id": scene.do(lambda s: payments.request_plan(s, person, _PLAN, now=now).id)
    }


def _plan(scene: Scene) -> Made:
    made, now = _debt(scene), scene.clock.now()
    officer, person = scene.case.officer, made["supervisee_id"]
    return made | {
        "plan_id": scene.do(lambda s: payments.set_plan(s, officer, person, _PLAN, now=now).id)
    }


def _claim(scene: Scene) -> Made:
    made, now = _debt(scene), scene.clock.now()
    person = _themselves(scene, made)
    claim = scene.do(
        lambda s: payments.claim_hardship(
            s, person, statement="Out of work.", obligation_ids=None, now=now
        )
    )
    return made | {"claim_id": claim.id}


def _referral(scene: Scene) -> Made:
    made, now, officer = _claim(scene), scene.clock.now(), scene.case.officer
    referral = scene.do(
        lambda s: payments.refer_to_court(
            s, officer, made["obligation_id"], document="Letter 7", reason="Asked.", now=now
        )
    )
    return made | {"referral_id": referral.id}


def _relief(scene: Scene) -> Made:
    made, now = _debt(scene), scene.clock.now()
    terms = relief_terms(TransactionKind.WAIVER, 100)
    officer, debt = scene.case.officer, made["obligation_id"]
    return made | {
        "relief_id": scene.do(
            lambda s: payments.propose_relief(s, officer, debt, terms, now=now).id
        )
    }


def _payment(scene: Scene) -> Made:
    made, now, officer = _debt(scene), scene.clock.now(), scene.case.officer
    return made | {
        "payment_id": scene.do(lambda s: paid(s, officer, made["supervisee_id"], now).id)
    }


def _online_payment(scene: Scene) -> Made:
    assert scene.provider is not None

    def act(session: Session) -> Office:
        agency = identity.get_agency(session, scene.case.agency_id)
        officer = make_officer(session, agency, scene.clock.now())
        return Office(
            agency=agency,
            officer=officer,
            actor=actor_of(officer),
            bearer={},
            person=make_supervisee(session, agency, scene.clock.now()),
        )

    office = scene.do(act)
    till = Till(scene.database, scene.clock, scene.provider, office)
    till.owe()
    scene.provider.service.pay(till.page_of(till.ask()))
    till.news()
    page = scene.do(lambda s: payments.payments(s, office.actor, office.person.id, cursor=Cursor()))
    return {"payment_id": page.items[0].id}


def _check(scene: Scene) -> Made:
    made, now = _debt(scene), scene.clock.now()
    money = Incoming(
        supervisee_id=made["supervisee_id"],
        amount_minor=10_000,
        currency="USD",
        received_on=date(2026, 3, 1),
        method=Method.CHECK,
        source=Source.IMPORT,
        external_id=f"C-{next(_numbers)}",
    )
    return made | {
        "payment_id": scene.do(
            lambda s: payments.book_payment(s, scene.case.officer, money, now=now).id
        )
    }


def _cash_day(scene: Scene) -> Made:
    """A day of a new officer, with 100.00 USD in it."""
    made, now, case = _debt(scene), scene.clock.now(), scene.case

    def act(session: Session) -> Made:
        number = next(_numbers)
        cashier = employ(session, case.agency_id, Role.SUPERVISOR, f"cashier{number}", now=now)
        paid(session, cashier, made["supervisee_id"], now)
        days = days_of(session, cashier, now)
        [day] = [one for one in days if one.officer_id == cashier.id]
        return {"cash_day_id": day.id, "officer": cashier}

    return scene.do(act)


def _closed_cash_day(scene: Scene) -> Made:
    made = _cash_day(scene)
    now, cashier = scene.clock.now(), made["officer"]
    scene.do(lambda s: closed(s, cashier, made["cash_day_id"], 10_000, now))
    return {"cash_day_id": made["cash_day_id"]}


def _suspense(scene: Scene) -> Made:
    money, now = unidentified(f"L-{next(_numbers)}"), scene.clock.now()
    agency_id = scene.case.agency_id
    return {
        "item_id": scene.do(
            lambda s: payments.book_suspense(s, SYSTEM, agency_id, money, now=now).id
        )
    }


def _difference(scene: Scene) -> Made:
    reference, now, agency_id = f"pi_{next(_numbers)}", scene.clock.now(), scene.case.agency_id

    def act(session: Session) -> Made:
        kind = DifferenceKind.UNKNOWN_HERE
        note_difference(session, kind, reference, agency_id=agency_id, now=now)
        noted = select(DifferenceRow.id).where(DifferenceRow.reference == reference)
        return {"difference_id": session.scalars(noted).one()}

    return scene.do(act)


_PERSON: Final = "/v1/supervisees/{supervisee_id}"
_MAKERS: Final[Mapping[str, Callable[[Scene], Made]]] = {
    f"PUT {_PERSON}/trail": _debt,  # Whoever lives in the house keeps theirs.
    "POST /v1/officer/session": _officer,
    "PUT /v1/officer/password": _officer,
    "PUT /v1/officers/{officer_id}": _officer,
    "PUT /v1/officers/{officer_id}/password": _officer,
    f"POST {_PERSON}/assignments": _officer,
    f"DELETE {_PERSON}/assignments/{{officer_id}}": _assigned_officer,
    "POST /v1/enrolments/challenge": _code,
    "POST /v1/re-enrolments/{asked_id}/approval": _re_enrolment,
    "POST /v1/re-enrolments/{asked_id}/decline": _re_enrolment,
    "POST /v1/device/deliveries": _message,
    "POST /v1/device/openings": _message,
    "POST /v1/device/presence-key": _presence,
    "POST /v1/journal": _journal,
    "POST /v1/exemptions/{exemption_id}/approval": _exemption,
    "POST /v1/exemptions/{exemption_id}/withdrawal": _exemption,
    "POST /v1/absences/{absence_id}/approval": _absence,
    "POST /v1/absences/{absence_id}/withdrawal": _absence,
    "POST /v1/absences/{absence_id}/preview": _absence,
    "POST /v1/conditions/{condition_id}/approval": _confidential_condition,
    "PUT /v1/appointments/{appointment_id}": _check_in,
    "POST /v1/appointments/{appointment_id}/cancellation": _check_in,
    "POST /v1/appointments/{appointment_id}/change-preview": _check_in,
    "POST /v1/me/appointments/{appointment_id}/check-in-challenge": _check_in,
    "POST /v1/me/appointments/{appointment_id}/check-in": _check_in,
    "POST /v1/obligations/{obligation_id}/cancellation": _debt,
    "POST /v1/obligations/{obligation_id}/reliefs": _debt,
    "POST /v1/obligations/{obligation_id}/referral": _claim,
    "POST /v1/referrals/{referral_id}/return": _referral,
    "POST /v1/reliefs/{relief_id}/approval": _relief,
    "POST /v1/reliefs/{relief_id}/withdrawal": _relief,
    f"POST {_PERSON}/plan-proposals": _debt,
    f"POST {_PERSON}/plans": _debt,
    "POST /v1/plans/{plan_id}/decision": _requested_plan,
    "POST /v1/plans/{plan_id}/breaking": _plan,
    "POST /v1/me/plan-proposals": _own_debt,
    "POST /v1/me/plans": _own_debt,
    "POST /v1/me/hardship-claims": _own_debt,
    "POST /v1/me/payments": _own_debt,
    f"POST {_PERSON}/payment-links": _debt,
    "POST /v1/hardship-claims/{claim_id}/decision": _claim,
    "POST /v1/payments/{payment_id}/reversal": _payment,
    "POST /v1/payments/{payment_id}/refund": _online_payment,
    "POST /v1/payments/{payment_id}/bank-return": _check,
    "POST /v1/cash-days/{cash_day_id}/closing": _cash_day,
    "POST /v1/cash-days/{cash_day_id}/confirmation": _closed_cash_day,
    "POST /v1/suspense/{item_id}/assignment": _suspense,
    "POST /v1/suspense/{item_id}/return": _suspense,
    "POST /v1/payment-differences/{difference_id}/explanation": _difference,
}


def good_texts(there: Mapping[str, str]) -> dict[str, str]:
    """Return what operations take that are told a text."""
    line = f"B-1,2026-03-01,4000,USD,lockbox,{there['supervisee_id']},"
    return {
        "POST /v1/payment-files": f"{','.join(COLUMNS)}\n{line}\n",
        "POST /v1/journal": there.get("text", ""),
    }


def good_bodies(there: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return what operations are told, by their names, of what is `there`."""
    order = {"court": "Test Court", "reference": "24-CR-002", "starts_at": _BEGINS}
    zone = circle(*HOME, 100.0)
    version = {"title": "Home", "zone": zone, "schedule": NIGHTS, "reason": "As ordered."}
    debt = {
        "kind": "supervision_fee",
        "amount_minor": 4_000,
        "currency": "USD",
        "basis": "order",
        "reference": "24-CR-001",
    }
    plan = {"currency": "USD", "instalment_minor": 2_500, "first_due_on": "2026-04-30"}
    income = {"currency": "USD", "monthly_income_minor": 200_000}
    note, reason = {"note": "Rang her up."}, {"reason": "A mistake."}
    name = {"given_name": "Testa", "family_name": "Example"}
    password = {"password": "another one that nobody has"}
    appointment = {"starts_at": _SOON, "place": "Room 7"}
    no_times = {"starts_at": None, "ends_at": None}
    decision = {"decision": "granted", "note": "As asked."}
    paper = {"document": "Letter 7", "reason": "Lost her work."}
    pay = {"obligations": [there["obligation_id"]]}
    message = {"message_id": there.get("message_id")}
    alert, device = "POST /v1/alerts/{alert_id}", "POST /v1/devices/{jkt}"
    return {
        "POST /v1/officer/session": {"email": there.get("email"), "password": PASSWORD},
        "PUT /v1/officer/password": {"present_password": PASSWORD, **password},
        "POST /v1/officers": {
            "email": f"new{next(_numbers)}@agency.example",
            "role": "officer",
            **name,
            **password,
        },
        "PUT /v1/officers/{officer_id}": {
            "email": f"other{next(_numbers)}@agency.example",
            "role": "supervisor",
            "disabled": False,
            **name,
        },
        "PUT /v1/officers/{officer_id}/password": password,
        "POST /v1/supervisees": name,
        "PUT /v1/supervisees/{supervisee_id}": name,
        "PUT /v1/supervisees/{supervisee_id}/trail": {"trail": "kept"},
        f"POST {_PERSON}/assignments": {"officer_id": there["officer_id"]},
        "POST /v1/tokens": {"name": "script", "scopes": ["supervisee:read"], "expires_at": _ENDS},
        "PUT /v1/allocation-order": {"kinds": [kind.value for kind in ObligationKind]},
        "POST /v1/enrolments/challenge": {"code": there.get("code")},
        "POST /v1/devices": {
            "platform": "android",
            "evidence": [],
            "app_version": "1",
            "os_version": "16",
        },
        "POST /v1/re-enrolments": {"device": there["phone"]},
        f"{device}/suspension": {"reason": "lost"},
        f"{device}/revocation": {"reason": "stolen"},
        "PUT /v1/device/push-address": {"kind": "token", "address": "a-token"},
        "POST /v1/device/deliveries": message,
        "POST /v1/device/openings": message,
        "POST /v1/device/presence-key": {
            "challenge": there.get("challenge"),
            "key": there.get("key"),
        },
        f"POST {_PERSON}/orders": order,
        "PUT /v1/orders/{order_id}": order,
        "POST /v1/orders/{order_id}/preview": {"ends_at": _ENDS},
        "POST /v1/orders/{order_id}/conditions": {"kind": "curfew", **version},
        "POST /v1/conditions/{condition_id}/versions": version,
        "POST /v1/conditions/{condition_id}/lifting": reason,
        f"POST {_PERSON}/exemptions": {
            "scope": "The clinic.",
            "authority": "agency",
            "reference": "AG-12",
            "ends_at": _ENDS,
        },
        "POST /v1/exemptions/{exemption_id}/withdrawal": reason,
        f"POST {_PERSON}/absences": {
            "starts_at": _BEGINS,
            "ends_at": _ENDS,
            "places": "Test Hospital",
            "reason": "Operation.",
        },
        "POST /v1/absences/{absence_id}/withdrawal": reason,
        "POST /v1/schedules/from-calendar": {"calendar": _CALENDAR},
        "POST /v1/zones/dry-run": {
            "supervisee_id": there["supervisee_id"],
            "kind": "exclusion-zone",
            "zone": zone,
            "since": _BEFORE,
            "until": _BEGINS,
        },
        f"{alert}/acknowledgement": note,
        f"{alert}/investigation": note,
        f"{alert}/contacts": note,
        f"{alert}/notes": note,
        f"{alert}/resolution": {"disposition": "technical", **note},
        f"{alert}/reopening": note,
        f"POST {_PERSON}/obligations": {**debt, "due_on": "2026-04-01"},
        "POST /v1/obligations/{obligation_id}/cancellation": reason,
        f"POST {_PERSON}/recurring-fees": {
            **debt,
            "cadence": "monthly",
            "starts_on": "2026-04-01",
            "day_of_month": 31,
        },
        "POST /v1/recurring-fees/{fee_id}/end": {"last_due_on": "2026-05-01"},
        f"POST {_PERSON}/payments": {
            "receipt_number": f"R-{next(_numbers)}",
            "amount_minor": 100,
            "currency": "USD",
            "received_on": "2026-03-02",
            "method": "cash",
        },
        "POST /v1/payments/{payment_id}/reversal": reason,
        "POST /v1/payments/{payment_id}/refund": {
            "amount_minor": 1_000,
            "authority": "policy",
            **paper,
        },
        "POST /v1/payments/{payment_id}/bank-return": {"reference": "B-1", "reason": "No funds."},
        "POST /v1/cash-days/{cash_day_id}/closing": {"counted_minor": 10_000},
        "POST /v1/cash-days/{cash_day_id}/confirmation": {"counted_minor": 10_000},
        "POST /v1/obligations/{obligation_id}/reliefs": {
            "kind": "waiver",
            "amount_minor": 100,
            "authority": "policy",
            **paper,
        },
        "POST /v1/reliefs/{relief_id}/withdrawal": reason,
        f"POST {_PERSON}/plan-proposals": income,
        "POST /v1/me/plan-proposals": income,
        f"POST {_PERSON}/plans": plan,
        "POST /v1/me/plans": plan,
        "POST /v1/plans/{plan_id}/decision": decision,
        "POST /v1/plans/{plan_id}/breaking": reason,
        "POST /v1/hardship-claims/{claim_id}/decision": {**decision, "hold_until": "2026-06-01"},
        "POST /v1/obligations/{obligation_id}/referral": paper,
        "POST /v1/referrals/{referral_id}/return": {"outcome": "Nothing more is owed."},
        "POST /v1/me/hardship-claims": {"statement": "Out of work."},
        "POST /v1/payment-differences/{difference_id}/explanation": {"explanation": "Ours."},
        f"POST {_PERSON}/payment-links": pay,
        "POST /v1/me/payments": pay,
        "POST /v1/me/autopay": {"currency": "USD"},
        "POST /v1/suspense/{item_id}/assignment": {"supervisee_id": there["supervisee_id"]},
        f"POST {_PERSON}/appointments": {"kind": "check_in", **appointment},
        "PUT /v1/appointments/{appointment_id}": appointment,
        "POST /v1/appointments/{appointment_id}/change-preview": appointment,
        "POST /v1/appointments/{appointment_id}/cancellation": reason,
        "POST /v1/me/appointments/{appointment_id}/check-in": {},
        "POST /v1/reminders/examples": {"subject": "check_in", "due_at": _SOON},
        "PUT /v1/me/reminder-choices": {"turned_off": []},
        "POST /v1/me/privacy-notice/acknowledgement": {"version": VERSION},
        "POST /v1/me/requests": {"kind": "trouble", "text": "It does not start.", **no_times},
        "POST /v1/requests/{request_id}/answer": {"outcome": "answered", "answer": "Come by."},
    }
