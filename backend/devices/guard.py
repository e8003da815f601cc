"""The guard of what a phone does for itself: a proof by an enrolled key, without location."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import Response, g, request

from backend.core.http import now, platform, set_actor
from backend.devices.authentication import Authenticated, Authentication

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

SECURITY: Final = {
    "type": "apiKey",
    "in": "header",
    "name": "DPoP",
    "description": "A DPoP proof (RFC 9449) by the device's enrolled key, with the nonce of the "
    "last answer's `DPoP-Nonce`.",
}


class DeviceGuard:
    """Admits a request that an enrolled key signed; each proof for one act only."""

    security: Mapping[str, Any] = SECURITY
    responses: Mapping[int, str] = {
        401: "The proof does not hold, or needs the nonce that this answer gives",
        409: "A request with this proof was already made",
    }

    def __init__(self, authentication: Authentication) -> None:
        self._authentication = authentication

    def __call__(self) -> Response | None:
        """Set the actor to the person whose phone signed; raise 401, or 409 for a replay."""
        opened = self._authentication.open(now())
        database = platform().database
        once = request.method not in SAFE_METHODS
        with database.transaction() if once else database.snapshot() as session:
            who = self._authentication.verify(
                session, opened, access_token=False, once=once, now=now()
            )
        set_authenticated(who)
        return None


def set_authenticated(who: Authenticated) -> None:
    """Say whose request this is: for guards only."""
    set_actor(who.actor())
    g.authenticated = who


def authenticated() -> Authenticated:
    """Return whose request this is; a fault where no proof was asked for."""
    who: Authenticated = g.authenticated
    return who
