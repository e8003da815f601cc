"""An officer proves who they are by password.

Three steps, so that no transaction is open while the password is hashed: `begin_sign_in` counts
the try, `SignInTry.is_proved_by` compares, `finish_sign_in` opens a session or tells that the
try failed. All three do the same work whether or not the e-mail address is an officer's, so that
neither the answer, nor the time it takes, nor a lock tells who works here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select

from backend.audit import service as audit
from backend.core.actor import Actor, ActorKind
from backend.core.db import Session
from backend.core.errors import Code, Problem
from backend.identity import passwords, throttle
from backend.identity.models import OfficerRow, TokenKind
from backend.identity.officers import acting_officer
from backend.identity.tokens import IssuedToken, end_all, open_session

INACTIVE_AFTER: Final = timedelta(days=90)
_NOBODY: Final = UUID(int=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInTry:
    """A counted try, with what the password is compared to."""

    email: str = field(repr=False)
    address: str | None
    officer_id: UUID | None
    password_hash: str = field(repr=False)
    at: datetime

    def is_proved_by(self, password: str) -> bool:
        """Whether `password` is the officer's; never for an unknown address. Slow on purpose."""
        return passwords.matches(self.password_hash, password)


def begin_sign_in(session: Session, *, email: str, address: str | None, now: datetime) -> SignInTry:
    """Count a try and return it. Raises LOCKED, with `Retry-After`, after too many bad ones.

    Commit before comparing: parallel tries must see each other's count.
    """
    email = email.strip().lower()
    until = throttle.count_try(session, email, address, now)
    if until is not None:
        raise Problem(
            Code.LOCKED,
            "Too many tries have failed. Wait, then try again.",
            headers={"Retry-After": str(math.ceil((until - now).total_seconds()))},
        )
    officer = session.execute(
        select(OfficerRow.id, OfficerRow.password_hash).where(OfficerRow.email == email)
    ).one_or_none()
    return SignInTry(
        email=email,
        address=address,
        officer_id=officer.id if officer else None,
        password_hash=officer.password_hash if officer else passwords.DECOY,
        at=now,
    )


def finish_sign_in(
    session: Session, attempt: SignInTry, *, proved: bool, now: datetime
) -> IssuedToken | Problem:
    """Return a new session, or the one problem SIGN_IN_FAILED for every reason. Audited both ways.

    The problem is returned, not raised, so that its record is kept. Writes `officers.active_at`.
    """
    officer, reason = _judge(session, attempt, now, proved=proved)
    _record(session, officer, attempt, audit.Act.OFFICER_SIGNED_IN, reason, now)
    if officer is None or reason is not None:
        return Problem(Code.SIGN_IN_FAILED, "The e-mail address or the password is wrong.")
    throttle.forgive(session, attempt.email, attempt.address, attempt.at, now)
    officer.active_at = now
    return open_session(session, officer.id, now=now)


def begin_own_password_change(session: Session, actor: Actor, *, now: datetime) -> SignInTry:
    """Count a try of the acting officer to prove the present password.

    Raises NOT_FOUND if no officer acts, LOCKED.
    """
    email = acting_officer(session, actor).email
    return begin_sign_in(session, email=email, address=actor.address, now=now)


def finish_own_password_change(
    session: Session, attempt: SignInTry, *, proved: bool, password_hash: str, now: datetime
) -> Problem | None:
    """Give the officer a new password, or return the problem SIGN_IN_FAILED. Audited both ways.

    Every session of the officer ends, API tokens stay. `password_hash` is the new password's,
    made before the transaction began.
    """
    officer, reason = _judge(session, attempt, now, proved=proved)
    _record(session, officer, attempt, audit.Act.PASSWORD_CHANGED, reason, now)
    if officer is None or reason is not None:
        return Problem(Code.SIGN_IN_FAILED, "The present password is wrong.")
    throttle.forgive(session, attempt.email, attempt.address, attempt.at, now)
    officer.password_hash = password_hash
    end_all(session, officer.id, now=now, kinds=[TokenKind.SESSION])
    return None


def _judge(
    session: Session, attempt: SignInTry, now: datetime, *, proved: bool
) -> tuple[OfficerRow | None, str | None]:
    """Return the locked row of the officer whose address was tried, and why the try fails."""
    officer = session.get(OfficerRow, attempt.officer_id or _NOBODY, with_for_update=True)
    return officer, _refusal(officer, attempt, now, proved=proved)


def _refusal(
    officer: OfficerRow | None, attempt: SignInTry, now: datetime, *, proved: bool
) -> str | None:
    """Return why the try fails, for the record only; None if it does not."""
    # 1. Somebody is known by the address.
    if officer is None:
        return "unknown"
    # 2. The password is theirs, and was not replaced while it was compared.
    if not proved or officer.password_hash != attempt.password_hash:
        return "password"
    # 3. They still work here.
    if officer.disabled_at is not None:
        return "disabled"
    # 4. They have been here lately.
    if now - officer.active_at >= INACTIVE_AFTER:
        return "inactive"
    return None


def _record(
    session: Session,
    officer: OfficerRow | None,
    attempt: SignInTry,
    act: audit.Act,
    reason: str | None,
    now: datetime,
) -> None:
    """Audit the try: as an act of the officer only if they proved to be it."""
    proved = officer is not None and reason is None
    audit.record(
        session,
        Actor(
            kind=ActorKind.OFFICER,
            id=officer.id if officer is not None and proved else None,
            agency_id=officer.agency_id if officer is not None else None,
            address=attempt.address,
        ),
        act,
        subject=("officer", officer.id) if officer is not None else None,
        now=now,
        outcome=audit.Outcome.SUCCEEDED if proved else audit.Outcome.FAILED,
        details={"reason": reason} if reason else None,
    )
