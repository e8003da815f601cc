"""What a phone or a browser offers to show presence by, and whether it holds: steps 1 to 4.

The list stands in `presence_enrolment`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Final, cast

from cryptography.hazmat.primitives.asymmetric import ec

from backend.attestation.android.attestation import AndroidAttestation
from backend.attestation.android.user_verification import wrong_user_verification
from backend.attestation.apple.client_data import wrong_presence_data
from backend.attestation.apple.refusal import AppleRefusal
from backend.attestation.web.passkey import (
    Passkey,
    RelyingParty,
    SentRegistration,
    verify_registration,
)
from backend.attestation.web.refusal import WebRefusal
from backend.core.db import Session
from backend.devices.assertions import count_assertion
from backend.devices.assurance import Platform
from backend.devices.enrolment_advice import AnyReason
from backend.devices.evidence import AndroidKeyEvidence, EvidenceType
from backend.devices.evidence_policy import EvidencePolicy
from backend.devices.key_context import KeyContext, point_of
from backend.devices.presence_challenges import Occasion, use_challenge
from backend.devices.presence_fault import PresenceFault
from backend.devices.presence_level import PresenceMeans, PresencePurpose
from backend.devices.status_lists import current_status_list
from backend.devices.verification import Enrolling, EvidenceRefused, Shown, judge
from backend.proof import base64url
from backend.proof.presence import presence_key
from backend.proof.thumbprint import jwk_of, thumbprint


@dataclass(frozen=True, slots=True, kw_only=True)
class AppAssertion:
    """What the genuine app of an iPhone says of a key: assertion in base64, client data verbatim."""

    assertion: str
    client_data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedKey:
    """A phone's key: its own word, what is shown of it, and the word of the one before."""

    challenge: str
    key: str
    x5c: tuple[str, ...] | None
    app_assertion: AppAssertion | None
    key_change: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedPasskey:
    """What `navigator.credentials.create()` gave the page, in base64url."""

    challenge: str
    id: str
    client_data: str
    attestation_object: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceRefused:
    """Why a means was not enrolled, or shows nothing: the member at fault, and what is wrong."""

    member: str
    reason: AnyReason

    @property
    def evidence(self) -> str:
        """The type of evidence in whose list the reason stands."""
        return _LISTS.get(type(self.reason), EvidenceType.ANDROID_KEY.value)


_LISTS: Final[Mapping[type[Enum], str]] = {
    AppleRefusal: EvidenceType.APPLE_APPATTEST.value,
    WebRefusal: "webauthn",
    PresenceFault: "presence",
}
"""All else is of `judge`, which is asked here about Android alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """By what an offer is judged: the server's settings, and the present."""

    evidence_policy: EvidencePolicy
    party: RelyingParty
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A means that holds, as it is to be kept."""

    means: PresenceMeans
    credential_id: bytes
    public_key: bytes
    counter: int = 0
    verdict: Mapping[str, Any] = field(default_factory=dict)
    shown: Shown | None = None


def judge_offer(
    session: Session,
    key: KeyContext,
    platform: Platform,
    offered: OfferedKey | OfferedPasskey,
    bench: Bench,
) -> Found | PresenceRefused:
    """Return what was offered to the phone of `key`, or the first step that fails."""
    # 1
    occasion = Occasion(activation_id=key.activation_id, purpose=PresencePurpose.ENROLMENT)
    if not use_challenge(session, offered.challenge, occasion, bench.now):
        return PresenceRefused(member="challenge", reason=PresenceFault.CHALLENGE_NOT_OPEN)

    # 2
    is_browser = isinstance(offered, OfferedPasskey)
    if is_browser is not (platform is Platform.WEB):
        return PresenceRefused(member="", reason=PresenceFault.NOT_ON_THIS_PLATFORM)

    # 3, 4
    if isinstance(offered, OfferedPasskey):
        return _passkey(offered, bench)
    return _key(session, key, platform, offered, bench)


def _passkey(offered: OfferedPasskey, bench: Bench) -> Found | PresenceRefused:
    sent = decoded({name: text for name, text in asdict(offered).items() if name != "challenge"})
    if isinstance(sent, str):
        return PresenceRefused(member=sent, reason=WebRefusal.NOT_BASE64URL)
    registration = SentRegistration(**sent)
    found = verify_registration(registration, challenge=offered.challenge, party=bench.party)
    if not isinstance(found, Passkey):
        return PresenceRefused(member="", reason=found)
    return Found(
        means=PresenceMeans.PASSKEY,
        credential_id=found.id,
        public_key=found.public_key,
        counter=found.counter,
        verdict={"backup_eligible": found.backup_eligible},
    )


def decoded(sent: Mapping[str, str]) -> Mapping[str, bytes] | str:
    """Return what a browser sent in base64url, or the name of a member that is not."""
    members: dict[str, bytes] = {}
    for name, text in sent.items():
        value = base64url.decode(text)
        if value is None:
            return name
        members[name] = value
    return members


def _key(
    session: Session, key: KeyContext, platform: Platform, offered: OfferedKey, bench: Bench
) -> Found | PresenceRefused:
    # 3
    public_key = presence_key(offered.key, challenge=offered.challenge, jkt=key.jkt)
    if public_key is None:
        return PresenceRefused(member="key", reason=PresenceFault.NOT_A_PRESENCE_KEY)

    # 4
    if offered.x5c is not None:
        return _android(session, platform, offered, offered.x5c, public_key, bench)
    if offered.app_assertion is not None:
        return _apple(session, key, platform, offered, offered.app_assertion, public_key, bench)
    return _of(PresenceMeans.UNATTESTED, public_key)


def _of(means: PresenceMeans, public_key: ec.EllipticCurvePublicKey, **members: Any) -> Found:
    credential_id = base64url.decode(_jkt_of(public_key)) or b""
    return Found(
        means=means, credential_id=credential_id, public_key=point_of(public_key), **members
    )


def _jkt_of(public_key: ec.EllipticCurvePublicKey) -> str:
    return thumbprint(jwk_of(public_key))


def _android(
    session: Session,
    platform: Platform,
    offered: OfferedKey,
    x5c: tuple[str, ...],
    public_key: ec.EllipticCurvePublicKey,
    bench: Bench,
) -> Found | PresenceRefused:
    judged = judge(
        [AndroidKeyEvidence(x5c=x5c)],
        Enrolling(
            platform=platform,
            key=public_key,
            jkt=_jkt_of(public_key),
            challenge=offered.challenge,
        ),
        policy=bench.evidence_policy,
        status_list=current_status_list(session),
        now=bench.now,
    )
    if isinstance(judged, EvidenceRefused):
        return PresenceRefused(member="x5c", reason=judged.reason)
    shown = judged.shown[0]
    # What android-key shows is never anything else.
    description = cast("AndroidAttestation", shown.attested).description
    refusal = wrong_user_verification(description)
    if refusal is not None:
        return PresenceRefused(member="x5c", reason=refusal)
    enforced = description.hardware_enforced
    verdict = {
        **shown.verdict,
        "user_auth_type": enforced.user_auth_type,
        "auth_timeout_s": enforced.auth_timeout,
    }
    return _of(PresenceMeans.ANDROID_KEY, public_key, verdict=verdict, shown=shown)


def _apple(
    session: Session,
    key: KeyContext,
    platform: Platform,
    offered: OfferedKey,
    said: AppAssertion,
    public_key: ec.EllipticCurvePublicKey,
    bench: Bench,
) -> Found | PresenceRefused:
    member = "app_assertion"
    if platform is not Platform.IOS:
        return PresenceRefused(member=member, reason=PresenceFault.NOT_ON_THIS_PLATFORM)
    client_data = said.client_data.encode()
    refusal = wrong_presence_data(
        client_data,
        challenge=offered.challenge,
        jkt=key.jkt,
        presence_jkt=_jkt_of(public_key),
    )
    if refusal is not None:
        return PresenceRefused(member=member, reason=refusal)
    counted = count_assertion(session, key.jkt, said.assertion, client_data, bench.now)
    if counted is None:
        return PresenceRefused(member=member, reason=PresenceFault.NO_APP_KEY)
    if isinstance(counted, AppleRefusal):
        return PresenceRefused(member=member, reason=counted)
    verdict = {"access_control": json.loads(client_data)["access_control"], "counter": counted}
    return _of(PresenceMeans.APPLE_ASSERTION, public_key, verdict=verdict)
