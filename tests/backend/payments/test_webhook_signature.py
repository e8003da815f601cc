from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stripe import SignatureVerificationError, WebhookSignature

from backend.core.clock import unix_s
from backend.payments.webhook_signature import TOLERANCE, is_signed, sign
from backend.simulator.provider_notices import signed
from tests.support.clocks import START

SECRET = "whsec_test"
BODY = b'{"id": "evt_1"}'
AT = unix_s(START)
GOOD = sign(BODY, SECRET, AT)


@pytest.mark.parametrize(
    "header",
    [
        "",
        ",",
        "t",
        "t=",
        "v1=" + "0" * 64,
        f"t={AT}",
        f"t={AT},v1=",
        f"t={AT},v0={GOOD.partition('v1=')[2]}",
        f"t={AT},t={AT},{GOOD.partition(',')[2]}",
        f"t=-{AT},{GOOD.partition(',')[2]}",
        f"t={AT}.0,{GOOD.partition(',')[2]}",
        f"t={'9' * 13},{GOOD.partition(',')[2]}",
        GOOD.upper(),
        GOOD + "," + "x" * 1000,
    ],
)
def test_a_header_that_cannot_be_read_is_refused(header: str) -> None:
    assert not is_signed(BODY, header, [SECRET], START)


def test_nothing_is_signed_while_there_is_no_secret() -> None:
    assert not is_signed(BODY, sign(BODY, "", AT), [], START)


def test_a_changed_body_is_refused() -> None:
    assert not is_signed(BODY + b" ", GOOD, [SECRET], START)


def test_another_secret_is_refused() -> None:
    assert not is_signed(BODY, sign(BODY, "whsec_other", AT), [SECRET], START)


def test_a_signature_cannot_be_carried_to_another_moment() -> None:
    assert not is_signed(BODY, GOOD.replace(str(AT), str(AT + 1)), [SECRET], START)


@pytest.mark.parametrize("apart", [TOLERANCE + timedelta(seconds=1), -TOLERANCE * 2])
def test_a_replayed_and_a_dated_ahead_notice_are_refused(apart: timedelta) -> None:
    assert not is_signed(BODY, GOOD, [SECRET], START + apart)


@pytest.mark.parametrize("apart", [TOLERANCE, -TOLERANCE, timedelta()])
def test_a_fresh_notice_is_taken(apart: timedelta) -> None:
    assert is_signed(BODY, GOOD, [SECRET], START + apart)


def test_both_secrets_hold_while_one_is_being_changed() -> None:
    digest = sign(BODY, "whsec_new", AT).partition(",")[2]

    assert is_signed(BODY, f"{GOOD},{digest},v0=junk", ["whsec_new"], START)
    assert is_signed(BODY, GOOD, ["whsec_new", SECRET], START)


@settings(max_examples=50)
@given(body=st.binary(max_size=200), secret=st.text(max_size=20), flipped=st.integers(0, 10_000))
def test_one_changed_bit_is_refused(body: bytes, secret: str, flipped: int) -> None:
    header = sign(body, secret, AT)
    other = bytearray(body or b"\0")
    other[flipped // 8 % len(other)] ^= 1 << flipped % 8

    assert is_signed(body, header, [secret], START)
    assert not is_signed(bytes(other), header, [secret], START)


def test_the_fake_signs_as_the_server_verifies() -> None:
    body, headers = signed({"id": "evt_1"}, SECRET, START)

    assert is_signed(body, headers["Stripe-Signature"], [SECRET], START)


def test_stripes_own_library_agrees() -> None:
    assert WebhookSignature.verify_header(BODY.decode(), GOOD, SECRET)
    with pytest.raises(SignatureVerificationError):
        WebhookSignature.verify_header(BODY.decode() + " ", GOOD, SECRET)
