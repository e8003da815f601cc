"""Cases with orders and conditions: one agency, its officers, one supervised person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import pytest

from backend.audit import service as audit
from backend.conditions import absences, exemptions, imposing, orders
from backend.conditions.absences import AbsenceRequest
from backend.conditions.content import Draft
from backend.conditions.exemptions import ExemptionRequest
from backend.conditions.imposing import Ruling
from backend.conditions.kinds import Authority, ConditionKind
from backend.conditions.orders import OrderTerms
from backend.conditions.values import Absence, Condition, Exemption, Order
from backend.core.actor import SYSTEM, Actor, ActorKind
from backend.core.db import Session
from backend.core.errors import Code, Problem
from backend.core.paging import Cursor
from backend.identity import service as identity
from backend.identity.service import PERMISSIONS, OfficerData, PersonalData, Role
from notifications.formats import Language

NIGHTS: Final[dict[str, Any]] = {
    "timezone": "America/Chicago",
    "weekly": [
        {"weekday": day, "start": "21:00", "end": "06:00"}
        for day in ("monday", "tuesday", "wednesday", "thursday", "friday")
    ],
    "added": [],
    "removed": [],
}
"""A curfew on the nights after working days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A supervised person and who deals with them.

    `officer` writes, `supervisor` and `liaison` also approve and read confidential zones, `auditor`
    only reads.
    """

    agency_id: UUID
    supervisee_id: UUID
    officer: Actor
    supervisor: Actor
    liaison: Actor
    auditor: Actor

    @property
    def person(self) -> Actor:
        """The supervised person, as the gate lets them in."""
        return Actor(kind=ActorKind.SUPERVISEE, id=self.supervisee_id, agency_id=self.agency_id)


def open_case(
    session: Session,
    *,
    now: datetime,
    name: str = "example",
    language: Language = Language.ENGLISH,
) -> Case:
    """Create an agency called `name`, its officers, and a person under its supervision."""
    agency = identity.create_agency(
        session,
        SYSTEM,
        name=f"Agency {name}",
        zone="America/Chicago",
        contact_phone="+12025550100",
        contact_email=f"office@{name}.example",
        now=now,
    )
    actors = {role: employ(session, agency.id, role, name, now=now) for role in Role}
    officer = actors[Role.OFFICER]
    data = PersonalData(given_name="Testa", family_name="Example", language=language)
    person = identity.create_supervisee(session, officer, data, now=now)
    return Case(
        agency_id=agency.id,
        supervisee_id=person.id,
        officer=officer,
        supervisor=actors[Role.SUPERVISOR],
        liaison=actors[Role.VICTIM_LIAISON],
        auditor=actors[Role.AUDITOR],
    )


def employ(session: Session, agency_id: UUID, role: Role, name: str, *, now: datetime) -> Actor:
    """Create an officer of the agency and return them as they act."""
    data = OfficerData(
        email=f"{role.value}@{name}.example", given_name="Office", family_name="Test", role=role
    )
    employed = identity.create_officer(
        session, SYSTEM, data, agency_id=agency_id, password_hash="never signs in", now=now
    )
    return Actor(
        kind=ActorKind.OFFICER,
        id=employed.id,
        agency_id=agency_id,
        permissions=PERMISSIONS[role],
        address="192.0.2.1",
    )


def order_for(
    session: Session,
    case: Case,
    *,
    now: datetime,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> Order:
    """Record a court's order, in force from now on unless said otherwise."""
    terms = OrderTerms(
        court="Example County Court",
        reference="24-CR-001",
        judge=None,
        issued_on=None,
        starts_at=starts_at or now,
        ends_at=ends_at,
    )
    return orders.record_order(session, case.officer, case.supervisee_id, terms, now=now)


def refused(code: Code, pointer: str | None = None) -> pytest.RaisesExc[Problem]:
    """Return the expectation of exactly this problem."""
    return pytest.RaisesExc(
        Problem, check=lambda problem: (problem.code, problem.pointer) == (code, pointer)
    )


def recorded(session: Session, case: Case, subject_kind: str) -> list[audit.Event]:
    """Return what the audit record says of this person and kind of thing, by the act's name."""
    page = audit.events(
        session, case.auditor, cursor=Cursor(limit=200), supervisee_id=case.supervisee_id
    )
    events = [event for event in page.items if event.subject_kind == subject_kind]
    return sorted(events, key=lambda event: event.act)


def circle(latitude: float, longitude: float, radius_m: float) -> dict[str, Any]:
    """Return a circular zone as an officer draws it."""
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [longitude, latitude]},
        "properties": {"radius_m": radius_m},
    }


def rectangle(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    """Return a zone between two meridians and two parallels."""
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def impose_curfew(
    session: Session,
    case: Case,
    order: Order,
    *,
    now: datetime,
    zone: dict[str, Any] | None = None,
    schedule: dict[str, Any] | None = None,
) -> Condition:
    """Order a person to be at home at night."""
    draft = Draft(
        title="Home",
        zone=zone or circle(41.88, -87.63, 100.0),
        schedule=schedule or NIGHTS,
    )
    return imposing.impose(
        session,
        case.officer,
        order.id,
        kind=ConditionKind.CURFEW,
        confidential=False,
        draft=draft,
        ruling=Ruling(reason="As ordered."),
        now=now,
    )


def impose_exclusion(
    session: Session,
    case: Case,
    order: Order,
    *,
    now: datetime,
    zone: dict[str, Any] | None = None,
    buffer_m: float | None = None,
    effective_from: datetime | None = None,
) -> Condition:
    """Order a person to stay out of a zone that they may know."""
    draft = Draft(title="Market", zone=zone or circle(41.9, -87.6, 300.0), buffer_m=buffer_m)
    return imposing.impose(
        session,
        case.officer,
        order.id,
        kind=ConditionKind.EXCLUSION_ZONE,
        confidential=False,
        draft=draft,
        ruling=Ruling(reason="As ordered.", effective_from=effective_from),
        now=now,
    )


def confidential_ruling(now: datetime) -> Ruling:
    """Return what a confidential zone needs beside its geometry."""
    return Ruling(
        reason="Protection of the victim.",
        order_reference="24-PO-007",
        victim_consented_on=now.date(),
    )


def propose_confidential(
    session: Session,
    case: Case,
    order: Order,
    *,
    now: datetime,
    zone: dict[str, Any] | None = None,
) -> Condition:
    """Write down a victim's zone; it waits for a second officer."""
    return imposing.impose(
        session,
        case.liaison,
        order.id,
        kind=ConditionKind.EXCLUSION_ZONE,
        confidential=True,
        draft=Draft(title="12 Hidden Street", zone=zone or circle(41.95, -87.7, 500.0)),
        ruling=confidential_ruling(now),
        now=now,
    )


def impose_confidential(
    session: Session,
    case: Case,
    order: Order,
    *,
    now: datetime,
    zone: dict[str, Any] | None = None,
) -> Condition:
    """Put a victim's zone in force, by two officers."""
    condition = propose_confidential(session, case, order, now=now, zone=zone)
    return imposing.approve_version(session, case.supervisor, condition.id, now=now)


def propose_exemption(
    session: Session,
    case: Case,
    *,
    now: datetime,
    days: float = 7,
    starts_at: datetime | None = None,
) -> Exemption:
    """Propose to serve a person without location for some days."""
    request = ExemptionRequest(
        scope="No phone signal at the clinic.",
        authority=Authority.AGENCY,
        reference="AG-12",
        starts_at=starts_at,
        ends_at=(starts_at or now) + timedelta(days=days),
    )
    return exemptions.propose_exemption(session, case.officer, case.supervisee_id, request, now=now)


def exempt(session: Session, case: Case, *, now: datetime, days: float = 7) -> Exemption:
    """Let a person be served without location for some days, by two officers."""
    proposed = propose_exemption(session, case, now=now, days=days)
    return exemptions.approve_exemption(session, case.supervisor, proposed.id, now=now)


def propose_absence(
    session: Session,
    case: Case,
    *,
    now: datetime,
    starts_at: datetime | None = None,
    hours: float = 12,
    condition_ids: tuple[UUID, ...] | None = None,
    court_reference: str | None = None,
) -> Absence:
    """Propose that conditions rest for some hours."""
    begins = starts_at or now
    request = AbsenceRequest(
        starts_at=begins,
        ends_at=begins + timedelta(hours=hours),
        places="Example Hospital",
        reason="Operation.",
        condition_ids=condition_ids,
        court_reference=court_reference,
    )
    return absences.propose_absence(session, case.officer, case.supervisee_id, request, now=now)


def let_rest(
    session: Session,
    case: Case,
    *,
    now: datetime,
    starts_at: datetime | None = None,
    hours: float = 12,
    condition_ids: tuple[UUID, ...] | None = None,
) -> Absence:
    """Let conditions rest for some hours, by two officers."""
    proposed = propose_absence(
        session, case, now=now, starts_at=starts_at, hours=hours, condition_ids=condition_ids
    )
    return absences.approve_absence(session, case.supervisor, proposed.id, now=now)
