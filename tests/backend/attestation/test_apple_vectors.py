"""Real attestations, assertions and receipts: good in their time, and in no other."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from backend.attestation.apple.assertion import (
    Assertion,
    AttestedKey,
    CounterAdvance,
    verify_assertion,
)
from backend.attestation.apple.attestation import AppleAttestation, verify_attestation
from backend.attestation.apple.policy import ApplePolicy, Environment
from backend.attestation.apple.receipt import Receipt, read_receipt, verify_receipt
from backend.attestation.apple.refusal import AppleRefusal
from backend.attestation.certificates import spki_of
from backend.attestation.trust import app_attest_roots, apple_receipt_roots, read_roots
from tests.backend.attestation.apple_vectors import FOLDER, Vector, vectors

ATTESTATIONS: Final = vectors("attestation")
ASSERTIONS: Final = vectors("assertion")
RECEIPTS: Final = vectors("receipt")
ROOTS: Final = app_attest_roots()
RECEIPT_ROOTS: Final = apple_receipt_roots()
MAX_AGE: Final = timedelta(minutes=5)


def policy_for(vector: Vector) -> ApplePolicy:
    """A policy that accepts the application and the environment in which this was made."""
    return ApplePolicy(
        app_ids=frozenset({vector.app_id}), environments=frozenset({Environment.DEVELOPMENT})
    )


def verdict(vector: Vector, *, later: timedelta = timedelta(0)) -> AppleAttestation | AppleRefusal:
    """What we make of a real attestation at its time, or so much later."""
    return verify_attestation(
        vector.bytes("attestationBase64"),
        key_id=vector.bytes("keyIdBase64"),
        client_data=vector.bytes("clientDataBase64"),
        policy=policy_for(vector),
        roots=ROOTS,
        now=vector.time + later,
    )


def receipt_verdict(vector: Vector, *, later: timedelta = timedelta(0)) -> Receipt | AppleRefusal:
    """What we make of a real receipt at its creation, or so much later."""
    created_at = vector.instant("creationTime")
    assert created_at is not None
    return verify_receipt(
        vector.bytes("receiptBase64"),
        app_id=vector.app_id,
        key=vector.key,
        roots=RECEIPT_ROOTS,
        now=created_at + later,
        max_age=MAX_AGE,
    )


def test_all_documents_of_the_files_are_judged() -> None:
    kinds = [
        kind
        for path in FOLDER.glob("*.yaml")
        for kind in re.findall(
            r"^type: (\w+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE
        )
    ]

    assert kinds.count("attestation") == len(ATTESTATIONS) == 3
    assert kinds.count("assertion") == len(ASSERTIONS) == 3
    assert kinds.count("receipt") == len(RECEIPTS) == 10


@pytest.mark.parametrize("vector", ATTESTATIONS, ids=str)
def test_a_real_attestation_verifies_at_its_time(vector: Vector) -> None:
    attested = verdict(vector)

    assert isinstance(attested, AppleAttestation)
    assert attested.app_id == vector.app_id
    assert attested.environment is Environment.DEVELOPMENT
    assert attested.key_id == vector.bytes("keyIdBase64")
    assert spki_of(attested.public_key) == spki_of(vector.key)
    assert attested.roots_version == ROOTS.version
    assert dict(attested.extensions.members) == {}


@pytest.mark.parametrize("vector", ATTESTATIONS, ids=str)
def test_a_real_attestation_fails_outside_its_time(vector: Vector) -> None:
    assert verdict(vector, later=timedelta(days=4)) is AppleRefusal.EXPIRED
    assert verdict(vector, later=timedelta(days=-4)) is AppleRefusal.NOT_YET_VALID


@pytest.mark.parametrize("vector", ATTESTATIONS, ids=str)
def test_a_real_attestation_of_development_is_refused_in_production(vector: Vector) -> None:
    answer = verify_attestation(
        vector.bytes("attestationBase64"),
        key_id=vector.bytes("keyIdBase64"),
        client_data=vector.bytes("clientDataBase64"),
        policy=replace(policy_for(vector), environments=frozenset({Environment.PRODUCTION})),
        roots=ROOTS,
        now=vector.time,
    )

    assert answer is AppleRefusal.WRONG_ENVIRONMENT


@pytest.mark.parametrize("vector", ATTESTATIONS, ids=str)
def test_the_receipt_within_a_real_attestation_verifies(vector: Vector) -> None:
    attested = verdict(vector)
    assert isinstance(attested, AppleAttestation)

    receipt = verify_receipt(
        attested.receipt,
        app_id=attested.app_id,
        key=attested.public_key,
        roots=RECEIPT_ROOTS,
        now=vector.time,
        max_age=MAX_AGE,
    )

    assert isinstance(receipt, Receipt)
    assert receipt.client_hash == vector.bytes("clientDataHashSha256Base64")


@pytest.mark.parametrize("vector", ASSERTIONS, ids=str)
def test_a_real_assertion_verifies_once(vector: Vector) -> None:
    key = AttestedKey(public_key=vector.key, app_id=vector.app_id, counter=0)
    sent, said = vector.bytes("assertionBase64"), vector.bytes("clientDataBase64")

    asserted = verify_assertion(sent, client_data=said, key=key)
    again = verify_assertion(sent, client_data=said, key=replace(key, counter=1))
    of_other_data = verify_assertion(sent, client_data=said + b"!", key=key)

    assert isinstance(asserted, Assertion)
    assert asserted.advance == CounterAdvance(since=0, to=int(vector.members["counter"]))
    assert again is AppleRefusal.COUNTER_NOT_RISING
    assert of_other_data is AppleRefusal.WRONG_SIGNATURE


@pytest.mark.parametrize("vector", RECEIPTS, ids=str)
def test_a_real_receipt_verifies_at_its_time_and_says_what_it_should(vector: Vector) -> None:
    receipt = receipt_verdict(vector)

    assert isinstance(receipt, Receipt)
    assert receipt.kind.value == vector.members["properties.type"]
    assert receipt.environment == vector.members["environment"]
    assert receipt.token == vector.members["token"]
    assert receipt.client_hash == vector.bytes("clientHashBase64")
    assert str(receipt.risk_metric or "") == vector.members["riskMetric"]
    assert receipt.created_at == vector.instant("creationTime")
    assert receipt.not_before == vector.instant("notBefore")
    assert receipt.expires_at == vector.instant("expirationTime")
    assert read_receipt(vector.bytes("receiptBase64")) == receipt


@pytest.mark.parametrize("vector", RECEIPTS, ids=str)
def test_a_real_receipt_fails_outside_its_time(vector: Vector) -> None:
    assert receipt_verdict(vector, later=timedelta(minutes=6)) is AppleRefusal.RECEIPT_TOO_OLD
    assert receipt_verdict(vector, later=timedelta(minutes=-6)) is AppleRefusal.RECEIPT_FROM_FUTURE
    assert receipt_verdict(vector, later=timedelta(days=365)) is AppleRefusal.EXPIRED
    assert receipt_verdict(vector, later=timedelta(days=-365)) is AppleRefusal.NOT_YET_VALID


@pytest.mark.parametrize("vector", RECEIPTS, ids=str)
def test_a_changed_real_receipt_is_not_apples(vector: Vector) -> None:
    good = vector.bytes("receiptBase64")
    token = vector.members["token"].encode()
    created_at = vector.instant("creationTime")
    assert created_at is not None
    # The token may lie across two of the parts into which BER splits the content.
    changed = good.replace(token[:16], b"0123456789abcdef")

    answer = verify_receipt(
        changed,
        app_id=vector.app_id,
        key=vector.key,
        roots=RECEIPT_ROOTS,
        now=created_at,
        max_age=MAX_AGE,
    )

    assert changed != good
    assert answer is AppleRefusal.WRONG_RECEIPT_SIGNATURE


def test_shipped_roots_are_apples() -> None:
    published = (FOLDER / "Apple_App_Attestation_Root_CA.pem").read_bytes()

    assert read_roots(published).version == ROOTS.version
    assert RECEIPT_ROOTS.certificates[0].subject.rfc4514_string().startswith("C=US,O=Apple Inc.")
