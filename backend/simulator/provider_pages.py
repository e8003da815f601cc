"""The local provider's pages: where one pays nothing, in two languages, and loudly so.

There is no field on them: whoever is used to typing a card number finds nowhere to do it.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

_TEXTS = {
    "en": {
        "banner": "DEMO - NO REAL MONEY",
        "explanation": "This page is a fake that runs on one machine. Nothing typed or pressed "
        "here reaches a bank or a card, and nobody is paid.",
        "pay_title": "Pay {payee}",
        "setup_title": "Allow automatic payments",
        "setup_note": "From then on, pretended money is taken on due days.",
        "pay": "Pretend to pay {amount}",
        "slow": "Pretend to pay from a slow bank",
        "allow": "Pretend to allow it",
        "leave": "Go back without paying",
        "over": "This page is closed: it was paid, or its time is over.",
    },
    "es": {
        "banner": "DEMOSTRACIÓN: SIN DINERO REAL",
        "explanation": "Esta página es falsa y funciona en una sola máquina. Nada de lo que se "
        "escriba o pulse aquí llega a un banco o a una tarjeta, y nadie cobra nada.",
        "pay_title": "Pagar a {payee}",
        "setup_title": "Permitir pagos automáticos",
        "setup_note": "Desde entonces se cobra dinero fingido en los días de vencimiento.",
        "pay": "Fingir que se pagan {amount}",
        "slow": "Fingir que se paga desde un banco lento",
        "allow": "Fingir que se permite",
        "leave": "Volver sin pagar",
        "over": "Esta página está cerrada: ya se pagó o se acabó su tiempo.",
    },
}

_STYLE = """
body{margin:0;font:1.1rem/1.5 system-ui,sans-serif;color:#1b1b1b;background:#fff}
.banner{background:#7a0000;color:#fff;padding:1rem;text-align:center;border-bottom:.5rem
 dashed #ffd400}
.banner strong{display:block;font-size:1.8rem;letter-spacing:.05em}
main{max-width:34rem;margin:2rem auto;padding:0 1rem}
.amount{font-size:2.2rem;font-weight:700;margin:.5rem 0 1.5rem}
button{display:block;width:100%;margin:.75rem 0;padding:.9rem;font:inherit;font-weight:700;
 border:2px solid #12436d;border-radius:.3rem;background:#12436d;color:#fff;cursor:pointer}
button.slow{background:#fff;color:#12436d}
button:focus,a:focus{outline:4px solid #ffd400;outline-offset:2px}
"""

_WHOLE = frozenset({"jpy", "krw", "clp", "vnd"})

HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def render(session: Mapping[str, Any]) -> str:
    """The page of a Checkout session as it stands."""
    language = "es" if str(session["locale"]).startswith("es") else "en"
    texts = _TEXTS[language]
    if session["status"] != "open":
        return _document(language, texts["banner"], f"<p>{texts['over']}</p>")
    leave = f'<p><a href="{escape(session["cancel_url"])}">{texts["leave"]}</a></p>'
    content = _setup(texts) if session["mode"] == "setup" else _payment(texts, session)
    return _document(language, texts["banner"], content + leave)


def _payment(texts: Mapping[str, str], session: Mapping[str, Any]) -> str:
    amount = in_words(session["amount_total"], session["currency"])
    title = escape(texts["pay_title"].format(payee=session["payee"]))
    return (
        f'<h1>{title}</h1><p class="amount">{amount}</p><form method="post">'
        f'<button name="outcome" value="pay">{texts["pay"].format(amount=amount)}</button>'
        f'<button name="outcome" value="slow" class="slow">{texts["slow"]}</button></form>'
    )


def _setup(texts: Mapping[str, str]) -> str:
    return (
        f"<h1>{texts['setup_title']}</h1><p>{texts['setup_note']}</p>"
        f'<form method="post"><button name="outcome" value="pay">{texts["allow"]}</button></form>'
    )


def _document(language: str, banner: str, content: str) -> str:
    explanation = _TEXTS[language]["explanation"]
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{banner}</title>'
        f"<style>{_STYLE}</style></head><body>"
        f'<div class="banner" role="note"><strong>{banner}</strong>{explanation}</div>'
        f"<main>{content}</main></body></html>"
    )


def in_words(amount: int, currency: str) -> str:
    """An amount in the currency's smallest units, as one reads it."""
    if currency in _WHOLE:
        return f"{amount:,} {currency.upper()}"
    return f"{amount // 100:,}.{amount % 100:02} {currency.upper()}"
