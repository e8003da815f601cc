"""Play Integrity, verified (developer.android.com, "Integrity verdicts"; docs/protocol.md).

`verify` looks, in this order, for
  1  at most 16 KiB of compact JWE
  2  A256KW and A256GCM, and nothing else
  3  a key wrapped for one of our apps, and content that nobody changed
  4  a JWS with ES256 by Google's key for that app
  5  claims of the documented shape
  6  a request from that app
  7  the nonce, or the request hash, of this enrolment
  8  an age of at most five minutes
  9  an app that is ours by package and signer, where the token says
What Google says of the phone refuses nobody: `contradictions` tells where it does not fit what the
phone's own hardware attested.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from hashlib import sha256
from typing import Annotated, Final

import msgspec

from backend.attestation.android.policy import App
from backend.attestation.play_integrity.refusal import PlayIntegrityRefusal
from backend.attestation.play_integrity.token import ResponseKeys, encoded, open_token

MAX_AGE: Final = timedelta(minutes=5)
# Google's clock and ours may differ by this much.
CLOCK_SKEW: Final = timedelta(seconds=60)

_RECOGNISED: Final = "PLAY_RECOGNIZED"
_NOT_EVALUATED: Final = "UNEVALUATED"
_GENUINE: Final = "MEETS_DEVICE_INTEGRITY"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayPolicy:
    """The keys of Play's answers by our packages, and who signs our apps."""

    keys: Mapping[str, ResponseKeys]
    apps: frozenset[App]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayIntegrity:
    """What Google Play says; `app` and `device` are its own words, `device` sorted."""

    package: str
    app: str
    device: tuple[str, ...]
    licensing: str | None
    made_at: datetime


class Contradiction(Enum):
    """Where Google Play does not confirm what the phone's hardware attested."""

    DEVICE_NOT_GENUINE = "device-not-genuine"
    APP_NOT_RECOGNISED = "app-not-recognised"
    ANOTHER_APP = "another-app"


class _Request(msgspec.Struct, rename="camel", frozen=True):
    request_package_name: str
    timestamp_millis: Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{1,13}\Z")]
    nonce: str | None = None
    request_hash: str | None = None

    @property
    def made_at(self) -> datetime:
        return datetime.fromtimestamp(int(self.timestamp_millis) / 1000, tz=UTC)


class _App(msgspec.Struct, rename="camel", frozen=True):
    app_recognition_verdict: str
    package_name: str | None = None
    certificate_sha256_digest: tuple[str, ...] = ()


class _Device(msgspec.Struct, rename="camel", frozen=True):
    device_recognition_verdict: tuple[str, ...] = ()


class _Account(msgspec.Struct, rename="camel", frozen=True):
    app_licensing_verdict: str | None = None


class _Claims(msgspec.Struct, rename="camel", frozen=True):
    """The members that we look at, as Google documents them; others are not looked at."""

    request_details: _Request
    app_integrity: _App
    device_integrity: _Device
    account_details: _Account = _Account()


def nonce_of(challenge: str, jkt: str) -> str:
    """The nonce, or request hash, with which the app asks Play about this enrolment.

    Base64url without padding of SHA-256 over both texts with a full stop between.
    """
    return encoded(sha256(f"{challenge}.{jkt}".encode()).digest())


def verify(  # noqa: PLR0911 a verification returns where it fails
    token: str, *, nonce: str, policy: PlayPolicy, now: datetime
) -> PlayIntegrity | PlayIntegrityRefusal:
    """What Google Play says in answer to `nonce`, or the first step that fails."""
    # 1 to 5
    opened = open_token(token, policy.keys)
    if isinstance(opened, PlayIntegrityRefusal):
        return opened
    package, members = opened
    try:
        claims = msgspec.convert(members, _Claims)
    except msgspec.ValidationError:
        return PlayIntegrityRefusal.WRONG_SHAPE
    request = claims.request_details

    # 6
    if request.request_package_name != package:
        return PlayIntegrityRefusal.WRONG_PACKAGE

    # 7
    refusal = _unasked(request, nonce)
    if refusal is not None:
        return refusal

    # 8
    if request.made_at > now + CLOCK_SKEW:
        return PlayIntegrityRefusal.FROM_FUTURE
    if now - request.made_at > MAX_AGE:
        return PlayIntegrityRefusal.TOO_OLD

    # 9
    refusal = _wrong_app(claims.app_integrity, package, policy.apps)
    if refusal is not None:
        return refusal

    return PlayIntegrity(
        package=package,
        app=claims.app_integrity.app_recognition_verdict,
        device=tuple(sorted(claims.device_integrity.device_recognition_verdict)),
        licensing=claims.account_details.app_licensing_verdict,
        made_at=request.made_at,
    )


def contradictions(integrity: PlayIntegrity, *, package: str) -> tuple[Contradiction, ...]:
    """Where the second opinion does not fit what the phone's hardware attested; none is good.

    It attested our app `package` on a locked phone with a verified system.
    """
    found = {
        Contradiction.DEVICE_NOT_GENUINE: _GENUINE not in integrity.device,
        Contradiction.APP_NOT_RECOGNISED: integrity.app != _RECOGNISED,
        Contradiction.ANOTHER_APP: integrity.package != package,
    }
    return tuple(contradiction for contradiction, is_so in found.items() if is_so)


def _unasked(request: _Request, nonce: str) -> PlayIntegrityRefusal | None:
    """Whether the request was another than ours; an empty nonce of ours would ask for nothing."""
    if (request.nonce is None) is (request.request_hash is None):
        return PlayIntegrityRefusal.NONCE_MISSING
    if request.nonce is None:
        matches = nonce != "" and request.request_hash == nonce
        return None if matches else PlayIntegrityRefusal.WRONG_REQUEST_HASH
    # Play hands a nonce back as it was given, and Android's encoder pads by default.
    matches = nonce != "" and request.nonce in {nonce, nonce + "=" * (-len(nonce) % 4)}
    return None if matches else PlayIntegrityRefusal.WRONG_NONCE


def _wrong_app(app: _App, package: str, ours: frozenset[App]) -> PlayIntegrityRefusal | None:
    """Whether the token describes another app than ours.

    Of an app that Play did not evaluate it describes none, and its verdict says so.
    """
    if app.package_name is not None and app.package_name != package:
        return PlayIntegrityRefusal.WRONG_APP
    signers = frozenset(app.certificate_sha256_digest)
    if not signers and app.app_recognition_verdict == _NOT_EVALUATED:
        return None
    builds = (build.signer_digests for build in ours if build.package == package)
    if not any(signers == frozenset(map(encoded, build)) for build in builds):
        return PlayIntegrityRefusal.WRONG_SIGNER
    return None
