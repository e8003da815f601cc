"""The sockets of the local FCM: an HTTP proxy that ends TLS itself, and plain HTTP control."""

from __future__ import annotations

import json
import socket
import ssl
import sys
import time
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from backend.simulator.fcm_service import (
    PROJECT,
    REFUSALS,
    TOKEN_LIFETIME_S,
    UNAUTHENTICATED,
    Answer,
    PushService,
    Refusal,
    Scripted,
)

FCM_HOST = "fcm.googleapis.com"
IAM_HOST = "iamcredentials.googleapis.com"  # google-auth asks it where the account may be used
LOCAL_HOST = "localhost"
HOSTS = (FCM_HOST, IAM_HOST, LOCAL_HOST)

_LARGEST_BODY = 64 * 1024
_IDLE_S = 30.0


class FcmServer(ThreadingHTTPServer):
    """Serves one PushService on 127.0.0.1; port 0 takes a free one."""

    daemon_threads = True
    request_queue_size = 256  # a batch opens a hundred connections at once

    def __init__(self, port: int, service: PushService, tls: ssl.SSLContext, banner: str) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.service = service
        self.tls = tls
        self.banner = banner

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Silent about senders that hang up, which is part of the play; loud about the rest."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection. `host` is None until CONNECT has named one."""

    server: FcmServer
    connection: socket.socket
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_S
    disable_nagle_algorithm = True  # or each answer waits for the acknowledgement of its header
    host: str | None = None

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name upstream
        """Says nothing of single requests."""

    def finish(self) -> None:
        try:
            super().finish()  # fails where a sender hung up before it was answered
        finally:
            self.rfile.close()
            self.connection.close()  # the TLS socket; the server knows only the one it wraps

    # As a proxy.

    def do_CONNECT(self) -> None:
        host, _, _ = self.path.rpartition(":")
        if self.host is not None or host not in HOSTS:
            self._answer(HTTPStatus.FORBIDDEN, {"error": "this fake leads nowhere else"})
            return
        self.send_response(HTTPStatus.OK)
        self.end_headers()
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb")  # an answer at once, not its header first
        self.host = host
        self.close_connection = False

    def do_GET(self) -> None:
        if self.host is None:
            self._control("GET")
        elif self.host == IAM_HOST:
            self._answer(HTTPStatus.OK, {"locations": [], "encodedLocations": "0x0"})
        else:
            self._answer(HTTPStatus.NOT_FOUND, {"error": "not found"})

    def do_POST(self) -> None:
        if self.host is None:
            self._control("POST")
        elif self.host == LOCAL_HOST and self.path == "/token":
            self._grant()
        elif self.host == FCM_HOST and self.path == f"/v1/projects/{PROJECT}/messages:send":
            self._send()
        else:
            self._read()
            self._answer(HTTPStatus.NOT_FOUND, {"error": "not found"})

    def do_DELETE(self) -> None:
        self._control("DELETE")

    def _grant(self) -> None:
        form = parse_qs(self._read().decode(errors="replace"))
        bearer = self.server.service.grant(form)
        if bearer is None:
            refusal = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
            self._answer(HTTPStatus.BAD_REQUEST, refusal)
            return
        granted = {"access_token": bearer, "expires_in": TOKEN_LIFETIME_S, "token_type": "Bearer"}
        self._answer(HTTPStatus.OK, granted)

    def _send(self) -> None:
        body = self._read_json()
        if not self.server.service.knows(self.headers.get("Authorization", "")):
            self._refuse(UNAUTHENTICATED)
            return
        taken = self.server.service.take(body)
        if isinstance(taken, Refusal):
            self._refuse(taken)
        else:
            self._play(taken)

    def _play(self, scripted: Scripted) -> None:
        if (refusal := REFUSALS.get(scripted.answer)) is not None:
            self._refuse(refusal, _retry_after(scripted))
            return
        if scripted.answer is Answer.NOT_JSON:
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        if scripted.answer is Answer.SLOW:
            time.sleep(scripted.after_s)  # a slow provider is what is simulated
        if scripted.answer is Answer.DROPPED:
            self.close_connection = True
            return
        name = {"name": f"projects/{PROJECT}/messages/{time.time_ns():x}"}
        taken = {} if scripted.answer is Answer.NO_NAME else name
        self._answer(HTTPStatus.OK, taken, cut=scripted.answer is Answer.HALF_CLOSED)

    # As the control of the play.

    def _control(self, method: str) -> None:
        body = self._read_json()
        parts = self.path.strip("/").split("/")
        service = self.server.service
        try:
            match (method, *parts):
                case ("GET", ""):
                    self._answer(HTTPStatus.OK, {"what": self.server.banner})
                case ("POST", "phones"):
                    self._answer(HTTPStatus.CREATED, {"token": service.new_phone()})
                case ("GET", "phones", token, "messages"):
                    self._answer(HTTPStatus.OK, {"messages": service.received(token)})
                case ("POST", "phones", token, "answers"):
                    service.script(token, *_scripted(body), forever=body.get("forever", False))
                    self._answer(HTTPStatus.NO_CONTENT, None)
                case ("DELETE", "phones", token):
                    service.uninstall(token)
                    self._answer(HTTPStatus.NO_CONTENT, None)
                case _:
                    self._answer(HTTPStatus.NOT_FOUND, {"error": "not found"})
        except KeyError:
            self._answer(HTTPStatus.NOT_FOUND, {"error": "no such phone, or a member is missing"})
        except (TypeError, ValueError, AttributeError):
            self._answer(HTTPStatus.BAD_REQUEST, {"error": "not understood"})

    # Bytes.

    def _read(self) -> bytes:
        length = int(self.headers.get("Content-Length", "0"))
        return self.rfile.read(min(length, _LARGEST_BODY))

    def _read_json(self) -> Any:
        """The parsed body; an empty object for an empty or malformed one."""
        try:
            return json.loads(self._read() or b"{}")
        except ValueError:
            return {}

    def _refuse(self, refusal: Refusal, headers: dict[str, str] | None = None) -> None:
        self._answer(refusal.status, refusal.body(), headers)

    def _answer(
        self,
        status: HTTPStatus,
        body: dict[str, Any] | None,
        headers: dict[str, str] | None = None,
        *,
        cut: bool = False,
    ) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(content)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)
        self.close_connection = self.close_connection or cut


def _retry_after(scripted: Scripted) -> dict[str, str]:
    if not scripted.after_s:
        return {}
    if scripted.as_date:
        return {"Retry-After": formatdate(time.time() + scripted.after_s, usegmt=True)}
    return {"Retry-After": str(int(scripted.after_s))}


def _scripted(body: dict[str, Any]) -> list[Scripted]:
    """Raises KeyError, ValueError, TypeError or AttributeError on anything malformed."""
    return [
        Scripted(
            answer=Answer(one["answer"]),
            after_s=float(one.get("after_s", 0)),
            as_date=bool(one.get("as_date", False)),
        )
        for one in body["answers"]
    ]
