"""The HTTP session that firebase-admin pushes through: requests' connections without its ceremony.

`requests.Session` works out proxies, cookies, hooks, the parts of the URL and the pool of connections
anew for every request: half of what a push costs. Here, where all go to one place, once.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import requests
from google.auth.credentials import Credentials
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPSConnection


class Adapter(HTTPAdapter):
    """Connections for many requests at once, which send what they have without waiting.

    Through a proxy urllib3 leaves Nagle's algorithm on: each request's body would wait for the
    acknowledgement of its header, 40 ms that the other side takes its time for.
    """

    def __init__(self, parallel: int) -> None:
        super().__init__(pool_maxsize=parallel, max_retries=0)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        return super().proxy_manager_for(
            proxy, socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)], **options
        )


class _Connection(HTTPSConnection):
    """Sends header and body of a request at once: half the packets, and one wake-up over there."""

    _held: bytearray | None = None

    def request(self, *args: Any, **options: Any) -> None:
        held = self._held = bytearray()
        try:
            super().request(*args, **options)
        finally:
            self._held = None
        self.send(held)

    def send(self, data: Any) -> None:
        if self._held is None:
            super().send(data)
        else:
            self._held += data


class _OneHostAdapter(Adapter):
    """An `Adapter` all of whose requests go to one host, by one way."""

    def __init__(self, parallel: int) -> None:
        super().__init__(parallel)
        self._pool: Any = None
        self._has_authorities = False

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        if self._pool is None:
            pool: Any = super().get_connection_with_tls_context(*args, **options)
            pool.ConnectionCls = _Connection
            self._pool = pool
        return self._pool

    def cert_verify(self, *args: Any, **options: Any) -> None:
        if not self._has_authorities:
            super().cert_verify(*args, **options)  # type: ignore[no-untyped-call]  # the gap of its types
            self._has_authorities = True


class PushSession:
    """Stands in for a `requests.Session` where firebase-admin posts JSON to one host.

    The way out (proxy, authorities) is that of `session`; `oauth` renews `credential`.
    Never retries, but for a bearer token that lapsed.
    """

    def __init__(
        self,
        session: requests.Session,
        credential: Credentials,
        oauth: Callable[..., Any],
        *,
        parallel: int,
    ) -> None:
        self._session = session
        self._credential = credential
        self._oauth = oauth
        self._adapter = _OneHostAdapter(parallel)
        self._way_out: Mapping[str, Any] = {}

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        json: object,
        timeout: float,
    ) -> requests.Response:
        """The answer, whatever its status. Raises RequestException, GoogleAuthError."""
        answer = self._answer(method, url, headers, json, timeout)
        if answer.status_code != HTTPStatus.UNAUTHORIZED:
            return answer
        self._credential.refresh(self._oauth)  # type: ignore[no-untyped-call]  # google-auth's gap
        return self._answer(method, url, headers, json, timeout)

    def _answer(
        self, method: str, url: str, headers: Mapping[str, str], body: object, timeout: float
    ) -> requests.Response:
        request = self._request(method, url, headers, json.dumps(body).encode())
        if not self._way_out:
            found = self._session.merge_environment_settings(url, {}, None, None, None)
            self._way_out = {"proxies": found["proxies"], "verify": found["verify"]}
        answer = self._adapter.send(request, timeout=timeout, **self._way_out)
        answer.content  # noqa: B018  to have read it gives the connection back
        return answer

    def _request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> requests.PreparedRequest:
        request = requests.PreparedRequest()
        request.method, request.url, request.body = method.upper(), url, body
        request.headers = CaseInsensitiveDict(headers)
        request.headers["Content-Type"] = "application/json"
        request.headers["Content-Length"] = str(len(body))
        self._credential.before_request(  # type: ignore[no-untyped-call]  # google-auth's gap
            self._oauth, method, url, request.headers
        )
        return request

    def close(self) -> None:
        """Gives connections back."""
        self._adapter.close()
