"""The client of docs/client-guide.md, taken from the page, against the application."""

from __future__ import annotations

import http.client
import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any, Final
from uuid import UUID
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from flask import Flask
from sqlalchemy import select

from backend.appointments import service as appointments
from backend.appointments.service import AppointmentKind, AppointmentTerms
from backend.core.actor import Permission
from backend.core.db import Database, Session
from backend.core.paging import Cursor
from backend.core.settings import Settings
from backend.devices import service as devices
from backend.devices.models import DeviceEvidence, DeviceKey
from backend.identity import service as identity
from backend.location.models import Fix
from backend.outbox.inbox import StoredInbox
from backend.outbox.messages import Recipient, RecipientKind
from backend.outbox.models import OutboxMessage
from tests.support.attestation.android_ca import Statement
from tests.support.attestation.phones import (
    VERIFYING,
    IPhone,
    android_key,
    attesting,
    give_status_list,
)
from tests.support.clocks import START, FrozenClock
from tests.support.conditions import Case, open_case, order_for
from tests.support.devices import CODE_KEY, SERVER_URL
from tests.support.outbox import a_message, enqueued, to_inbox

GUIDE: Final = Path(__file__).parents[2] / "docs" / "client-guide.md"
HARDWARE: Final = ("certificate_chain", "guarded_certificate_chain", "attest_app", "assert_app")
BLOCK: Final = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


BY_THE_FIRST_KEYS: Final = [1, 2, 3, 5]
ENROLLED_AGAIN: Final = [1, 2, 3]
"""Numbers of the fixes of both activations that the page sends."""

STATEMENT: Final = Statement()


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class's name
        pass


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """A server that verifies evidence, under the roots of the tests."""
    return attesting(settings, tmp_path)


@pytest.fixture
def port(app: Flask) -> Iterator[int]:
    """Where the application listens."""
    with make_server("127.0.0.1", 0, app, handler_class=_Quiet) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


class Iron:
    """What the hardware of a phone does, done by the authorities of the tests."""

    def __init__(self, statement: Statement = STATEMENT, now: datetime = START) -> None:
        self._statement, self._now = statement, now
        self._iphone, self._asserted = IPhone(now=now), 0

    def certificate_chain(self, key: Any, challenge: bytes) -> list[bytes]:
        return _chain(key, challenge, self._statement)

    def guarded_certificate_chain(self, key: Any, challenge: bytes) -> list[bytes]:
        return _chain(key, challenge, self._statement.enforcing(VERIFYING))

    def attest_app(self, client_data: str) -> tuple[str, bytes]:
        self._iphone, self._asserted = IPhone(now=self._now), 0
        shown: Any = self._iphone.attest(client_data)
        return shown["key_id"], b64decode(shown["object"])

    def assert_app(self, client_data: str) -> bytes:
        self._asserted += 1
        return b64decode(self._iphone.assertion(client_data, counter=self._asserted))


def _chain(key: Any, challenge: bytes, statement: Statement) -> list[bytes]:
    shown: Any = android_key(challenge, key.private, statement=statement)
    return [b64decode(certificate) for certificate in shown["x5c"]]


def _is_to_check_in(session: Session, case: Case, now: datetime) -> None:
    """Expect the person to check in, in an hour, with what shows that it is they."""
    agency = identity.get_agency(session, case.agency_id)
    identity.change_agency(
        session,
        replace(case.supervisor, permissions=frozenset(Permission)),
        name=agency.name,
        zone=agency.zone,
        contact_phone=agency.contact_phone,
        contact_email=agency.contact_email,
        policy=replace(agency.policy, least_presence="verified"),
        now=now,
    )
    appointments.make_appointment(
        session,
        case.officer,
        case.supervisee_id,
        AppointmentKind.CHECK_IN,
        AppointmentTerms(starts_at=now + timedelta(hours=1)),
        now=now,
    )


def _is_told_something(database: Database, case: Case) -> UUID:
    """Put a message into the person's inbox and return its id."""
    me = Recipient(kind=RecipientKind.SUPERVISEE, id=case.supervisee_id)
    message_id = enqueued(database, a_message(recipient=me))
    message = to_inbox(case.supervisee_id, "A payment is due.", message_id=message_id)
    StoredInbox(database).keep([message], at=START)
    return message_id


def _approve(database: Database, case: Case, reference: str, now: datetime) -> None:
    """Do as the officer to whom the person reads this number."""
    with database.transaction() as session:
        page = devices.re_enrolments_of(session, case.officer, case.supervisee_id, Cursor(), now)
        (asked,) = (each for each in page.items if each.reference == reference)
        devices.approve(session, case.officer, asked.id, code_key=CODE_KEY, now=now)


@pytest.mark.parametrize(
    ("platform", "iron", "level"),
    [
        ("android", Iron(), "hardware_factory"),
        ("android", Iron(Statement(attested_by=2, kept_by=2)), "strongbox"),
        ("ios", Iron(), "app_attested"),
        ("web", None, "web"),
    ],
)
def test_the_client_on_the_page_works(
    database: Database, clock: FrozenClock, port: int, platform: str, iron: Iron | None, level: str
) -> None:
    settings, *steps = BLOCK.findall(GUIDE.read_text(encoding="utf-8"))
    give_status_list(database)
    with database.transaction() as session:
        case = open_case(session, now=clock.now())
        order_for(session, case, now=clock.now())
        _is_to_check_in(session, case, clock.now())
        code = devices.issue_code(
            session, case.officer, case.supervisee_id, code_key=CODE_KEY, now=clock.now()
        ).code
    message_id = _is_told_something(database, case)
    client: dict[str, Any] = {}
    exec(settings, client)  # noqa: S102 - the page's own code is what is tested
    client |= {
        "PUBLIC_URL": SERVER_URL,
        "CODE": code,
        "PLATFORM": platform,
        "show_to_person": lambda number: _approve(database, case, number, clock.now()),
        "connect": lambda: http.client.HTTPConnection("127.0.0.1", port, timeout=30),
    }
    if iron is not None:
        client |= {name: getattr(iron, name) for name in HARDWARE}

    for step in steps:
        exec(step, client)  # noqa: S102 - as above; its asserts are the test's

    assert len(steps) == 16
    with database.snapshot() as session:
        fixes = session.scalars(select(Fix).order_by(Fix.seq)).all()
        evidence = session.scalars(select(DeviceEvidence.jkt)).all()
        systems = session.scalars(select(DeviceKey.os_version)).all()
        message = session.get_one(OutboxMessage, message_id)
    numbers: dict[UUID, list[int]] = {}
    for fix in fixes:
        numbers.setdefault(fix.activation_id, []).append(fix.seq)
    assert sorted(numbers.values()) == [ENROLLED_AGAIN, BY_THE_FIRST_KEYS]
    assert {(fix.refused, fix.assurance) for fix in fixes} == {(None, level)}
    assert len(set(evidence)) == (0 if iron is None else 3)  # that of each of its keys
    assert sorted(map(str, systems)) == ["16", "17", "17"]  # updated before the key change
    assert (message.delivered_at, message.opened_at) == (clock.now(), clock.now())
    assert client["level"] == level
