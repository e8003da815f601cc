"""A card number is refused in every text of every request, and nothing of it stays anywhere.

The requests are made from the OpenAPI document, so that an endpoint of tomorrow is tried too. What
phones sign, a schema does not show: those texts are taken from what a phone really signs.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import pytest
from sqlalchemy import select

from backend.app import create_app
from backend.core.db import Database
from backend.core.settings import Mode, Settings
from backend.migrations import metadata
from backend.payments.bank_file import COLUMNS
from backend.simulator.phone import _Call
from backend.simulator.wire import HttpRequest
from tests.support.clocks import FrozenClock
from tests.support.databases import SqliteDatabases
from tests.support.devices import ROOT_SECRET, SERVER_URL
from tests.support.house import House
from tests.support.location import HOME, at

DOCUMENT: Final[dict[str, Any]] = json.loads(Path("docs/openapi.json").read_text(encoding="utf-8"))
DIGITS: Final = "4242424242424242"
CARD: Final = "4242 4242-4242 4242"
FORMATS: Final = {"uuid", "date", "date-time", "time"}
"""What else cannot be stored under these: the field reads a value, and keeps that."""

NOBODY: Final = "019cadc6-9a80-7e77-939c-63ffb87b0764"
SIGNED_BY_OTHERS: Final = {"/v1/provider/notices"}
"""A payment provider's own words, taken only with its signature: no place where people type."""

Steps = tuple[str | int, ...]


def _resolved(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Give the schema, or all those of which it may be one."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        yield from _resolved(DOCUMENT["components"]["schemas"][name])
        return
    branches = [branch for key in ("allOf", "anyOf", "oneOf") for branch in schema.get(key, ())]
    for branch in branches:
        yield from _resolved(branch)
    if not branches:
        yield schema


def _texts(schema: Mapping[str, Any], at: Steps = ()) -> Iterator[tuple[Steps, bool]]:
    """Give the place of each text that may be sent, and whether it is free text."""
    for one in _resolved(schema):
        kinds = one.get("type", [])
        kinds = kinds if isinstance(kinds, list) else [kinds]
        for name, member in one.get("properties", {}).items():
            if not member.get("readOnly"):
                yield from _texts(member, (*at, name))
        if "object" in kinds and "properties" not in one:
            yield (*at, "note"), True
        if "array" in kinds:
            yield from _texts(one["items"], (*at, 0))
        if "string" in kinds:
            formatted = bool({"enum", "pattern"} & set(one)) or one.get("format") in FORMATS
            yield at, not formatted


def _body(steps: Steps, text: str) -> Any:
    """Return a body that holds `text` at one place and nothing else."""
    made: Any = text
    for step in reversed(steps):
        made = [made] if isinstance(step, int) else {step: made}
    return made


OPERATIONS: Final = [
    (method.upper(), path, operation)
    for path, methods in DOCUMENT["paths"].items()
    if path not in SIGNED_BY_OTHERS
    for method, operation in methods.items()
    if method in {"get", "post", "put", "patch", "delete"}
]
BODIES: Final = [
    pytest.param(method, path, operation, steps, free, id=f"{method} {path} {steps}")
    for method, path, operation in OPERATIONS
    if "application/json" in operation.get("requestBody", {}).get("content", {})
    for steps, free in _texts(operation["requestBody"]["content"]["application/json"]["schema"])
]
QUERIES: Final = [
    pytest.param(
        method, path, operation, named["name"], free, id=f"{method} {path} {named['name']}"
    )
    for method, path, operation in OPERATIONS
    for named in operation.get("parameters", ())
    if named.get("in") == "query"
    for _, free in _texts(named["schema"])
]
FILES: Final = [
    (method, path)
    for method, path, operation in OPERATIONS
    if "text/csv" in operation.get("requestBody", {}).get("content", {})
]
BANKS_OWN: Final = "external_id"
"""A bank's number of a payment: among these, one in ten of that length passes for a card's."""


@pytest.fixture(scope="module")
def database(sqlite_databases: SqliteDatabases) -> Iterator[Database]:
    """One database for all requests: none of them may leave anything in it."""
    with sqlite_databases.fresh_url() as url:
        database = Database(url)
        yield database
        database.close()


@pytest.fixture(scope="module")
def house(database: Database, server_keys: Path) -> House:
    """Somebody who may send each request."""
    clock = FrozenClock()
    settings = Settings(
        mode=Mode.TEST,
        database_url=str(database.engine.url),
        root_secret=ROOT_SECRET,
        server_keys=server_keys,
        public_url=SERVER_URL,
    )
    return House(create_app(settings, database, clock), database, clock)


def _answer(
    house: House, method: str, path: str, operation: Mapping[str, Any], **sent: Any
) -> tuple[int, str]:
    url = re.sub(r"{(\w+)}", lambda found: house.ids.get(found[1], NOBODY), path)
    query = f"?{urlencode(sent['query'])}" if "query" in sent else ""
    request = HttpRequest(
        method=method,
        url=SERVER_URL + url + query,
        headers={"Content-Type": "application/json", "If-Match": '"any"'},
        body=json.dumps(sent["body"]).encode() if "body" in sent else b"",
    )
    audience = next((name for one in operation.get("security", []) for name in one), None)
    answer = house.send(request, audience, path)
    return answer.status_code, answer.get_data(as_text=True)


def _assert_refused(status: int, text: str, *, free: bool) -> None:
    """Hold that the request was refused without an echo, by its own code for free text."""
    assert status == 422
    assert "4242" not in text
    if free:
        assert json.loads(text)["code"] == "card-number-refused"


def test_there_is_text_to_try() -> None:
    assert len(BODIES) > 100
    assert len(QUERIES) > 20
    assert FILES
    assert sum(case.values[4] is True for case in BODIES) > 60


@pytest.mark.parametrize(("method", "path", "operation", "steps", "free"), BODIES)
@pytest.mark.parametrize("card", [DIGITS, CARD, f"my card {CARD} exp 12/29"])
def test_no_text_of_a_body_takes_a_card_number(
    house: House,
    capfd: pytest.CaptureFixture[str],
    method: str,
    path: str,
    operation: dict[str, Any],
    steps: Steps,
    free: bool,
    card: str,
) -> None:
    status, text = _answer(house, method, path, operation, body=_body(steps, card))

    _assert_refused(status, text, free=free)
    assert "4242" not in "".join(capfd.readouterr())


@pytest.mark.parametrize(("method", "path", "operation", "name", "free"), QUERIES)
def test_no_parameter_of_a_query_takes_a_card_number(
    house: House,
    capfd: pytest.CaptureFixture[str],
    method: str,
    path: str,
    operation: dict[str, Any],
    name: str,
    free: bool,
) -> None:
    status, text = _answer(house, method, path, operation, query={name: DIGITS})

    _assert_refused(status, text, free=free)
    assert "4242" not in "".join(capfd.readouterr())


@pytest.mark.parametrize(("method", "path"), FILES)
@pytest.mark.parametrize("column", [name for name in COLUMNS if name != BANKS_OWN])
@pytest.mark.parametrize("card", [DIGITS, CARD, f"my card {CARD} exp 12/29"])
def test_no_column_of_a_file_takes_a_card_number(
    house: House,
    capfd: pytest.CaptureFixture[str],
    method: str,
    path: str,
    column: str,
    card: str,
) -> None:
    good = {"external_id": "B-1", "received_on": "2026-03-01", "amount_minor": "4000"}
    good |= {"currency": "USD", "method": "check", "supervisee": "", "note": ""}
    line = ",".join((good | {column: card})[name] for name in COLUMNS)
    request = HttpRequest(
        method=method,
        url=SERVER_URL + path,
        headers={"Content-Type": "text/csv"},
        body=f"{','.join(COLUMNS)}\n{line}\n".encode(),
    )

    answer = house.send(request, "officer", path)

    _assert_refused(answer.status_code, answer.get_data(as_text=True), free=column == "note")
    assert "4242" not in "".join(capfd.readouterr())


def test_a_card_number_as_a_name_is_not_echoed(house: House) -> None:
    obligation = next(
        (method, path, operation)
        for method, path, operation in OPERATIONS
        if (method, path) == ("POST", "/v1/supervisees/{supervisee_id}/obligations")
    )
    listed = next(
        (method, path, operation)
        for method, path, operation in OPERATIONS
        if (method, path) == ("GET", "/v1/supervisees")
    )

    _assert_refused(*_answer(house, *obligation, body={DIGITS: 1}), free=True)
    _assert_refused(*_answer(house, *obligation, body={"x": {CARD: 1}}), free=True)
    _assert_refused(*_answer(house, *listed, query={DIGITS: "1"}), free=True)


@pytest.mark.parametrize("card", [DIGITS, CARD, f"my card {CARD} exp 12/29"])
def test_no_text_of_a_journal_token_takes_a_card_number(house: House, card: str) -> None:
    house.phone.buffer_fix(at(HOME))
    house.phone.lose_fix("storage")
    token = house.phone.write_journal()
    claims = _claims(token)
    places = set(_places(claims))
    forged = [_with(claims, place, card) for place in places] + [claims | {card: 1}]

    answers = [house.phone.send_token(house.phone.key.sign_journal(each)) for each in forged]

    assert places > {("jti",), ("fixes", 0, "fix", "src"), ("gaps", 0, "why")}
    assert {(answer.status, answer.json()["code"]) for answer in answers} == {
        (422, "journal-refused")
    }
    assert not [answer for answer in answers if b"4242" in answer.body]
    assert house.phone.send_token(token).status == 200


@pytest.mark.parametrize("card", [DIGITS, CARD, f"my card {CARD} exp 12/29"])
def test_no_text_of_a_proof_takes_a_card_number(house: House, card: str) -> None:
    house.phone.take_fix(at(HOME))
    call = _Call(method="POST", path="/v1/fixes", said=house.phone._fresh_location())
    good = house.phone._signed(call)
    claims = _claims(good.headers["DPoP"])
    location, nowhere = claims["location"], {**claims, "unavailable": card}
    del nowhere["location"]
    forged = [_with(claims, place, card) for place in _places(claims)]
    forged += [nowhere, claims | {"note": card}, claims | {"location": location | {card: 1}}]

    answers = [
        house.phone._send(
            replace(good, headers={**good.headers, "DPoP": house.phone.key.sign(each)})
        )
        for each in forged
    ]

    assert len(answers) > 8
    assert {answer.status for answer in answers} == {401}
    assert not [answer for answer in answers if b"4242" in answer.body]
    assert house.phone._send(good).status == 200


def _claims(signed: str) -> dict[str, Any]:
    """Return what a JWS says."""
    said: dict[str, Any] = json.loads(urlsafe_b64decode(signed.split(".")[1] + "=="))
    return said


def _places(value: Any, at: Steps = ()) -> Iterator[Steps]:
    """Give the place of each text in a JSON value."""
    if isinstance(value, str):
        yield at
    members: Iterable[tuple[str | int, Any]] = ()
    members = value.items() if isinstance(value, dict) else members
    members = enumerate(value) if isinstance(value, list) else members
    for step, member in members:
        yield from _places(member, (*at, step))


def _with(value: Any, place: Steps, text: str) -> Any:
    """Return the JSON value with `text` at one place."""
    if not place:
        return text
    changed = value.copy()
    changed[place[0]] = _with(value[place[0]], place[1:], text)
    return changed


def test_nothing_of_it_is_in_the_database(house: House, database: Database) -> None:
    assert house.ids
    with database.snapshot() as session:
        for table in metadata().sorted_tables:
            for row in session.execute(select(table)):
                said = "|".join(_readings(row))
                assert "4242-4242" not in said
                assert DIGITS not in said


def _readings(row: Iterable[object]) -> Iterator[str]:
    """Give the values of a row as text, and what signed ones say."""
    for value in row:
        yield str(value)
        if isinstance(value, str) and re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]{86}", value):
            yield json.dumps(_claims(value))
