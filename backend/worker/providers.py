"""The payment provider that the settings ask for: without a key there is none."""

from __future__ import annotations

from typing import Final

from backend.core.settings import Settings
from backend.payments.provider import PaymentProvider
from backend.payments.stripe_provider import StripeProvider

TIMEOUT_S: Final = 15.0


def open_provider(settings: Settings) -> PaymentProvider | None:
    """Return who takes payments on pages of their own; None where nobody does."""
    if settings.stripe_key is None:
        return None
    secrets = (settings.stripe_webhook_secrets or "").split(",")
    return StripeProvider(
        settings.stripe_key,
        [secret.strip() for secret in secrets if secret.strip()],
        api_base=settings.stripe_api,
        timeout_s=TIMEOUT_S,
    )
