"""Whatever is sent, the answer is one that the OpenAPI document describes, and never a 500.

Requests are made up from the document, valid ones and invalid ones alike, from a fixed seed. They
carry what gets them past the guard of their audience, and most name things that are there, so
that it is the rooms behind the door that are tried and not the door.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis.strategies import one_of
from requests import Request
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)
from werkzeug.test import TestResponse

from backend.app import create_app
from backend.core.db import Database
from backend.core.errors import PROBLEM_TYPE, Code
from backend.core.problems import PROBLEM_JSON
from backend.core.settings import Mode, Settings
from backend.simulator.provider import SECRET_KEY, WEBHOOK_SECRET, LocalProvider
from backend.simulator.wire import HttpRequest
from tests.support.clocks import FrozenClock
from tests.support.databases import SqliteDatabases
from tests.support.devices import ROOT_SECRET, SERVER_URL
from tests.support.house import House
from tests.support.scenes import Good

Operation = APIOperation[Any, Any, Any, Any]

schemathesis.serializer.alias(["application/eat+jwt", "text/csv"], "text/plain")
DOCUMENT: Final = schemathesis.openapi.from_path("docs/openapi.json")
"""Another test sees to it that this is what the application says of itself."""
OPERATIONS: Final = [found.ok() for found in DOCUMENT.get_all_operations() if isinstance(found, Ok)]
EXAMPLES: Final = 12
CHECKS: Final = [
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
MISSES_ONE_IN: Final = 5
GOOD_ONE_IN: Final = 4
CODES: Final = {code.slug: code for code in Code}
AT_THE_DOOR: Final = {
    Code.UNAUTHENTICATED,
    Code.USE_DPOP_NONCE,
    Code.PROOF_REFUSED,
    Code.REPLAYED,
    Code.LOCATION_REFUSED,
}
"""With these nothing would be tried but the guard."""


WRITES: Final = [one for one in OPERATIONS if one.method.upper() not in {"GET", "HEAD", "OPTIONS"}]
NEVER_TAKEN: Final = {
    "POST /v1/device/keys": "a new key signs, over a challenge (devices/test_key_change.py)",
    "POST /v1/device/passkey": "an authenticator signs (devices/test_presence.py)",
    "POST /v1/device/assertions": "Apple's own key signs (devices/test_assertions.py)",
}
"""What can only be refused here, and why. Whatever else writes must be taken once when asked well."""


def audience_of(operation: Any) -> str | None:
    """Return the name of an operation's security scheme; None for what is open to all."""
    return next(
        (name for one in operation.definition.raw.get("security", []) for name in one), None
    )


@pytest.fixture(scope="module")
def house(sqlite_databases: SqliteDatabases, server_keys: Path) -> Iterator[House]:
    """Something to ask for; what requests leave behind is met by those that follow."""
    with a_house(sqlite_databases, server_keys) as one:
        yield one


@contextmanager
def a_house(sqlite_databases: SqliteDatabases, server_keys: Path) -> Iterator[House]:
    """Give a house in an application of its own, beside a payment provider."""
    clock = FrozenClock()
    with sqlite_databases.fresh_url() as url, LocalProvider(now=clock.now) as provider:
        database = Database(url)
        app = create_app(
            Settings(
                mode=Mode.TEST,
                database_url=url,
                root_secret=ROOT_SECRET,
                server_keys=server_keys,
                public_url=SERVER_URL,
                stripe_key=SECRET_KEY,
                stripe_webhook_secrets=WEBHOOK_SECRET,
                stripe_api=provider.url,
            ),
            database,
            clock,
        )
        app.config["PROPAGATE_EXCEPTIONS"] = True  # A fault shows its trace, not a bare 500.
        yield House(app, database, clock, provider=provider)
        database.close()


def ask(house: House, case: Case[Any]) -> TestResponse:
    """Send a made-up request, most of the time about something that is there."""
    good = house.prepared(case.operation.label)
    for name, made_up in case.path_parameters.items():
        if chance(made_up) % MISSES_ONE_IN:
            case.path_parameters[name] = good.ids.get(name, made_up)
    case.body = mixed(good.body, begun(good.text, case.body))
    sent = Request(**case.as_transport_kwargs(base_url=SERVER_URL)).prepare()
    body = sent.body.encode() if isinstance(sent.body, str) else sent.body or b""
    return send(house, case.operation, str(sent.url), sent.headers, body, good)


def ask_well(house: House, operation: Any) -> TestResponse:
    """Send what the operation takes."""
    good = house.prepared(operation.label)
    path = operation.path.format_map(good.ids)
    body = (good.text or (json.dumps(good.body) if good.body else "")).encode()
    kinds = operation.definition.raw.get("requestBody", {}).get("content", {})
    headers = {"Content-Type": next(iter(kinds))} if kinds else {}
    if kinds and not body:
        body = b"{}"
    return send(house, operation, SERVER_URL + path, headers, body, good)


def send(
    house: House, operation: Any, url: str, headers: Mapping[str, str], body: bytes, good: Good
) -> TestResponse:
    """Send a request as somebody who may, and who has read what it changes."""
    path = url.removeprefix(SERVER_URL)
    is_guarded = "412" in operation.definition.raw["responses"]
    read = {"If-Match": house.etag(path)} if is_guarded else {}
    request = HttpRequest(
        method=operation.method.upper(), url=url, headers={**headers, **read}, body=body
    )
    return house.send(request, audience_of(operation), operation.path, officer=good.officer)


def mixed(good: dict[str, Any], made_up: Any) -> Any:
    """Return a good body with some members as they were made up, or what was made up as it is.

    Where members must fit each other, only so are the rules behind the schema reached.
    """
    if not good or not isinstance(made_up, dict) or not chance(made_up) % MISSES_ONE_IN:
        return made_up
    if not chance(made_up) % GOOD_ONE_IN:
        return good
    return good | {name: value for name, value in made_up.items() if not chance([name, value]) % 3}


def begun(beginning: str, made_up: Any) -> Any:
    """Return a text that begins well and goes on as it was made up, most of the time."""
    if not beginning or not isinstance(made_up, str) or not chance(made_up) % MISSES_ONE_IN:
        return made_up
    return f"{beginning}{made_up}" if chance(made_up) % GOOD_ONE_IN else beginning


def chance(made_up: object) -> int:
    """Return a number that is as random as what it comes from, and the same for the same."""
    return crc32(repr(made_up).encode(errors="replace"))


def assert_as_described(case: Case[Any], answer: TestResponse) -> None:
    """Hold the answer against the document; a refusal against the register of codes too."""
    if answer.status_code < HTTPStatus.BAD_REQUEST:
        assert str(answer.status_code) in case.operation.responses.status_codes
    else:
        code = problem_of(answer)
        assert audience_of(case.operation) is None or code not in AT_THE_DOOR
    case.validate_response(answer, checks=CHECKS)


def problem_of(answer: TestResponse) -> Code:
    """Return the code of a refusal, which must be problem+json and no fault of the server's."""
    problem = answer.json
    assert answer.content_type == PROBLEM_JSON
    assert problem is not None
    code = CODES[problem["code"]]
    assert answer.status_code == problem["status"] == code.status < 500
    assert problem["type"] == PROBLEM_TYPE + code.slug
    assert problem["title"] == code.title
    return code


def test_every_write_is_taken_when_it_is_asked_well(
    sqlite_databases: SqliteDatabases, server_keys: Path
) -> None:
    with a_house(sqlite_databases, server_keys) as house:
        answers = {one.label: ask_well(house, one) for one in WRITES}

    for operation in WRITES:
        things = dict.fromkeys(re.findall(r"{(\w+)}", operation.path), "x")
        case = operation.Case(path_parameters=things)
        case.validate_response(answers[operation.label], checks=CHECKS)
    refused = {label: one.text for label, one in answers.items() if one.status_code >= 400}
    assert refused.keys() <= NEVER_TAKEN.keys(), refused
    assert refused.keys() >= NEVER_TAKEN.keys()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_every_answer_is_as_described(operation: Operation, house: House) -> None:
    @seed(20260302)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(one_of([operation.as_strategy(generation_mode=mode) for mode in GenerationMode]))
    def answers_as_described(case: Case[Any]) -> None:
        assert_as_described(case, ask(house, case))

    answers_as_described()
