"""The guard of the payment provider: a signature over the raw body of its notice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request

from backend.core.actor import SYSTEM
from backend.core.errors import Code, Problem, not_found
from backend.core.http import now, set_actor
from backend.payments.provider import Desk


class ProviderGuard:
    """Admits what the provider itself has signed, just now and to the letter."""

    security: Mapping[str, Any] = {
        "type": "apiKey",
        "in": "header",
        "name": "Stripe-Signature",
        "description": "The payment provider's signature over time and raw body",
    }
    responses: Mapping[int, str] = {
        401: "The signature does not hold, or is older than five minutes",
        404: "This service takes no payments online",
    }

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def __call__(self) -> None:
        """Set the actor. Raises SIGNATURE_REFUSED, and NOT_FOUND where nobody takes payments."""
        provider = self._desk.provider
        if provider is None:
            raise not_found()
        if not provider.is_genuine(request.get_data(), dict(request.headers), now()):
            raise Problem(Code.SIGNATURE_REFUSED)
        set_actor(SYSTEM)
