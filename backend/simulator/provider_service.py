"""What the local payment provider knows: pages, payments, mandates, refunds, events. No sockets.

The objects have the names and members of Stripe's that a server reads, and no others.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from itertools import count
from typing import Any

Object = dict[str, Any]

SECRET_KEY = "sk_test_connectrex_local_fake"  # noqa: S105  what a server must refuse in production
WEBHOOK_SECRET = "whsec_connectrex_local_fake"  # noqa: S105  likewise

_PAGE_LIFE_S = 24 * 3600


class RefusedError(Exception):
    """A request that is answered with an error in Stripe's words."""

    def __init__(
        self,
        status: HTTPStatus,
        kind: str,
        code: str,
        message: str = "The local fake will not do this.",
        **members: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"type": kind, "code": code, "message": message, **members}}


def _missing() -> RefusedError:
    return RefusedError(HTTPStatus.NOT_FOUND, "invalid_request_error", "resource_missing")


def _invalid(code: str) -> RefusedError:
    return RefusedError(HTTPStatus.BAD_REQUEST, "invalid_request_error", code)


class ProviderService:
    """One account. `tell` gets every event; `now` is the present; `base_url` is where pages are."""

    def __init__(self, tell: Callable[[Object], None], now: Callable[[], datetime]) -> None:
        self._tell = tell
        self._now = now
        self._lock = threading.RLock()
        self._numbers = count(1)
        self._sessions: dict[str, Object] = {}
        self._intents: dict[str, Object] = {}
        self._charges: dict[str, Object] = {}
        self._setups: dict[str, Object] = {}
        self._refunds: dict[str, Object] = {}
        self._disputes: dict[str, Object] = {}
        self._methods: dict[str, Object] = {}
        self._answers: dict[str, tuple[Object, Object | RefusedError]] = {}
        self.events: list[Object] = []
        self.base_url = ""

    # What a server asks for.

    def once(self, key: str, asked: Object, act: Callable[[], Object]) -> Object:
        """What `act` answers, or what it answered when it was asked under this key before."""
        with self._lock:
            if key not in self._answers:
                try:
                    self._answers[key] = (asked, act())
                except RefusedError as refusal:
                    if refusal.status is not HTTPStatus.PAYMENT_REQUIRED:
                        raise
                    self._answers[key] = (asked, refusal)
            before, answer = self._answers[key]
        if before != asked:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "idempotency_error", "key_in_use")
        if isinstance(answer, RefusedError):
            raise answer
        return answer

    def open_page(self, asked: Mapping[str, Any]) -> Object:
        """A Checkout page, for a payment or for a mandate."""
        with self._lock:
            session_id = self._id("cs_test")
            now_s = self._now_s()
            session: Object = {
                "id": session_id,
                "object": "checkout.session",
                "mode": asked["mode"],
                "status": "open",
                "payment_status": "unpaid",
                "url": f"{self.base_url}/pay/{session_id}",
                "created": now_s,
                "expires_at": now_s + _PAGE_LIFE_S,
                "currency": asked.get("currency"),
                "amount_total": None,
                "payment_intent": None,
                "setup_intent": None,
                "metadata": dict(asked.get("metadata", {})),
                "client_reference_id": asked.get("client_reference_id"),
                "locale": asked.get("locale", "auto"),
                "success_url": asked["success_url"],
                "cancel_url": asked["cancel_url"],
                "payee": "",
            }
            if asked["mode"] == "payment":
                price = asked["line_items"]["0"]["price_data"]
                session["currency"] = price["currency"]
                session["amount_total"] = _amount(price["unit_amount"])
                session["payee"] = price["product_data"]["name"]
            self._sessions[session_id] = session
            return dict(session)

    def page(self, session_id: str) -> Object:
        """A page as it is now, with its mandate."""
        with self._lock:
            session = self._session(session_id)
            if session["status"] == "open" and session["expires_at"] <= self._now_s():
                self._expire(session)
            setup = self._setups.get(session["setup_intent"] or "")
            return session | {"setup_intent": dict(setup) if setup else None}

    def expire(self, session_id: str) -> Object:
        """A page on which nobody can pay any more."""
        with self._lock:
            session = self._session(session_id)
            if session["status"] != "open":
                raise _invalid("session_not_open")
            self._expire(session)
            return dict(session)

    def charge(self, asked: Mapping[str, Any]) -> Object:
        """A payment taken by a mandate, unless the bank of the payer declines."""
        with self._lock:
            method = self._methods.get(asked["payment_method"])
            if method is None or method["customer"] != asked["customer"]:
                raise _missing()
            intent = self._new_intent(
                _amount(asked["amount"]), asked["currency"], asked.get("metadata", {})
            )
            if method["declines"]:
                self._decline(intent, "card_declined")
                raise RefusedError(
                    HTTPStatus.PAYMENT_REQUIRED,
                    "card_error",
                    "card_declined",
                    payment_intent=self._shown(intent),
                )
            self._succeed(intent)
            return self._shown(intent)

    def payment(self, intent_id: str) -> Object:
        """A payment as it is now."""
        with self._lock:
            return self._shown(self._intent(intent_id))

    def cancel(self, intent_id: str) -> Object:
        """A payment that will never be made."""
        with self._lock:
            intent = self._intent(intent_id)
            if intent["status"] in {"succeeded", "canceled", "processing"}:
                raise _invalid("payment_intent_unexpected_state")
            intent["status"] = "canceled"
            self._happen("payment_intent.canceled", intent)
            return self._shown(intent)

    def payments(self, since_s: int, until_s: int, limit: int, after: str | None) -> Object:
        """A page of the payments that were begun in a time, newest first."""
        with self._lock:
            found = [
                self._shown(intent)
                for intent in reversed(self._intents.values())
                if since_s <= intent["created"] < until_s
            ]
        ids = [intent["id"] for intent in found]
        begin = ids.index(after) + 1 if after in ids else 0
        more = len(found) > begin + limit
        return _list("/v1/payment_intents", found[begin : begin + limit], more=more)

    def refund(self, asked: Mapping[str, Any]) -> Object:
        """A part of a payment that goes back."""
        with self._lock:
            intent = self._intent(asked["payment_intent"])
            charge = self._charges.get(intent["latest_charge"] or "")
            amount = _amount(asked["amount"])
            if charge is None or amount > charge["amount"] - charge["amount_refunded"]:
                raise _invalid("charge_already_refunded")
            charge["amount_refunded"] += amount
            charge["refunded"] = charge["amount_refunded"] == charge["amount"]
            refund: Object = {
                "id": self._id("re"),
                "object": "refund",
                "amount": amount,
                "currency": intent["currency"],
                "payment_intent": intent["id"],
                "status": "succeeded",
                "metadata": dict(asked.get("metadata", {})),
            }
            self._refunds[refund["id"]] = refund
            self._happen("refund.created", refund)
            self._happen("charge.refunded", charge)
            return dict(refund)

    def refunds(self, intent_id: str) -> Object:
        """What of a payment was given back."""
        return self._of_payment("/v1/refunds", self._refunds, intent_id)

    def disputes(self, intent_id: str) -> Object:
        """What of a payment its payer's bank wants back."""
        return self._of_payment("/v1/disputes", self._disputes, intent_id)

    def detach(self, method_id: str) -> Object:
        """A mandate's method that belongs to nobody any more."""
        with self._lock:
            method = self._methods.pop(method_id, None)
            if method is None:
                raise _invalid("payment_method_unattached")
            return {"id": method_id, "object": "payment_method", "customer": None}

    # What people and banks do.

    def pay(
        self,
        session_id: str,
        *,
        slowly: bool = False,
        amount: int | None = None,
        currency: str | None = None,
    ) -> str | None:
        """Pay on a page, or give its mandate; the payment's id, None for a mandate.

        `slowly`: the bank takes its time, see `settle`. `amount` and `currency`: by mistake.
        """
        with self._lock:
            session = self._session(session_id)
            if session["status"] != "open":
                raise _invalid("session_not_open")
            session["status"] = "complete"
            if session["mode"] == "setup":
                self._set_up(session)
                self._happen("checkout.session.completed", session)
                return None
            intent = self._new_intent(
                amount or session["amount_total"],
                currency or session["currency"],
                session["metadata"],
            )
            session["payment_intent"] = intent["id"]
            if slowly:
                intent["status"] = "processing"
                self._happen("payment_intent.processing", intent)
            else:
                session["payment_status"] = "paid"
                self._succeed(intent)
            self._happen("checkout.session.completed", session)
            return str(intent["id"])

    def settle(self, intent_id: str, *, succeeds: bool) -> None:
        """Let the bank of a slow payment make up its mind."""
        with self._lock:
            intent = self._intent(intent_id)
            outcome = "succeeded" if succeeds else "failed"
            if succeeds:
                self._succeed(intent)
            else:
                self._decline(intent, "payment_intent_payment_attempt_failed")
            for session in self._sessions.values():
                if session["payment_intent"] == intent_id:
                    session["payment_status"] = "paid" if succeeds else "unpaid"
                    self._happen(f"checkout.session.async_payment_{outcome}", session)

    def stray_payment(self, amount: int, currency: str) -> str:
        """A payment that somebody made past the server, as in the provider's own dashboard."""
        with self._lock:
            intent = self._new_intent(amount, currency, {})
            self._succeed(intent)
            return str(intent["id"])

    def dispute(self, intent_id: str, amount: int) -> str:
        """Let the payer's bank take back an amount; the dispute's id."""
        with self._lock:
            intent = self._intent(intent_id)
            self._charges[intent["latest_charge"]]["disputed"] = True
            dispute: Object = {
                "id": self._id("du"),
                "object": "dispute",
                "amount": amount,
                "currency": intent["currency"],
                "payment_intent": intent_id,
                "status": "needs_response",
            }
            self._disputes[dispute["id"]] = dispute
            self._happen("charge.dispute.created", dispute)
            return str(dispute["id"])

    def decide(self, dispute_id: str, *, won: bool) -> None:
        """Let a dispute end."""
        with self._lock:
            self._disputes[dispute_id]["status"] = "won" if won else "lost"
            self._happen("charge.dispute.closed", self._disputes[dispute_id])

    def let_methods_decline(self) -> None:
        """From now on every bank declines what is taken by a mandate."""
        with self._lock:
            for method in self._methods.values():
                method["declines"] = True

    # How it is kept.

    def _set_up(self, session: Object) -> None:
        customer, method_id = self._id("cus"), self._id("pm")
        self._methods[method_id] = {"customer": customer, "declines": False}
        setup: Object = {
            "id": self._id("seti"),
            "object": "setup_intent",
            "status": "succeeded",
            "customer": customer,
            "payment_method": method_id,
            "metadata": dict(session["metadata"]),
        }
        self._setups[setup["id"]] = setup
        session["setup_intent"] = setup["id"]
        self._happen("setup_intent.succeeded", setup)

    def _new_intent(self, amount: int, currency: str, metadata: Mapping[str, str]) -> Object:
        intent: Object = {
            "id": self._id("pi"),
            "object": "payment_intent",
            "amount": amount,
            "amount_received": 0,
            "currency": currency,
            "status": "requires_payment_method",
            "created": self._now_s(),
            "metadata": dict(metadata),
            "last_payment_error": None,
            "cancellation_reason": None,
            "latest_charge": None,
        }
        self._intents[intent["id"]] = intent
        self._happen("payment_intent.created", intent)
        return intent

    def _succeed(self, intent: Object) -> None:
        charge: Object = {
            "id": self._id("ch"),
            "object": "charge",
            "amount": intent["amount"],
            "amount_refunded": 0,
            "refunded": False,
            "disputed": False,
            "currency": intent["currency"],
            "payment_intent": intent["id"],
        }
        self._charges[charge["id"]] = charge
        intent |= {
            "status": "succeeded",
            "amount_received": intent["amount"],
            "latest_charge": charge["id"],
        }
        self._happen("charge.succeeded", charge)
        self._happen("payment_intent.succeeded", intent)

    def _decline(self, intent: Object, code: str) -> None:
        intent |= {
            "status": "requires_payment_method",
            "last_payment_error": {"code": code, "type": "card_error"},
        }
        self._happen("payment_intent.payment_failed", intent)

    def _expire(self, session: Object) -> None:
        session["status"] = "expired"
        session["url"] = None
        self._happen("checkout.session.expired", session)

    def _happen(self, kind: str, about: Object) -> None:
        event = {
            "id": self._id("evt"),
            "object": "event",
            "type": kind,
            "created": self._now_s(),
            "livemode": False,
            "data": {"object": dict(about)},
        }
        self.events.append(event)
        self._tell(event)

    def _shown(self, intent: Object) -> Object:
        charge = self._charges.get(intent["latest_charge"] or "")
        return intent | {"latest_charge": dict(charge) if charge else None}

    def _of_payment(self, url: str, kept: Mapping[str, Object], intent_id: str) -> Object:
        with self._lock:
            found = [dict(one) for one in kept.values() if one["payment_intent"] == intent_id]
        return _list(url, found, more=False)

    def _session(self, session_id: str) -> Object:
        if session_id not in self._sessions:
            raise _missing()
        return self._sessions[session_id]

    def _intent(self, intent_id: str) -> Object:
        if intent_id not in self._intents:
            raise _missing()
        return self._intents[intent_id]

    def _id(self, kind: str) -> str:
        return f"{kind}_fake{next(self._numbers):010}"

    def _now_s(self) -> int:
        return int(self._now().timestamp())


def _amount(text: str) -> int:
    amount = int(text)
    if amount <= 0:
        raise _invalid("parameter_invalid_integer")
    return amount


def _list(url: str, data: list[Object], *, more: bool) -> Object:
    return {"object": "list", "url": url, "data": data, "has_more": more}
