"""People to measure with, each under an order with ten zones, and their fixes, signed in advance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from flask.testing import FlaskClient

from backend.app import create_app
from backend.core.clock import Clock, SystemClock
from backend.core.db import Database, Session
from backend.core.keys import derive
from backend.core.settings import Settings
from backend.devices import service as devices
from backend.devices.enrolment_code import KEY_PURPOSE
from backend.simulator.phone import Phone
from backend.simulator.position import PhoneClock, Position
from backend.simulator.wire import HttpAnswer, HttpRequest
from tests.support.conditions import (
    Case,
    circle,
    impose_curfew,
    impose_exclusion,
    open_case,
    order_for,
    rectangle,
)
from tests.support.phones import over_client

EXCLUSIONS: Final = 9
UP_FOR: Final = timedelta(hours=1)
"""How long a phone has been switched on when it enrols."""
OLDEST_S: Final = 15
"""How old the first fix of a person is when it is signed: as fresh as a phone on a slow line."""
HOME: Final = (41.88, -87.63)
EVERY_NIGHT: Final = {
    "timezone": "America/Chicago",
    "weekly": [
        {"weekday": day, "start": "21:00", "end": "06:00"}
        for day in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    ],
    "added": [],
    "removed": [],
}


class Scene:
    """Enrolled phones on a database, and the raw HTTP requests with which they will report."""

    def __init__(self, settings: Settings, people: int) -> None:
        clock = SystemClock()
        database = Database(settings.database_url)
        app = create_app(settings, database, clock)
        self._people = [
            enrol(app.test_client(), database, settings, clock, number) for number in range(people)
        ]
        # Tokens and nonces last, so that they are fresh, and before a server has the file.
        for one in self._people:
            one.phone.token()
        database.close()

    def fixes(self, each: int) -> Iterator[bytes]:
        """Yield `each` fixes of every person as HTTP requests, person after person in turn."""
        for one in self._people:
            one.clock.behind = timedelta(seconds=OLDEST_S)
        for step in range(each):
            for one in self._people:
                yield self._request(one, step)

    @staticmethod
    def _request(one: Enrolled, step: int) -> bytes:
        one.clock.behind -= timedelta(seconds=1)
        here = Position(
            latitude=HOME[0] + step * 1e-6, longitude=HOME[1] + step * 1e-6, accuracy_m=8.0
        )
        return one.line.written(lambda: one.phone.send_fix(here))


class _Recorder:
    """A transport that reaches the application, or only writes down what would have been sent."""

    def __init__(self, client: FlaskClient) -> None:
        self._carry = over_client(client)
        self._recording = False
        self._last = HttpRequest(method="", url="", headers={}, body=b"")

    def __call__(self, request: HttpRequest) -> HttpAnswer:
        if not self._recording:
            return self._carry(request)
        self._last = request
        return HttpAnswer(status=200, headers={}, body=b"{}")

    def written(self, send: Callable[[], object]) -> bytes:
        """Return what `send` would send, as it goes over the wire."""
        self._recording = True
        send()
        self._recording = False
        to, body = urlsplit(self._last.url), self._last.body
        lines = [f"{self._last.method} {to.path} HTTP/1.1", f"Host: {to.netloc}"]
        lines += [f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in self._last.headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class LateClock:
    """A clock that runs behind, so that hours of fixes are signed in an instant."""

    def __init__(self, clock: Clock, behind: timedelta) -> None:
        self._clock = clock
        self.behind = behind

    def now(self) -> datetime:
        return self._clock.now() - self.behind


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """A phone, the line on which what it would send can be written down, and its clock."""

    line: _Recorder
    phone: Phone
    clock: LateClock


def enrol(
    client: FlaskClient, database: Database, settings: Settings, clock: Clock, number: int
) -> Enrolled:
    """Return a person under an order with ten zones, with a phone enrolled by `clock`."""
    now = clock.now() - timedelta(hours=1)
    with database.transaction() as session:
        case = open_case(session, now=now, name=f"bench{number}")
        impose_ten_zones(session, case, clock.now())
        code = devices.issue_code(
            session,
            case.officer,
            case.supervisee_id,
            code_key=derive(settings.root_secret, KEY_PURPOSE),
            now=clock.now(),
        )
    line, own_clock = _Recorder(client), LateClock(clock, UP_FOR)
    phone = Phone(server_url=settings.public_url, transport=line, clock=PhoneClock(own_clock.now))
    own_clock.behind = timedelta()
    phone.enrol(code.code)
    return Enrolled(line=line, phone=phone, clock=own_clock)


def impose_ten_zones(session: Session, case: Case, now: datetime) -> None:
    """Order a person to be at HOME at night, and to stay out of nine rectangles near by."""
    order = order_for(session, case, now=now)
    home = circle(*HOME, 150.0)
    impose_curfew(session, case, order, now=now, zone=home, schedule=EVERY_NIGHT)
    for number in range(EXCLUSIONS):
        west, south = HOME[1] + 0.02 * (number + 1), HOME[0] + 0.01
        zone = rectangle(west, south, west + 0.01, south + 0.01)
        impose_exclusion(session, case, order, now=now, zone=zone)
