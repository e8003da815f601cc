"""What may be tried by somebody who has no key here yet: fifty bad tries from a network, then a wait.

Bad is a code or a device that is not there. A good try costs nothing, so that an office enrols as
many phones from one address as it likes. Where a challenge is asked for nothing is counted: nobody
guesses 256 bits, and a phone whose answers get lost would lock its network with an old one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from backend.core.db import Session
from backend.core.errors import Code, Problem
from backend.identity import service as identity

_T = TypeVar("_T")


def let_try(session: Session, address: str | None, now: datetime, act: Callable[[], _T]) -> _T:
    """Return what `act` comes to. None counts as bad: commit in either case.

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
    if outcome is not None:
        identity.forgive_stranger(session, address, now)
    return outcome
