"""Whose request it is: every way in which a proof does not hold, over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, func, select

from backend.audit.models import AuditEvent
from backend.core import rows
from backend.core.actor import ActorKind
from backend.core.db import Database
from backend.core.errors import Code, Problem
from backend.devices import service as devices
from backend.devices.authentication import REFUSED_PROOFS, Authenticated, Authentication
from backend.devices.key_state import KeyReason
from backend.devices.models import UsedProof
from backend.simulator.phone import Phone
from backend.simulator.proof import ProofKey, content_digest, token_hash
from tests.support.clocks import START, FrozenClock
from tests.support.devices import (
    SERVER_URL,
    Person,
    enrolled_phone,
    fresh_nonce,
    send_signed,
    signed_headers,
    supervised_person,
)

TOKEN = "/v1/token"


@pytest.fixture
def person(database: Database) -> Person:
    with database.transaction() as session:
        return supervised_person(session, now=START)


@pytest.fixture
def phone(client: FlaskClient, database: Database, clock: FrozenClock, person: Person) -> Phone:
    return enrolled_phone(database, client, clock, person)


def counted(reason: str) -> float:
    value: float = REFUSED_PROOFS.labels(reason=reason)._value.get()
    return value


def ask(
    client: FlaskClient, key: ProofKey, nonce: str | None = None, **claims: Any
) -> tuple[int, str | None]:
    """Ask for a token with a proof changed by `claims`; return status and reason."""
    nonce = nonce or fresh_nonce(client, key)
    answer = send_signed(client, key, "POST", TOKEN, **({"nonce": nonce} | claims))
    return answer.status_code, (answer.json or {}).get("reason")


def test_without_a_proof_there_is_no_nonce_to_give(client: FlaskClient) -> None:
    before = counted("MISSING")

    answer = client.post(TOKEN)

    assert answer.status_code == 401
    assert answer.json is not None
    assert (answer.json["code"], answer.json["reason"]) == ("proof-refused", "MISSING")
    assert "DPoP-Nonce" not in answer.headers
    assert counted("MISSING") == before + 1


def test_a_bearer_token_is_no_proof(client: FlaskClient, phone: Phone) -> None:
    answer = client.post(TOKEN, headers={"Authorization": f"Bearer {phone.token()}"})

    assert answer.status_code == 401


def test_a_proof_without_nonce_is_told_to_use_the_one_that_comes_along(
    client: FlaskClient, phone: Phone
) -> None:
    answer = send_signed(client, phone.key, "POST", TOKEN)

    assert answer.status_code == 401
    assert answer.json is not None
    assert answer.json["code"] == "use_dpop_nonce"
    assert answer.headers["WWW-Authenticate"] == 'DPoP error="use_dpop_nonce", algs="ES256"'
    assert answer.headers["Cache-Control"] == "no-store"
    nonce = answer.headers["DPoP-Nonce"]
    assert send_signed(client, phone.key, "POST", TOKEN, nonce=nonce).status_code == 200


def test_a_key_that_was_never_enrolled_gets_a_nonce_and_no_further(client: FlaskClient) -> None:
    assert ask(client, ProofKey()) == (401, "UNKNOWN_KEY")


def test_the_nonce_of_another_key_is_foreign(client: FlaskClient, phone: Phone) -> None:
    nonce = fresh_nonce(client, ProofKey())

    assert ask(client, phone.key, nonce) == (401, "NONCE_FOREIGN")


def test_a_nonce_lives_for_two_minutes(
    client: FlaskClient, clock: FrozenClock, phone: Phone
) -> None:
    nonce = fresh_nonce(client, phone.key)
    clock.step(seconds=119)
    in_time = ask(client, phone.key, nonce)
    clock.step(seconds=1)

    assert in_time == (200, None)
    assert ask(client, phone.key, nonce) == (401, "NONCE_STALE")


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"nonce": "A" * 42}, "NONCE_FOREIGN"),
        ({"nonce": 7}, "NONCE_MISSING"),
        ({"htm": "GET"}, "WRONG_METHOD"),
        ({"htu": f"{SERVER_URL}/v1/tokens"}, "WRONG_URL"),
        ({"htu": f"{SERVER_URL}{TOKEN}?a=1"}, "WRONG_URL"),
        ({"htu": "http://connectrex.test/v1/token"}, "WRONG_URL"),
        ({"jti": None}, "BAD_JTI"),
        ({"jti": "x" * 65}, "BAD_JTI"),
        ({"iat": 1.5}, "BAD_IAT"),
        ({"iat": False}, "BAD_IAT"),
        ({"uptime": -1}, "BAD_UPTIME"),
        ({"cd": content_digest(b"x")}, "WRONG_DIGEST"),
        ({"location": {}}, "WRONG_PROFILE"),
    ],
)
def test_a_proof_that_says_something_else_is_refused(
    client: FlaskClient, phone: Phone, claims: dict[str, Any], reason: str
) -> None:
    before = counted(reason)

    assert ask(client, phone.key, **claims) == (401, reason)
    assert counted(reason) == before + 1


MANGLED: dict[str, Callable[[str], str]] = {
    "two proofs": lambda proof: f"{proof}, {proof}",
    "two proofs without a space": lambda proof: f"{proof},{proof}",
    "stripped signature": lambda proof: proof.rsplit(".", 1)[0] + ".",
    "cut signature": lambda proof: proof[:-1],
    "padding": lambda proof: proof + "=",
    "zero signature": lambda proof: proof.rsplit(".", 1)[0] + "." + "A" * 86,
    "claims of nobody": lambda proof: proof.split(".")[0] + ".e30." + proof.split(".")[2],
    "too large": lambda proof: proof + "A" * 4096,
    "no JWS": lambda _: "proof",
    "not ASCII": lambda proof: proof[:-1] + "\u00e9",
    "empty": lambda _: "",
}


@pytest.mark.parametrize("mangle", MANGLED.values(), ids=MANGLED.keys())
def test_a_mangled_proof_is_refused(
    client: FlaskClient, phone: Phone, mangle: Callable[[str], str]
) -> None:
    nonce = fresh_nonce(client, phone.key)
    headers = signed_headers(phone.key, "POST", TOKEN, nonce=nonce)
    headers["DPoP"] = mangle(headers["DPoP"])

    assert client.post(TOKEN, headers=headers).status_code == 401


def test_a_body_that_was_swapped_on_the_way_is_refused(
    client: FlaskClient, phone: Phone, database: Database, person: Person
) -> None:
    path, nonce = "/v1/device/push-address", fresh_nonce(client, phone.key)
    mine = b'{"kind":"fid","address":"mine"}'
    headers = signed_headers(phone.key, "PUT", path, body=mine, nonce=nonce)

    answer = client.put(path, data=mine.replace(b"mine", b"evil"), headers=headers)

    assert answer.status_code == 401
    with database.snapshot() as session:
        assert not devices.push_addresses_of(session, [person.supervisee_id])


def test_a_body_that_no_proof_speaks_of_is_refused(client: FlaskClient, phone: Phone) -> None:
    path, nonce = "/v1/device/push-address", fresh_nonce(client, phone.key)
    headers = signed_headers(phone.key, "PUT", path, nonce=nonce)

    answer = client.put(path, json={"kind": "fid", "address": "evil"}, headers=headers)

    assert answer.json is not None
    assert answer.json["reason"] == "DIGEST_MISSING"


def test_another_key_in_the_header_proves_nothing(client: FlaskClient, phone: Phone) -> None:
    thief = ProofKey()
    thief.jwk, thief.jkt = phone.key.jwk, phone.key.jkt

    assert ask(client, thief) == (401, "WRONG_SIGNATURE")


def test_a_proof_is_good_for_one_act(client: FlaskClient, phone: Phone) -> None:
    nonce = fresh_nonce(client, phone.key)
    headers = signed_headers(phone.key, "POST", TOKEN, nonce=nonce)

    first, second = client.post(TOKEN, headers=headers), client.post(TOKEN, headers=headers)

    assert first.status_code == 200
    assert second.status_code == 409
    assert second.json is not None
    assert (second.json["code"], second.json["reason"]) == ("replayed", "REPLAYED")
    assert second.headers["DPoP-Nonce"]


def test_another_signature_over_the_same_claims_is_a_replay_too(
    client: FlaskClient, phone: Phone
) -> None:
    nonce = fresh_nonce(client, phone.key)

    assert ask(client, phone.key, nonce, jti="the-same") == (200, None)
    assert ask(client, phone.key, nonce, jti="the-same") == (409, "REPLAYED")


def test_two_phones_may_choose_the_same_jti(
    client: FlaskClient, phone: Phone, database: Database, clock: FrozenClock
) -> None:
    with database.transaction() as session:
        other = supervised_person(session, now=START)
    another = enrolled_phone(database, client, clock, other)

    assert ask(client, phone.key, jti="1") == (200, None)
    assert ask(client, another.key, jti="1") == (200, None)


def test_a_refused_proof_spends_no_jti_and_leaves_no_trace(
    client: FlaskClient, phone: Phone, database: Database
) -> None:
    def traces() -> tuple[int | None, ...]:
        with database.snapshot() as session:
            return tuple(
                session.scalar(select(func.count()).select_from(table))
                for table in (AuditEvent, UsedProof)
            )

    before = traces()
    ask(client, phone.key, jti="once", htm="GET")
    ask(client, ProofKey(), jti="once")

    assert traces() == before
    assert ask(client, phone.key, jti="once") == (200, None)


def test_used_proofs_are_forgotten_when_their_nonce_is_long_dead(
    client: FlaskClient, phone: Phone, database: Database, clock: FrozenClock
) -> None:
    ask(client, phone.key)
    with database.transaction() as session:
        too_early = devices.forget_used_proofs(session, clock.step(seconds=121))
        in_time = devices.forget_used_proofs(session, clock.step(minutes=1))
        left = session.scalar(select(func.count()).select_from(UsedProof))

    assert (too_early, in_time, left) == (0, 1, 0)


@pytest.mark.parametrize("path", [TOKEN, "/v1/device/push-address"])
def test_every_answer_to_a_readable_proof_carries_a_fresh_nonce(
    client: FlaskClient, phone: Phone, path: str
) -> None:
    nonces = []
    method = "POST" if path == TOKEN else "PUT"
    good = fresh_nonce(client, phone.key)
    said: list[dict[str, Any]] = [{}, {"nonce": "x"}, {"htm": "TRACE"}, {"nonce": good}]
    for claims in said:
        answer = send_signed(client, phone.key, method, path, **claims)
        nonces.append(answer.headers["DPoP-Nonce"])

    assert len(set(nonces)) == 4
    assert ask(client, phone.key, nonces[-1]) == (200, None)


def test_a_fault_of_ours_carries_a_nonce_too(
    app: Flask, client: FlaskClient, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False
    nonce = fresh_nonce(client, phone.key)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(devices, "issue_token", broken)
    answer = send_signed(client, phone.key, "POST", TOKEN, nonce=nonce)

    assert answer.status_code == 500
    assert answer.headers["DPoP-Nonce"]


def test_a_revoked_key_is_unknown_at_once(
    client: FlaskClient, phone: Phone, database: Database, person: Person
) -> None:
    assert ask(client, phone.key) == (200, None)

    with database.transaction() as session:
        devices.revoke(session, person.officer, phone.jkt, reason=KeyReason.STOLEN, now=START)

    assert ask(client, phone.key) == (401, "UNKNOWN_KEY")


def test_a_suspended_key_learns_it_at_the_gate_alone(
    client: FlaskClient, phone: Phone, database: Database, person: Person
) -> None:
    with database.transaction() as session:
        devices.suspend(session, person.officer, phone.jkt, reason=KeyReason.LOST, now=START)

    assert ask(client, phone.key) == (200, None)


# With an access token, as the gate asks for one.


def authenticate(
    app: Flask,
    database: Database,
    key: ProofKey,
    authorization: str | None,
    *,
    method: str = "GET",
    **claims: Any,
) -> Authenticated | Problem:
    """Authenticate a request for `/v1/me` as the gate does."""
    authentication: Authentication = app.extensions["connectrex"].part(Authentication)
    nonce = fresh_nonce(app.test_client(), key)
    _, _, token = (authorization or "").partition(" ")
    said: dict[str, Any] = {"nonce": nonce, "ath": token_hash(token)} | claims
    headers = signed_headers(key, method, "/v1/me", **said)
    if authorization is not None:
        headers["Authorization"] = authorization
    now = app.extensions["connectrex"].clock.now()
    with (
        app.test_request_context("/v1/me", base_url=SERVER_URL, method=method, headers=headers),
        database.snapshot() as session,
    ):
        try:
            opened = authentication.open(now)
            return authentication.verify(session, opened, access_token=True, once=False, now=now)
        except Problem as problem:
            return problem


def refusal(outcome: Authenticated | Problem) -> object:
    assert isinstance(outcome, Problem)
    assert outcome.code is Code.PROOF_REFUSED
    return outcome.members["reason"]


@pytest.mark.parametrize(
    ("scheme", "reason"), [("Bearer", "TOKEN_SCHEME"), ("Basic", "TOKEN_SCHEME")]
)
def test_a_token_of_another_scheme_is_refused(
    app: Flask, database: Database, phone: Phone, scheme: str, reason: str
) -> None:
    outcome = authenticate(app, database, phone.key, f"{scheme} {phone.token()}")

    assert refusal(outcome) == reason


def test_no_token_is_refused(app: Flask, database: Database, phone: Phone) -> None:
    assert refusal(authenticate(app, database, phone.key, None)) == "TOKEN_MISSING"


def test_two_authorization_headers_are_refused(
    app: Flask, database: Database, phone: Phone
) -> None:
    token = phone.token()

    outcome = authenticate(
        app, database, phone.key, f"DPoP {token},DPoP {token}", ath=token_hash(token)
    )

    assert refusal(outcome) == "WRONG_TOKEN_HASH"


def test_two_authorization_headers_are_refused_even_if_signed_for(
    app: Flask, database: Database, phone: Phone
) -> None:
    token = phone.token()

    outcome = authenticate(app, database, phone.key, f"DPoP {token},DPoP {token}")

    assert refusal(outcome) == "TOKEN_MALFORMED"


def test_the_token_of_another_phone_is_refused(
    app: Flask, client: FlaskClient, database: Database, phone: Phone, clock: FrozenClock
) -> None:
    with database.transaction() as session:
        other = supervised_person(session, now=START)
    another = enrolled_phone(database, client, clock, other)

    outcome = authenticate(app, database, phone.key, f"DPoP {another.token()}")

    assert refusal(outcome) == "TOKEN_OTHER_KEY"


def test_a_token_that_the_proof_does_not_name_is_refused(
    app: Flask, database: Database, phone: Phone
) -> None:
    outcome = authenticate(
        app, database, phone.key, f"DPoP {phone.token()}", ath=token_hash("another")
    )

    assert refusal(outcome) == "WRONG_TOKEN_HASH"


def test_a_token_lives_for_a_quarter_of_an_hour(
    app: Flask, database: Database, phone: Phone, clock: FrozenClock
) -> None:
    authorization = f"DPoP {phone.token()}"
    clock.step(minutes=14, seconds=59)
    in_time = authenticate(app, database, phone.key, authorization)
    clock.step(seconds=1)

    assert isinstance(in_time, Authenticated)
    assert refusal(authenticate(app, database, phone.key, authorization)) == "TOKEN_EXPIRED"


def test_a_token_ends_with_its_key(
    app: Flask, database: Database, phone: Phone, person: Person
) -> None:
    authorization = f"DPoP {phone.token()}"
    before = authenticate(app, database, phone.key, authorization)
    with database.transaction() as session:
        devices.revoke(session, person.officer, phone.jkt, reason=KeyReason.STOLEN, now=START)

    assert isinstance(before, Authenticated)
    assert refusal(authenticate(app, database, phone.key, authorization)) == "UNKNOWN_KEY"


def test_who_proves_a_key_and_its_token_is_the_person(
    app: Flask, database: Database, phone: Phone, person: Person
) -> None:
    outcome = authenticate(app, database, phone.key, f"DPoP {phone.token()}")

    assert isinstance(outcome, Authenticated)
    assert outcome.proof.jkt == outcome.key.jkt == phone.jkt
    with app.test_request_context():
        actor = outcome.actor()
    assert (actor.kind, actor.id) == (ActorKind.SUPERVISEE, person.supervisee_id)
    assert actor.agency_id == person.agency.id
    assert not actor.permissions


def test_authentication_asks_the_database_once(
    app: Flask, database: Database, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    authorization, asked = f"DPoP {phone.token()}", []
    authenticate(app, database, phone.key, authorization)

    def by_the_driver(connection: Any, text: str, parameters: Any) -> Any:
        asked.append(text)
        return executed(connection, text, parameters)

    executed = rows._executed
    monkeypatch.setattr(rows, "_executed", by_the_driver)
    event.listen(database.engine, "before_cursor_execute", lambda *seen: asked.append(seen[2]))
    outcome = authenticate(app, database, phone.key, authorization)

    assert isinstance(outcome, Authenticated)
    assert len([statement for statement in asked if "SELECT" in statement]) == 1
