"""App Attest assertions: that the app which vouched for a phone's key is still the genuine one.

`assert_app` takes an assertion over `{"challenge", "jkt"}`, where the challenge is the nonce of the
request's own proof: fresh, the server's, and good for this key only. The counter moves in one
statement that names where it was, so that of requests at the same moment one counts.
"""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update

from backend.attestation.apple.assertion import AttestedKey, verify_assertion
from backend.attestation.apple.client_data import wrong_client_data
from backend.attestation.apple.refusal import AppleRefusal
from backend.audit import service as audit
from backend.audit.acts import Act
from backend.core.actor import Actor
from backend.core.db import Session, affected_rows
from backend.core.errors import not_found
from backend.devices.key_context import KeyContext, key_of
from backend.devices.models import AppAttestKey


@dataclass(frozen=True, slots=True, kw_only=True)
class AppAsserted:
    """How often the app's key has signed, and when it did last."""

    counter: int
    asserted_at: datetime


def assert_app(
    session: Session,
    actor: Actor,
    key: KeyContext,
    *,
    assertion: str,
    client_data: str,
    nonce: str,
    now: datetime,
) -> AppAsserted | AppleRefusal:
    """Return that the genuine app signed `client_data` just now, or why that is not shown.

    `assertion` is in base64, as iOS gives it; `nonce` is that of the request's proof.

    Raises NOT_FOUND for a phone that no App Attest key vouches for. Audited.
    """
    signed = client_data.encode()
    refusal = wrong_client_data(signed, challenge=nonce, jkt=key.jkt)
    counter = refusal or count_assertion(session, key.jkt, assertion, signed, now)
    if counter is None:
        raise not_found()
    if isinstance(counter, AppleRefusal):
        return counter
    _record(session, actor, key.activation_id, key.jkt, now)
    return AppAsserted(counter=counter, asserted_at=now)


def count_assertion(
    session: Session, jkt: str, assertion: str, client_data: bytes, now: datetime
) -> int | AppleRefusal | None:
    """Return the counter of an assertion by the app that vouches for the key `jkt`, and keep it.

    What `client_data` says is the caller's question. None if no App Attest key vouches for `jkt`.
    """
    row = session.execute(
        select(AppAttestKey.public_key, AppAttestKey.app_id, AppAttestKey.counter).where(
            AppAttestKey.jkt == jkt
        )
    ).one_or_none()
    if row is None:
        return None
    attested = AttestedKey(
        public_key=key_of(row.public_key), app_id=row.app_id, counter=row.counter
    )
    found = verify_assertion(_decoded(assertion), client_data=client_data, key=attested)
    if isinstance(found, AppleRefusal):
        return found
    moved = affected_rows(
        session,
        update(AppAttestKey)
        .where(AppAttestKey.jkt == jkt, AppAttestKey.counter == found.advance.since)
        .values(counter=found.advance.to, asserted_at=now),
    )
    return found.advance.to if moved == 1 else AppleRefusal.COUNTER_NOT_RISING


def _decoded(text: str) -> bytes:
    """Return the bytes of base64, none for what is not: no bytes are no assertion."""
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return b""


def _record(session: Session, actor: Actor, activation_id: UUID, jkt: str, now: datetime) -> None:
    audit.record(
        session,
        actor,
        Act.DEVICE_APP_ASSERTED,
        subject=("activation", activation_id),
        supervisee_id=actor.id,
        now=now,
        details={"jkt": jkt},
    )
