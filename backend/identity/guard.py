"""Who an officer's request comes from: `Authorization: Bearer` (RFC 6750)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from flask import g, request

from backend.core.errors import Code, Problem
from backend.core.http import now, set_actor, snapshot, transaction
from backend.identity import service

_CHALLENGE: Final = 'Bearer realm="connectrex"'


class OfficerGuard:
    """Admits whoever presents a good token of an officer, and sets the actor."""

    security: Mapping[str, Any] = {
        "type": "http",
        "scheme": "bearer",
        "description": "`token` of `POST /v1/officer/session`, or an API token",
    }
    responses: Mapping[int, str] = {
        401: "There is no token, or it does not hold",
        403: "The officer's role, or the token, does not allow it",
    }

    def __call__(self) -> None:
        """Set the actor and record the use. Raises UNAUTHENTICATED."""
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Problem(Code.UNAUTHENTICATED, headers={"WWW-Authenticate": _CHALLENGE})
        with snapshot() as session:
            found = service.authenticate(session, bearer, now=now(), address=request.remote_addr)
        if found is None:
            challenge = f'{_CHALLENGE}, error="invalid_token"'
            raise Problem(Code.UNAUTHENTICATED, headers={"WWW-Authenticate": challenge})
        if found.use_is_due:
            with transaction() as session:
                service.touch(session, found.token_id, now())
        set_actor(found.actor)
        g.officer_token_id = found.token_id


def presented_token_id() -> UUID:
    """Return the id of the token that the current request was admitted with."""
    token_id: UUID = g.officer_token_id
    return token_id
