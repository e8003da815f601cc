"""Push by Firebase Cloud Messaging, through firebase-admin.

firebase-admin retries on its own and, told to wait by a 429, sleeps inside the call. Back-off is
the outbox's business, so the channel gives the library a session that does neither.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import firebase_admin
import requests
from firebase_admin import _http_client, credentials, exceptions, messaging
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request

from notifications.channels.base import (
    AddressKind,
    Dead,
    Delivered,
    OutboundMessage,
    Retry,
    SendResult,
)
from notifications.channels.session import Adapter, PushSession

# FCM takes one message a request: what counts is how many requests are on the way at once.
MAX_PARALLEL = 100
# FCM keeps a message for at most four weeks.
_LONGEST_TTL = timedelta(weeks=4)
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
_ADDRESS_FIELDS = {"message.token", "message.fid"}
_BAD_TOKEN = "not a valid FCM registration token"  # noqa: S105  words of FCM, no secret


class FcmChannel:
    """Pushes a neutral notification that carries the message's id and nothing else.

    `service_account_info` is the parsed JSON key of a service account. With `proxy_url` and
    `ca_bundle` both None the usual environment (`HTTPS_PROXY`, `REQUESTS_CA_BUNDLE`) applies;
    with either of them only what is given does. `timeout_s` bounds connecting and each read.
    Raises ValueError if the key is not one of a service account.
    """

    def __init__(
        self,
        service_account_info: Mapping[str, Any],
        *,
        proxy_url: str | None,
        ca_bundle: Path | None,
        timeout_s: float,
    ) -> None:
        certificate = credentials.Certificate(dict(service_account_info))
        self._credential = certificate.get_credential()
        self._oauth_session = requests.Session()
        _configure(self._oauth_session, proxy_url, ca_bundle)
        self._oauth = functools.partial(Request(self._oauth_session), timeout=timeout_s)
        self._session = PushSession(
            self._oauth_session, self._credential, self._oauth, parallel=MAX_PARALLEL
        )
        self._app = firebase_admin.initialize_app(
            certificate, {"httpTimeout": timeout_s}, name=f"fcm-{uuid4()}"
        )
        _use_session(self._app, self._session, timeout_s)
        self._threads = ThreadPoolExecutor(MAX_PARALLEL, thread_name_prefix="fcm")

    @property
    def kinds(self) -> frozenset[AddressKind]:
        return frozenset({AddressKind.FCM_TOKEN, AddressKind.FCM_FID})

    def send(self, batch: Sequence[OutboundMessage], *, now: datetime) -> list[SendResult]:
        if not batch:
            return []
        try:
            # Here and not in each of the threads, which would all ask for a token at once.
            if not self._credential.valid:
                self._credential.refresh(self._oauth)
        except (GoogleAuthError, requests.RequestException):
            return [Retry(after_s=None, reason="OAUTH")] * len(batch)
        # Not `send_each`: it starts a thread for every message of every call.
        return list(self._threads.map(lambda message: self._send_one(message, now), batch))

    def close(self) -> None:
        self._threads.shutdown()
        firebase_admin.delete_app(self._app)
        self._session.close()
        self._oauth_session.close()

    def _send_one(self, message: OutboundMessage, now: datetime) -> SendResult:
        try:
            return Delivered(reference=messaging.send(_message(message, now), app=self._app))
        except exceptions.FirebaseError as error:
            return _failure(error)
        except (GoogleAuthError, requests.RequestException):
            return Retry(after_s=None, reason="OAUTH")
        except KeyError:  # an answer that does not name the message
            return Retry(after_s=None, reason="NO_ANSWER")


def _configure(session: requests.Session, proxy_url: str | None, ca_bundle: Path | None) -> None:
    """Sets the way out, and leaves every retry to the outbox."""
    session.mount("https://", Adapter(MAX_PARALLEL))
    if proxy_url is None and ca_bundle is None:
        return
    # Otherwise REQUESTS_CA_BUNDLE would win over `verify`, and NO_PROXY over `proxies`.
    session.trust_env = False
    if proxy_url is not None:
        session.proxies = {"https": proxy_url}
    if ca_bundle is not None:
        session.verify = str(ca_bundle)


def _use_session(app: firebase_admin.App, session: PushSession, timeout_s: float) -> None:
    """Makes `app` push through `session`, for which firebase-admin has no public way."""
    service = messaging._get_messaging_service(app)  # noqa: SLF001  see above
    service._client.close()  # noqa: SLF001  see above
    service._client = _http_client.JsonHttpClient(  # noqa: SLF001  see above
        session=session, retries=False, timeout=timeout_s
    )


def _message(message: OutboundMessage, now: datetime) -> messaging.Message:
    key, tag = message.collapse_key.value, str(message.id)
    ttl = min(max(message.expires_at - now, timedelta()), _LONGEST_TTL)
    ttl_s = str(int(ttl.total_seconds()))
    push = messaging.Message(
        data={"id": tag},
        notification=messaging.Notification(
            title=message.rendered.lock_screen_title, body=message.rendered.lock_screen_body
        ),
        # High priority is for what a person sees at once, which each of these is. The tag makes
        # a repeat replace the notification that is already on the screen.
        android=messaging.AndroidConfig(
            collapse_key=key,
            priority="high",
            ttl=ttl,
            notification=messaging.AndroidNotification(tag=tag),
        ),
        apns=messaging.APNSConfig(
            headers={
                "apns-collapse-id": key,
                "apns-priority": "10",
                "apns-expiration": str(int((now + ttl).timestamp())),
            }
        ),
        webpush=messaging.WebpushConfig(headers={"TTL": ttl_s, "Topic": key, "Urgency": "high"}),
    )
    # Set here because the constructor warns of tokens, which installed apps still report.
    if message.address.kind is AddressKind.FCM_TOKEN:
        push.token = message.address.value
    else:
        push.fid = message.address.value
    return push


def _failure(error: exceptions.FirebaseError) -> Dead | Retry:
    if isinstance(error, messaging.UnregisteredError):
        return Dead(reason="UNREGISTERED")
    if isinstance(error, messaging.SenderIdMismatchError):
        return Dead(reason="SENDER_ID_MISMATCH")
    if isinstance(error, exceptions.InvalidArgumentError) and _blames_address(error):
        return Dead(reason="INVALID_ARGUMENT")
    return Retry(after_s=_retry_after_s(error.http_response), reason=error.code)


def _blames_address(error: exceptions.FirebaseError) -> bool:
    """Whether FCM found fault with the address; any other bad argument is our own mistake.

    FCM names the offending field in some answers and says it only in words in others.
    """
    fields = _violated_fields(error.http_response)
    return fields <= _ADDRESS_FIELDS if fields else _BAD_TOKEN in str(error)


def _violated_fields(response: requests.Response) -> set[str]:
    try:
        return {
            violation["field"]
            for detail in response.json()["error"]["details"]
            if detail["@type"] == _BAD_REQUEST
            for violation in detail["fieldViolations"]
        }
    except (ValueError, LookupError, TypeError):
        return set()


def _retry_after_s(response: requests.Response | None) -> float | None:
    """The wait that the answer asks for (RFC 9110, 10.2.3), None if it does not.

    A date is read against the answer's own `Date`, so that our clock does not matter.
    """
    if response is None:
        return None
    asked = response.headers.get("Retry-After", "")
    if asked.isascii() and asked.isdigit():
        return float(asked)
    try:
        until = parsedate_to_datetime(asked)
        answered = parsedate_to_datetime(response.headers["Date"])
        return max((until - answered).total_seconds(), 0.0)
    except (ValueError, KeyError, TypeError):
        return None
