"""How often somebody may try to sign in, with one e-mail address and from one network; or to enrol.

A try counts before its password or code is compared, so that parallel guesses cannot outrun the
count, and whether or not the e-mail address is known, so that a lock tells nothing. What strangers
try at enrolment is counted apart from sign-in: neither locks the other.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select

from backend.core.clock import from_unix_s
from backend.core.db import Session, insert_once
from backend.identity.models import SignInTriesRow

WINDOW: Final = timedelta(minutes=15)
LOCK: Final = timedelta(minutes=15)
TRIES_PER_LOGIN: Final = 5
TRIES_PER_NETWORK: Final = 50
"""An office shares one address; a hundred officers forget fewer passwords than this in 15 min."""

_HOST_BITS: Final = 64


def locked_until(tries_s: Sequence[float], limit: int, now: datetime) -> datetime | None:
    """Return until when there may be no further try; None if there may be one now.

    `tries_s` are the Unix seconds of earlier bad tries, oldest first. `limit` of them within
    WINDOW lock for LOCK from the last one on.
    """
    if len(tries_s) < limit:
        return None
    first, last = from_unix_s(tries_s[-limit]), from_unix_s(tries_s[-1])
    if last - first >= WINDOW or now >= last + LOCK:
        return None
    return last + LOCK


def login_key(email: str) -> str:
    """Return what tries with `email` are counted under; unknown addresses are not kept."""
    return "login:" + hashlib.sha256(email.encode()).hexdigest()


def network_key(address: str | None) -> str:
    """Return what tries from `address` are counted under: an IPv6 customer has a whole /64."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return "network:unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ipaddress.IPv6Address(int(ip) >> _HOST_BITS << _HOST_BITS)
    return f"network:{ip}"


def count_try(session: Session, email: str, address: str | None, now: datetime) -> datetime | None:
    """Count one more try, bad until `forgive` says otherwise; or return until when all is locked.

    Rows are taken in one order, login before network, so that two tries cannot block each other.
    """
    login = _row(session, login_key(email), now)
    network = _row(session, network_key(address), now)
    locks = (
        locked_until(login.tries_s, TRIES_PER_LOGIN, now),
        locked_until(network.tries_s, TRIES_PER_NETWORK, now),
    )
    until = max((lock for lock in locks if lock is not None), default=None)
    if until is None:
        _append(login, TRIES_PER_LOGIN, now)
        _append(network, TRIES_PER_NETWORK, now)
    return until


def forgive(
    session: Session, email: str, address: str | None, tried_at: datetime, now: datetime
) -> None:
    """Forget the bad tries of `email` and the one of `tried_at` from its network: it was good.

    Also forgets every count that no longer matters.
    """
    _row(session, login_key(email), now).tries_s = []
    _forgive_one(_row(session, network_key(address), now), tried_at)
    _forget_outdated(session, now)


def count_stranger(session: Session, address: str | None, now: datetime) -> datetime | None:
    """Count one more try of a network to enrol, bad until `forgive_stranger`; or as `count_try`."""
    network = _row(session, _stranger_key(address), now)
    until = locked_until(network.tries_s, TRIES_PER_NETWORK, now)
    if until is None:
        _append(network, TRIES_PER_NETWORK, now)
    return until


def forgive_stranger(session: Session, address: str | None, now: datetime) -> None:
    """Forget the try of `now`: it was good. Also every count that no longer matters."""
    _forgive_one(_row(session, _stranger_key(address), now), now)
    _forget_outdated(session, now)


def _stranger_key(address: str | None) -> str:
    return f"enrolment:{network_key(address)}"


def _forgive_one(network: SignInTriesRow, tried_at: datetime) -> None:
    remaining = list(network.tries_s)
    if tried_at.timestamp() in remaining:
        remaining.remove(tried_at.timestamp())
    network.tries_s = remaining


def _forget_outdated(session: Session, now: datetime) -> None:
    session.flush()
    outdated = (
        select(SignInTriesRow.key)
        .where(SignInTriesRow.last_at < now - WINDOW - LOCK)
        .with_for_update(skip_locked=True)
    )
    session.execute(
        delete(SignInTriesRow)
        .where(SignInTriesRow.key.in_(outdated))
        .execution_options(synchronize_session=False)
    )


def _append(row: SignInTriesRow, limit: int, now: datetime) -> None:
    row.tries_s = [*row.tries_s, now.timestamp()][-limit:]
    row.last_at = now


def _row(session: Session, key: str, now: datetime) -> SignInTriesRow:
    """Return the locked row of `key`, made if there was none."""
    new = insert_once(session, SignInTriesRow).values(key=key, tries_s=[], last_at=now)
    session.execute(new.on_conflict_do_nothing())
    return session.scalars(
        select(SignInTriesRow)
        .where(SignInTriesRow.key == key)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
