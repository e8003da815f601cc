"""What a device shows of its hardware at enrolment: each type as it comes, unverified."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import ClassVar

from backend.devices.assurance import Platform


class EvidenceType(Enum):
    """The types that docs/protocol.md names."""

    ANDROID_KEY = "android-key"
    APPLE_APPATTEST = "apple-appattest"
    PLAY_INTEGRITY = "play-integrity"

    @property
    def platform(self) -> Platform:
        """The only platform on which there is such evidence."""
        return Platform.IOS if self is EvidenceType.APPLE_APPATTEST else Platform.ANDROID


@dataclass(frozen=True, slots=True, kw_only=True)
class AndroidKeyEvidence:
    """Android Key Attestation: the key's certificates, its own first, in base64."""

    type: ClassVar = EvidenceType.ANDROID_KEY
    x5c: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AppAttestEvidence:
    """App Attest: key identifier and object in base64 as iOS gives them, client data verbatim."""

    type: ClassVar = EvidenceType.APPLE_APPATTEST
    key_id: str
    object: str
    client_data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayIntegrityEvidence:
    """A classic Play Integrity token."""

    type: ClassVar = EvidenceType.PLAY_INTEGRITY
    token: str


KnownEvidence = AndroidKeyEvidence | AppAttestEvidence | PlayIntegrityEvidence


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownEvidence:
    """Evidence of a type that nobody has told us of; its members are not looked at."""

    name: str


Evidence = KnownEvidence | UnknownEvidence


def as_received(evidence: KnownEvidence) -> str:
    """The evidence as JSON, to be kept: what was judged can be judged again."""
    return json.dumps({"type": evidence.type.value, **asdict(evidence)})
