"""Evidence, verified: what it shows of a key, or the one reason why it shows nothing. Pure.

`judge` looks at each piece of evidence for
  1  a type that we know and that this server is set up for, fit for the platform, shown once
  2  what the verifiers of `backend.attestation` ask of that type
and grants the highest level that was shown. Play Integrity is a second opinion: it raises no level,
and where it does not fit what the hardware attested that is told, not refused.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from backend.attestation.android.attestation import AndroidAttestation
from backend.attestation.android.attestation import verify as verify_android
from backend.attestation.android.chain import Provisioning, read_x5c
from backend.attestation.android.key_description import SecurityLevel
from backend.attestation.android.policy import AndroidPolicy
from backend.attestation.android.refusal import AndroidRefusal
from backend.attestation.android.status_list import StatusList
from backend.attestation.apple.attestation import AppleAttestation, verify_enrolment
from backend.attestation.apple.policy import ApplePolicy
from backend.attestation.apple.receipt import Receipt, verify_receipt
from backend.attestation.apple.refusal import AppleRefusal
from backend.attestation.play_integrity import integrity
from backend.attestation.play_integrity.integrity import Contradiction, PlayIntegrity, PlayPolicy
from backend.attestation.play_integrity.refusal import PlayIntegrityRefusal
from backend.core.clock import rfc3339
from backend.devices.assurance import Assurance, Platform, granted
from backend.devices.evidence import (
    AndroidKeyEvidence,
    AppAttestEvidence,
    Evidence,
    EvidenceType,
    PlayIntegrityEvidence,
    UnknownEvidence,
    as_received,
)
from backend.devices.evidence_policy import EvidencePolicy
from backend.proof import base64url

RECEIPT_AGE: Final = timedelta(minutes=5)


class EvidenceFault(Enum):
    """Why evidence is not even looked into: the name is a stable code, the value says it in words."""

    UNKNOWN_TYPE = "This server knows no evidence of this type."
    NOT_CONFIGURED = "This server is not set up to verify evidence of this type."
    WRONG_PLATFORM = "There is no evidence of this type on this platform."
    SHOWN_TWICE = "Evidence of this type was shown twice."
    NOT_BASE64 = "A member is not base64 of RFC 4648, section 4."
    APP_KEY_ENROLLED_BEFORE = "The App Attest key was enrolled before."


Reason = EvidenceFault | AndroidRefusal | AppleRefusal | PlayIntegrityRefusal
_Fault = tuple[str, Reason]
"""The member at fault, and what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRefused:
    """Why the evidence at `index` is refused; `member` is the one at fault."""

    index: int
    type: str
    member: str
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolling:
    """Whom the evidence must be about: the key, its thumbprint, and the challenge's text."""

    platform: Platform
    key: ec.EllipticCurvePublicKey
    jkt: str
    challenge: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A piece of evidence that holds: as received, what it says, and by what it was judged.

    `assurance` is None where it raises no level. `serials` and `batch_key` (of factory keys) are
    looked up again later.
    """

    type: EvidenceType
    received: str = field(repr=False)
    verdict: Mapping[str, object]
    attested: AndroidAttestation | AppleAttestation | PlayIntegrity
    assurance: Assurance | None = None
    roots_version: str | None = None
    status_list_version: str | None = None
    serials: tuple[int, ...] = ()
    batch_key: bytes | None = None
    contradictions: tuple[Contradiction, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """All evidence of an enrolment, and the level that it grants."""

    assurance: Assurance
    shown: tuple[Shown, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """By what evidence is judged."""

    policy: EvidencePolicy
    status_list: StatusList | None
    now: datetime


def judge(
    evidence: Sequence[Evidence],
    enrolling: Enrolling,
    *,
    policy: EvidencePolicy,
    status_list: StatusList | None,
    now: datetime,
) -> Judged | EvidenceRefused:
    """Return what the evidence shows, or the first thing wrong with it."""
    bench = _Bench(policy=policy, status_list=status_list, now=now)
    shown: list[Shown] = []
    for index, piece in enumerate(evidence):
        seen = {one.type for one in shown}
        found = _misplaced(piece, enrolling.platform, seen) or _look(piece, enrolling, bench)
        if not isinstance(found, Shown):
            member, reason = found
            return EvidenceRefused(index=index, type=_name(piece), member=member, reason=reason)
        shown.append(found)
    levels = [granted(enrolling.platform), *(one.assurance for one in shown if one.assurance)]
    return Judged(assurance=max(levels, key=list(Assurance).index), shown=_compared(shown))


def _name(piece: Evidence) -> str:
    return piece.name if isinstance(piece, UnknownEvidence) else piece.type.value


def _misplaced(piece: Evidence, platform: Platform, seen: set[EvidenceType]) -> _Fault | None:
    if isinstance(piece, UnknownEvidence):
        return "type", EvidenceFault.UNKNOWN_TYPE
    if piece.type.platform is not platform:
        return "type", EvidenceFault.WRONG_PLATFORM
    if piece.type in seen:
        return "type", EvidenceFault.SHOWN_TWICE
    return None


def _look(piece: Evidence, enrolling: Enrolling, bench: _Bench) -> Shown | _Fault:
    policy = bench.policy
    match piece:
        case AndroidKeyEvidence() if policy.android is not None:
            return _android(piece, enrolling, policy.android, bench)
        case AppAttestEvidence() if policy.apple is not None:
            return _apple(piece, enrolling, policy.apple, bench)
        case PlayIntegrityEvidence() if policy.play is not None:
            return _play(piece, enrolling, policy.play, bench)
        case _:
            return "type", EvidenceFault.NOT_CONFIGURED


def _android(
    piece: AndroidKeyEvidence, enrolling: Enrolling, policy: AndroidPolicy, bench: _Bench
) -> Shown | _Fault:
    ders = read_x5c(piece.x5c)
    if isinstance(ders, AndroidRefusal):
        return "x5c", ders
    found = verify_android(
        ders,
        challenge=base64url.decode(enrolling.challenge) or b"",
        key=enrolling.key,
        policy=policy,
        roots=bench.policy.android_roots,
        status_list=bench.status_list,
        now=bench.now,
    )
    if isinstance(found, AndroidRefusal):
        return "x5c", found
    return Shown(
        type=piece.type,
        received=as_received(piece),
        verdict=_android_verdict(found),
        attested=found,
        assurance=_level(found),
        roots_version=found.roots_version,
        status_list_version=found.status_list_version,
        serials=found.serials,
        batch_key=found.batch_key_digest if found.provisioning is Provisioning.FACTORY else None,
    )


def _level(found: AndroidAttestation) -> Assurance:
    if found.level is SecurityLevel.STRONG_BOX:
        return Assurance.STRONGBOX
    remote = found.provisioning is Provisioning.REMOTE
    return Assurance.HARDWARE_RKP if remote else Assurance.HARDWARE_FACTORY


def _android_verdict(found: AndroidAttestation) -> dict[str, object]:
    enforced = found.description.hardware_enforced
    return {
        "security_level": found.level.name.lower(),
        "provisioning": found.provisioning.value,
        "attestation_version": found.description.attestation_version,
        "package": found.app.package,
        "os_version": enforced.os_version,
        "os_patch": enforced.os_patch_level,
        "vendor_patch": enforced.vendor_patch_level,
        "boot_patch": enforced.boot_patch_level,
        "attestation_key": found.batch_key_digest.hex(),
    }


def _apple(
    piece: AppAttestEvidence, enrolling: Enrolling, policy: ApplePolicy, bench: _Bench
) -> Shown | _Fault:
    key_id, attestation_object = _base64(piece.key_id), _base64(piece.object)
    if key_id is None:
        return "key_id", EvidenceFault.NOT_BASE64
    if attestation_object is None:
        return "object", EvidenceFault.NOT_BASE64
    found = verify_enrolment(
        attestation_object,
        key_id=key_id,
        client_data=piece.client_data.encode(),
        challenge=enrolling.challenge,
        jkt=enrolling.jkt,
        policy=policy,
        roots=bench.policy.app_attest_roots,
        now=bench.now,
    )
    if isinstance(found, AppleRefusal):
        return "object", found
    receipt = verify_receipt(
        found.receipt,
        app_id=found.app_id,
        key=found.public_key,
        roots=bench.policy.receipt_roots,
        now=bench.now,
        max_age=RECEIPT_AGE,
    )
    if isinstance(receipt, AppleRefusal):
        return "object", receipt
    return Shown(
        type=piece.type,
        received=as_received(piece),
        verdict=_apple_verdict(found, receipt),
        attested=found,
        assurance=Assurance.APP_ATTESTED,
        roots_version=found.roots_version,
    )


def _base64(text: str) -> bytes | None:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return None


def _apple_verdict(found: AppleAttestation, receipt: Receipt) -> dict[str, object]:
    not_before = receipt.not_before
    return {
        "app_id": found.app_id,
        "environment": found.environment.name.lower(),
        "key_id": b64encode(found.key_id).decode(),
        "bundle_version": found.extensions.bundle_version,
        "validation_category": found.extensions.validation_category,
        "receipt": {
            "kind": receipt.kind.value,
            "created_at": rfc3339(receipt.created_at),
            "risk_metric": receipt.risk_metric,
            "not_before": None if not_before is None else rfc3339(not_before),
            "expires_at": rfc3339(receipt.expires_at),
        },
    }


def _play(
    piece: PlayIntegrityEvidence, enrolling: Enrolling, policy: PlayPolicy, bench: _Bench
) -> Shown | _Fault:
    found = integrity.verify(
        piece.token,
        nonce=integrity.nonce_of(enrolling.challenge, enrolling.jkt),
        policy=policy,
        now=bench.now,
    )
    if isinstance(found, PlayIntegrityRefusal):
        return "token", found
    return Shown(
        type=piece.type, received=as_received(piece), verdict=_play_verdict(found), attested=found
    )


def _play_verdict(found: PlayIntegrity) -> dict[str, object]:
    return {
        "package": found.package,
        "app": found.app,
        "device": list(found.device),
        "licensing": found.licensing,
        "made_at": rfc3339(found.made_at),
    }


def _compared(shown: Sequence[Shown]) -> tuple[Shown, ...]:
    """Hold what Play says against what the phone's hardware attested, where there are both."""
    attested = [one.attested for one in shown if isinstance(one.attested, AndroidAttestation)]
    return tuple(_held_against(one, attested[0]) if attested else one for one in shown)


def _held_against(one: Shown, attested: AndroidAttestation) -> Shown:
    if not isinstance(one.attested, PlayIntegrity):
        return one
    found = integrity.contradictions(one.attested, package=attested.app.package)
    verdict = {**one.verdict, "contradictions": [each.value for each in found]}
    return replace(one, verdict=verdict, contradictions=found)
