"""Somebody on their way through two zones, on a site that is about to suffer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from backend.devices import service as devices
from backend.identity.tokens import open_session
from backend.proof.receipt import FixReceipt, read_receipt
from backend.proof.server_keys import ServerKeys
from backend.simulator.phone import Phone
from backend.simulator.position import PhoneClock
from tests.support.clocks import START
from tests.support.conditions import (
    Case,
    circle,
    impose_curfew,
    impose_exclusion,
    open_case,
    order_for,
)
from tests.support.devices import CODE_KEY
from tests.support.sites import Line, Site

HOME: Final = circle(45.2734, 13.7141, 350.0)
STORE: Final = circle(45.2764, 13.7200, 110.0)
DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ALWAYS: Final[dict[str, Any]] = {
    "timezone": "Europe/Zagreb",
    "weekly": [{"weekday": day, "start": "00:00", "end": "00:00"} for day in DAYS],
    "added": [],
    "removed": [],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A person with a phone who is about to drive, and an officer who watches."""

    case: Case
    phone: Phone
    line: Line
    bearer: str


def scene_on(site: Site, line: Line) -> Scene:
    """Open a case with two zones on the way of the drive, enrol a phone, and stop the site."""
    site.clock.step_to(START)
    with site.opened() as database, database.transaction() as session:
        case = open_case(session, now=START)
        order = order_for(session, case, now=START)
        impose_curfew(session, case, order, now=START, zone=HOME, schedule=ALWAYS)
        impose_exclusion(session, case, order, now=START, zone=STORE)
        assert case.officer.id is not None
        bearer = open_session(session, case.officer.id, now=START).secret
        person = case.supervisee_id
        code = devices.issue_code(session, case.officer, person, code_key=CODE_KEY, now=START)
    phone = Phone(
        server_url=site.settings.public_url,
        transport=line,
        clock=PhoneClock(site.clock.now),
        pauses_s=(0.0,) * 20,
    )
    phone.enrol(code.code)
    site.stop()
    return Scene(case=case, phone=phone, line=line, bearer=bearer)


def receipt_digest(receipt: str, keys: ServerKeys) -> bytes:
    read = read_receipt(receipt, keys)
    assert isinstance(read, FixReceipt)
    assert read.outcome == "ACCEPTED"
    return read.digest
