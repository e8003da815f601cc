"""The phone's requests over a real connection."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
import requests
from flask import Flask, request

from backend.simulator.phone import PhoneRefusedError
from backend.simulator.wire import HttpRequest, over_http
from tests.support.clocks import FrozenClock
from tests.support.phones import phone_of


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class's name
        pass


def _echo(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"] or 0))
    start_response(
        "307 Temporary Redirect", [("Location", "/away"), ("X-Seen", environ["HTTP_DPOP"])]
    )
    return [environ["REQUEST_METHOD"].encode() + b" " + body]


@pytest.fixture
def url() -> Iterator[str]:
    with make_server("127.0.0.1", 0, _echo, handler_class=_Quiet) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_request_is_carried_as_it_is_and_no_redirect_is_followed(url: str) -> None:
    with requests.Session() as session:
        answer = over_http(session)(
            HttpRequest(method="PUT", url=f"{url}/v1/x", headers={"DPoP": "proof"}, body=b"{}")
        )

    assert answer.status == 307
    assert answer.body == b"PUT {}"
    assert answer.headers["x-seen"] == "proof"


def test_a_server_that_is_gone_is_an_oserror(url: str) -> None:
    nowhere = url.rpartition(":")[0] + ":9"

    with requests.Session() as session, pytest.raises(OSError, match="refused"):
        over_http(session)(HttpRequest(method="GET", url=nowhere, headers={}, body=b""))


def test_a_phone_reaches_an_application_without_a_socket() -> None:
    app = Flask(__name__)

    @app.post("/v1/enrolments/challenge")
    def refuse() -> tuple[str, int]:
        return f"{request.url} {request.get_data(as_text=True)}", 403

    phone = phone_of(app.test_client(), FrozenClock())

    with pytest.raises(PhoneRefusedError) as refused:
        phone.enrol("CODE")

    assert refused.value.answer.status == 403
    assert refused.value.answer.body == (
        b'https://connectrex.test/v1/enrolments/challenge {"code":"CODE"}'
    )
