"""Android Key Attestation, verified (source.android.com, "Key and ID attestation"; docs/protocol.md).

`verify` looks, in this order, for
  1  three to eight certificates of at most 8 KiB
  2  that can be read
  3  ending in the key of a trusted root
  4  each named and signed by the next
  5  the extension on the first certificate, the target, and on no other
  6  authorities above the attestation certificate, of a factory or of remote provisioning; of these
     within their dates
  7  no certificate on a status list that is at most 48 h old
  8  an extension that is strict DER of the known shape
  9  the challenge that was given out
 10  the key that is to be enrolled, on P-256
 11  attestation and key in the same hardware, of a level that the policy accepts
 12  enforced by hardware: generated there, signs and nothing else, EC, P-256, SHA-256
 13  a locked phone with a verified system, or an owner's system that the policy names
 14  security patches no older than the policy asks
 15  made by exactly our application
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from backend.attestation.android.chain import Chain, Provisioning, open_chain
from backend.attestation.android.extension import read_key_description
from backend.attestation.android.key_description import (
    Algorithm,
    ApplicationId,
    AuthorizationList,
    Curve,
    KeyDescription,
    Origin,
    RootOfTrust,
    SecurityLevel,
    VerifiedBootState,
)
from backend.attestation.android.policy import AndroidPolicy, App
from backend.attestation.android.refusal import AndroidRefusal
from backend.attestation.android.status_list import StatusList
from backend.attestation.certificates import p256, spki_of
from backend.attestation.trust import Roots

_P256_BITS: Final = 256
_YEARS: Final = range(2000, 2100)
_MONTHS: Final = range(1, 13)
_FIRST_WITH_DAY: Final = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AndroidAttestation:
    """A key that was made in a phone's secure hardware by our application.

    `serials` are looked up again in every later status list. `batch_key_digest` is SHA-256 of the
    key that signed the attestation: in factory chains many phones share it, but not every one.
    `roots_version` and `status_list_version` tell what it was judged by.
    """

    level: SecurityLevel
    provisioning: Provisioning
    description: KeyDescription
    app: App
    serials: tuple[int, ...]
    batch_key_digest: bytes
    roots_version: str
    status_list_version: str


def verify(  # noqa: PLR0911 a verification returns where it fails
    ders: Sequence[bytes],
    *,
    challenge: bytes,
    key: ec.EllipticCurvePublicKey,
    policy: AndroidPolicy,
    roots: Roots,
    status_list: StatusList | None,
    now: datetime,
) -> AndroidAttestation | AndroidRefusal:
    """What the chain `ders` (target first, DER) attests of `key`, or the first step that fails."""
    # 1 to 6
    chain = open_chain(ders, roots=roots, now=now)
    if isinstance(chain, AndroidRefusal):
        return chain

    # 7
    if status_list is None:
        return AndroidRefusal.STATUS_LIST_MISSING
    serials = tuple(certificate.serial for certificate in chain.certificates)
    refusal = status_list.refusal(serials, now)
    if refusal is not None:
        return refusal

    # 8
    description = read_key_description(chain.extension)
    if isinstance(description, AndroidRefusal):
        return description

    # 9 to 14
    refusal = (
        _wrong_challenge(description, challenge)
        or _wrong_key(chain, key)
        or _wrong_level(description, policy)
        or _wrong_key_use(description, policy)
        or _wrong_boot(description.hardware_enforced.root_of_trust, policy)
        or _wrong_patches(description.hardware_enforced, policy)
    )
    if refusal is not None:
        return refusal

    # 15
    app = _application(description.software_enforced.attestation_application_id, policy)
    if isinstance(app, AndroidRefusal):
        return app

    return AndroidAttestation(
        level=description.key_mint_security_level,
        provisioning=chain.provisioning,
        description=description,
        app=app,
        serials=serials,
        batch_key_digest=chain.attestation_certificate.key_digest,
        roots_version=roots.version,
        status_list_version=status_list.version,
    )


def _wrong_challenge(description: KeyDescription, challenge: bytes) -> AndroidRefusal | None:
    # An empty challenge would be met by a phone that was never asked.
    if not challenge or not hmac.compare_digest(description.attestation_challenge, challenge):
        return AndroidRefusal.WRONG_CHALLENGE
    return None


def _wrong_key(chain: Chain, key: ec.EllipticCurvePublicKey) -> AndroidRefusal | None:
    if p256(chain.target.public_key) is None:
        return AndroidRefusal.KEY_NOT_P256
    if chain.target.spki != spki_of(key):
        return AndroidRefusal.WRONG_KEY
    return None


def _wrong_level(description: KeyDescription, policy: AndroidPolicy) -> AndroidRefusal | None:
    if description.attestation_security_level is SecurityLevel.SOFTWARE:
        return AndroidRefusal.ATTESTED_BY_SOFTWARE
    if description.key_mint_security_level is SecurityLevel.SOFTWARE:
        return AndroidRefusal.KEY_IN_SOFTWARE
    if description.attestation_security_level is not description.key_mint_security_level:
        return AndroidRefusal.LEVELS_DIFFER
    if description.key_mint_security_level not in policy.levels:
        return AndroidRefusal.LEVEL_NOT_ALLOWED
    return None


def _wrong_key_use(  # noqa: PLR0911 a verification returns where it fails
    description: KeyDescription, policy: AndroidPolicy
) -> AndroidRefusal | None:
    """What the hardware does not vouch for; the software's own list is not asked for any of it."""
    enforced = description.hardware_enforced
    if enforced.origin is not Origin.GENERATED:
        return AndroidRefusal.NOT_GENERATED_IN_HARDWARE
    if frozenset(enforced.purposes or ()) != policy.purposes:
        return AndroidRefusal.WRONG_PURPOSE
    if enforced.algorithm != Algorithm.EC:
        return AndroidRefusal.NOT_EC
    if enforced.ec_curve != Curve.P_256 or enforced.key_size != _P256_BITS:
        return AndroidRefusal.WRONG_CURVE
    if frozenset(enforced.digests or ()) != policy.digests:
        return AndroidRefusal.WRONG_DIGEST
    if enforced.all_applications or description.software_enforced.all_applications:
        return AndroidRefusal.OPEN_TO_ALL_APPLICATIONS
    return None


def _wrong_boot(root: RootOfTrust | None, policy: AndroidPolicy) -> AndroidRefusal | None:
    if root is None:
        return AndroidRefusal.ROOT_OF_TRUST_MISSING
    if not root.device_locked:
        return AndroidRefusal.BOOTLOADER_UNLOCKED
    if root.verified_boot_state is VerifiedBootState.VERIFIED:
        return None
    if root.verified_boot_state is not VerifiedBootState.SELF_SIGNED:
        return AndroidRefusal.BOOT_NOT_VERIFIED
    if root.verified_boot_key not in policy.owner_boot_keys:
        return AndroidRefusal.BOOT_KEY_NOT_ALLOWED
    return None


def _wrong_patches(enforced: AuthorizationList, policy: AndroidPolicy) -> AndroidRefusal | None:
    if _is_older(enforced.os_patch_level, policy.least_os_patch):
        return AndroidRefusal.OS_PATCH_TOO_OLD
    if _is_older(enforced.vendor_patch_level, policy.least_vendor_patch):
        return AndroidRefusal.VENDOR_PATCH_TOO_OLD
    if _is_older(enforced.boot_patch_level, policy.least_boot_patch):
        return AndroidRefusal.BOOT_PATCH_TOO_OLD
    return None


def _is_older(level: int | None, least_month: int | None) -> bool:
    """Whether a patch level, YYYYMM or YYYYMMDD, is before the month asked for, or is none at all."""
    if least_month is None:
        return False
    if level is None:
        return True
    month = level // 100 if level >= _FIRST_WITH_DAY else level
    is_a_month = month // 100 in _YEARS and month % 100 in _MONTHS
    return not is_a_month or month < least_month


def _application(application: ApplicationId | None, policy: AndroidPolicy) -> App | AndroidRefusal:
    """The build of ours that made the key: the only package, signed by exactly its signers."""
    if application is None:
        return AndroidRefusal.APPLICATION_MISSING
    packages = [package.name for package in application.packages]
    ours = [app for app in policy.apps if packages == [app.package]]
    if not ours:
        return AndroidRefusal.WRONG_PACKAGE
    for app in ours:
        if frozenset(application.signatures) == app.signer_digests:
            return app
    return AndroidRefusal.WRONG_SIGNER
