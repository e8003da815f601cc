"""Whatever a phone sends: an answer, never an exception, never a long wait."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from time import process_time
from typing import Any, Final

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.attestation.apple.assertion import Assertion
from backend.attestation.apple.attestation import AppleAttestation
from backend.attestation.apple.receipt import (
    MAX_RECEIPT_BYTES,
    Receipt,
    read_receipt,
    verify_receipt,
)
from backend.attestation.apple.refusal import AppleRefusal
from tests.backend.attestation.apple_vectors import vectors
from tests.support.attestation.apple_ca import (
    APP_ID,
    NOW,
    PHONE_KEY,
    ROOTS,
    Attempt,
    Given,
    Signing,
)

OBJECT: Final = Attempt().object()
ASSERTION: Final = Signing().bytes()
RECEIPT: Final = vectors("receipt")[0].bytes("receiptBase64")
OWN_RECEIPT: Final = Given().bytes()
LONGEST_S: Final = 0.25

anything: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=9) | st.integers(), inner, max_size=3)
    ),
    max_leaves=6,
)


def changed(good: bytes, place: float, cut: int, put: bytes) -> bytes:
    """`good` with some of its bytes taken out and others put in."""
    at = int(place * len(good))
    return good[:at] + put + good[at + cut :]


changes: Final = st.tuples(
    st.floats(min_value=0, max_value=1, exclude_max=True),
    st.integers(min_value=0, max_value=4),
    st.binary(max_size=4),
)


@given(data=st.binary(max_size=200))
def test_no_bytes_are_evidence(data: bytes) -> None:
    assert isinstance(Attempt(attestation_object=data).verdict(), AppleRefusal)
    assert isinstance(Signing(assertion=data).verdict(), AppleRefusal)
    assert isinstance(read_receipt(data), AppleRefusal)


@given(item=anything)
def test_no_cbor_is_evidence(item: Any) -> None:
    assert isinstance(Attempt(attestation_object=cbor2.dumps(item)).verdict(), AppleRefusal)
    assert isinstance(Signing(assertion=cbor2.dumps(item)).verdict(), AppleRefusal)


@given(fmt=anything, statement=anything, data=anything)
def test_no_values_in_place_of_the_members_are_evidence(
    fmt: Any, statement: Any, data: Any
) -> None:
    members = {"fmt": fmt, "attStmt": statement, "authData": data}
    within = {"attStmt": {"x5c": statement, "receipt": fmt}, "authData": data}

    assert isinstance(Attempt(members=members).verdict(), AppleRefusal)
    assert isinstance(Attempt(members=within).verdict(), AppleRefusal)


@given(cose=anything, trailing=st.binary(max_size=12))
def test_no_key_but_the_leafs_is_accepted(cose: Any, trailing: bytes) -> None:
    assert isinstance(Attempt(cose=cose, trailing=trailing).verdict(), AppleRefusal)


@given(data=st.binary(max_size=120))
def test_no_authenticator_data_breaks_the_parser(data: bytes) -> None:
    assert isinstance(Attempt(authenticator_data=data).verdict(), AppleRefusal)
    assert isinstance(Signing(authenticator_data=data).verdict(), AppleRefusal)


@given(change=changes)
def test_a_changed_attestation_attests_the_same_or_nothing(change: Any) -> None:
    verdict = Attempt(attestation_object=changed(OBJECT, *change)).verdict()

    # Only the receipt, which its own signature protects, may differ.
    good = Attempt(attestation_object=OBJECT).verdict()
    assert isinstance(good, AppleAttestation)
    assert (
        isinstance(verdict, AppleRefusal)
        or replace(verdict, receipt=good.receipt, public_key=good.public_key) == good
    )


@given(change=changes)
def test_a_changed_assertion_says_the_same_or_nothing(change: Any) -> None:
    verdict = Signing(assertion=changed(ASSERTION, *change)).verdict()

    good = Signing(assertion=ASSERTION).verdict()
    assert isinstance(good, Assertion)
    assert isinstance(verdict, AppleRefusal) or verdict == good


@given(change=changes)
def test_no_changed_receipt_breaks_the_parser(change: Any) -> None:
    assert isinstance(read_receipt(changed(RECEIPT, *change)), Receipt | AppleRefusal)
    assert isinstance(read_receipt(changed(OWN_RECEIPT, *change)), Receipt | AppleRefusal)


@given(change=changes)
def test_a_changed_receipt_says_the_same_or_nothing(change: Any) -> None:
    verdict = verify_receipt(
        changed(OWN_RECEIPT, *change),
        app_id=APP_ID,
        key=PHONE_KEY.public_key(),
        roots=ROOTS,
        now=NOW,
        max_age=timedelta(minutes=5),
    )

    assert isinstance(verdict, AppleRefusal) or verdict == read_receipt(OWN_RECEIPT)


@pytest.mark.parametrize(
    "data",
    [
        b"\x81" * 16_000,
        b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"\xbb\x00\x00\x00\x00\xff\xff\xff\xff",
        b"\x5b\x00\x00\x00\x7f\xff\xff\xff\xff",
        b"\xd8\x23\x6f(a{1000}){1000}",
        b"\xc2\x59\x3e\x80" + b"\xff" * 16_000,
        cbor2.dumps([0] * 16_000),
        cbor2.dumps(dict.fromkeys(range(5000), 0)),
    ],
    ids=["deep", "long array", "long map", "long bytes", "pattern", "number", "array", "map"],
)
def test_cbor_that_claims_much_is_answered_soon(data: bytes) -> None:
    before = process_time()

    attested = Attempt(attestation_object=data).verdict()
    asserted = Signing(trailing=data).verdict()

    assert process_time() - before < LONGEST_S
    assert isinstance(attested, AppleRefusal)
    assert isinstance(asserted, AppleRefusal)


@pytest.mark.parametrize(
    "data",
    [
        b"\x30\x80" * (MAX_RECEIPT_BYTES // 2),
        b"\x30\x80" * 7 + b"\x04\x00" * 8_000,
        b"\x30\x80" + b"\x04\x00" * 8_000 + b"\x00\x00",
        b"\x30\x83\xff\xff\xff",
        b"\x30\x80\x04\x80\x00\x00\x00\x00",
        bytes(MAX_RECEIPT_BYTES + 1),
    ],
    ids=["deep", "endless", "flat", "long", "primitive of unknown length", "large"],
)
def test_cms_that_claims_much_is_answered_soon(data: bytes) -> None:
    before = process_time()

    answer = read_receipt(data)

    assert process_time() - before < LONGEST_S
    assert answer in {AppleRefusal.NOT_CMS, AppleRefusal.TOO_LARGE}
