"""The phone in software against the server's own verifier: two implementations must agree."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from backend.proof import base64url, dpop
from backend.proof.access_token import AccessTokens
from backend.proof.claims import FixClaim, LocationClaim, Unavailable
from backend.proof.dpop import EnrolledKey, NewKey, Proof, SignedRequest
from backend.proof.nonce import Nonces
from backend.proof.refusal import ProofRefusal, Refused
from backend.proof.server_keys import ServerKeys
from backend.simulator.phone import Phone, PhoneRefusedError, PushAddress
from backend.simulator.position import PhoneClock, Position
from backend.simulator.wire import HttpAnswer, HttpRequest
from tests.support.clocks import FrozenClock

PUBLIC_URL = "https://connectrex.test"
CODE = "TEST0CODE0"
HERE = Position(
    latitude=45.2735188510,
    longitude=13.7142099626,
    accuracy_m=8.105,
    altitude_m=211.15,
    speed_mps=1.4,
    satellites=9,
)
NONCES = Nonces(root_secret=b"root secret of the tests, 32 byte")


def tokens_of_a_new_key() -> AccessTokens:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return AccessTokens(issuer=PUBLIC_URL, audience=PUBLIC_URL, keys=ServerKeys.from_pem(pem))


TOKENS = tokens_of_a_new_key()


def answer(status: int, members: dict[str, Any], **headers: str) -> HttpAnswer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpAnswer(status=status, headers=named, body=json.dumps(members).encode())


@dataclass
class Server:
    """As little of a server as a phone needs, on the real verifier. Carries its own requests."""

    clock: FrozenClock
    accepts: Nonces = NONCES
    issues: Nonces = NONCES
    tokens: AccessTokens = TOKENS
    enrolled: dict[str, EnrolledKey] = field(default_factory=dict)
    challenge: str = base64url.encode(bytes(32))
    proofs: list[Proof] = field(default_factory=list)
    refusals: list[ProofRefusal] = field(default_factory=list)
    enrolments: list[dict[str, Any]] = field(default_factory=list)
    requests: list[HttpRequest] = field(default_factory=list)
    takes_devices: bool = True
    lost_answers: int = 0
    down: int = 0

    def __call__(self, request: HttpRequest) -> HttpAnswer:
        if self.down:
            self.down -= 1
            raise ConnectionRefusedError
        self.requests.append(request)
        reply = self._reply(request)
        if self.lost_answers:
            self.lost_answers -= 1
            raise ConnectionResetError
        return reply

    def paths(self) -> list[str]:
        return [urlsplit(request.url).path for request in self.requests]

    def _reply(self, request: HttpRequest) -> HttpAnswer:
        match urlsplit(request.url).path:
            case "/v1/enrolments/challenge":
                good = json.loads(request.body) == {"code": CODE}
                return answer(200, {"challenge": self.challenge}) if good else answer(403, {})
            case "/v1/devices":
                return self._enrol(request) if self.takes_devices else answer(403, {})
            case "/v1/token":
                return self._verified(request, self._verify_key, self._token)
            case _:
                return self._verified(request, self._verify_proof, lambda _: answer(200, {}))

    def _enrol(self, request: HttpRequest) -> HttpAnswer:
        opened = dpop.open_enrolment(request.headers["DPoP"])
        assert isinstance(opened, dpop.OpenedEnrolment), opened
        key = dpop.verify_enrolment(opened, challenge=self.challenge, request=self._signed(request))
        assert isinstance(key, NewKey), key
        self.enrolled[key.jkt] = EnrolledKey(
            jkt=key.jkt, public_key=key.public_key, subject=UUID(int=1), activation=UUID(int=2)
        )
        self.enrolments.append(json.loads(request.body))
        return answer(201, {"device": key.jkt}, dpop_nonce=self._nonce(key.jkt))

    def _verified(
        self,
        request: HttpRequest,
        verify: Callable[[dpop.OpenedProof, HttpRequest], Proof | Refused],
        reply: Callable[[Proof], HttpAnswer],
    ) -> HttpAnswer:
        opened = dpop.open_proof(request.headers["DPoP"], nonces=self.accepts, now=self.clock.now())
        proof = opened if isinstance(opened, Refused) else verify(opened, request)
        assert proof.jkt is not None
        nonce = self._nonce(proof.jkt)
        if isinstance(proof, Refused):
            self.refusals.append(proof.reason)
            error = f'DPoP error="{proof.reason.oauth_error}", algs="ES256"'
            return answer(401, {}, www_authenticate=error, dpop_nonce=nonce)
        self.proofs.append(proof)
        good = reply(proof)
        return HttpAnswer(status=good.status, headers={"dpop-nonce": nonce}, body=good.body)

    def _verify_key(self, opened: dpop.OpenedProof, request: HttpRequest) -> Proof | Refused:
        return dpop.verify_key(
            opened, key=self.enrolled.get(opened.jkt), request=self._signed(request)
        )

    def _verify_proof(self, opened: dpop.OpenedProof, request: HttpRequest) -> Proof | Refused:
        return dpop.verify_proof(
            opened,
            key=self.enrolled.get(opened.jkt),
            request=self._signed(request),
            read_token=self.tokens.read,
            now=self.clock.now(),
        )

    def _token(self, proof: Proof) -> HttpAnswer:
        text = self.tokens.issue(
            subject=proof.subject,
            activation=proof.activation,
            assurance="software",
            jkt=proof.jkt,
            jti=f"token-{len(self.proofs)}",
            now=self.clock.now(),
        )
        return answer(200, {"access_token": text, "token_type": "DPoP", "expires_in": 900})

    def _nonce(self, jkt: str) -> str:
        return self.issues.issue(jkt=jkt, now=self.clock.now())

    @staticmethod
    def _signed(request: HttpRequest) -> SignedRequest:
        return SignedRequest(
            method=request.method,
            url=PUBLIC_URL + urlsplit(request.url).path,
            body=request.body,
            content_digest=request.headers.get("Content-Digest"),
            authorization=request.headers.get("Authorization"),
        )


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def server(clock: FrozenClock) -> Server:
    return Server(clock=clock)


@pytest.fixture
def phone(server: Server, clock: FrozenClock) -> Phone:
    """A phone whose own clock is an hour wrong."""
    return Phone(
        server_url=PUBLIC_URL,
        transport=server,
        clock=PhoneClock(clock.now, wall_ahead=timedelta(hours=1)),
        push=PushAddress(kind="token", address="fcm-token"),
        pause=lambda _s: None,
    )


@pytest.fixture
def enrolled_phone(phone: Phone) -> Phone:
    phone.enrol(CODE)
    return phone


def location_of(proof: Proof) -> LocationClaim:
    assert isinstance(proof.location, LocationClaim), proof.location
    return proof.location


def fix_of(proof: Proof) -> FixClaim:
    assert isinstance(proof.fix, FixClaim), proof.fix
    return proof.fix


def test_a_wrong_code_enrols_nobody(phone: Phone, server: Server) -> None:
    with pytest.raises(PhoneRefusedError) as refused:
        phone.enrol("WRONG")

    assert refused.value.answer.status == 403
    assert server.enrolled == {}


def test_a_device_below_the_agencys_policy_is_told_so(phone: Phone, server: Server) -> None:
    server.takes_devices = False

    with pytest.raises(PhoneRefusedError, match="403"):
        phone.enrol(CODE)


def test_a_phone_that_is_not_enrolled_gets_no_token(phone: Phone, server: Server) -> None:
    with pytest.raises(PhoneRefusedError):
        phone.token()

    assert server.refusals == [ProofRefusal.NONCE_MISSING, ProofRefusal.UNKNOWN_KEY]


def test_a_phone_that_took_no_fix_can_deliver_none(enrolled_phone: Phone) -> None:
    with pytest.raises(ValueError, match="No fix"):
        enrolled_phone.deliver_fix()


def test_a_phone_without_a_presence_key_can_confirm_no_check_in(enrolled_phone: Phone) -> None:
    opened = HttpAnswer(status=200, headers={}, body=b"{}")

    with pytest.raises(ValueError, match="no presence key"):
        enrolled_phone.confirm_check_in("1", opened)


def test_a_phone_that_sent_nothing_can_repeat_nothing(phone: Phone) -> None:
    with pytest.raises(ValueError, match="Nothing"):
        phone.resend()


def test_enrolment_proves_the_new_key_and_says_where_to_push(phone: Phone, server: Server) -> None:
    phone.enrol(CODE)

    assert list(server.enrolled) == [phone.jkt]
    assert server.enrolments == [
        {
            "platform": "android",
            "evidence": [],
            "app_version": "1.0.0",
            "os_version": "16",
            "push": {"kind": "token", "address": "fcm-token"},
        }
    ]


def test_a_phone_without_push_leaves_the_address_out(server: Server, clock: FrozenClock) -> None:
    phone = Phone(
        server_url=PUBLIC_URL, transport=server, clock=PhoneClock(clock.now), platform="web"
    )

    phone.enrol(CODE)
    phone.send_fix(HERE)

    assert "push" not in server.enrolments[0]
    fix = fix_of(server.proofs[-1])
    assert (fix.src, fix.reported_level_percent) == ("browser", 95.0)


def test_a_fix_arrives_as_it_was_taken(
    enrolled_phone: Phone, server: Server, clock: FrozenClock
) -> None:
    clock.step(seconds=90)

    assert enrolled_phone.send_fix(HERE).status == 200

    proof = server.proofs[-1]
    location, fix = location_of(proof), fix_of(proof)
    assert (location.latitude, location.longitude) == (HERE.latitude, HERE.longitude)
    assert (location.accuracy_m, location.altitude_m, location.heading_deg) == (
        8.105,
        211.15,
        None,
    )
    assert location.timestamp == clock.now()
    assert (fix.seq, fix.mono_ms, fix.mock, fix.satellites) == (1, 90_000, False, 9)
    assert (fix.reported_accuracy_m, fix.reported_level_percent) == (5.0, 68.0)
    assert (proof.uptime_s, proof.bootcount) == (90, 1)


def test_the_timestamp_is_server_time_though_the_phones_clock_is_wrong(
    enrolled_phone: Phone, server: Server, clock: FrozenClock
) -> None:
    clock.step(seconds=30)

    enrolled_phone.send_fix(HERE)

    assert location_of(server.proofs[-1]).timestamp == clock.now()
    assert not fix_of(server.proofs[-1]).wall_clock


def test_after_a_reboot_without_contact_the_timestamp_is_marked_as_wall_time(
    enrolled_phone: Phone, server: Server, clock: FrozenClock
) -> None:
    clock.step(minutes=5)
    enrolled_phone.reboot()

    enrolled_phone.send_fix(HERE)

    proof = server.proofs[-1]
    assert fix_of(proof).wall_clock
    assert location_of(proof).timestamp == clock.now() + timedelta(hours=1)
    assert (proof.bootcount, fix_of(proof).mono_ms) == (2, 0)

    enrolled_phone.send_fix(HERE)

    assert not fix_of(server.proofs[-1]).wall_clock
    assert fix_of(server.proofs[-1]).seq == 2


def test_a_stale_nonce_is_replaced_and_the_request_made_again(
    enrolled_phone: Phone, server: Server, clock: FrozenClock
) -> None:
    enrolled_phone.token()
    clock.step(seconds=121)

    assert enrolled_phone.send_fix(HERE).status == 200

    assert server.refusals == [ProofRefusal.NONCE_STALE]
    assert fix_of(server.proofs[-1]).seq == 1


def test_a_phone_that_is_refused_again_and_again_gives_up(
    enrolled_phone: Phone, server: Server
) -> None:
    enrolled_phone.token()
    server.enrolled.clear()

    assert enrolled_phone.get("/v1/me").status == 401
    assert server.refusals == [ProofRefusal.UNKNOWN_KEY]


def test_a_nonce_that_never_pleases_does_not_loop(enrolled_phone: Phone, server: Server) -> None:
    enrolled_phone.token()
    sent = len(server.requests)
    server.issues = Nonces(root_secret=b"another root secret, of 32 bytes")
    server.accepts = Nonces(root_secret=b"a third root secret, of 32 bytes.")

    assert enrolled_phone.get("/v1/me").status == 401

    assert server.refusals == [ProofRefusal.NONCE_FOREIGN] * 3
    assert len(server.requests) == sent + 3


def test_a_token_is_used_until_just_before_it_expires(
    enrolled_phone: Phone, server: Server, clock: FrozenClock
) -> None:
    first = enrolled_phone.token()
    clock.step(minutes=13, seconds=59)
    assert enrolled_phone.token() == first

    clock.step(seconds=1)

    assert enrolled_phone.token() != first
    assert server.paths().count("/v1/token") == 3
    assert server.refusals == [ProofRefusal.NONCE_STALE]


def test_a_token_that_the_server_no_longer_takes_is_renewed(
    enrolled_phone: Phone, server: Server
) -> None:
    enrolled_phone.token()
    server.tokens = tokens_of_a_new_key()

    assert enrolled_phone.get("/v1/me", HERE).status == 200
    assert server.refusals == [ProofRefusal.TOKEN_SIGNATURE]


def test_a_fix_whose_answer_was_lost_is_sent_again_in_the_same_bytes(
    enrolled_phone: Phone, server: Server
) -> None:
    enrolled_phone.token()
    server.lost_answers = 2

    assert enrolled_phone.send_fix(HERE).status == 200

    fixes = [r for r in server.requests if r.url.endswith("/v1/fixes")]
    assert len(fixes) == 3
    assert len({r.headers["DPoP"] for r in fixes}) == 1


def test_a_request_that_a_replay_could_harm_is_signed_anew(
    enrolled_phone: Phone, server: Server
) -> None:
    enrolled_phone.token()
    server.lost_answers = 1

    assert enrolled_phone.send("PUT", "/v1/device/push-address", {"a": "b"}).status == 200

    first, second = server.proofs[-2:]
    assert first.jti != second.jti


def test_a_fix_that_stayed_undelivered_keeps_its_number_and_content(
    enrolled_phone: Phone, server: Server, clock: FrozenClock
) -> None:
    enrolled_phone.token()
    server.lost_answers = 4
    with pytest.raises(ConnectionResetError):
        enrolled_phone.send_fix(HERE)
    before = server.proofs[-1]
    clock.step(minutes=10)

    assert enrolled_phone.deliver_fix().status == 200

    after = server.proofs[-1]
    assert after.digest != before.digest
    assert after.fix_digest() == before.fix_digest()


def test_the_pauses_between_tries_are_the_given_ones(server: Server, clock: FrozenClock) -> None:
    pauses: list[float] = []
    phone = Phone(
        server_url=PUBLIC_URL,
        transport=server,
        clock=PhoneClock(clock.now),
        pauses_s=(1, 2, 4),
        pause=pauses.append,
    )
    phone.enrol(CODE)
    server.down = 3

    phone.token()

    assert pauses == [1, 2, 4]


def test_requests_share_a_fix_while_it_is_fresh(
    enrolled_phone: Phone, server: Server, clock: FrozenClock
) -> None:
    enrolled_phone.send_fix(HERE)
    sent = server.proofs[-1]

    clock.step(seconds=45)
    enrolled_phone.get("/v1/me/inbox?limit=5")
    shared = server.proofs[-1]
    clock.step(seconds=1)
    enrolled_phone.get("/v1/me")
    late = server.proofs[-1]

    assert shared.fix_digest() == sent.fix_digest()
    assert (late.location, late.fix) == (None, None)


def test_a_request_may_take_its_own_fix(enrolled_phone: Phone, server: Server) -> None:
    enrolled_phone.send_fix(HERE)

    enrolled_phone.get("/v1/me", HERE)

    assert fix_of(server.proofs[-1]).seq == 2


@pytest.mark.parametrize("reason", list(Unavailable))
def test_a_phone_without_location_says_why(
    enrolled_phone: Phone, server: Server, reason: Unavailable
) -> None:
    enrolled_phone.send_fix(HERE)

    enrolled_phone.request_without_location(reason.name)

    assert server.proofs[-1].location is reason
    assert server.proofs[-1].fix is None


def test_a_phone_may_say_nothing_of_its_place(enrolled_phone: Phone, server: Server) -> None:
    enrolled_phone.send_fix(HERE)

    enrolled_phone.request_without_location(path="/v1/me/balance")

    assert server.proofs[-1].location is None
    assert server.paths()[-1] == "/v1/me/balance"


def test_the_last_request_can_be_repeated_byte_by_byte(
    enrolled_phone: Phone, server: Server
) -> None:
    enrolled_phone.send_fix(HERE)

    enrolled_phone.resend()

    assert server.requests[-1] == server.requests[-2]
