"""The two pages on which people land when they come back from the provider's.

They say nothing of the person, take no parameter, and load nothing. That one came back does not
show that one has paid: the receipt does.
"""

from __future__ import annotations

from typing import Final

_STYLE: Final = (
    "body{font:1.2rem/1.6 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;"
    "color:#1b1b1b;background:#fff}"
)
HEADERS: Final = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def _document(english: str, spanish: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">'
        f"<title>connectrex</title><style>{_STYLE}</style></head><body><main>"
        f'<p>{english}</p><p lang="es">{spanish}</p></main></body></html>'
    )


DONE: Final = _document(
    "You are done here. As soon as the payment has arrived you get a receipt in the app. You can "
    "close this page.",
    "Ya terminó aquí. En cuanto llegue el pago recibirá un recibo en la aplicación. Puede cerrar "
    "esta página.",
)
LEFT: Final = _document(
    "Nothing was paid. You can go back to the app and try again at any time.",
    "No se pagó nada. Puede volver a la aplicación e intentarlo de nuevo cuando quiera.",
)
