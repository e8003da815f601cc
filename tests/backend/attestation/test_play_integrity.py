"""Play Integrity tokens: each single defect by its name, and nothing that breaks the reader."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from backend.attestation.android.policy import App
from backend.attestation.play_integrity.integrity import (
    CLOCK_SKEW,
    MAX_AGE,
    Contradiction,
    PlayIntegrity,
    contradictions,
    nonce_of,
)
from backend.attestation.play_integrity.refusal import PlayIntegrityRefusal
from backend.attestation.play_integrity.token import ResponseKeys, read_response_keys
from tests.support.attestation.android_ca import APP, NOW, PACKAGE
from tests.support.attestation.play import (
    DECRYPTION_KEY,
    GOOGLE_KEY,
    KEYS,
    NONCE,
    POLICY,
    Token,
    millis,
    part,
    verdict,
)
from tests.support.attestation.x509_writer import new_key

GOOD: Final = Token().text()
PARTS: Final = GOOD.split(".")
R = PlayIntegrityRefusal


def _with(at: int, text: str) -> str:
    return ".".join((*PARTS[:at], text, *PARTS[at + 1 :]))


def _header(**members: object) -> bytes:
    return json.dumps(members).encode()


def _signature(text: bytes) -> bytes:
    """An inner token whose signature is this text."""
    return Token().signed().rpartition(b".")[0] + b"." + text


DEFECTS: Final = {
    # 1
    "nothing": ("", R.NOT_A_JWE),
    "16 KiB and a character": ("a" * (16 * 1024 + 1), R.TOO_LARGE),
    "four parts": (".".join(PARTS[:4]), R.NOT_A_JWE),
    "six parts": (GOOD + ".AAAA", R.NOT_A_JWE),
    "an empty part": (_with(3, ""), R.NOT_A_JWE),
    "padding": (_with(0, PARTS[0] + "="), R.NOT_A_JWE),
    "a line feed at the end": (GOOD + "\n", R.NOT_A_JWE),
    "the standard alphabet": (_with(2, "//++" * 4), R.NOT_A_JWE),
    "characters that no encoder writes": (_with(2, "AAAAAAAAAAAAAAAAB"), R.NOT_A_JWE),
    "trailing bits": (_with(4, PARTS[4][:-1] + "_"), R.NOT_A_JWE),
    "a wrapped key of another length": (_with(1, part(bytes(24))), R.NOT_A_JWE),
    "a nonce of another length": (_with(2, part(bytes(16))), R.NOT_A_JWE),
    "a tag cut short": (_with(4, part(bytes(12))), R.NOT_A_JWE),
    # 2
    "a header that is no JSON": (Token(jwe_header=b"{").text(), R.WRONG_JWE_HEADER),
    "a header that is a list": (Token(jwe_header=b"[]").text(), R.WRONG_JWE_HEADER),
    "a header that names a member twice": (
        Token(jwe_header=b'{"alg":"dir","alg":"A256KW","enc":"A256GCM"}').text(),
        R.WRONG_JWE_HEADER,
    ),
    "compression": (
        Token(jwe_header=_header(alg="A256KW", enc="A256GCM", zip="DEF")).text(),
        R.WRONG_JWE_HEADER,
    ),
    "an extension that must be understood": (
        Token(jwe_header=_header(alg="A256KW", enc="A256GCM", crit=["exp"])).text(),
        R.WRONG_JWE_HEADER,
    ),
    "a key given directly": (
        Token(jwe_header=_header(alg="dir", enc="A256GCM")).text(),
        R.WRONG_ENCRYPTION,
    ),
    "another content encryption": (
        Token(jwe_header=_header(alg="A256KW", enc="A128CBC-HS256")).text(),
        R.WRONG_ENCRYPTION,
    ),
    "no algorithm": (Token(jwe_header=b"{}").text(), R.WRONG_ENCRYPTION),
    # 3
    "a key wrapped for somebody else": (Token(wrapped_with=bytes(32)).text(), R.NOT_FOR_US),
    "a changed header": (
        _with(0, part(b'{"enc":"A256GCM","alg":"A256KW"}')),
        R.NOT_AUTHENTIC,
    ),
    "another nonce": (_with(2, part(b"\x01" * 12)), R.NOT_AUTHENTIC),
    "changed content": (_with(3, PARTS[4] + PARTS[3][22:]), R.NOT_AUTHENTIC),
    "another tag": (_with(4, part(bytes(16))), R.NOT_AUTHENTIC),
    # 4
    "no inner token": (Token(jws=b"hello").text(), R.NOT_A_JWS),
    "bytes that are no text": (Token(jws=b"\xff.\xff.\xff").text(), R.NOT_A_JWS),
    "an inner token without signature": (Token(jws=_signature(b"")).text(), R.NOT_A_JWS),
    "a signature in DER": (Token(jws=_signature(b"A" * 96)).text(), R.NOT_A_JWS),
    "an inner header that is no JSON": (Token(jws_header=b"ES256").text(), R.WRONG_JWS_HEADER),
    "an unencoded payload": (
        Token(jws_header=_header(alg="ES256", b64=False)).text(),
        R.WRONG_JWS_HEADER,
    ),
    "no signature by name": (Token(jws_header=_header(alg="none")).text(), R.WRONG_ALGORITHM),
    "a MAC with the public key": (
        Token(jws_header=_header(alg="HS256")).text(),
        R.WRONG_ALGORITHM,
    ),
    "a stranger's signature": (Token(signed_by=new_key()).text(), R.WRONG_SIGNATURE),
    "a signature of zeros": (Token(jws=_signature(b"A" * 86)).text(), R.WRONG_SIGNATURE),
    # 5
    "claims that are no JSON": (Token(payload=b"{").text(), R.WRONG_SHAPE),
    "claims that are a text": (Token(payload=b'"claims"').text(), R.WRONG_SHAPE),
    "claims that name a member twice": (
        Token(payload=b'{"requestDetails":{},"requestDetails":{}}').text(),
        R.WRONG_SHAPE,
    ),
    "no claims": (Token(payload=b"{}").text(), R.WRONG_SHAPE),
    "a time that is a number": (
        Token(request={"timestampMillis": 1_772_442_000_000}).text(),
        R.WRONG_SHAPE,
    ),
    "a time that is no number": (
        Token(request={"timestampMillis": "\u0661"}).text(),
        R.WRONG_SHAPE,
    ),
    "a time beyond all years": (
        Token(request={"timestampMillis": "9" * 14}).text(),
        R.WRONG_SHAPE,
    ),
    "a nonce that is true": (Token(request={"nonce": True}).text(), R.WRONG_SHAPE),
    "verdicts that are one text": (
        Token(device={"deviceRecognitionVerdict": "MEETS_DEVICE_INTEGRITY"}).text(),
        R.WRONG_SHAPE,
    ),
    "no word of the app": (Token(members={"appIntegrity": {}}).text(), R.WRONG_SHAPE),
    # 6
    "a request by another app": (
        Token(request={"requestPackageName": "test.stranger"}).text(),
        R.WRONG_PACKAGE,
    ),
    # 7
    "no nonce": (Token(nonce=None).text(), R.NONCE_MISSING),
    "a nonce and a request hash": (
        Token(request={"requestHash": NONCE}).text(),
        R.NONCE_MISSING,
    ),
    "the nonce of another enrolment": (
        Token(nonce=nonce_of("c" * 43, "b" * 43)).text(),
        R.WRONG_NONCE,
    ),
    "the nonce of another key": (Token(nonce=nonce_of("a" * 43, "c" * 43)).text(), R.WRONG_NONCE),
    "the hash of another enrolment": (
        Token(nonce=None, request={"requestHash": "x"}).text(),
        R.WRONG_REQUEST_HASH,
    ),
    # 8
    "from the future": (
        Token(made_at=NOW + CLOCK_SKEW + timedelta(milliseconds=1)).text(),
        R.FROM_FUTURE,
    ),
    "too old": (Token(made_at=NOW - MAX_AGE - timedelta(milliseconds=1)).text(), R.TOO_OLD),
    # 9
    "another app described": (Token(app={"packageName": "test.stranger"}).text(), R.WRONG_APP),
    "another signer": (
        Token(app={"certificateSha256Digest": [part(bytes(32))]}).text(),
        R.WRONG_SIGNER,
    ),
    "another signer beside ours": (
        Token(
            app={
                "certificateSha256Digest": [
                    part(bytes(32)),
                    *Token().claims()["appIntegrity"]["certificateSha256Digest"],
                ]
            }
        ).text(),
        R.WRONG_SIGNER,
    ),
    "a recognised app without signer": (
        Token(app={"certificateSha256Digest": None}).text(),
        R.WRONG_SIGNER,
    ),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_token_with_one_defect_is_refused_by_its_name(defect: str) -> None:
    token, reason = DEFECTS[defect]

    assert verdict(token) is reason


def test_every_reason_has_a_token_that_it_refuses() -> None:
    assert {reason for _, reason in DEFECTS.values()} == set(PlayIntegrityRefusal)


def test_the_defects_are_the_only_thing_wrong_with_the_tokens() -> None:
    found = verdict(GOOD)

    assert found == PlayIntegrity(
        package=PACKAGE,
        app="PLAY_RECOGNIZED",
        device=("MEETS_DEVICE_INTEGRITY", "MEETS_STRONG_INTEGRITY"),
        licensing="LICENSED",
        made_at=NOW - timedelta(seconds=2),
    )


def test_without_keys_no_token_is_for_us() -> None:
    assert verdict(GOOD, policy=replace(POLICY, keys={})) is R.NOT_FOR_US


def test_an_app_that_we_do_not_know_is_signed_by_somebody_else() -> None:
    assert verdict(GOOD, policy=replace(POLICY, apps=frozenset())) is R.WRONG_SIGNER


def test_an_empty_question_is_answered_by_nothing() -> None:
    assert verdict(Token(nonce="").text(), nonce="") is R.WRONG_NONCE
    asked_by_hash = Token(nonce=None, request={"requestHash": ""})
    assert verdict(asked_by_hash.text(), nonce="") is R.WRONG_REQUEST_HASH


@pytest.mark.parametrize(
    "token",
    [
        Token(nonce=NONCE + "="),
        Token(nonce=None, request={"requestHash": NONCE}),
        Token(made_at=NOW - MAX_AGE),
        Token(made_at=NOW + CLOCK_SKEW),
        Token(jwe_header=_header(alg="A256KW", enc="A256GCM", kid="1")),
        Token(members={"aNewMember": {"of": "Google's"}}),
    ],
    ids=["padded nonce", "request hash", "just in time", "fast clock", "key id", "new member"],
)
def test_a_good_token_of_another_form_is_believed(token: Token) -> None:
    assert isinstance(verdict(token.text()), PlayIntegrity)


def test_each_app_of_ours_has_its_own_keys() -> None:
    other = ResponseKeys(decryption=bytes(32), verification=new_key().public_key())
    both = replace(POLICY, keys={"test.connectrex.other": other, PACKAGE: KEYS})
    posing = Token(wrapped_with=bytes(32), signed_by=GOOGLE_KEY)

    assert isinstance(verdict(GOOD, policy=both), PlayIntegrity)
    assert verdict(posing.text(), policy=both) is R.WRONG_SIGNATURE


def test_one_of_several_builds_is_told_by_its_signer() -> None:
    debug = App(package=PACKAGE, signer_digests=frozenset({bytes(32)}))
    policy = replace(POLICY, apps=frozenset({debug, APP}))

    assert isinstance(verdict(GOOD, policy=policy), PlayIntegrity)


@pytest.mark.parametrize(
    ("token", "package", "found"),
    [
        (Token(), PACKAGE, ()),
        (
            Token(device={"deviceRecognitionVerdict": None}),
            PACKAGE,
            (Contradiction.DEVICE_NOT_GENUINE,),
        ),
        (
            Token(device={"deviceRecognitionVerdict": ["MEETS_BASIC_INTEGRITY"]}),
            PACKAGE,
            (Contradiction.DEVICE_NOT_GENUINE,),
        ),
        (
            Token(app={"appRecognitionVerdict": "UNRECOGNIZED_VERSION"}),
            PACKAGE,
            (Contradiction.APP_NOT_RECOGNISED,),
        ),
        (
            Token(
                app={
                    "appRecognitionVerdict": "UNEVALUATED",
                    "packageName": None,
                    "certificateSha256Digest": None,
                }
            ),
            PACKAGE,
            (Contradiction.APP_NOT_RECOGNISED,),
        ),
        (Token(), "test.connectrex.other", (Contradiction.ANOTHER_APP,)),
    ],
)
def test_a_second_opinion_that_differs_is_told(
    token: Token, package: str, found: tuple[Contradiction, ...]
) -> None:
    said = verdict(token.text())
    assert isinstance(said, PlayIntegrity)

    assert contradictions(said, package=package) == found


@pytest.mark.parametrize(
    ("decryption", "key"),
    [
        (bytes(16), new_key()),
        (bytes(32), ec.generate_private_key(ec.SECP384R1())),
        (bytes(32), rsa.generate_private_key(65537, 2048)),
    ],
)
def test_keys_of_another_kind_are_a_fault_of_the_operator(decryption: bytes, key: Any) -> None:
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    with pytest.raises(ValueError, match="key"):
        read_response_keys(decryption, der)


def test_keys_are_read_as_the_console_gives_them_and_not_shown() -> None:
    der = GOOGLE_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    keys = read_response_keys(DECRYPTION_KEY, der)

    assert isinstance(verdict(GOOD, policy=replace(POLICY, keys={PACKAGE: keys})), PlayIntegrity)
    assert "decryption" not in repr(keys)


json_values: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
parts: Final = st.sampled_from(["requestDetails", "appIntegrity", "deviceIntegrity"])


@given(st.text(max_size=300) | st.lists(st.binary(max_size=60).map(part), max_size=6).map(".".join))
def test_no_text_is_a_token(text: str) -> None:
    assert isinstance(verdict(text), PlayIntegrityRefusal)


@given(st.binary(max_size=200))
def test_no_bytes_within_are_a_token(inner: bytes) -> None:
    assert isinstance(verdict(Token(jws=inner).text()), PlayIntegrityRefusal)
    assert isinstance(verdict(Token(payload=inner).text()), PlayIntegrityRefusal)
    assert isinstance(verdict(Token(jwe_header=inner).text()), PlayIntegrityRefusal)


@given(name=parts, value=json_values)
def test_no_value_in_place_of_a_member_breaks_the_reader(name: str, value: object) -> None:
    found = verdict(Token(members={name: value}).text())

    assert found is R.WRONG_SHAPE or (isinstance(value, dict) and name == "deviceIntegrity")


@given(
    name=parts, member=st.sampled_from(sorted(Token().claims()["appIntegrity"])), value=json_values
)
def test_no_value_within_a_member_breaks_the_reader(name: str, member: str, value: object) -> None:
    members = {**Token().claims()[name], member: value}

    assert isinstance(
        verdict(Token(members={name: members}).text()), PlayIntegrity | PlayIntegrityRefusal
    )


@given(at=st.integers(min_value=0, max_value=len(GOOD) - 1), put=st.sampled_from("AZaz09-_."))
def test_no_changed_token_is_believed(at: int, put: str) -> None:
    changed = GOOD[:at] + put + GOOD[at + 1 :]

    assert changed == GOOD or isinstance(verdict(changed), PlayIntegrityRefusal)


def test_a_time_is_written_in_milliseconds() -> None:
    assert millis(NOW) == "1772442000000"
