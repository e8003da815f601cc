"""How a new key becomes a person's phone. `enrol`, step by step:

  1  the proof's nonce is an open challenge: issued at most 300 s ago, and not used
  2  the proof holds for this request: whoever sends it has the key
  3  the challenge's code is open still
  4  all evidence that is shown holds (`verification.judge`)
  5  the agency admits a device of the level that it grants
  6  the key was never enrolled, for whomever, nor was the App Attest key that vouches for it
Then code and challenge are used up and an activation begins. What fails in 1 or 2 is counted by the
caller and leaves no trace; the rest is an answer, not an exception, because it is recorded.

A person has one device at a time: two would leave it open which of them the person carries. So a
new activation ends the one before and its key is superseded; what was recorded under either stays
where it is, and a key enrolled once is enrolled never again, not even for the same person.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
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
from backend.core.errors import Code
from backend.core.ids import new_id
from backend.devices import keys
from backend.devices.admittance import (
    EnrolmentRefused,
    Software,
    add_key,
    admit,
    record_refusal,
)
from backend.devices.assurance import Assurance, Platform
from backend.devices.enrolment_code import CodeEnd
from backend.devices.evidence import Evidence
from backend.devices.evidence_policy import EvidencePolicy
from backend.devices.models import ActivationRow, DeviceKey, EnrolmentChallenge, EnrolmentCode
from backend.devices.push_address import Holder, PushAddress, set_push_address
from backend.devices.verification import Enrolling, Judged
from backend.identity import service as identity
from backend.identity.policy import AgencyPolicy
from backend.proof.dpop import NewKey, OpenedEnrolment, SignedRequest, verify_enrolment
from backend.proof.refusal import ProofRefusal, Refused

CODE_OVER: Final = "The code does not hold or is over. Ask your officer for another one."


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """What a device says of itself, and shows of its hardware."""

    platform: Platform
    evidence: tuple[Evidence, ...]
    push: PushAddress | None
    app_version: str
    os_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """A phone that is a person's now, and the agency's policy that it must know."""

    jkt: str
    activation_id: UUID
    assurance: Assurance
    policy: AgencyPolicy


def enrol(
    session: Session,
    opened: OpenedEnrolment,
    phone: Phone,
    *,
    request: SignedRequest,
    evidence_policy: EvidencePolicy,
    address: str | None,
    now: datetime,
) -> Enrolled | EnrolmentRefused | Refused:
    """Return the phone enrolled, or why it is not; the caller commits in either case.

    The same key with the same challenge again, while that is good, gets the same answer: the first
    may have been lost. Writes activation, key, its event, its evidence and push address. Audited.
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

    # 3 to 6
    found.challenge.used_at = now
    actor = Actor(
        kind=ActorKind.SUPERVISEE,
        id=found.code.supervisee_id,
        agency_id=found.code.agency_id,
        address=address,
    )
    policy = identity.get_agency(session, found.code.agency_id).policy
    judged = _admit(session, actor, found, phone, key, policy, evidence_policy, now)
    if isinstance(judged, EnrolmentRefused):
        subject = ("enrolment-code", found.code.id)
        record_refusal(session, actor, Act.ENROLMENT_REFUSED, subject, judged, now)
        return judged

    return _activate(session, actor, found, phone, key, judged, policy, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opening:
    """A challenge whose time is not over, and its code, which is locked."""

    challenge: EnrolmentChallenge
    code: EnrolmentCode


def _open(session: Session, challenge: str, now: datetime) -> _Opening | None:
    """Return the challenge with its code locked: of phones with one code, one comes first."""
    asked = EnrolmentChallenge.challenge == challenge
    its_code = select(EnrolmentChallenge.code_id).where(asked).scalar_subquery()
    code = session.scalar(
        select(EnrolmentCode).where(EnrolmentCode.id == its_code).with_for_update()
    )
    row = session.scalar(
        select(EnrolmentChallenge).where(asked, EnrolmentChallenge.expires_at > now)
    )
    return None if code is None or row is None else _Opening(challenge=row, code=code)


def _same_answer(session: Session, found: _Opening, key: NewKey) -> Enrolled | Refused:
    """Return the answer that this key had for this challenge; to any other key it is used up."""
    enrolled = session.execute(
        select(DeviceKey.activation_id, DeviceKey.assurance)
        .join(ActivationRow, ActivationRow.id == DeviceKey.activation_id)
        .where(ActivationRow.challenge_id == found.challenge.id, DeviceKey.jkt == key.jkt)
    ).one_or_none()
    if enrolled is None:
        return Refused(reason=ProofRefusal.WRONG_CHALLENGE, jkt=key.jkt)
    return Enrolled(
        jkt=key.jkt,
        activation_id=enrolled.activation_id,
        assurance=enrolled.assurance,
        policy=identity.get_agency(session, found.code.agency_id).policy,
    )


def _admit(
    session: Session,
    actor: Actor,
    found: _Opening,
    phone: Phone,
    key: NewKey,
    policy: AgencyPolicy,
    evidence_policy: EvidencePolicy,
    now: datetime,
) -> Judged | EnrolmentRefused:
    # 3
    if found.code.ended_at is not None:
        return EnrolmentRefused(code=Code.ENROLMENT_REFUSED, detail=CODE_OVER)

    # 4 to 6
    return admit(
        session,
        actor,
        phone.evidence,
        Enrolling(
            platform=phone.platform,
            key=key.public_key,
            jkt=key.jkt,
            challenge=found.challenge.challenge,
        ),
        policy=policy,
        evidence_policy=evidence_policy,
        now=now,
    )


def _activate(
    session: Session,
    actor: Actor,
    found: _Opening,
    phone: Phone,
    key: NewKey,
    judged: Judged,
    policy: AgencyPolicy,
    now: datetime,
) -> Enrolled:
    code = found.code
    code.ended_at, code.end = now, CodeEnd.REDEEMED
    earlier_id = keys.supersede(session, actor, code.supervisee_id, now)
    session.flush()  # the earlier activation ends before another can be in force
    activation = _activation(found, phone, now)
    session.add(activation)
    session.flush()  # the key refers to it by table name, which orders nothing
    made_on = Software(app_version=phone.app_version, os_version=phone.os_version)
    row = add_key(session, actor, activation, key, judged, made_on=made_on, policy=policy, now=now)
    _set_push(session, actor, activation, phone, now)
    _record_enrolment(session, actor, row, earlier_id, now)
    return Enrolled(
        jkt=row.jkt, activation_id=activation.id, assurance=row.assurance, policy=policy
    )


def _activation(found: _Opening, phone: Phone, now: datetime) -> ActivationRow:
    return ActivationRow(
        id=new_id(now),
        agency_id=found.code.agency_id,
        supervisee_id=found.code.supervisee_id,
        challenge_id=found.challenge.id,
        platform=phone.platform,
        app_version=phone.app_version,
        os_version=phone.os_version,
        started_at=now,
    )


def _set_push(
    session: Session, actor: Actor, activation: ActivationRow, phone: Phone, now: datetime
) -> None:
    if phone.push is None:
        return
    holder = Holder(
        agency_id=activation.agency_id,
        supervisee_id=activation.supervisee_id,
        activation_id=activation.id,
    )
    set_push_address(session, actor, holder, phone.push, now)


def _record_enrolment(
    session: Session, actor: Actor, key: DeviceKey, earlier_id: UUID | None, now: datetime
) -> None:
    audit.record(
        session,
        actor,
        Act.DEVICE_ENROLLED,
        subject=("activation", key.activation_id),
        supervisee_id=key.supervisee_id,
        now=now,
        details={"jkt": key.jkt, "assurance": key.assurance},
    )
    if earlier_id is not None:
        alerts.raise_alert(
            session,
            agency_id=key.agency_id,
            supervisee_id=key.supervisee_id,
            kind=AlertKind.DEVICE_RE_ENROLLED,
            severity=Severity.INFORMATION,
            source="activation",
            source_id=key.activation_id,
            occurred_at=now,
            explanation=_re_enrolled(key.activation_id, earlier_id),
            now=now,
        )


def _re_enrolled(activation_id: UUID, earlier_id: UUID) -> Explanation:
    return Explanation(
        data={"activation_id": str(activation_id), "superseded_id": str(earlier_id)},
        sentence_en="The person enrolled another device; the one before no longer counts.",
        sentence_es="La persona registró otro dispositivo; el anterior ya no cuenta.",
    )
