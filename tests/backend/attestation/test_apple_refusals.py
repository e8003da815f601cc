"""App Attest evidence with one defect each: refused, each by its own name."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from backend.attestation.apple.policy import ApplePolicy, Environment
from backend.attestation.apple.refusal import AppleRefusal
from backend.attestation.trust import Roots
from tests.support.attestation.apple_ca import (
    APP_ID,
    ATTESTED,
    CHALLENGE,
    CREATED_AT,
    INTERMEDIATE,
    JKT,
    NOW,
    PHONE_KEY,
    POLICY,
    ROOT,
    SIGNER,
    Attempt,
    Given,
    Signing,
    cose_of,
    instant,
    key_id_of,
    nonce_extension,
)
from tests.support.attestation.der_writer import (
    context,
    integer,
    null,
    octets,
    sequence,
    set_of,
    tlv,
)
from tests.support.attestation.x509_writer import UNTIL, Link, name, new_key

R = AppleRefusal
OTHER: Final = new_key()
GOOD_DATA: Final = Attempt().data()
GOOD_OBJECT: Final = Attempt().object()
GOOD_ASSERTION: Final = Signing().bytes()
# The attack: the holder of a genuine attested key signs a certificate of their own making with it.
FORGING: Final = Link(subject=name(COMMON_NAME="attested"), key=OTHER, ca=None)
LEAF: Final = Attempt().leaf()
ABOVE: Final = INTERMEDIATE.certificate(ROOT)
X_OFF_THE_CURVE: Final = {**cose_of(PHONE_KEY), -2: bytes(32)}


def _saying(said: Any) -> Attempt:
    return Attempt(client_data=said if isinstance(said, bytes) else json.dumps(said).encode())


def _cose(**changes: Any) -> Attempt:
    names = {"kty": 1, "alg": 3, "crv": -1, "x": -2, "y": -3, "kid": 2}
    changed = {names[member]: value for member, value in changes.items()}
    members = {**cose_of(PHONE_KEY), **changed}
    return Attempt(cose={number: value for number, value in members.items() if value is not ...})


def _x5c(*certificates: object) -> Attempt:
    return Attempt(x5c=certificates)


ATTESTATIONS: Final = {
    # client data
    "no client data": (_saying(b""), R.CLIENT_DATA_MALFORMED),
    "client data that is no JSON": (_saying(b"{"), R.CLIENT_DATA_MALFORMED),
    "client data in UTF-16": (
        _saying(json.dumps({"challenge": CHALLENGE, "jkt": JKT}).encode("utf-16")),
        R.CLIENT_DATA_MALFORMED,
    ),
    "client data that is an array": (_saying([CHALLENGE, JKT]), R.CLIENT_DATA_MALFORMED),
    "client data as pairs": (
        _saying([["challenge", CHALLENGE], ["jkt", JKT]]),
        R.CLIENT_DATA_MALFORMED,
    ),
    "client data without jkt": (_saying({"challenge": CHALLENGE}), R.CLIENT_DATA_MALFORMED),
    "client data with more": (
        _saying({"challenge": CHALLENGE, "jkt": JKT, "more": 1}),
        R.CLIENT_DATA_MALFORMED,
    ),
    "client data that names a member twice": (
        _saying(f'{{"challenge": "x", "challenge": "{CHALLENGE}", "jkt": "{JKT}"}}'.encode()),
        R.CLIENT_DATA_MALFORMED,
    ),
    "client data of numbers": (_saying({"challenge": 1, "jkt": 2}), R.CLIENT_DATA_MALFORMED),
    "client data of 1 KiB": (_saying(b" " * 1024), R.CLIENT_DATA_MALFORMED),
    "client data of brackets": (_saying(b"[" * 500), R.CLIENT_DATA_MALFORMED),
    "another challenge": (_saying({"challenge": "c" * 43, "jkt": JKT}), R.WRONG_CHALLENGE),
    "no challenge given and none said": (
        replace(_saying({"challenge": "", "jkt": JKT}), challenge=""),
        R.WRONG_CHALLENGE,
    ),
    "half a character for a challenge": (
        _saying(b'{"challenge": "\\ud800", "jkt": "x"}'),
        R.WRONG_CHALLENGE,
    ),
    "another key vouched for": (
        _saying({"challenge": CHALLENGE, "jkt": "c" * 43}),
        R.WRONG_ENROLLED_KEY,
    ),
    "no key to enrol and none vouched for": (
        replace(_saying({"challenge": CHALLENGE, "jkt": ""}), jkt=""),
        R.WRONG_ENROLLED_KEY,
    ),
    # 1
    "17 KiB": (Attempt(attestation_object=bytes(17 * 1024)), R.TOO_LARGE),
    "nothing at all": (Attempt(attestation_object=b""), R.NOT_CBOR),
    "a truncated object": (Attempt(attestation_object=GOOD_OBJECT[:-1]), R.NOT_CBOR),
    "an object with something behind it": (
        Attempt(attestation_object=GOOD_OBJECT + b"\x00"),
        R.NOT_CBOR,
    ),
    "an object within a tag": (
        Attempt(attestation_object=b"\xd9\xd9\xf7" + GOOD_OBJECT),
        R.NOT_CBOR,
    ),
    "an object of unknown length": (
        Attempt(attestation_object=b"\xbf" + GOOD_OBJECT[1:] + b"\xff"),
        R.NOT_CBOR,
    ),
    "an object that names a member twice": (
        Attempt(attestation_object=b"\xa4" + GOOD_OBJECT[1:] + cbor2.dumps("fmt") + b"\x61a"),
        R.NOT_CBOR,
    ),
    "an array": (Attempt(attestation_object=b"\x80"), R.WRONG_SHAPE),
    "a receipt that is text": (
        Attempt(members={"attStmt": {"x5c": [LEAF, ABOVE], "receipt": "text"}}),
        R.WRONG_SHAPE,
    ),
    "certificates that are text": (_x5c("text", "text"), R.WRONG_SHAPE),
    "packed attestation": (Attempt(members={"fmt": "packed"}), R.WRONG_FORMAT),
    "no authenticator data": (Attempt(authenticator_data=b""), R.AUTHENTICATOR_DATA_MALFORMED),
    "authenticator data without credential": (
        Attempt(authenticator_data=GOOD_DATA[:37]),
        R.AUTHENTICATOR_DATA_MALFORMED,
    ),
    "a credential longer than the data": (
        Attempt(authenticator_data=GOOD_DATA[:53] + b"\xff\xff" + GOOD_DATA[55:]),
        R.AUTHENTICATOR_DATA_MALFORMED,
    ),
    "no COSE key": (Attempt(authenticator_data=GOOD_DATA[:87]), R.COSE_KEY_MALFORMED),
    "half a COSE key": (Attempt(authenticator_data=GOOD_DATA[:-1]), R.COSE_KEY_MALFORMED),
    "a COSE key that is an array": (Attempt(cose=[1, 2]), R.COSE_KEY_MALFORMED),
    "a COSE key of another type": (_cose(kty=3), R.COSE_KEY_MALFORMED),
    "a COSE key for another algorithm": (_cose(alg=-35), R.COSE_KEY_MALFORMED),
    "a COSE key whose curve is true": (_cose(crv=True), R.COSE_KEY_MALFORMED),
    "a COSE key without y": (_cose(y=...), R.COSE_KEY_MALFORMED),
    "a COSE key with more": (_cose(kid=b"x"), R.COSE_KEY_MALFORMED),
    "a short coordinate": (_cose(x=bytes(31)), R.COSE_KEY_MALFORMED),
    "a coordinate that is a number": (_cose(x=1), R.COSE_KEY_MALFORMED),
    "a point off the curve": (Attempt(cose=X_OFF_THE_CURVE), R.COSE_KEY_MALFORMED),
    "a zero at the end": (Attempt(trailing=b"\x00"), R.EXTENSIONS_MALFORMED),
    "half a map at the end": (Attempt(trailing=b"\xa1\x61a"), R.EXTENSIONS_MALFORMED),
    "two maps at the end": (Attempt(trailing=b"\xa0\xa0"), R.EXTENSIONS_MALFORMED),
    "a map of numbers at the end": (Attempt(trailing=b"\xa1\x01\x02"), R.EXTENSIONS_MALFORMED),
    # 2
    "no certificate": (_x5c(), R.WRONG_CERTIFICATE_COUNT),
    "the leaf alone": (_x5c(LEAF), R.WRONG_CERTIFICATE_COUNT),
    "five certificates": (_x5c(*[LEAF] * 5), R.WRONG_CERTIFICATE_COUNT),
    "a large certificate": (_x5c(LEAF, bytes(8193)), R.CERTIFICATE_TOO_LARGE),
    "a truncated certificate": (_x5c(LEAF[:-1], ABOVE), R.UNSUPPORTED_CERTIFICATE),
    "the authority in the leaf's place": (_x5c(ABOVE, LEAF), R.NONCE_MISSING),
    "a forged certificate under an attested key": (
        _x5c(Attempt(intermediate=FORGING).leaf(), FORGING.certificate(INTERMEDIATE), ABOVE),
        R.UNTRUSTED_CHAIN,
    ),
    "no root trusted": (Attempt(roots=Roots(certificates=())), R.UNTRUSTED_CHAIN),
    "an intermediate under a stranger's root": (
        _x5c(LEAF, INTERMEDIATE.certificate(replace(ROOT, key=OTHER))),
        R.UNTRUSTED_CHAIN,
    ),
    "an intermediate that is no authority": (
        Attempt(intermediate=replace(INTERMEDIATE, ca=False)),
        R.UNTRUSTED_CHAIN,
    ),
    "a leaf signed by another": (
        _x5c(Attempt(intermediate=replace(INTERMEDIATE, key=OTHER)).leaf(), ABOVE),
        R.UNTRUSTED_CHAIN,
    ),
    "a leaf of another issuer": (
        _x5c(
            Attempt(intermediate=replace(INTERMEDIATE, subject=name(COMMON_NAME="X"))).leaf(),
            ABOVE,
        ),
        R.UNTRUSTED_CHAIN,
    ),
    "certificates in a circle": (
        _x5c(LEAF, INTERMEDIATE.certificate(INTERMEDIATE)),
        R.UNTRUSTED_CHAIN,
    ),
    "a leaf of tomorrow": (Attempt(since=NOW + timedelta(seconds=1)), R.NOT_YET_VALID),
    "a leaf of yesterday": (Attempt(until=NOW - timedelta(seconds=1)), R.EXPIRED),
    "an expired intermediate": (
        Attempt(intermediate=replace(INTERMEDIATE, until=NOW - timedelta(seconds=1))),
        R.EXPIRED,
    ),
    "an expired root": (
        Attempt(now=UNTIL + timedelta(days=1), until=UNTIL + timedelta(days=2)),
        R.EXPIRED,
    ),
    # 3
    "no nonce": (Attempt(extension_oid="1.2.840.113635.100.8.5"), R.NONCE_MISSING),
    "an empty nonce extension": (Attempt(extension=b""), R.NONCE_MALFORMED),
    "a nonce in another tag": (
        Attempt(extension=sequence(context(2, octets(bytes(32))))),
        R.NONCE_MALFORMED,
    ),
    "two nonces": (
        Attempt(extension=sequence(*[context(1, octets(bytes(32)))] * 2)),
        R.NONCE_MALFORMED,
    ),
    "another nonce": (Attempt(extension=nonce_extension(bytes(32))), R.WRONG_NONCE),
    "an empty nonce": (Attempt(extension=nonce_extension(b"")), R.WRONG_NONCE),
    "authenticator data of another attestation": (
        Attempt(x5c=(Attempt(counter=1).leaf(), ABOVE)),
        R.WRONG_NONCE,
    ),
    # 4
    "a leaf on P-384": (
        Attempt(leaf_key=ec.generate_private_key(ec.SECP384R1())),
        R.KEY_NOT_P256,
    ),
    "another key identifier": (Attempt(key_id=bytes(32)), R.WRONG_KEY_ID),
    # 5, 6
    "another application": (Attempt(app_id="ABCDE12345.test.stranger"), R.WRONG_APP),
    "a policy without applications": (
        Attempt(policy=replace(POLICY, app_ids=frozenset())),
        R.WRONG_APP,
    ),
    "a key that was used": (Attempt(counter=1), R.COUNTER_NOT_ZERO),
    # 7
    "a development key": (Attempt(aaguid=b"appattestdevelop"), R.WRONG_ENVIRONMENT),
    "a production key where only development counts": (
        Attempt(policy=replace(POLICY, environments=frozenset({Environment.DEVELOPMENT}))),
        R.WRONG_ENVIRONMENT,
    ),
    "a policy without environments": (
        Attempt(policy=replace(POLICY, environments=frozenset())),
        R.WRONG_ENVIRONMENT,
    ),
    "a security key's aaguid": (Attempt(aaguid=bytes(16)), R.UNKNOWN_ENVIRONMENT),
    # 8, 9
    "another credential": (Attempt(credential_id=bytes(32)), R.WRONG_CREDENTIAL_ID),
    "no credential identifier": (Attempt(credential_id=b""), R.WRONG_CREDENTIAL_ID),
    "another COSE key": (Attempt(cose=cose_of(OTHER)), R.WRONG_COSE_KEY),
}

ASSERTIONS: Final = {
    # 1
    "5 KiB": (Signing(assertion=bytes(5000)), R.TOO_LARGE),
    "nothing": (Signing(assertion=b""), R.NOT_CBOR),
    "truncated": (Signing(assertion=GOOD_ASSERTION[:-1]), R.NOT_CBOR),
    "something behind it": (Signing(assertion=GOOD_ASSERTION + b"\x00"), R.NOT_CBOR),
    "no signature": (
        Signing(assertion=cbor2.dumps({"authenticatorData": bytes(37)})),
        R.WRONG_SHAPE,
    ),
    "a signature that is text": (
        Signing(assertion=cbor2.dumps({"signature": "", "authenticatorData": bytes(37)})),
        R.WRONG_SHAPE,
    ),
    "36 bytes of authenticator data": (
        Signing(authenticator_data=bytes(36)),
        R.AUTHENTICATOR_DATA_MALFORMED,
    ),
    "a credential where none belongs": (
        Signing(trailing=GOOD_DATA[37:]),
        R.EXTENSIONS_MALFORMED,
    ),
    # 2
    "another application": (Signing(app_id="ABCDE12345.test.stranger"), R.WRONG_APP),
    "a key of another application of ours": (
        Signing(attested=replace(ATTESTED, app_id="ABCDE12345.test.connectrex.other")),
        R.WRONG_APP,
    ),
    # 3
    "another key": (Signing(signed_by=OTHER), R.WRONG_SIGNATURE),
    "other client data": (Signing(signed_data=b"something else"), R.WRONG_SIGNATURE),
    "garbage for a signature": (Signing(signature=b"garbage"), R.WRONG_SIGNATURE),
    "a signature of zeros": (
        Signing(signature=sequence(integer(0), integer(0))),
        R.WRONG_SIGNATURE,
    ),
    # 4
    "the same counter": (Signing(counter=7), R.COUNTER_NOT_RISING),
    "a lower counter": (Signing(counter=0), R.COUNTER_NOT_RISING),
}

TWICE: Final = [sequence(integer(2), integer(1), octets(b"x"))] * 2
RECEIPTS: Final = {
    # 1
    "an unknown kind of message": (Given(kind=Given().content_kind), R.NOT_CMS),
    "an unknown kind of content": (Given(content_kind=Given().kind), R.NOT_CMS),
    "another digest": (Given(digest=Given().algorithm), R.NOT_CMS),
    "another algorithm": (Given(algorithm=Given().digest), R.NOT_CMS),
    "signed attributes": (Given(more_of_signer=(tlv(0xA0, null()),)), R.NOT_CMS),
    # 2
    "one certificate": (Given(enclosed=(ABOVE,)), R.WRONG_CERTIFICATE_COUNT),
    "a signer whose certificate is not there": (Given(serial=5), R.UNTRUSTED_CHAIN),
    "a stranger's root": (
        Given(enclosed=(SIGNER.certificate(INTERMEDIATE), INTERMEDIATE.certificate(INTERMEDIATE))),
        R.UNTRUSTED_CHAIN,
    ),
    "a signer that expired": (
        Given(signer=replace(SIGNER, until=NOW - timedelta(seconds=1))),
        R.EXPIRED,
    ),
    "a signer of tomorrow": (
        Given(signer=replace(SIGNER, since=NOW + timedelta(seconds=1))),
        R.NOT_YET_VALID,
    ),
    "a signer on P-384": (
        Given(signer=replace(SIGNER, key=ec.generate_private_key(ec.SECP384R1()))),
        R.KEY_NOT_P256,
    ),
    # 3
    "another signer": (Given(signed_by=OTHER), R.WRONG_RECEIPT_SIGNATURE),
    # 4
    "an empty content": (Given(content=b""), R.RECEIPT_MALFORMED),
    "a content without fields": (Given(content=set_of()), R.RECEIPT_MALFORMED),
    "a field that stands twice": (Given(content=set_of(*TWICE)), R.RECEIPT_MALFORMED),
    "no application": (Given(fields={2: None}), R.RECEIPT_MALFORMED),
    "a key that is no certificate": (Given(fields={3: b"key"}), R.RECEIPT_MALFORMED),
    "an unknown type": (Given(fields={6: b"INVOICE"}), R.RECEIPT_MALFORMED),
    "a time without zone": (Given(fields={12: b"2026-03-02T09:00:00"}), R.RECEIPT_MALFORMED),
    "a time on 30 February": (Given(fields={12: b"2026-02-30T09:00:00Z"}), R.RECEIPT_MALFORMED),
    "a risk that is no number": (Given(fields={17: b"-1"}), R.RECEIPT_MALFORMED),
    "a token that is no text": (Given(fields={5: b"\xff"}), R.RECEIPT_MALFORMED),
    # 5, 6
    "another application": (Given(fields={2: b"ABCDE12345.test.stranger"}), R.WRONG_APP),
    "for another key": (Given(key=OTHER.public_key()), R.WRONG_RECEIPT_KEY),
    # 7
    "from the future": (
        Given(now=CREATED_AT - timedelta(seconds=61)),
        R.RECEIPT_FROM_FUTURE,
    ),
    "too old": (Given(now=CREATED_AT + timedelta(minutes=5, seconds=1)), R.RECEIPT_TOO_OLD),
    "expired": (Given(fields={21: instant(NOW)}), R.RECEIPT_EXPIRED),
}


@pytest.mark.parametrize("defect", ATTESTATIONS)
def test_an_attestation_with_one_defect_is_refused_by_its_name(defect: str) -> None:
    attempt, reason = ATTESTATIONS[defect]

    assert attempt.verdict() is reason


@pytest.mark.parametrize("defect", ASSERTIONS)
def test_an_assertion_with_one_defect_is_refused_by_its_name(defect: str) -> None:
    attempt, reason = ASSERTIONS[defect]

    assert attempt.verdict() is reason


@pytest.mark.parametrize("defect", RECEIPTS)
def test_a_receipt_with_one_defect_is_refused_by_its_name(defect: str) -> None:
    attempt, reason = RECEIPTS[defect]

    assert attempt.verdict() is reason


def test_every_reason_has_evidence_that_it_refuses() -> None:
    tables: list[dict[str, Any]] = [ATTESTATIONS, ASSERTIONS, RECEIPTS]

    refused = {reason for table in tables for _, reason in table.values()}

    # of presence keys: test_user_verification
    elsewhere = {AppleRefusal.WRONG_PRESENCE_KEY, AppleRefusal.USER_VERIFICATION_NOT_REQUIRED}
    assert refused == {*AppleRefusal} - elsewhere


def test_the_defects_are_the_only_thing_wrong_with_the_evidence() -> None:
    assert not isinstance(Attempt().verdict(), AppleRefusal)
    assert not isinstance(Signing().verdict(), AppleRefusal)
    assert not isinstance(Given().verdict(), AppleRefusal)
    assert Attempt().key_id == key_id_of(PHONE_KEY)
    assert (
        ApplePolicy(app_ids=frozenset({APP_ID}), environments=frozenset({Environment.PRODUCTION}))
        == POLICY
    )
    assert datetime(2026, 3, 2, 9, 0, tzinfo=UTC) == NOW
