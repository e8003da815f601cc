"""A local Firebase Cloud Messaging over real TLS, for the demo and the tests. A fake.

It is an HTTP proxy: whoever sends through it and trusts its authority believes to speak with
`fcm.googleapis.com`. Nothing leaves the machine. It asks for OAuth like Google's, answers like
Google's, and keeps what each phone received. Plain HTTP requests on the same port control it:

    POST   /phones                    -> 201 {"token": …}        an app is installed
    GET    /phones/<token>/messages   -> 200 {"messages": […]}   what it received, oldest first
    POST   /phones/<token>/answers    -> 204                     how the next sends are answered:
           {"answers": [{"answer": "UNAVAILABLE", "after_s": 30}], "forever": false}
    DELETE /phones/<token>            -> 204                     the app is uninstalled

Run it with `python -m backend.simulator.fcm --dir DIR`.
"""

from __future__ import annotations

import argparse
import json
import signal
import ssl
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import trustme

from backend.simulator.fcm_server import HOSTS, LOCAL_HOST, FcmServer
from backend.simulator.fcm_service import Answer, PushService, Scripted

__all__ = ["BANNER", "Answer", "LocalFcm", "Scripted", "main"]

BANNER = "LOCAL FCM: A FAKE. What is sent here reaches no real phone. Never for production."

_POLL_S = 0.05


class LocalFcm:
    """The fake, listening on 127.0.0.1 while the `with` block lasts.

    A sender needs `service_account_info`, `ca_pem` as its only authority and `proxy_url` as its
    proxy; `write_to` puts all three into files for another process.
    """

    def __init__(self, port: int = 0) -> None:
        self._service = PushService()
        authority = trustme.CA()
        self.ca_pem: bytes = authority.cert_pem.bytes()
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*HOSTS).configure_cert(tls)
        self._server = FcmServer(port, self._service, tls, BANNER)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_S,))

    def __enter__(self) -> Self:
        sys.stderr.write(f"{BANNER} Listening on {self.proxy_url}\n")
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def proxy_url(self) -> str:
        """The proxy to send through, and the base of the control addresses."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def service_account_info(self) -> dict[str, str]:
        """The JSON key of a service account whose token endpoint is the fake's."""
        return self._service.account_info(f"https://{LOCAL_HOST}:{self._server.server_port}/token")

    @property
    def sends(self) -> int:
        """How many well-formed sends came, refused ones included."""
        return self._service.sends

    @property
    def grants(self) -> int:
        """How many bearer tokens were handed out."""
        return self._service.grants

    def new_phone(self) -> str:
        """The registration token of an app that was installed just now."""
        return self._service.new_phone()

    def received(self, token: str) -> list[dict[str, Any]]:
        """The messages that reached the phone, oldest first. Raises KeyError for no phone."""
        return self._service.received(token)

    def uninstall(self, token: str) -> None:
        """From now on the token is UNREGISTERED. Raises KeyError for no phone."""
        self._service.uninstall(token)

    def script(self, token: str, *answers: Answer | Scripted, forever: bool = False) -> None:
        """How the next sends to `token` are answered, one each; with `forever` the last stays.

        Raises KeyError for no phone.
        """
        scripted = [one if isinstance(one, Scripted) else Scripted(answer=one) for one in answers]
        self._service.script(token, *scripted, forever=forever)

    def revoke_grants(self, *, refuse_more: bool = False) -> None:
        """Every bearer token handed out so far stops to hold, and there may be no more."""
        self._service.revoke_grants(refuse_more=refuse_more)

    def write_to(self, directory: Path) -> None:
        """Writes `service-account.json`, `ca.pem` and, when all is there, `address.json`."""
        directory.mkdir(parents=True, exist_ok=True)
        _write(directory / "service-account.json", json.dumps(self.service_account_info))
        _write(directory / "ca.pem", self.ca_pem.decode())
        address = {"proxy_url": self.proxy_url, "control_url": self.proxy_url}
        _write(directory / "address.json", json.dumps(address))


def _write(path: Path, text: str) -> None:
    """The whole file or nothing of it, for its owner alone."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def main(arguments: list[str] | None = None) -> None:
    """Serves until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m backend.simulator.fcm", description=BANNER)
    parser.add_argument(
        "--dir", type=Path, required=True, help="where to write key, authority and address"
    )
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: any)")
    options = parser.parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with LocalFcm(options.port) as fcm:
        fcm.write_to(options.dir)
        stop.wait()


if __name__ == "__main__":
    main()
