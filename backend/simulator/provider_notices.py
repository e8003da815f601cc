"""How the local payment provider tells of what happened: signed notices, over HTTP, again and again.

They can be held back, so that a test gives them in any order and number, or none.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import queue
import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import requests

Event = dict[str, Any]

_TIMEOUT_S = 10.0
_PAUSES_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


def signed(event: Event, secret: str, at: datetime) -> tuple[bytes, dict[str, str]]:
    """The body of a notice and its headers, signed at an instant."""
    body = json.dumps(event).encode()
    return body, {"Content-Type": "application/json"} | signature(body, secret, at)


def signature(body: bytes, secret: str, at: datetime) -> dict[str, str]:
    """The header by which a body shows who sent it, and when."""
    seconds = int(at.timestamp())
    digest = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={seconds},v1={digest}"}


class Notices:
    """Delivers events to one address, in a thread of its own, until they are taken."""

    def __init__(self, secret: str, now: Callable[[], datetime]) -> None:
        self._secret = secret
        self._now = now
        self._waiting: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._held: list[Event] | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._deliver_all, daemon=True)
        self.url: str | None = None
        """Where notices go; nobody is told while it is None."""

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def stop(self) -> None:
        """Deliver nothing more."""
        self._stopping.set()
        self._waiting.put(None)
        self._thread.join()

    def tell(self, event: Event) -> None:
        """Let an event be delivered, unless notices are held back."""
        if self._held is not None:
            self._held.append(event)
        else:
            self._waiting.put(event)

    def hold(self) -> None:
        """Hold back what happens from now on."""
        self._held = []

    def release(self, order: Callable[[list[Event]], Iterable[Event]] = iter) -> None:
        """Deliver what was held back, as `order` makes of it, and hold back nothing more."""
        held, self._held = self._held or [], None
        for event in order(held):
            self._waiting.put(event)

    def _deliver_all(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while (event := self._waiting.get()) is not None:
                self._deliver(session, event)

    def _deliver(self, session: requests.Session, event: Event) -> None:
        for pause_s in _PAUSES_S:
            if self.url is None or self._stopping.is_set():
                return
            body, headers = signed(event, self._secret, self._now())
            try:
                if session.post(self.url, data=body, headers=headers, timeout=_TIMEOUT_S).ok:
                    return
            except requests.RequestException:
                pass  # as any provider: try again later
            self._stopping.wait(pause_s)
