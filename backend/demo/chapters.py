"""The chapters: an officer opens a case, a phone enrols, drives, falls silent, is reminded.

Nothing is slipped into the database: agency and staff come to be by `connectrex` commands, all
else over HTTP, as an officer with curl and as a phone would do it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

import requests

from backend.demo import cast
from backend.demo.cast import AGENCY, AUDITOR, OFFICER, PERSON, Employee
from backend.demo.desk import Desk
from backend.demo.record import Item, Witnessed
from backend.demo.screen import Screen
from backend.demo.server import USUAL_PORT
from backend.demo.stage import Stage
from backend.demo.waiting import StoryError, wait_for
from backend.simulator.phone import Phone, PushAddress
from backend.simulator.position import PhoneClock
from backend.simulator.track import VISNJAN_DRIVE, TimedPosition, read_track
from backend.simulator.wire import HttpAnswer, over_http

_MIDDLE_OF_A_SECOND: Final = timedelta(milliseconds=500)
"""Phones state whole seconds: from here a slow answer does not make it the next one."""
_LOOK_EVERY: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The case that the officer opened. `titles` names its conditions by their identifiers."""

    officer: Desk
    supervisee_id: str
    titles: dict[str, str]
    push_token: str

    @property
    def person(self) -> str:
        """The path of everything about the person."""
        return f"/v1/supervisees/{self.supervisee_id}"

    def alerts(self) -> list[Item]:
        """Return the person's alerts, oldest first."""
        return self.officer.listed(f"/v1/alerts?supervisee_id={self.supervisee_id}")[::-1]

    def sentence(self, words: str) -> str | None:
        """Return the explanation that says `words`, of whichever alert; None if none does yet."""
        sentences: list[str] = [alert["sentence_en"] for alert in self.alerts()]
        return next((sentence for sentence in sentences if words in sentence), None)


def set_up(stage: Stage, screen: Screen) -> None:
    """Make the database, the agency and its staff by commands."""
    screen.chapter("Set up: database, agency and staff, by commands")
    _command(stage, screen, "db", "upgrade")
    agency_id = _command(
        stage,
        screen,
        *("agency", "create", "--name", AGENCY["name"], "--zone", AGENCY["zone"]),
        *("--phone", AGENCY["phone"], "--email", AGENCY["email"]),
    )
    for employee in (OFFICER, AUDITOR):
        _command(stage, screen, *_employ(employee, agency_id))
    if not stage.server.url.endswith(f":{USUAL_PORT}"):
        screen.say(f"(Port {USUAL_PORT} is taken; another one is used.)")
    screen.say(f"connectrex serve, on {stage.server.url}: SQLite, one process, the worker inside")


def _command(stage: Stage, screen: Screen, *words: str) -> str:
    shown = " ".join(f'"{word}"' if " " in word else word for word in words[:4])
    screen.say(f"connectrex {shown}{' …' if words[4:] else ''}")
    return stage.command(*words)


def _employ(employee: Employee, agency_id: str) -> tuple[str, ...]:
    return (
        *("officer", "create", "--email", employee.email, "--agency", agency_id),
        *("--given-name", employee.given_name, "--family-name", employee.family_name),
        *("--role", employee.role, "--password", employee.password),
    )


def open_case(stage: Stage, screen: Screen) -> Case:
    """Let the officer write down person, order, conditions and fee, over HTTP."""
    stage.advance_to(cast.OPENED_AT)
    now = stage.clock.now
    screen.chapter("An officer opens a case", now())
    officer = Desk(stage.server.url, OFFICER)
    officer.sign_in()
    person = officer.post("/v1/supervisees", PERSON)
    path = f"/v1/supervisees/{person['id']}"
    officer.post(f"{path}/assignments", {"officer_id": officer.get("/v1/officer")["id"]})
    screen.say(f"{OFFICER.name} takes charge of {PERSON['given_name']} Example.", now())
    order = officer.post(f"{path}/orders", cast.ORDER)
    titles = {}
    for condition in cast.CONDITIONS:
        made = officer.post(f"/v1/orders/{order['id']}/conditions", condition)
        titles[made["id"]] = condition["title"]
        screen.say(cast.in_words(condition), now())
    officer.post(f"{path}/recurring-fees", cast.FEE)
    screen.say("Supervision fee: 40.00 EUR, due on the 9th of every month.", now())
    return Case(
        officer=officer,
        supervisee_id=person["id"],
        titles=titles,
        push_token=stage.fcm.new_phone(),
    )


def enrol(stage: Stage, screen: Screen, case: Case) -> Phone:
    """Let a phone with a fresh P-256 key become the person's, by the officer's one-time code."""
    session = requests.Session()
    session.trust_env = False
    phone = Phone(
        server_url=stage.server.url,
        transport=over_http(session),
        clock=PhoneClock(stage.clock.now),
        push=PushAddress(kind="token", address=case.push_token),
    )
    code = case.officer.post(f"{case.person}/enrolment-codes")["code"]
    enrolled = phone.enrol(code).json()
    screen.say(
        f"A simulated phone enrols with the one-time code {code}; its key is "
        f"{enrolled['device'][:8]}…, assurance “{enrolled['assurance']}”.",
        stage.clock.now(),
    )
    return phone


def drive(stage: Stage, screen: Screen, case: Case, phone: Phone, witnessed: Witnessed) -> None:
    """Replay the recording: a signed fix for each point, at the time when it was recorded."""
    points = recorded_drive()
    title = f"A recorded drive: {len(points)} signed fixes, each proved, judged, receipted"
    screen.chapter(title, cast.DRIVE_AT)
    look = _watch(screen, case, stage)
    for number, point in enumerate(points, start=1):
        stage.advance_to(point.at + _MIDDLE_OF_A_SECOND)
        receipt = served(phone.send_fix(point.position))
        witnessed.receipts.append(receipt)
        rhythm = f"next fix wanted in {receipt['next_fix_s']} s"
        screen.progress(number, len(points), rhythm, point.at)
        if number % _LOOK_EVERY == 0:
            look()
    wait_for("the e-mail about the critical alert", lambda: stage.mailbox.received(OFFICER.email))
    look()
    witnessed.mails += stage.mailbox.received(OFFICER.email)
    for mail in witnessed.mails:
        screen.say(f"E-mail to {OFFICER.email}: “{mail['Subject']}”", stage.clock.now())


def recorded_drive() -> list[TimedPosition]:
    """Return the points of the recording, as if it had begun at DRIVE_AT."""
    points = read_track(VISNJAN_DRIVE, accuracy_m=cast.ACCURACY_M)
    shift = cast.DRIVE_AT - points[0].at
    return [replace(point, at=point.at + shift) for point in points]


def _watch(screen: Screen, case: Case, stage: Stage) -> Callable[[], None]:
    """Return what to call to have the officer told of alerts that are new since the last call."""
    known: set[str] = set()

    def look() -> None:
        for alert in case.alerts():
            if alert["id"] not in known:
                known.add(alert["id"])
                screen.interrupt_progress()
                screen.say(f"ALERT ({alert['severity']}): {alert['kind']}", stage.clock.now())

    return look


def fall_silent(stage: Stage, screen: Screen, case: Case, witnessed: Witnessed) -> None:
    """Let the clock alone find out that the phone is silent, and that a curfew begins meanwhile."""
    screen.chapter("The phone falls silent; only the clock goes on", cast.SILENT_AT)
    stage.advance_to(cast.SILENT_AT)
    witnessed.silence = wait_for(
        "the silence to be noticed", lambda: case.sentence("Nothing was received")
    )
    screen.say(witnessed.silence, stage.clock.now())
    stage.advance_to(cast.CURFEW_AT)
    witnessed.curfew = wait_for(
        "the curfew to begin", lambda: case.sentence(f"A window of “{cast.CURFEW}” began")
    )
    screen.say(witnessed.curfew, stage.clock.now())


def ask_without_location(stage: Stage, screen: Screen, phone: Phone, witnessed: Witnessed) -> None:
    """Ask for service without a location, and with one that was made up: both are refused."""
    stage.advance_to(cast.ASKS_AT)
    screen.chapter("Service without location is refused", stage.clock.now())
    denied = phone.request_without_location("PERMISSION_DENIED", "/v1/me/balance")
    made_up = phone.get("/v1/me/conditions", replace(cast.HOME, mock=True))
    for asked, answer in (("/v1/me/balance", denied), ("/v1/me/conditions", made_up)):
        problem = answer.json()
        witnessed.turned_away.append(problem)
        screen.say(f"GET {asked} -> {answer.status} {problem['reason']}", stage.clock.now())
        screen.say(f"{problem['detail']} {problem['what_to_do']}")
        screen.say(f"Reference {problem['reference']}, contact {problem['contact']}.")


def let_a_fee_fall_due(stage: Stage, screen: Screen, case: Case) -> None:
    """Let a night pass, in which the fee is raised and its reminder planned."""
    stage.advance_to(cast.FEE_RAISED_AT)
    screen.chapter("A fee falls due", stage.clock.now())
    wait_for("the fee to be raised", lambda: case.officer.listed(f"{case.person}/obligations"))
    # Planning has its turn once a minute, and may have had it before the fee was there.
    stage.advance_to(cast.PLANNED_AT)
    planned = wait_for(
        "the reminder to be planned", lambda: case.officer.listed(f"{case.person}/reminders")
    )
    first = min(datetime.fromisoformat(reminder["due_at"]) for reminder in planned)
    screen.say(
        "The fee of the 9th is on the account; its first reminder is planned for "
        f"{first.astimezone(cast.ZONE):%A %-d %B, %H:%M}.",
        stage.clock.now(),
    )
    words = f"received from the phone since {cast.ASKS_AT:%Y-%m-%d %H:%M}"
    again = wait_for("the new silence to be noticed", lambda: case.sentence(words))
    screen.say(again, stage.clock.now())


def remind(stage: Stage, screen: Screen, case: Case, phone: Phone, witnessed: Witnessed) -> None:
    """Let the reminder reach the phone, at the hour that was planned."""
    stage.advance_to(cast.REMINDED_AT)
    screen.chapter("The reminder reaches the phone", stage.clock.now())
    witnessed.pushes += wait_for(
        "the reminder to reach the phone", lambda: stage.fcm.received(case.push_token)
    )
    push = witnessed.pushes[0]
    shown = push["notification"]
    screen.say(f"On the lock screen: “{shown['title']}” “{shown['body']}”", stage.clock.now())
    phone.send("POST", "/v1/device/deliveries", {"message_id": push["data"]["id"]})
    screen.say("The app tells the server that it arrived.", stage.clock.now())


def ask_with_location(stage: Stage, screen: Screen, phone: Phone, witnessed: Witnessed) -> None:
    """Ask for inbox and balance with a location: both are served, and silence is over."""
    witnessed.receipts.append(served(phone.send_fix(cast.HOME)))
    witnessed.inbox += served(phone.get("/v1/me/inbox"))["items"]
    witnessed.owed += served(phone.get("/v1/me/balance"))["unpaid"]
    screen.say("With location switched on, inbox and balance are served:", stage.clock.now())
    for message in witnessed.inbox:
        for line in message["body"].splitlines():
            screen.say(line)


def verify_audit(stage: Stage, screen: Screen, witnessed: Witnessed) -> None:
    """Check the sealed chain of the record, by the command that an auditor would use."""
    screen.chapter("The server is stopped, and the record checked")
    screen.say("connectrex audit verify")
    witnessed.sealed = stage.command("audit", "verify")
    screen.say(" ".join(witnessed.sealed.splitlines()))


def served(answer: HttpAnswer) -> Item:
    """Return what the phone was given. Raises StoryError for a refusal."""
    if answer.status != HTTPStatus.OK:
        raise StoryError(f"The phone was answered {answer.status}: {answer.body.decode()}")
    members: Item = answer.json()
    return members
