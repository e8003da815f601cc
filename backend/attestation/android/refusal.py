"""Every way in which an Android Key Attestation can fail, one name each."""

from __future__ import annotations

from enum import Enum


class AndroidRefusal(Enum):
    """Why a key was not accepted as attested: the name is a stable code, the value says it in words.

    In the order in which `attestation.verify` looks.
    """

    # 1 size
    TOO_FEW_CERTIFICATES = "The chain has fewer than three certificates."
    TOO_MANY_CERTIFICATES = "The chain has more than eight certificates."
    CERTIFICATE_TOO_LARGE = "A certificate is larger than 8 KiB."
    NOT_BASE64 = "A certificate is not base64 of RFC 7515, section 4.1.6."

    # 2 certificates
    UNSUPPORTED_CERTIFICATE = "A certificate is malformed or of a kind that is not supported."

    # 3 root
    UNTRUSTED_ROOT = "The chain does not end in the key of a trusted root."

    # 4 names and signatures
    WRONG_ISSUER_NAME = "A certificate does not name the next one as its issuer."
    WRONG_SIGNATURE = "A certificate is not signed by the key of the next one."

    # 5 target
    EXTENSION_MISSING = "No certificate carries the key attestation extension."
    CERTIFICATE_AFTER_TARGET = "A certificate follows the one that carries the extension."
    EXTENSION_NOT_ONLY_ON_TARGET = "A certificate above the target carries the extension too."

    # 6 authorities, provisioning and dates
    NOT_A_CA = "A certificate above the attestation certificate is no certificate authority."
    UNKNOWN_PROVISIONING = "The chain is neither a factory's nor Google's remote provisioning."
    NOT_YET_VALID = "A certificate of a remotely provisioned chain is not valid yet."
    EXPIRED = "A certificate of a remotely provisioned chain has expired."

    # 7 revocation
    STATUS_LIST_MISSING = "There is no list of revoked certificates to look at."
    STATUS_LIST_STALE = "The list of revoked certificates is not from the last 48 hours."
    REVOKED = "A certificate of the chain has been revoked."
    SUSPENDED = "A certificate of the chain has been suspended."

    # 8 extension
    EXTENSION_NOT_DER = "The extension is not strict DER."
    EXTENSION_WRONG_SHAPE = "The extension is DER, but no KeyDescription."

    # 9 challenge, 10 key
    WRONG_CHALLENGE = "The challenge is not the one that was given out."
    KEY_NOT_P256 = "The attested key is not an EC key on P-256."
    WRONG_KEY = "The attested key is not the key that is to be enrolled."

    # 11 security levels
    ATTESTED_BY_SOFTWARE = "The attestation was made by software."
    KEY_IN_SOFTWARE = "The key is kept by software."
    LEVELS_DIFFER = "The attestation and the key are of different security levels."
    LEVEL_NOT_ALLOWED = "The policy does not accept this security level."

    # 12 what the hardware says of the key
    NOT_GENERATED_IN_HARDWARE = "The key was imported or derived, or its origin is not known."
    WRONG_PURPOSE = "The key has other purposes than to sign."
    NOT_EC = "The hardware does not say that the key is an EC key."
    WRONG_CURVE = "The hardware does not say that the key is on P-256."
    WRONG_DIGEST = "The key signs other digests than SHA-256."
    OPEN_TO_ALL_APPLICATIONS = "The key may be used by every application."

    # 13 root of trust
    ROOT_OF_TRUST_MISSING = "The hardware says nothing of how the phone was started."
    BOOTLOADER_UNLOCKED = "The phone's boot loader is unlocked."
    BOOT_NOT_VERIFIED = "The phone's system was not verified when it started."
    BOOT_KEY_NOT_ALLOWED = "The phone runs a system of its owner's that the policy does not name."

    # 14 patch levels
    OS_PATCH_TOO_OLD = "The system's security patch is older than the policy asks, or unknown."
    VENDOR_PATCH_TOO_OLD = "The vendor's security patch is older than the policy asks, or unknown."
    BOOT_PATCH_TOO_OLD = (
        "The boot image's security patch is older than the policy asks, or unknown."
    )

    # 15 application
    APPLICATION_MISSING = "The attestation names no application."
    WRONG_PACKAGE = "The key was made by another application."
    WRONG_SIGNER = "The application was signed by somebody else."

    # 16 user verification, of presence keys only
    USER_AUTH_NOT_REQUIRED = "The key can be used without verifying the user."
    AUTH_TIMEOUT_TOO_LONG = "The key stays open for more than 60 s after the user was verified."
    USABLE_ON_BODY = "The key stays open for as long as the phone is worn."
