"""What the local FCM knows and answers: phones, bearer tokens, scripted failures. No sockets."""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

PROJECT = "connectrex-local-fake"  # what a server must refuse in production
TOKEN_LIFETIME_S = 3600

_ACCOUNT = f"push@{PROJECT}.iam.gserviceaccount.com"
_GOOGLE_TOKEN_AUDIENCE = "https://oauth2.googleapis.com/token"  # noqa: S105  a published address
_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_SCOPES = {
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/firebase.messaging",
}
_LARGEST_PAYLOAD = 4096
_MESSAGE_MEMBERS = {
    *("name", "data", "notification", "android", "webpush", "apns", "fcm_options"),
    *("token", "fid", "topic", "condition"),
}
_TTL = re.compile(r"\d+(\.\d{1,9})?s")
_FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"


class Answer(Enum):
    """How the fake answers a send."""

    ACCEPTED = "ACCEPTED"
    UNREGISTERED = "UNREGISTERED"
    SENDER_ID_MISMATCH = "SENDER_ID_MISMATCH"
    INVALID_TOKEN = "INVALID_TOKEN"  # noqa: S105  400, and the token is to blame
    INVALID_TOKEN_FIELD = "INVALID_TOKEN_FIELD"  # noqa: S105  the same, in Google's other wording
    INVALID_ARGUMENT = "INVALID_ARGUMENT"  # 400, and the message is to blame
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    INTERNAL = "INTERNAL"
    UNAVAILABLE = "UNAVAILABLE"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    NOT_JSON = "NOT_JSON"  # 400 and a page, as from a proxy on the way
    SLOW = "SLOW"  # accepted after `after_s`
    HALF_CLOSED = "HALF_CLOSED"  # accepted, and the answer breaks off
    NO_NAME = "NO_NAME"  # accepted, and the answer lacks the message's name
    DROPPED = "DROPPED"  # accepted, and the connection closes without an answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Scripted:
    """An answer, and the seconds of its slowness or of its Retry-After, which may be a date."""

    answer: Answer
    after_s: float = 0.0
    as_date: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error as Google words it. `code` is FCM's own, `field` the offending member."""

    status: HTTPStatus
    name: str
    text: str
    code: str = ""
    field: str = ""

    def body(self) -> dict[str, Any]:
        details: list[dict[str, Any]] = []
        if self.code:
            details.append({"@type": _FCM_ERROR, "errorCode": self.code})
        if self.field:
            violation = {"field": self.field, "description": self.text}
            details.append({"@type": _BAD_REQUEST, "fieldViolations": [violation]})
        error = {"code": self.status, "message": self.text, "status": self.name}
        return {"error": error | ({"details": details} if details else {})}


def _invalid(text: str, at: str = "") -> Refusal:
    return Refusal(
        status=HTTPStatus.BAD_REQUEST,
        name="INVALID_ARGUMENT",
        text=text,
        code="INVALID_ARGUMENT",
        field=at,
    )


UNAUTHENTICATED = Refusal(
    status=HTTPStatus.UNAUTHORIZED,
    name="UNAUTHENTICATED",
    text="Request had invalid authentication credentials.",
)
BAD_TOKEN = _invalid("The registration token is not a valid FCM registration token")
REFUSALS = {
    Answer.UNREGISTERED: Refusal(
        status=HTTPStatus.NOT_FOUND,
        name="NOT_FOUND",
        text="Requested entity was not found.",
        code="UNREGISTERED",
    ),
    Answer.SENDER_ID_MISMATCH: Refusal(
        status=HTTPStatus.FORBIDDEN,
        name="PERMISSION_DENIED",
        text="SenderId mismatch",
        code="SENDER_ID_MISMATCH",
    ),
    Answer.INVALID_TOKEN: BAD_TOKEN,
    Answer.INVALID_TOKEN_FIELD: _invalid("Invalid registration token", "message.token"),
    Answer.INVALID_ARGUMENT: _invalid("Invalid value at 'message.data'", "message.data"),
    Answer.QUOTA_EXCEEDED: Refusal(
        status=HTTPStatus.TOO_MANY_REQUESTS,
        name="RESOURCE_EXHAUSTED",
        text="Quota exceeded for sending messages.",
        code="QUOTA_EXCEEDED",
    ),
    Answer.INTERNAL: Refusal(
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        name="INTERNAL",
        text="Internal error encountered.",
        code="INTERNAL",
    ),
    Answer.UNAVAILABLE: Refusal(
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        name="UNAVAILABLE",
        text="The service is currently unavailable.",
        code="UNAVAILABLE",
    ),
    Answer.UNAUTHENTICATED: UNAUTHENTICATED,
}


_DELIVERING = {
    *(Answer.ACCEPTED, Answer.SLOW, Answer.HALF_CLOSED),
    *(Answer.NO_NAME, Answer.DROPPED),
}


@dataclass(slots=True, kw_only=True)
class _Phone:
    """One installed app."""

    installed: bool = True
    messages: list[dict[str, Any]] = field(default_factory=list)
    script: list[Scripted] = field(default_factory=list)
    forever: bool = False

    def next_answer(self) -> Scripted:
        if not self.installed:
            return Scripted(answer=Answer.UNREGISTERED)
        if not self.script:
            return Scripted(answer=Answer.ACCEPTED)
        if self.forever and len(self.script) == 1:
            return self.script[0]
        return self.script.pop(0)


class PushService:
    """The phones, the grants and the answers. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._phones: dict[str, _Phone] = {}
        self._bearers: dict[str, float] = {}
        self._sends = 0
        self._grants = 0
        self._refusing_grants = False
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def sends(self) -> int:
        """How many well-formed sends came, refused ones included."""
        return self._sends

    @property
    def grants(self) -> int:
        """How many bearer tokens were handed out."""
        return self._grants

    def account_info(self, token_uri: str) -> dict[str, str]:
        """The JSON key of a service account, like those that Google hands out."""
        pem = self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "local",
            "private_key": pem.decode(),
            "client_email": _ACCOUNT,
            "client_id": "1",
            "token_uri": token_uri,
        }

    # What phones do.

    def new_phone(self) -> str:
        """The registration token of an app that was installed just now."""
        token = f"{secrets.token_urlsafe(16)}:{secrets.token_urlsafe(96)}"
        with self._lock:
            self._phones[token] = _Phone()
        return token

    def received(self, token: str) -> list[dict[str, Any]]:
        """The messages that reached the phone, oldest first. Raises KeyError for no phone."""
        with self._lock:
            return list(self._phones[token].messages)

    def uninstall(self, token: str) -> None:
        """From now on the token is UNREGISTERED. Raises KeyError for no phone."""
        with self._lock:
            self._phones[token].installed = False

    def script(self, token: str, *answers: Answer | Scripted, forever: bool = False) -> None:
        """How the next sends to `token` are answered, one each; with `forever` the last stays.

        Raises KeyError for no phone.
        """
        scripted = [one if isinstance(one, Scripted) else Scripted(answer=one) for one in answers]
        with self._lock:
            phone = self._phones[token]
            phone.script, phone.forever = scripted, forever

    # What Google does.

    def grant(self, form: dict[str, list[str]]) -> str | None:
        """A bearer token for a signed assertion (RFC 7523), None if it does not verify."""
        if (
            self._refusing_grants
            or form.get("grant_type") != [_JWT_GRANT]
            or len(form.get("assertion", [])) != 1
        ):
            return None
        try:
            claims = jwt.decode(
                form["assertion"][0],
                self._key.public_key(),
                algorithms=["RS256"],
                audience=_GOOGLE_TOKEN_AUDIENCE,
                issuer=_ACCOUNT,
                options={"require": ["aud", "exp", "iat", "iss"]},
            )
        except jwt.InvalidTokenError:
            return None
        if not _SCOPES & set(str(claims.get("scope", "")).split()):
            return None
        bearer = f"ya29.local.{secrets.token_urlsafe(32)}"
        with self._lock:
            self._grants += 1
            self._bearers[bearer] = time.time() + TOKEN_LIFETIME_S
        return bearer

    def revoke_grants(self, *, refuse_more: bool = False) -> None:
        """Every bearer token handed out so far stops to hold, and there may be no more."""
        with self._lock:
            self._bearers.clear()
            self._refusing_grants = refuse_more

    def knows(self, authorization: str) -> bool:
        """Whether the header carries a bearer token that was granted and still holds."""
        scheme, _, bearer = authorization.partition(" ")
        with self._lock:
            return scheme == "Bearer" and self._bearers.get(bearer, 0.0) > time.time()

    def take(self, body: object) -> Scripted | Refusal:
        """How to answer a send, after delivering what is to be delivered."""
        message = body.get("message") if isinstance(body, dict) else None
        if not isinstance(message, dict):
            return _invalid("Invalid JSON payload received.", "message")
        if (wrong := _wrong(message)) is not None:
            return wrong
        with self._lock:
            self._sends += 1
            phone = self._phones.get(message.get("token") or message["fid"])
            if phone is None:
                return BAD_TOKEN
            scripted = phone.next_answer()
            if scripted.answer in _DELIVERING:
                phone.messages.append(message)
            return scripted


def _wrong(message: dict[str, Any]) -> Refusal | None:
    """What Google would refuse in a message, of the things that a sender may get wrong."""
    if unknown := message.keys() - _MESSAGE_MEMBERS:
        return _invalid(f"Unknown name \"{min(unknown)}\" at 'message'", "message")
    if ("token" in message) == ("fid" in message):
        return _invalid("Exactly one recipient is needed", "message")
    address = message.get("token", message.get("fid"))
    if not isinstance(address, str) or not address:
        return BAD_TOKEN
    return _wrong_content(message)


def _wrong_content(message: dict[str, Any]) -> Refusal | None:
    data, android = message.get("data", {}), message.get("android", {})
    if not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
        return _invalid("Invalid value at 'message.data'", "message.data")
    if not isinstance(android, dict) or not _TTL.fullmatch(str(android.get("ttl", "0s"))):
        return _invalid("Invalid value at 'message.android.ttl'", "message.android.ttl")
    if len(json.dumps([data, message.get("notification")])) > _LARGEST_PAYLOAD:
        return _invalid("Android message is too big", "message")
    return None
