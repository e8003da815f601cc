"""Receipts as a stranger verifies them, against those that the server signs."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from backend.proof.receipt import JournalReceipt, sign_journal_receipt
from backend.proof.server_keys import ServerKeys
from backend.simulator.receipt import FIX_RECEIPT, JOURNAL_RECEIPT, ReceiptKeys
from tests.support.clocks import START


def keys_of_a_server() -> ServerKeys:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return ServerKeys.from_pem(pem)


SERVER = keys_of_a_server()
TEXT = sign_journal_receipt(
    JournalReceipt(
        issuer="https://x.test",
        jkt="j" * 43,
        n=7,
        digest=bytes(32),
        received_at=START,
        accepted=58,
        refused=2,
    ),
    SERVER,
)


def read(text: str, typ: str = JOURNAL_RECEIPT, keys: ServerKeys = SERVER) -> dict[str, Any] | None:
    return ReceiptKeys(keys.jwks()).read(text, typ)


def test_a_receipt_says_what_was_received() -> None:
    claims = read(TEXT)

    assert claims is not None
    assert (claims["n"], claims["accepted"], claims["refused"]) == (7, 58, 2)
    assert claims["jkt"] == "j" * 43


def test_a_receipt_of_another_kind_is_none() -> None:
    assert read(TEXT, FIX_RECEIPT) is None


def test_a_receipt_of_another_servers_key_is_none() -> None:
    assert read(TEXT, keys=keys_of_a_server()) is None


@pytest.mark.parametrize("text", ["", "a.b.c", "..", "e30.e30." + "A" * 86, "[].[].[]"])
def test_what_is_no_receipt_is_none(text: str) -> None:
    assert read(text) is None


def test_a_changed_receipt_is_none() -> None:
    header, claims, signature = TEXT.split(".")
    other = claims[:-2] + ("A" if claims[-2] != "A" else "B") + claims[-1]

    assert read(f"{header}.{other}.{signature}") is None
    assert read(f"{header}.{claims}.{'A' * 86}") is None
