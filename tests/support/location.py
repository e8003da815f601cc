"""A supervised person with an order, zones and an enrolled phone that stands or moves."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

import geofence
from backend.alerts.models import AlertRow
from backend.conditions import service as conditions
from backend.conditions.values import Order
from backend.core.actor import Permission
from backend.core.db import Database
from backend.devices import service as devices
from backend.identity import service as identity
from backend.location import judging, sweeps
from backend.location.episodes import load
from backend.location.models import Episode, Fix, PersonState, Refusal
from backend.location.rulebook import RuleBook
from backend.simulator.phone import Phone
from backend.simulator.position import Position
from tests.support.clocks import FrozenClock
from tests.support.conditions import (
    Case,
    circle,
    impose_curfew,
    impose_exclusion,
    open_case,
    order_for,
)
from tests.support.devices import CODE_KEY
from tests.support.phones import phone_of

HOME: Final = (41.88, -87.63)
MARKET: Final = (41.90, -87.60)
_METRE_DEG: Final = 1 / 111_195


def at(
    place: tuple[float, float],
    east_m: float = 0.0,
    north_m: float = 0.0,
    *,
    accuracy_m: float = 10.0,
    mock: bool = False,
) -> Position:
    """A position some metres from a place."""
    latitude = place[0] + north_m * _METRE_DEG
    longitude = place[1] + east_m * _METRE_DEG / math.cos(math.radians(place[0]))
    return Position(latitude=latitude, longitude=longitude, accuracy_m=accuracy_m, mock=mock)


@dataclass(kw_only=True)
class Watched:
    """One watched person: case, order, phone, and the clock that all of them share."""

    database: Database
    clock: FrozenClock
    case: Case
    order: Order | None
    phone: Phone
    book: RuleBook

    def walk(self, positions: list[Position], every_s: float = 60) -> list[int]:
        """Send a fix for each position, `every_s` apart; return the statuses answered."""
        statuses = []
        for position in positions:
            statuses.append(self.phone.send_fix(position).status)
            self.clock.step(seconds=every_s)
        return statuses

    def set_policy(self, **changes: object) -> None:
        """Let the person's agency decide otherwise from now on."""
        with self.database.transaction() as session:
            agency = identity.get_agency(session, self.case.agency_id)
            identity.change_agency(
                session,
                replace(self.case.supervisor, permissions=frozenset(Permission)),
                name=agency.name,
                zone=agency.zone,
                contact_phone=agency.contact_phone,
                contact_email=agency.contact_email,
                policy=replace(agency.policy, **changes),  # type: ignore[arg-type]  # keywords
                now=self.clock.now(),
            )

    def sweep(self) -> int:
        """Do once what the worker does every half minute; return how many people were due."""
        now = self.clock.now()
        with self.database.transaction() as session:
            sweeps.adopt(session, now)
            due = sweeps.due(session, now)
        with self.database.transaction() as session:
            return sweeps.sweep(session, self.book, due, now)

    def alerts(self) -> list[AlertRow]:
        """Return this person's alerts, oldest first."""
        with self.database.snapshot() as session:
            mine = select(AlertRow).where(AlertRow.supervisee_id == self.case.supervisee_id)
            return list(session.scalars(mine.order_by(AlertRow.id)))

    def fixes(self) -> list[Fix]:
        """Return the stored fixes in the order in which they were taken."""
        with self.database.snapshot() as session:
            return list(session.scalars(select(Fix).order_by(Fix.taken_s, Fix.seq)))

    def refusals(self) -> list[Refusal]:
        """Return the stored refusals, oldest first."""
        with self.database.snapshot() as session:
            return list(session.scalars(select(Refusal).order_by(Refusal.id)))

    def episodes(self) -> list[Episode]:
        """Return the stored episodes, oldest first."""
        with self.database.snapshot() as session:
            return list(session.scalars(select(Episode).order_by(Episode.id)))


def watched_person(
    app: Flask,
    database: Database,
    clock: FrozenClock,
    *,
    curfew: bool = True,
    exclusion: bool = True,
    ordered: bool = True,
    schedule: dict[str, Any] | None = None,
    name: str = "example",
) -> Watched:
    """Create a person at HOME under a curfew, with MARKET forbidden, and enrol a phone."""
    now, order = clock.now(), None
    with database.transaction() as session:
        case = open_case(session, now=now, name=name)
        if ordered:
            order = order_for(session, case, now=now)
            if curfew:
                home = circle(*HOME, 150.0)
                impose_curfew(session, case, order, now=now, zone=home, schedule=schedule)
            if exclusion:
                impose_exclusion(session, case, order, now=now, zone=circle(*MARKET, 300.0))
    phone = enrol(app.test_client(), database, clock, case)
    return Watched(
        database=database, clock=clock, case=case, order=order, phone=phone, book=RuleBook()
    )


def enrol(client: FlaskClient, database: Database, clock: FrozenClock, case: Case) -> Phone:
    """Enrol a phone for the person of a case."""
    with database.transaction() as session:
        issued = devices.issue_code(
            session, case.officer, case.supervisee_id, code_key=CODE_KEY, now=clock.now()
        )
    phone = phone_of(client, clock)
    phone.enrol(issued.code)
    return phone


def approach(start: tuple[float, float], east_m: float, steps: int) -> list[Position]:
    """Return positions that lead to a place from the east, in equal steps."""
    return [at(start, east_m=east_m * (steps - step) / steps) for step in range(steps + 1)]


class Judged(NamedTuple):
    """What judging came to: its state, and what each episode comes down to, closed ones too."""

    state: geofence.State
    episodes: list[tuple[object, ...]]


def judged_now(one: Watched) -> Judged:
    """Return what is stored of a person, without what only stands because it was decided on."""
    person_id = one.case.supervisee_id
    with one.database.snapshot() as session:
        stored = session.get_one(PersonState, person_id).judgement
    assert stored is not None
    rows = [row for row in one.episodes() if row.supervisee_id == person_id]
    held = [load(row.verdict) for row in rows if not row.withdrawn and row.kept_at is None]
    return Judged(geofence.State.loads(stored), _substances(held))


def judged_from_nothing(one: Watched) -> Judged:
    """Return what all of a person's fixes give under the rules as they are now, in one fold."""
    person_id = one.case.supervisee_id
    with one.database.snapshot() as session:
        rules = geofence.PreparedRules(
            conditions.rules_for(session, person_id, 0),
            conditions.suspensions_for(session, person_id, 0),
        )
        until_s = session.get_one(PersonState, person_id).until_s
        fixes = judging.stored_facts(session, person_id, 0, until_s)
    parameters = geofence.Parameters()
    state = geofence.State.begin(at_s=0, parameters=parameters)
    judged = geofence.judge(state, fixes, rules, until_s=until_s, parameters=parameters)
    return Judged(judged.state, _substances(judged.episodes))


def _substances(episodes: Iterable[geofence.Episode]) -> list[tuple[object, ...]]:
    return sorted(map(geofence.substance, episodes), key=repr)
