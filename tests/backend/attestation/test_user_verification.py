"""Presence keys: what lets somebody else sign is refused, on Android and on iOS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

import pytest

from backend.attestation.android.attestation import AndroidAttestation
from backend.attestation.android.refusal import AndroidRefusal
from backend.attestation.android.user_verification import (
    MAX_AUTH_TIMEOUT_S,
    wrong_user_verification,
)
from backend.attestation.apple.client_data import (
    VERIFYING_ACCESS_CONTROLS,
    wrong_presence_data,
)
from backend.attestation.apple.refusal import AppleRefusal
from tests.support.attestation.android_ca import Statement, stating
from tests.support.attestation.der_writer import integer, null

VERIFYING: Final = {503: None, 504: integer(2)}
GOOD: Final = {
    "access_control": "biometryCurrentSet",
    "challenge": "c" * 43,
    "jkt": "j" * 43,
    "presence_jkt": "p" * 43,
}


def refusal_of(statement: Statement) -> AndroidRefusal | None:
    """What is wrong with a key of which a whole chain states this."""
    found = stating(statement).verdict()
    assert isinstance(found, AndroidAttestation)
    return wrong_user_verification(found.description)


@pytest.mark.parametrize(
    ("hardware", "software", "reason"),
    [
        ({}, {}, AndroidRefusal.USER_AUTH_NOT_REQUIRED),
        ({503: None}, {}, AndroidRefusal.USER_AUTH_NOT_REQUIRED),
        ({503: None}, {504: integer(2)}, AndroidRefusal.USER_AUTH_NOT_REQUIRED),
        ({503: None, 504: integer(0)}, {}, AndroidRefusal.USER_AUTH_NOT_REQUIRED),
        ({504: integer(2)}, {}, AndroidRefusal.USER_AUTH_NOT_REQUIRED),
        (VERIFYING, {503: null()}, AndroidRefusal.USER_AUTH_NOT_REQUIRED),
        (
            {**VERIFYING, 505: integer(MAX_AUTH_TIMEOUT_S + 1)},
            {},
            AndroidRefusal.AUTH_TIMEOUT_TOO_LONG,
        ),
        ({**VERIFYING, 506: null()}, {}, AndroidRefusal.USABLE_ON_BODY),
        (VERIFYING, {506: null()}, AndroidRefusal.USABLE_ON_BODY),
    ],
)
def test_a_key_that_opens_to_somebody_else_is_refused(
    hardware: Mapping[int, bytes | None], software: Mapping[int, bytes], reason: AndroidRefusal
) -> None:
    statement = Statement().enforcing(hardware).saying(software)

    assert refusal_of(statement) is reason


@pytest.mark.parametrize("kind", [1, 2, 3, 2**32 - 1])
@pytest.mark.parametrize("timeout", [None, 1, MAX_AUTH_TIMEOUT_S])
def test_a_key_that_asks_each_time_who_is_there_is_taken(kind: int, timeout: int | None) -> None:
    limit = None if timeout is None else integer(timeout)

    statement = Statement().enforcing({503: None, 504: integer(kind), 505: limit})

    assert refusal_of(statement) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"challenge": "x" * 43}, AppleRefusal.WRONG_CHALLENGE),
        ({"jkt": "x" * 43}, AppleRefusal.WRONG_ENROLLED_KEY),
        ({"presence_jkt": "x" * 43}, AppleRefusal.WRONG_PRESENCE_KEY),
        ({"access_control": ""}, AppleRefusal.USER_VERIFICATION_NOT_REQUIRED),
        ({"access_control": "privateKeyUsage"}, AppleRefusal.USER_VERIFICATION_NOT_REQUIRED),
        ({"access_control": 1}, AppleRefusal.CLIENT_DATA_MALFORMED),
        ({"more": "members"}, AppleRefusal.CLIENT_DATA_MALFORMED),
    ],
)
def test_what_the_app_does_not_vouch_for_is_refused(
    changes: Mapping[str, object], reason: AppleRefusal
) -> None:
    data = json.dumps({**GOOD, **changes}).encode()

    assert _wrong(data) is reason


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b" " * 513])
def test_what_is_no_client_data_is_refused(data: bytes) -> None:
    assert _wrong(data) is AppleRefusal.CLIENT_DATA_MALFORMED


@pytest.mark.parametrize("guard", sorted(VERIFYING_ACCESS_CONTROLS))
def test_a_key_that_the_app_says_is_guarded_is_taken(guard: str) -> None:
    assert _wrong(json.dumps({**GOOD, "access_control": guard}).encode()) is None


@pytest.mark.parametrize("expected", ["challenge", "jkt", "presence_jkt"])
def test_nothing_is_met_by_nothing(expected: str) -> None:
    data = json.dumps({**GOOD, expected: ""}).encode()
    wanted = {name: GOOD[name] for name in ("challenge", "jkt", "presence_jkt")}

    assert wrong_presence_data(data, **{**wanted, expected: ""}) is not None


def _wrong(data: bytes) -> AppleRefusal | None:
    wanted = {name: GOOD[name] for name in ("challenge", "jkt", "presence_jkt")}
    return wrong_presence_data(data, **wanted)
