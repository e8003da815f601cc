"""A local payment provider over real HTTP, for the demo and the tests. A fake: no money moves.

It speaks the part of Stripe's API that a server needs, shows a hosted page at `/pay/<session>`, and
tells of what happened by signed notices. It listens on this machine alone and takes one key, which
a server refuses outside demo and test.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from backend.simulator.provider_notices import Notices
from backend.simulator.provider_server import Outage, ProviderServer
from backend.simulator.provider_service import SECRET_KEY, WEBHOOK_SECRET, ProviderService

__all__ = ["BANNER", "SECRET_KEY", "WEBHOOK_SECRET", "LocalProvider", "Outage"]

BANNER = "LOCAL PAYMENT PROVIDER: A FAKE. No money moves, nobody is paid. Never for production."

_POLL_S = 0.05


class LocalProvider:
    """The fake, listening on 127.0.0.1 while the `with` block lasts.

    `service` is what people and banks do; `notices` how the server is told. `now` is the present.
    """

    def __init__(self, *, port: int = 0, now: Callable[[], datetime] | None = None) -> None:
        present = now or _machine_time
        self.notices = Notices(WEBHOOK_SECRET, present)
        self.service = ProviderService(self.notices.tell, present)
        self._server = ProviderServer(port, self.service)
        self.service.base_url = self.url
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_S,))

    def __enter__(self) -> Self:
        sys.stderr.write(f"{BANNER} Listening on {self.url}\n")
        self._thread.start()
        self.notices.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.notices.stop()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The base of its API and of its pages."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def headers_seen(self) -> list[dict[str, str]]:
        """What servers said in the headers of their requests, oldest first."""
        return [dict(headers) for headers in self._server.headers_seen]

    def fail(self, *outages: Outage) -> None:
        """Let the next requests to the API fail, one for each."""
        self._server.outages.extend(outages)


def _machine_time() -> datetime:
    return datetime.now(UTC)
