"""How a phone's key is followed by its next one: when it is old, or the app begins anew.

`open_key_challenge` gives the phone, known by its old key, what the new one must sign. `change_key`:
  1  the proof's nonce is an open challenge: issued at most 300 s ago, and not used
  2  the proof holds for this request: whoever sends it has the new key
  3  the key that asked for the challenge is still enrolled, and signed over to the new one
  4  all evidence that is shown for the new key holds
  5  the agency admits the level that it grants
  6  the new key was never enrolled, for whomever, nor was the App Attest key that vouches for it
Then the old key is superseded and the new one stands where it stood: in the same activation, and
suspended if the old one was. The person does not change, nor does the phone, so history goes on: the
numbers of fixes and of journal tokens count on from where they were.

What fails in 1 to 3 is counted by the caller and leaves no trace. A phone that has lost its key has
nothing to sign over with: it is enrolled again, with an officer's consent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select

from backend.alerts import service as alerts
from backend.alerts.explanation import Explanation
from backend.alerts.kinds import AlertKind, Severity
from backend.audit import service as audit
from backend.audit.acts import Act
from backend.core.actor import Actor, ActorKind
from backend.core.db import Session
from backend.core.ids import new_id
from backend.devices import keys
from backend.devices.admittance import (
    EnrolmentRefused,
    Software,
    add_key,
    admit,
    record_refusal,
)
from backend.devices.codes import Challenge, make_room
from backend.devices.enrolment import Enrolled
from backend.devices.enrolment_code import CHALLENGE_LIFE, new_challenge
from backend.devices.evidence import Evidence
from backend.devices.evidence_policy import EvidencePolicy
from backend.devices.key_context import KeyContext, key_of
from backend.devices.key_state import ENROLLED_STATES
from backend.devices.models import ActivationRow, DeviceKey, KeyChallenge
from backend.devices.verification import Enrolling, Judged
from backend.identity import service as identity
from backend.identity.policy import AgencyPolicy
from backend.proof.dpop import NewKey, OpenedEnrolment, SignedRequest, verify_enrolment
from backend.proof.key_change import is_key_change
from backend.proof.refusal import ProofRefusal, Refused

ALERT_SOURCE: Final = "key-change"


@dataclass(frozen=True, slots=True, kw_only=True)
class NextKey:
    """What a phone sends of its next key: the old key's word for it, and what is shown of it.

    Versions are None where the phone does not say on what it made the key.
    """

    key_change: str
    evidence: tuple[Evidence, ...]
    app_version: str | None
    os_version: str | None


def rotate_at(session: Session, key: KeyContext) -> datetime:
    """Return when the phone should change this key, by its agency's policy now."""
    enrolled_at = session.scalars(
        select(DeviceKey.enrolled_at).where(DeviceKey.jkt == key.jkt)
    ).one()
    days = identity.get_agency(session, key.agency_id).policy.rotate_after_days
    return enrolled_at + timedelta(days=days)


def open_key_challenge(session: Session, key: KeyContext, *, now: datetime) -> Challenge:
    """Return what the next key of this phone must sign; a phone has few open at a time."""
    unused = (KeyChallenge.jkt == key.jkt) & KeyChallenge.used_at.is_(None)
    make_room(session, KeyChallenge, unused)
    challenge = new_challenge()
    session.add(
        KeyChallenge(
            id=new_id(now),
            jkt=key.jkt,
            challenge=challenge,
            issued_at=now,
            expires_at=now + CHALLENGE_LIFE,
        )
    )
    return Challenge(challenge=challenge, expires_in=int(CHALLENGE_LIFE.total_seconds()))


def change_key(
    session: Session,
    opened: OpenedEnrolment,
    next_key: NextKey,
    *,
    request: SignedRequest,
    evidence_policy: EvidencePolicy,
    address: str | None,
    now: datetime,
) -> Enrolled | EnrolmentRefused | Refused:
    """Return the phone under its next key, or why it keeps the old one; commit in either case.

    The same key with the same challenge again, while that is good, gets the same answer: the first
    may have been lost. Audited.
    """
    # 1
    found = _open(session, opened.challenge, now)
    if found is None:
        return Refused(reason=ProofRefusal.WRONG_CHALLENGE, jkt=opened.jkt)

    # 2
    key = verify_enrolment(opened, challenge=found.challenge.challenge, request=request)
    if isinstance(key, Refused):
        return key
    if found.challenge.used_at is not None:
        return _same_answer(session, found, key)

    # 3
    if not _signed_over(found, key, next_key):
        return Refused(reason=ProofRefusal.WRONG_KEY_CHANGE, jkt=key.jkt)

    # 4 to 6
    found.challenge.used_at = now
    actor = _person(found.old, address)
    policy = identity.get_agency(session, found.old.agency_id).policy
    judged = _admit(session, actor, found, key, next_key.evidence, policy, evidence_policy, now)
    if isinstance(judged, EnrolmentRefused):
        subject = ("activation", found.activation.id)
        record_refusal(session, actor, Act.DEVICE_KEY_CHANGE_REFUSED, subject, judged, now)
        return judged

    made_on = Software(app_version=next_key.app_version, os_version=next_key.os_version)
    return _follow(session, actor, found, key, judged, made_on, policy, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opening:
    """A challenge whose time is not over, the key that it was given to, and its activation."""

    challenge: KeyChallenge
    old: DeviceKey
    activation: ActivationRow


def _open(session: Session, challenge: str, now: datetime) -> _Opening | None:
    """Return the challenge with activation and key locked, in that order: as those who end them."""
    asked = KeyChallenge.challenge == challenge
    jkt = session.scalar(select(KeyChallenge.jkt).where(asked, KeyChallenge.expires_at > now))
    activation = None if jkt is None else keys.lock_activation(session, jkt)
    if activation is None:
        return None
    old = session.scalars(select(DeviceKey).where(DeviceKey.jkt == jkt).with_for_update()).one()
    row = session.scalar(select(KeyChallenge).where(asked))
    return None if row is None else _Opening(challenge=row, old=old, activation=activation)


def _same_answer(session: Session, found: _Opening, key: NewKey) -> Enrolled | Refused:
    """Return the answer that this key had for this challenge; to any other key it is used up."""
    followed = None if found.challenge.new_jkt != key.jkt else session.get(DeviceKey, key.jkt)
    if followed is None or followed.activation_id != found.activation.id:
        return Refused(reason=ProofRefusal.WRONG_CHALLENGE, jkt=key.jkt)
    return _enrolled(followed, identity.get_agency(session, followed.agency_id).policy)


def _signed_over(found: _Opening, key: NewKey, next_key: NextKey) -> bool:
    return found.old.state in ENROLLED_STATES and is_key_change(
        next_key.key_change,
        challenge=found.challenge.challenge,
        old_jkt=found.old.jkt,
        new_jkt=key.jkt,
        key=key_of(found.old.public_key),
    )


def _person(old: DeviceKey, address: str | None) -> Actor:
    return Actor(
        kind=ActorKind.SUPERVISEE,
        id=old.supervisee_id,
        agency_id=old.agency_id,
        address=address,
    )


def _admit(
    session: Session,
    actor: Actor,
    found: _Opening,
    key: NewKey,
    evidence: Sequence[Evidence],
    policy: AgencyPolicy,
    evidence_policy: EvidencePolicy,
    now: datetime,
) -> Judged | EnrolmentRefused:
    return admit(
        session,
        actor,
        evidence,
        Enrolling(
            platform=found.activation.platform,
            key=key.public_key,
            jkt=key.jkt,
            challenge=found.challenge.challenge,
        ),
        policy=policy,
        evidence_policy=evidence_policy,
        now=now,
    )


def _follow(
    session: Session,
    actor: Actor,
    found: _Opening,
    key: NewKey,
    judged: Judged,
    made_on: Software,
    policy: AgencyPolicy,
    now: datetime,
) -> Enrolled:
    new = add_key(
        session, actor, found.activation, key, judged, made_on=made_on, policy=policy, now=now
    )
    found.challenge.new_jkt = new.jkt
    keys.follow(session, actor, found.old, new, now)
    _record(session, actor, found, new, now)
    if not new.assurance.meets(found.old.assurance):
        _tell_of_weaker_key(session, found, new, now)
    return _enrolled(new, policy)


def _enrolled(key: DeviceKey, policy: AgencyPolicy) -> Enrolled:
    return Enrolled(
        jkt=key.jkt, activation_id=key.activation_id, assurance=key.assurance, policy=policy
    )


def _record(session: Session, actor: Actor, found: _Opening, new: DeviceKey, now: datetime) -> None:
    audit.record(
        session,
        actor,
        Act.DEVICE_KEY_CHANGED,
        subject=("activation", found.activation.id),
        supervisee_id=found.old.supervisee_id,
        now=now,
        details={"old_jkt": found.old.jkt, "jkt": new.jkt, "assurance": new.assurance},
    )


def _tell_of_weaker_key(session: Session, found: _Opening, new: DeviceKey, now: datetime) -> None:
    source_id: UUID = found.challenge.id
    alerts.raise_alert(
        session,
        agency_id=new.agency_id,
        supervisee_id=new.supervisee_id,
        kind=AlertKind.DEVICE_DOUBTFUL,
        severity=Severity.WARNING,
        source=ALERT_SOURCE,
        source_id=source_id,
        occurred_at=now,
        explanation=Explanation(
            data={
                "old_jkt": found.old.jkt,
                "jkt": new.jkt,
                "before": found.old.assurance.value,
                "now": new.assurance.value,
            },
            sentence_en="The phone changed to a key that is protected less than the one before. A "
            "phone does not become weaker by itself.",
            sentence_es="El teléfono cambió a una clave menos protegida que la anterior. Un "
            "teléfono no pierde protección por sí solo.",
        ),
        now=now,
    )
