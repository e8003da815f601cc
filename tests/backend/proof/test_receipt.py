"""Receipts: reproducible, readable with the published keys, and nobody else's."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import jwt
import pytest

from backend.proof.receipt import (
    CheckInReceipt,
    FixReceipt,
    JournalReceipt,
    read_check_in_receipt,
    read_journal_receipt,
    read_receipt,
    sign_check_in_receipt,
    sign_journal_receipt,
    sign_receipt,
)
from tests.backend.proof.forge import JKT, NOW, PHONE, SERVER, TOKENS, compact, pem, server, token

KEYS = TOKENS.keys
RECEIPT = FixReceipt(
    issuer="https://connectrex.test",
    jkt=JKT,
    seq=12,
    digest=b"\x05" * 32,
    received_at=NOW + timedelta(microseconds=1),
    outcome="ACCEPTED",
)
HEADER = {"typ": "fix-receipt+jwt", "alg": "ES256", "kid": KEYS.signing_kid}
CLAIMS: dict[str, Any] = {
    "iss": "https://connectrex.test",
    "jkt": JKT,
    "seq": 12,
    "hash": "BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU",
    "received_at": "2026-03-02T09:00:00.000001Z",
    "outcome": "ACCEPTED",
}


@pytest.mark.parametrize(
    "receipt",
    [
        RECEIPT,
        replace(RECEIPT, seq=None, outcome="PERMISSION_DENIED"),
        replace(RECEIPT, received_at=NOW),
    ],
)
def test_a_receipt_is_read_as_it_was_signed(receipt: FixReceipt) -> None:
    assert read_receipt(sign_receipt(receipt, KEYS), KEYS) == receipt


def test_anyone_with_the_published_key_can_check_it() -> None:
    published = jwt.PyJWK(KEYS.jwks()["keys"][0])

    claims = jwt.decode(sign_receipt(RECEIPT, KEYS), published, algorithms=["ES256"])

    assert claims == CLAIMS


def test_the_same_facts_give_the_same_receipt() -> None:
    elsewhere = RECEIPT.received_at.astimezone(timezone(timedelta(hours=5)))

    assert sign_receipt(RECEIPT, KEYS) == sign_receipt(
        replace(RECEIPT, received_at=elsewhere), KEYS
    )


def test_a_receipt_outlives_the_key_that_signed_it() -> None:
    rotated = server().keys.from_pem(pem(PHONE) + pem(SERVER, public=True))

    assert read_receipt(sign_receipt(RECEIPT, KEYS), rotated) == RECEIPT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        token(),
        sign_receipt(RECEIPT, server(PHONE).keys),
        compact(HEADER, CLAIMS, PHONE),
        sign_receipt(RECEIPT, KEYS)[:-4] + "AAAA",
    ],
)
def test_what_the_server_did_not_sign_is_no_receipt(text: str) -> None:
    assert read_receipt(text, KEYS) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": None},
        {"jkt": 1},
        {"seq": True},
        {"seq": 0},
        {"hash": "short"},
        {"hash": "A" * 42 + "B"},
        {"received_at": "2026-03-02T09:00:00"},
        {"received_at": "2026-13-02T09:00:00Z"},
        {"received_at": 1},
        {"outcome": ""},
    ],
)
def test_a_receipt_that_lacks_something_is_none(changes: dict[str, Any]) -> None:
    assert read_receipt(compact(HEADER, CLAIMS, SERVER), KEYS) == RECEIPT
    assert read_receipt(compact(HEADER, CLAIMS | changes, SERVER), KEYS) is None


JOURNAL = JournalReceipt(
    issuer="https://connectrex.test",
    jkt=JKT,
    n=3,
    digest=b"\x05" * 32,
    received_at=NOW,
    accepted=58,
    refused=2,
)
JOURNAL_HEADER = HEADER | {"typ": "journal-receipt+jwt"}
JOURNAL_CLAIMS: dict[str, Any] = {
    "iss": "https://connectrex.test",
    "jkt": JKT,
    "n": 3,
    "hash": "BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU",
    "received_at": "2026-03-02T09:00:00Z",
    "accepted": 58,
    "refused": 2,
}


def test_a_journal_receipt_is_read_as_it_was_signed() -> None:
    text = sign_journal_receipt(JOURNAL, KEYS)

    assert read_journal_receipt(text, KEYS) == JOURNAL
    assert text == sign_journal_receipt(JOURNAL, KEYS)
    assert read_receipt(text, KEYS) is None


def test_a_journal_receipt_says_what_the_protocol_names() -> None:
    published = jwt.PyJWK(KEYS.jwks()["keys"][0])

    claims = jwt.decode(sign_journal_receipt(JOURNAL, KEYS), published, algorithms=["ES256"])

    assert claims == JOURNAL_CLAIMS


@pytest.mark.parametrize(
    "change",
    [{"n": 0}, {"accepted": -1}, {"refused": True}, {"hash": "x"}, {"received_at": "yesterday"}],
)
def test_a_journal_receipt_of_another_form_is_none(change: dict[str, Any]) -> None:
    forged = compact(JOURNAL_HEADER, JOURNAL_CLAIMS | change, SERVER)

    assert read_journal_receipt(compact(JOURNAL_HEADER, JOURNAL_CLAIMS, SERVER), KEYS) == JOURNAL
    assert read_journal_receipt(forged, KEYS) is None
    assert read_journal_receipt(compact(JOURNAL_HEADER, JOURNAL_CLAIMS, PHONE), KEYS) is None


CHECK_IN = CheckInReceipt(
    issuer="https://connectrex.test",
    jkt=JKT,
    check_in="019cadc6-9a80-7d08-82f0-ee99731c9452",
    appointment="019cadc6-a250-7e41-a616-022717371472",
    received_at=NOW,
    punctuality="on-time",
    presence="verified",
)


def test_a_check_ins_receipt_is_read_as_it_was_signed_and_says_what_the_protocol_names() -> None:
    published = jwt.PyJWK(KEYS.jwks()["keys"][0])
    text = sign_check_in_receipt(CHECK_IN, KEYS)

    claims = jwt.decode(text, published, algorithms=["ES256"])

    assert read_check_in_receipt(text, KEYS) == CHECK_IN
    assert read_receipt(text, KEYS) is None
    assert claims == {
        "iss": "https://connectrex.test",
        "jkt": JKT,
        "check_in": CHECK_IN.check_in,
        "appointment": CHECK_IN.appointment,
        "received_at": "2026-03-02T09:00:00Z",
        "punctuality": "on-time",
        "presence": "verified",
    }


@pytest.mark.parametrize("change", [{"presence": 1}, {"received_at": "now"}, {"jkt": None}])
def test_a_check_ins_receipt_of_another_form_is_none(change: dict[str, Any]) -> None:
    header = HEADER | {"typ": "check-in-receipt+jwt"}
    claims = jwt.decode(sign_check_in_receipt(CHECK_IN, KEYS), options={"verify_signature": False})

    assert read_check_in_receipt(compact(header, claims, SERVER), KEYS) == CHECK_IN
    assert read_check_in_receipt(compact(header, claims | change, SERVER), KEYS) is None
    assert read_check_in_receipt(compact(header, claims, PHONE), KEYS) is None
