"""HTTP as the simulated phone speaks it, by whatever carries it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import requests

_TIMEOUT_S: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A request, ready to be sent and, where that is harmless, sent again."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """An answer; the names in `headers` are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


Transport = Callable[[HttpRequest], HttpAnswer]
"""Carries a request to the server and brings its answer; OSError if none comes."""


def over_http(session: requests.Session) -> Transport:
    """A transport over real connections, which `session` keeps open."""

    def carry(request: HttpRequest) -> HttpAnswer:
        response = session.request(
            request.method,
            request.url,
            headers=dict(request.headers),
            data=request.body,
            timeout=_TIMEOUT_S,
            allow_redirects=False,
        )
        return HttpAnswer(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=response.content,
        )

    return carry
