"""The nonce: stateless, for one key, two minutes, across midnight."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.proof.nonce import Nonces
from backend.proof.refusal import ProofRefusal
from tests.backend.proof.forge import JKT, NONCES, NOW, b64, un_b64


@pytest.mark.parametrize("secret", [b"", b"x" * 31])
def test_a_short_root_secret_is_refused(secret: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Nonces(root_secret=secret)


def test_the_root_secret_does_not_show() -> None:
    assert "root secret" not in repr(NONCES)


def test_a_nonce_has_42_characters_and_carries_the_servers_time() -> None:
    nonce = NONCES.issue(jkt=JKT, now=NOW)

    assert len(nonce) == 42
    data = un_b64(nonce)
    assert data[0] == 1
    assert int.from_bytes(data[1:7]) == int(NOW.timestamp() * 1000)


def test_no_two_nonces_are_equal() -> None:
    assert len({NONCES.issue(jkt=JKT, now=NOW) for _ in range(100)}) == 100


@given(
    issued=st.datetimes(
        min_value=datetime(2020, 1, 1),  # noqa: DTZ001 hypothesis adds the zone
        max_value=datetime(2100, 1, 1),  # noqa: DTZ001 hypothesis adds the zone
        timezones=st.just(UTC),
    ),
    age_ms=st.integers(min_value=-200_000, max_value=200_000),
)
def test_a_nonce_tells_when_it_was_issued_for_two_minutes(issued: datetime, age_ms: int) -> None:
    issued = issued.replace(microsecond=issued.microsecond // 1000 * 1000)
    nonce = NONCES.issue(jkt=JKT, now=issued)

    answer = NONCES.issued_at(nonce, jkt=JKT, now=issued + timedelta(milliseconds=age_ms))

    good = -10_000 <= age_ms < 120_000
    assert answer == (issued if good else ProofRefusal.NONCE_STALE)


def test_yesterdays_key_is_good_for_two_minutes_after_midnight() -> None:
    evening = datetime(2026, 3, 1, 23, 59, 30, tzinfo=UTC)
    nonce = NONCES.issue(jkt=JKT, now=evening)

    after_midnight = evening + timedelta(seconds=119)

    assert NONCES.issued_at(nonce, jkt=JKT, now=after_midnight) == evening
    later = NONCES.issued_at(nonce, jkt=JKT, now=evening + timedelta(seconds=120))
    assert later is ProofRefusal.NONCE_STALE


def mac(body: bytes, *, day: int) -> bytes:
    """The MAC by the written protocol, with the key of a day counted from 1970."""
    label = b"connectrex dpop nonce, day %d" % day
    key = hmac.new(NONCES.root_secret, label, "sha256").digest()
    return hmac.new(key, body + JKT.encode(), "sha256").digest()[:16]


def test_only_the_key_of_its_own_day_makes_a_nonce() -> None:
    today = int(NOW.timestamp()) // 86_400
    body = un_b64(NONCES.issue(jkt=JKT, now=NOW))[:15]

    made_today = b64(body + mac(body, day=today))
    made_with_yesterdays_key = b64(body + mac(body, day=today - 1))

    assert NONCES.issued_at(made_today, jkt=JKT, now=NOW) == NOW
    assert (
        NONCES.issued_at(made_with_yesterdays_key, jkt=JKT, now=NOW) is ProofRefusal.NONCE_FOREIGN
    )


def test_the_zone_of_the_servers_clock_does_not_matter() -> None:
    elsewhere = timezone(timedelta(hours=-11))
    nonce = NONCES.issue(jkt=JKT, now=NOW.astimezone(elsewhere))

    assert NONCES.issued_at(nonce, jkt=JKT, now=NOW) == NOW


@pytest.mark.parametrize("index", range(31))
def test_no_byte_can_be_changed(index: int) -> None:
    data = bytearray(un_b64(NONCES.issue(jkt=JKT, now=NOW)))
    data[index] ^= 1

    answer = NONCES.issued_at(b64(bytes(data)), jkt=JKT, now=NOW)

    assert isinstance(answer, ProofRefusal)


@given(text=st.text(max_size=60))
def test_no_other_text_is_a_nonce(text: str) -> None:
    assert isinstance(NONCES.issued_at(text, jkt=JKT, now=NOW), ProofRefusal)


def test_a_nonce_of_any_age_is_recognised_and_nobody_elses_is() -> None:
    issued = NOW - timedelta(days=400)
    old = NONCES.issue(jkt=JKT, now=issued)

    assert NONCES.issued_ever(old, jkt=JKT) == issued
    assert NONCES.issued_ever(old, jkt="another") is ProofRefusal.NONCE_FOREIGN
    assert NONCES.issued_ever("", jkt=JKT) is ProofRefusal.NONCE_FOREIGN
