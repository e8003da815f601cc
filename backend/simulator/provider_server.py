"""The sockets of the local payment provider: the API that a server calls, the pages people see."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from enum import Enum
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from backend.simulator import provider_pages
from backend.simulator.provider_form import parse_form
from backend.simulator.provider_service import SECRET_KEY, Object, ProviderService, RefusedError

_LARGEST_BODY = 64 * 1024
_LARGEST_PAGE = 100


class Outage(Enum):
    """How the fake fails: before it does anything, or after."""

    BROKEN = "broken"  # 500
    BUSY = "busy"  # 429
    UNANSWERED = "unanswered"  # done, and the connection closes without an answer


class ProviderServer(ThreadingHTTPServer):
    """Serves one ProviderService on 127.0.0.1; port 0 takes a free one."""

    daemon_threads = True

    def __init__(self, port: int, service: ProviderService) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.service = service
        self.outages: list[Outage] = []
        """How the next requests to the API fail, one each."""
        self.headers_seen: list[Mapping[str, str]] = []
        """What servers said in the headers of their requests."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Silent about callers that hang up; loud about the rest."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: ProviderServer
    protocol_version = "HTTP/1.1"
    timeout = 30.0
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name upstream
        """Says nothing of single requests."""

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def _serve(self, method: str) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        form = self.rfile.read(min(length, _LARGEST_BODY)).decode(errors="replace")
        url = urlsplit(self.path)
        parts = url.path.strip("/").split("/")
        if parts[0] == "pay":
            self._page(method, parts, parse_form(form))
        else:
            self._api(method, parts, parse_form(form if method == "POST" else url.query))

    # The page.

    def _page(self, method: str, parts: list[str], asked: Object) -> None:
        try:
            session = self.server.service.page(parts[-1])
            if method == "POST" and session["status"] == "open":
                self.server.service.pay(parts[-1], slowly=asked.get("outcome") == "slow")
                self._send(HTTPStatus.SEE_OTHER, b"", {"Location": session["success_url"]})
                return
        except RefusedError as refusal:
            self._send(refusal.status, b"There is no such page.", {"Content-Type": "text/plain"})
            return
        self._send(HTTPStatus.OK, provider_pages.render(session).encode(), provider_pages.HEADERS)

    # The API.

    def _api(self, method: str, parts: list[str], asked: Object) -> None:
        self.server.headers_seen.append(dict(self.headers.items()))
        outage = self.server.outages.pop(0) if self.server.outages else None
        try:
            self._admit(outage)
            answer = self._once(method, parts, asked)
        except RefusedError as refusal:
            self._say(refusal.status, refusal.body)
        except (KeyError, ValueError, TypeError, AttributeError):
            self._say(HTTPStatus.BAD_REQUEST, _error("parameter_missing"))
        else:
            if outage is Outage.UNANSWERED:
                self.close_connection = True
                return
            self._say(HTTPStatus.OK, answer)

    def _admit(self, outage: Outage | None) -> None:
        if self.headers.get("Authorization") != f"Bearer {SECRET_KEY}":
            raise RefusedError(HTTPStatus.UNAUTHORIZED, "invalid_request_error", "api_key_invalid")
        if outage is Outage.BROKEN:
            raise RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, "api_error", "broken")
        if outage is Outage.BUSY:
            raise RefusedError(HTTPStatus.TOO_MANY_REQUESTS, "invalid_request_error", "rate_limit")

    def _once(self, method: str, parts: list[str], asked: Object) -> Object:
        key = self.headers.get("Idempotency-Key")
        act = self._act(method, parts, asked)
        if method == "POST" and key:
            return self.server.service.once(key, {"path": self.path, "form": asked}, act)
        return act()

    def _act(self, method: str, parts: list[str], asked: Object) -> Callable[[], Object]:
        act = (_reading if method == "GET" else _writing)(self.server.service, parts, asked)
        if act is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "invalid_request_error", "url_unknown")
        return act

    def _say(self, status: HTTPStatus, body: Object) -> None:
        self._send(status, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def _send(self, status: HTTPStatus, content: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _reading(
    service: ProviderService, parts: list[str], asked: Object
) -> Callable[[], Object] | None:
    match parts:
        case ["v1", "checkout", "sessions", reference]:
            return partial(service.page, reference)
        case ["v1", "payment_intents"]:
            return partial(service.payments, *_period(asked))
        case ["v1", "payment_intents", reference]:
            return partial(service.payment, reference)
        case ["v1", "refunds" | "disputes" as what]:
            find = service.refunds if what == "refunds" else service.disputes
            return partial(find, asked["payment_intent"])
    return None


def _writing(
    service: ProviderService, parts: list[str], asked: Object
) -> Callable[[], Object] | None:
    match parts:
        case ["v1", "checkout", "sessions"]:
            return partial(service.open_page, asked)
        case ["v1", "checkout", "sessions", reference, "expire"]:
            return partial(service.expire, reference)
        case ["v1", "payment_intents" | "refunds" as what]:
            act = service.charge if what == "payment_intents" else service.refund
            return partial(act, asked)
        case ["v1", "payment_intents", reference, "cancel"]:
            return partial(service.cancel, reference)
        case ["v1", "payment_methods", reference, "detach"]:
            return partial(service.detach, reference)
    return None


def _period(asked: Object) -> tuple[int, int, int, str | None]:
    created = asked["created"]
    limit = min(int(asked.get("limit", 10)), _LARGEST_PAGE)
    return int(created["gte"]), int(created["lt"]), limit, asked.get("starting_after")


def _error(code: str) -> Object:
    return {"error": {"type": "invalid_request_error", "code": code, "message": "Not understood."}}
