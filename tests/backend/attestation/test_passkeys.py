"""Passkeys: each single defect of a registration or an assertion, refused by its own name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.attestation.web.authenticator_data import MAX_CREDENTIAL_ID_BYTES
from backend.attestation.web.options import creation_options, request_options
from backend.attestation.web.passkey import (
    Passkey,
    RelyingParty,
    SentAssertion,
    SentRegistration,
    verify_assertion,
    verify_registration,
)
from backend.attestation.web.refusal import WebRefusal
from tests.support.attestation.authenticator import (
    BACKED_UP,
    ELIGIBLE,
    EXTENDED,
    INCLUDED,
    PARTY,
    PRESENT,
    VERIFIED,
    Authenticator,
)
from tests.support.attestation.x509_writer import new_key

CHALLENGE: Final = "q" * 42 + "A"
OTHER: Final = "r" * 42 + "A"
GOOD: Final = Authenticator(counter=7)
ELSEWHERE: Final = RelyingParty(id="evil.test", origin="https://evil.test")
BAD_JSON: Final = (b"", b"\xff", b"[]", b"{", b"NaN", b'{"type": 1}', b"[" * 5000)


def registered(sent: dict[str, bytes], challenge: str = CHALLENGE) -> Passkey | WebRefusal:
    return verify_registration(SentRegistration(**sent), challenge=challenge, party=PARTY)


def passkey_of(authenticator: Authenticator = GOOD) -> Passkey:
    found = registered(authenticator.registration(CHALLENGE))
    assert isinstance(found, Passkey)
    return found


def asserted(
    sent: dict[str, bytes], challenge: str = CHALLENGE, *, passkey: Passkey | None = None
) -> int | WebRefusal:
    known = passkey or replace(passkey_of(), counter=6)
    return verify_assertion(SentAssertion(**sent), challenge=challenge, party=PARTY, passkey=known)


def cose_with(**changes: Any) -> bytes:
    names = {"kty": 1, "alg": 3, "crv": -1, "x": -2, "y": -3, "more": 9}
    key = GOOD.cose() | {names[name]: value for name, value in changes.items()}
    return cbor2.dumps({name: value for name, value in key.items() if value is not None})


@pytest.mark.parametrize("data", BAD_JSON)
def test_client_data_that_is_no_strict_json_is_refused(data: bytes) -> None:
    assert (
        registered(GOOD.registration(CHALLENGE, client_data=data))
        is asserted(GOOD.assertion(CHALLENGE, client_data=data))
        is WebRefusal.CLIENT_DATA_MALFORMED
    )


def test_a_member_named_twice_is_refused() -> None:
    data = GOOD.client_data("webauthn.get", CHALLENGE)[:-1] + b', "origin": "https://evil.test"}'

    assert asserted(GOOD.assertion(CHALLENGE, client_data=data)) is WebRefusal.CLIENT_DATA_MALFORMED


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"type": "payment.get"}, WebRefusal.WRONG_TYPE),
        ({"challenge": OTHER}, WebRefusal.WRONG_CHALLENGE),
        ({"challenge": ""}, WebRefusal.WRONG_CHALLENGE),
        ({"origin": "https://evil.test"}, WebRefusal.WRONG_ORIGIN),
        ({"origin": "https://connectrex.test:8443"}, WebRefusal.WRONG_ORIGIN),
        ({"origin": "http://connectrex.test"}, WebRefusal.WRONG_ORIGIN),
        ({"crossOrigin": True}, WebRefusal.CROSS_ORIGIN),
        ({"origin": None}, WebRefusal.CLIENT_DATA_MALFORMED),
        ({"challenge": 1}, WebRefusal.CLIENT_DATA_MALFORMED),
    ],
)
def test_what_the_browser_says_must_be_of_this_ceremony(
    said: dict[str, Any], reason: WebRefusal
) -> None:
    browser = replace(GOOD, said=said)

    assert registered(browser.registration(CHALLENGE)) is reason
    assert asserted(browser.assertion(CHALLENGE)) is reason


def test_one_ceremony_is_not_taken_for_the_other() -> None:
    made = GOOD.client_data("webauthn.create", CHALLENGE)
    used = GOOD.client_data("webauthn.get", CHALLENGE)

    assert asserted(GOOD.assertion(CHALLENGE, client_data=made)) is WebRefusal.WRONG_TYPE
    assert registered(GOOD.registration(CHALLENGE, client_data=used)) is WebRefusal.WRONG_TYPE


def test_an_empty_challenge_is_met_by_nobody() -> None:
    assert registered(GOOD.registration(""), "") is WebRefusal.WRONG_CHALLENGE
    assert asserted(GOOD.assertion(""), "") is WebRefusal.WRONG_CHALLENGE


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"party": replace(ELSEWHERE, origin=PARTY.origin)}, WebRefusal.WRONG_RP_ID),
        ({"flags": VERIFIED}, WebRefusal.USER_NOT_PRESENT),
        ({"flags": PRESENT}, WebRefusal.USER_NOT_VERIFIED),
        ({"flags": 0}, WebRefusal.USER_NOT_PRESENT),
        ({"flags": PRESENT | VERIFIED | BACKED_UP}, WebRefusal.AUTHENTICATOR_DATA_MALFORMED),
        ({"trailing": b"\x00"}, WebRefusal.AUTHENTICATOR_DATA_MALFORMED),
        ({"flags": PRESENT | VERIFIED | EXTENDED}, WebRefusal.AUTHENTICATOR_DATA_MALFORMED),
        (
            {"flags": PRESENT | VERIFIED | EXTENDED, "trailing": b"\x01"},
            WebRefusal.AUTHENTICATOR_DATA_MALFORMED,
        ),
    ],
)
def test_what_the_authenticator_says_must_be_ours_and_of_a_verified_user(
    changes: dict[str, Any], reason: WebRefusal
) -> None:
    wrong = replace(GOOD, **changes)

    assert registered(wrong.registration(CHALLENGE)) is reason
    assert asserted(wrong.assertion(CHALLENGE)) is reason


@pytest.mark.parametrize("length", [0, 36, 54])
def test_truncated_authenticator_data_is_refused(length: int) -> None:
    data = GOOD.head(PRESENT | VERIFIED | INCLUDED) + bytes(18)
    object_of = GOOD.attestation_object(authData=data[:length])

    found = registered(GOOD.registration(CHALLENGE, attestation_object=object_of))
    used = asserted(GOOD.assertion(CHALLENGE, authenticator_data=data[:length]))

    assert found is used is WebRefusal.AUTHENTICATOR_DATA_MALFORMED


def test_an_assertion_holds_no_credential_and_a_registration_does() -> None:
    item: Any = cbor2.loads(GOOD.attestation_object())
    used = asserted(GOOD.assertion(CHALLENGE, authenticator_data=item["authData"]))
    bare = GOOD.attestation_object(authData=GOOD.head(PRESENT | VERIFIED))

    assert used is WebRefusal.AUTHENTICATOR_DATA_MALFORMED
    assert (
        registered(GOOD.registration(CHALLENGE, attestation_object=bare))
        is WebRefusal.AUTHENTICATOR_DATA_MALFORMED
    )


@pytest.mark.parametrize(
    ("attestation_object", "reason"),
    [
        (b"", WebRefusal.NOT_CBOR),
        (GOOD.attestation_object()[:-1], WebRefusal.NOT_CBOR),
        (GOOD.attestation_object() + b"\x00", WebRefusal.NOT_CBOR),
        (cbor2.dumps({"fmt": "none"}), WebRefusal.WRONG_SHAPE),
        (GOOD.attestation_object(authData="text"), WebRefusal.WRONG_SHAPE),
        (GOOD.attestation_object(fmt="packed"), WebRefusal.WRONG_FORMAT),
        (GOOD.attestation_object(attStmt={"x5c": []}), WebRefusal.WRONG_FORMAT),
        (GOOD.attestation_object(cose=b"\xa1"), WebRefusal.AUTHENTICATOR_DATA_MALFORMED),
        (GOOD.attestation_object(cose=cose_with(alg=-8)), WebRefusal.UNSUPPORTED_KEY),
        (GOOD.attestation_object(cose=cose_with(kty=True)), WebRefusal.UNSUPPORTED_KEY),
        (GOOD.attestation_object(cose=cose_with(x="text")), WebRefusal.UNSUPPORTED_KEY),
        (GOOD.attestation_object(cose=cose_with(x=bytes(31))), WebRefusal.UNSUPPORTED_KEY),
        (GOOD.attestation_object(cose=cose_with(x=bytes(32))), WebRefusal.UNSUPPORTED_KEY),
        (GOOD.attestation_object(cose=cose_with(y=None)), WebRefusal.UNSUPPORTED_KEY),
        (GOOD.attestation_object(cose=cose_with(more=1)), WebRefusal.UNSUPPORTED_KEY),
        (GOOD.attestation_object(cose=b"\x01"), WebRefusal.UNSUPPORTED_KEY),
    ],
)
def test_what_is_registered_must_be_strict_and_a_key_that_we_take(
    attestation_object: bytes, reason: WebRefusal
) -> None:
    sent = GOOD.registration(CHALLENGE, attestation_object=attestation_object)

    assert registered(sent) is reason


@pytest.mark.parametrize(
    "key",
    [
        {1: 3, 3: -257, -1: (2**1023 + 1).to_bytes(128), -2: b"\x01\x00\x01"},
        {1: 3, 3: -257, -1: (2**2047).to_bytes(256), -2: b"\x01\x00\x01"},
        {1: 3, 3: -257, -1: (2**2047 + 1).to_bytes(256), -2: b"\x03"},
        {1: 3, 3: -37, -1: (2**2047 + 1).to_bytes(256), -2: b"\x01\x00\x01"},
    ],
)
def test_a_weak_or_odd_rsa_key_is_refused(key: dict[int, Any]) -> None:
    attestation_object = GOOD.attestation_object(cose=cbor2.dumps(key))

    sent = GOOD.registration(CHALLENGE, attestation_object=attestation_object)

    assert registered(sent) is WebRefusal.UNSUPPORTED_KEY


def test_what_the_library_alone_does_not_take_is_not_taken() -> None:
    """It writes the key anew and counts its bytes: 3 as two bytes are one too many."""
    cose = cose_with().replace(b"\x03\x26", b"\x18\x03\x26", 1)

    sent = GOOD.registration(CHALLENGE, attestation_object=GOOD.attestation_object(cose=cose))

    assert registered(sent) is WebRefusal.WRONG_SHAPE


def test_a_credential_is_called_what_the_authenticator_calls_it() -> None:
    sent = GOOD.registration(CHALLENGE, id=b"another name")

    assert registered(sent) is WebRefusal.WRONG_CREDENTIAL_ID


@pytest.mark.parametrize("length", [0, MAX_CREDENTIAL_ID_BYTES + 1])
def test_a_credential_has_a_name_of_the_length_that_webauthn_allows(length: int) -> None:
    made = replace(GOOD, credential_id=bytes(length))

    assert registered(made.registration(CHALLENGE)) is WebRefusal.AUTHENTICATOR_DATA_MALFORMED


def test_what_no_browser_sends_is_too_large() -> None:
    huge = bytes(8193)

    assert registered(GOOD.registration(CHALLENGE, id=huge)) is WebRefusal.TOO_LARGE
    assert asserted(GOOD.assertion(CHALLENGE, signature=huge)) is WebRefusal.TOO_LARGE


def test_another_persons_credential_shows_nothing() -> None:
    other = Authenticator(counter=7, credential_id=b"somebody else's")

    assert asserted(other.assertion(CHALLENGE)) is WebRefusal.WRONG_CREDENTIAL


@pytest.mark.parametrize("signature", [b"", b"\x00" * 70, b"no signature"])
def test_a_signature_that_is_none_is_refused(signature: bytes) -> None:
    sent = GOOD.assertion(CHALLENGE, signature=signature)

    assert asserted(sent) is WebRefusal.WRONG_SIGNATURE


def test_another_key_under_the_same_name_is_refused() -> None:
    clone = replace(GOOD, key=new_key())

    assert asserted(clone.assertion(CHALLENGE)) is WebRefusal.WRONG_SIGNATURE


@pytest.mark.parametrize(("kept", "sent"), [(7, 7), (8, 7), (1, 0)])
def test_a_counter_that_does_not_rise_is_a_replay_or_a_clone(kept: int, sent: int) -> None:
    passkey = replace(passkey_of(), counter=kept)
    used = replace(GOOD, counter=sent)

    found = asserted(used.assertion(CHALLENGE), passkey=passkey)

    assert found is WebRefusal.COUNTER_NOT_RISING


@pytest.mark.parametrize(("kept", "sent"), [(0, 0), (0, 1), (6, 7), (6, 2**32 - 1)])
def test_an_assertion_gives_the_counter_to_keep(kept: int, sent: int) -> None:
    passkey = replace(passkey_of(), counter=kept)
    used = replace(GOOD, counter=sent)

    assert asserted(used.assertion(CHALLENGE), passkey=passkey) == sent


@pytest.mark.parametrize("key", [new_key(), rsa.generate_private_key(65537, 2048)])
def test_what_is_registered_can_be_used(key: ec.EllipticCurvePrivateKey) -> None:
    flags = PRESENT | VERIFIED | ELIGIBLE | EXTENDED
    made = replace(GOOD, key=key, flags=flags, trailing=cbor2.dumps({"uvm": 1}))

    passkey = passkey_of(made)

    assert (passkey.id, passkey.counter, passkey.backup_eligible) == (made.credential_id, 7, True)
    used = replace(made, counter=8)
    assert asserted(used.assertion(CHALLENGE), passkey=passkey) == 8


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=120), st.integers(0, 400))
def test_no_bytes_raise(data: bytes, cut: int) -> None:
    whole = GOOD.attestation_object()
    for attestation_object in (data, whole[:cut] + data, whole[cut:] + data):
        sent = GOOD.registration(CHALLENGE, attestation_object=attestation_object)
        assert isinstance(registered(sent), WebRefusal) or attestation_object == whole
    changed = GOOD.head(5)[:cut] + data
    used = asserted(GOOD.assertion(CHALLENGE, authenticator_data=changed))
    assert isinstance(used, WebRefusal) or len(changed) == len(GOOD.head(5))


def test_a_party_is_the_public_urls_host_and_origin() -> None:
    assert RelyingParty.of("https://connectrex.test") == PARTY
    assert RelyingParty.of("http://localhost:8000/") == RelyingParty(
        id="localhost", origin="http://localhost:8000"
    )


def test_the_options_ask_for_a_verified_user_and_no_attestation() -> None:
    made = creation_options(CHALLENGE, PARTY, user_id=bytes(16), known=b"known", timeout_s=300)
    used = request_options(CHALLENGE, PARTY, credential_id=b"known", timeout_s=300)

    assert made["challenge"] == used["challenge"] == CHALLENGE
    assert (made["rp"]["id"], used["rpId"]) == (PARTY.id, PARTY.id)
    assert made["authenticatorSelection"]["userVerification"] == "required"
    assert used["userVerification"] == "required"
    assert made["attestation"] == "none"
    assert [each["alg"] for each in made["pubKeyCredParams"]] == [-7, -257]
    assert made["excludeCredentials"] == used["allowCredentials"]
    assert made["timeout"] == 300_000
