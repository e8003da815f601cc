"""Supervised people with phones: codes, enrolment, and proofs made by hand for hostile tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from backend.core.actor import Actor, Permission
from backend.core.db import Database, Session
from backend.core.keys import derive
from backend.devices import service as devices
from backend.devices.enrolment_code import KEY_PURPOSE
from backend.identity.service import Agency, AgencyPolicy, Officer, Role
from backend.simulator.phone import EvidenceMaker, Phone, PushAddress, no_evidence
from backend.simulator.proof import ProofKey, compact_json, content_digest
from tests.support.clocks import FrozenClock
from tests.support.identity import actor_of, make_agency, make_officer, make_supervisee
from tests.support.phones import phone_of

ROOT_SECRET: Final = bytes(range(32))
"""The same as in the settings of the tests."""
CODE_KEY: Final = derive(ROOT_SECRET, KEY_PURPOSE)
SERVER_URL: Final = "https://connectrex.test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A supervised person and an officer of the agency, as an actor who may do everything."""

    agency: Agency
    supervisee_id: UUID
    account: Officer
    officer: Actor


def supervised_person(
    session: Session,
    *,
    now: datetime,
    agency: Agency | None = None,
    policy: AgencyPolicy | None = None,
) -> Person:
    """Create a person and an officer, in an agency of their own unless one is given."""
    agency = agency or make_agency(session, now, policy=policy)
    account = make_officer(session, agency, now, role=Role.SUPERVISOR)
    return Person(
        agency=agency,
        supervisee_id=make_supervisee(session, agency, now).id,
        account=account,
        officer=actor_of(account, permissions=frozenset(Permission)),
    )


def code_for(session: Session, person: Person, *, now: datetime) -> str:
    """Issue an enrolment code and return it as the officer reads it out."""
    issued = devices.issue_code(
        session, person.officer, person.supervisee_id, code_key=CODE_KEY, now=now
    )
    return issued.code


def enrolled_phone(
    database: Database,
    client: FlaskClient,
    clock: FrozenClock,
    person: Person,
    *,
    platform: str = "android",
    push: PushAddress | None = None,
    evidence: EvidenceMaker = no_evidence,
) -> Phone:
    """Enrol a phone for `person` over HTTP and return it."""
    with database.transaction() as session:
        code = code_for(session, person, now=clock.now())
    phone = phone_of(client, clock, platform=platform, push=push, evidence=evidence)
    phone.enrol(code)
    return phone


def signed_headers(
    key: ProofKey, method: str, path: str, *, body: bytes = b"", **claims: object
) -> dict[str, str]:
    """Return the headers of a request signed by `key`; a claim given as None is left out."""
    said: dict[str, object] = {
        "jti": str(uuid4()),
        "htm": method,
        "htu": SERVER_URL + path,
        "iat": 1_772_442_000,
    }
    headers: dict[str, str] = {}
    if body:
        said["cd"] = headers["Content-Digest"] = content_digest(body)
        headers["Content-Type"] = "application/json"
    said |= claims
    headers["DPoP"] = key.sign({name: value for name, value in said.items() if value is not None})
    return headers


def send_signed(
    client: FlaskClient,
    key: ProofKey,
    method: str,
    path: str,
    *,
    members: Mapping[str, Any] | None = None,
    **claims: object,
) -> TestResponse:
    """Send a request signed by `key`, with `members` as its JSON body."""
    body = b"" if members is None else compact_json(members)
    headers = signed_headers(key, method, path, body=body, **claims)
    return client.open(path, method=method, base_url=SERVER_URL, headers=headers, data=body)


def fresh_nonce(client: FlaskClient, key: ProofKey) -> str:
    """Return a nonce for `key`, as the server gives it with a refusal."""
    return send_signed(client, key, "POST", "/v1/token").headers["DPoP-Nonce"]
