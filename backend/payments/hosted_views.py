"""The API of payments at the provider: pages for people and officers, notices from the provider.

The provider is spoken to between two transactions. Nothing of a card ever reaches these routes.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import structlog
from flask import Response, request

from backend.core.http import Audience, Blueprint, actor, now, platform, snapshot, transaction
from backend.core.paging import Cursor, Page
from backend.core.schemas import CursorSchema
from backend.payments import hosted_pages, service
from backend.payments.hosted_schemas import (
    AutopaySchema,
    DifferenceFilterSchema,
    DifferencePageSchema,
    DifferenceSchema,
    ExplanationSchema,
    HostedPaymentPageSchema,
    HostedPaymentSchema,
    NewAutopaySchema,
    RefundSchema,
    WishSchema,
)
from backend.payments.provider import Desk, PaymentProvider, ReturnUrls
from backend.payments.schemas import PaymentSchema
from backend.payments.service import Autopay, Difference, HostedPayment, Payment, Wish

officers = Blueprint(
    "hosted-payments",
    __name__,
    url_prefix="/v1",
    audience=Audience.OFFICER,
    description="What people pay on the provider's page",
)
links = Blueprint(
    "payment-links",
    __name__,
    url_prefix="/v1",
    audience=Audience.OFFICER,
    keeps_answers=False,  # the provider is not asked inside a transaction; the same wish, same page
    description="Pages to pay on, for a person to be given",
)
own = Blueprint(
    "own-hosted-payments",
    __name__,
    url_prefix="/v1/me",
    audience=Audience.SUPERVISEE,
    description="Paying on the provider's page",
)
own_rights = Blueprint(
    "own-autopay-end",
    __name__,
    url_prefix="/v1/me",
    audience=Audience.SUPERVISEE_UNGATED,
    description="Taking back one's leave to take money",
)
provider_notices = Blueprint(
    "provider",
    __name__,
    url_prefix="/v1/provider",
    audience=Audience.PROVIDER,
    description="What the payment provider tells us",
)
pages = Blueprint(
    "payment-pages",
    __name__,
    url_prefix="/payment",
    audience=Audience.PUBLIC,
    description="Where the provider's page sends people afterwards",
)
BLUEPRINTS = (officers, links, own, own_rights, provider_notices, pages)

_log = structlog.get_logger()


@own.route("/payments", methods=["POST"])
@own.arguments(WishSchema)
@own.response(201, HostedPaymentSchema)
def ask_to_pay(wish: Wish) -> HostedPayment:
    """Open a page to pay on, at the provider; asked again, the same page while it is open."""
    return _asked(service.own_id(actor()), wish)


@own.route("/payments")
@own.arguments(CursorSchema, location="query")
@own.response(200, HostedPaymentPageSchema)
def list_own_hosted_payments(cursor: Cursor) -> Page[HostedPayment]:
    """List what one was asked to pay, and how far it has come, newest first."""
    with snapshot() as session:
        return service.hosted_payments(session, actor(), service.own_id(actor()), cursor=cursor)


@own.route("/autopay", methods=["POST"])
@own.arguments(NewAutopaySchema)
@own.response(201, AutopaySchema)
def ask_for_autopay(data: dict[str, Any]) -> Autopay:
    """Open a page on which one allows that money is taken on due days."""
    provider = _provider()
    with transaction() as session:
        asked = service.ask_for_autopay(session, actor(), **data, urls=return_urls(), now=now())
    page = service.open_setup(provider, asked)
    with transaction() as session:
        return service.keep_setup(session, asked.autopay.id, page)


@own.route("/autopay")
@own.response(200, AutopaySchema)
def read_autopay() -> Autopay:
    """Give one's leave to take money; there is nothing here when it is off."""
    with snapshot() as session:
        return service.own_autopay(session, actor())


@own_rights.route("/autopay", methods=["DELETE"])
@own_rights.response(204)
def end_own_autopay() -> None:
    """Switch autopay off: from now on nothing is taken, and what was announced is called off."""
    with transaction() as session:
        service.end_autopay(session, actor(), service.own_id(actor()), now=now())


@officers.route("/supervisees/<uuid:supervisee_id>/autopay", methods=["DELETE"])
@officers.response(204)
def end_autopay(supervisee_id: UUID) -> None:
    """Switch a person's autopay off, as they asked."""
    with transaction() as session:
        service.end_autopay(session, actor(), supervisee_id, now=now())


@links.route("/payments/<uuid:payment_id>/refund", methods=["POST"])
@links.arguments(RefundSchema)
@links.response(200, PaymentSchema)
def refund(data: dict[str, Any], payment_id: UUID) -> Payment:
    """Give back a part of what was paid at the provider; it is owed again."""
    provider, amount_minor = _provider(), data.pop("amount_minor")
    with transaction() as session:
        order = service.ask_refund(session, actor(), payment_id, amount_minor=amount_minor)
    back = service.give_back(provider, order)
    with transaction() as session:
        return service.keep_refund(session, actor(), order, back, **data, now=now())


@links.route("/supervisees/<uuid:supervisee_id>/payment-links", methods=["POST"])
@links.arguments(WishSchema)
@links.response(201, HostedPaymentSchema)
def link_to_pay(wish: Wish, supervisee_id: UUID) -> HostedPayment:
    """Open a page to pay on and give its address, for the person; asked again, the same page."""
    return _asked(supervisee_id, wish)


@officers.route("/supervisees/<uuid:supervisee_id>/hosted-payments")
@officers.arguments(CursorSchema, location="query")
@officers.response(200, HostedPaymentPageSchema)
def list_hosted_payments(cursor: Cursor, supervisee_id: UUID) -> Page[HostedPayment]:
    """List what a person was asked to pay at the provider, newest first."""
    with snapshot() as session:
        return service.hosted_payments(session, actor(), supervisee_id, cursor=cursor)


@officers.route("/payment-differences")
@officers.arguments(DifferenceFilterSchema, location="query")
@officers.response(200, DifferencePageSchema)
def list_differences(filters: dict[str, Any]) -> Page[Difference]:
    """List in what the provider's books and ours differ, newest first."""
    with snapshot() as session:
        return service.differences(session, actor(), **filters)


@officers.route("/payment-differences/<uuid:difference_id>/explanation", methods=["POST"])
@officers.arguments(ExplanationSchema)
@officers.response(200, DifferenceSchema)
def explain_difference(data: dict[str, Any], difference_id: UUID) -> Difference:
    """Say why the books differ."""
    with transaction() as session:
        return service.explain_difference(session, actor(), difference_id, **data, now=now())


@provider_notices.route("/notices", methods=["POST"])
@provider_notices.response(204)
@provider_notices.doc(requestBody={"content": {"application/json": {"schema": {"type": "object"}}}})
def take_notice() -> None:
    """Keep a signed notice, once; what it is about is asked of the provider afterwards."""
    notice = _provider().read_notice(request.get_data())
    if notice is None:
        _log.warning("notice.unreadable")
        return
    with transaction() as session:
        service.keep_notice(session, notice, now=now())


@pages.route("/done")
@pages.doc(responses={"200": {"description": "A page in English and Spanish"}})
def after_paying() -> Response:
    """Show people that they are done at the provider's."""
    return _page(hosted_pages.DONE)


@pages.route("/left")
@pages.doc(responses={"200": {"description": "A page in English and Spanish"}})
def after_leaving() -> Response:
    """Show people that nothing was paid."""
    return _page(hosted_pages.LEFT)


def return_urls() -> ReturnUrls:
    """Return where the provider's page sends people afterwards."""
    base = platform().settings.public_url
    return ReturnUrls(done=f"{base}/payment/done", left=f"{base}/payment/left")


def _provider() -> PaymentProvider:
    return platform().part(Desk).attended()


def _asked(supervisee_id: UUID, wish: Wish) -> HostedPayment:
    provider = _provider()
    with transaction() as session:
        asked = service.ask_to_pay(
            session, actor(), supervisee_id, wish, urls=return_urls(), now=now()
        )
    page = service.open_page(provider, asked)
    with transaction() as session:
        return service.keep_page(session, asked.payment.id, page, now=now())


def _page(html: str) -> Response:
    return Response(html, headers=hosted_pages.HEADERS)
