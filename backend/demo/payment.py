"""The chapter of the payment: a page at the provider, a signed notice, a receipt, no reminder.

The page is the local provider's, a fake that says so in capitals; the way there and back is real.
"""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Final

import requests

from backend.demo import cast
from backend.demo.chapters import Case, served
from backend.demo.record import Item, Witnessed
from backend.demo.screen import Screen
from backend.demo.stage import Stage
from backend.demo.waiting import StoryError, wait_for
from backend.simulator.phone import Phone

BANNER: Final = "DEMO - NO REAL MONEY"
_ASK_S: Final = 10
_NEXT_PLANNING: Final = timedelta(seconds=61)


def pay(stage: Stage, screen: Screen, case: Case, phone: Phone, witnessed: Witnessed) -> None:
    """Let the person pay on the provider's page, and everything follow that follows from it."""
    now = stage.clock.now
    screen.chapter("The fee is paid on the provider's page", now())
    asked = _opened(phone)
    amount = f"{asked['amount_minor'] / 100:.2f} {asked['currency']}"
    screen.say(f"POST /v1/me/payments -> a page to pay {amount} on, at the provider:", now())
    screen.say(asked["url"])
    witnessed.page = _press_pay(asked["url"])
    screen.say(f"The page says “{BANNER}”. The person presses “Pretend to pay {amount}”.", now())
    wait_for("the payment to be settled", lambda: _is_paid(case, asked["id"]))
    screen.say(
        "The provider's signed notice came; asked again, it says: paid. It is booked.", now()
    )
    pushes = wait_for("the receipt", lambda: stage.fcm.received(case.push_token)[1:])
    witnessed.receipt_push = pushes[0]
    _show_receipt(stage, screen, phone, witnessed)
    stage.clock.step(_NEXT_PLANNING)
    wait_for("the reminder to be withdrawn", lambda: _is_withdrawn(case))
    screen.say("The reminder that was waiting for Sunday is withdrawn.", now())


def _opened(phone: Phone) -> Item:
    phone.take_fix(cast.HOME)
    answer = phone.send("POST", "/v1/me/payments", {})
    if answer.status != HTTPStatus.CREATED:
        raise StoryError(f"The phone was answered {answer.status}: {answer.body.decode()}")
    asked: Item = answer.json()
    return asked


def _press_pay(url: str) -> str:
    """Return the page as the person sees it, after pressing its button and following it back."""
    with requests.Session() as browser:
        browser.trust_env = False
        page = browser.get(url, timeout=_ASK_S)
        back = browser.post(url, data={"outcome": "pay"}, timeout=_ASK_S)
    if not (page.ok and back.ok and back.url.endswith("/payment/done")):
        raise StoryError(f"The payment page did not lead back: {back.status_code} {back.url}")
    return page.text


def _is_paid(case: Case, payment_id: str) -> bool:
    asked = case.officer.listed(f"{case.person}/hosted-payments")
    return any(one["id"] == payment_id and one["state"] == "paid" for one in asked)


def _is_withdrawn(case: Case) -> bool:
    reminders = case.officer.listed(f"{case.person}/reminders")
    return not any(one["state"] == "pending" for one in reminders)


def _show_receipt(stage: Stage, screen: Screen, phone: Phone, witnessed: Witnessed) -> None:
    shown = witnessed.receipt_push["notification"]
    screen.say(f"On the lock screen: “{shown['title']}” “{shown['body']}”", stage.clock.now())
    inbox = served(phone.get("/v1/me/inbox", cast.HOME))["items"]
    wanted = witnessed.receipt_push["data"]["id"]
    witnessed.receipt = next((one["body"] for one in inbox if one["id"] == wanted), "")
    for line in witnessed.receipt.splitlines():
        screen.say(line)
    witnessed.owed_after = served(phone.get("/v1/me/balance"))["unpaid"]
    screen.say(f"GET /v1/me/balance -> {len(witnessed.owed_after)} unpaid", stage.clock.now())
