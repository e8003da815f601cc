"""docs/client-guide.md names every request of a phone or browser, and none that there is not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from backend.core.http import Audience

PAGE: Final = Path("docs/client-guide.md")
DOCUMENT: Final = Path("docs/openapi.json")

GATED: Final = {Audience.SUPERVISEE.value}
OF_CLIENTS: Final = GATED | {Audience.DEVICE.value, Audience.SUPERVISEE_UNGATED.value}
OPEN_TO_CLIENTS: Final = {
    "GET /.well-known/jwks.json",
    "GET /payment/done",
    "GET /payment/left",
    "GET /v1/privacy-notice",
    "POST /v1/device/keys",
    "POST /v1/devices",
    "POST /v1/enrolments/challenge",
    "POST /v1/re-enrolments",
}
"""What a client asks for before the server knows its key, or where its key does not matter."""

REQUEST: Final = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE)\W{1,9}?(/[\w./{}-]*\w\}?)")
PATH: Final = re.compile(r"/(?:v1|payment|\.well-known)/[\w./{}-]*[\w}]")
ROW: Final = re.compile(r"^\| `([A-Z]+ [^`]+)` \| .+ \| (yes|no) \|$", re.MULTILINE)


def text() -> str:
    return PAGE.read_text(encoding="utf-8")


def nameless(path: str) -> str:
    """A path whose parameters have no names: the page's code fills them in."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def operations() -> Iterator[tuple[str, set[str]]]:
    """Every operation of the API with the audiences that it asks for."""
    document: dict[str, Any] = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in {"get", "post", "put", "patch", "delete"}:
                security = operation.get("security", [])
                yield f"{method.upper()} {path}", {name for each in security for name in each}


def of_clients() -> list[str]:
    return sorted(
        name
        for name, audiences in operations()
        if audiences & OF_CLIENTS or name in OPEN_TO_CLIENTS
    )


def named() -> set[str]:
    """What the page names by method and path, in its text and in its code."""
    return {f"{method} {path}" for method, path in REQUEST.findall(text())}


def test_clients_have_their_requests() -> None:
    assert len(of_clients()) >= 40
    assert set(of_clients()) >= OPEN_TO_CLIENTS


@pytest.mark.parametrize("operation", of_clients())
def test_every_request_of_a_client_is_on_the_page(operation: str) -> None:
    assert operation in named()


def test_what_the_page_names_is_there() -> None:
    there = {nameless(name) for name, _ in operations()}

    assert {name for name in named() if nameless(name) not in there} == set()


def test_every_path_on_the_page_is_there() -> None:
    there = {nameless(name.partition(" ")[2]) for name, _ in operations()}

    assert {path for path in PATH.findall(text()) if nameless(path) not in there} == set()


def test_the_table_says_which_requests_need_a_location() -> None:
    audiences = dict(operations())
    rows = ROW.findall(text())

    said = {name for name, location in rows if location == "yes"}

    assert len(rows) >= 20
    assert said == {name for name, _ in rows if audiences[name] & GATED}
