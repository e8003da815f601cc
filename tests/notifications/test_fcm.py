from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from backend.simulator.fcm import Answer, LocalFcm, Scripted
from notifications.channels.base import (
    Address,
    AddressKind,
    Dead,
    Delivered,
    OutboundMessage,
    Retry,
    SendResult,
)
from notifications.channels.fcm import MAX_PARALLEL, FcmChannel
from notifications.formats import Language
from notifications.messages import NEUTRAL
from tests.support.notifications import NOON, outbound

PATIENT_S, HASTY_S = 20.0, 0.3


@pytest.fixture(scope="module")
def fcm() -> Iterator[LocalFcm]:
    with LocalFcm() as running:
        yield running


@pytest.fixture(scope="module")
def ca_bundle(fcm: LocalFcm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fcm") / "ca.pem"
    path.write_bytes(fcm.ca_pem)
    return path


def opened(
    fcm: LocalFcm,
    ca_bundle: Path | None,
    *,
    info: dict[str, str] | None = None,
    proxy_url: str | None = None,
    timeout_s: float = PATIENT_S,
) -> FcmChannel:
    return FcmChannel(
        info or fcm.service_account_info,
        proxy_url=proxy_url or fcm.proxy_url,
        ca_bundle=ca_bundle,
        timeout_s=timeout_s,
    )


@pytest.fixture
def channel(fcm: LocalFcm, ca_bundle: Path) -> Iterator[FcmChannel]:
    channel = opened(fcm, ca_bundle)
    yield channel
    channel.close()


def to(token: str, kind: AddressKind = AddressKind.FCM_TOKEN, **more: Any) -> OutboundMessage:
    return outbound(Address(kind=kind, value=token), **more)


def send(channel: FcmChannel, *messages: OutboundMessage) -> list[SendResult]:
    return channel.send(list(messages), now=NOON)


def test_nothing_to_send_asks_nobody(channel: FcmChannel, fcm: LocalFcm) -> None:
    grants = fcm.grants

    assert send(channel) == []
    assert fcm.grants == grants


def test_what_is_no_service_account_is_refused(fcm: LocalFcm, ca_bundle: Path) -> None:
    for wrong in ({"type": "authorized_user"}, {"type": "service_account"}):
        with pytest.raises(ValueError, match=r"service account|certificate"):
            opened(fcm, ca_bundle, info=wrong)


def test_a_push_carries_a_neutral_text_and_the_id_alone(channel: FcmChannel, fcm: LocalFcm) -> None:
    token, message_id = fcm.new_phone(), uuid4()

    [result] = send(channel, to(token, message_id=message_id))

    assert isinstance(result, Delivered)
    assert result.reference.startswith("projects/connectrex-local-fake/messages/")
    [received] = fcm.received(token)
    neutral = NEUTRAL[Language.ENGLISH]
    assert received["data"] == {"id": str(message_id)}
    assert received["notification"] == {
        "title": neutral.lock_screen_title,
        "body": neutral.lock_screen_body,
    }
    assert "TEST-1" not in str(received)
    assert "subject" not in str(received)


def test_a_push_ends_with_the_event_on_every_platform(channel: FcmChannel, fcm: LocalFcm) -> None:
    token = fcm.new_phone()
    event = NOON + timedelta(hours=2)

    send(channel, to(token, expires_at=event))

    [received] = fcm.received(token)
    assert received["android"]["ttl"] == "7200s"
    assert received["apns"]["headers"]["apns-expiration"] == str(int(event.timestamp()))
    assert received["webpush"]["headers"]["TTL"] == "7200"


@pytest.mark.parametrize(
    ("lasts", "ttl"), [(timedelta(days=365), "2419200s"), (timedelta(seconds=-5), "0s")]
)
def test_a_push_lives_no_longer_than_fcm_allows_and_no_shorter_than_nothing(
    channel: FcmChannel, fcm: LocalFcm, lasts: timedelta, ttl: str
) -> None:
    token = fcm.new_phone()

    send(channel, to(token, expires_at=NOON + lasts))

    assert fcm.received(token)[0]["android"]["ttl"] == ttl


def test_a_push_has_its_collapse_key_and_high_priority_on_every_platform(
    channel: FcmChannel, fcm: LocalFcm
) -> None:
    token = fcm.new_phone()

    send(channel, to(token))

    [received] = fcm.received(token)
    assert received["android"]["collapse_key"] == "payment"
    assert received["apns"]["headers"]["apns-collapse-id"] == "payment"
    assert received["webpush"]["headers"]["Topic"] == "payment"
    assert received["android"]["priority"] == "high"
    assert received["apns"]["headers"]["apns-priority"] == "10"


def test_an_installation_id_is_sent_as_one(channel: FcmChannel, fcm: LocalFcm) -> None:
    fid = fcm.new_phone()

    [result] = send(channel, to(fid, AddressKind.FCM_FID))

    assert isinstance(result, Delivered)
    assert fcm.received(fid)[0]["fid"] == fid
    assert "token" not in fcm.received(fid)[0]


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (Answer.UNREGISTERED, Dead(reason="UNREGISTERED")),
        (Answer.SENDER_ID_MISMATCH, Dead(reason="SENDER_ID_MISMATCH")),
        (Answer.INVALID_TOKEN, Dead(reason="INVALID_ARGUMENT")),
        (Answer.INVALID_TOKEN_FIELD, Dead(reason="INVALID_ARGUMENT")),
        (Answer.INVALID_ARGUMENT, Retry(after_s=None, reason="INVALID_ARGUMENT")),
        (Answer.QUOTA_EXCEEDED, Retry(after_s=None, reason="RESOURCE_EXHAUSTED")),
        (Answer.INTERNAL, Retry(after_s=None, reason="INTERNAL")),
        (Answer.UNAVAILABLE, Retry(after_s=None, reason="UNAVAILABLE")),
        (Answer.NOT_JSON, Retry(after_s=None, reason="INVALID_ARGUMENT")),
    ],
)
def test_what_fcm_refuses_is_dead_only_if_the_address_is(
    channel: FcmChannel, fcm: LocalFcm, answer: Answer, result: SendResult
) -> None:
    token = fcm.new_phone()
    fcm.script(token, answer)

    assert send(channel, to(token)) == [result]
    assert fcm.received(token) == []


def test_a_token_that_fcm_never_gave_out_is_dead(channel: FcmChannel) -> None:
    assert send(channel, to("no-token")) == [Dead(reason="INVALID_ARGUMENT")]


def test_an_uninstalled_app_is_dead(channel: FcmChannel, fcm: LocalFcm) -> None:
    token = fcm.new_phone()
    fcm.uninstall(token)

    assert send(channel, to(token)) == [Dead(reason="UNREGISTERED")]


@pytest.mark.parametrize("answer", [Answer.QUOTA_EXCEEDED, Answer.UNAVAILABLE])
def test_a_wait_that_fcm_asks_for_is_passed_on_and_not_slept(
    channel: FcmChannel, fcm: LocalFcm, answer: Answer
) -> None:
    token = fcm.new_phone()
    fcm.script(token, Scripted(answer=answer, after_s=120))
    send(channel, to(fcm.new_phone()))
    started, sends = time.monotonic(), fcm.sends

    [result] = send(channel, to(token))

    assert isinstance(result, Retry)
    assert result.after_s == 120
    assert time.monotonic() - started < PATIENT_S
    assert fcm.sends == sends + 1


def test_a_wait_given_as_a_date_is_read_against_the_answers_own(
    channel: FcmChannel, fcm: LocalFcm
) -> None:
    token = fcm.new_phone()
    fcm.script(token, Scripted(answer=Answer.UNAVAILABLE, after_s=90, as_date=True))

    [result] = send(channel, to(token))

    assert isinstance(result, Retry)
    assert result.after_s in {90, 91}  # the second may turn between the two dates


@pytest.mark.parametrize(
    ("answer", "timeout_s", "reason"),
    [
        (Scripted(answer=Answer.SLOW, after_s=1), HASTY_S, "DEADLINE_EXCEEDED"),
        (Scripted(answer=Answer.HALF_CLOSED), PATIENT_S, "UNKNOWN"),
        (Scripted(answer=Answer.DROPPED), PATIENT_S, "UNAVAILABLE"),
        (Scripted(answer=Answer.NO_NAME), PATIENT_S, "NO_ANSWER"),
    ],
)
def test_a_push_whose_answer_is_lost_is_repeated_under_the_same_id(
    channel: FcmChannel,
    fcm: LocalFcm,
    ca_bundle: Path,
    answer: Scripted,
    timeout_s: float,
    reason: str,
) -> None:
    token = fcm.new_phone()
    fcm.script(token, answer)
    message = to(token, message_id=UUID(int=5))
    losing = opened(fcm, ca_bundle, timeout_s=timeout_s)

    first, second = send(losing, message), send(channel, message)
    losing.close()

    assert first == [Retry(after_s=None, reason=reason)]
    assert isinstance(second[0], Delivered)
    received = fcm.received(token)
    assert [one["data"]["id"] for one in received] == [str(UUID(int=5))] * 2
    assert {one["android"]["collapse_key"] for one in received} == {"payment"}
    assert {one["android"]["notification"]["tag"] for one in received} == {str(UUID(int=5))}


def test_no_proxy_at_all_means_later(fcm: LocalFcm, ca_bundle: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        channel = opened(fcm, ca_bundle, proxy_url=f"http://127.0.0.1:{port}")
        results = send(channel, to("a"), to("b"))
        channel.close()

    assert results == [Retry(after_s=None, reason="OAUTH")] * 2


def test_a_server_with_a_certificate_of_strangers_gets_nothing(
    fcm: LocalFcm, tmp_path: Path
) -> None:
    token, grants = fcm.new_phone(), fcm.grants
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "strangers.pem"))
    channel = opened(fcm, tmp_path / "strangers.pem")

    results = send(channel, to(token))
    channel.close()

    assert results == [Retry(after_s=None, reason="OAUTH")]
    assert fcm.grants == grants
    assert fcm.received(token) == []


def test_an_account_with_another_key_is_not_let_in(fcm: LocalFcm, ca_bundle: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    token = fcm.new_phone()
    channel = opened(fcm, ca_bundle, info=fcm.service_account_info | {"private_key": key.decode()})

    results = send(channel, to(token))
    channel.close()

    assert results == [Retry(after_s=None, reason="OAUTH")]
    assert fcm.received(token) == []


def test_an_access_token_that_lapsed_is_renewed_within_the_call(
    channel: FcmChannel, fcm: LocalFcm
) -> None:
    token = fcm.new_phone()
    send(channel, to(token))
    grants = fcm.grants
    fcm.revoke_grants()

    [result] = send(channel, to(token))

    assert isinstance(result, Delivered)
    assert fcm.grants == grants + 1


def test_a_batch_whose_access_is_refused_on_the_way_waits(
    channel: FcmChannel, fcm: LocalFcm
) -> None:
    token = fcm.new_phone()
    send(channel, to(token))
    fcm.revoke_grants(refuse_more=True)

    results = send(channel, to(token), to(token))
    fcm.revoke_grants()

    assert results == [Retry(after_s=None, reason="OAUTH")] * 2
    assert len(fcm.received(token)) == 1


def test_a_large_batch_is_answered_in_order_with_one_access_token(
    channel: FcmChannel, fcm: LocalFcm
) -> None:
    phones = [fcm.new_phone() for _ in range(MAX_PARALLEL + 20)]
    for token in phones[::7]:
        fcm.uninstall(token)
    grants = fcm.grants

    results = send(channel, *(to(token) for token in phones))

    dead = [isinstance(result, Dead) for result in results]
    assert dead == [n % 7 == 0 for n in range(len(phones))]
    assert fcm.grants == grants + 1


def test_the_usual_environment_applies_where_nothing_is_given(
    fcm: LocalFcm, ca_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy", "HTTPS_PROXY", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", fcm.proxy_url)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_bundle))
    token = fcm.new_phone()
    channel = FcmChannel(
        fcm.service_account_info, proxy_url=None, ca_bundle=None, timeout_s=PATIENT_S
    )

    [result] = send(channel, to(token))
    channel.close()

    assert isinstance(result, Delivered)


@pytest.mark.parametrize("given", ["proxy", "authority"])
def test_what_is_given_alone_is_not_completed_from_the_environment(
    fcm: LocalFcm, ca_bundle: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("https_proxy", fcm.proxy_url)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_bundle))
    channel = FcmChannel(
        fcm.service_account_info,
        proxy_url=fcm.proxy_url if given == "proxy" else None,
        ca_bundle=ca_bundle if given == "authority" else None,
        timeout_s=PATIENT_S,
    )

    results = send(channel, to(fcm.new_phone()))
    channel.close()

    assert results == [Retry(after_s=None, reason="OAUTH")]


def test_what_is_given_wins_over_the_environment(
    channel: FcmChannel, fcm: LocalFcm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")

    [result] = send(channel, to(fcm.new_phone()))

    assert isinstance(result, Delivered)
