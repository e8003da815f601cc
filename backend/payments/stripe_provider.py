"""The port to Stripe: Checkout by redirect, mandates, charges while the person is away, refunds.

What Stripe is told of a person: nothing. It gets an amount, the agency's name and two numbers of
ours. The library sends no telemetry, does not repeat requests by itself (our idempotency keys make
a repetition safe whenever somebody wants one), and waits no longer than `timeout_s`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, TypeVar, cast
from urllib.parse import urlsplit
from uuid import UUID

import requests
import stripe
from stripe import Charge, PaymentIntent, RequestsClient, StripeClient
from stripe.checkout import Session as CheckoutSession

from backend.core.clock import from_unix_s, unix_s
from backend.payments.provider import (
    ChargeOrder,
    HostedPage,
    Mandate,
    Notice,
    PageOrder,
    PageStatus,
    Party,
    PaymentStatus,
    ProviderPayment,
    ProviderRefusedError,
    ProviderUnavailableError,
    Return,
    ReturnKind,
    SetupOrder,
    Subject,
)
from backend.payments.webhook_signature import HEADER, is_signed

Answer = TypeVar("Answer")

_STATUSES: Final = {
    "succeeded": PaymentStatus.PAID,
    "processing": PaymentStatus.PROCESSING,
    "canceled": PaymentStatus.FAILED,
}
"""Of everything else nothing came yet and something may."""

_HUNDREDFOLD: Final = frozenset({"isk", "ugx"})
"""Without minor units by ISO 4217; Stripe wants two decimals that are always zero."""

_WON: Final = "won"
_TAKEN: Final = frozenset(
    {
        *("needs_response", "under_review", "lost", _WON),
        *("appeal_needs_response", "appeal_under_review"),
    }
)
"""The states of a dispute in which the money went to the payer's bank; once won it came back."""

_GIVEN: Final = frozenset({"pending", "requires_action", "succeeded"})
_MISSING: Final = "resource_missing"
_PAGE: Final = 100
_EXPANDED: Final = ["latest_charge"]
_NOT_OURS: Final = (
    stripe.APIConnectionError,
    stripe.RateLimitError,
    stripe.AuthenticationError,
    stripe.PermissionError,
    stripe.APIError,
)
"""Faults that pass, or that the operator mends: the order itself is not to blame."""


class StripeProvider:
    """A PaymentProvider. `webhook_secrets` are all that hold while one is being changed.

    `api_base` is set in tests and the demo alone.
    """

    def __init__(
        self,
        secret_key: str,
        webhook_secrets: Sequence[str],
        *,
        api_base: str | None = None,
        timeout_s: float,
    ) -> None:
        stripe.enable_telemetry = False
        self._secrets = tuple(webhook_secrets)
        self._client = StripeClient(
            secret_key,
            http_client=RequestsClient(timeout=timeout_s, session=_session(api_base)),
            base_addresses=cast("Any", {"api": api_base} if api_base else None),
            max_network_retries=0,
        )

    def is_genuine(self, body: bytes, headers: Mapping[str, str], now: datetime) -> bool:
        """Return whether a notice is Stripe's own, unchanged and fresh."""
        return is_signed(body, headers.get(HEADER, ""), self._secrets, now)

    def read_notice(self, body: bytes) -> Notice | None:
        """Return what a genuine event says; None for what cannot be read."""
        try:
            return _notice(json.loads(body))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            return None

    def open_page(self, order: PageOrder) -> HostedPage:
        """Return the Checkout page on which the order's amount can be paid, once."""
        currency, metadata = order.currency.lower(), _metadata(order.party)
        price = {
            "currency": currency,
            "unit_amount": _to_stripe(order.amount_minor, currency),
            "product_data": {"name": order.payee},
        }
        return self._open(
            order.party,
            {
                "mode": "payment",
                "line_items": [{"price_data": price, "quantity": 1}],
                "payment_intent_data": {"metadata": metadata, "description": order.payee},
                "metadata": metadata,
                "client_reference_id": str(order.party.order_id),
                "adaptive_pricing": {"enabled": False},
                "submit_type": "pay",
                "locale": order.language.value,
                "success_url": order.urls.done,
                "cancel_url": order.urls.left,
            },
        )

    def open_setup(self, order: SetupOrder) -> HostedPage:
        """Return the Checkout page on which the person can give a mandate."""
        metadata = _metadata(order.party)
        return self._open(
            order.party,
            {
                "mode": "setup",
                "currency": order.currency.lower(),
                "customer_creation": "always",
                "setup_intent_data": {"metadata": metadata},
                "metadata": metadata,
                "client_reference_id": str(order.party.order_id),
                "locale": order.language.value,
                "success_url": order.urls.done,
                "cancel_url": order.urls.left,
            },
        )

    def _open(self, party: Party, params: dict[str, Any]) -> HostedPage:
        sessions = self._client.v1.checkout.sessions
        return _page(
            _asked(lambda: sessions.create(cast("Any", params), options=_once(party.order_id)))
        )

    def close_page(self, reference: str) -> None:
        """Let nobody pay on the page any more; nothing if it is not open."""
        with suppress(ProviderRefusedError):  # it is complete or expired: fetching it will tell
            _asked(lambda: self._client.v1.checkout.sessions.expire(reference))

    def charge(self, order: ChargeOrder) -> ProviderPayment:
        """Take an amount by a mandate and return what became of it, which may be FAILED."""
        currency = order.currency.lower()
        params = {
            "amount": _to_stripe(order.amount_minor, currency),
            "currency": currency,
            "customer": order.mandate.customer,
            "payment_method": order.mandate.method,
            "confirm": True,
            "off_session": True,
            "description": order.payee,
            "metadata": _metadata(order.party),
            "expand": _EXPANDED,
        }
        intents, once = self._client.v1.payment_intents, _once(order.party.order_id)
        try:
            return self._payment(_asked(lambda: intents.create(cast("Any", params), options=once)))
        except stripe.CardError as error:
            return self._given_up(error)

    def _given_up(self, error: stripe.CardError) -> ProviderPayment:
        """Return the payment that the payer's bank refused, ended for good: nobody is there."""
        failed = error.error and error.error.payment_intent
        if not failed:
            raise ProviderRefusedError(error.code or "card_error")
        intents = self._client.v1.payment_intents
        with suppress(ProviderRefusedError):  # it was ended before
            _asked(lambda: intents.cancel(failed.id))
        payment = self.fetch_payment(failed.id)
        if payment is None:
            raise ProviderUnavailableError
        return payment

    def end_mandate(self, mandate: Mandate) -> None:
        """Detach the payment method; nothing if that was done before."""
        with suppress(ProviderRefusedError):  # it belongs to nobody any more
            _asked(lambda: self._client.v1.payment_methods.detach(mandate.method))

    def refund(self, payment: str, order_id: UUID, amount_minor: int, currency: str) -> Return:
        """Give back a part of a payment."""
        params = {
            "payment_intent": payment,
            "amount": _to_stripe(amount_minor, currency.lower()),
            "metadata": {"order_id": str(order_id)},
        }
        refunds = self._client.v1.refunds
        made = _asked(lambda: refunds.create(cast("Any", params), options=_once(order_id)))
        return Return(reference=made.id, kind=ReturnKind.REFUND, amount_minor=amount_minor)

    def fetch_page(self, reference: str) -> HostedPage | None:
        """Return the page as it is now; None if there is none."""
        sessions = self._client.v1.checkout.sessions
        params = cast("Any", {"expand": ["setup_intent"]})
        found = _found(lambda: sessions.retrieve(reference, params))
        return None if found is None else _page(found)

    def fetch_payment(self, reference: str) -> ProviderPayment | None:
        """Return the payment as it is now, with what went back; None if there is none."""
        intents = self._client.v1.payment_intents
        params = cast("Any", {"expand": _EXPANDED})
        found = _found(lambda: intents.retrieve(reference, params))
        return None if found is None else self._payment(found)

    def payments_between(self, since: datetime, until: datetime) -> Iterator[ProviderPayment]:
        """Give the payments that were begun in `[since, until)`, without what went back."""
        created = {"gte": unix_s(since), "lt": unix_s(until)}
        params = cast("Any", {"created": created, "limit": _PAGE})
        page = _asked(lambda: self._client.v1.payment_intents.list(params))
        while page.data:
            yield from (_payment(intent, ()) for intent in page.data)
            if not page.has_more:
                return
            page = _asked(page.next_page)

    def _payment(self, intent: PaymentIntent) -> ProviderPayment:
        charge = intent.latest_charge
        returns = self._returns(intent, charge) if isinstance(charge, Charge) else ()
        return _payment(intent, returns)

    def _returns(self, intent: PaymentIntent, charge: Charge) -> tuple[Return, ...]:
        of_it = cast("Any", {"payment_intent": intent.id, "limit": _PAGE})
        returns: list[Return] = []
        refunds = _asked(lambda: self._client.v1.refunds.list(of_it))
        returns += [
            _return(one.id, ReturnKind.REFUND, one, undone=one.status not in _GIVEN)
            for one in refunds.auto_paging_iter()
        ]
        if charge.disputed:
            disputes = _asked(lambda: self._client.v1.disputes.list(of_it))
            returns += [
                _return(one.id, ReturnKind.CHARGEBACK, one, undone=one.status == _WON)
                for one in disputes.auto_paging_iter()
                if one.status in _TAKEN
            ]
        return tuple(returns)


def _session(api_base: str | None) -> requests.Session | None:
    """Return a session that knows no proxy for a provider on this machine; else the library's."""
    if api_base is None or urlsplit(api_base).hostname != "127.0.0.1":
        return None
    session = requests.Session()
    session.trust_env = False
    return session


def _once(order_id: UUID) -> Any:
    return {"idempotency_key": str(order_id)}


def _asked(ask: Callable[[], Answer]) -> Answer:
    """Return the answer. Raises CardError as it is, anything else as an error of the port.

    Neither carries the library's text, which may repeat what was sent.
    """
    try:
        return ask()
    except stripe.CardError:
        raise
    except _NOT_OURS as error:
        raise ProviderUnavailableError(type(error).__name__) from None
    except stripe.StripeError as error:
        raise ProviderRefusedError(error.code or type(error).__name__) from None


def _found(ask: Callable[[], Answer]) -> Answer | None:
    try:
        return _asked(ask)
    except ProviderRefusedError as error:
        if error.code == _MISSING:
            return None
        raise


def _page(session: CheckoutSession) -> HostedPage:
    payment, setup = session.payment_intent, session.setup_intent
    return HostedPage(
        reference=session.id,
        party=_party(session.metadata.to_dict() if session.metadata else None),
        url=session.url,
        expires_at=from_unix_s(session.expires_at),
        status=PageStatus(session.status),
        payment=payment if isinstance(payment, str) or payment is None else payment.id,
        mandate=None if setup is None or isinstance(setup, str) else _mandate(setup),
    )


def _mandate(setup: stripe.SetupIntent) -> Mandate | None:
    if setup.status != "succeeded" or setup.customer is None or setup.payment_method is None:
        return None
    return Mandate(customer=_id(setup.customer), method=_id(setup.payment_method))


def _id(reference: Any) -> str:
    return str(reference if isinstance(reference, str) else reference.id)


def _payment(intent: PaymentIntent, returns: Sequence[Return]) -> ProviderPayment:
    error = intent.last_payment_error
    return ProviderPayment(
        reference=intent.id,
        party=_party(intent.metadata.to_dict()),
        status=_STATUSES.get(intent.status, PaymentStatus.OPEN),
        received_minor=_from_stripe(intent.amount_received, intent.currency),
        currency=intent.currency.upper(),
        created_at=from_unix_s(intent.created),
        failure=error.code if error else intent.cancellation_reason,
        returns=tuple(returns),
    )


def _return(
    reference: str, kind: ReturnKind, back: stripe.Refund | stripe.Dispute, *, undone: bool
) -> Return:
    amount_minor = _from_stripe(back.amount, back.currency)
    return Return(reference=reference, kind=kind, amount_minor=amount_minor, undone=undone)


def _metadata(party: Party) -> dict[str, str]:
    return {"order_id": str(party.order_id), "agency_id": str(party.agency_id)}


def _party(metadata: Mapping[str, str] | None) -> Party | None:
    """Return whose payment it is; None unless both numbers are there, as in those we order."""
    try:
        given = metadata or {}
        return Party(order_id=UUID(given["order_id"]), agency_id=UUID(given["agency_id"]))
    except (KeyError, ValueError):
        return None


def _to_stripe(amount_minor: int, currency: str) -> int:
    return amount_minor * 100 if currency in _HUNDREDFOLD else amount_minor


def _from_stripe(amount: int, currency: str) -> int:
    return amount // 100 if currency in _HUNDREDFOLD else amount


def _notice(event: Any) -> Notice:
    """Raises KeyError, TypeError, AttributeError or ValueError for anything but an event."""
    about = event["data"]["object"]
    subject, reference = _subject(about)
    if not all(isinstance(one, str) for one in (event["id"], event["type"], reference)):
        raise TypeError
    return Notice(
        id=event["id"],
        kind=event["type"],
        subject=subject,
        reference=reference,
        happened_at=from_unix_s(int(event["created"])),
    )


def _subject(about: Any) -> tuple[Subject, str]:
    """Return the page or the payment that an object is, or belongs to."""
    if about["object"] == "checkout.session":
        return Subject.PAGE, about["id"]
    if about["object"] == "payment_intent":
        return Subject.PAYMENT, about["id"]
    payment = about.get("payment_intent")  # of a charge, a refund, a dispute
    return (Subject.PAYMENT, payment) if payment else (Subject.OTHER, about.get("id", ""))
