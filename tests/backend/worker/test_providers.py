from __future__ import annotations

from dataclasses import replace

from backend.core.settings import Settings
from backend.payments.stripe_provider import StripeProvider
from backend.worker.providers import open_provider


def test_without_a_key_nobody_takes_payments(settings: Settings) -> None:
    assert open_provider(settings) is None


def test_a_key_is_stripes(settings: Settings) -> None:
    set_up = replace(settings, stripe_key="sk_test_1", stripe_webhook_secrets=("whsec_1",))

    assert isinstance(open_provider(set_up), StripeProvider)
