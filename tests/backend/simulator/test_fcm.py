"""The fake is tested because the demo and other tests believe it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests

from backend.simulator.fcm import BANNER, Answer, LocalFcm, Scripted
from notifications.channels.base import Address, AddressKind, Delivered
from notifications.channels.fcm import FcmChannel
from tests.support.notifications import NOON, outbound

SEND_URL = "https://fcm.googleapis.com/v1/projects/connectrex-local-fake/messages:send"
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def fcm() -> Iterator[LocalFcm]:
    with LocalFcm() as running:
        yield running


@pytest.fixture(scope="module")
def google(fcm: LocalFcm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[requests.Session]:
    """A session for which the fake is Google."""
    path = tmp_path_factory.mktemp("fcm") / "ca.pem"
    path.write_bytes(fcm.ca_pem)
    with requests.Session() as session:
        session.trust_env = False
        session.proxies = {"https": fcm.proxy_url}
        session.verify = str(path)
        yield session


@pytest.fixture
def control() -> Iterator[requests.Session]:
    """A session for the plain control addresses."""
    with requests.Session() as session:
        session.trust_env = False
        yield session


def claims(fcm: LocalFcm, **changed: Any) -> dict[str, Any]:
    good = {
        "iss": fcm.service_account_info["client_email"],
        "aud": "https://oauth2.googleapis.com/token",
        "iat": int(time.time()),
        "exp": int(time.time()) + 60,
        "scope": "https://www.googleapis.com/auth/cloud-platform",
    }
    return {name: value for name, value in (good | changed).items() if value is not None}


def ask_for_token(fcm: LocalFcm, google: requests.Session, assertion: str) -> requests.Response:
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": assertion,
    }
    return google.post(fcm.service_account_info["token_uri"], data=form, timeout=5)


def signed(fcm: LocalFcm, **changed: Any) -> str:
    key = fcm.service_account_info["private_key"]
    return jwt.encode(claims(fcm, **changed), key, algorithm="RS256")


@pytest.fixture(scope="module")
def bearer(fcm: LocalFcm, google: requests.Session) -> str:
    answer = ask_for_token(fcm, google, signed(fcm))
    token: str = answer.json()["access_token"]
    return token


def push(google: requests.Session, message: object, authorization: str) -> requests.Response:
    return google.post(
        SEND_URL,
        json={"message": message},
        headers={"Authorization": authorization},
        timeout=5,
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "https://elsewhere.example/token"},
        {"iss": "someone@else.example"},
        {"exp": 1},
        {"exp": None},
        {"iat": None},
        {"scope": None},
        {"scope": "https://www.googleapis.com/auth/drive"},
    ],
)
def test_an_assertion_with_wrong_claims_gets_no_access(
    fcm: LocalFcm, google: requests.Session, changed: Mapping[str, Any]
) -> None:
    answer = ask_for_token(fcm, google, signed(fcm, **changed))

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_grant"


@pytest.mark.parametrize(("key", "algorithm"), [("secret" * 10, "HS256"), ("", "none")])
def test_an_assertion_that_the_accounts_key_did_not_sign_gets_no_access(
    fcm: LocalFcm, google: requests.Session, key: str, algorithm: str
) -> None:
    assertion = jwt.encode(claims(fcm), key, algorithm=algorithm)

    assert ask_for_token(fcm, google, assertion).status_code == 400
    assert ask_for_token(fcm, google, "").status_code == 400


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ya29.forged", "Basic eA=="])
def test_nothing_is_pushed_without_access(
    fcm: LocalFcm, google: requests.Session, authorization: str
) -> None:
    token = fcm.new_phone()

    answer = push(google, {"token": token}, authorization)

    assert answer.status_code == 401
    assert answer.json()["error"]["status"] == "UNAUTHENTICATED"
    assert fcm.received(token) == []


@pytest.mark.parametrize(
    ("message", "blamed"),
    [
        (None, "message"),
        ({}, "message"),
        ({"token": "a", "fid": "b"}, "message"),
        ({"token": "PHONE", "priority": "high"}, "message"),
        ({"token": "PHONE", "data": {"n": 1}}, "message.data"),
        ({"token": "PHONE", "data": "id"}, "message.data"),
        ({"token": "PHONE", "data": {"text": "x" * 4096}}, "message"),
        ({"token": "PHONE", "android": {"ttl": 60}}, "message.android.ttl"),
        ({"token": "PHONE", "android": "now"}, "message.android.ttl"),
        ({"token": ""}, None),
        ({"token": 7}, None),
        ({"token": "never handed out"}, None),
    ],
)
def test_what_google_would_refuse_is_refused(
    fcm: LocalFcm,
    google: requests.Session,
    bearer: str,
    message: dict[str, Any] | None,
    blamed: str | None,
) -> None:
    token = fcm.new_phone()
    if message is not None and message.get("token") == "PHONE":
        message = message | {"token": token}

    answer = push(google, message, f"Bearer {bearer}")

    error = answer.json()["error"]
    assert (answer.status_code, error["status"]) == (400, "INVALID_ARGUMENT")
    fields = [one["fieldViolations"][0]["field"] for one in error["details"][1:]]
    assert fields == ([blamed] if blamed else [])
    assert fcm.received(token) == []


def test_what_is_well_formed_reaches_the_phone_and_no_other(
    fcm: LocalFcm, google: requests.Session, bearer: str
) -> None:
    token, other = fcm.new_phone(), fcm.new_phone()
    message = {"token": token, "data": {"id": "1"}, "android": {"ttl": "3.5s"}}

    answer = push(google, message, f"Bearer {bearer}")

    assert answer.status_code == 200
    assert answer.json()["name"].startswith("projects/connectrex-local-fake/messages/")
    assert fcm.received(token) == [message]
    assert fcm.received(other) == []


def test_scripted_answers_come_in_order_and_then_all_is_well(
    fcm: LocalFcm, google: requests.Session, bearer: str
) -> None:
    token = fcm.new_phone()
    fcm.script(token, Answer.INTERNAL, Scripted(answer=Answer.UNAVAILABLE, after_s=7))

    answers = [push(google, {"token": token}, f"Bearer {bearer}") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [500, 503, 200]
    assert answers[1].headers["Retry-After"] == "7"


def test_a_last_answer_can_be_given_forever(
    fcm: LocalFcm, google: requests.Session, bearer: str
) -> None:
    token = fcm.new_phone()
    fcm.script(token, Answer.INTERNAL, Answer.QUOTA_EXCEEDED, forever=True)

    answers = [push(google, {"token": token}, f"Bearer {bearer}") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [500, 429, 429, 429]


def test_it_leads_nowhere_else(google: requests.Session) -> None:
    with pytest.raises(requests.exceptions.ProxyError):
        google.get("https://www.example.com/", timeout=5)
    other_project = SEND_URL.replace("connectrex-local-fake", "other")
    assert google.post(other_project, json={}, timeout=5).status_code == 404
    assert google.get(SEND_URL, timeout=5).status_code == 404


def test_without_tls_it_is_no_google(fcm: LocalFcm, control: requests.Session) -> None:
    answer = control.post(
        f"{fcm.proxy_url}/v1/projects/connectrex-local-fake/messages:send", timeout=5
    )

    assert answer.status_code == 404


def test_it_says_that_it_is_a_fake(
    fcm: LocalFcm, control: requests.Session, capsys: pytest.CaptureFixture[str]
) -> None:
    with LocalFcm():
        pass

    assert BANNER in capsys.readouterr().err
    assert control.get(fcm.proxy_url, timeout=5).json() == {"what": BANNER}


def test_another_process_plays_the_phones_over_http(
    fcm: LocalFcm, google: requests.Session, control: requests.Session, bearer: str
) -> None:
    token = control.post(f"{fcm.proxy_url}/phones", timeout=5).json()["token"]
    phone = f"{fcm.proxy_url}/phones/{token}"
    script = {"answers": [{"answer": "UNAVAILABLE", "after_s": 30}]}
    scripted = control.post(f"{phone}/answers", json=script, timeout=5)
    statuses = [push(google, {"token": token}, f"Bearer {bearer}").status_code for _ in range(2)]
    messages = control.get(f"{phone}/messages", timeout=5).json()
    deleted = control.delete(phone, timeout=5)
    after = push(google, {"token": token}, f"Bearer {bearer}")

    assert scripted.status_code == deleted.status_code == 204
    assert statuses == [503, 200]
    assert messages == {"messages": [{"token": token}]}
    assert after.json()["error"]["details"][0]["errorCode"] == "UNREGISTERED"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/phones/nobody/messages", None, 404),
        ("DELETE", "/phones/nobody", None, 404),
        ("POST", "/phones/nobody/answers", {"answers": []}, 404),
        ("POST", "/phones/nobody/answers", {"answers": [{"answer": "SOMETIMES"}]}, 400),
        ("POST", "/phones/nobody/answers", [], 400),
        ("POST", "/phones/nobody/answers", {}, 404),
        ("GET", "/elsewhere", None, 404),
    ],
)
def test_a_wrong_order_is_refused(
    fcm: LocalFcm, control: requests.Session, method: str, path: str, body: object, status: int
) -> None:
    answer = control.request(method, fcm.proxy_url + path, json=body, timeout=5)

    assert answer.status_code == status


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The fake as a process of its own, with its files written."""
    command = [sys.executable, "-m", "backend.simulator.fcm", "--dir", str(tmp_path / "fcm")]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as running:
        for _ in range(200):
            if (tmp_path / "fcm" / "address.json").exists():
                break
            time.sleep(0.05)  # a starting process has no other way to tell
        yield running
        running.kill()


def test_a_process_of_its_own_serves_a_sender_that_read_its_files(
    process: subprocess.Popen[str], tmp_path: Path, control: requests.Session
) -> None:
    files = tmp_path / "fcm"
    address = json.loads((files / "address.json").read_text())
    account = files / "service-account.json"
    token = control.post(f"{address['control_url']}/phones", timeout=5).json()["token"]
    channel = FcmChannel(
        json.loads(account.read_text()),
        proxy_url=address["proxy_url"],
        ca_bundle=files / "ca.pem",
        timeout_s=5,
    )

    target = Address(kind=AddressKind.FCM_TOKEN, value=token)
    [result] = channel.send([outbound(target)], now=NOON)
    channel.close()
    seen = control.get(f"{address['control_url']}/phones/{token}/messages", timeout=5).json()
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=10)

    assert isinstance(result, Delivered)
    assert len(seen["messages"]) == 1
    assert account.stat().st_mode & 0o077 == 0
    assert process.returncode == 0
    assert BANNER in errors
