"""Whether a new key may be a person's phone's, and the key taken in: for enrolment and key change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from backend.audit import service as audit
from backend.audit.acts import Act, Outcome
from backend.core.actor import Actor
from backend.core.db import Session
from backend.core.errors import Code
from backend.devices import recorded_evidence
from backend.devices.assurance import Assurance
from backend.devices.enrolment_advice import Remedy, code_for, remedy_for, what_to_do
from backend.devices.evidence import Evidence
from backend.devices.evidence_policy import EvidencePolicy
from backend.devices.key_context import point_of
from backend.devices.key_state import KeyReason, KeyState
from backend.devices.keys import key_event
from backend.devices.models import ActivationRow, DeviceKey
from backend.devices.status_lists import current_status_list
from backend.devices.verification import Enrolling, EvidenceRefused, Judged, judge
from backend.identity import service as identity
from backend.identity.policy import AgencyPolicy
from backend.proof.dpop import NewKey
from notifications.formats import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentRefused:
    """Why a key was not taken in: a problem's code, words for it, and the member at fault.

    `reason` is the stable name of what is wrong with evidence of the type `evidence`;
    `what_to_do` is for the person, in their language.
    """

    code: Code
    detail: str
    pointer: str | None = None
    evidence: str | None = None
    reason: str | None = None
    what_to_do: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Software:
    """What a phone says of the app and the system on which it made a key; None if it does not."""

    app_version: str | None
    os_version: str | None


def admit(
    session: Session,
    actor: Actor,
    evidence: Sequence[Evidence],
    enrolling: Enrolling,
    *,
    policy: AgencyPolicy,
    evidence_policy: EvidencePolicy,
    now: datetime,
) -> Judged | EnrolmentRefused:
    """Return what the key's evidence shows, or why the key is not taken in.

    `actor` is the person whose phone it is to be. In this order: all evidence that is shown holds,
    the agency admits its level, and the key was never enrolled, nor the App Attest key with it.
    """
    language = identity.me(session, actor).language
    judged = judge(
        evidence,
        enrolling,
        policy=evidence_policy,
        status_list=current_status_list(session) if evidence else None,
        now=now,
    )
    if isinstance(judged, EvidenceRefused):
        return _unconvincing(judged, language)

    least = Assurance(policy.least_assurance)
    if not judged.assurance.meets(least):
        return EnrolmentRefused(
            code=Code.ASSURANCE_TOO_LOW,
            detail=f"The agency admits devices from the level {least.value} on; this one showed "
            f"{judged.assurance.value}. Ask your officer which phone to use.",
            what_to_do=what_to_do(Remedy.ANOTHER_PHONE, language),
        )

    if session.get(DeviceKey, enrolling.jkt) is not None:
        return EnrolmentRefused(
            code=Code.ALREADY_EXISTS, detail="This key was enrolled before: make a new one."
        )
    repeated = recorded_evidence.repeated_app_key(session, judged)
    return judged if repeated is None else _unconvincing(repeated, language)


def _unconvincing(refused: EvidenceRefused, language: Language) -> EnrolmentRefused:
    """Return the answer to evidence that does not hold."""
    reason = refused.reason
    return EnrolmentRefused(
        code=code_for(reason),
        detail=f"{refused.type}: {reason.value}",
        pointer=f"/evidence/{refused.index}/{refused.member}",
        evidence=refused.type,
        reason=reason.name,
        what_to_do=what_to_do(remedy_for(reason), language),
    )


def record_refusal(
    session: Session,
    actor: Actor,
    act: Act,
    subject: tuple[str, UUID],
    refused: EnrolmentRefused,
    now: datetime,
) -> None:
    """Audit that a key was not taken in; `actor` is the person whose phone it was to be."""
    audit.record(
        session,
        actor,
        act,
        subject=subject,
        supervisee_id=actor.id,
        now=now,
        outcome=Outcome.FAILED,
        details={
            "code": refused.code.slug,
            "evidence": refused.evidence,
            "reason": refused.reason,
        },
    )


def add_key(
    session: Session,
    actor: Actor,
    activation: ActivationRow,
    key: NewKey,
    judged: Judged,
    *,
    made_on: Software,
    policy: AgencyPolicy,
    now: datetime,
) -> DeviceKey:
    """Take a key in for an activation, with its event and its evidence."""
    row = _device_key(activation, judged.assurance, key, made_on, now)
    session.add(row)
    session.flush()
    session.add(key_event(actor, row, now))
    recorded_evidence.record(session, row, judged, policy, now)
    return row


def _device_key(
    activation: ActivationRow, assurance: Assurance, key: NewKey, made_on: Software, now: datetime
) -> DeviceKey:
    return DeviceKey(
        jkt=key.jkt,
        activation_id=activation.id,
        supervisee_id=activation.supervisee_id,
        agency_id=activation.agency_id,
        public_key=point_of(key.public_key),
        assurance=assurance,
        app_version=made_on.app_version,
        os_version=made_on.os_version,
        enrolled_at=now,
        state=KeyState.ACTIVE,
        state_reason=KeyReason.ENROLLED,
        state_since=now,
    )
