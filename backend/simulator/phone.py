"""A supervisee's phone in software: enrols, signs, sends, and copes with a bad line. A fake.

It knows the server by the wire protocol alone and imports nothing of it. Its key is not in
hardware and its positions are what it is told: never a stand-in for a person's own phone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit
from uuid import uuid4

from backend.simulator.journal import JOURNAL_TYPE, Journal
from backend.simulator.position import PhoneClock, Position
from backend.simulator.proof import (
    ProofKey,
    compact_json,
    content_digest,
    server_time_ms,
    token_hash,
)
from backend.simulator.wire import HttpAnswer, HttpRequest, Transport

PROFILE: Final = "tag:connectrex.com,2026:supervised-location#1"

# Android states the radius of 68 %; a normal error makes that 1 / 1.621 of the radius of 95 %.
_RADIUS_95_BY_68: Final = 1.621
# The gate takes a fix of up to 60 s before the nonce; this leaves the request time to arrive.
_SHARED_FOR_MS: Final = 45_000
_RENEW_BEFORE_S: Final = 60
_REMEDIES: Final = 2


class PhoneRefusedError(Exception):
    """The server refused what the phone cannot do without: its enrolment or its token."""

    def __init__(self, answer: HttpAnswer) -> None:
        super().__init__(f"{answer.status}: {answer.body.decode(errors='replace')}")
        self.answer = answer


def _granted(answer: HttpAnswer, *statuses: HTTPStatus) -> HttpAnswer:
    """The answer; PhoneRefusedError unless it has one of these statuses."""
    if answer.status not in statuses:
        raise PhoneRefusedError(answer)
    return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class PushAddress:
    """Where Firebase Cloud Messaging reaches the app; `kind` is `token` or `fid`."""

    kind: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _KeyChange:
    """A next key, and the request that asks for it: to be sent in the same bytes until answered."""

    old: ProofKey
    key: ProofKey
    request: HttpRequest


EvidenceMaker = Callable[[str, ProofKey], Sequence[Mapping[str, object]]]
"""Makes what a phone shows of its hardware, for an enrolment's challenge and the phone's key."""


PresenceMaker = Callable[[str, ProofKey, ProofKey], Mapping[str, object]]
"""Makes what is shown of a presence key: for a challenge, the phone's key and the presence key."""


def nothing_shown(_challenge: str, _key: ProofKey, _presence: ProofKey) -> Mapping[str, object]:
    """Show nothing of a presence key."""
    return {}


def no_evidence(_challenge: str, _key: ProofKey) -> Sequence[Mapping[str, object]]:
    """Show nothing: the level of a device in software."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """What to ask for. A `repeatable` call may be sent twice in the same bytes."""

    method: str
    path: str
    body: bytes = b""
    said: Mapping[str, object] = field(default_factory=dict)
    with_token: bool = True
    repeatable: bool = False
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class _TakenFix:
    said: Mapping[str, object]
    taken_at_ms: int


class Phone:
    """One phone with its key. `server_url` is the public URL, as the phone signs it.

    `platform` is `android`, `ios` or `web`. `pauses_s` are the waits between tries when no answer
    comes; after the last try the OSError of the transport is the caller's. `pause` waits. What
    `evidence` makes is shown when it is enrolled.
    """

    def __init__(
        self,
        *,
        server_url: str,
        transport: Transport,
        clock: PhoneClock,
        platform: str = "android",
        push: PushAddress | None = None,
        app_version: str = "1.0.0",
        os_version: str = "16",
        evidence: EvidenceMaker = no_evidence,
        pauses_s: Sequence[float] = (0.2, 1.0, 3.0),
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.key = ProofKey()
        self.presence: ProofKey | None = None
        self._server_url = server_url
        self._transport = transport
        self._clock = clock
        self._platform = platform
        self._push = push
        self._app_version = app_version
        self._os_version = os_version
        self._evidence = evidence
        self._pauses_s = pauses_s
        self._pause = pause
        self._nonce: str | None = None
        self._server_ahead_ms: int | None = None
        self._token: str | None = None
        self._token_until_ms = 0
        self._seq = 0
        self._bootcount = 1
        self._fix: _TakenFix | None = None
        self._last_request: HttpRequest | None = None
        self._key_change: _KeyChange | None = None
        self.journal: Journal | None = None

    @property
    def jkt(self) -> str:
        """The thumbprint of the phone's key, by which the server knows it."""
        return self.key.jkt

    # What a person and their app do

    def enrol(self, code: str) -> HttpAnswer:
        """Enrol with an officer's one-time code; PhoneRefusedError unless the server agrees."""
        asked = self._insist(
            self._unsigned("POST", "/v1/enrolments/challenge", compact_json({"code": code}))
        )
        granted = _granted(asked, HTTPStatus.OK, HTTPStatus.CREATED)
        challenge: str = granted.json()["challenge"]
        body = compact_json(self._enrolment(challenge))
        call = _Call(method="POST", path="/v1/devices", body=body, with_token=False)
        answer = self._insist(self._signed(call, challenge=challenge))
        _granted(answer, HTTPStatus.CREATED)
        self.journal = Journal(challenge)
        return answer

    @property
    def may_have_rotated(self) -> bool:
        """Whether a change of the key got no answer: only the server knows which key it takes."""
        return self._key_change is not None

    def upgrade(self, *, app_version: str, os_version: str) -> None:
        """Have another app and system from now on; the server hears of it with the next key."""
        self._app_version, self._os_version = app_version, os_version

    def rotate(self) -> HttpAnswer:
        """Change to a new key, which the old one signs over to; PhoneRefusedError if it may not.

        Fixes count on: what the phone has taken and not yet signed the new key delivers. When no
        answer comes (OSError), the next call sends the same again, and signs nothing anew.
        """
        was_open = self._key_change is not None
        change = self._key_change = self._key_change or self._next_key()
        answer = self._insist(change.request)
        self.key, self._token = change.key, None
        is_changed = answer.status == HTTPStatus.CREATED or (was_open and self._is_known())
        self._key_change = None
        if not is_changed:
            self.key, self._nonce, self._token = change.old, None, None
            raise PhoneRefusedError(answer)
        return answer

    def enrol_presence(self, shown: PresenceMaker = nothing_shown) -> HttpAnswer:
        """Make a key that a person's finger opens, as far as software can, and enrol it.

        One that it has already signs over to it. PhoneRefusedError if the server does not agree.
        """
        challenge, made = self._challenge("/v1/device/presence-challenge"), ProofKey()
        members = {
            "challenge": challenge,
            "key": made.offer_presence(challenge, self.jkt),
            **shown(challenge, self.key, made),
        }
        if self.presence is not None:
            members["key_change"] = self.presence.sign_over(challenge, made.jkt)
        body = compact_json(members)
        answer = self._ask(
            _Call(method="POST", path="/v1/device/presence-key", body=body, with_token=False)
        )
        _granted(answer, HTTPStatus.CREATED)
        self.presence = made
        return answer

    def token(self) -> str:
        """A good access token, fetched when there is none or it is about to expire."""
        if self._token is not None and self._clock.mono_ms() < self._token_until_ms:
            return self._token
        answer = self._ask(_Call(method="POST", path="/v1/token", with_token=False))
        issued = _granted(answer, HTTPStatus.OK).json()
        life_s = issued["expires_in"] - _RENEW_BEFORE_S
        self._token_until_ms = self._clock.mono_ms() + 1000 * life_s
        token: str = issued["access_token"]
        self._token = token
        return token

    def send_fix(self, position: Position) -> HttpAnswer:
        """Take a fix here and now and send it."""
        self.take_fix(position)
        return self.deliver_fix()

    def take_fix(self, position: Position) -> int:
        """Take a fix here and now, to be delivered or shared; returns its number.

        Its content is settled now: sent again it must say the same, or it is a fork.
        """
        self._seq += 1
        self._fix = _TakenFix(
            said=self._location_and_fix(position), taken_at_ms=self._clock.mono_ms()
        )
        return self._seq

    def deliver_fix(self) -> HttpAnswer:
        """Send the last fix taken, for the first time or again: the same number and content."""
        if self._fix is None:
            raise ValueError("No fix has been taken.")
        return self._ask(
            _Call(method="POST", path="/v1/fixes", said=self._fix.said, repeatable=True)
        )

    def buffer_fix(self, position: Position) -> int:
        """Take a fix and keep it for the journal, as without a connection; returns its number."""
        seq = self.take_fix(position)
        self.keep_fix()
        return seq

    def keep_fix(self) -> None:
        """Put the last fix taken into the journal, whether it was also sent or not."""
        if self._fix is None:
            raise ValueError("No fix has been taken.")
        self._own_journal().fixes.append(self._fix.said)

    def lose_fix(self, why: str) -> int:
        """Count a fix that was taken and lost; the journal will declare the gap."""
        self._seq += 1
        self._own_journal().lose(self._seq, why)
        return self._seq

    def write_journal(self) -> str:
        """Sign what was buffered as the next token of the chain; it is kept until it is taken.

        The phone must have heard of the server since it started: the token says its nonce. All
        fixes of a token are of one start of the phone.
        """
        if self._nonce is None:
            self.token()
        claims = {
            "eat_profile": PROFILE,
            "eat_nonce": self._nonce,
            "iss": self.jkt,
            "aud": self._server_url,
            "iat": self.now_s(),
            "uptime": self._clock.mono_ms() // 1000,
            "bootcount": self._bootcount,
        }
        return self._own_journal().write(claims, self.key)

    def send_journal(self) -> HttpAnswer:
        """Write what was buffered, and send every token that was not taken yet, oldest first.

        Returns the last answer. A token whose answer was lost is sent again in the same bytes.
        """
        journal = self._own_journal()
        if journal.fixes or journal.gaps:
            self.write_journal()
        answer = None
        for n, text in list(journal.unsent.items()):
            answer = self.send_token(text)
            if answer.status != HTTPStatus.OK:
                return answer
            del journal.unsent[n]
        if answer is None:
            raise ValueError("Nothing has been buffered.")
        return answer

    def send_token(self, text: str) -> HttpAnswer:
        """Send one journal token."""
        call = _Call(
            method="POST",
            path="/v1/journal",
            body=text.encode("ascii"),
            content_type=JOURNAL_TYPE,
            with_token=False,
            repeatable=True,
        )
        return self._ask(call)

    def get(self, path: str, position: Position | None = None) -> HttpAnswer:
        """Ask for `path` with a location: taken now at `position`, else the last one while fresh.

        Without either the request says nothing of where the phone is.
        """
        if position is not None:
            self.take_fix(position)
        return self._ask(_Call(method="GET", path=path, said=self._fresh_location()))

    def check_in(self, appointment_id: str) -> HttpAnswer:
        """Check in, with a location while the last one is fresh; a presence key signs, if any."""
        if self.presence is None:
            return self.send("POST", _check_in_path(appointment_id), {})
        opened = self.open_check_in(appointment_id)
        is_open = opened.status == HTTPStatus.OK
        return self.confirm_check_in(appointment_id, opened) if is_open else opened

    def open_check_in(self, appointment_id: str) -> HttpAnswer:
        """Ask for what the presence key is to sign, and from when on the check-in is taken."""
        path = f"{_check_in_path(appointment_id)}-challenge"
        return self._ask(_Call(method="POST", path=path, said=self._fresh_location()))

    def confirm_check_in(self, appointment_id: str, opened: HttpAnswer) -> HttpAnswer:
        """Check in by the presence key, which signs what `open_check_in` was answered."""
        if self.presence is None:
            raise ValueError("The phone has no presence key.")
        challenge: str = opened.json()["opening"]["challenge"]
        signature = self.presence.sign_presence(challenge, appointment_id, self.jkt)
        members = {"challenge": challenge, "signature": signature}
        return self.send("POST", _check_in_path(appointment_id), members)

    @property
    def has_fresh_fix(self) -> bool:
        """Whether a request may still say where the last fix was."""
        return bool(self._fresh_location())

    def request_without_location(
        self, reason: str | None = None, path: str = "/v1/me"
    ) -> HttpAnswer:
        """Ask for `path` without a location: for this reason, or saying nothing of it.

        Reasons are PERMISSION_DENIED, SERVICES_OFF and TIMEOUT.
        """
        said = {} if reason is None else {"unavailable": reason}
        return self._ask(_Call(method="GET", path=path, said=said))

    def send(self, method: str, path: str, members: Mapping[str, object]) -> HttpAnswer:
        """Send a JSON body, with a location while the last one is fresh."""
        body = compact_json(members)
        return self._ask(_Call(method=method, path=path, body=body, said=self._fresh_location()))

    def now_s(self) -> int:
        """Server time since the last nonce, as the monotonic clock counts on; else wall time."""
        if self._server_ahead_ms is None:
            return int(self._clock.wall().timestamp())
        return (self._clock.mono_ms() + self._server_ahead_ms) // 1000

    def resend(self) -> HttpAnswer:
        """Send the last request again in the same bytes, as after a lost answer."""
        if self._last_request is None:
            raise ValueError("Nothing has been sent.")
        return self._send(self._last_request)

    def reboot(self) -> None:
        """Switch the phone off and on: it forgets the server's time until the next contact."""
        self._clock.restart()
        self._bootcount += 1
        self._nonce = None
        self._server_ahead_ms = None
        self._token = None
        self._fix = None

    # How a key follows another

    def _next_key(self) -> _KeyChange:
        challenge, key = self._challenge("/v1/device/key-challenge"), ProofKey()
        members = {
            "key_change": self.key.sign_over(challenge, key.jkt),
            "evidence": [dict(shown) for shown in self._evidence(challenge, key)],
            **self._software(),
        }
        call = _Call(
            method="POST", path="/v1/device/keys", body=compact_json(members), with_token=False
        )
        request = self._signed(call, challenge=challenge, by=key)
        return _KeyChange(old=self.key, key=key, request=request)

    def _challenge(self, path: str) -> str:
        """What the server wants to be signed; PhoneRefusedError if it gives none."""
        asked = self._ask(_Call(method="POST", path=path, with_token=False))
        challenge: str = _granted(asked, HTTPStatus.OK).json()["challenge"]
        return challenge

    def _is_known(self) -> bool:
        """Whether the server knows the key: by a challenge that is over it no longer says so."""
        try:
            self.token()
        except PhoneRefusedError:
            return False
        return True

    # How it is said

    def _own_journal(self) -> Journal:
        if self.journal is None:
            raise ValueError("The phone is not enrolled.")
        return self.journal

    def _enrolment(self, challenge: str) -> dict[str, object]:
        members: dict[str, object] = {
            "platform": self._platform,
            "evidence": [dict(shown) for shown in self._evidence(challenge, self.key)],
            **self._software(),
        }
        if self._push is not None:
            members["push"] = {"kind": self._push.kind, "address": self._push.address}
        return members

    def _software(self) -> dict[str, object]:
        return {"app_version": self._app_version, "os_version": self._os_version}

    def _location_and_fix(self, position: Position) -> dict[str, object]:
        knows_server_time = self._server_ahead_ms is not None
        reported = (
            [position.accuracy_m, 95]
            if self._platform == "web"
            else [round(position.accuracy_m / _RADIUS_95_BY_68, 2), 68]
        )
        location = {
            "latitude": position.latitude,
            "longitude": position.longitude,
            "accuracy": position.accuracy_m,
            "altitude": position.altitude_m,
            "heading": position.heading_deg,
            "speed": position.speed_mps,
            "timestamp": self.now_s(),
        }
        fix = {
            "seq": self._seq,
            "mono": self._clock.mono_ms(),
            "src": "browser" if self._platform == "web" else "gps",
            "hacc": reported,
            "mock": position.mock,
            "clk": None if knows_server_time else "wall",
            "sats": position.satellites,
            "cn0": position.cn0_dbhz,
        }
        return {"location": _known(location), "fix": _known(fix)}

    def _fresh_location(self) -> Mapping[str, object]:
        if self._fix is None:
            return {}
        age_ms = self._clock.mono_ms() - self._fix.taken_at_ms
        return self._fix.said if age_ms <= _SHARED_FOR_MS else {}

    # How it is signed and sent

    def _ask(self, call: _Call) -> HttpAnswer:
        for _ in range(_REMEDIES):
            answer = self._deliver(call)
            if not self._is_remedied(answer):
                return answer
        return self._deliver(call)

    def _deliver(self, call: _Call) -> HttpAnswer:
        if call.repeatable:
            return self._insist(self._signed(call))
        return self._until_answered(lambda: self._send(self._signed(call)))

    def _insist(self, request: HttpRequest) -> HttpAnswer:
        """Send the same bytes again until an answer comes, or the pauses are over."""
        return self._until_answered(lambda: self._send(request))

    def _until_answered(self, send: Callable[[], HttpAnswer]) -> HttpAnswer:
        for pause_s in self._pauses_s:
            try:
                return send()
            except OSError:
                self._pause(pause_s)
        return send()

    def _is_remedied(self, answer: HttpAnswer) -> bool:
        """Whether another try may help: with the nonce that came along, or with a new token."""
        if answer.status != HTTPStatus.UNAUTHORIZED:
            return False
        challenge = answer.headers.get("www-authenticate", "")
        if "invalid_token" in challenge:
            self._token = None
            return True
        return "use_dpop_nonce" in challenge and "dpop-nonce" in answer.headers

    def _signed(
        self, call: _Call, *, challenge: str | None = None, by: ProofKey | None = None
    ) -> HttpRequest:
        headers: dict[str, str] = {}
        claims: dict[str, object] = {
            "jti": str(uuid4()),
            "htm": call.method,
            "htu": self._server_url + urlsplit(call.path).path,
            "eat_profile": PROFILE,
            "bootcount": self._bootcount,
        }
        if call.with_token:
            token = self.token()
            claims["ath"] = token_hash(token)
            headers["Authorization"] = f"DPoP {token}"
        # Only now, for fetching the token may have brought the first nonce.
        nonce = challenge or self._nonce
        if nonce is not None:
            claims["nonce"] = nonce
        if call.body:
            claims["cd"] = headers["Content-Digest"] = content_digest(call.body)
            headers["Content-Type"] = call.content_type
        if self.journal is not None and self.journal.n and "fix" in call.said:
            claims["journal"] = {"n": self.journal.n, "h": self.journal.head}
        claims |= {"iat": self.now_s(), "uptime": self._clock.mono_ms() // 1000}
        headers["DPoP"] = (by or self.key).sign({**claims, **call.said})
        return HttpRequest(
            method=call.method,
            url=self._server_url + call.path,
            headers=headers,
            body=call.body,
        )

    def _unsigned(self, method: str, path: str, body: bytes) -> HttpRequest:
        return HttpRequest(
            method=method,
            url=self._server_url + path,
            headers={"Content-Type": "application/json"},
            body=body,
        )

    def _send(self, request: HttpRequest) -> HttpAnswer:
        self._last_request = request
        answer = self._transport(request)
        nonce = answer.headers.get("dpop-nonce")
        if nonce is not None:
            self._nonce = nonce
            self._server_ahead_ms = server_time_ms(nonce) - self._clock.mono_ms()
        return answer


def _check_in_path(appointment_id: str) -> str:
    return f"/v1/me/appointments/{appointment_id}/check-in"


def _known(members: Mapping[str, object]) -> dict[str, object]:
    """The members that have a value: the unknown is left out, never null."""
    return {name: value for name, value in members.items() if value is not None}
