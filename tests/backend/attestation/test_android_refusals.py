"""Android chains with one defect each: refused, each by its own name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from backend.attestation.android.chain import Chain, open_chain, read_x5c
from backend.attestation.android.key_description import EXTENSION_OID, SecurityLevel
from backend.attestation.android.policy import AndroidPolicy, App, default_policy
from backend.attestation.android.refusal import AndroidRefusal
from backend.attestation.trust import Roots
from tests.support.attestation.android_ca import (
    APP,
    ATTESTATION_KEY,
    BATCH,
    BOOT_KEY,
    FACTORY,
    FACTORY_CHAIN,
    FAILED,
    GOOD,
    INTERMEDIATE_KEY,
    NOW,
    PACKAGE,
    PHONE_KEY,
    POLICY,
    REMOTE,
    REMOTE_CHAIN,
    REMOTE_KEY,
    REMOTE_SERVER,
    ROOT,
    ROOTS,
    SELF_SIGNED,
    SIGNER,
    STATUS_LIST,
    UNVERIFIED,
    Attempt,
    Statement,
    application,
    root_of_trust,
    showing,
    stating,
    target,
)
from tests.support.attestation.der_writer import (
    context,
    enumerated,
    integer,
    null,
    octets,
    sequence,
    set_of,
    tlv,
)
from tests.support.attestation.x509_writer import Link, chain, name, new_key

DERS: Final = chain(FACTORY_CHAIN)
FAKE: Final = target(Statement().der())
BARE: Final = replace(FAKE, extensions=())
ALSO_BEARING: Final = replace(BATCH, extensions=((EXTENSION_OID, Statement().der()),))
EXTENSION: Final = Statement().der()

# The attack: a genuine phone attests a key, and the key signs a certificate of its holder's making.
GENUINE: Final = replace(GOOD, key=ATTESTATION_KEY)
FORGED_AFTER_GENUINE: Final = (
    replace(FAKE, signed_by=ATTESTATION_KEY),
    GENUINE,
    replace(BATCH, key=INTERMEDIATE_KEY),
    replace(FACTORY, key=INTERMEDIATE_KEY),
    ROOT,
)


def _hardware(changes: Mapping[int, bytes | None]) -> Attempt:
    return stating(Statement().enforcing(changes))


def _software(changes: Mapping[int, bytes | None]) -> Attempt:
    return stating(Statement().saying(changes))


def _chain(*links: Link) -> Attempt:
    return Attempt(links=links)


def _policy(**changes: Any) -> AndroidPolicy:
    return replace(POLICY, **changes)


R = AndroidRefusal
DEFECTS: Final = {
    # 1
    "nothing at all": (Attempt(ders=()), R.TOO_FEW_CERTIFICATES),
    "two certificates": (Attempt(ders=DERS[:2]), R.TOO_FEW_CERTIFICATES),
    "nine certificates": (Attempt(ders=DERS[:1] * 6 + DERS[1:]), R.TOO_MANY_CERTIFICATES),
    "a certificate of 1 MB": (
        Attempt(ders=(bytes(1_000_000), *DERS[1:])),
        R.CERTIFICATE_TOO_LARGE,
    ),
    "a real certificate of more than 8 KiB": (
        showing(EXTENSION + bytes(8 * 1024)),
        R.CERTIFICATE_TOO_LARGE,
    ),
    # 2
    "an empty certificate": (Attempt(ders=(b"", *DERS[1:])), R.UNSUPPORTED_CERTIFICATE),
    "a truncated certificate": (
        Attempt(ders=(DERS[0][:-1], *DERS[1:])),
        R.UNSUPPORTED_CERTIFICATE,
    ),
    "a certificate with something behind it": (
        Attempt(ders=(DERS[0] + b"\x00", *DERS[1:])),
        R.UNSUPPORTED_CERTIFICATE,
    ),
    "an Ed25519 key": (
        _chain(GOOD, replace(BATCH, key=ed25519.Ed25519PrivateKey.generate()), FACTORY, ROOT),
        R.UNSUPPORTED_CERTIFICATE,
    ),
    # 3
    "no root trusted": (Attempt(roots=Roots(certificates=())), R.UNTRUSTED_ROOT),
    "a stranger's root of the same name": (
        _chain(GOOD, BATCH, FACTORY, replace(ROOT, key=new_key())),
        R.UNTRUSTED_ROOT,
    ),
    "the root left out": (
        Attempt(ders=(*DERS[:3],)),
        R.UNTRUSTED_ROOT,
    ),
    # 4
    "another issuer's name": (
        _chain(replace(GOOD, issuer=name(TITLE="TEE")), BATCH, FACTORY, ROOT),
        R.WRONG_ISSUER_NAME,
    ),
    "certificates in another order": (
        Attempt(ders=(DERS[1], DERS[0], *DERS[2:])),
        R.WRONG_ISSUER_NAME,
    ),
    "an intermediate that is no authority": (
        _chain(GOOD, BATCH, replace(FACTORY, ca=False), ROOT),
        R.NOT_A_CA,
    ),
    "an intermediate that says nothing of authority": (
        _chain(GOOD, BATCH, replace(FACTORY, ca=None), ROOT),
        R.NOT_A_CA,
    ),
    "a target signed by another key": (
        _chain(replace(GOOD, signed_by=new_key()), BATCH, FACTORY, ROOT),
        R.WRONG_SIGNATURE,
    ),
    "an intermediate signed by another key": (
        _chain(GOOD, BATCH, replace(FACTORY, signed_by=new_key()), ROOT),
        R.WRONG_SIGNATURE,
    ),
    "one bit of a signature": (
        Attempt(ders=(DERS[0][:-1] + bytes([DERS[0][-1] ^ 1]), *DERS[1:])),
        R.WRONG_SIGNATURE,
    ),
    "SHA-224": (
        _chain(replace(GOOD, digest=hashes.SHA224()), BATCH, FACTORY, ROOT),
        R.WRONG_SIGNATURE,
    ),
    # 5
    "no extension": (_chain(BARE, BATCH, FACTORY, ROOT), R.EXTENSION_MISSING),
    "the extension on the attestation certificate alone": (
        _chain(BARE, ALSO_BEARING, FACTORY, ROOT),
        R.CERTIFICATE_AFTER_TARGET,
    ),
    "the extension on the attestation certificate too": (
        _chain(GOOD, ALSO_BEARING, FACTORY, ROOT),
        R.EXTENSION_NOT_ONLY_ON_TARGET,
    ),
    "the extension on the root too": (
        _chain(GOOD, BATCH, FACTORY, replace(ROOT, extensions=ALSO_BEARING.extensions)),
        R.EXTENSION_NOT_ONLY_ON_TARGET,
    ),
    "a forged certificate under an attested key": (
        Attempt(links=FORGED_AFTER_GENUINE),
        R.EXTENSION_NOT_ONLY_ON_TARGET,
    ),
    "a bare certificate under an attested key": (
        Attempt(links=(replace(BARE, signed_by=ATTESTATION_KEY), *FORGED_AFTER_GENUINE[1:])),
        R.CERTIFICATE_AFTER_TARGET,
    ),
    # 6
    "an intermediate of another kind of name": (
        _chain(GOOD, BATCH, replace(FACTORY, subject=name(COMMON_NAME="Factory")), ROOT),
        R.UNKNOWN_PROVISIONING,
    ),
    "an intermediate named by a title alone": (
        _chain(GOOD, BATCH, replace(FACTORY, subject=name(TITLE="TEE")), ROOT),
        R.UNKNOWN_PROVISIONING,
    ),
    "a factory's name with an organisation": (
        _chain(
            GOOD,
            BATCH,
            replace(FACTORY, subject=name(SERIAL_NUMBER="1", ORGANIZATION_NAME="Acme")),
            ROOT,
        ),
        R.UNKNOWN_PROVISIONING,
    ),
    "remote provisioning that expired": (
        Attempt(links=REMOTE_CHAIN, now=REMOTE_KEY.until + timedelta(seconds=1)),
        R.EXPIRED,
    ),
    "remote provisioning under an expired server": (
        _chain(GOOD, REMOTE_KEY, replace(REMOTE_SERVER, until=NOW - timedelta(1)), REMOTE, ROOT),
        R.EXPIRED,
    ),
    "remote provisioning that has not begun": (
        _chain(GOOD, replace(REMOTE_KEY, since=NOW + timedelta(1)), REMOTE_SERVER, REMOTE, ROOT),
        R.NOT_YET_VALID,
    ),
    "remote provisioning told by its extension alone, expired": (
        _chain(GOOD, replace(BATCH, extensions=REMOTE_KEY.extensions), FACTORY, ROOT),
        R.EXPIRED,
    ),
    "remote provisioning told by its name alone, expired": (
        _chain(GOOD, BATCH, replace(REMOTE, until=NOW + timedelta(1)), ROOT),
        R.EXPIRED,
    ),
    # 7
    "no status list": (Attempt(status_list=None), R.STATUS_LIST_MISSING),
    "a status list of 48 hours and a second": (
        Attempt(status_list=replace(STATUS_LIST, fetched_at=NOW - timedelta(hours=48, seconds=1))),
        R.STATUS_LIST_STALE,
    ),
    "a status list from the future": (
        Attempt(status_list=replace(STATUS_LIST, fetched_at=NOW + timedelta(seconds=1))),
        R.STATUS_LIST_STALE,
    ),
    "revoked by serial in hex": (
        Attempt(status_list=replace(STATUS_LIST, refusals={"ba7c4": R.REVOKED})),
        R.REVOKED,
    ),
    "revoked by serial in decimal": (
        Attempt(status_list=replace(STATUS_LIST, refusals={str(0xBA7C4): R.REVOKED})),
        R.REVOKED,
    ),
    "an intermediate suspended": (
        Attempt(status_list=replace(STATUS_LIST, refusals={"fac7": R.SUSPENDED})),
        R.SUSPENDED,
    ),
    # 8
    "an empty extension": (showing(b""), R.EXTENSION_NOT_DER),
    "a truncated extension": (showing(EXTENSION[:-1]), R.EXTENSION_NOT_DER),
    "an indefinite length": (
        showing(b"\x30\x80" + EXTENSION[4:] + b"\x00\x00"),
        R.EXTENSION_NOT_DER,
    ),
    "a length that could be shorter": (
        showing(b"\x30\x83\x00" + EXTENSION[2:]),
        R.EXTENSION_NOT_DER,
    ),
    "a boolean of one": (
        _hardware({704: sequence(octets(b""), tlv(1, b"\x01"), enumerated(0))}),
        R.EXTENSION_NOT_DER,
    ),
    "an integer with a zero too many": (_hardware({705: tlv(2, b"\x00\x01")}), R.EXTENSION_NOT_DER),
    "an integer of ten bytes": (_hardware({705: tlv(2, b"\x01" * 10)}), R.EXTENSION_NOT_DER),
    "a null that holds something": (_hardware({503: tlv(5, b"\x00")}), R.EXTENSION_NOT_DER),
    "two values in a row": (showing(EXTENSION + null()), R.EXTENSION_WRONG_SHAPE),
    "nine members": (
        showing(sequence(*[integer(1)] * 9)),
        R.EXTENSION_WRONG_SHAPE,
    ),
    "a security level that is none": (
        stating(Statement(attested_by=3)),
        R.EXTENSION_WRONG_SHAPE,
    ),
    "a tag that stands twice": (
        showing(EXTENSION.replace(context(705, integer(160_000)), context(706, integer(160_000)))),
        R.EXTENSION_WRONG_SHAPE,
    ),
    "a value with two values in its tag": (
        _hardware({705: integer(1) + integer(2)}),
        R.EXTENSION_WRONG_SHAPE,
    ),
    "an origin that is none": (_hardware({702: integer(9)}), R.EXTENSION_WRONG_SHAPE),
    "a root of trust of two members": (
        _hardware({704: sequence(octets(b""), enumerated(0))}),
        R.EXTENSION_WRONG_SHAPE,
    ),
    "a package name that is no text": (
        _software({709: octets(sequence(set_of(sequence(octets(b"\xff"), integer(1))), set_of()))}),
        R.EXTENSION_WRONG_SHAPE,
    ),
    "a package without version": (
        _software({709: octets(sequence(set_of(sequence(octets(b"a"))), set_of()))}),
        R.EXTENSION_WRONG_SHAPE,
    ),
    "an application of three members": (
        _software({709: octets(sequence(set_of(), set_of(), set_of()))}),
        R.EXTENSION_WRONG_SHAPE,
    ),
    # 9
    "another challenge": (stating(Statement(challenge=bytes(32))), R.WRONG_CHALLENGE),
    "a challenge that goes on": (
        stating(Statement(challenge=Statement().challenge + b"\x00")),
        R.WRONG_CHALLENGE,
    ),
    "no challenge given and none attested": (
        replace(stating(Statement(challenge=b"")), challenge=b""),
        R.WRONG_CHALLENGE,
    ),
    # 10
    "an RSA key": (
        _chain(replace(GOOD, key=rsa.generate_private_key(65537, 2048)), BATCH, FACTORY, ROOT),
        R.KEY_NOT_P256,
    ),
    "a key on P-384": (
        _chain(replace(GOOD, key=ec.generate_private_key(ec.SECP384R1())), BATCH, FACTORY, ROOT),
        R.KEY_NOT_P256,
    ),
    "another key": (Attempt(key=new_key().public_key()), R.WRONG_KEY),
    # 11
    "attested by software": (stating(Statement(attested_by=0)), R.ATTESTED_BY_SOFTWARE),
    "kept by software": (stating(Statement(kept_by=0)), R.KEY_IN_SOFTWARE),
    "attested by StrongBox and kept elsewhere": (
        stating(Statement(attested_by=2)),
        R.LEVELS_DIFFER,
    ),
    "a policy of StrongBox only": (
        Attempt(policy=replace(POLICY, levels=frozenset({SecurityLevel.STRONG_BOX}))),
        R.LEVEL_NOT_ALLOWED,
    ),
    "a policy without levels": (
        Attempt(policy=replace(POLICY, levels=frozenset())),
        R.LEVEL_NOT_ALLOWED,
    ),
    # 12
    "an imported key": (_hardware({702: integer(2)}), R.NOT_GENERATED_IN_HARDWARE),
    "a securely imported key": (_hardware({702: integer(4)}), R.NOT_GENERATED_IN_HARDWARE),
    "an origin that only software knows": (
        stating(Statement().enforcing({702: None}).saying({702: integer(0)})),
        R.NOT_GENERATED_IN_HARDWARE,
    ),
    "no purpose": (_hardware({1: None}), R.WRONG_PURPOSE),
    "an empty purpose": (_hardware({1: set_of()}), R.WRONG_PURPOSE),
    "also to attest other keys": (
        _hardware({1: set_of(integer(2), integer(7))}),
        R.WRONG_PURPOSE,
    ),
    "a purpose that only software enforces": (
        stating(Statement().enforcing({1: None}).saying({1: set_of(integer(2))})),
        R.WRONG_PURPOSE,
    ),
    "an RSA key by the hardware's word": (_hardware({2: integer(1)}), R.NOT_EC),
    "no algorithm": (_hardware({2: None}), R.NOT_EC),
    "another curve": (_hardware({10: integer(2)}), R.WRONG_CURVE),
    "no curve": (_hardware({10: None}), R.WRONG_CURVE),
    "another size": (_hardware({3: integer(384)}), R.WRONG_CURVE),
    "no digest": (_hardware({5: None}), R.WRONG_DIGEST),
    "any digest": (_hardware({5: set_of(integer(0), integer(4))}), R.WRONG_DIGEST),
    "open to all applications": (_hardware({600: null()}), R.OPEN_TO_ALL_APPLICATIONS),
    "open to all applications by software": (
        _software({600: null()}),
        R.OPEN_TO_ALL_APPLICATIONS,
    ),
    # 13
    "no root of trust": (_hardware({704: None}), R.ROOT_OF_TRUST_MISSING),
    "a root of trust that only software knows": (
        stating(Statement().enforcing({704: None}).saying({704: root_of_trust()})),
        R.ROOT_OF_TRUST_MISSING,
    ),
    "unlocked": (_hardware({704: root_of_trust(locked=False)}), R.BOOTLOADER_UNLOCKED),
    "unverified": (_hardware({704: root_of_trust(state=UNVERIFIED)}), R.BOOT_NOT_VERIFIED),
    "failed to verify": (_hardware({704: root_of_trust(state=FAILED)}), R.BOOT_NOT_VERIFIED),
    "an owner's system": (
        _hardware({704: root_of_trust(state=SELF_SIGNED)}),
        R.BOOT_KEY_NOT_ALLOWED,
    ),
    "another owner's system": (
        replace(
            _hardware({704: root_of_trust(state=SELF_SIGNED, key=bytes(32))}),
            policy=replace(POLICY, owner_boot_keys=frozenset({BOOT_KEY})),
        ),
        R.BOOT_KEY_NOT_ALLOWED,
    ),
    "an owner's system, unlocked": (
        replace(
            _hardware({704: root_of_trust(state=SELF_SIGNED, locked=False)}),
            policy=replace(POLICY, owner_boot_keys=frozenset({BOOT_KEY})),
        ),
        R.BOOTLOADER_UNLOCKED,
    ),
    # 14
    "an old system": (Attempt(policy=_policy(least_os_patch=202_603)), R.OS_PATCH_TOO_OLD),
    "a system of no known patch": (
        replace(_hardware({706: None}), policy=_policy(least_os_patch=201_901)),
        R.OS_PATCH_TOO_OLD,
    ),
    "a system patched in month 13": (
        replace(_hardware({706: integer(202_613)}), policy=_policy(least_os_patch=201_901)),
        R.OS_PATCH_TOO_OLD,
    ),
    "a system patched in a year beyond belief": (
        replace(_hardware({706: integer(2**62)}), policy=_policy(least_os_patch=201_901)),
        R.OS_PATCH_TOO_OLD,
    ),
    "an old vendor image": (
        Attempt(policy=_policy(least_vendor_patch=202_603)),
        R.VENDOR_PATCH_TOO_OLD,
    ),
    "an old boot image": (Attempt(policy=_policy(least_boot_patch=202_603)), R.BOOT_PATCH_TOO_OLD),
    # 15
    "no application": (_software({709: None}), R.APPLICATION_MISSING),
    "an application that hardware is said to know": (
        stating(Statement().saying({709: None}).enforcing({709: application(PACKAGE)})),
        R.APPLICATION_MISSING,
    ),
    "another package": (_software({709: application("test.stranger")}), R.WRONG_PACKAGE),
    "another package beside ours": (
        _software({709: application(PACKAGE, "test.stranger")}),
        R.WRONG_PACKAGE,
    ),
    "no package": (_software({709: application()}), R.WRONG_PACKAGE),
    "a policy without apps": (Attempt(policy=default_policy(frozenset())), R.WRONG_PACKAGE),
    "another signer": (
        _software({709: application(PACKAGE, signers=[bytes(32)])}),
        R.WRONG_SIGNER,
    ),
    "another signer beside ours": (
        _software({709: application(PACKAGE, signers=[SIGNER, bytes(32)])}),
        R.WRONG_SIGNER,
    ),
    "no signer": (_software({709: application(PACKAGE, signers=[])}), R.WRONG_SIGNER),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_chain_with_one_defect_is_refused_by_its_name(defect: str) -> None:
    attempt, reason = DEFECTS[defect]

    assert attempt.verdict() is reason


def test_every_reason_has_a_chain_that_it_alone_refuses() -> None:
    elsewhere = {
        R.NOT_BASE64,
        # of presence keys: test_user_verification
        R.USER_AUTH_NOT_REQUIRED,
        R.AUTH_TIMEOUT_TOO_LONG,
        R.USABLE_ON_BODY,
    }
    assert {reason for _, reason in DEFECTS.values()} == {*AndroidRefusal} - elsewhere


def test_the_chain_extension_attack_has_good_names_and_signatures_throughout() -> None:
    ders = chain(FORGED_AFTER_GENUINE)
    without_the_forged_one = (*ders[1:],)

    genuine = open_chain(without_the_forged_one, roots=ROOTS, now=NOW)
    forged = open_chain(ders, roots=ROOTS, now=NOW)

    assert isinstance(genuine, Chain)
    assert forged is R.EXTENSION_NOT_ONLY_ON_TARGET


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ([], R.TOO_FEW_CERTIFICATES),
        (["AAAA"] * 9, R.TOO_MANY_CERTIFICATES),
        (["A" * 10_925, "AAAA", "AAAA"], R.CERTIFICATE_TOO_LARGE),
        (["AAAA", "AAA", "AAAA"], R.NOT_BASE64),
        (["AAAA", "AA-_", "AAAA"], R.NOT_BASE64),
        (["AAAA", "AA\nAA", "AAAA"], R.NOT_BASE64),
        (["AAAA", "\u0661AAA", "AAAA"], R.NOT_BASE64),
    ],
)
def test_what_is_no_x5c_is_refused(texts: list[str], reason: AndroidRefusal) -> None:
    assert read_x5c(texts) is reason


@pytest.mark.parametrize("changes", [{"purposes": frozenset()}, {"digests": frozenset()}])
def test_a_policy_that_a_useless_key_would_meet_cannot_be_made(
    changes: Mapping[str, Any],
) -> None:
    with pytest.raises(ValueError, match="signs nothing"):
        replace(POLICY, **changes)


@pytest.mark.parametrize(
    ("package", "signers"),
    [("", {SIGNER}), (PACKAGE, set()), (PACKAGE, {b"short"})],
)
def test_an_app_without_package_or_signer_cannot_be_named(
    package: str, signers: set[bytes]
) -> None:
    with pytest.raises(ValueError, match="has"):
        App(package=package, signer_digests=frozenset(signers))


def test_the_defects_are_the_only_thing_wrong_with_the_chains() -> None:
    assert not isinstance(Attempt().verdict(), AndroidRefusal)
    assert not isinstance(Attempt(links=REMOTE_CHAIN).verdict(), AndroidRefusal)
    assert APP in POLICY.apps
    assert PHONE_KEY.public_key() == Attempt().key
