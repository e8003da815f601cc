"""App Attest evidence that is accepted, and what is then known."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

import cbor2
import pytest

from backend.attestation.apple.assertion import Assertion, CounterAdvance
from backend.attestation.apple.attestation import AppleAttestation
from backend.attestation.apple.policy import Environment
from backend.attestation.apple.receipt import Receipt
from tests.support.attestation.apple_ca import (
    APP_ID,
    ATTESTED,
    CREATED_AT,
    INTERMEDIATE,
    POLICY,
    ROOT,
    SIGNER,
    Attempt,
    Given,
    Signing,
    instant,
)

IOS_27: Final = cbor2.dumps(
    {"apple_bundle_version_01": "42", "apple_validation_category_01": bytes.fromhex("03000000")}
)


def accepted(attempt: Attempt) -> AppleAttestation:
    """The attestation, which must be good."""
    verdict = attempt.verdict()
    assert isinstance(verdict, AppleAttestation), verdict
    return verdict


def test_an_attested_key_is_known_by_application_and_environment() -> None:
    attested = accepted(Attempt())

    assert attested.app_id == APP_ID
    assert attested.environment is Environment.PRODUCTION
    assert attested.receipt == b"a receipt"


@pytest.mark.parametrize("flags", [0x40, 0xC0, 0x00])
def test_the_map_of_ios_27_is_read_whatever_the_flags_say(flags: int) -> None:
    extensions = accepted(Attempt(flags=flags, trailing=IOS_27)).extensions

    assert extensions.bundle_version == "42"
    assert extensions.validation_category == 3
    assert set(extensions.members) == {"apple_bundle_version_01", "apple_validation_category_01"}


def test_extensions_without_a_name_or_of_another_form_are_kept() -> None:
    said = {"apple_bundle_version_01": 42, "apple_validation_category_01": "3", "new_01": [1]}

    extensions = accepted(Attempt(trailing=cbor2.dumps(said))).extensions

    assert extensions.bundle_version is None
    assert extensions.validation_category is None
    assert extensions.members == said


def test_one_of_several_applications_is_told_from_the_others() -> None:
    policy = replace(POLICY, app_ids=frozenset({"ABCDE12345.test.other", APP_ID}))

    assert accepted(Attempt(policy=policy)).app_id == APP_ID


def test_a_chain_that_encloses_its_root_is_good_too() -> None:
    leaf = Attempt().leaf()

    accepted(Attempt(x5c=(leaf, INTERMEDIATE.certificate(ROOT), ROOT.certificate(ROOT))))


@pytest.mark.parametrize("trailing", [b"", IOS_27])
def test_an_assertion_advances_the_counter(trailing: bytes) -> None:
    asserted = Signing(counter=4_294_967_295, trailing=trailing).verdict()

    assert isinstance(asserted, Assertion)
    assert asserted.advance == CounterAdvance(since=ATTESTED.counter, to=4_294_967_295)
    assert (asserted.extensions.bundle_version == "42") is bool(trailing)


def test_a_receipt_tells_the_risk_when_apple_has_counted() -> None:
    later = CREATED_AT + timedelta(days=1)
    fields = {6: b"RECEIPT", 17: b"3", 19: instant(later), 7: None, 99: b"a field of tomorrow"}

    receipt = Given(fields=fields).verdict()

    assert isinstance(receipt, Receipt)
    assert receipt.risk_metric == 3
    assert receipt.not_before == later
    assert receipt.environment is None


def test_a_receipt_may_be_minutes_old_or_seconds_ahead() -> None:
    assert isinstance(Given(now=CREATED_AT + timedelta(minutes=5)).verdict(), Receipt)
    assert isinstance(Given(now=CREATED_AT - timedelta(seconds=60)).verdict(), Receipt)


def test_certificates_of_a_receipt_come_in_any_order() -> None:
    signer, above = SIGNER.certificate(INTERMEDIATE), INTERMEDIATE.certificate(ROOT)

    assert isinstance(Given(enclosed=(ROOT.certificate(ROOT), above, signer)).verdict(), Receipt)


def test_the_token_of_a_receipt_stays_out_of_what_a_log_would_print() -> None:
    receipt = Given(fields={5: b"very-secret-token"}).verdict()

    assert isinstance(receipt, Receipt)
    assert "very-secret-token" not in repr(receipt)
