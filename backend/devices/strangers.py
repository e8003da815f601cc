"""What may be tried by somebody who has no key here yet: fifty bad tries from a network, then a wait.

Bad is a code or a device that is not there, and a proof that does not hold. A good try costs
nothing, so that an office enrols as many phones from one address as it likes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from backend.core.db import Session
from backend.core.errors import Code, Problem
from backend.identity import service as identity
from backend.proof.refusal import Refused

_T = TypeVar("_T")


def let_try(session: Session, address: str | None, now: datetime, act: Callable[[], _T]) -> _T:
    """Return what `act` comes to. None and Refused count as bad: commit in either case.

    Raises LOCKED, with `Retry-After`, after too many bad tries from the network of `address`.
    """
    until = identity.count_stranger(session, address, now)
    if until is not None:
        raise Problem(
            Code.LOCKED,
            "Too many tries from this network have failed. Wait, then try again.",
            headers={"Retry-After": str(math.ceil((until - now).total_seconds()))},
        )
    outcome = act()
    if outcome is not None and not isinstance(outcome, Refused):
        identity.forgive_stranger(session, address, now, now)
    return outcome
