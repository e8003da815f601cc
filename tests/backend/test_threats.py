"""What docs/threats.md says of the stored data, shown where no slice's own test does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask
from sqlalchemy import func, select

from backend.audit.models import AuditEvent
from backend.core.db import Base, Database
from backend.devices import service as devices
from backend.devices.models import DeviceKey
from backend.identity import service as identity
from backend.identity.tokens import open_session
from backend.location.models import Fix, JournalEntry, Refusal
from tests.support.audit import recorded_acts
from tests.support.clocks import FrozenClock
from tests.support.devices import CODE_KEY
from tests.support.identity import PASSWORD, make_officer
from tests.support.location import HOME, Watched, at, watched_person


@pytest.fixture
def watched(app: Flask, database: Database, clock: FrozenClock) -> Watched:
    return watched_person(app, database, clock)


def public_key(watched: Watched) -> ec.EllipticCurvePublicKey:
    """The phone's key as the server keeps it: a point, and nothing that signs."""
    with watched.database.snapshot() as session:
        kept = session.scalars(
            select(DeviceKey.public_key).where(DeviceKey.jkt == watched.phone.jkt)
        ).one()
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + kept)


def signed_place(watched: Watched, fix: Fix) -> tuple[float, float]:
    """Where the phone signed that it was."""
    said = signed_words(watched, fix)
    return said["location"]["latitude"], said["location"]["longitude"]


def signed_words(watched: Watched, fix: Fix) -> dict[str, Any]:
    """What the phone signed of a fix, verified with the kept key."""
    with watched.database.snapshot() as session:
        token = session.scalar(select(JournalEntry).where(JournalEntry.n == fix.journal_n))
    text = fix.signed if token is None else token.signed
    said: dict[str, Any] = jwt.decode(
        text, public_key(watched), algorithms=["ES256"], options={"verify_aud": False}
    )
    if token is not None:
        said = next(each for each in said["fixes"] if each["fix"]["seq"] == fix.seq)
    return said


def test_each_fix_is_kept_with_the_signature_that_a_changed_place_would_contradict(
    watched: Watched,
) -> None:
    watched.walk([at(HOME), at(HOME, east_m=20)])
    watched.phone.buffer_fix(at(HOME, east_m=40))
    watched.phone.send_journal()

    fixes = watched.fixes()

    assert [fix.journal_n for fix in fixes] == [None, None, 1]
    for fix in fixes:
        assert signed_place(watched, fix) == (fix.latitude, fix.longitude)
    changed = fixes[0]
    changed.latitude += 0.01
    assert signed_place(watched, changed) != (changed.latitude, changed.longitude)


def test_what_the_receiver_knew_of_satellites_stays_in_the_signed_text(watched: Watched) -> None:
    watched.phone.send_fix(replace(at(HOME), satellites=9, cn0_dbhz=41.5))

    said = signed_words(watched, watched.fixes()[0])

    assert (said["fix"]["sats"], said["fix"]["cn0"]) == (9, 41.5)


def test_who_reads_where_somebody_was_is_recorded(watched: Watched, app: Flask) -> None:
    assert watched.case.officer.id is not None
    with watched.database.transaction() as session:
        bearer = open_session(session, watched.case.officer.id, now=watched.clock.now()).secret
    person = f"/v1/supervisees/{watched.case.supervisee_id}"

    for path in ("fixes", "status", "suspicions"):
        answer = app.test_client().get(
            f"{person}/{path}", headers={"Authorization": f"Bearer {bearer}"}
        )
        assert answer.status_code == 200

    with watched.database.snapshot() as session:
        assert recorded_acts(session).count("fixes.read") == 3


def test_a_flood_of_proofs_that_fail_leaves_no_record(watched: Watched) -> None:
    watched.walk([at(HOME)])
    with watched.database.snapshot() as session:
        before = session.scalar(select(func.count()).select_from(AuditEvent))
    here, watched.phone._server_url = watched.phone._server_url, "https://elsewhere.test"

    statuses = watched.walk([at(HOME)] * 10, every_s=1)

    watched.phone._server_url = here
    assert statuses == [401] * 10
    assert len(watched.fixes()) == 1
    with watched.database.snapshot() as session:
        assert session.scalars(select(Refusal)).all() == []
        assert session.scalar(select(func.count()).select_from(AuditEvent)) == before


def test_no_password_token_or_code_stands_in_the_database(watched: Watched) -> None:
    with watched.database.transaction() as session:
        agency = identity.get_agency(session, watched.case.agency_id)
        officer = make_officer(session, agency, watched.clock.now())
        bearer = open_session(session, officer.id, now=watched.clock.now()).secret
        code = devices.issue_code(
            session,
            watched.case.officer,
            watched.case.supervisee_id,
            code_key=CODE_KEY,
            now=watched.clock.now(),
        ).code
    secret = code.replace("-", "")[4:]

    with watched.database.snapshot() as session:
        kept = "\n".join(
            repr(tuple(row))
            for table in Base.metadata.sorted_tables
            for row in session.execute(select(table))
        )

    assert len(kept) > 1000
    assert [
        shown for shown in (PASSWORD, bearer, bearer.partition("_")[2], secret) if shown in kept
    ] == []
