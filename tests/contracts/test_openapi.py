"""The OpenAPI document is complete and changes only on purpose."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import urljoin

from flask import Flask
from flask.testing import FlaskClient

SNAPSHOT = Path("docs/openapi.json")


def test_the_document_is_the_one_kept(client: FlaskClient) -> None:
    answer = client.get("/openapi.json")

    assert answer.json == json.loads(SNAPSHOT.read_text(encoding="utf-8")), (
        "write it anew with `connectrex openapi > docs/openapi.json` if this change is meant"
    )


def test_every_route_is_in_the_document(app: Flask, client: FlaskClient) -> None:
    document = client.get("/openapi.json").json
    assert document is not None
    documented = {path.replace("{", "<").replace("}", ">") for path in document["paths"]}

    routes = {
        "".join(part if trace is None else f"<{part}>" for trace, part in _parts(rule.rule))
        for rule in app.url_map.iter_rules()
        if not rule.rule.startswith(("/openapi.json", "/docs"))
    }

    assert routes == documented


def _parts(rule: str) -> list[tuple[str | None, str]]:
    pieces: list[tuple[str | None, str]] = []
    for index, piece in enumerate(rule.replace(">", "<").split("<")):
        converter, _, name = piece.rpartition(":")
        pieces.append((converter or "path", name) if index % 2 else (None, piece))
    return pieces


def test_the_docs_page_works_without_the_network(client: FlaskClient) -> None:
    page = client.get("/docs/")

    assert page.status_code == 200
    assert not re.search(r"https?://(?!localhost/)", page.text)
    for local in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        with client.get(urljoin("/docs/", local)) as file:
            assert file.status_code == 200


def test_what_a_view_says_of_a_refusal_goes_before_what_its_guard_says(client: FlaskClient) -> None:
    document = client.get("/openapi.json").json
    assert document is not None

    asking = document["paths"]["/v1/me/requests"]["post"]["responses"]["409"]

    assert "too-many-open" in asking["description"]
    assert asking["content"].keys() == {"application/problem+json"}
