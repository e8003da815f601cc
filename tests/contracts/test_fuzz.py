"""Whatever is sent, the answer is one that the OpenAPI document describes, and never a 500.

Requests are made up from the document, valid ones and invalid ones alike, from a fixed seed. They
carry what gets them past the guard of their audience, and most name things that are there, so
that it is the rooms behind the door that are tried and not the door.
"""

from __future__ import annotations

from collections.abc import Iterator
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
from backend.simulator.wire import HttpRequest
from tests.support.clocks import FrozenClock
from tests.support.databases import SqliteDatabases
from tests.support.devices import ROOT_SECRET, SERVER_URL
from tests.support.house import House

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
CODES: Final = {code.slug: code for code in Code}
AT_THE_DOOR: Final = {
    Code.UNAUTHENTICATED,
    Code.USE_DPOP_NONCE,
    Code.PROOF_REFUSED,
    Code.REPLAYED,
    Code.LOCATION_REFUSED,
}
"""With these nothing would be tried but the guard."""


def audience_of(operation: Any) -> str | None:
    """Return the name of an operation's security scheme; None for what is open to all."""
    return next(
        (name for one in operation.definition.raw.get("security", []) for name in one), None
    )


@pytest.fixture(scope="module")
def house(sqlite_databases: SqliteDatabases, server_keys: Path) -> Iterator[House]:
    """Something to ask for; what requests leave behind is met by those that follow."""
    with sqlite_databases.fresh_url() as url:
        database, clock = Database(url), FrozenClock()
        app = create_app(
            Settings(
                mode=Mode.TEST,
                database_url=url,
                root_secret=ROOT_SECRET,
                server_keys=server_keys,
                public_url=SERVER_URL,
            ),
            database,
            clock,
        )
        app.config["PROPAGATE_EXCEPTIONS"] = True  # A fault shows its trace, not a bare 500.
        yield House(app, database, clock)
        database.close()


def ask(house: House, case: Case[Any]) -> TestResponse:
    """Send a made-up request, most of the time about something that is there."""
    for name, made_up in case.path_parameters.items():
        if chance(made_up) % MISSES_ONE_IN:
            case.path_parameters[name] = house.ids.get(name, made_up)
    label = case.operation.label
    case.body = mixed(house.good_body(label), begun(house.good_beginning(label), case.body))
    sent = Request(**case.as_transport_kwargs(base_url=SERVER_URL)).prepare()
    if "412" in case.operation.responses.status_codes:
        sent.headers["If-Match"] = house.etag(sent.path_url)
    body = sent.body.encode() if isinstance(sent.body, str) else sent.body or b""
    request = HttpRequest(
        method=str(sent.method), url=str(sent.url), headers=sent.headers, body=body
    )
    return house.send(request, audience_of(case.operation), case.operation.path)


def mixed(good: dict[str, Any], made_up: Any) -> Any:
    """Return a good body with some members as they were made up, or what was made up as it is.

    Where members must fit each other, only so are the rules behind the schema reached.
    """
    if not good or not isinstance(made_up, dict) or not chance(made_up) % MISSES_ONE_IN:
        return made_up
    return good | {name: value for name, value in made_up.items() if not chance([name, value]) % 3}


def begun(beginning: str, made_up: Any) -> Any:
    """Return a text that begins well and goes on as it was made up, most of the time."""
    ends = isinstance(made_up, str) and chance(made_up) % MISSES_ONE_IN
    return f"{beginning}{made_up}" if ends else made_up


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
