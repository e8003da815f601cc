from __future__ import annotations

from dataclasses import replace

from backend.core.clock import unix_s
from backend.core.settings import Settings
from backend.payments.stripe_provider import StripeProvider
from backend.payments.webhook_signature import HEADER, sign
from backend.worker.providers import open_provider
from tests.support.clocks import START


def test_without_a_key_nobody_takes_payments(settings: Settings) -> None:
    assert open_provider(settings) is None


def test_two_webhook_secrets_hold_while_one_is_changed(settings: Settings) -> None:
    provider = open_provider(
        replace(settings, stripe_key="sk_test_1", stripe_webhook_secrets="whsec_old, whsec_new")
    )

    assert isinstance(provider, StripeProvider)
    for secret in ("whsec_old", "whsec_new"):
        headers = {HEADER: sign(b"{}", secret, unix_s(START))}
        assert provider.is_genuine(b"{}", headers, START)
    assert not provider.is_genuine(b"{}", {HEADER: sign(b"{}", "", unix_s(START))}, START)
