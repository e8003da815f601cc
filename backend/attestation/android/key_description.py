"""The key attestation extension as values (attestation versions 1 to 500).

Source: the schema published at source.android.com, "Key and ID attestation". Fields bear the
names of the schema; what may be absent is None when it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Final

EXTENSION_OID: Final = "1.3.6.1.4.1.11129.2.1.17"


class SecurityLevel(Enum):
    """What keeps a key, or made an attestation."""

    SOFTWARE = 0
    TRUSTED_ENVIRONMENT = 1
    STRONG_BOX = 2


class Origin(Enum):
    """Where a key came from."""

    GENERATED = 0
    DERIVED = 1
    IMPORTED = 2
    RESERVED = 3
    SECURELY_IMPORTED = 4


class VerifiedBootState(Enum):
    """How the phone's system was checked when it started."""

    VERIFIED = 0
    SELF_SIGNED = 1
    UNVERIFIED = 2
    FAILED = 3


class Purpose(IntEnum):
    """What a key may do, as far as a policy of ours can name it."""

    SIGN = 2
    VERIFY = 3


class Algorithm(IntEnum):
    """The key's algorithm, as far as we ask for it."""

    RSA = 1
    EC = 3


class Curve(IntEnum):
    """The curve of an EC key, as far as we ask for it."""

    P_256 = 1


class Digest(IntEnum):
    """What a key may sign the digest of, as far as a policy of ours can name it."""

    SHA_256 = 4
    SHA_512 = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class RootOfTrust:
    """How the phone was started; `verified_boot_hash` is there from attestation version 3."""

    verified_boot_key: bytes
    device_locked: bool
    verified_boot_state: VerifiedBootState
    verified_boot_hash: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """An application that may use the key."""

    name: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationId:
    """Who made the key: packages that share a user id, and SHA-256 of their signing certificates."""

    packages: tuple[Package, ...]
    signatures: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationList:
    """What is enforced for the key, by software or by hardware.

    Patch levels are numbers YYYYMM or YYYYMMDD; date-times milliseconds since 1970. `unknown` holds
    the content of every tag that we have no name for; `tags_ordered` is False where the tags did
    not rise, which some phones' encoders got wrong. Identifiers of the phone are kept out of `repr`.
    """

    purposes: tuple[int, ...] | None = None
    algorithm: int | None = None
    key_size: int | None = None
    block_modes: tuple[int, ...] | None = None
    digests: tuple[int, ...] | None = None
    paddings: tuple[int, ...] | None = None
    caller_nonce: bool | None = None
    min_mac_length: int | None = None
    ec_curve: int | None = None
    rsa_public_exponent: int | None = None
    rsa_oaep_mgf_digests: tuple[int, ...] | None = None
    rollback_resistance: bool | None = None
    early_boot_only: bool | None = None
    active_date_time: int | None = None
    origination_expire_date_time: int | None = None
    usage_expire_date_time: int | None = None
    usage_count_limit: int | None = None
    no_auth_required: bool | None = None
    user_auth_type: int | None = None
    auth_timeout: int | None = None
    allow_while_on_body: bool | None = None
    trusted_user_presence_required: bool | None = None
    trusted_confirmation_required: bool | None = None
    unlocked_device_required: bool | None = None
    all_applications: bool | None = None
    application_id: bytes | None = None
    creation_date_time: int | None = None
    origin: Origin | None = None
    rollback_resistant: bool | None = None
    root_of_trust: RootOfTrust | None = None
    os_version: int | None = None
    os_patch_level: int | None = None
    attestation_application_id: ApplicationId | None = None
    attestation_id_brand: str | None = None
    attestation_id_device: str | None = None
    attestation_id_product: str | None = None
    attestation_id_serial: str | None = field(default=None, repr=False)
    attestation_id_imei: str | None = field(default=None, repr=False)
    attestation_id_meid: str | None = field(default=None, repr=False)
    attestation_id_manufacturer: str | None = None
    attestation_id_model: str | None = None
    vendor_patch_level: int | None = None
    boot_patch_level: int | None = None
    device_unique_attestation: bool | None = None
    attestation_id_second_imei: str | None = field(default=None, repr=False)
    module_hash: bytes | None = None
    unknown: Mapping[int, bytes] = field(default_factory=dict)
    tags_ordered: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDescription:
    """The whole extension: who attests, the challenge, and what is enforced for the key."""

    attestation_version: int
    attestation_security_level: SecurityLevel
    key_mint_version: int
    key_mint_security_level: SecurityLevel
    attestation_challenge: bytes
    unique_id: bytes = field(repr=False)
    software_enforced: AuthorizationList
    hardware_enforced: AuthorizationList
