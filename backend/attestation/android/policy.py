"""What an agency asks of an Android phone, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from backend.attestation.android.key_description import Digest, Purpose, SecurityLevel

_SHA256_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """One build of our app: package name, and SHA-256 of each certificate that signed it."""

    package: str
    signer_digests: frozenset[bytes]

    def __post_init__(self) -> None:
        if not self.package or not self.signer_digests:
            raise ValueError("an app has a package and at least one signer")
        if any(len(digest) != _SHA256_BYTES for digest in self.signer_digests):
            raise ValueError("a signer's digest has 32 bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class AndroidPolicy:
    """What the evidence must show. Empty sets accept nothing.

    `purposes` and `digests` must be met exactly. `owner_boot_keys` are the keys of systems that
    are accepted although their owner installed them (SELF_SIGNED, locked). Patch levels are months
    YYYYMM, None where the policy asks none.
    """

    apps: frozenset[App]
    levels: frozenset[SecurityLevel]
    purposes: frozenset[int]
    digests: frozenset[int]
    owner_boot_keys: frozenset[bytes]
    least_os_patch: int | None
    least_vendor_patch: int | None
    least_boot_patch: int | None

    def __post_init__(self) -> None:
        if not self.purposes or not self.digests:
            raise ValueError("a key without a purpose or a digest signs nothing")


def default_policy(apps: frozenset[App]) -> AndroidPolicy:
    """Hardware keys that only sign SHA-256, made by our app on a locked phone with its maker's system."""
    return AndroidPolicy(
        apps=apps,
        levels=frozenset({SecurityLevel.TRUSTED_ENVIRONMENT, SecurityLevel.STRONG_BOX}),
        purposes=frozenset({Purpose.SIGN}),
        digests=frozenset({Digest.SHA_256}),
        owner_boot_keys=frozenset(),
        least_os_patch=None,
        least_vendor_patch=None,
        least_boot_patch=None,
    )
