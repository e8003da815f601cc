"""How far a payment at the provider has come. Pure.

News overtake each other and come again: a state is only ever left for a later one, so that any
news in any order and number end the same.
"""

from __future__ import annotations

from enum import Enum

from backend.payments.provider import PageStatus, PaymentStatus


class HostedState(Enum):
    """From being asked for to the money being here, in this order."""

    ANNOUNCED = "announced"  # will be taken by a mandate on its day
    ASKED = "asked"  # the provider was asked; what it did is not known yet
    OPEN = "open"
    PROCESSING = "processing"
    CANCELLED = "cancelled"  # nobody was asked to pay it in the end
    EXPIRED = "expired"
    FAILED = "failed"
    MISMATCHED = "mismatched"  # money came, but not what was asked for: it waits in suspense
    PAID = "paid"


_ORDER = {state: rank for rank, state in enumerate(HostedState)}
UNSETTLED = frozenset({HostedState.ASKED, HostedState.OPEN, HostedState.PROCESSING})
"""In these the provider may know more by now."""


def later(known: HostedState, news: HostedState) -> HostedState:
    """Return whichever of the two comes later."""
    return max(known, news, key=_ORDER.__getitem__)


def seen(page: PageStatus | None, payment: PaymentStatus | None) -> HostedState:
    """Return the state that page and payment show together; of money, only that it came.

    A payment that is open has failed once its page is closed: nobody is there to try again.
    """
    match payment:
        case PaymentStatus.PAID:
            return HostedState.PAID
        case PaymentStatus.PROCESSING:
            return HostedState.PROCESSING
        case PaymentStatus.FAILED:
            return HostedState.EXPIRED if page is PageStatus.EXPIRED else HostedState.FAILED
        case PaymentStatus.OPEN if page is PageStatus.COMPLETE:
            return HostedState.FAILED
        case _ if page is PageStatus.EXPIRED:
            return HostedState.EXPIRED
        case _:
            return HostedState.OPEN
